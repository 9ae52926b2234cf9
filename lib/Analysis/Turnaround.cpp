//===- Turnaround.cpp - Where forward ends and backward begins ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Analysis/Turnaround.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "approx-act/Interfaces/ResidualOpInterface.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::approx_act;

static bool isLoss(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 0 &&
         isa<FloatType>(tensor.getElementType());
}

static SmallVector<unsigned> findLosses(func::FuncOp func) {
  SmallVector<unsigned> losses;
  for (auto [index, type] : llvm::enumerate(func.getResultTypes()))
    if (isLoss(type))
      losses.push_back(index);
  return losses;
}

std::optional<SmallVector<unsigned>>
approx_act::findForwardResults(func::FuncOp func,
                               ArrayRef<unsigned> requested) {
  if (!requested.empty()) {
    if (*llvm::max_element(requested) >= func.getNumResults())
      return std::nullopt;
    return SmallVector<unsigned>(requested);
  }
  SmallVector<unsigned> losses = findLosses(func);
  if (losses.size() == 1 || (!losses.empty() && losses.front() == 0))
    return SmallVector<unsigned>{losses.front()};
  return std::nullopt;
}

FailureOr<SmallVector<unsigned>>
approx_act::resolveForwardResults(func::FuncOp func,
                                  ArrayRef<unsigned> requested) {
  if (auto found = findForwardResults(func, requested))
    return std::move(*found);
  unsigned count = func.getNumResults();
  for (unsigned index : requested)
    if (index >= count)
      return func.emitError()
             << "forward result " << index << " is out of range: '"
             << func.getName() << "' has " << count << " results";
  InFlightDiagnostic error =
      func.emitError() << "cannot tell which result of '" << func.getName()
                       << "' is the loss: "
                       << (findLosses(func).empty() ? "none" : "more than one")
                       << " is a floating-point scalar";
  error.attachNote() << "name it with the option forward-results=<index>";
  return failure();
}

SmallVector<Value> approx_act::getOperandsAndCaptures(Operation *op) {
  SmallVector<Value> values(op->getOperands());
  if (op->getNumRegions() == 0)
    return values;
  SetVector<Value> captures;
  getUsedValuesDefinedAbove(op->getRegions(), captures);
  llvm::append_range(values, captures);
  return values;
}

