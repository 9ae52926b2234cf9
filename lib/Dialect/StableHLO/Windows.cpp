//===- Windows.cpp - StableHLO's windows as the passes see them -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Dialect/StableHLO/Windows.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "approx-act/Interfaces/ResidualOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::approx_act;

SmallVector<int64_t> approx_act::getPerDimension(Operation *op, StringRef name,
                                                 int64_t rank, int64_t value) {
  auto list = op->getAttrOfType<DenseI64ArrayAttr>(name);
  return list ? SmallVector<int64_t>(list.asArrayRef())
              : SmallVector<int64_t>(rank, value);
}

bool approx_act::isPrefixSum(Operation *op) {
  if (!isStableHLOOp(op, "reduce_window") || op->getNumOperands() != 2 ||
      op->getNumResults() != 1 || op->getNumRegions() != 1 ||
      !isStableHLOOp(getCombiner(op->getRegion(0)), "add"))
    return false;
  auto type = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
  auto padding = op->getAttrOfType<DenseIntElementsAttr>("padding");
  if (!type || !type.hasStaticShape() || op->getResult(0).getType() != type ||
      !padding)
    return false;
  int64_t rank = type.getRank();
  for (StringRef name :
       {"window_strides", "base_dilations", "window_dilations"})
    if (!llvm::all_of(getPerDimension(op, name, rank, 1),
                      [](int64_t entry) { return entry == 1; }))
      return false;
  SmallVector<int64_t> window =
      getPerDimension(op, "window_dimensions", rank, 1);
  auto edges =
      llvm::map_to_vector(padding.getValues<APInt>(),
                          [](const APInt &p) { return p.getSExtValue(); });
  // The shim takes any op; what is read of this one is checked here.
  if (static_cast<int64_t>(window.size()) != rank ||
      static_cast<int64_t>(edges.size()) != 2 * rank)
    return false;
  unsigned numSummed = 0;
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t before = edges[2 * dim];
    int64_t after = edges[2 * dim + 1];
    if (window[dim] == 1 && before == 0 && after == 0)
      continue;
    if (window[dim] != type.getDimSize(dim) || std::min(before, after) != 0 ||
        std::max(before, after) != window[dim] - 1)
      return false;
    ++numSummed;
  }
  return numSummed == 1;
}

/// Whether a comparison distinguishes -0 from 0, and orders NaNs.
static bool isTotalOrder(Operation *compare) {
  auto type = compare->getAttrOfType<OpaqueAttr>("compare_type");
  return type && type.getAttrData().contains("TOTALORDER");
}

std::optional<MaxScatter> MaxScatter::match(Operation *op) {
  if (!isStableHLOOp(op, "select_and_scatter") || op->getNumOperands() != 3 ||
      op->getNumResults() != 1 || op->getNumRegions() != 2)
    return std::nullopt;
  auto select =
      dyn_cast_or_null<ResidualOpInterface>(getCombiner(op->getRegion(0)));
  auto scatter =
      dyn_cast_or_null<ResidualOpInterface>(getCombiner(op->getRegion(1)));
  auto init =
      dyn_cast_or_null<ResidualOpInterface>(op->getOperand(2).getDefiningOp());
  auto padding = op->getAttrOfType<DenseIntElementsAttr>("padding");
  auto type = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
  auto sourceType = dyn_cast<RankedTensorType>(op->getOperand(1).getType());
  if (!select || select.getComparison() != Comparison::GE ||
      isTotalOrder(select) || !scatter ||
      scatter.getScalarFunction() != ScalarFunction::Add || !init ||
      init.getSplatValue() != 0.0 ||
      (padding && !llvm::all_of(padding.getValues<APInt>(),
                                [](const APInt &p) { return p.isZero(); })) ||
      !type || !type.hasStaticShape() || !sourceType ||
      !sourceType.hasStaticShape() || op->getResult(0).getType() != type)
    return std::nullopt;
  int64_t rank = type.getRank();
  MaxScatter result{op->getOperand(0), op->getOperand(1),
                    getPerDimension(op, "window_dimensions", rank, 1),
                    getPerDimension(op, "window_strides", rank, 1)};
  // The shim takes any op; what is read of this one is checked here.
  if (sourceType.getRank() != rank ||
      static_cast<int64_t>(result.window.size()) != rank ||
      static_cast<int64_t>(result.strides.size()) != rank)
    return std::nullopt;
  for (auto [size, count, width, stride] :
       llvm::zip_equal(type.getShape(), sourceType.getShape(), result.window,
                       result.strides))
    if (width <= 0 || stride <= 0 || size < width ||
        (size - width) / stride + 1 != count)
      return std::nullopt;
  return result;
}

int64_t MaxScatter::getWindowSize() const { return llvm::product_of(window); }

SmallVector<int64_t> MaxScatter::getOffsets(int64_t number) const {
  SmallVector<int64_t> offsets(window.size());
  for (auto [offset, width] :
       llvm::zip_equal(llvm::reverse(offsets), llvm::reverse(window))) {
    offset = number % width;
    number /= width;
  }
  return offsets;
}

bool MaxScatter::isPartition() const {
  return window == strides &&
         llvm::all_of(llvm::zip_equal(getType().getShape(),
                                      getSourceType().getShape(), window),
                      [](auto dim) {
                        auto [size, count, width] = dim;
                        return size == count * width;
                      });
}
