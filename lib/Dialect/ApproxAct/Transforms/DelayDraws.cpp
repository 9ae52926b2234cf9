//===- DelayDraws.cpp - Draw random numbers where they are read -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Delay.h"
#include "approx-act/Analysis/Residuals.h"
#include "approx-act/Analysis/Turnaround.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_DELAYDRAWS
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

/// How many times the bytes that it reads an op has to write to generate them.
static constexpr int64_t kMinGrowth = 16;

/// Whether the op, loops and all, does nothing but compute its results.
static bool hasNoEffects(Operation *op) {
  return !op->walk([](Operation *inner) {
              return isMemoryEffectFree(inner) || Loop::match(inner)
                         ? WalkResult::advance()
                         : WalkResult::interrupt();
            }).wasInterrupted();
}

static Value getLargest(ArrayRef<Value> values) {
  return *llvm::max_element(
      values, [](Value a, Value b) { return getBytes(a) < getBytes(b); });
}

namespace {
/// The draws of one block.
class DrawDelaying {
public:
  explicit DrawDelaying(Block &block) : block(block) {}

  /// How many draws wait now.
  unsigned run();

private:
  /// What moves in front of the first reader of a draw.
  struct Cone {
    /// In program order.
    SmallVector<Operation *> ops;
    /// The small values that it is generated from.
    llvm::SetVector<Value> roots;
  };

  bool isGenerated(Operation *op) const;
  bool isGenerated(Value value) const {
    return value.getDefiningOp() && generated.contains(value.getDefiningOp());
  }
  Operation *findReader(Operation *draw, llvm::SetVector<Operation *> &drawn);
  Value findAwaited(Operation *reader) const;
  Cone getCone(Operation *reader,
               const llvm::SetVector<Operation *> &drawn) const;
  bool canMove(const Cone &cone, Operation *reader) const;
  bool delay(Operation *draw);

  Block &block;
  /// Ops that make large values of small ones, or anything of constants.
  llvm::DenseSet<Operation *> generated;
};
} // namespace

bool DrawDelaying::isGenerated(Operation *op) const {
  if (op->getNumResults() == 0 || !hasNoEffects(op) ||
      isConstant(op->getResult(0)))
    return false;
  int64_t written = 0;
  for (Value result : op->getResults())
    written = std::max(written, getBytes(result));
  int64_t read = 0;
  for (Value operand : getOperandsAndCaptures(op))
    if (!isGenerated(operand) && !isConstant(operand))
      read += getBytes(operand);
  return read == 0 ||
         (written >= kMinDelayedBytes && written >= kMinGrowth * read);
}

/// The first op, in program order, that reads what comes of the draw beside
/// something else. Collects in `drawn` what comes of the draw alone.
Operation *DrawDelaying::findReader(Operation *draw,
                                    llvm::SetVector<Operation *> &drawn) {
  Operation *first = nullptr;
  SmallVector<Operation *> worklist = {draw};
  drawn.insert(draw);
  while (!worklist.empty()) {
    for (Operation *inner : worklist.pop_back_val()->getUsers()) {
      Operation *user = block.findAncestorOpInBlock(*inner);
      if (generated.contains(user)) {
        if (drawn.insert(user))
          worklist.push_back(user);
      } else if (!first || user->isBeforeInBlock(first)) {
        first = user;
      }
    }
  }
  return first;
}

/// What the reader reads beside the draw, or the value in memory that this is
/// computed from; null where that is there from the start.
Value DrawDelaying::findAwaited(Operation *reader) const {
  Operation *op = reader;
  while (true) {
    SmallVector<Value> others;
    for (Value operand : getOperandsAndCaptures(op))
      if (!isGenerated(operand) && getBytes(operand) >= kMinDelayedBytes)
        others.push_back(operand);
    if (others.empty())
      return {};
    Value awaited = getLargest(others);
    op = awaited.getDefiningOp();
    if (!op || op->getBlock() != &block)
      return {};
    if (!isCheap(op))
      return awaited;
  }
}

