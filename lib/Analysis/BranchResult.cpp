//===- BranchResult.cpp - A result of branches computed again -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Analysis/BranchResult.h"
#include "approx-act/Analysis/CaptureDemands.h"
#include "approx-act/Analysis/Residuals.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::approx_act;

/// The ops of `block` that `value` is computed from, in program order; fails
/// when one of them is not cheap.
static std::optional<SmallVector<Operation *>> getCheapSlice(Block &block,
                                                             Value value) {
  llvm::SetVector<Operation *> slice;
  SmallVector<Value> worklist = {value};
  while (!worklist.empty()) {
    Operation *op = skipBarriers(worklist.pop_back_val()).getDefiningOp();
    if (!op || op->getBlock() != &block || !slice.insert(op))
      continue;
    if (!isCheap(op) || op->getNumResults() != 1)
      return std::nullopt;
    llvm::append_range(worklist, op->getOperands());
  }
  return takeInBlockOrder(slice);
}

std::optional<BranchResult> BranchResult::match(Value value) {
  auto result = dyn_cast<OpResult>(value);
  std::optional<Branches> branches =
      result ? Branches::match(result.getOwner()) : std::nullopt;
  if (!branches || !isApproximable(value.getType()))
    return std::nullopt;
  BranchResult found(*branches);
  auto demandOf = [&](Value source, Demand demand) {
    Demand &known = found.sources[source];
    known = std::max(known, demand);
  };
  demandOf(branches->getSelector(), Demand::Exact);
  for (unsigned i = 0; i < branches->getNumBranches(); ++i) {
    Block &block = branches->getBlock(i);
    Value yielded =
        skipBarriers(branches->getYielded(i, result.getResultNumber()));
    auto slice = getCheapSlice(block, yielded);
    if (!slice)
      return std::nullopt;
    llvm::DenseMap<Value, Demand> demands = {{yielded, Demand::Approximate}};
    for (Operation *op : llvm::reverse(*slice))
      propagateDemand(op, demands.lookup(op->getResult(0)),
                      [&](Value v, Demand demand) {
                        // No codes know of a threshold in a branch.
                        if (demand == Demand::Side)
                          demand = Demand::Exact;
                        Demand &known = demands[skipBarriers(v)];
                        known = std::max(known, demand);
                      });
    for (Operation *op : *slice)
      for (Value operand : op->getOperands())
        if (Value source = skipBarriers(operand);
            source.getParentBlock() != &block)
          demandOf(source, demands.lookup(source));
    if (yielded.getParentBlock() != &block)
      demandOf(yielded, Demand::Approximate);
    found.slices.push_back(std::move(*slice));
    found.values.push_back(yielded);
  }
  return found;
}

Value BranchResult::compute(OpBuilder &builder, Value selector,
                            RestoreFn restore) const {
  Branches made = branches.cloneWithoutBranches(builder, selector,
                                                values.front().getType());
  for (auto [i, slice, value] : llvm::enumerate(slices, values)) {
    Block &block = made.getBlock(i);
    OpBuilder inner = OpBuilder::atBlockBegin(&block);
    IRMapping mapping;
    auto lookup = [&, i = i](Value v) {
      Value source = skipBarriers(v);
      if (!mapping.contains(source))
        mapping.map(source, restore(inner, i, source));
      return mapping.lookup(source);
    };
    for (Operation *op : slice) {
      for (Value operand : op->getOperands())
        mapping.map(operand, lookup(operand));
      inner.clone(*op, mapping);
    }
    made.yield(i, lookup(value));
  }
  return made.getOperation()->getResult(0);
}
