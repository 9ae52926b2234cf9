//===- SmoothFunction.h - Activations as functions of one value -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Judges arithmetic by what it computes rather than by its ops. An activation
/// such as erf, softplus or ELU is smooth, but a frontend writes it with
/// divisions, logarithms and selections that are not.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_ANALYSIS_SMOOTHFUNCTION_H
#define APPROX_ACT_ANALYSIS_SMOOTHFUNCTION_H

#include "approx-act/Interfaces/ResidualOpInterface.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::approx_act {

/// A value as a function of another one of its shape, element by element.
struct SmoothFunction {
  Value argument;
  /// What computes the value from the argument and constants, in program order.
  SmallVector<Operation *> ops;
};

/// The function that computes `value` from one floating-point tensor as far
/// back as there is one, if the value changes at most a few times as fast as
/// that, and does not go to and fro many times. Where the value's range is less
/// than 1, the change is measured against that, so that no step passes by being
/// small. Sampled over the whole line, in steps of 1/64 between -16 and 16 and
/// wider ones beyond. `std::nullopt` if there is none, and where every op on
/// the way accepts an approximation anyway. In a long chain only the farthest
/// and the nearest of the values are tried.
std::optional<SmoothFunction> findSmoothFunction(Value value);

/// The function that computes `value` from the nearest value of which the
/// reciprocal of `value` is such a function, so that what is computed from an
/// approximation may divide: `1 + x²`, `1 + |x|`, `1 + exp(-x)`. `std::nullopt`
/// if there is none.
std::optional<SmoothFunction> findSafeDenominator(Value value);

/// The values on the way to a safe denominator that bear no approximation of
/// its argument by themselves, but do when divided by it: the exponential of
/// `1 + exp(-x)`. A derivative multiplies by such a value what it has divided
/// by the denominator. Each with the function that computes it from there.
SmallVector<SmoothFunction> findSafeFactors(const SmoothFunction &denominator);

/// Which values of a block are computed with an op that demands exactness, not
/// too far back. Of others there is no use in a smooth function.
class ExactnessAnalysis {
public:
  explicit ExactnessAnalysis(Block &block);

  bool isDemandedNear(Value value) const;

private:
  /// How many ops farther back the nearest of those is.
  llvm::DenseMap<Operation *, unsigned> distances;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_ANALYSIS_SMOOTHFUNCTION_H
