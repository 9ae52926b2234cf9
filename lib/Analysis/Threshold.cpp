//===- Threshold.cpp - Masks as thresholds of affine functions ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Analysis/Threshold.h"
#include "approx-act/Interfaces/ResidualOpInterface.h"

using namespace mlir;
using namespace mlir::approx_act;

static ResidualOpInterface getOp(Value value) {
  return dyn_cast_or_null<ResidualOpInterface>(value.getDefiningOp());
}

static bool isFloatTensor(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && isa<FloatType>(type.getElementType());
}

static Comparison swapSides(Comparison comparison) {
  switch (comparison) {
  case Comparison::GE:
    return Comparison::LE;
  case Comparison::GT:
    return Comparison::LT;
  case Comparison::LE:
    return Comparison::GE;
  case Comparison::LT:
    return Comparison::GT;
  case Comparison::EQ:
  case Comparison::NE:
    return comparison;
  }
  llvm_unreachable("all comparisons are named");
}

/// If `value` is `max(z, c)` with a splat `c`, gives `z` and `c`.
static std::optional<std::pair<Value, double>> matchClampBelow(Value value) {
  ResidualOpInterface op = getOp(value);
  if (!op || op.getScalarFunction() != ScalarFunction::Maximum)
    return std::nullopt;
  for (unsigned index : {0U, 1U})
    if (std::optional<double> bound = getSplatValue(op->getOperand(1 - index)))
      return std::pair(op->getOperand(index), *bound);
  return std::nullopt;
}

std::optional<Threshold> approx_act::getThreshold(Operation *op) {
  auto residualOp = dyn_cast<ResidualOpInterface>(op);
  std::optional<Comparison> comparison =
      residualOp ? residualOp.getComparison() : std::nullopt;
  if (!comparison || op->getNumOperands() != 2 ||
      !isFloatTensor(op->getOperand(0)))
    return std::nullopt;
  Value value = op->getOperand(0);
  Value other = op->getOperand(1);
  if (getSplatValue(value)) {
    std::swap(value, other);
    comparison = swapSides(*comparison);
  }

  std::optional<double> cut = getSplatValue(other);
  if (!cut) {
    // z == max(z, c), which is z >= c: how the gradient of a maximum asks.
    bool isEquality =
        *comparison == Comparison::EQ || *comparison == Comparison::NE;
    for (auto [z, clamped] : {std::pair(value, other), std::pair(other, value)})
      if (auto clamp = matchClampBelow(clamped);
          isEquality && clamp && clamp->first == z)
        return Threshold{z, clamp->second, *comparison == Comparison::EQ};
    return std::nullopt;
  }

  // Comparisons of max(z, c) with c or more are comparisons of z.
  if (auto clamp = matchClampBelow(value); clamp && clamp->second <= *cut) {
    bool atBound = clamp->second == *cut;
    switch (*comparison) {
    case Comparison::EQ:
    case Comparison::NE:
      if (atBound)
        return Threshold{clamp->first, *cut, *comparison == Comparison::NE};
      break;
    case Comparison::GT:
    case Comparison::LE:
      value = clamp->first;
      break;
    case Comparison::GE:
    case Comparison::LT:
      if (!atBound)
        value = clamp->first;
      break;
    }
  }
  switch (*comparison) {
  case Comparison::GT:
  case Comparison::GE:
    return Threshold{value, *cut, /*isAbove=*/true};
  case Comparison::LT:
  case Comparison::LE:
    return Threshold{value, *cut, /*isAbove=*/false};
  case Comparison::EQ:
  case Comparison::NE:
    return std::nullopt;
  }
  llvm_unreachable("all comparisons are named");
}

std::optional<AffineChain>
approx_act::traceAffine(Value value, llvm::function_ref<bool(Value)> isRoot) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.hasStaticShape())
    return std::nullopt;
  AffineChain chain;

  /// The operand as a coefficient, if it repeats a smaller tensor whose shape
  /// agrees with the coefficients so far.
  auto matchCoefficient = [&](Value operand) -> std::optional<Broadcast> {
    Broadcast source = traceBroadcast(operand);
    if (getSplatValue(operand))
      return source;
    auto sourceType = cast<RankedTensorType>(source.value.getType());
    if (!source.isOrdered() || !sourceType.hasStaticShape() ||
        sourceType.getNumElements() >= type.getNumElements())
      return std::nullopt;
    SmallVector<int64_t> shape = source.getKeptShape(type.getRank());
    if (chain.shape && shape != *chain.shape)
      return std::nullopt;
    chain.shape = shape;
    return source;
  };

  while (!isRoot(value)) {
    ResidualOpInterface op = getOp(value);
    if (!op)
      return std::nullopt;
    AffineStep step{op, 0, std::nullopt};
    switch (op.getScalarFunction()) {
    case ScalarFunction::Negate:
    case ScalarFunction::Convert:
      if (!isFloatTensor(op->getOperand(0)))
        return std::nullopt;
      break;
    case ScalarFunction::Add:
    case ScalarFunction::Subtract:
    case ScalarFunction::Multiply:
    case ScalarFunction::Divide: {
      step.coefficient = matchCoefficient(op->getOperand(1));
      if (!step.coefficient &&
          op.getScalarFunction() != ScalarFunction::Divide) {
        step.carried = 1;
        step.coefficient = matchCoefficient(op->getOperand(0));
      }
      if (!step.coefficient)
        return std::nullopt;
      break;
    }
    default:
      return std::nullopt;
    }
    chain.steps.push_back(step);
    value = op->getOperand(step.carried);
  }
  chain.root = value;
  std::reverse(chain.steps.begin(), chain.steps.end());
  return chain;
}
