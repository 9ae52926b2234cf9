//===- LoopBodies.cpp - Bodies of loops as training steps -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoopBodies.h"
#include "TrainingStep.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "approx-act/Interfaces/ResidualOpInterface.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::approx_act;

/// The ops behind `entry` that `value` is computed from, moved directly behind
/// it. Returns the last of them, or `entry`.
static Operation *moveBehind(Operation *entry, Value value) {
  llvm::SetVector<Operation *> slice;
  auto add = [&](Value v) {
    Operation *op = v.getDefiningOp();
    if (op && op->getBlock() == entry->getBlock() && entry->isBeforeInBlock(op))
      slice.insert(op);
  };
  add(value);
  for (unsigned i = 0; i < slice.size(); ++i)
    llvm::for_each(getOperandsAndCaptures(slice[i]), add);
  SmallVector<Operation *> ops = takeInBlockOrder(slice);
  Operation *last = entry;
  for (Operation *op : ops) {
    op->moveAfter(last);
    last = op;
  }
  return last;
}

/// The value that `element`, of shape 1×…, is with a unit dimension before it.
static Value dropUnitDim(Value element) {
  Operation *def = element.getDefiningOp();
  if (!computes(def, ScalarFunction::Broadcast) &&
      !computes(def, ScalarFunction::Reshape))
    return element;
  auto op = cast<ResidualOpInterface>(def);
  Value value = op->getOperand(0);
  auto type = cast<RankedTensorType>(element.getType());
  auto valueType = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> dims = op.getDimensions();
  bool isOnlyUnitDim =
      valueType.getShape() == type.getShape().drop_front() &&
      llvm::equal(dims, llvm::seq<int64_t>(1, 1 + dims.size()));
  return isOnlyUnitDim ? value : element;
}

//===----------------------------------------------------------------------===//
// PairedBodies: two bodies as one function
//===----------------------------------------------------------------------===//

PairedBodies::PairedBodies(LoopPair loops) : pair(std::move(loops)) {
  collectInvariants();
  SmallVector<Type> types;
  for (const Invariant &invariant : invariants)
    types.push_back(invariant.value.getType());
  types.push_back(pair.writeIndex.getType());
  step = makeFunction(pair.forward.getOperation()->getLoc(), types);
  block = &step->getBody().front();
  index = block->getArguments().back();
  copyForward();
  copyBackward();
}

void PairedBodies::collectInvariants() {
  // A source is handed over element by element, and not known to the backward
  // loop.
  llvm::DenseSet<unsigned> stacks;
  for (const Stack &stack : pair.stacks) {
    stacks.insert(stack.backwardArgument);
    if (stack.isSource)
      sources.insert(stack.forwardArgument);
  }
  for (unsigned i = 0, e = pair.forward.getNumArguments(); i < e; ++i)
    if (pair.forward.isInvariant(i) && !sources.contains(i))
      invariants.push_back({pair.forward.getInit(i), i, std::nullopt});
  for (Value value : getCaptures(*pair.forward.getBody().getParent()))
    invariants.push_back({value, std::nullopt, std::nullopt});
  for (Invariant &invariant : invariants)
    for (unsigned i = 0, e = pair.backward.getNumArguments(); i < e; ++i)
      if (pair.backward.isInvariant(i) && !stacks.contains(i) &&
          pair.backward.getInit(i) == invariant.value)
        invariant.backwardArgument = i;
}

