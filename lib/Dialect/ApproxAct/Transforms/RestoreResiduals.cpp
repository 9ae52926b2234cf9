//===- RestoreResiduals.cpp - The backward side of residuals --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What the backward pass restores together, what that waits for, and what
/// waits for it.
///
//===----------------------------------------------------------------------===//

#include "Delay.h"
#include "ResidualRewriter.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::approx_act;

/// Whether a barrier takes the value: not a token, not a tuple.
static bool canBeTied(Value value) {
  return isa<RankedTensorType>(value.getType());
}

/// Whether the op reads its operands from memory: anything but arithmetic,
/// views and sums.
static bool isContraction(Operation *op) {
  auto residualOp = dyn_cast<ResidualOpInterface>(op);
  return !residualOp ||
         (residualOp.getRecompute() == Recompute::Never &&
          residualOp.getScalarFunction() != ScalarFunction::ReduceAdd);
}

void ResidualRewriter::connectBackward() {
  llvm::EquivalenceClasses<Operation *> classes;
  llvm::DenseSet<Operation *> members(backwardOps.begin(), backwardOps.end());
  for (Operation *op : backwardOps) {
    classes.insert(op);
    if (isContraction(op))
      continue;
    for (Value operand : op->getOperands())
      if (Operation *producer = operand.getDefiningOp();
          producer && members.contains(producer) && !isContraction(producer))
        classes.unionSets(op, producer);
  }
  llvm::DenseMap<Operation *, unsigned> numbers;
  for (Operation *op : backwardOps)
    components[op] =
        numbers.try_emplace(classes.getLeaderValue(op), numbers.size())
            .first->second;
}

ResidualRewriter::Sources ResidualRewriter::getSources(Value value) {
  auto it = sources.find(value);
  if (it != sources.end())
    return it->second;
  llvm::SetVector<Value> roots;
  llvm::SetVector<Value> companions;
  const Storage *storage = plan.lookup(value);
  if (plan.isFree(value) || (storage && storage->kind == StorageKind::Exact)) {
    // Needs no restoring.
  } else if (storage || plan.getCarrier(value)) {
    // A mask is a root apart from the values of the same codes: a gradient is
    // masked before it is multiplied with them, and only then they have to be
    // there.
    roots.insert(value);
  } else if (const SmoothFunction *function = plan.getFunction(value)) {
    return sources[value] = getSources(function->argument);
  } else if (plan.isRecomputed(value)) {
    for (Value operand : plan.getSources(value)) {
      Sources of = getSources(operand);
      roots.insert_range(of.roots);
      companions.insert_range(of.companions);
      const Storage *stored = plan.lookup(operand);
      if (plan.isFree(operand) ||
          (stored && stored->kind == StorageKind::Exact))
        companions.insert(operand);
    }
    // A compiler would take a copy of a forward op on the same operands for
    // that op, and keep its result instead of computing it again; and what
    // depends on exact values alone (a scale, repeated to the shape of an
    // activation) it may compute long before it is read.
    // Neither can happen to what a branch captures.
    auto isOutside = [&](Value v) { return plan.isOutside(v); };
    if (roots.empty() && plan.isLarge(value) &&
        llvm::none_of(companions, isOutside)) {
      for (Value operand : companions)
        if (getByteSize(operand.getType()))
          roots.insert(operand);
      companions.clear();
    }
  }
  return sources[value] = {llvm::to_vector<2>(roots),
                           llvm::to_vector<2>(companions)};
}

/// Whether a compiler may copy `argument` for `op`, and keep the copy from the
/// start: in another layout, or because the argument may be written over
/// before.
static bool isCopied(Value argument, Operation *op) {
  return isContraction(op) && op->getNumRegions() == 0 &&
         getBytes(argument) >= kMinDelayedBytes;
}

