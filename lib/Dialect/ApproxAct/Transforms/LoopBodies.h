//===- LoopBodies.h - Bodies of loops as training steps ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What crosses from forward to backward inside of loops is decided as it is
/// outside, once the bodies are looked at as a step by themselves:
///
/// - a loop and the loop of its derivative: one iteration of the first followed
///   by the corresponding iteration of the second (`PairedBodies`). What
///   crosses is stacked, an element for every iteration.
/// - a loop whose body has both passes, as in the accumulation of gradients
///   over microbatches (`StepBody`). Nothing outlives the iteration.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_TRANSFORMS_LOOPBODIES_H
#define APPROX_ACT_LIB_TRANSFORMS_LOOPBODIES_H

#include "BodyFunctions.h"
#include "approx-act/Analysis/LoopPairs.h"

namespace mlir::approx_act {

/// A copy of two bodies as one function, and the way back.
///
/// What both loops can read in every iteration are arguments of the function:
/// values that are the same in all iterations, and the index of the iteration's
/// elements. What an iteration gets from the one before it are results of an
/// `approx_act.iteration` for each loop.
class PairedBodies {
public:
  explicit PairedBodies(LoopPair pair);

  func::FuncOp getStep() { return *step; }
  const TwoBodies &getBodies() const { return bodies; }

  /// Replaces the loops by loops of the two parts of the function, which has
  /// been rewritten so that all ops of the backward loop come last. Returns
  /// the stacks. Changes nothing and fails when a value crosses that cannot be
  /// stacked.
  FailureOr<SmallVector<Value>> replaceLoops();

private:
  /// A value that is the same in all iterations.
  struct Invariant {
    /// Outside of the loops.
    Value value;
    /// Its number among the arguments of either loop. Absent where the body
    /// reads it from outside, or not at all.
    std::optional<unsigned> forwardArgument;
    std::optional<unsigned> backwardArgument;
  };

  void collectInvariants();
  void copyForward();
  void copyBackward();
  Loop makeForwardLoop(ArrayRef<Value> crossing);
  Loop makeBackwardLoop(ArrayRef<Value> crossing, const Loop &forwardLoop);
  void fillForward(const Loop &loop, ArrayRef<Value> crossing);
  void fillBackward(const Loop &loop, ArrayRef<Value> crossing);

  LoopPair pair;
  OwningOpRef<func::FuncOp> step;
  Block *block = nullptr;
  SmallVector<Invariant> invariants;
  /// Arguments of the forward loop that are stacks it reads.
  llvm::DenseSet<unsigned> sources;
  /// The last argument of `step`: the index in either loop.
  BlockArgument index;
  /// What the iterations start from, and the numbers of these arguments (of
  /// the backward loop: and values that its body reads from outside).
  IterationOp forwardEntry;
  TwoBodies bodies;
  SmallVector<unsigned> forwardCarried, backwardCarried;
  SmallVector<Value> backwardCaptures;
  /// Copies in `step` of the indices that the loops compute.
  Value writeIndex, readIndex;
  /// Numbers of arguments in the new loops by those in the old.
  llvm::DenseMap<unsigned, unsigned> forwardNumbers, backwardNumbers;
};

/// A body that has forward and backward in it, as a function and back. The
/// arguments of the function are those of the body, and what it reads from
/// outside.
class StepBody {
public:
  explicit StepBody(const Loop &loop) : loop(loop) {}

  /// The results of the body that the forward pass around the loop needs.
  /// Empty when it needs none, or all.
  SmallVector<unsigned> findForwardResults(const Turnaround &turnaround) const;

  func::FuncOp makeStep();
  void replaceBody();

private:
  Loop loop;
  llvm::SetVector<Value> captures;
  OwningOpRef<func::FuncOp> step;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_TRANSFORMS_LOOPBODIES_H
