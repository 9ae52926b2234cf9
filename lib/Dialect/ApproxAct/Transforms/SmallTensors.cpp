//===- SmallTensors.cpp - Arithmetic on statistics ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SmallTensors.h"
#include "approx-act/Analysis/Normalisation.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"

using namespace mlir;
using namespace mlir::approx_act;

Value approx_act::makeSplat(OpBuilder &builder, Location loc,
                            RankedTensorType type, double value) {
  Attribute element = builder.getFloatAttr(type.getElementType(), value);
  return arith::ConstantOp::create(builder, loc,
                                   DenseElementsAttr::get(type, element));
}

Value approx_act::makeSmall(OpBuilder &builder, Location loc, Value value,
                            RankedTensorType type) {
  if (std::optional<double> splat = getSplatValue(value))
    return makeSplat(builder, loc, type, *splat);

  auto from = cast<RankedTensorType>(value.getType());
  auto converted = from.clone(type.getElementType());
  unsigned width = type.getElementTypeBitWidth();
  if (from.getElementTypeBitWidth() < width)
    value = arith::ExtFOp::create(builder, loc, converted, value);
  else if (from.getElementTypeBitWidth() > width)
    value = arith::TruncFOp::create(builder, loc, converted, value);
  if (converted == type)
    return value;

  // Drop the dimensions of size 1, then put those of the result in.
  SmallVector<int64_t> squeezed;
  llvm::copy_if(from.getShape(), std::back_inserter(squeezed),
                [](int64_t size) { return size != 1; });
  if (from.getShape() != ArrayRef(squeezed)) {
    auto to = type.clone(squeezed);
    auto groups = getReassociationIndicesForReshape(converted, to);
    value = tensor::CollapseShapeOp::create(builder, loc, to, value, *groups);
    converted = to;
  }
  if (converted == type)
    return value;
  auto groups = getReassociationIndicesForReshape(converted, type);
  return tensor::ExpandShapeOp::create(builder, loc, type, value, *groups);
}
