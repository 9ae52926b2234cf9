//===- LoopPairs.h - Loops of the forward and the backward pass -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The derivative of a loop is a second loop. What crosses from one to the
/// other does so in stacks: the forward loop writes an element in every
/// iteration, and the backward loop reads it in the iteration that corresponds.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_ANALYSIS_LOOPPAIRS_H
#define APPROX_ACT_ANALYSIS_LOOPPAIRS_H

#include "approx-act/Analysis/Turnaround.h"

namespace mlir::approx_act {

/// A tensor with an element per iteration that a backward loop reads.
struct Stack {
  /// The number of the argument in either loop.
  unsigned forwardArgument = 0;
  unsigned backwardArgument = 0;
  /// The element in an iteration of the forward loop, of shape 1×…: what it
  /// writes, or, of a stack that was there before, what it reads too.
  Value element;
  bool isSource = false;
  /// The ops that read it in the backward loop.
  SmallVector<Operation *, 1> reads;
  /// Whether something else than these reads uses the stack.
  bool isUsedElsewhere = false;
};

struct LoopPair {
  Loop forward;
  Loop backward;
  int64_t tripCount = 0;
  /// The index at which an iteration of the forward loop writes, and of the
  /// backward loop reads, the elements of every stack.
  Value writeIndex;
  Value readIndex;
  SmallVector<Stack> stacks;
};

/// The pairs of loops in the block of a step, in program order, each loop in
/// one pair at most. Every element of a stack is written before it is read.
SmallVector<LoopPair> findLoopPairs(const Turnaround &turnaround);

} // namespace mlir::approx_act

#endif // APPROX_ACT_ANALYSIS_LOOPPAIRS_H