SmallVector<OpOperand *>
ResidualRewriter::getRestoredUses(Operation *op) const {
  SmallVector<OpOperand *> uses;
  op->walk([&](Operation *inner) {
    for (OpOperand &operand : inner->getOpOperands()) {
      Value value = operand.get();
      Operation *definition = value.getDefiningOp();
      if (definition
              ? definition->getBlock() == &block && turnaround.isPrimal(value)
              : inner == op && isCopied(value, op))
        uses.push_back(&operand);
    }
  });
  return uses;
}

void ResidualRewriter::planClusters() {
  // What depends on exact values alone (a reciprocal deviation, repeated to
  // the shape of an activation) could be computed as soon as the backward pass
  // begins, and would be kept in full size until it is read. So it waits for
  // the same cotangent as the codes it is read with.
  for (Operation *op : backwardOps) {
    unsigned component = components.lookup(op);
    for (OpOperand *use : getRestoredUses(op)) {
      Sources of = getSources(use->get());
      for (Value root : of.roots)
        companions[{root, component}].insert_range(of.companions);
    }
  }
}

SmallVector<Value *, 5> ResidualRewriter::Stored::getParts(bool ofMask) {
  if (ofMask)
    return {&words, &split};
  if (split)
    return {&words, &edge, &below, &above, &split};
  if (lo)
    return {&words, &lo, &step};
  return {&words};
}

ResidualRewriter::Stored ResidualRewriter::getStored(Value value) const {
  Value carrier = plan.getCarrier(value);
  auto it = stored.find(carrier ? carrier : value);
  if (it != stored.end())
    return it->second;
  Stored exact;
  exact.words = value;
  return exact;
}

bool ResidualRewriter::isReadAfter(
    Operation *op, Value value,
    llvm::function_ref<bool(Operation *)> isReader) const {
  return llvm::any_of(value.getUsers(), [&](Operation *inner) {
    Operation *user = block.findAncestorOpInBlock(*inner);
    return isBefore(op, user) && isReader(user);
  });
}

SmallVector<Value> ResidualRewriter::findAwaited(Operation *op) const {
  auto isCotangent = [&](Value value) {
    // What a loop of the forward pass stacks for that of the backward pass is
    // neither primal nor a cotangent.
    Operation *op = value.getDefiningOp();
    return !turnaround.isPrimal(value) && canBeTied(value) &&
           !(op && turnaround.getPhase(op) == Phase::Forward);
  };
  SmallVector<Value> reads = getOperandsAndCaptures(op);
  auto *read = llvm::find_if(reads, isCotangent);
  if (read == reads.end())
    return {turnaround.getAnchor()};
  // A barrier puts what goes through it in memory. Where what that is computed
  // from has to stay there too, or is smaller, it is enough to wait for that.
  SmallVector<Value> path = {*read};
  auto isReadLater = [&](Value value) {
    return isCotangent(value) &&
           getByteSize(value.getType()) == getByteSize(read->getType()) &&
           isReadAfter(op, value, [](Operation *) { return true; });
  };
  auto isSmaller = [&](Value value) {
    return isCotangent(value) && getBytes(value) < getBytes(path.back());
  };
  while (isCheap(path.back().getDefiningOp())) {
    OperandRange operands = path.back().getDefiningOp()->getOperands();
    auto source = llvm::find_if(operands, isReadLater);
    if (source == operands.end() && llvm::count_if(operands, isCotangent) == 1)
      source = llvm::find_if(operands, isSmaller);
    if (source == operands.end())
      break;
    path.push_back(*source);
  }
  return path;
}

bool ResidualRewriter::sinkViews(Value value, Operation *op) {
  bool isLate = true;
  for (Operation *user : llvm::make_early_inc_range(value.getUsers())) {
    if (user->getBlock() == &block && isBefore(op, user))
      continue;
    bool isView = user->getBlock() == &block && user != op && isCheap(user) &&
                  user->getNumOperands() == 1;
    if (isView && sinkViews(user->getResult(0), op))
      user->moveAfter(op);
    else
      isLate = false;
  }
  return isLate;
}

