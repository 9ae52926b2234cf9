//===- BranchPairs.cpp - Branches of forward and backward pass ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Analysis/BranchPairs.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::approx_act;

/// The choice of the backward pass, none of `taken`, that captures most
/// results of `forward` and makes the same choice.
static std::optional<Branches>
findPartner(const Turnaround &turnaround, const Branches &forward,
            const llvm::DenseSet<Operation *> &taken) {
  Block *block = forward.getOperation()->getBlock();
  llvm::MapVector<Operation *, unsigned> counts;
  for (OpResult result : forward.getOperation()->getResults()) {
    llvm::SetVector<Operation *> readers;
    for (Operation *user : result.getUsers())
      readers.insert(block->findAncestorOpInBlock(*user));
    for (Operation *reader : readers)
      ++counts[reader];
  }
  std::optional<Branches> partner;
  unsigned most = 0;
  for (auto [reader, count] : counts) {
    std::optional<Branches> candidate = Branches::match(reader);
    if (!candidate || taken.contains(reader) || count <= most ||
        turnaround.getPhase(reader) != Phase::Backward ||
        !candidate->isParallelTo(forward))
      continue;
    partner = candidate;
    most = count;
  }
  return partner;
}

SmallVector<BranchPair>
approx_act::findBranchPairs(const Turnaround &turnaround) {
  SmallVector<BranchPair> pairs;
  llvm::DenseSet<Operation *> taken;
  for (Operation &op : turnaround.getFunction().getBody().front()) {
    std::optional<Branches> forward = Branches::match(&op);
    if (!forward || turnaround.getPhase(&op) != Phase::Forward)
      continue;
    std::optional<Branches> backward = findPartner(turnaround, *forward, taken);
    if (!backward)
      continue;
    taken.insert(backward->getOperation());
    pairs.push_back({*forward, *backward});
  }
  return pairs;
}
