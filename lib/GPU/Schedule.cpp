//===- Schedule.cpp - An order of kernels that needs less memory ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// An op that makes more than it uses up is best done late, one that uses up
/// more than it makes is best done early. Moving one past others changes only
/// what is live between: it is less by the difference. So no move makes the
/// peak higher, and none has to be taken back.
///
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "approx-act/Analysis/Residuals.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/GPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_SCHEDULE
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

namespace {
class Scheduler {
public:
  explicit Scheduler(Block &block) : block(block) {}

  /// Moves what makes more than it uses up down, the rest up; returns how many
  /// ops.
  unsigned run();

  /// The greatest sum of live bytes.
  int64_t getPeak();

private:
  unsigned sink();
  unsigned hoist();
  bool isTrueOfReaders(Value value,
                       function_ref<bool(Operation *)> isTrue) const;
  int64_t getArenaBytes(Value value) const;
  int64_t getMadeBytes(Operation *op) const;
  int64_t getUsedUpBytes(Operation *op) const;

  Block &block;
};
} // namespace

/// Whether the op is no work and no memory: a view, or what is to be written.
static bool isFree(Operation *op) {
  return isReshape(op) || isa<tensor::EmptyOp, arith::ConstantOp>(op);
}

/// Whether it is true of all ops that read `value` or a view of it. The last
/// one is asked first, as a rule, and most values have a reader that is later
/// than the op in question: of many, few are asked.
bool Scheduler::isTrueOfReaders(Value value,
                                function_ref<bool(Operation *)> isTrue) const {
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    Operation *op = block.findAncestorOpInBlock(*user);
    return isFree(op) && op->getNumResults() == 1
               ? isTrueOfReaders(op->getResult(0), isTrue)
               : isTrue(op);
  });
}

/// The bytes of the arena that a value takes: what is returned is elsewhere.
int64_t Scheduler::getArenaBytes(Value value) const {
  bool isKept = isTrueOfReaders(value, [](Operation *user) {
    return !user->hasTrait<OpTrait::IsTerminator>();
  });
  return isKept ? getByteSize(value.getType()).value_or(0) : 0;
}

int64_t Scheduler::getMadeBytes(Operation *op) const {
  int64_t bytes = 0;
  for (Value result : op->getResults())
    bytes += getArenaBytes(result);
  return bytes;
}

int64_t Scheduler::getUsedUpBytes(Operation *op) const {
  int64_t bytes = 0;
  llvm::SmallDenseSet<Value> seen;
  for (Value operand : op->getOperands()) {
    Value base = lookThroughViews(operand);
    Operation *maker = base.getDefiningOp();
    if (!maker || maker->getBlock() != &block || isFree(maker) ||
        !seen.insert(base).second)
      continue;
    if (isTrueOfReaders(base, [&](Operation *user) {
          return user == op || user->isBeforeInBlock(op);
        }))
      bytes += getArenaBytes(base);
  }
  return bytes;
}

static bool canMove(Operation &op) {
  return !op.hasTrait<OpTrait::IsTerminator>() && isMemoryEffectFree(&op);
}

unsigned Scheduler::sink() {
  unsigned moved = 0;
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    if (!canMove(op) || op.use_empty() ||
        (!isFree(&op) && getMadeBytes(&op) <= getUsedUpBytes(&op)))
      continue;
    Operation *first = nullptr;
    for (Operation *user : op.getUsers()) {
      user = block.findAncestorOpInBlock(*user);
      if (!first || user->isBeforeInBlock(first))
        first = user;
    }
    if (op.getNextNode() == first)
      continue;
    op.moveBefore(first);
    moved += !isFree(&op);
  }
  return moved;
}

unsigned Scheduler::hoist() {
  unsigned moved = 0;
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (!canMove(op) ||
        (!isFree(&op) && getMadeBytes(&op) >= getUsedUpBytes(&op)))
      continue;
    Operation *last = nullptr;
    bool isKnown = op.getNumRegions() == 0 || isa<KernelOp>(op);
    for (Value operand : op.getOperands()) {
      Operation *maker = operand.getDefiningOp();
      if (maker && maker->getBlock() == &block &&
          (!last || last->isBeforeInBlock(maker)))
        last = maker;
    }
    if (!isKnown || op.getPrevNode() == last)
      continue;
    if (last)
      op.moveAfter(last);
    else
      op.moveBefore(&block, block.begin());
    moved += !isFree(&op);
  }
  return moved;
}

unsigned Scheduler::run() {
  unsigned moved = 0;
  // What has moved makes room for others, mostly once.
  constexpr unsigned rounds = 3;
  for (unsigned round = 0; round < rounds; ++round) {
    unsigned movedNow = sink() + hoist();
    moved += movedNow;
    if (movedNow == 0)
      break;
  }
  return moved;
}

int64_t Scheduler::getPeak() {
  DenseMap<Operation *, unsigned> positions;
  for (auto [index, op] : llvm::enumerate(block))
    positions[&op] = index;
  SmallVector<int64_t> changes(positions.size() + 1, 0);
  for (Operation &op : block) {
    if (isFree(&op))
      continue;
    for (Value result : op.getResults()) {
      int64_t bytes = getArenaBytes(result);
      unsigned last = positions[&op];
      isTrueOfReaders(result, [&](Operation *user) {
        last = std::max(last, positions[user]);
        return true;
      });
      changes[positions[&op]] += bytes;
      changes[last + 1] -= bytes;
    }
  }
  int64_t live = 0, peak = 0;
  for (int64_t change : changes)
    peak = std::max(peak, live += change);
  return peak;
}

namespace {
struct Schedule : approx_act::impl::ScheduleBase<Schedule> {
  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (func.isDeclaration() || !func.getBody().hasOneBlock())
      return;
    Scheduler scheduler(func.getBody().front());
    int64_t before = scheduler.getPeak();
    unsigned moved = scheduler.run();
    SmallVector<Block *> blocks = getHostBlocks(func.getBody().front());
    for (Block *block : ArrayRef(blocks).drop_back())
      moved += Scheduler(*block).run();
    int64_t after = scheduler.getPeak();
    numMoved += moved;
    remark::analysis(func.getLoc(), remark::RemarkOpts::name("schedule")
                                        .category("approx-act")
                                        .function(func.getName()))
        << remark::metric("moved", static_cast<int>(moved))
        << remark::metric("live_bytes_before", std::to_string(before))
        << remark::metric("live_bytes_after", std::to_string(after));
  }
};
} // namespace
