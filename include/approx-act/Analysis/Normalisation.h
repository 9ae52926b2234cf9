//===- Normalisation.h - Values whose moments are known ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Finds values whose mean and standard deviation a program has computed, by
/// following the arithmetic: sums over dimensions, divisions by the count,
/// centring, squares, E[x²] − E[x]², epsilon, square roots. Batch, layer and
/// group normalisation, however written, are what this finds; none of them is
/// recognised as such.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_ANALYSIS_NORMALISATION_H
#define APPROX_ACT_ANALYSIS_NORMALISATION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace mlir::approx_act {

/// A tensor that another one repeats: element `i` of the larger tensor is the
/// element of `value` whose index in dimension `d` is `i[dims[d]]`, or 0 where
/// `dims[d]` is -1 (a dimension of size 1).
struct Broadcast {
  Value value;
  SmallVector<int64_t> dims;

  /// Whether `dims`, without -1, ascends, so that `value` is a reshape away
  /// from a tensor of the larger one's rank.
  bool isOrdered() const;

  /// The shape of `value` with the rank of the larger tensor: size 1 in the
  /// dimensions along which it is repeated.
  SmallVector<int64_t> getKeptShape(int64_t rank) const;
};

/// Follows `value` back through broadcasts and reshapes that add or remove
/// dimensions of size 1. The result is `value` itself when there are none.
Broadcast traceBroadcast(Value value);

/// The value of every element of `value` if it is known: a splat constant,
/// broadcast or not.
std::optional<double> getSplatValue(Value value);

/// The mean and standard deviation of a tensor over some of its dimensions.
struct Moments {
  /// Absent: zero.
  std::optional<Broadcast> mean;
  /// Absent: one.
  std::optional<Broadcast> deviation;
  /// Whether `deviation` is the reciprocal of the standard deviation.
  bool isReciprocal = false;
  /// The shape of the moments, with the tensor's rank; all ones when both
  /// moments are absent.
  SmallVector<int64_t> shape;
};

/// Knows the moments of the values of a function.
class NormalisationAnalysis {
public:
  explicit NormalisationAnalysis(func::FuncOp func);

  /// The moments of `value`, if the program computes them.
  std::optional<Moments> lookup(Value value) const;

  /// Whether the elements of `value` that agree in all dimensions but
  /// `reduced` sum to zero, because their mean has been subtracted.
  bool isCentred(Value value, ArrayRef<int64_t> reduced) const;

private:
  /// What a small tensor is of a larger one.
  enum class Kind { Sum, SumOfSquares, Mean, MeanOfSquares, Variance };
  enum class Root { None, Sqrt, Rsqrt };
  struct Statistic {
    Kind kind;
    Root root = Root::None;
    Value base;
    /// The dimension of `base` that each dimension of the tensor runs along, or
    /// -1.
    SmallVector<int64_t> dims;
    /// The number of elements that each statistic summarises.
    int64_t count = 0;
  };
  struct Known {
    /// Over different dimensions.
    SmallVector<Broadcast, 1> means;
    std::optional<Broadcast> deviation;
    bool isReciprocal = false;
    /// Of `deviation`: about zero, not about the mean.
    bool isRaw = false;
  };

  std::optional<Statistic> compute(Operation *op) const;
  std::optional<Statistic> getStatistic(Value value) const;
  /// The shape of a statistic, with the rank of its base.
  static SmallVector<int64_t> getKeptShape(const Statistic &statistic);
  /// The mean that has been subtracted from its base to give `value`.
  std::optional<Statistic> getSubtractedMean(Value value) const;
  void remember(Value value, const Statistic &statistic);
  bool isAligned(const Statistic &statistic, Value value) const;

  llvm::DenseMap<Value, Statistic> statistics;
  llvm::DenseMap<Value, Known> known;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_ANALYSIS_NORMALISATION_H
