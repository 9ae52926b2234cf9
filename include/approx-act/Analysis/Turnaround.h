//===- Turnaround.h - Where forward ends and backward begins ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Divides the ops of a training step into the forward pass, what is derived
/// from it at little cost, and the backward pass.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_ANALYSIS_TURNAROUND_H
#define APPROX_ACT_ANALYSIS_TURNAROUND_H

#include "approx-act/Dialect/StableHLO/Loops.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallVector.h"

namespace mlir::approx_act {

/// The part of a training step that an op or value belongs to.
enum class Phase {
  /// An argument of the step: there before it starts, there when it ends.
  Argument,
  /// In the backward slice of a forward result, or of an op with effects that
  /// is not computed from the backward pass.
  Forward,
  /// Not forward, but computed from forward values and arguments by cheap ops
  /// alone, such as the mask of a ReLU or the derivative of a tanh. Can be
  /// computed on either side of the turnaround.
  Derived,
  /// Everything else.
  Backward,
};

/// The forward results of `func`: `requested`, or, when that is empty, result 0
/// if it is a rank-0 float (a loss), else the only result that is one.
/// `std::nullopt` when an index is out of range or nothing fits.
std::optional<SmallVector<unsigned>>
findForwardResults(func::FuncOp func, ArrayRef<unsigned> requested);

/// The same, but emits an error and fails.
FailureOr<SmallVector<unsigned>>
resolveForwardResults(func::FuncOp func, ArrayRef<unsigned> requested);

/// The phases of the ops at the top level of a function of one block. An op
/// with regions counts as one op, with what its regions capture as operands.
class Turnaround {
public:
  /// `forwardResults` are indices of results of `func`, `anchor` what
  /// `getAnchor` says, by default the last of them in program order. Where the
  /// function is a forward and a backward body, `anchor` is what the latter
  /// starts from, and of the ops with effects so many as `numForwardEffects`
  /// are of the former.
  Turnaround(func::FuncOp func, ArrayRef<unsigned> forwardResults,
             Value anchor = {},
             std::optional<unsigned> numForwardEffects = std::nullopt);

  func::FuncOp getFunction() const { return func; }

  /// The phase of an op of the function's block; of an op in a region, that of
  /// the op of the block around it.
  Phase getPhase(Operation *op) const;
  /// The phase of the op that defines the value; but of a loop in the forward
  /// pass, the results that no forward result is computed from (gradients that
  /// it accumulates beside the loss) are Backward.
  Phase getPhase(Value value) const;

  /// Says which phase an op is of that was put into the block since.
  void setPhase(Operation *op, Phase phase) { phases[op] = phase; }

  /// Whether `value` can be had without running the backward pass.
  bool isPrimal(Value value) const {
    return getPhase(value) != Phase::Backward;
  }

  /// The last forward op in program order: the turnaround. Null when there is
  /// no forward op.
  Operation *getLastForwardOp() const { return lastForward; }

  /// The value that is there when the backward pass begins, and not before.
  Value getAnchor() const { return anchor; }

  /// Moves every backward op behind the last forward op, so that program order
  /// is forward, then backward. Both keep their own order, and so do all ops
  /// with effects, for those of the forward pass come first. (A frontend may
  /// finish the loss after the gradient, as `value_and_grad(f)(x)[0] / n`
  /// does.)
  void sortByPhase();

  void print(raw_ostream &os) const;

private:
  static Value getLastOf(ValueRange values);
  /// Adds `value` and what it is computed from to the forward pass.
  void addForward(Value value);
  void addForward(Operation *op);
  void addEffects(ArrayRef<unsigned> forwardResults,
                  std::optional<unsigned> numForwardEffects);
  llvm::DenseSet<Operation *>
  findGradients(ArrayRef<unsigned> forwardResults) const;
  /// Says which phase the ops are of that are not forward.
  void assignOthers();
  void excludeOtherResults(const Loop &loop);

  /// Handles of ops are values, but their accessors are not const.
  mutable func::FuncOp func;
  Operation *lastForward = nullptr;
  Value anchor;
  llvm::DenseMap<Operation *, Phase> phases;
  /// Results of forward ops that are not forward values.
  llvm::DenseSet<Value> backwardResults;
  /// The values that forward results and ops with effects are computed from.
  llvm::DenseSet<Value> reached;
};

/// Whether `value` is an argument, or computed from arguments and constants by
/// ops that are cheap to compute again.
bool isCheapOfArguments(Value value);

/// The op's operands and the values that its regions capture from outside.
SmallVector<Value> getOperandsAndCaptures(Operation *op);

/// The ops of `set`, all of one block, in its order; empties `set`.
SmallVector<Operation *> takeInBlockOrder(llvm::SetVector<Operation *> &set);

} // namespace mlir::approx_act

#endif // APPROX_ACT_ANALYSIS_TURNAROUND_H
