//===- BranchResult.h - A result of branches computed again -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A result of a choice between branches is cheap to compute again if every
/// branch computes it by cheap ops of what it captures.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_ANALYSIS_BRANCHRESULT_H
#define APPROX_ACT_ANALYSIS_BRANCHRESULT_H

#include "approx-act/Dialect/StableHLO/Branches.h"
#include "approx-act/Interfaces/ResidualOpInterface.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::approx_act {

class BranchResult {
public:
  /// `std::nullopt` when `value` is no such result.
  static std::optional<BranchResult> match(Value value);

  /// What it is computed from, the selector among them, and how exact each must
  /// be where the result may be an approximation.
  const llvm::MapVector<Value, Demand> &getSources() const { return sources; }

  Value getSelector() const { return branches.getSelector(); }

  /// What stands for a source at a place in a branch.
  using RestoreFn =
      llvm::function_ref<Value(OpBuilder &builder, unsigned branch, Value)>;

  /// The value again, with the branches in their order.
  Value compute(OpBuilder &builder, Value selector, RestoreFn restore) const;

private:
  explicit BranchResult(const Branches &branches) : branches(branches) {}

  Branches branches;
  /// For each branch the ops, in program order, and the value that they give.
  SmallVector<SmallVector<Operation *>> slices;
  SmallVector<Value> values;
  llvm::MapVector<Value, Demand> sources;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_ANALYSIS_BRANCHRESULT_H