/// What is drawn up to the reader, and what that is generated from.
DrawDelaying::Cone
DrawDelaying::getCone(Operation *reader,
                      const llvm::SetVector<Operation *> &drawn) const {
  llvm::SetVector<Operation *> ops;
  Cone cone;
  auto add = [&](Value value) {
    if (isGenerated(value))
      ops.insert(value.getDefiningOp());
    else if (value.getParentBlock() == &block && !isConstant(value) &&
             isa<RankedTensorType>(value.getType()))
      cone.roots.insert(value);
  };
  for (Operation *op : drawn)
    if (op->isBeforeInBlock(reader))
      ops.insert(op);
  for (unsigned i = 0; i < ops.size(); ++i)
    llvm::for_each(getOperandsAndCaptures(ops[i]), add);
  cone.ops = takeInBlockOrder(ops);
  return cone;
}

/// Whether nothing but the cone reads what is costly in it before the reader.
bool DrawDelaying::canMove(const Cone &cone, Operation *reader) const {
  llvm::SmallPtrSet<Operation *, 16> inside(cone.ops.begin(), cone.ops.end());
  return llvm::all_of(cone.ops, [&](Operation *op) {
    return isCheap(op) || llvm::all_of(op->getUsers(), [&](Operation *inner) {
             Operation *user = block.findAncestorOpInBlock(*inner);
             return inside.contains(user) || !user->isBeforeInBlock(reader);
           });
  });
}

bool DrawDelaying::delay(Operation *draw) {
  llvm::SetVector<Operation *> drawn;
  Operation *reader = findReader(draw, drawn);
  if (!reader)
    return false;
  Value awaited = findAwaited(reader);
  Cone cone = getCone(reader, drawn);
  if (!awaited || cone.roots.empty() || !canMove(cone, reader))
    return false;

  OpBuilder builder(reader);
  SmallVector<Value> tied(cone.roots.begin(), cone.roots.end());
  tied.push_back(awaited);
  auto barrier = BarrierOp::create(builder, draw->getLoc(), tied);
  IRMapping mapping;
  for (auto [root, behind] : llvm::zip(cone.roots, barrier.getOutputs()))
    mapping.map(root, behind);
  for (Operation *op : cone.ops) {
    Operation *copy = builder.clone(*op, mapping);
    generated.insert(copy);
    // Others may go on with what is not drawn: positions, a constant repeated.
    if (!drawn.contains(op))
      continue;
    for (auto [before, after] :
         llvm::zip_equal(op->getResults(), copy->getResults()))
      before.replaceUsesWithIf(after, [&](OpOperand &use) {
        Operation *user = block.findAncestorOpInBlock(*use.getOwner());
        return !user->isBeforeInBlock(reader);
      });
  }
  for (Operation *op : llvm::reverse(cone.ops)) {
    if (!op->use_empty())
      continue;
    generated.erase(op);
    op->erase();
  }
  return true;
}

unsigned DrawDelaying::run() {
  SmallVector<Operation *> draws;
  for (Operation &op : block) {
    if (!isGenerated(&op))
      continue;
    generated.insert(&op);
    if (!isCheap(&op) && !isa<ApproxActDialect>(op.getDialect()))
      draws.push_back(&op);
  }
  unsigned count = 0;
  for (Operation *draw : draws)
    if (generated.contains(draw) && delay(draw))
      ++count;
  return count;
}

namespace {
struct DelayDraws : approx_act::impl::DelayDrawsBase<DelayDraws> {
  using DelayDrawsBase::DelayDrawsBase;

  void runOnOperation() override {
    std::optional<unsigned> count = delayInBlocks(
        getOperation(), [](Block &block) { return DrawDelaying(block).run(); });
    if (!count)
      return markAllAnalysesPreserved();
    numDelayed += *count;
  }
};
} // namespace