SmallVector<Operation *>
approx_act::takeInBlockOrder(llvm::SetVector<Operation *> &set) {
  SmallVector<Operation *> ops = set.takeVector();
  llvm::sort(ops,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return ops;
}

bool approx_act::isCheapOfArguments(Value value) {
  SmallVector<Value> worklist = {value};
  llvm::DenseSet<Value> visited;
  while (!worklist.empty()) {
    Value current = worklist.pop_back_val();
    if (isa<BlockArgument>(current) || !visited.insert(current).second)
      continue;
    auto op = dyn_cast<ResidualOpInterface>(current.getDefiningOp());
    if (!op || op.getRecompute() != Recompute::Cheap)
      return false;
    llvm::append_range(worklist, op->getOperands());
  }
  return true;
}

Turnaround::Turnaround(func::FuncOp func, ArrayRef<unsigned> forwardResults,
                       Value anchor, std::optional<unsigned> numForwardEffects)
    : func(func), anchor(anchor) {
  Operation *terminator = func.getBody().front().getTerminator();
  SmallVector<Value> results;
  for (unsigned index : forwardResults)
    results.push_back(terminator->getOperand(index));
  for (Value result : results)
    addForward(result);
  if (!anchor)
    this->anchor = getLastOf(results);
  assignOthers();
  addEffects(forwardResults, numForwardEffects);
}

void Turnaround::addForward(Value value) {
  reached.insert(value);
  if (Operation *op = value.getDefiningOp())
    addForward(op);
}

void Turnaround::addForward(Operation *op) {
  SmallVector<Operation *> worklist;
  auto visit = [&](Operation *op) {
    auto [it, isNew] = phases.try_emplace(op, Phase::Forward);
    if (!isNew && it->second == Phase::Forward)
      return;
    it->second = Phase::Forward;
    worklist.push_back(op);
  };
  visit(op);
  while (!worklist.empty())
    for (Value value : getOperandsAndCaptures(worklist.pop_back_val())) {
      reached.insert(value);
      if (Operation *definition = value.getDefiningOp())
        visit(definition);
    }
}

void Turnaround::assignOthers() {
  lastForward = nullptr;
  backwardResults.clear();
  for (Operation &op : func.getBody().front()) {
    auto it = phases.find(&op);
    if (it != phases.end() && it->second == Phase::Forward) {
      lastForward = &op;
      if (std::optional<Loop> loop = Loop::match(&op))
        excludeOtherResults(*loop);
      continue;
    }
    auto residualOp = dyn_cast<ResidualOpInterface>(&op);
    bool isDerived =
        residualOp && residualOp.getRecompute() == Recompute::Cheap &&
        op.getNumRegions() == 0 &&
        llvm::all_of(op.getOperands(), [&](Value v) { return isPrimal(v); });
    phases[&op] = isDerived ? Phase::Derived : Phase::Backward;
  }
}

/// Whether the value may be a gradient, and is no statistic of the step.
static bool isFloatTensor(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() > 0 && isa<FloatType>(type.getElementType());
}

/// The ops of the backward pass that gradients are computed from, as far as
/// that can be told: an op behind the loss, which a tensor among the other
/// results is computed from. (Metrics are computed before, or are scalars.)
llvm::DenseSet<Operation *>
Turnaround::findGradients(ArrayRef<unsigned> forwardResults) const {
  Block &block = func.getBody().front();
  Operation *terminator = block.getTerminator();
  llvm::DenseSet<Operation *> ofLoss, ofOthers;
  auto addSlice = [](Value value, llvm::DenseSet<Operation *> &slice) {
    SmallVector<Value> worklist = {value};
    while (!worklist.empty()) {
      Operation *op = worklist.pop_back_val().getDefiningOp();
      if (op && slice.insert(op).second)
        llvm::append_range(worklist, getOperandsAndCaptures(op));
    }
  };
  addSlice(terminator->getOperand(forwardResults.front()), ofLoss);
  for (auto [index, value] : llvm::enumerate(terminator->getOperands()))
    if (!llvm::is_contained(forwardResults, index) && isFloatTensor(value))
      addSlice(value, ofOthers);

  llvm::DenseSet<Operation *> gradients;
  for (Operation &op : llvm::reverse(block)) {
    auto residualOp = dyn_cast<ResidualOpInterface>(&op);
    // Little may be done to the loss in the end, as a division by a count.
    if (ofLoss.contains(&op) &&
        (!residualOp || residualOp.getRecompute() == Recompute::Never))
      break;
    if (ofOthers.contains(&op) && getPhase(&op) == Phase::Backward)
      gradients.insert(&op);
  }
  return gradients;
}

void Turnaround::addEffects(ArrayRef<unsigned> forwardResults,
                            std::optional<unsigned> numForwardEffects) {
  SmallVector<Operation *> effects;
  // Those that the forward pass begins with, whatever they are computed from.
  unsigned numForward = numForwardEffects.value_or(0);
  for (Operation &op : func.getBody().front().without_terminator()) {
    if (!hasSideEffects(&op))
      continue;
    effects.push_back(&op);
    if (getPhase(&op) == Phase::Forward)
      numForward = effects.size();
  }
  if (effects.empty())
    return;

  llvm::DenseSet<Operation *> backward;
  if (numForwardEffects)
    backward.insert(anchor.getDefiningOp());
  else
    backward = findGradients(forwardResults);
  auto isBackward = [&](Value value) {
    return (backwardResults.contains(value) && isFloatTensor(value)) ||
           backward.contains(value.getDefiningOp());
  };
  // Effects keep their order: behind one of the backward pass there is none of
  // the forward pass.
  bool isInForward = true;
  SmallVector<Operation *> forwardEffects;
  SmallVector<Value> forwardOperands;
  unsigned index = 0;
  for (Operation &op : func.getBody().front().without_terminator()) {
    bool dependsOnBackward =
        llvm::any_of(getOperandsAndCaptures(&op), isBackward);
    if (index < effects.size() && effects[index] == &op) {
      isInForward &=
          index++ < numForward || (!numForwardEffects && !dependsOnBackward);
      if (isInForward) {
        forwardEffects.push_back(&op);
        dependsOnBackward = false;
      } else {
        // It waits, but what it is told of the forward pass is exact.
        if (op.getNumRegions() == 0)
          llvm::copy_if(op.getOperands(), std::back_inserter(forwardOperands),
                        [&](Value value) { return !isBackward(value); });
        dependsOnBackward = true;
      }
    }
    if (dependsOnBackward && getPhase(&op) != Phase::Forward)
      backward.insert(&op);
  }
  for (Operation *op : forwardEffects)
    addForward(op);
  for (Value value : forwardOperands)
    addForward(value);
  assignOthers();
}

Value Turnaround::getLastOf(ValueRange values) {
  // A counter is there before the pass is over.
  auto isFloat = [](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type && isa<FloatType>(type.getElementType());
  };
  auto isBefore = [&](Value a, Value b) {
    if (isFloat(a) != isFloat(b))
      return isFloat(b);
    Operation *first = a.getDefiningOp();
    Operation *second = b.getDefiningOp();
    return second && (!first || first->isBeforeInBlock(second));
  };
  return *llvm::max_element(values, isBefore);
}

void Turnaround::excludeOtherResults(const Loop &loop) {
  // A loop may be run for its effects.
  if (llvm::none_of(loop.getOperation()->getResults(),
                    [&](Value result) { return reached.contains(result); }))
    return;
  // What is reached, and what that is computed from in earlier iterations.
  llvm::SetVector<unsigned> forward;
  for (OpResult result : loop.getOperation()->getResults())
    if (reached.contains(result))
      forward.insert(result.getResultNumber());
  auto addArgument = [&](Value value, Block &block) {
    auto argument = dyn_cast<BlockArgument>(value);
    if (argument && argument.getOwner() == &block)
      forward.insert(argument.getArgNumber());
  };
  loop.getCondition().walk([&](Operation *op) {
    for (Value operand : op->getOperands())
      addArgument(operand, loop.getCondition());
  });
  llvm::DenseSet<Value> visited;
  for (unsigned i = 0; i < forward.size(); ++i) {
    SmallVector<Value> worklist = {loop.getYielded(forward[i])};
    while (!worklist.empty()) {
      Value value = worklist.pop_back_val();
      if (!visited.insert(value).second)
        continue;
      addArgument(value, loop.getBody());
      if (Operation *op = value.getDefiningOp())
        llvm::append_range(worklist, getOperandsAndCaptures(op));
    }
  }
  for (OpResult result : loop.getOperation()->getResults())
    if (!forward.contains(result.getResultNumber()) &&
        !loop.isInvariant(result.getResultNumber()))
      backwardResults.insert(result);
}

Phase Turnaround::getPhase(Operation *op) const {
  Operation *ancestor = func.getBody().front().findAncestorOpInBlock(*op);
  auto it = phases.find(ancestor);
  return it == phases.end() ? Phase::Backward : it->second;
}

Phase Turnaround::getPhase(Value value) const {
  if (backwardResults.contains(value))
    return Phase::Backward;
  if (Operation *op = value.getDefiningOp())
    return getPhase(op);
  return Phase::Argument;
}

void Turnaround::sortByPhase() {
  Block &block = func.getBody().front();
  Operation *terminator = block.getTerminator();
  SmallVector<Operation *> backward;
  for (Operation &op : block.without_terminator())
    if (getPhase(&op) == Phase::Backward)
      backward.push_back(&op);
  for (Operation *op : backward)
    op->moveBefore(terminator);
}

void Turnaround::print(raw_ostream &os) const {
  unsigned counts[4] = {0, 0, 0, 0};
  for (Operation &op : func.getBody().front())
    ++counts[static_cast<unsigned>(getPhase(&op))];
  os << "turnaround of '" << func.getName()
     << "': " << counts[static_cast<unsigned>(Phase::Forward)] << " forward, "
     << counts[static_cast<unsigned>(Phase::Derived)] << " derived, "
     << counts[static_cast<unsigned>(Phase::Backward)] << " backward ops\n";
  if (!lastForward)
    return;
  os << "  last forward op: " << lastForward->getName() << " at "
     << lastForward->getLoc() << "\n";
}
