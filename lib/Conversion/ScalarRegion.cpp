//===- ScalarRegion.cpp - Regions of scalars ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarRegion.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::approx_act;

SmallVector<Value> approx_act::emitScalars(OpBuilder &builder, Block &block,
                                           ValueRange scalars) {
  IRMapping mapping;
  for (auto [argument, scalar] : llvm::zip_equal(block.getArguments(), scalars))
    mapping.map(argument, scalar);
  // The scalar that a value of rank 0 holds; values from outside hold theirs.
  auto getScalar = [&](Value value) -> Value {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (mapping.contains(value) || !type || type.getRank() != 0 ||
        block.getParent()->isAncestor(value.getParentRegion()))
      return mapping.lookupOrNull(value);
    return tensor::ExtractOp::create(builder, value.getLoc(), value,
                                     ValueRange());
  };
  for (Operation &op : block) {
    if (isa<tensor::EmptyOp>(op))
      continue;
    if (isStableHLOOp(&op, "return")) {
      SmallVector<Value> results =
          llvm::map_to_vector(op.getOperands(), getScalar);
      if (!llvm::all_of(results, [](Value result) { return result; }))
        return {};
      return results;
    }
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      TypedAttr value = constant.getValue();
      if (auto splat = dyn_cast<SplatElementsAttr>(value))
        value = splat.getSplatValue<TypedAttr>();
      else if (isa<ElementsAttr>(value))
        return {};
      Value scalar = arith::ConstantOp::create(builder, op.getLoc(), value);
      mapping.map(constant.getResult(), scalar);
      continue;
    }
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic || generic.getNumLoops() != 0)
      return {};
    IRMapping inner(mapping);
    for (auto [argument, operand] :
         llvm::zip(generic.getRegionInputArgs(), generic.getInputs())) {
      Value scalar = getScalar(operand);
      if (!scalar)
        return {};
      inner.map(argument, scalar);
    }
    for (Operation &nested : generic.getBody()->without_terminator())
      builder.clone(nested, inner);
    for (auto [result, value] :
         llvm::zip_equal(generic.getResults(),
                         generic.getBody()->getTerminator()->getOperands()))
      mapping.map(result, inner.lookupOrDefault(value));
  }
  return {};
}

Value approx_act::emitScalar(OpBuilder &builder, Block &block,
                             ValueRange scalars) {
  SmallVector<Value> results = emitScalars(builder, block, scalars);
  return results.size() == 1 ? results.front() : Value();
}
