//===- Turnaround.cpp - Where forward ends and backward begins ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Analysis/Turnaround.h"
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

FailureOr<SmallVector<unsigned>>
approx_act::resolveForwardResults(func::FuncOp func,
                                  ArrayRef<unsigned> requested) {
  unsigned count = func.getNumResults();
  for (unsigned index : requested)
    if (index >= count)
      return func.emitError()
             << "forward result " << index << " is out of range: '"
             << func.getName() << "' has " << count << " results";
  if (!requested.empty())
    return SmallVector<unsigned>(requested);

  SmallVector<unsigned> losses;
  for (auto [index, type] : llvm::enumerate(func.getResultTypes()))
    if (isLoss(type))
      losses.push_back(index);
  if (losses.size() == 1 || (!losses.empty() && losses.front() == 0))
    return SmallVector<unsigned>{losses.front()};
  InFlightDiagnostic error = func.emitError()
                             << "cannot tell which result of '"
                             << func.getName() << "' is the loss: "
                             << (losses.empty() ? "none" : "more than one")
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
                       Value anchor)
    : func(func), anchor(anchor) {
  Block &block = func.getBody().front();
  Operation *terminator = block.getTerminator();

  // Forward: the backward slice of the forward results.
  SmallVector<Operation *> worklist;
  llvm::DenseSet<Value> reached;
  auto visit = [&](Value value) {
    reached.insert(value);
    Operation *op = value.getDefiningOp();
    if (op && phases.try_emplace(op, Phase::Forward).second)
      worklist.push_back(op);
  };
  SmallVector<Value> results;
  for (unsigned index : forwardResults)
    results.push_back(terminator->getOperand(index));
  llvm::for_each(results, visit);
  if (!anchor)
    this->anchor = getLastOf(results);
  while (!worklist.empty())
    llvm::for_each(getOperandsAndCaptures(worklist.pop_back_val()), visit);

  for (Operation &op : block) {
    auto it = phases.find(&op);
    if (it != phases.end()) {
      lastForward = &op;
      if (std::optional<Loop> loop = Loop::match(&op))
        excludeOtherResults(*loop, reached);
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

void Turnaround::excludeOtherResults(const Loop &loop,
                                     const llvm::DenseSet<Value> &reached) {
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
