//===- Branches.cpp - StableHLO's branches as the passes see them ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Dialect/StableHLO/Branches.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"

using namespace mlir;
using namespace mlir::approx_act;

std::optional<Branches> Branches::match(Operation *op) {
  bool isChoice = isStableHLOOp(op, "case") ||
                  (isStableHLOOp(op, "if") && op->getNumRegions() == 2);
  if (!isChoice || op->getNumOperands() != 1 || op->getNumRegions() == 0)
    return std::nullopt;
  // The shim takes any op, so what a verifier would check is checked here.
  for (Region &region : op->getRegions())
    if (!region.hasOneBlock() || region.getNumArguments() != 0 ||
        region.front().empty() ||
        region.front().getTerminator()->getOperandTypes() !=
            op->getResultTypes())
      return std::nullopt;
  return Branches(op);
}

bool Branches::isParallelTo(const Branches &other) const {
  return op->getName() == other.op->getName() &&
         getSelector() == other.getSelector() &&
         getNumBranches() == other.getNumBranches();
}

Branches Branches::cloneWithoutBranches(OpBuilder &builder, Value selector,
                                        TypeRange results) const {
  OpBuilder::InsertionGuard guard(builder);
  OperationState state = makeStateLike(op, selector, results);
  Operation *clone = builder.create(state);
  for (Region &region : clone->getRegions())
    builder.createBlock(&region);
  return Branches(clone);
}

void Branches::yield(unsigned branch, ValueRange values) const {
  OpBuilder builder = OpBuilder::atBlockEnd(&getBlock(branch));
  StableHLOBuilder(builder, op->getLoc()).create("return", values, {});
}
