//===- Positions.cpp - Where elements are, as affine expressions ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Positions.h"
#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace mlir::approx_act;

AffineExpr PositionSpace::addIndex(int64_t bound) {
  bounds.push_back(bound);
  return getAffineDimExpr(bounds.size() - 1, context);
}

AffineExpr PositionSpace::getLane() const {
  return getAffineSymbolExpr(0, context);
}

bool PositionSpace::hasLane(AffineExpr expr) const {
  return expr.isFunctionOfSymbol(0);
}

AffineExpr PositionSpace::withoutLane(AffineExpr expr, int64_t lane) const {
  AffineExpr constant = getAffineConstantExpr(lane, context);
  return expr.replace(getLane(), constant);
}

/// The greatest number known to divide an expression; 0 if it is 0. (Upstream's
/// `isMultipleOf` takes a quotient for a multiple of what the dividend is one
/// of.)
static int64_t getKnownDivisor(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return std::abs(constant.getValue());
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return 1;
  int64_t lhs = getKnownDivisor(binary.getLHS());
  int64_t rhs = getKnownDivisor(binary.getRHS());
  switch (expr.getKind()) {
  case AffineExprKind::Add:
  case AffineExprKind::Mod:
    return std::gcd(lhs, rhs);
  case AffineExprKind::Mul:
    return lhs * rhs;
  default:
    return rhs != 0 && lhs % rhs == 0 ? lhs / rhs : 1;
  }
}

static bool isMultipleOf(AffineExpr expr, int64_t factor) {
  return getKnownDivisor(expr) % factor == 0;
}

/// The terms of a sum; a sum that is multiplied by a constant is one of
/// products.
static SmallVector<AffineExpr> getTerms(AffineExpr expr) {
  SmallVector<AffineExpr> terms;
  SmallVector<std::pair<AffineExpr, int64_t>> worklist = {{expr, 1}};
  while (!worklist.empty()) {
    auto [term, factor] = worklist.pop_back_val();
    auto binary = dyn_cast<AffineBinaryOpExpr>(term);
    AffineConstantExpr constant;
    if (binary && binary.getKind() == AffineExprKind::Mul)
      constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
    if (binary && binary.getKind() == AffineExprKind::Add)
      worklist.append({{binary.getRHS(), factor}, {binary.getLHS(), factor}});
    else if (constant && isa<AffineBinaryOpExpr>(binary.getLHS()))
      worklist.emplace_back(binary.getLHS(), factor * constant.getValue());
    else
      terms.push_back(factor == 1 ? term : term * factor);
  }
  return terms;
}

/// An order of expressions that does not depend on where they are stored.
static int compareExprs(AffineExpr lhs, AffineExpr rhs) {
  if (lhs == rhs)
    return 0;
  if (lhs.getKind() != rhs.getKind())
    return lhs.getKind() < rhs.getKind() ? -1 : 1;
  if (auto constant = dyn_cast<AffineConstantExpr>(lhs))
    return constant.getValue() < cast<AffineConstantExpr>(rhs).getValue() ? -1
                                                                          : 1;
  if (auto dim = dyn_cast<AffineDimExpr>(lhs))
    return dim.getPosition() < cast<AffineDimExpr>(rhs).getPosition() ? -1 : 1;
  if (isa<AffineSymbolExpr>(lhs))
    return 0;
  auto left = cast<AffineBinaryOpExpr>(lhs);
  auto right = cast<AffineBinaryOpExpr>(rhs);
  if (int order = compareExprs(left.getLHS(), right.getLHS()))
    return order;
  return compareExprs(left.getRHS(), right.getRHS());
}

/// An expression and the constant that it is multiplied by.
static std::pair<AffineExpr, int64_t> getFactor(AffineExpr expr) {
  auto product = dyn_cast<AffineBinaryOpExpr>(expr);
  if (product && product.getKind() == AffineExprKind::Mul)
    if (auto factor = dyn_cast<AffineConstantExpr>(product.getRHS()))
      return {product.getLHS(), factor.getValue()};
  return {expr, 1};
}

