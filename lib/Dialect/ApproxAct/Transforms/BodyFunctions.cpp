//===- BodyFunctions.cpp - Bodies of ops as functions ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BodyFunctions.h"
#include "approx-act/Analysis/Turnaround.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace mlir::approx_act;

llvm::SetVector<Value> approx_act::getCaptures(Region &region) {
  llvm::SetVector<Value> captures;
  getUsedValuesDefinedAbove(region, captures);
  return captures;
}

OwningOpRef<func::FuncOp> approx_act::makeFunction(Location loc,
                                                   TypeRange argumentTypes) {
  OwningOpRef<func::FuncOp> func(func::FuncOp::create(
      loc, "body", FunctionType::get(loc.getContext(), argumentTypes, {})));
  func->addEntryBlock();
  return func;
}

void approx_act::endFunction(func::FuncOp func, ValueRange results) {
  OpBuilder builder = OpBuilder::atBlockEnd(&func.getBody().front());
  func::ReturnOp::create(builder, func.getLoc(), results);
  func.setType(FunctionType::get(func.getContext(), func.getArgumentTypes(),
                                 results.getTypes()));
}

void approx_act::replaceInBlock(Value value, Value by, Block &block) {
  value.replaceUsesWithIf(by, [&](OpOperand &use) {
    return block.findAncestorOpInBlock(*use.getOwner()) != nullptr;
  });
}

void approx_act::moveOps(Operation *first, Operation *end, Block &block) {
  block.getOperations().splice(block.end(), first->getBlock()->getOperations(),
                               std::next(first->getIterator()),
                               end->getIterator());
}

unsigned approx_act::countEffects(Block &block) {
  return llvm::count_if(block,
                        [](Operation &op) { return hasSideEffects(&op); });
}

bool approx_act::canCross(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.hasStaticShape() &&
         tensor.getElementType().isIntOrFloat();
}

Value TwoBodies::getAnchor() const {
  for (Value value : entry->getResults())
    if (auto type = dyn_cast<RankedTensorType>(value.getType());
        type && isa<FloatType>(type.getElementType()))
      return value;
  return entry->getResult(0);
}

bool TwoBodies::isForward(Value value) const {
  Operation *op = value.getDefiningOp();
  return op && op->getBlock() == entry->getBlock() &&
         op->isBeforeInBlock(entry);
}

bool TwoBodies::isInBackward(OpOperand &use) const {
  Block *block = entry->getBlock();
  Operation *op = block->findAncestorOpInBlock(*use.getOwner());
  if (!op)
    return false;
  if (op == block->getTerminator())
    return use.getOperandNumber() >= numForwardResults;
  return entry->isBeforeInBlock(op);
}

llvm::SetVector<Value> TwoBodies::findCrossing() {
  llvm::SetVector<Value> crossing;
  for (Operation *op = entry; op; op = op->getNextNode())
    op->walk([&](Operation *inner) {
      for (OpOperand &use : inner->getOpOperands())
        if (isForward(use.get()) && isInBackward(use))
          crossing.insert(use.get());
    });

  llvm::SetVector<Operation *> copied;
  crossing.remove_if([&](Value value) {
    if (!isCheapOfArguments(value))
      return false;
    copied.insert(value.getDefiningOp());
    return true;
  });
  for (unsigned i = 0; i < copied.size(); ++i)
    for (Value operand : copied[i]->getOperands())
      if (Operation *op = operand.getDefiningOp())
        copied.insert(op);
  SmallVector<Operation *> ops = takeInBlockOrder(copied);
  OpBuilder builder(entry->getContext());
  builder.setInsertionPointAfter(entry);
  IRMapping mapping;
  for (Operation *op : ops) {
    Operation *copy = builder.clone(*op, mapping);
    for (auto [value, again] : llvm::zip(op->getResults(), copy->getResults()))
      value.replaceUsesWithIf(
          again, [&](OpOperand &use) { return isInBackward(use); });
  }
  return crossing;
}