void PairedBodies::copyForward() {
  const Loop &loop = pair.forward;
  IRMapping mapping;
  for (auto [invariant, argument] :
       llvm::zip(invariants, block->getArguments())) {
    if (invariant.forwardArgument)
      mapping.map(loop.getArgument(*invariant.forwardArgument), argument);
    else
      mapping.map(invariant.value, argument);
  }
  llvm::DenseSet<unsigned> dropped;
  for (const Stack &stack : pair.stacks)
    if (!stack.isUsedElsewhere)
      dropped.insert(stack.forwardArgument);

  SmallVector<Type> types;
  for (unsigned i = 0, e = loop.getNumArguments(); i < e; ++i) {
    if ((loop.isInvariant(i) && !sources.contains(i)) || dropped.contains(i))
      continue;
    forwardCarried.push_back(i);
    types.push_back(loop.getArgument(i).getType());
  }
  OpBuilder builder = OpBuilder::atBlockEnd(block);
  forwardEntry =
      IterationOp::create(builder, loop.getOperation()->getLoc(), types);
  for (auto [i, value] : llvm::zip(forwardCarried, forwardEntry.getResults()))
    mapping.map(loop.getArgument(i), value);

  llvm::DenseSet<Operation *> droppedWrites;
  for (unsigned i : dropped)
    droppedWrites.insert(loop.getYielded(i).getDefiningOp());
  for (Operation &op : loop.getBodyOps())
    if (!droppedWrites.contains(&op))
      builder.clone(op, mapping);

  bodies.numForwardEffects = countEffects(*block);

  // Both loops know the index, so what follows from it is not stored.
  writeIndex = mapping.lookup(pair.writeIndex);
  writeIndex.replaceAllUsesWith(index);

  SmallVector<Value> results;
  for (unsigned i : forwardCarried)
    results.push_back(mapping.lookupOrDefault(loop.getYielded(i)));
  results.push_back(writeIndex);
  for (Stack &stack : pair.stacks)
    stack.element = mapping.lookupOrDefault(stack.element);
  // The backward loop adds its results.
  bodies.numForwardResults = results.size();
  endFunction(*step, results);
}

void PairedBodies::copyBackward() {
  const Loop &loop = pair.backward;
  IRMapping mapping;
  llvm::DenseSet<unsigned> known;
  for (auto [invariant, argument] :
       llvm::zip(invariants, block->getArguments())) {
    if (invariant.backwardArgument) {
      mapping.map(loop.getArgument(*invariant.backwardArgument), argument);
      known.insert(*invariant.backwardArgument);
    }
    mapping.map(invariant.value, argument);
  }
  /// Ops whose results are those of ops of the forward loop.
  llvm::DenseSet<Operation *> copied;
  for (const Stack &stack : pair.stacks) {
    known.insert(stack.backwardArgument);
    for (Operation *read : stack.reads) {
      copied.insert(read);
      mapping.map(read->getResult(0), stack.element);
      // What is read is what was written, not an arrangement of it.
      Value value = dropUnitDim(stack.element);
      for (Operation *user : read->getUsers()) {
        if (!computes(user, ScalarFunction::Reshape) ||
            user->getResult(0).getType() != value.getType())
          continue;
        copied.insert(user);
        mapping.map(user->getResult(0), value);
      }
    }
  }

  SmallVector<Value> carried;
  for (unsigned i = 0, e = loop.getNumArguments(); i < e; ++i) {
    if (known.contains(i))
      continue;
    backwardCarried.push_back(i);
    carried.push_back(loop.getArgument(i));
  }
  for (Value value : getCaptures(*loop.getBody().getParent()))
    if (!mapping.contains(value))
      backwardCaptures.push_back(value);
  llvm::append_range(carried, backwardCaptures);
  // Before everything, so that it comes first among the ops of its pass.
  OpBuilder builder = OpBuilder::atBlockBegin(block);
  bodies.entry = IterationOp::create(builder, loop.getOperation()->getLoc(),
                                     ValueRange(carried).getTypes());
  mapping.map(carried, bodies.entry.getResults());

  auto terminator = cast<func::ReturnOp>(block->getTerminator());
  builder.setInsertionPoint(terminator);
  for (Operation &op : loop.getBodyOps())
    if (!copied.contains(&op))
      builder.clone(op, mapping);
  readIndex = mapping.lookup(pair.readIndex);
  SmallVector<Value> results(terminator.getOperands());
  for (unsigned i : backwardCarried)
    results.push_back(mapping.lookupOrDefault(loop.getYielded(i)));
  results.push_back(readIndex);
  terminator.erase();
  endFunction(*step, results);
  // Arrangements of elements that have no stack any more are no uses of them.
  eraseDeadOps(*block);
}

//===----------------------------------------------------------------------===//
// PairedBodies: one function as two bodies
//===----------------------------------------------------------------------===//

