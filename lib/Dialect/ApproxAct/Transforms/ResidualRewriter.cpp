//===- ResidualRewriter.cpp - Stores and restores residuals ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ResidualRewriter.h"

using namespace mlir;
using namespace mlir::approx_act;

ResidualRewriter::ResidualRewriter(const Turnaround &turnaround,
                                   const StoragePlan &plan,
                                   const GridOptions &options)
    : turnaround(turnaround), plan(plan), options(options),
      block(turnaround.getFunction().getBody().front()) {
  for (Operation &op : block)
    if (turnaround.getPhase(&op) == Phase::Backward &&
        &op != block.getTerminator())
      backwardOps.push_back(&op);
}

void ResidualRewriter::run() {
  connectBackward();
  planClusters();
  storeAll();
  restoreAll();
}
