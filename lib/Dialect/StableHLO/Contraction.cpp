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