Loop PairedBodies::makeForwardLoop(ArrayRef<Value> crossing) {
  const Loop &loop = pair.forward;
  SmallVector<unsigned> kept;
  SmallVector<Value> inits;
  for (const Invariant &invariant : invariants)
    if (invariant.forwardArgument)
      kept.push_back(*invariant.forwardArgument);
  llvm::append_range(kept, forwardCarried);
  llvm::sort(kept);
  for (unsigned i : kept)
    inits.push_back(loop.getInit(i));
  OpBuilder builder(loop.getOperation());
  for (Value value : crossing) {
    StableHLOBuilder hlo(builder, value.getLoc());
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape.insert(shape.begin(), pair.tripCount);
    Value zero = hlo.splat(type.clone(ArrayRef<int64_t>()), 0);
    inits.push_back(hlo.broadcastInDim(zero, shape, {}));
  }
  Loop made = loop.cloneWithoutBody(kept, inits);
  for (auto [number, i] : llvm::enumerate(kept)) {
    forwardNumbers[i] = number;
    loop.getOperation()->getResult(i).replaceAllUsesWith(
        made.getOperation()->getResult(number));
  }
  return made;
}

Loop PairedBodies::makeBackwardLoop(ArrayRef<Value> crossing,
                                    const Loop &forwardLoop) {
  const Loop &loop = pair.backward;
  SmallVector<unsigned> kept(backwardCarried);
  for (const Invariant &invariant : invariants)
    if (invariant.backwardArgument)
      kept.push_back(*invariant.backwardArgument);
  llvm::sort(kept);
  SmallVector<Value> inits;
  for (unsigned i : kept)
    inits.push_back(loop.getInit(i));
  // What only the forward loop had to know, and the backward loop now computes
  // from.
  unsigned added = pair.backward.getNumArguments();
  for (auto [invariant, argument] :
       llvm::zip(invariants, block->getArguments())) {
    if (invariant.backwardArgument || !invariant.forwardArgument ||
        llvm::none_of(argument.getUses(),
                      [&](OpOperand &use) { return bodies.isInBackward(use); }))
      continue;
    invariant.backwardArgument = added;
    backwardNumbers[added++] = inits.size();
    inits.push_back(invariant.value);
  }
  llvm::append_range(inits, forwardLoop.getOperation()->getResults().take_back(
                                crossing.size()));
  Loop made = loop.cloneWithoutBody(kept, inits);
  for (auto [number, i] : llvm::enumerate(kept)) {
    backwardNumbers[i] = number;
    loop.getOperation()->getResult(i).replaceAllUsesWith(
        made.getOperation()->getResult(number));
  }
  return made;
}

void PairedBodies::fillForward(const Loop &loop, ArrayRef<Value> crossing) {
  moveBehind(forwardEntry, writeIndex);
  moveOps(forwardEntry, bodies.entry, loop.getBody());
  auto terminator = cast<func::ReturnOp>(block->getTerminator());
  SmallVector<Value> yielded(loop.getBody().getArguments());
  for (auto [i, value] : llvm::zip(forwardCarried, terminator.getOperands()))
    yielded[forwardNumbers.lookup(i)] = value;

  OpBuilder builder = OpBuilder::atBlockEnd(&loop.getBody());
  for (auto [stack, value] :
       llvm::zip(MutableArrayRef(yielded).take_back(crossing.size()), crossing))
    stack = StableHLOBuilder(builder, value.getLoc())
                .writeStack(stack, value, writeIndex);
  loop.yield(yielded);

  auto replace = [&](Value value, Value by) {
    replaceInBlock(value, by, loop.getBody());
  };
  for (auto [i, value] : llvm::zip(forwardCarried, forwardEntry.getResults()))
    replace(value, loop.getArgument(forwardNumbers.lookup(i)));
  if (writeIndex.getDefiningOp() == forwardEntry)
    writeIndex = loop.getArgument(forwardNumbers.lookup(
        forwardCarried[cast<OpResult>(writeIndex).getResultNumber()]));
  replace(index, writeIndex);
  for (auto [invariant, argument] :
       llvm::zip(invariants, block->getArguments()))
    replace(argument, invariant.forwardArgument
                          ? Value(loop.getArgument(forwardNumbers.lookup(
                                *invariant.forwardArgument)))
                          : invariant.value);
}

