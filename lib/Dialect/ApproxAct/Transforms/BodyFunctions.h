//===- BodyFunctions.h - Bodies of ops as functions -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What crosses from forward to backward inside the bodies of loops and
/// branches is decided as outside, once the body of the forward pass and that
/// of the backward pass are one function. These are the parts that such
/// functions have in common.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_TRANSFORMS_BODYFUNCTIONS_H
#define APPROX_ACT_LIB_TRANSFORMS_BODYFUNCTIONS_H

#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::approx_act {

/// The values from outside that ops in the region read.
llvm::SetVector<Value> getCaptures(Region &region);

/// A function, part of no module, with an empty block, to be ended by
/// `endFunction`.
OwningOpRef<func::FuncOp> makeFunction(Location loc, TypeRange argumentTypes);
void endFunction(func::FuncOp func, ValueRange results);

/// Replaces the uses of `value` in `block` and in ops nested there.
void replaceInBlock(Value value, Value by, Block &block);

/// Moves the ops from behind `first` up to `end` to the end of `block`.
void moveOps(Operation *first, Operation *end, Block &block);

/// A function of two bodies, one behind the other. Its ops are, in this order,
/// those of the forward body, the `entry` of the backward body, and those of
/// that; its results are so many of the forward body, and those of the backward
/// body.
struct TwoBodies {
  IterationOp entry;
  unsigned numForwardResults = 0;
  /// Of the ops with effects: so many are of the forward body.
  unsigned numForwardEffects = 0;

  SmallVector<unsigned> getForwardResults() const {
    return llvm::to_vector(llvm::seq(numForwardResults));
  }
  /// A value that the backward body starts from. There has to be one.
  Value getAnchor() const;
  bool isForward(Value value) const;
  bool isInBackward(OpOperand &use) const;
  /// The values of the forward body that the backward body reads. What is
  /// computed cheaply from the function's arguments, constants most of all, is
  /// not among them: it is computed again first.
  llvm::SetVector<Value> findCrossing();
};

/// How many ops of the block have effects.
unsigned countEffects(Block &block);

/// Whether tensors like this can be handed from body to body.
bool canCross(Type type);

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_TRANSFORMS_BODYFUNCTIONS_H