/// `whole` if the two are `(whole / c) * c * n` and `(whole mod c) * n`, times
/// `n`; null if they are not.
static AffineExpr recombine(AffineExpr quotient, AffineExpr remainder) {
  auto [low, factor] = getFactor(remainder);
  auto mod = dyn_cast<AffineBinaryOpExpr>(low);
  if (!mod || mod.getKind() != AffineExprKind::Mod)
    return {};
  auto divisor = dyn_cast<AffineConstantExpr>(mod.getRHS());
  auto [high, highFactor] = getFactor(quotient);
  if (!divisor || highFactor != factor * divisor.getValue() ||
      high != mod.getLHS().floorDiv(divisor))
    return {};
  return mod.getLHS() * factor;
}

/// The same sum, in one form for all ways to come to it: parts of what has been
/// divided are put together again, and terms are in a fixed order.
static AffineExpr sortTerms(AffineExpr expr) {
  SmallVector<AffineExpr> terms = getTerms(expr);
  if (terms.size() < 2)
    return expr;
  for (unsigned i = 0; i < terms.size(); ++i) {
    for (unsigned j = 0; j < terms.size(); ++j) {
      AffineExpr whole = i == j ? AffineExpr() : recombine(terms[i], terms[j]);
      if (!whole)
        continue;
      terms[i] = whole;
      terms.erase(terms.begin() + j);
      AffineExpr sum = terms.front();
      for (AffineExpr term : ArrayRef(terms).drop_front())
        sum = sum + term;
      return sortTerms(sum);
    }
  }
  llvm::sort(terms, [](AffineExpr lhs, AffineExpr rhs) {
    return compareExprs(lhs, rhs) < 0;
  });
  AffineExpr sum = terms.front();
  for (AffineExpr term : ArrayRef(terms).drop_front())
    sum = sum + term;
  return sum;
}

std::optional<AffineExpr> PositionSpace::getVectorBase(AffineExpr expr) const {
  AffineExpr base = getAffineConstantExpr(0, context);
  unsigned numLanes = 0;
  for (AffineExpr term : getTerms(expr)) {
    if (term == getLane())
      ++numLanes;
    else if (hasLane(term) || !isMultipleOf(term, lanes))
      return std::nullopt;
    else
      base = base + term;
  }
  return numLanes == 1 ? std::optional(sortTerms(base)) : std::nullopt;
}

std::optional<PositionSpace::Range>
PositionSpace::getRange(AffineExpr expr) const {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return Range{constant.getValue(), constant.getValue()};
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return Range{0, bounds[dim.getPosition()] - 1};
  if (isa<AffineSymbolExpr>(expr))
    return Range{0, lanes - 1};
  auto binary = cast<AffineBinaryOpExpr>(expr);
  std::optional<Range> lhs = getRange(binary.getLHS());
  if (!lhs)
    return std::nullopt;
  std::optional<int64_t> least, greatest;
  if (expr.getKind() == AffineExprKind::Add) {
    std::optional<Range> rhs = getRange(binary.getRHS());
    if (!rhs)
      return std::nullopt;
    least = llvm::checkedAdd(lhs->least, rhs->least);
    greatest = llvm::checkedAdd(lhs->greatest, rhs->greatest);
  } else {
    auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
    if (!constant)
      return std::nullopt;
    int64_t rhs = constant.getValue();
    if (expr.getKind() == AffineExprKind::Mul) {
      least = llvm::checkedMul(lhs->least, rhs);
      greatest = llvm::checkedMul(lhs->greatest, rhs);
      if (rhs < 0)
        std::swap(least, greatest);
    } else if (rhs > 0 && expr.getKind() == AffineExprKind::FloorDiv) {
      least = llvm::divideFloorSigned(lhs->least, rhs);
      greatest = llvm::divideFloorSigned(lhs->greatest, rhs);
    } else if (rhs > 0 && expr.getKind() == AffineExprKind::Mod) {
      least = 0;
      greatest = lhs->least < 0 ? rhs - 1 : std::min(lhs->greatest, rhs - 1);
    }
  }
  if (!least || !greatest)
    return std::nullopt;
  return Range{*least, *greatest};
}

