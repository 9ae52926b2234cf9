//===- Branches.h - StableHLO's branches as the passes see them -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Reads the branches that a frontend makes of a condition or a switch: a
/// `stablehlo.case` or `stablehlo.if`.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_DIALECT_STABLEHLO_BRANCHES_H
#define APPROX_ACT_DIALECT_STABLEHLO_BRANCHES_H

#include "mlir/IR/Builders.h"
#include <optional>

namespace mlir::approx_act {

/// An op that runs one of its regions, which have no arguments and read what
/// they need from outside, and returns what that region returns.
class Branches {
public:
  /// `std::nullopt` when `op` is no such op.
  static std::optional<Branches> match(Operation *op);

  Operation *getOperation() const { return op; }
  /// What says which branch is run.
  Value getSelector() const { return op->getOperand(0); }
  unsigned getNumBranches() const { return op->getNumRegions(); }
  Region &getRegion(unsigned branch) const { return op->getRegion(branch); }
  Block &getBlock(unsigned branch) const { return getRegion(branch).front(); }
  /// The ops of a branch but for the last, which returns.
  llvm::iterator_range<Block::iterator> getOps(unsigned branch) const {
    Block &block = getBlock(branch);
    return {block.begin(), std::prev(block.end())};
  }
  /// What `branch` gives as result `index`.
  Value getYielded(unsigned branch, unsigned index) const {
    return getBlock(branch).getTerminator()->getOperand(index);
  }

  /// Whether the same branch of both is run.
  bool isParallelTo(const Branches &other) const;

  /// The same choice at another place, with other results and empty branches,
  /// which have to be ended by `yield`.
  Branches cloneWithoutBranches(OpBuilder &builder, Value selector,
                                TypeRange results) const;

  /// Ends a branch of a choice made by `cloneWithoutBranches`.
  void yield(unsigned branch, ValueRange values) const;

private:
  explicit Branches(Operation *op) : op(op) {}

  Operation *op;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_DIALECT_STABLEHLO_BRANCHES_H