/// Moves the transpose that is the only reader of a contraction's result behind
/// the contraction, which a compiler makes write the result that way. Returns
/// what is read then.
static Value takeTranspose(OpResult result) {
  if (!result.hasOneUse())
    return result;
  Operation *user = *result.user_begin();
  auto view = dyn_cast<ResidualOpInterface>(user);
  if (!view || user->getBlock() != result.getOwner()->getBlock() ||
      view.getScalarFunction() != ScalarFunction::Transpose)
    return result;
  user->moveAfter(result.getOwner());
  return user->getResult(0);
}

void ResidualRewriter::openClusters(Operation *op, ArrayRef<Value> restored) {
  unsigned component = components.lookup(op);
  // Grids are tied as well: repeated to the shape of the codes, they would be
  // as large as what is restored.
  llvm::SetVector<Value> tied;
  SmallVector<Cluster> opened;
  auto tie = [&](Value value) {
    auto [it, inserted] = open.try_emplace({value, component});
    if (!inserted)
      return false;
    it->second = getStored(value);
    opened.push_back(it->first);
    for (Value *part : it->second.getParts(plan.getCarrier(value) != nullptr))
      tied.insert(*part);
    return true;
  };
  for (Value value : restored) {
    if (isa<BlockArgument>(value))
      tie(value);
    for (Value root : getSources(value).roots)
      if (tie(root))
        llvm::for_each(companions[{root, component}], tie);
  }
  if (opened.empty())
    return;

  SmallVector<Value> path = findAwaited(op);
  Value awaited = path.pop_back_val();
  if (canBeTied(awaited))
    tied.insert(awaited);
  auto barrier = tieBefore(op, op->getLoc(), tied.getArrayRef());
  IRMapping behind;
  behind.map(tied.getArrayRef(), barrier.getOutputs());
  for (Cluster cluster : opened)
    for (Value *part :
         open[cluster].getParts(plan.getCarrier(cluster.first) != nullptr))
      *part = behind.lookup(*part);
  if (!isContraction(op) || Loop::match(op) || options.isDistributed)
    return;

  // A contraction reads what is restored for it from memory. What else follows
  // from the cotangent waits until that is done and the memory is free again.
  // (A loop restores what is stacked in each of its steps, and has the stacks
  // among its results.)
  // (Not where the result is a sum over devices: each gradient would have to be
  // exchanged by itself before the next layer.)
  SmallVector<Value> waiting = {behind.lookup(awaited)};
  // So does what has been computed of it before and is read from memory again.
  llvm::copy_if(path, std::back_inserter(waiting), [&](Value value) {
    return isReadAfter(op, value, isContraction);
  });
  // Nor may what another contraction has made of the same cotangent go on.
  if (Operation *before = awaited.getDefiningOp(); finishes.contains(before))
    for (Value other : before->getResults()) {
      if (other == awaited || other.use_empty())
        continue;
      sinkViews(other, op);
      waiting.push_back(other);
    }
  SmallVector<Value> finished;
  Operation *last = op;
  for (OpResult result : op->getResults())
    if (canBeTied(result)) {
      finished.push_back(takeTranspose(result));
      if (last == op)
        last = finished.back().getDefiningOp();
    }
  finished.append(waiting);
  finishes.insert(tieBefore(last->getNextNode(), op->getLoc(), finished));
}

BarrierOp ResidualRewriter::tieBefore(Operation *point, Location loc,
                                      ArrayRef<Value> values) {
  OpBuilder builder(point);
  auto barrier = BarrierOp::create(builder, loc, values);
  for (auto [original, tied] : llvm::zip_equal(values, barrier.getOutputs())) {
    Value value = original;
    if (turnaround.isPrimal(value) && value != turnaround.getAnchor())
      continue;
    value.replaceUsesWithIf(tied, [&](OpOperand &use) {
      Operation *user = block.findAncestorOpInBlock(*use.getOwner());
      return user == point || isBefore(point, user);
    });
  }
  return barrier;
}

