//===- DelayFills.cpp - Repeat constants where they are read --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Delay.h"
#include "approx-act/Analysis/Residuals.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_DELAYFILLS
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

namespace {
/// The fills of one block: values that arithmetic and views make of constants.
class FillDelaying {
public:
  explicit FillDelaying(Block &block) : block(block) {}

  /// How many fills wait now.
  unsigned run();

private:
  /// What a fill is computed by, small constants apart.
  struct Cone {
    llvm::SetVector<Operation *> ops;
    llvm::SetVector<Value> roots;
  };

  bool isFill(Value value) const {
    return isConstant(value) || fills.contains(value);
  }
  Cone getCone(ArrayRef<OpOperand *> uses) const;
  Operation *findLastSource(Value value) const;
  OpOperand *findAwaited(Operation *reader) const;
  unsigned delay(Operation *reader);

  Block &block;
  llvm::DenseSet<Value> fills;
  /// What other ops make of constants alone: there from the start as well.
  llvm::DenseSet<Value> invariants;
};
} // namespace

FillDelaying::Cone FillDelaying::getCone(ArrayRef<OpOperand *> uses) const {
  Cone cone;
  auto add = [&](Value value) {
    if (fills.contains(value))
      cone.ops.insert(value.getDefiningOp());
    else if (getBytes(value) < kMinDelayedBytes)
      cone.roots.insert(value);
  };
  for (OpOperand *use : uses)
    add(use->get());
  for (unsigned i = 0; i < cone.ops.size(); ++i)
    llvm::for_each(cone.ops[i]->getOperands(), add);
  return cone;
}

/// The last op of the block that the value is computed from, arithmetic and
/// views looked through; null where it is there from the start.
Operation *FillDelaying::findLastSource(Value value) const {
  Operation *last = nullptr;
  llvm::SetVector<Value> reached;
  reached.insert(value);
  for (unsigned i = 0; i < reached.size(); ++i) {
    Operation *op = reached[i].getDefiningOp();
    if (!op || op->getBlock() != &block || isFill(reached[i]) ||
        invariants.contains(reached[i]))
      continue;
    if (isCheap(op))
      reached.insert_range(op->getOperands());
    else if (!last || last->isBeforeInBlock(op))
      last = op;
  }
  return last;
}

/// The operand that the reader waits for longest; null where all are there from
/// the start.
OpOperand *FillDelaying::findAwaited(Operation *reader) const {
  OpOperand *awaited = nullptr;
  Operation *last = nullptr;
  for (OpOperand &operand : reader->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    Operation *source = findLastSource(operand.get());
    if (source && (!last || last->isBeforeInBlock(source))) {
      awaited = &operand;
      last = source;
    }
  }
  return awaited;
}

unsigned FillDelaying::delay(Operation *reader) {
  // What stays the same in all iterations is computed in each where it is read.
  std::optional<Loop> loop = Loop::match(reader);
  SmallVector<OpOperand *> uses;
  for (OpOperand &operand : reader->getOpOperands())
    if (fills.contains(operand.get()) &&
        getBytes(operand.get()) >= kMinDelayedBytes &&
        !(loop && loop->isInvariant(operand.getOperandNumber())))
      uses.push_back(&operand);
  Cone cone = getCone(uses);
  if (cone.roots.empty())
    return 0;
  OpOperand *awaited = findAwaited(reader);
  if (!awaited)
    return 0;

  OpBuilder builder(reader);
  SmallVector<Value> tied = cone.roots.takeVector();
  tied.push_back(awaited->get());
  auto barrier = BarrierOp::create(builder, reader->getLoc(), tied);
  // A compiler drops what nothing reads behind a barrier.
  awaited->set(barrier.getOutputs().back());
  IRMapping mapping;
  for (auto [root, behind] : llvm::zip(tied, barrier.getOutputs().drop_back()))
    mapping.map(root, behind);
  SmallVector<Operation *> ops = takeInBlockOrder(cone.ops);
  for (Operation *op : ops)
    builder.clone(*op, mapping);
  for (OpOperand *use : uses)
    use->set(mapping.lookup(use->get()));
  for (Operation *op : llvm::reverse(ops)) {
    if (!op->use_empty())
      continue;
    for (Value result : op->getResults())
      fills.erase(result);
    op->erase();
  }
  return uses.size();
}

unsigned FillDelaying::run() {
  SmallVector<Operation *> readers;
  auto isInvariant = [&](Value value) {
    return isFill(value) || invariants.contains(value);
  };
  for (Operation &op : block) {
    if (!isCheap(&op)) {
      if (llvm::all_of(getOperandsAndCaptures(&op), isInvariant))
        invariants.insert_range(op.getResults());
      // A barrier orders; what is behind it is read later.
      if (!isa<BarrierOp>(op) && &op != &block.back())
        readers.push_back(&op);
    } else if (!isConstant(op.getResult(0)) && op.getNumOperands() > 0 &&
               llvm::all_of(op.getOperands(),
                            [&](Value v) { return isFill(v); })) {
      fills.insert_range(op.getResults());
    }
  }
  unsigned count = 0;
  for (Operation *reader : readers)
    count += delay(reader);
  return count;
}

namespace {
struct DelayFills : approx_act::impl::DelayFillsBase<DelayFills> {
  using DelayFillsBase::DelayFillsBase;

  void runOnOperation() override {
    std::optional<unsigned> count = delayInBlocks(
        getOperation(), [](Block &block) { return FillDelaying(block).run(); });
    if (!count)
      return markAllAnalysesPreserved();
    numDelayed += *count;
  }
};
} // namespace
