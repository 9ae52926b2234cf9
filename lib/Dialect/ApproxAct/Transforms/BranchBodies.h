//===- BranchBodies.h - Pairs of branches as training steps -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What crosses from a branch of the forward pass to the same branch of the
/// backward pass is decided as it is outside, once the two are looked at as a
/// step by themselves.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_TRANSFORMS_BRANCHBODIES_H
#define APPROX_ACT_LIB_TRANSFORMS_BRANCHBODIES_H

#include "BodyFunctions.h"
#include "approx-act/Analysis/BranchPairs.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::approx_act {

/// Copies of the branches of two ops, a function for each branch, and the way
/// back.
///
/// What is there anyway, arguments of the step around and what they tell at
/// little cost, are arguments of the function. What else a branch captures are
/// results of an `approx_act.iteration`, one for values of the forward pass and
/// one for the cotangents. Values that are known outside, captures and results
/// of the forward op, are left for the backward branch to capture.
class PairedBranches {
public:
  /// One branch of both ops.
  struct Part {
    OwningOpRef<func::FuncOp> step;
    /// The values from outside that are the arguments of `step`, the results of
    /// `forwardEntry`, and the results of `bodies.entry`.
    SmallVector<Value> arguments, forwardCaptures, backwardCaptures;
    IterationOp forwardEntry;
    TwoBodies bodies;
    /// The first op of the backward branch, while the step is as it was made.
    Operation *backwardBegin = nullptr;
  };

  PairedBranches(const Turnaround &turnaround, const BranchPair &pair);

  /// The branches. There are none where nothing but the backward op reads
  /// results of the forward op, or a branch could not return zeros for what
  /// another leaves.
  MutableArrayRef<Part> getParts() { return parts; }

  /// Says that a step has not been rewritten.
  static void leaveAsMade(Part &part);

  struct Replacement {
    Operation *forward;
    Operation *backward;
    /// The results of the forward op that only the backward op reads.
    ValueRange crossing;
  };

  /// Replaces the two ops by ops of the two parts of each function, which has
  /// been rewritten so that all ops of the backward branch come last. Changes
  /// nothing and fails when a value crosses that cannot be returned by all
  /// branches.
  FailureOr<Replacement> replaceBranches();

private:
  void makePart(const Turnaround &turnaround, unsigned branch);
  void collectCaptures(const Turnaround &turnaround, unsigned branch,
                       OpBuilder &builder, IRMapping &mapping, Part &part);
  /// Chooses, for what crosses in each branch, a result of the forward op. The
  /// branches share results of equal types.
  void assignResults(ArrayRef<SmallVector<Value>> crossing);
  void fillForward(const Branches &made, unsigned branch);
  void fillBackward(const Branches &made, unsigned branch,
                    const Branches &forward);

  BranchPair pair;
  /// The numbers of the results of the forward op that others read.
  SmallVector<unsigned> kept;
  SmallVector<Part> parts;
  /// The types of the results that cross and, for each branch, the values that
  /// are returned as these, or null.
  SmallVector<Type> crossingTypes;
  SmallVector<SmallVector<Value>> crossingValues;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_TRANSFORMS_BRANCHBODIES_H
