//===- RestoreBranches.cpp - Restores residuals in branches ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What a branch reads is restored in the branch: one that is not taken
/// restores nothing, and the restored value is not handed over in full size.
///
//===----------------------------------------------------------------------===//

#include "ResidualRewriter.h"

using namespace mlir;
using namespace mlir::approx_act;

Value ResidualRewriter::restoreBranches(OpBuilder &builder,
                                        const BranchResult &branches,
                                        unsigned component) {
  // No branch sees what another restores, and nothing outside does.
  Value selector = restore(builder, branches.getSelector(), component);
  llvm::DenseMap<Cluster, Value> others;
  std::swap(others, restoredValues);
  unsigned current = 0;
  Value result = branches.compute(
      builder, selector, [&](OpBuilder &inner, unsigned branch, Value source) {
        if (branch != current)
          restoredValues.clear();
        current = branch;
        return restore(inner, source, component);
      });
  std::swap(others, restoredValues);
  return result;
}

void ResidualRewriter::restoreInBranches(const Branches &branches,
                                         ArrayRef<OpOperand *> uses,
                                         ArrayRef<Value> values) {
  // No other op is in the cluster, and no branch sees what another restores.
  Operation *op = branches.getOperation();
  unsigned component = components.lookup(op);
  llvm::DenseMap<Cluster, Value> others;
  std::swap(others, restoredValues);
  auto restoreAt = [&](OpBuilder builder,
                       llvm::function_ref<bool(Operation *)> isHere) {
    restoredValues.clear();
    for (auto [use, value] : llvm::zip_equal(uses, values))
      if (isHere(use->getOwner()))
        use->set(restore(builder, value, component));
  };
  for (unsigned i = 0; i < branches.getNumBranches(); ++i) {
    Block &inner = branches.getBlock(i);
    restoreAt(OpBuilder::atBlockBegin(&inner), [&](Operation *user) {
      return inner.findAncestorOpInBlock(*user) != nullptr;
    });
  }
  restoreAt(OpBuilder(op), [&](Operation *user) { return user == op; });
  std::swap(others, restoredValues);
}
