//===- CaptureDemands.cpp - What branches demand of captures --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Analysis/CaptureDemands.h"
#include "approx-act/Analysis/Residuals.h"
#include "approx-act/Analysis/SmoothFunction.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/Dialect/StableHLO/Branches.h"

using namespace mlir;
using namespace mlir::approx_act;

void approx_act::propagateDemand(
    Operation *op, Demand ofResult,
    llvm::function_ref<void(Value, Demand)> demand) {
  if (ofResult == Demand::None)
    return;
  if (ofResult != Demand::Exact && op->getNumResults() == 1) {
    Value result = op->getResult(0);
    // A denominator is as safe for readers who take any approximation.
    if (auto function = ofResult == Demand::Function
                            ? findSafeDenominator(result)
                            : findSmoothFunction(result))
      return demand(function->argument, Demand::Approximate);
  }
  for (OpOperand &operand : op->getOpOperands()) {
    Demand ofOperand = getDemand(op, operand.getOperandNumber());
    // A function of something exact is exact only if all of it is.
    if (ofOperand != Demand::None)
      demand(operand.get(),
             ofResult == Demand::Exact ? Demand::Exact : ofOperand);
  }
}

namespace {
/// The demands of the branches of one op on values inside and outside.
class RegionDemands {
public:
  explicit RegionDemands(const Turnaround &turnaround)
      : turnaround(turnaround) {}

  void visit(const Branches &branches) {
    for (unsigned i = 0; i < branches.getNumBranches(); ++i) {
      findPrimal(branches, i);
      visitBranch(branches, i);
    }
  }

  llvm::DenseMap<Value, Demand> take() { return std::move(demands); }

private:
  void findPrimal(const Branches &branches, unsigned branch);
  void visitBranch(const Branches &branches, unsigned branch);
  void join(Value value, Demand demand);

  bool isPrimal(Value value) const {
    return primal.contains(value) ||
           (value.getParentRegion() == &turnaround.getFunction().getBody() &&
            turnaround.isPrimal(value));
  }

  const Turnaround &turnaround;
  llvm::DenseMap<Value, Demand> demands;
  /// Values inside that are computed from forward values by cheap ops alone.
  llvm::DenseSet<Value> primal;
};
} // namespace

void RegionDemands::join(Value value, Demand demand) {
  if (demand == Demand::None)
    return;
  if (demand == Demand::Side || !isApproximable(value.getType()))
    demand = Demand::Exact;
  Demand &known = demands.try_emplace(value, demand).first->second;
  known = std::max(known, demand);
}

void RegionDemands::findPrimal(const Branches &branches, unsigned branch) {
  for (Operation &op : branches.getOps(branch)) {
    if (auto barrier = dyn_cast<BarrierOp>(op)) {
      for (auto [input, output] :
           llvm::zip_equal(barrier.getInputs(), barrier.getOutputs()))
        if (isPrimal(input))
          primal.insert(output);
      continue;
    }
    if (isCheap(&op) && op.getNumResults() == 1 &&
        llvm::all_of(op.getOperands(), [&](Value v) { return isPrimal(v); }))
      primal.insert(op.getResult(0));
  }
}

void RegionDemands::visitBranch(const Branches &branches, unsigned branch) {
  Block &block = branches.getBlock(branch);
  for (Operation &op : llvm::reverse(block)) {
    if (&op == block.getTerminator()) {
      // Nothing is known of who reads the results.
      for (Value value : op.getOperands())
        join(value, Demand::Exact);
      continue;
    }
    if (auto barrier = dyn_cast<BarrierOp>(op)) {
      for (auto [input, output] :
           llvm::zip_equal(barrier.getInputs(), barrier.getOutputs()))
        join(input, demands.lookup(output));
      continue;
    }
    // What is computed from forward values is as exact as its readers want it.
    if (op.getNumResults() == 1 && primal.contains(op.getResult(0))) {
      propagateDemand(&op, demands.lookup(op.getResult(0)),
                      [&](Value v, Demand demand) { join(v, demand); });
      continue;
    }
    for (OpOperand &operand : op.getOpOperands())
      join(operand.get(),
           approx_act::getDemand(&op, operand.getOperandNumber()));
    if (std::optional<Branches> inner = Branches::match(&op)) {
      visit(*inner);
      continue;
    }
    SmallVector<Value> read = getOperandsAndCaptures(&op);
    for (Value value : ArrayRef(read).drop_front(op.getNumOperands()))
      join(value, Demand::Exact);
  }
}

Demand CaptureDemands::getDemand(OpOperand &use) {
  Operation *user = use.getOwner();
  Block &block = turnaround.getFunction().getBody().front();
  Operation *op = block.findAncestorOpInBlock(*user);
  return op == user ? approx_act::getDemand(op, use.getOperandNumber())
                    : getCaptureDemand(op, use.get());
}

Demand CaptureDemands::getCaptureDemand(Operation *op, Value value) {
  std::optional<Branches> branches = Branches::match(op);
  if (!branches)
    return Demand::Exact;
  auto [it, inserted] = known.try_emplace(op);
  if (inserted) {
    RegionDemands demands(turnaround);
    demands.visit(*branches);
    it->second = demands.take();
  }
  return it->second.lookup(value);
}
