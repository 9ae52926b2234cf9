//===- Cut.cpp - Ops done by ranges of a dimension ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Dialect/StableHLO/Cut.h"
#include "approx-act/Dialect/StableHLO/Contraction.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "approx-act/Interfaces/ResidualOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::approx_act;

static RankedTensorType getType(Value value) {
  return dyn_cast<RankedTensorType>(value.getType());
}

/// Entry `dim` of a list, `value` where the list is absent.
static int64_t getEntry(Operation *op, StringRef name, int64_t dim,
                        int64_t value) {
  auto list = op->getAttrOfType<DenseI64ArrayAttr>(name);
  return list && dim < list.size() ? list[dim] : value;
}

static bool isSummable(Value value) {
  auto type = getType(value);
  return type && isa<FloatType>(type.getElementType()) &&
         type.getElementTypeBitWidth() >= 32;
}

std::optional<int64_t> approx_act::getReshapedDim(ArrayRef<int64_t> from,
                                                  ArrayRef<int64_t> to,
                                                  int64_t dim,
                                                  int64_t numRanges) {
  int64_t outer = llvm::product_of(from.take_front(dim));
  int64_t product = 1;
  for (auto [result, size] : llvm::enumerate(to)) {
    if (product == outer && size % numRanges == 0 &&
        (outer == 1 || size == from[dim]))
      return result;
    product *= size;
  }
  return std::nullopt;
}

static bool isElementwise(Operation *op) {
  if (op->getNumRegions() != 0 || op->getNumResults() != 1 ||
      op->getNumOperands() == 0)
    return false;
  if (!OpTrait::hasElementwiseMappableTraits(op)) {
    auto residualOp = dyn_cast<ResidualOpInterface>(op);
    if (!residualOp || residualOp.getRecompute() != Recompute::Cheap)
      return false;
    switch (residualOp.getScalarFunction()) {
    case ScalarFunction::Broadcast:
    case ScalarFunction::Reshape:
    case ScalarFunction::Transpose:
    case ScalarFunction::ReduceAdd:
      return false;
    default:
      break;
    }
    for (StringRef name : {"dynamic_slice", "slice", "reverse", "pad",
                           "concatenate", "get_dimension_size"})
      if (isStableHLOOp(op, name))
        return false;
  }
  auto type = getType(op->getResult(0));
  return type && llvm::all_of(op->getOperands(), [&](Value operand) {
           auto operandType = getType(operand);
           return operandType && (operandType.getRank() == 0 ||
                                  operandType.getShape() == type.getShape());
         });
}

static std::optional<Cut> getReductionCut(Operation *op,
                                          ArrayRef<int64_t> given) {
  if (op->getNumOperands() != 2 || given[1] != Cut::kWhole)
    return std::nullopt;
  auto list = op->getAttrOfType<DenseI64ArrayAttr>("dimensions");
  if (!list)
    return std::nullopt;
  ArrayRef<int64_t> dims = list.asArrayRef();
  if (!llvm::is_contained(dims, given[0])) {
    int64_t before =
        llvm::count_if(dims, [&](int64_t d) { return d < given[0]; });
    return Cut{{given[0], Cut::kWhole}, given[0] - before};
  }
  auto residualOp = dyn_cast<ResidualOpInterface>(op);
  auto init =
      dyn_cast_or_null<ResidualOpInterface>(op->getOperand(1).getDefiningOp());
  if (!residualOp ||
      residualOp.getScalarFunction() != ScalarFunction::ReduceAdd || !init ||
      init.getSplatValue() != 0.0 || !isSummable(op->getResult(0)))
    return std::nullopt;
  return Cut{{given[0], Cut::kWhole}, Cut::kSum};
}

static std::optional<Cut> getWindowCut(Operation *op, ArrayRef<int64_t> given) {
  int64_t dim = given[0];
  if (op->getNumOperands() != 2 || given[1] != Cut::kWhole ||
      getEntry(op, "window_dimensions", dim, 1) != 1 ||
      getEntry(op, "window_strides", dim, 1) != 1 ||
      getEntry(op, "base_dilations", dim, 1) != 1)
    return std::nullopt;
  if (auto padding = op->getAttrOfType<DenseIntElementsAttr>("padding")) {
    auto values = llvm::to_vector(padding.getValues<APInt>());
    if (!values[2 * dim].isZero() || !values[2 * dim + 1].isZero())
      return std::nullopt;
  }
  return Cut{{dim, Cut::kWhole}, dim};
}

static std::optional<Cut> getContractionCut(Operation *op,
                                            ArrayRef<int64_t> given) {
  std::optional<Contraction> contraction = Contraction::match(op);
  if (!contraction)
    return std::nullopt;
  for (unsigned index : {0U, 1U})
    if (given[index] != Cut::kWhole) {
      if (given[index] == contraction->dims[index] &&
          isSummable(op->getResult(0)))
        return Cut{{contraction->dims[0], contraction->dims[1]}, Cut::kSum};
      if (std::optional<int64_t> result =
              contraction->getResultDim(op, index, given[index]))
        return Cut{index == 0 ? SmallVector<int64_t>{given[0], Cut::kWhole}
                              : SmallVector<int64_t>{Cut::kWhole, given[1]},
                   *result};
      if (std::optional<std::array<int64_t, 3>> batch =
              Contraction::getBatchDims(op, index, given[index]))
        return Cut{{(*batch)[0], (*batch)[1]}, (*batch)[2]};
      return std::nullopt;
    }
  return std::nullopt;
}

