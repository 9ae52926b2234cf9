//===- RunCounts.h - How often blocks of a program are run ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNNER_RUNCOUNTS_H
#define APPROX_ACT_LIB_RUNNER_RUNCOUNTS_H

#include "mlir/IR/Block.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::approx_act {

/// How often each block of a function in the LLVM dialect is run: the product
/// of the numbers of steps of the loops around it. A loop of unknown length
/// counts as one step, and of a choice each branch as taken.
class RunCounts {
public:
  explicit RunCounts(Region &body);

  int64_t lookup(Block *block) const { return counts.lookup_or(block, 1); }

private:
  llvm::DenseMap<Block *, int64_t> counts;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_RUNNER_RUNCOUNTS_H
