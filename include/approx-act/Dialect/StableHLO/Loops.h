//===- Loops.h - StableHLO's loops as the passes see them -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Reads the loops that a frontend makes of a scan: a `stablehlo.while` that
/// counts, and that reads and writes element number *i* of stacked tensors.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_DIALECT_STABLEHLO_LOOPS_H
#define APPROX_ACT_DIALECT_STABLEHLO_LOOPS_H

#include "mlir/IR/Operation.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include <optional>

namespace mlir::approx_act {

/// A loop of one condition and one body, both of which have an argument per
/// operand: a `stablehlo.while`.
class Loop {
public:
  /// `std::nullopt` when `op` is no such loop.
  static std::optional<Loop> match(Operation *op);

  Operation *getOperation() const { return op; }
  Block &getCondition() const { return op->getRegion(0).front(); }
  Block &getBody() const { return op->getRegion(1).front(); }
  /// The ops of the body but for the last, which yields. (The dialect's ops
  /// have no traits, so `Block::without_terminator` does not know.)
  llvm::iterator_range<Block::iterator> getBodyOps() const {
    return {getBody().begin(), std::prev(getBody().end())};
  }
  unsigned getNumArguments() const { return op->getNumOperands(); }

  Value getInit(unsigned index) const { return op->getOperand(index); }
  BlockArgument getArgument(unsigned index) const {
    return getBody().getArgument(index);
  }
  /// What the body hands on to the next iteration.
  Value getYielded(unsigned index) const {
    return getBody().getTerminator()->getOperand(index);
  }
  /// Whether every iteration has the same value of the argument.
  bool isInvariant(unsigned index) const {
    return getYielded(index) == getArgument(index);
  }

  /// How often the body runs, if an argument counts from 0 in steps of 1 up to
  /// a constant.
  std::optional<int64_t> getTripCount() const;

  /// Whether `index`, a value of the body, takes every value from 0 up to the
  /// trip count: the counter, or the counter counted down.
  bool visitsAll(Value index) const;

  /// A loop before this one with the same condition and an empty body. Its
  /// operands are `inits`, of which the first are for the arguments `kept` of
  /// this loop; the condition must not read others.
  Loop cloneWithoutBody(ArrayRef<unsigned> kept, ValueRange inits) const;

  /// Ends the body of a loop made by `cloneWithoutBody`.
  void yield(ValueRange values) const;

private:
  explicit Loop(Operation *op) : op(op) {}
  std::optional<unsigned> getCounter() const;

  Operation *op;
};

/// `op` reads (`dynamic_slice`) or writes (`dynamic_update_slice`) the element
/// `index` along the first dimension of `stack`, whole in every other.
struct StackAccess {
  Value stack;
  Value index;
  /// The element, of shape 1×…: as read, or as written.
  Value element;

  static std::optional<StackAccess> matchRead(Operation *op);
  static std::optional<StackAccess> matchWrite(Operation *op);
};

/// Whether `slice`, of something of `shape`, is such an element: what is at one
/// place of the first dimension, whole in every other.
bool isStackElement(OffsetSizeAndStrideOpInterface slice,
                    ArrayRef<int64_t> shape);

} // namespace mlir::approx_act

#endif // APPROX_ACT_DIALECT_STABLEHLO_LOOPS_H
