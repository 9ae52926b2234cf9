//===- Loops.cpp - StableHLO's loops as the passes see them ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Dialect/StableHLO/Loops.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "approx-act/Interfaces/ResidualOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::approx_act;

/// The value of an integer constant.
static std::optional<int64_t> getInteger(Value value) {
  auto op = dyn_cast_or_null<ResidualOpInterface>(value.getDefiningOp());
  auto type = dyn_cast<RankedTensorType>(value.getType());
  std::optional<double> splat = op && type && type.getElementType().isInteger()
                                    ? op.getSplatValue()
                                    : std::nullopt;
  if (!splat)
    return std::nullopt;
  return static_cast<int64_t>(*splat);
}

//===----------------------------------------------------------------------===//
// Loop
//===----------------------------------------------------------------------===//

std::optional<Loop> Loop::match(Operation *op) {
  if (!isStableHLOOp(op, "while") || op->getNumRegions() != 2 ||
      op->getResultTypes() != op->getOperandTypes())
    return std::nullopt;
  // The shim takes any op, so what a verifier would check is checked here.
  for (Region &region : op->getRegions())
    if (!region.hasOneBlock() || region.front().empty() ||
        region.front().getArgumentTypes() != op->getOperandTypes())
      return std::nullopt;
  Loop loop(op);
  if (loop.getBody().getTerminator()->getOperandTypes() !=
          op->getOperandTypes() ||
      loop.getCondition().getTerminator()->getNumOperands() != 1)
    return std::nullopt;
  return loop;
}

std::optional<unsigned> Loop::getCounter() const {
  // `counter < n` is all that the condition says.
  auto compare = dyn_cast_or_null<ResidualOpInterface>(
      getCondition().getTerminator()->getOperand(0).getDefiningOp());
  if (!compare || compare.getComparison() != Comparison::LT)
    return std::nullopt;
  auto argument = dyn_cast<BlockArgument>(compare->getOperand(0));
  if (!argument || argument.getOwner() != &getCondition() ||
      !getInteger(compare->getOperand(1)))
    return std::nullopt;
  unsigned counter = argument.getArgNumber();
  auto step = dyn_cast_or_null<ResidualOpInterface>(
      getYielded(counter).getDefiningOp());
  if (!step || step.getScalarFunction() != ScalarFunction::Add ||
      getInteger(getInit(counter)) != 0)
    return std::nullopt;
  for (unsigned carried : {0U, 1U})
    if (step->getOperand(carried) == getArgument(counter) &&
        getInteger(step->getOperand(1 - carried)) == 1)
      return counter;
  return std::nullopt;
}

std::optional<int64_t> Loop::getTripCount() const {
  if (!getCounter())
    return std::nullopt;
  Operation *compare =
      getCondition().getTerminator()->getOperand(0).getDefiningOp();
  return std::max<int64_t>(*getInteger(compare->getOperand(1)), 0);
}

namespace {
/// slope · counter + offset
struct Linear {
  int64_t slope = 0;
  int64_t offset = 0;
};
} // namespace

static std::optional<Linear> getLinear(Value value, Value counter) {
  if (value == counter)
    return Linear{1, 0};
  if (std::optional<int64_t> constant = getInteger(value))
    return Linear{0, *constant};
  auto op = dyn_cast_or_null<ResidualOpInterface>(value.getDefiningOp());
  if (!op)
    return std::nullopt;
  switch (op.getScalarFunction()) {
  case ScalarFunction::Convert:
  case ScalarFunction::Reshape:
    return getLinear(op->getOperand(0), counter);
  case ScalarFunction::Add:
  case ScalarFunction::Subtract: {
    std::optional<Linear> lhs = getLinear(op->getOperand(0), counter);
    std::optional<Linear> rhs = getLinear(op->getOperand(1), counter);
    if (!lhs || !rhs)
      return std::nullopt;
    int64_t sign = op.getScalarFunction() == ScalarFunction::Add ? 1 : -1;
    return Linear{lhs->slope + sign * rhs->slope,
                  lhs->offset + sign * rhs->offset};
  }
  default:
    return std::nullopt;
  }
}

