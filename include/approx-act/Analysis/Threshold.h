//===- Threshold.h - Masks as thresholds of affine functions ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Reads a mask as `z > c` and follows `z` back through affine arithmetic with
/// per-channel coefficients, so that the codes of a value on the way can carry
/// the mask.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_ANALYSIS_THRESHOLD_H
#define APPROX_ACT_ANALYSIS_THRESHOLD_H

#include "approx-act/Analysis/Normalisation.h"

namespace mlir::approx_act {

/// A mask that is `value > cut` (or `>=`) when `isAbove`, else `value < cut`
/// (or `<=`), for every element. Which of the two does not matter to a reader:
/// elements at the cut go where the mask says.
struct Threshold {
  Value value;
  double cut = 0.0;
  bool isAbove = true;
};

/// The threshold that the result of `op` is, if it is one.
std::optional<Threshold> getThreshold(Operation *op);

/// One step of affine arithmetic: `op` applied to the value that is carried,
/// operand `carried`, and a coefficient.
struct AffineStep {
  Operation *op = nullptr;
  unsigned carried = 0;
  /// Absent for a step without one (negation, conversion).
  std::optional<Broadcast> coefficient;
};

/// The steps from the first value for which `isRoot` holds to `value`, in the
/// order in which the program takes them.
struct AffineChain {
  Value root;
  SmallVector<AffineStep> steps;
  /// The shape of the coefficients, with the rank of `root`; absent when every
  /// one of them is a splat constant.
  std::optional<SmallVector<int64_t>> shape;
};

/// Follows `value` back to a root. Fails when something else than an affine
/// function with coefficients of one common shape lies between.
std::optional<AffineChain> traceAffine(Value value,
                                       llvm::function_ref<bool(Value)> isRoot);

} // namespace mlir::approx_act

#endif // APPROX_ACT_ANALYSIS_THRESHOLD_H