Value ResidualRewriter::dequantize(OpBuilder &builder, Location loc, Type type,
                                   Value codes, const Stored &entry) const {
  if (!entry.split)
    return DequantizeOp::create(builder, loc, type, codes, entry.lo,
                                entry.step);
  return DequantizeSplitOp::create(builder, loc, type, codes, entry.edge,
                                   entry.below, entry.above, entry.split);
}

ResidualRewriter::Stored ResidualRewriter::readFromStack(OpBuilder &builder,
                                                         Location loc,
                                                         Stored entry) const {
  if (!entry.stackIndex)
    return entry;
  StableHLOBuilder hlo(builder, loc);
  for (Value *part : entry.getParts(/*ofMask=*/false))
    *part = hlo.dropUnitDim(hlo.sliceDim(*part, 0, *entry.stackIndex, 1));
  return entry;
}

Value ResidualRewriter::restoreCodes(OpBuilder &builder, Location loc,
                                     const Stored &entry) const {
  if (!entry.packing)
    return entry.words;
  const Packing &packing = *entry.packing;
  Value codes =
      UnpackOp::create(builder, loc, packing.view, entry.words, packing.dim);
  if (packing.view == entry.codesType)
    return codes;
  return tensor::CollapseShapeOp::create(builder, loc, entry.codesType, codes,
                                         packing.getSplit());
}

Value ResidualRewriter::restore(OpBuilder &builder, Value value,
                                unsigned component) {
  // What a forward op reads behind a barrier is known by the value before.
  if (Value original = originals.lookup(value))
    value = original;
  Cluster key{value, component};
  const Storage *storage = plan.lookup(value);
  if (plan.isFree(value) || (storage && storage->kind == StorageKind::Exact)) {
    Value behindBarrier = open.lookup(key).words;
    return behindBarrier ? behindBarrier : value;
  }
  if (Value known = restoredValues.lookup(key))
    return known;

  Location loc = value.getLoc();
  Value result = value;
  if (storage) {
    Stored entry = readFromStack(builder, loc, open.at(key));
    result = restoreCodes(builder, loc, entry);
    if (storage->kind == StorageKind::Codes)
      result = dequantize(builder, loc, value.getType(), result, entry);
    if (storage->isOfRoot)
      result = arith::MulFOp::create(builder, loc, result, result);
  } else if (plan.getCarrier(value)) {
    const Stored &entry = open.at(key);
    Value codes = restoreCodes(builder, loc, entry);
    result = SideOp::create(builder, loc, value.getType(), codes, entry.split);
  } else if (const SmoothFunction *function = plan.getFunction(value)) {
    // All of it anew: masks of exact values would choose other branches than
    // the approximation is in.
    IRMapping mapping;
    mapping.map(function->argument,
                restore(builder, function->argument, component));
    for (Operation *op : function->ops)
      builder.clone(*op, mapping);
    result = mapping.lookup(value);
  } else if (const BranchResult *branches = plan.getBranchResult(value);
             branches && plan.isRecomputed(value)) {
    result = restoreBranches(builder, *branches, component);
  } else if (plan.isRecomputed(value)) {
    Operation *op = value.getDefiningOp();
    IRMapping mapping;
    for (Value operand : op->getOperands())
      mapping.map(operand, restore(builder, operand, component));
    unsigned number = cast<OpResult>(value).getResultNumber();
    result = builder.clone(*op, mapping)->getResult(number);
  }
  restoredValues[key] = result;
  return result;
}

void ResidualRewriter::restoreAll() {
  for (Operation *op : backwardOps) {
    SmallVector<OpOperand *> uses = getRestoredUses(op);
    if (uses.empty())
      continue;
    SmallVector<Value> values;
    for (OpOperand *use : uses)
      values.push_back(use->get());
    openClusters(op, values);
    if (std::optional<Branches> branches = Branches::match(op)) {
      restoreInBranches(*branches, uses, values);
      continue;
    }
    OpBuilder builder(op);
    unsigned component = components.lookup(op);
    for (auto [use, value] : llvm::zip_equal(uses, values))
      use->set(restore(builder, value, component));
  }
}
