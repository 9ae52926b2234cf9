//===- RunCounts.cpp - How often blocks of a program are run --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RunCounts.h"
#include "mlir/Analysis/CFGLoopInfo.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::approx_act;

/// What `from` hands on to argument number `number` of `to`.
static Value getPassed(Block *from, Block *to, unsigned number) {
  Operation *terminator = from->getTerminator();
  auto branch = dyn_cast<BranchOpInterface>(terminator);
  for (auto [index, successor] : llvm::enumerate(from->getSuccessors()))
    if (branch && successor == to)
      return branch.getSuccessorOperands(index)[number];
  return {};
}

/// The steps of a loop as `scf.for` is lowered: a block that compares an
/// argument with a constant, to which the body hands that on with a constant
/// added. Of others, 1.
static int64_t getTripCount(CFGLoop *loop) {
  Block *header = loop->getHeader(), *latch = loop->getLoopLatch();
  Block *before = loop->getLoopPredecessor();
  auto branch = dyn_cast<LLVM::CondBrOp>(header->getTerminator());
  if (!latch || !before || !branch || !loop->contains(branch.getTrueDest()))
    return 1;
  auto compare = branch.getCondition().getDefiningOp<LLVM::ICmpOp>();
  auto counter =
      compare ? dyn_cast<BlockArgument>(compare.getLhs()) : BlockArgument();
  if (!counter || counter.getOwner() != header ||
      compare.getPredicate() != LLVM::ICmpPredicate::slt)
    return 1;
  Value init = getPassed(before, header, counter.getArgNumber());
  Value next = getPassed(latch, header, counter.getArgNumber());
  auto add = next ? next.getDefiningOp<LLVM::AddOp>() : LLVM::AddOp();
  APInt first, step, end;
  if (!init || !add || add.getLhs() != counter ||
      !matchPattern(init, m_ConstantInt(&first)) ||
      !matchPattern(add.getRhs(), m_ConstantInt(&step)) ||
      !matchPattern(compare.getRhs(), m_ConstantInt(&end)) ||
      !step.isStrictlyPositive() || first.sge(end))
    return 1;
  return llvm::divideCeil((end - first).getSExtValue(), step.getSExtValue());
}

RunCounts::RunCounts(Region &body) {
  if (body.empty() || body.hasOneBlock())
    return;
  DominanceInfo dominance;
  CFGLoopInfo loops(dominance.getDomTree(&body));
  for (Block &block : body) {
    int64_t &count = counts[&block] = 1;
    for (CFGLoop *loop = loops.getLoopFor(&block); loop;
         loop = loop->getParentLoop())
      count *= getTripCount(loop);
  }
}
