//===- BranchPairs.h - Branches of forward and backward pass ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The derivative of a choice between branches is a second choice by the same
/// selector. What crosses from one to the other are results of the first, which
/// the same branch of the second captures.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_ANALYSIS_BRANCHPAIRS_H
#define APPROX_ACT_ANALYSIS_BRANCHPAIRS_H

#include "approx-act/Analysis/Turnaround.h"
#include "approx-act/Dialect/StableHLO/Branches.h"

namespace mlir::approx_act {

struct BranchPair {
  Branches forward;
  Branches backward;
};

/// The pairs in the block of a step, in program order, each op in one pair at
/// most. Of several backward ops by one selector, the one that captures most
/// results of the forward op is its partner.
SmallVector<BranchPair> findBranchPairs(const Turnaround &turnaround);

} // namespace mlir::approx_act

#endif // APPROX_ACT_ANALYSIS_BRANCHPAIRS_H