std::optional<Cut> Cut::get(Operation *op, ArrayRef<int64_t> given,
                            int64_t numRanges) {
  if (op->getNumResults() != 1 || given.empty())
    return std::nullopt;
  auto type = getType(op->getResult(0));
  if (!type || !type.hasStaticShape())
    return std::nullopt;
  for (Value operand : op->getOperands())
    if (auto operandType = getType(operand);
        !operandType || !operandType.hasStaticShape())
      return std::nullopt;

  std::optional<Cut> cut;
  if (isElementwise(op)) {
    const int64_t *dim =
        llvm::find_if(given, [](int64_t d) { return d != kWhole; });
    Cut all;
    for (Value operand : op->getOperands())
      all.operands.push_back(getType(operand).getRank() == 0 ? kWhole : *dim);
    all.result = *dim;
    cut = all;
  } else if (isStableHLOOp(op, "dot_general") ||
             isStableHLOOp(op, "convolution")) {
    cut = getContractionCut(op, given);
  } else if (isStableHLOOp(op, "concatenate")) {
    const int64_t *dim =
        llvm::find_if(given, [](int64_t d) { return d != kWhole; });
    auto along = op->getAttrOfType<IntegerAttr>("dimension");
    if (along && along.getInt() != *dim)
      cut = Cut{SmallVector<int64_t>(given.size(), *dim), *dim};
  } else if (given[0] != kWhole) {
    int64_t dim = given[0];
    ArrayRef<int64_t> shape = getType(op->getOperand(0)).getShape();
    auto residualOp = dyn_cast<ResidualOpInterface>(op);
    Cut kept{SmallVector<int64_t>(given.size(), kWhole), dim};
    kept.operands[0] = dim;
    if (isStableHLOOp(op, "broadcast_in_dim")) {
      kept.result = residualOp.getDimensions()[dim];
      if (type.getDimSize(kept.result) == shape[dim])
        cut = kept;
    } else if (isStableHLOOp(op, "reshape")) {
      if (auto result =
              getReshapedDim(shape, type.getShape(), dim, numRanges)) {
        kept.result = *result;
        cut = kept;
      }
    } else if (isStableHLOOp(op, "transpose")) {
      SmallVector<int64_t> permutation = residualOp.getDimensions();
      // The transpose of a term is a term of the transpose.
      if (dim != kSum)
        kept.result = llvm::find(permutation, dim) - permutation.begin();
      cut = kept;
    } else if (isStableHLOOp(op, "slice")) {
      if (getEntry(op, "start_indices", dim, 1) == 0 &&
          getEntry(op, "strides", dim, 1) == 1 &&
          getEntry(op, "limit_indices", dim, 0) == shape[dim])
        cut = kept;
    } else if (isStableHLOOp(op, "pad")) {
      if (getEntry(op, "edge_padding_low", dim, 1) == 0 &&
          getEntry(op, "edge_padding_high", dim, 1) == 0 &&
          getEntry(op, "interior_padding", dim, 1) == 0)
        cut = kept;
    } else if (isStableHLOOp(op, "reverse")) {
      auto dims = op->getAttrOfType<DenseI64ArrayAttr>("dimensions");
      if (dims && !llvm::is_contained(dims.asArrayRef(), dim))
        cut = kept;
    } else if (isStableHLOOp(op, "reduce")) {
      cut = getReductionCut(op, given);
    } else if (isStableHLOOp(op, "reduce_window")) {
      cut = getWindowCut(op, given);
    }
  }
  if (!cut)
    return std::nullopt;
  // What is cut already is cut where the op asks for it, and everything that is
  // has equal ranges.
  for (auto [operand, has, needs] :
       llvm::zip_equal(op->getOperands(), given, cut->operands)) {
    if (has != kWhole && has != needs)
      return std::nullopt;
    if (needs >= 0 && (needs >= getType(operand).getRank() ||
                       getType(operand).getDimSize(needs) % numRanges))
      return std::nullopt;
  }
  if (cut->result != kSum && (cut->result >= type.getRank() ||
                              type.getDimSize(cut->result) % numRanges))
    return std::nullopt;
  return cut;
}

void approx_act::cutAttributes(Operation *op, int64_t dim, int64_t numRanges) {
  if (!isStableHLOOp(op, "slice"))
    return;
  auto limits = op->getAttrOfType<DenseI64ArrayAttr>("limit_indices");
  SmallVector<int64_t> cut(limits.asArrayRef());
  cut[dim] /= numRanges;
  op->setAttr("limit_indices", DenseI64ArrayAttr::get(op->getContext(), cut));
}
