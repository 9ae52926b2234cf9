//===- StoreResiduals.cpp - The forward side of residuals -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Where the forward pass is done with a residual, and what it stores there.
///
//===----------------------------------------------------------------------===//

#include "Delay.h"
#include "ResidualRewriter.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/STLExtras.h"
#include <queue>

using namespace mlir;
using namespace mlir::approx_act;

static RankedTensorType prependDim(RankedTensorType type, int64_t size) {
  SmallVector<int64_t> shape(type.getShape());
  shape.insert(shape.begin(), size);
  return type.clone(shape);
}

void ResidualRewriter::collectForwardLeaves(
    Value value, SmallVectorImpl<Value> &leaves) const {
  llvm::SetVector<Value> visited;
  visited.insert(value);
  for (unsigned i = 0; i < visited.size(); ++i) {
    Value current = visited[i];
    Operation *op = current.getDefiningOp();
    if (op && turnaround.getPhase(op) == Phase::Derived)
      visited.insert_range(op->getOperands());
    else
      leaves.push_back(current);
  }
}

Operation *ResidualRewriter::getStorePoint(Value value,
                                           const Storage &storage) const {
  // The last op that the codes are computed from.
  SmallVector<Value> leaves;
  collectForwardLeaves(value, leaves);
  if (storage.moments)
    for (const auto &moment :
         {storage.moments->mean, storage.moments->deviation})
      if (moment)
        collectForwardLeaves(moment->value, leaves);
  if (storage.side) {
    collectForwardLeaves(storage.side->mask, leaves);
    for (const AffineStep &step : storage.side->chain.steps)
      if (step.coefficient)
        collectForwardLeaves(step.coefficient->value, leaves);
  }
  Operation *last = nullptr;
  for (Value leaf : leaves)
    if (Operation *op = leaf.getDefiningOp();
        op && (!last || isBefore(last, op)))
      last = op;
  return last;
}

std::optional<ResidualRewriter::Exit>
ResidualRewriter::findExit(Value value, Operation *after) const {
  // From the value through arithmetic and views, in program order, to the
  // first op that reads from memory what they compute.
  auto later = [&](Operation *a, Operation *b) { return isBefore(b, a); };
  std::priority_queue<Operation *, std::vector<Operation *>, decltype(later)>
      queue(later);
  llvm::DenseSet<Operation *> queued;
  llvm::DenseSet<Value> reached;
  auto reach = [&](Value v) {
    reached.insert(v);
    for (Operation *user : v.getUsers()) {
      Operation *op = block.findAncestorOpInBlock(*user);
      if (turnaround.getPhase(op) == Phase::Forward && queued.insert(op).second)
        queue.push(op);
    }
  };
  SmallVector<Value> leaves;
  collectForwardLeaves(value, leaves);
  for (Value leaf : leaves)
    if (leaf.getDefiningOp() && !getSplatValue(leaf))
      reach(leaf);
  while (!queue.empty()) {
    Operation *op = queue.top();
    queue.pop();
    if (isCheap(op)) {
      llvm::for_each(op->getResults(), reach);
      continue;
    }
    if (after && !isBefore(after, op))
      continue;
    for (Value read : getOperandsAndCaptures(op))
      if (reached.contains(read))
        return Exit{op, read};
  }
  return std::nullopt;
}

Value ResidualRewriter::hoist(OpBuilder &builder, Value value,
                              Operation *point) const {
  // Copies in program order, so that every operand is copied before.
  llvm::SetVector<Operation *> late;
  auto add = [&](Value v) {
    Operation *op = v.getDefiningOp();
    if (op && !isBefore(op, point))
      late.insert(op);
  };
  add(value);
  for (unsigned i = 0; i < late.size(); ++i)
    llvm::for_each(late[i]->getOperands(), add);
  SmallVector<Operation *> ops = late.takeVector();
  llvm::sort(ops, [&](Operation *a, Operation *b) { return isBefore(a, b); });
  IRMapping mapping;
  for (Operation *op : ops)
    builder.clone(*op, mapping);
  return mapping.lookupOrDefault(value);
}

