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
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::approx_act;

/// The value of an integer constant, as far as a double has its digits.
static std::optional<int64_t> getInteger(Value value) {
  constexpr double kMax = int64_t{1} << std::numeric_limits<double>::digits;
  auto op = dyn_cast_or_null<ResidualOpInterface>(value.getDefiningOp());
  auto type = dyn_cast<RankedTensorType>(value.getType());
  std::optional<double> splat = op && type && type.getElementType().isInteger()
                                    ? op.getSplatValue()
                                    : std::nullopt;
  if (!splat || std::abs(*splat) > kMax)
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

/// Finds which values of a loop's body are linear in its counter, which takes
/// the values from 0 to `last`.
class LinearAnalysis {
public:
  LinearAnalysis(Value counter, int64_t last) : last(last) {
    known[counter] = Linear{1, 0};
  }

  std::optional<Linear> get(Value value);

private:
  /// The operands that make `op` linear, if they are.
  static OperandRange getOperands(ResidualOpInterface op);
  /// Of a value whose operands are known.
  std::optional<Linear> compute(Value value) const;
  /// Whether integers of `type` have all values of `linear`. A value that wraps
  /// is not linear, and is another one once it is converted.
  bool fits(const Linear &linear, Type type) const;

  int64_t last;
  llvm::DenseMap<Value, std::optional<Linear>> known;
};
} // namespace

std::optional<Linear> LinearAnalysis::get(Value value) {
  // Each value once, and without a call per value: sums may be long, and share
  // their terms.
  SmallVector<Value> stack{value};
  while (!stack.empty()) {
    Value next = stack.back();
    size_t size = stack.size();
    if (auto op = next.getDefiningOp<ResidualOpInterface>();
        op && !known.contains(next))
      llvm::copy_if(getOperands(op), std::back_inserter(stack),
                    [&](Value operand) { return !known.contains(operand); });
    if (stack.size() > size)
      continue;
    stack.pop_back();
    if (!known.contains(next))
      known[next] = compute(next);
  }
  return known.lookup(value);
}

OperandRange LinearAnalysis::getOperands(ResidualOpInterface op) {
  switch (op.getScalarFunction()) {
  case ScalarFunction::Convert:
  case ScalarFunction::Reshape:
    return op->getOperands().take_front(1);
  case ScalarFunction::Add:
  case ScalarFunction::Subtract:
    return op->getOperands().take_front(2);
  default:
    return op->getOperands().take_front(0);
  }
}

std::optional<Linear> LinearAnalysis::compute(Value value) const {
  if (std::optional<int64_t> constant = getInteger(value))
    return Linear{0, *constant};
  auto op = value.getDefiningOp<ResidualOpInterface>();
  if (!op)
    return std::nullopt;
  SmallVector<Linear, 2> operands;
  for (Value operand : getOperands(op)) {
    std::optional<Linear> linear = known.lookup(operand);
    if (!linear)
      return std::nullopt;
    operands.push_back(*linear);
  }
  std::optional<Linear> result;
  auto combine = [&](auto checked) {
    std::optional<int64_t> slope =
        checked(operands[0].slope, operands[1].slope);
    std::optional<int64_t> offset =
        checked(operands[0].offset, operands[1].offset);
    if (slope && offset)
      result = Linear{*slope, *offset};
  };
  switch (op.getScalarFunction()) {
  case ScalarFunction::Convert:
  case ScalarFunction::Reshape:
    result = operands[0];
    break;
  case ScalarFunction::Add:
    combine(llvm::checkedAdd<int64_t>);
    break;
  case ScalarFunction::Subtract:
    combine(llvm::checkedSub<int64_t>);
    break;
  default:
    break;
  }
  return result && fits(*result, getElementTypeOrSelf(value)) ? result
                                                              : std::nullopt;
}

bool LinearAnalysis::fits(const Linear &linear, Type type) const {
  auto integer = dyn_cast<IntegerType>(type);
  std::optional<int64_t> end =
      llvm::checkedMulAdd(linear.slope, last, linear.offset);
  if (!integer || !end)
    return false;
  unsigned width = std::min(integer.getWidth(), 64U);
  // StableHLO's signless integers are signed, but for booleans.
  bool isUnsigned = integer.isUnsigned() || width == 1;
  return llvm::all_of(std::array{linear.offset, *end}, [&](int64_t value) {
    return isUnsigned ? value >= 0 && llvm::isUIntN(width, value)
                      : llvm::isIntN(width, value);
  });
}

bool Loop::visitsAll(Value index) const {
  std::optional<int64_t> tripCount = getTripCount();
  if (!tripCount)
    return false;
  int64_t last = std::max<int64_t>(*tripCount - 1, 0);
  std::optional<Linear> linear =
      LinearAnalysis(getArgument(*getCounter()), last).get(index);
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
