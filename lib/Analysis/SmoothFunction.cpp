//===- SmoothFunction.cpp - Activations as functions of one value ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Analysis/SmoothFunction.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include <cmath>

using namespace mlir;
using namespace mlir::approx_act;

/// More ops are not looked at: an erfc is 60 of them.
static constexpr unsigned kMaxOps = 96;
/// On the way to a safe denominator.
static constexpr unsigned kMaxDenominatorOps = 32;
/// Of the values that a value is a function of, so many of the farthest and so
/// many of the nearest are tried.
static constexpr unsigned kMaxFarTries = 2;
static constexpr unsigned kMaxNearTries = 4;
/// How much faster than its argument a value may change.
static constexpr double kMaxSlope = 4.0;
/// How many times a value may go through its range on the way. The cells of an
/// argument are parts of the argument's range, which may be many periods wide.
static constexpr double kMaxCrossings = 4.0;

/// What every element of `value` is equal to, if constants alone make it.
static std::optional<double> getConstant(Value value, unsigned depth = 0) {
  constexpr unsigned kMaxDepth = 8;
  auto op = dyn_cast_or_null<ResidualOpInterface>(value.getDefiningOp());
  if (!op || depth == kMaxDepth)
    return std::nullopt;
  if (op.getScalarFunction() == ScalarFunction::Broadcast)
    return getConstant(op->getOperand(0), depth + 1);
  if (std::optional<double> splat = op.getSplatValue())
    return splat;
  SmallVector<double> operands;
  for (Value operand : op->getOperands()) {
    std::optional<double> constant = getConstant(operand, depth + 1);
    if (!constant)
      return std::nullopt;
    operands.push_back(*constant);
  }
  if (operands.empty())
    return std::nullopt;
  Evaluator evaluator = op.getEvaluator();
  return evaluator ? std::optional(evaluator(operands)) : std::nullopt;
}

static bool isFloat(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && isa<FloatType>(tensor.getElementType());
}

/// Whether the op computes each element of its result from the same elements of
/// its operands, or from scalars.
static bool isElementwise(ResidualOpInterface op) {
  return op->getNumResults() == 1 && op->getNumRegions() == 0 &&
         op.getEvaluator();
}

/// Whether an op reads a number that is not constant and has to be exact. (A
/// mask is stored in a bit, or carried by codes.)
static bool demandsExactness(Operation *op) {
  return llvm::any_of(llvm::enumerate(op->getOperands()), [&](auto operand) {
    return isFloat(operand.value().getType()) &&
           !getConstant(operand.value()) &&
           cast<ResidualOpInterface>(op).getDemand(operand.index()) ==
               Demand::Exact;
  });
}

/// How far the points at which a function is looked at are apart, near zero.
static constexpr double kStep = 1.0 / 64;
static constexpr double kCoarseStep = 1.0 / 4;

static SmallVector<double> makeSamples(double step) {
  constexpr double kNear = 16.0;
  constexpr unsigned kNumFar = 50;
  constexpr double kGrowth = 1.25;
  SmallVector<double> positive;
  const auto numNear = static_cast<unsigned>(kNear / step);
  for (unsigned i = 1; i <= numNear; ++i)
    positive.push_back(i * step);
  for (unsigned i = 0; i < kNumFar; ++i)
    positive.push_back(positive.back() * kGrowth);
  SmallVector<double> all;
  for (double x : llvm::reverse(positive))
    all.push_back(-x);
  all.push_back(0.0);
  llvm::append_range(all, positive);
  return all;
}

static ArrayRef<double> getSamples() {
  static const SmallVector<double> samples = makeSamples(kStep);
  return samples;
}

/// Some of these.
static ArrayRef<double> getCoarseSamples() {
  static const SmallVector<double> samples = makeSamples(kCoarseStep);
  return samples;
}

namespace {
/// The ops of one function, with all that has to be looked up looked up once.
class Program {
public:
  Program(Value argument, ArrayRef<Operation *> ops) {
    llvm::DenseMap<Value, unsigned> places = {{argument, 0}};
    values.push_back(0.0);
    auto getPlace = [&](Value value) {
      auto [it, inserted] = places.try_emplace(value, values.size());
      if (inserted)
        values.push_back(getConstant(value).value_or(0.0));
      return it->second;
    };
    for (Operation *op : ops) {
      Step step{cast<ResidualOpInterface>(op).getEvaluator(), {}, 0};
      for (Value operand : op->getOperands())
        step.operands.push_back(getPlace(operand));
      step.result = getPlace(op->getResult(0));
      steps.push_back(std::move(step));
    }
  }