bool Loop::visitsAll(Value index) const {
  std::optional<int64_t> tripCount = getTripCount();
  if (!tripCount)
    return false;
  std::optional<Linear> linear = getLinear(index, getArgument(*getCounter()));
  return linear && ((linear->slope == 1 && linear->offset == 0) ||
                    (linear->slope == -1 && linear->offset == *tripCount - 1));
}

Loop Loop::cloneWithoutBody(ArrayRef<unsigned> kept, ValueRange inits) const {
  OpBuilder builder(op);
  OperationState state = makeStateLike(op, inits, inits.getTypes());
  Operation *clone = builder.create(state);
  SmallVector<Location> locs(inits.size(), op->getLoc());
  for (auto [index, argument] : llvm::enumerate(kept))
    locs[index] = getArgument(argument).getLoc();
  for (Region &region : clone->getRegions())
    builder.createBlock(&region, {}, inits.getTypes(), locs);

  IRMapping mapping;
  Block &condition = clone->getRegion(0).front();
  for (auto [index, argument] : llvm::enumerate(kept))
    mapping.map(getCondition().getArgument(argument),
                condition.getArgument(index));
  builder.setInsertionPointToStart(&condition);
  for (Operation &inner : getCondition())
    builder.clone(inner, mapping);
  return Loop(clone);
}

void Loop::yield(ValueRange values) const {
  OpBuilder builder = OpBuilder::atBlockEnd(&getBody());
  StableHLOBuilder(builder, op->getLoc()).create("return", values, {});
}

//===----------------------------------------------------------------------===//
// StackAccess
//===----------------------------------------------------------------------===//

/// The index along the first dimension of an access to `stack` that starts at
/// `starts` and covers `element`.
static std::optional<Value> matchIndex(Value stack, Value element,
                                       ValueRange starts) {
  auto stackType = dyn_cast<RankedTensorType>(stack.getType());
  auto type = dyn_cast<RankedTensorType>(element.getType());
  if (!stackType || !type || !type.hasStaticShape() || type.getRank() == 0 ||
      type.getRank() != stackType.getRank() || type.getDimSize(0) != 1 ||
      type.getShape().drop_front() != stackType.getShape().drop_front() ||
      static_cast<int64_t>(starts.size()) != type.getRank())
    return std::nullopt;
  // An access as wide as the dimension starts at 0, whatever it asks for.
  return starts.front();
}

std::optional<StackAccess> StackAccess::matchRead(Operation *op) {
  if (!isStableHLOOp(op, "dynamic_slice") || op->getNumOperands() == 0 ||
      op->getNumResults() != 1)
    return std::nullopt;
  std::optional<Value> index = matchIndex(op->getOperand(0), op->getResult(0),
                                          op->getOperands().drop_front());
  if (!index)
    return std::nullopt;
  return StackAccess{op->getOperand(0), *index, op->getResult(0)};
}

std::optional<StackAccess> StackAccess::matchWrite(Operation *op) {
  if (!isStableHLOOp(op, "dynamic_update_slice") || op->getNumOperands() < 2 ||
      op->getNumResults() != 1)
    return std::nullopt;
  std::optional<Value> index = matchIndex(op->getOperand(0), op->getOperand(1),
                                          op->getOperands().drop_front(2));
  if (!index)
    return std::nullopt;
  return StackAccess{op->getOperand(0), *index, op->getOperand(1)};
}

bool approx_act::isStackElement(OffsetSizeAndStrideOpInterface slice,
                                ArrayRef<int64_t> shape) {
  ArrayRef<int64_t> sizes = slice.getStaticSizes();
  return !shape.empty() && sizes.size() == shape.size() &&
         !ShapedType::isDynamicShape(shape) && sizes.front() == 1 &&
         sizes.drop_front() == shape.drop_front() && slice.hasUnitStride();
}