void ResidualRewriter::storeAll() {
  // What leaves as the same value into the same op is tied together.
  llvm::MapVector<std::pair<Operation *, Value>, SmallVector<Value>> groups;
  for (const auto &[value, storage] : plan.getStored()) {
    if (storage.kind == StorageKind::Exact)
      continue;
    Operation *after = getStorePoint(value, storage);
    if (std::optional<Exit> exit = findExit(value, after)) {
      groups[{exit->op, exit->carried}].push_back(value);
      continue;
    }
    // Nothing in the forward pass waits for what comes of the value.
    OpBuilder builder(block.getParentOp()->getContext());
    builder.setInsertionPointAfter(after);
    stored[value] = store(builder, value, storage);
  }

  for (auto &[exit, values] : groups) {
    auto [op, carried] = exit;
    OpBuilder builder(op);
    SmallVector<SmallVector<Value>> stacks = stackSmall(values);
    SmallVector<Value> tied;
    for (ArrayRef<Value> stack : stacks) {
      Stored entry = store(builder, stack, *plan.lookup(stack.front()));
      for (auto [index, value] : llvm::enumerate(stack)) {
        if (stack.size() > 1)
          entry.stackIndex = index;
        stored[value] = entry;
      }
      tied.push_back(entry.words);
    }
    tied.push_back(carried);
    auto barrier = BarrierOp::create(builder, op->getLoc(), tied);
    for (auto [stack, words] : llvm::zip(stacks, barrier.getOutputs()))
      for (Value value : stack)
        stored[value].words = words;
    Value after = barrier.getOutputs().back();
    Value original = originals.lookup(carried);
    originals[after] = original ? original : carried;
    carried.replaceUsesWithIf(after, [&, op = op](OpOperand &use) {
      Operation *user = block.findAncestorOpInBlock(*use.getOwner());
      return turnaround.getPhase(user) == Phase::Forward &&
             (user == op || isBefore(op, user));
    });
  }
}

SmallVector<SmallVector<Value>>
ResidualRewriter::stackSmall(ArrayRef<Value> values) const {
  // What takes longer to start than to do: a grid is five ops, and in the body
  // of a loop each of them is started once per step. A stack costs a copy.
  constexpr int64_t kMaxStackedBytes = int64_t{64} * 1024;
  SmallVector<SmallVector<Value>> stacks;
  auto canStack = [&](Value value) {
    const Storage &storage = *plan.lookup(value);
    // A stack would have to be divided among devices as its elements are.
    return storage.kind == StorageKind::Codes && !storage.moments &&
           !storage.side && getBytes(value) <= kMaxStackedBytes &&
           !options.isDistributed;
  };
  for (Value value : values) {
    auto isLike = [&](ArrayRef<Value> stack) {
      Value other = stack.front();
      return other.getType() == value.getType() && canStack(other) &&
             plan.lookup(other)->isOfRoot == plan.lookup(value)->isOfRoot;
    };
    auto *stack =
        canStack(value) ? llvm::find_if(stacks, isLike) : stacks.end();
    if (stack != stacks.end())
      stack->push_back(value);
    else
      stacks.push_back({value});
  }
  return stacks;
}

Value ResidualRewriter::quantize(OpBuilder &builder, Value value, Value mask,
                                 const Stored &entry) const {
  Location loc = value.getLoc();
  Type type = cast<RankedTensorType>(value.getType())
                  .clone(entry.codesType.getElementType());
  // Each value has its own noise.
  bool isStochastic = options.rounding == RoundingMode::Stochastic;
  auto rounding = RoundingAttr::get(
      builder.getContext(), options.rounding,
      isStochastic ? options.seed + static_cast<uint32_t>(stored.size()) : 0);
  if (!mask)
    return QuantizeOp::create(builder, loc, type, value, entry.lo, entry.step,
                              rounding);
  return QuantizeSplitOp::create(builder, loc, type, value, entry.edge,
                                 entry.below, entry.above, entry.split, mask,
                                 rounding);
}

ResidualRewriter::Stored ResidualRewriter::store(OpBuilder &builder,
                                                 ArrayRef<Value> values,
                                                 const Storage &storage) {
  Stored result;
  Location loc = values.front().getLoc();
  Operation *point = &*builder.getInsertionPoint();
  auto type = cast<RankedTensorType>(values.front().getType());
  SmallVector<Value> elements = llvm::map_to_vector(
      values, [&](Value value) { return hoist(builder, value, point); });
  Value codes = elements.front();
  result.codesType = type.clone(builder.getIntegerType(storage.bits));
  bool isStack = values.size() > 1;
  if (isStack) {
    StableHLOBuilder hlo(builder, loc);
    for (Value &element : elements)
      element = hlo.addUnitDim(element);
    codes = hlo.concatenate(elements, 0);
  }
  if (storage.kind == StorageKind::Codes) {
    if (storage.isOfRoot)
      codes = math::SqrtOp::create(builder, loc, codes);
    SmallVector<int64_t> shape = getGridShape(type, storage, options);
    if (isStack)
      shape.insert(shape.begin(), values.size());
    makeGrid(builder, codes, shape, storage, result);
    Value mask =
        storage.side ? hoist(builder, storage.side->mask, point) : Value();
    codes = quantize(builder, codes, mask, result);
  }
  result.words = codes;
  if (storage.bits == kWordBits)
    return result;
  result.packing = choosePacking(result.codesType);
  Packing packing = *result.packing;
  if (isStack)
    packing = {prependDim(packing.view, values.size()), packing.dim + 1};
  if (result.packing->view != result.codesType)
    codes = tensor::ExpandShapeOp::create(builder, loc, packing.view, codes,
                                          packing.getSplit());
  result.words =
      PackOp::create(builder, loc, packing.getWordsType(), codes, packing.dim);
  return result;
}