  void run(double x) {
    values[0] = x;
    SmallVector<double, 4> operands;
    for (Step &step : steps) {
      operands.clear();
      for (unsigned place : step.operands)
        operands.push_back(values[place]);
      values[step.result] = step.evaluator(operands);
    }
  }

  /// The last value of the op at `index`.
  double getResult(unsigned index) const { return values[steps[index].result]; }
  double getResult() const { return values[steps.back().result]; }

private:
  struct Step {
    Evaluator evaluator;
    SmallVector<unsigned, 3> operands;
    unsigned result;
  };
  SmallVector<double> values;
  SmallVector<Step> steps;
};
} // namespace

namespace {
/// What is seen of a function from left to right.
class Course {
public:
  /// Whether the function may be smooth with the value `y` at `x`.
  bool add(double x, double y) {
    if (isBegun) {
      double change = std::abs(y - lastY);
      way += change;
      // Also true for what is not finite.
      if (!(change <= steepest * (x - lastX)))
        steepest = change / (x - lastX);
    }
    least = isBegun ? std::min(least, y) : y;
    greatest = isBegun ? std::max(greatest, y) : y;
    lastX = x;
    lastY = y;
    isBegun = true;
    return steepest <= kMaxSlope;
  }

  /// A function of a small range must be flat to be smooth: a step is one
  /// however small it is.
  bool isSmooth() const {
    double range = greatest - least;
    return steepest <= kMaxSlope * std::min(1.0, range) &&
           way <= kMaxCrossings * range;
  }

  /// The same of points so far apart that the extremes may lie between them.
  bool mayBeSmooth(double step) const {
    return steepest <= kMaxSlope &&
           way <= kMaxCrossings * (greatest - least + kMaxSlope * step);
  }

private:
  bool isBegun = false;
  double lastX = 0.0;
  double lastY = 0.0;
  double least = 0.0;
  double greatest = 0.0;
  double steepest = 0.0;
  double way = 0.0;
};
} // namespace

static bool isSmooth(Value argument, ArrayRef<Operation *> ops,
                     bool ofReciprocal = false) {
  Program program(argument, ops);
  auto follow = [&](ArrayRef<double> samples) {
    Course course;
    for (double x : samples) {
      program.run(x);
      double y = program.getResult();
      if (!course.add(x, ofReciprocal ? 1.0 / y : y))
        break;
    }
    return course;
  };
  // Most functions fail here.
  return follow(getCoarseSamples()).mayBeSmooth(kCoarseStep) &&
         follow(getSamples()).isSmooth();
}

namespace {
/// A value as a function of each of several values, one farther back than the
/// other.
struct Chain {
  struct Candidate {
    Value argument;
    /// How many of the ops are from there to the value.
    unsigned numOps;
    /// Whether one of them demands exactness.
    bool isAnyExact;
  };
  /// Backwards in program order.
  SmallVector<Operation *> ops;
  SmallVector<Candidate> candidates;
};
} // namespace

static Chain traceArguments(Value value, unsigned maxOps) {
  Chain chain;
  if (!isFloat(value.getType()) || !value.getDefiningOp())
    return chain;
  Block *block = value.getParentBlock();
  auto shape = cast<RankedTensorType>(value.getType()).getShape();
  // What a branch captures is as far back as it can see.
  auto isCaptured = [&](Value operand) {
    return operand.getParentBlock() != block;
  };
  auto isLike = [&](Value operand) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    return type && type.getShape() == shape &&
           (isCaptured(operand) || operand.getDefiningOp());
  };

  // Wherever all that is still to be computed is one value, the ops seen so far
  // are a function of it.
  llvm::SmallSetVector<Value, 16> pending;
  pending.insert(value);
  bool isAnyExact = false;
  while (chain.ops.size() < maxOps) {
    Value last = *llvm::max_element(pending, [&](Value a, Value b) {
      if (isCaptured(a) || isCaptured(b))
        return isCaptured(a) && !isCaptured(b);
      return a.getDefiningOp()->isBeforeInBlock(b.getDefiningOp());
    });
    if (isCaptured(last))
      break;
    auto op = dyn_cast<ResidualOpInterface>(last.getDefiningOp());
    if (!op || !isElementwise(op))
      break;
    pending.remove(last);
    for (Value operand : op->getOperands()) {
      if (getConstant(operand))
        continue;
      if (!isLike(operand))
        return chain;
      pending.insert(operand);
    }
    chain.ops.push_back(op);
    isAnyExact |= demandsExactness(op);
    if (pending.empty())
      break;
    if (pending.size() == 1 && isFloat(pending.front().getType()))
      chain.candidates.push_back({pending.front(),
                                  static_cast<unsigned>(chain.ops.size()),
                                  isAnyExact});
  }
  return chain;
}

