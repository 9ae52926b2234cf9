//===- Contraction.cpp - StableHLO's contractions -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Dialect/StableHLO/Contraction.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::approx_act;

static std::optional<std::array<int64_t, 2>> getProductDims(Operation *op) {
  auto numbers = op->getAttrOfType<OpaqueAttr>("dot_dimension_numbers");
  if (!numbers)
    return std::nullopt;
  SmallVector<int64_t> lhs =
      parseDimensions(numbers.getAttrData(), "lhs_contracting_dimensions");
  SmallVector<int64_t> rhs =
      parseDimensions(numbers.getAttrData(), "rhs_contracting_dimensions");
  if (lhs.empty() || lhs.size() != rhs.size())
    return std::nullopt;
  auto *first = llvm::min_element(lhs);
  return std::array{*first, rhs[first - lhs.begin()]};
}

/// The place of `name` in a list such as `b, 0, 1, f`.
static std::optional<int64_t> findInList(StringRef list, StringRef name) {
  SmallVector<StringRef> names;
  list.split(names, ',');
  for (auto [index, part] : llvm::enumerate(names))
    if (part.trim() == name)
      return index;
  return std::nullopt;
}

static std::optional<std::array<int64_t, 2>> getFeatureDims(Operation *op) {
  auto numbers = op->getAttrOfType<OpaqueAttr>("dimension_numbers");
  auto groups = op->getAttrOfType<IntegerAttr>("feature_group_count");
  if (!numbers || !groups || groups.getInt() != 1)
    return std::nullopt;
  // conv<[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]>
  auto [input, rest] = numbers.getAttrData().split("]x[");
  std::optional<int64_t> lhs = findInList(input.split('[').second, "f");
  std::optional<int64_t> rhs = findInList(rest.split(']').first, "i");
  if (!lhs || !rhs)
    return std::nullopt;
  return std::array{*lhs, *rhs};
}

std::optional<Contraction> Contraction::match(Operation *op) {
  if (op->getNumOperands() != 2 || op->getNumResults() != 1)
    return std::nullopt;
  std::optional<std::array<int64_t, 2>> dims;
  if (isStableHLOOp(op, "dot_general"))
    dims = getProductDims(op);
  else if (isStableHLOOp(op, "convolution"))
    dims = getFeatureDims(op);
  if (!dims)
    return std::nullopt;
  // The shim takes any op, so what a verifier would check is checked here.
  std::array<int64_t, 2> sizes;
  for (auto [operand, dim, size] :
       llvm::zip_equal(op->getOperands(), *dims, sizes)) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type || !type.hasStaticShape() || dim < 0 || dim >= type.getRank())
      return std::nullopt;
    size = type.getDimSize(dim);
  }
  if (sizes[0] != sizes[1])
    return std::nullopt;
  return Contraction{*dims};
}

std::optional<int64_t> Contraction::getResultDim(Operation *op, unsigned index,
                                                 int64_t dim) const {
  if (isStableHLOOp(op, "convolution")) {
    // Examples of the input stay examples; a filter has none.
    auto groups = op->getAttrOfType<IntegerAttr>("batch_group_count");
    auto numbers = op->getAttrOfType<OpaqueAttr>("dimension_numbers");
    if (index != 0 || (groups && groups.getInt() != 1))
      return std::nullopt;
    auto [input, rest] = numbers.getAttrData().split("]x[");
    if (findInList(input.split('[').second, "b") != dim)
      return std::nullopt;
    return findInList(rest.split("->[").second.split(']').first, "b");
  }
  auto numbers = op->getAttrOfType<OpaqueAttr>("dot_dimension_numbers");
  StringRef names[2][2] = {
      {"lhs_batching_dimensions", "lhs_contracting_dimensions"},
      {"rhs_batching_dimensions", "rhs_contracting_dimensions"}};
  auto getTaken = [&](unsigned side) {
    SmallVector<int64_t> taken;
    for (StringRef name : names[side])
      llvm::append_range(taken, parseDimensions(numbers.getAttrData(), name));
    return taken;
  };
  SmallVector<int64_t> taken = getTaken(index);
  if (llvm::is_contained(taken, dim))
    return std::nullopt;
  // Batch dimensions come first, then what is left of either operand.
  int64_t result =
      parseDimensions(numbers.getAttrData(), names[0][0]).size() + dim -
      llvm::count_if(taken, [&](int64_t other) { return other < dim; });
  if (index == 1)
    result += cast<RankedTensorType>(op->getOperand(0).getType()).getRank() -
              static_cast<int64_t>(getTaken(0).size());
  return result;
}

std::optional<std::array<int64_t, 3>>
Contraction::getBatchDims(Operation *op, unsigned index, int64_t dim) {
  auto numbers = op->getAttrOfType<OpaqueAttr>("dot_dimension_numbers");
  if (!numbers)
    return std::nullopt;
  SmallVector<int64_t> dims[2] = {
      parseDimensions(numbers.getAttrData(), "lhs_batching_dimensions"),
      parseDimensions(numbers.getAttrData(), "rhs_batching_dimensions")};
  auto *found = llvm::find(dims[index], dim);
  if (found == dims[index].end() || dims[0].size() != dims[1].size())
    return std::nullopt;
  int64_t place = found - dims[index].begin();
  return std::array{dims[0][place], dims[1][place], place};
}