bool PositionSpace::isWithin(AffineExpr expr, int64_t bound) const {
  std::optional<Range> range = getRange(expr);
  return range && range->least >= 0 && range->greatest < bound;
}

bool PositionSpace::mayBeNegative(AffineExpr expr) const {
  std::optional<Range> range = getRange(expr);
  return !range || range->least < 0;
}

std::pair<AffineExpr, AffineExpr> PositionSpace::divide(AffineExpr expr,
                                                        int64_t divisor) const {
  AffineExpr zero = getAffineConstantExpr(0, context);
  if (divisor <= 1)
    return {expr, zero};
  AffineExpr lane = zero;
  if (hasLane(expr)) {
    std::optional<AffineExpr> base = getVectorBase(expr);
    if (!base || divisor % lanes != 0)
      return {expr.floorDiv(divisor), expr % divisor};
    expr = *base;
    lane = getLane();
  }
  // Terms that are multiples of the divisor leave the remainder alone.
  AffineExpr multiples = zero, rest = zero;
  for (AffineExpr term : getTerms(expr)) {
    if (isMultipleOf(term, divisor))
      multiples = multiples + term;
    else
      rest = rest + term;
  }
  rest = sortTerms(rest);
  AffineExpr quotient = multiples.floorDiv(divisor);
  if (isWithin(rest, divisor))
    return {quotient, rest + lane};
  return {quotient + rest.floorDiv(divisor), rest % divisor + lane};
}

AffineExpr PositionSpace::substitute(AffineExpr expr, ArrayRef<AffineExpr> dims,
                                     ArrayRef<AffineExpr> symbols) const {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return expr.replaceDimsAndSymbols(dims, symbols);
  AffineExpr lhs = substitute(binary.getLHS(), dims, symbols);
  AffineExpr rhs = substitute(binary.getRHS(), dims, symbols);
  // Divisions one by one, as far as the lane allows.
  auto divisor = dyn_cast<AffineConstantExpr>(rhs);
  if (divisor && expr.getKind() == AffineExprKind::FloorDiv)
    return divide(lhs, divisor.getValue()).first;
  if (divisor && expr.getKind() == AffineExprKind::Mod)
    return divide(lhs, divisor.getValue()).second;
  return getAffineBinaryOpExpr(expr.getKind(), lhs, rhs);
}

AffineExpr PositionSpace::getLinear(const Position &position,
                                    ArrayRef<int64_t> shape) const {
  if (position.linear)
    return sortTerms(position.linear);
  AffineExpr linear = getAffineConstantExpr(0, context);
  int64_t stride = 1;
  for (auto [dim, size] :
       llvm::reverse(llvm::zip_equal(position.dims, shape))) {
    linear = linear + dim * stride;
    stride *= size;
  }
  return sortTerms(linear);
}

SmallVector<AffineExpr> PositionSpace::getDims(const Position &position,
                                               ArrayRef<int64_t> shape) const {
  if (position.hasDims)
    return position.dims;
  SmallVector<AffineExpr> dims(shape.size());
  AffineExpr rest = position.linear;
  int64_t outer = 1;
  for (int64_t size : shape)
    outer *= size;
  for (auto [dim, size] : llvm::reverse(llvm::zip_equal(dims, shape))) {
    outer /= std::max<int64_t>(size, 1);
    if (size == 1) {
      dim = getAffineConstantExpr(0, context);
    } else if (outer == 1) {
      dim = rest;
      rest = getAffineConstantExpr(0, context);
    } else {
      std::tie(rest, dim) = divide(rest, size);
    }
  }
  return dims;
}
