//===- BranchBodies.cpp - Pairs of branches as training steps -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BranchBodies.h"
#include "TrainingStep.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"

using namespace mlir;
using namespace mlir::approx_act;

//===----------------------------------------------------------------------===//
// Two branches as one function
//===----------------------------------------------------------------------===//

PairedBranches::PairedBranches(const Turnaround &turnaround,
                               const BranchPair &pair)
    : pair(pair) {
  Operation *forward = pair.forward.getOperation();
  bool canFill = true;
  for (OpResult result : forward->getResults())
    if (llvm::any_of(result.getUsers(), [&](Operation *user) {
          return !pair.backward.getOperation()->isAncestor(user);
        }))
      kept.push_back(result.getResultNumber());
    else
      canFill &= canCross(result.getType());
  if (kept.empty() || !canFill)
    return;
  for (unsigned i = 0; i < pair.forward.getNumBranches(); ++i)
    makePart(turnaround, i);
}

/// Copies the ops that `value` is computed from, if these are constants only.
static bool copyConstant(Value value, OpBuilder &builder, IRMapping &mapping) {
  llvm::SetVector<Operation *> ops;
  SmallVector<Value> worklist = {value};
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val().getDefiningOp();
    if (!op)
      return false;
    if (!mapping.contains(op->getResult(0)) && ops.insert(op))
      llvm::append_range(worklist, op->getOperands());
  }
  SmallVector<Operation *> sorted = takeInBlockOrder(ops);
  for (Operation *op : sorted)
    builder.clone(*op, mapping);
  return true;
}

void PairedBranches::collectCaptures(const Turnaround &turnaround,
                                     unsigned branch, OpBuilder &builder,
                                     IRMapping &mapping, Part &part) {
  Operation *forward = pair.forward.getOperation();
  llvm::SetVector<Value> captures = getCaptures(pair.forward.getRegion(branch));
  captures.insert_range(getCaptures(pair.backward.getRegion(branch)));
  for (Value value : captures) {
    Operation *op = value.getDefiningOp();
    if (op == forward)
      continue;
    // What comes after the forward op is not known to it.
    if (op && (turnaround.getPhase(value) == Phase::Backward ||
               !op->isBeforeInBlock(forward)))
      part.backwardCaptures.push_back(value);
    else if (!isCheapOfArguments(value))
      part.forwardCaptures.push_back(value);
    else if (!copyConstant(value, builder, mapping))
      part.arguments.push_back(value);
  }
  // So that there is something to wait for.
  if (part.backwardCaptures.empty())
    part.backwardCaptures.push_back(pair.backward.getSelector());
}

void PairedBranches::makePart(const Turnaround &turnaround, unsigned branch) {
  Part &part = parts.emplace_back();
  Location loc = pair.forward.getOperation()->getLoc();
  part.step = makeFunction(loc, {});
  Block &block = part.step->getBody().front();
  OpBuilder builder = OpBuilder::atBlockEnd(&block);
  IRMapping mapping;
  collectCaptures(turnaround, branch, builder, mapping, part);
  part.forwardEntry = IterationOp::create(
      builder, loc, ValueRange(part.forwardCaptures).getTypes());
  mapping.map(part.forwardCaptures, part.forwardEntry->getResults());
  for (Value value : part.arguments)
    mapping.map(value, block.addArgument(value.getType(), value.getLoc()));

  Operation *forward = pair.forward.getOperation();
  for (Operation &op : pair.forward.getOps(branch))
    builder.clone(op, mapping);
  for (OpResult result : forward->getResults())
    mapping.map(Value(result), mapping.lookupOrDefault(pair.forward.getYielded(
                                   branch, result.getResultNumber())));
  SmallVector<Value> results;
  for (unsigned i : kept)
    results.push_back(mapping.lookup(Value(forward->getResult(i))));
  part.bodies.numForwardResults = results.size();
  part.bodies.numForwardEffects = countEffects(block);

  part.bodies.entry =
      IterationOp::create(builder, pair.backward.getOperation()->getLoc(),
                          ValueRange(part.backwardCaptures).getTypes());
  mapping.map(part.backwardCaptures, part.bodies.entry->getResults());
  for (Operation &op : pair.backward.getOps(branch))
    builder.clone(op, mapping);
  Operation *terminator = pair.backward.getBlock(branch).getTerminator();
  for (Value value : terminator->getOperands())
    results.push_back(mapping.lookupOrDefault(value));
  part.step->setType(FunctionType::get(builder.getContext(),
                                       block.getArgumentTypes(), TypeRange()));
  endFunction(*part.step, results);

  // What is not read any more is no use of anything. (An entry has no model,
  // and so is not dead.)
  eraseDeadOps(block);
  // The entry of the backward branch comes before everything, so that it is
  // first among the ops of its pass.
  part.backwardBegin = part.bodies.entry->getNextNode();
  part.bodies.entry->moveBefore(&block, block.begin());
}

void PairedBranches::leaveAsMade(Part &part) {
  part.bodies.entry->moveBefore(part.backwardBegin);
}

//===----------------------------------------------------------------------===//
// One function as two branches
//===----------------------------------------------------------------------===//