std::optional<SmoothFunction> approx_act::findSmoothFunction(Value value) {
  Chain chain = traceArguments(value, kMaxOps);
  llvm::erase_if(chain.candidates,
                 [](const auto &candidate) { return !candidate.isAnyExact; });
  if (chain.candidates.size() > kMaxNearTries + kMaxFarTries)
    chain.candidates.erase(chain.candidates.begin() + kMaxNearTries,
                           chain.candidates.end() - kMaxFarTries);
  for (const Chain::Candidate &candidate : llvm::reverse(chain.candidates)) {
    SmallVector<Operation *> ops(
        llvm::reverse(ArrayRef(chain.ops).take_front(candidate.numOps)));
    if (isSmooth(candidate.argument, ops))
      return SmoothFunction{candidate.argument, std::move(ops)};
  }
  return std::nullopt;
}

std::optional<SmoothFunction> approx_act::findSafeDenominator(Value value) {
  Chain chain = traceArguments(value, kMaxDenominatorOps);
  for (const Chain::Candidate &candidate :
       ArrayRef(chain.candidates).take_front(kMaxNearTries)) {
    SmallVector<Operation *> ops(
        llvm::reverse(ArrayRef(chain.ops).take_front(candidate.numOps)));
    if (isSmooth(candidate.argument, ops, /*ofReciprocal=*/true))
      return SmoothFunction{candidate.argument, std::move(ops)};
  }
  return std::nullopt;
}

/// Those of `ops` that `result` is computed with.
static SmallVector<Operation *> getSlice(ArrayRef<Operation *> ops,
                                         Operation *result) {
  llvm::SmallPtrSet<Operation *, 16> slice = {result};
  for (Operation *op : llvm::reverse(ops))
    if (slice.contains(op))
      for (Value operand : op->getOperands())
        slice.insert(operand.getDefiningOp());
  return llvm::filter_to_vector(
      ops, [&](Operation *op) { return slice.contains(op); });
}

SmallVector<SmoothFunction>
approx_act::findSafeFactors(const SmoothFunction &denominator) {
  ArrayRef<Operation *> ops = denominator.ops;
  Program program(denominator.argument, ops);
  SmallVector<Course> quotients(ops.size());
  for (double x : getSamples()) {
    program.run(x);
    double divisor = program.getResult();
    for (auto [index, quotient] : llvm::enumerate(quotients)) {
      double y = program.getResult(index);
      // Both may be too large for a number where their quotient is not.
      if (std::isfinite(y) && std::isfinite(divisor))
        quotient.add(x, y / divisor);
    }
  }
  SmallVector<SmoothFunction> factors;
  for (auto [op, quotient] : llvm::zip(ops.drop_back(), quotients)) {
    SmallVector<Operation *> slice = getSlice(ops, op);
    if (isFloat(op->getResult(0).getType()) && quotient.isSmooth() &&
        llvm::any_of(slice, demandsExactness))
      factors.push_back({denominator.argument, std::move(slice)});
  }
  return factors;
}

ExactnessAnalysis::ExactnessAnalysis(Block &block) {
  for (Operation &op : block) {
    auto residualOp = dyn_cast<ResidualOpInterface>(op);
    if (!residualOp || !isElementwise(residualOp))
      continue;
    unsigned distance = kMaxOps;
    for (Value operand : op.getOperands())
      if (auto it = distances.find(operand.getDefiningOp());
          it != distances.end())
        distance = std::min(distance, it->second + 1);
    if (distance > 0 && demandsExactness(&op))
      distance = 0;
    if (distance < kMaxOps)
      distances[&op] = distance;
  }
}

bool ExactnessAnalysis::isDemandedNear(Value value) const {
  return distances.contains(value.getDefiningOp());
}