void PairedBodies::fillBackward(const Loop &loop, ArrayRef<Value> crossing) {
  auto terminator = cast<func::ReturnOp>(block->getTerminator());
  Operation *last = moveBehind(bodies.entry, readIndex);
  OpBuilder builder(step->getContext());
  builder.setInsertionPointAfter(last);
  for (auto [stack, value] :
       llvm::zip(loop.getBody().getArguments().take_back(crossing.size()),
                 crossing)) {
    Value element =
        StableHLOBuilder(builder, value.getLoc()).readStack(stack, readIndex);
    Value(value).replaceUsesWithIf(
        element, [&](OpOperand &use) { return bodies.isInBackward(use); });
  }
  ValueRange results =
      terminator.getOperands().drop_front(bodies.numForwardResults);
  SmallVector<Value> yielded(loop.getBody().getArguments());
  for (auto [i, value] : llvm::zip(backwardCarried, results))
    yielded[backwardNumbers.lookup(i)] = value;

  moveOps(bodies.entry, terminator, loop.getBody());
  loop.yield(yielded);
  SmallVector<Value> carried;
  for (unsigned i : backwardCarried)
    carried.push_back(loop.getArgument(backwardNumbers.lookup(i)));
  llvm::append_range(carried, backwardCaptures);
  if (readIndex.getDefiningOp() == bodies.entry)
    readIndex = carried[cast<OpResult>(readIndex).getResultNumber()];
  auto replace = [&](Value value, Value by) {
    replaceInBlock(value, by, loop.getBody());
  };
  for (auto [value, by] : llvm::zip_equal(bodies.entry.getResults(), carried))
    replace(value, by);
  replace(index, readIndex);
  for (auto [invariant, argument] :
       llvm::zip(invariants, block->getArguments()))
    replace(argument, invariant.backwardArgument
                          ? Value(loop.getArgument(backwardNumbers.lookup(
                                *invariant.backwardArgument)))
                          : invariant.value);
}

FailureOr<SmallVector<Value>> PairedBodies::replaceLoops() {
  SmallVector<Value> crossing = bodies.findCrossing().takeVector();
  if (!llvm::all_of(crossing, [](Value v) { return canCross(v.getType()); }))
    return failure();
  Loop forward = makeForwardLoop(crossing);
  Loop backward = makeBackwardLoop(crossing, forward);
  // The backward part first: afterwards nothing in it refers to the other.
  fillBackward(backward, crossing);
  fillForward(forward, crossing);
  pair.backward.getOperation()->erase();
  pair.forward.getOperation()->erase();
  return SmallVector<Value>(
      forward.getOperation()->getResults().take_back(crossing.size()));
}

//===----------------------------------------------------------------------===//
// StepBody
//===----------------------------------------------------------------------===//

SmallVector<unsigned>
StepBody::findForwardResults(const Turnaround &turnaround) const {
  SmallVector<unsigned> results;
  bool isAnyOther = false;
  for (OpResult result : loop.getOperation()->getResults()) {
    if (loop.isInvariant(result.getResultNumber()))
      continue;
    if (turnaround.getPhase(result) == Phase::Forward)
      results.push_back(result.getResultNumber());
    else
      isAnyOther = true;
  }
  return isAnyOther ? results : SmallVector<unsigned>();
}

func::FuncOp StepBody::makeStep() {
  captures = getCaptures(*loop.getBody().getParent());
  SmallVector<Type> types(loop.getBody().getArgumentTypes());
  for (Value value : captures)
    types.push_back(value.getType());
  step = makeFunction(loop.getOperation()->getLoc(), types);
  Block &block = step->getBody().front();
  unsigned count = loop.getNumArguments();
  IRMapping mapping;
  mapping.map(loop.getBody().getArguments(),
              block.getArguments().take_front(count));
  mapping.map(captures.getArrayRef(), block.getArguments().drop_front(count));
  OpBuilder builder = OpBuilder::atBlockEnd(&block);
  for (Operation &op : loop.getBodyOps())
    builder.clone(op, mapping);
  SmallVector<Value> results;
  for (unsigned i = 0; i < count; ++i)
    results.push_back(mapping.lookupOrDefault(loop.getYielded(i)));
  endFunction(*step, results);
  return *step;
}

void StepBody::replaceBody() {
  Block &from = step->getBody().front();
  Block &body = loop.getBody();
  Operation *terminator = body.getTerminator();
  terminator->setOperands(from.getTerminator()->getOperands());
  from.getTerminator()->erase();
  while (&body.front() != terminator) {
    Operation *op = terminator->getPrevNode();
    op->erase();
  }
  body.getOperations().splice(body.begin(), from.getOperations());
  unsigned count = loop.getNumArguments();
  for (auto [argument, by] :
       llvm::zip(from.getArguments().take_front(count), body.getArguments()))
    argument.replaceAllUsesWith(by);
  for (auto [argument, by] :
       llvm::zip(from.getArguments().drop_front(count), captures))
    argument.replaceAllUsesWith(by);
}