void PairedBranches::assignResults(ArrayRef<SmallVector<Value>> crossing) {
  crossingValues.assign(parts.size(), {});
  for (auto [values, assigned] : llvm::zip(crossing, crossingValues)) {
    assigned.assign(crossingTypes.size(), {});
    for (Value value : values) {
      unsigned index = 0;
      while (index < assigned.size() &&
             (assigned[index] || crossingTypes[index] != value.getType()))
        ++index;
      if (index == assigned.size()) {
        crossingTypes.push_back(value.getType());
        assigned.emplace_back();
      }
      assigned[index] = value;
    }
  }
  for (SmallVector<Value> &assigned : crossingValues)
    assigned.resize(crossingTypes.size());
}

void PairedBranches::fillForward(const Branches &made, unsigned branch) {
  Part &part = parts[branch];
  Block &block = made.getBlock(branch);
  auto terminator =
      cast<func::ReturnOp>(part.step->getBody().front().getTerminator());
  SmallVector<Value> yielded(
      terminator.getOperands().take_front(part.bodies.numForwardResults));
  moveOps(part.forwardEntry, part.bodies.entry, block);

  // Nobody reads what another branch would have returned.
  OpBuilder builder = OpBuilder::atBlockEnd(&block);
  StableHLOBuilder hlo(builder, made.getOperation()->getLoc());
  for (auto [value, type] : llvm::zip(crossingValues[branch], crossingTypes)) {
    auto tensor = cast<RankedTensorType>(type);
    yielded.push_back(value
                          ? value
                          : hlo.broadcastInDim(
                                hlo.splat(tensor.clone(ArrayRef<int64_t>()), 0),
                                tensor.getShape(), {}));
  }
  made.yield(branch, yielded);
  for (auto [value, by] :
       llvm::zip_equal(part.forwardEntry->getResults(), part.forwardCaptures))
    replaceInBlock(value, by, block);
  for (auto [value, by] :
       llvm::zip_equal(part.step->getArguments(), part.arguments))
    replaceInBlock(value, by, block);
}

void PairedBranches::fillBackward(const Branches &made, unsigned branch,
                                  const Branches &forward) {
  Part &part = parts[branch];
  Block &block = made.getBlock(branch);
  auto terminator =
      cast<func::ReturnOp>(part.step->getBody().front().getTerminator());
  auto replace = [&](Value value, Value by) {
    value.replaceUsesWithIf(
        by, [&](OpOperand &use) { return part.bodies.isInBackward(use); });
  };
  for (auto [value, by] :
       llvm::zip_equal(part.forwardEntry->getResults(), part.forwardCaptures))
    replace(value, by);
  ResultRange results = forward.getOperation()->getResults();
  unsigned numKept = part.bodies.numForwardResults;
  for (auto [value, by] :
       llvm::zip(terminator.getOperands(), results.take_front(numKept)))
    if (part.bodies.isForward(value))
      replace(value, by);
  for (auto [value, by] :
       llvm::zip_equal(crossingValues[branch], results.drop_front(numKept)))
    if (value)
      replace(value, by);

  SmallVector<Value> yielded(terminator.getOperands().drop_front(numKept));
  moveOps(part.bodies.entry, terminator, block);
  made.yield(branch, yielded);
  for (auto [value, by] :
       llvm::zip_equal(part.bodies.entry->getResults(), part.backwardCaptures))
    replaceInBlock(value, by, block);
  for (auto [value, by] :
       llvm::zip_equal(part.step->getArguments(), part.arguments))
    replaceInBlock(value, by, block);
}

FailureOr<PairedBranches::Replacement> PairedBranches::replaceBranches() {
  SmallVector<SmallVector<Value>> crossing;
  for (Part &part : parts) {
    // An op without operands may be anywhere.
    Block &block = part.step->getBody().front();
    part.forwardEntry->moveBefore(&block, block.begin());
    llvm::SetVector<Value> values = part.bodies.findCrossing();
    for (Value value : part.forwardEntry->getResults())
      values.remove(value);
    for (Value value : block.getTerminator()->getOperands().take_front(
             part.bodies.numForwardResults))
      values.remove(value);
    if (!llvm::all_of(values, [](Value v) { return canCross(v.getType()); }))
      return failure();
    crossing.push_back(values.takeVector());
  }
  assignResults(crossing);

  Operation *oldForward = pair.forward.getOperation();
  Operation *oldBackward = pair.backward.getOperation();
  SmallVector<Type> types;
  for (unsigned i : kept)
    types.push_back(oldForward->getResult(i).getType());
  llvm::append_range(types, crossingTypes);
  OpBuilder builder(oldForward);
  Value selector = pair.forward.getSelector();
  Branches forward =
      pair.forward.cloneWithoutBranches(builder, selector, types);
  builder.setInsertionPoint(oldBackward);
  Branches backward = pair.backward.cloneWithoutBranches(
      builder, selector, oldBackward->getResultTypes());
  for (unsigned i = 0; i < parts.size(); ++i) {
    // The backward part first: afterwards nothing in it refers to the other.
    fillBackward(backward, i, forward);
    fillForward(forward, i);
  }
  oldBackward->replaceAllUsesWith(backward.getOperation());
  oldBackward->erase();
  for (auto [number, i] : llvm::enumerate(kept))
    oldForward->getResult(i).replaceAllUsesWith(
        forward.getOperation()->getResult(number));
  oldForward->erase();
  return Replacement{
      forward.getOperation(), backward.getOperation(),
      forward.getOperation()->getResults().take_back(crossingTypes.size())};
}
