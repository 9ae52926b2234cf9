//===- ControlFlowToSCF.cpp - Loops and branches of the host program ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A loop whose steps are counted by what is known when the program is compiled
/// becomes an `scf.for`, or its steps one after another where they are few.
///
/// The steps are counted by doing all that they do with scalars of known
/// values. A scalar that is known in every step and a line over the steps, as
/// the counter and the places that it reads and writes are, is computed from
/// the number of the step; so no kernel counts, and the host knows where things
/// are.
///
//===----------------------------------------------------------------------===//

#include "ControlFlowToSCF.h"
#include "approx-act/Dialect/StableHLO/Branches.h"
#include "approx-act/Dialect/StableHLO/Loops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::approx_act;

/// Ops that a loop may become at most: each is compiled by itself. (The rounds
/// of JAX's generator of random numbers are half as many.)
static constexpr int64_t kMaxUnrolledOps = 1 << 11;
/// Ops on scalars that are done at most to count the steps of a loop, which
/// takes the compiler seconds.
static constexpr int64_t kMaxEvaluatedOps = 1 << 22;

//===----------------------------------------------------------------------===//
// What is known
//===----------------------------------------------------------------------===//

namespace {
/// Scalars, and elements of tensors of rank 0, of known value.
using KnownScalars = DenseMap<Value, Attribute>;

/// What a value is in all steps: `start + step * stride`, or, if it is no
/// integer, the same in each.
struct Line {
  TypedAttr start;
  int64_t stride = 0;
  /// The steps that it has been seen in, one after another from the first.
  int64_t numSteps = 0;

  /// Extends a line that has been seen in `step` steps by the next.
  void extend(int64_t step, Attribute attr);
};

/// All steps of a loop.
struct CountedLoop {
  int64_t numSteps = 0;
  /// By step, as long as they may be unrolled.
  SmallVector<KnownScalars> steps;
  DenseMap<Value, Line> lines;
  /// What is known of the carried values in the end.
  SmallVector<Attribute> results;

  const Line *getLine(Value value) const {
    auto it = lines.find(value);
    bool isLine = it != lines.end() && it->second.numSteps == numSteps;
    return isLine ? &it->second : nullptr;
  }
};
} // namespace

void Line::extend(int64_t step, Attribute attr) {
  if (numSteps != step)
    return;
  if (step == 0) {
    start = cast<TypedAttr>(attr);
    ++numSteps;
    return;
  }
  auto first = dyn_cast<IntegerAttr>(start), now = dyn_cast<IntegerAttr>(attr);
  if (!first || !now || first.getType().isInteger(1) ||
      first.getValue().getBitWidth() > 64) {
    numSteps += attr == start;
    return;
  }
  // In unsigned arithmetic, which may wrap around.
  uint64_t difference = static_cast<uint64_t>(now.getValue().getSExtValue()) -
                        static_cast<uint64_t>(first.getValue().getSExtValue());
  if (step == 1)
    stride = static_cast<int64_t>(difference);
  numSteps +=
      difference == static_cast<uint64_t>(step) * static_cast<uint64_t>(stride);
}

static Attribute getElement(Attribute attr) {
  auto elements = dyn_cast_or_null<DenseElementsAttr>(attr);
  if (!elements)
    return isa_and_nonnull<IntegerAttr, FloatAttr>(attr) ? attr : Attribute();
  auto type = dyn_cast<RankedTensorType>(elements.getType());
  return type && type.getRank() == 0 ? *elements.getValues<Attribute>().begin()
                                     : Attribute();
}

/// The scalar that `value` is, or has, if it is known or a constant.
static Attribute getKnown(Value value, const KnownScalars &known) {
  if (Attribute found = known.lookup(value))
    return found;
  Attribute attr;
  return matchPattern(value, m_Constant(&attr)) ? getElement(attr)
                                                : Attribute();
}

/// Adds the results of an op on scalars that folds.
static void fold(Operation &op, KnownScalars &known) {
  if (op.getNumRegions() != 0)
    return;
  SmallVector<Attribute> operands =
      llvm::map_to_vector(op.getOperands(), [&](Value operand) {
        return getKnown(operand, known);
      });
  // Of constants alone, an op folds to constants or not at all.
  SmallVector<OpFoldResult> results;
  if (!llvm::all_of(operands, [](Attribute attr) { return bool(attr); }) ||
      failed(op.fold(operands, results)) || results.empty())
    return;
  for (auto [result, folded] : llvm::zip_equal(op.getResults(), results)) {
    auto attr = dyn_cast<Attribute>(folded);
    if (!attr)
      attr = getKnown(cast<Value>(folded), known);
    if (attr = getElement(attr); attr)
      known[result] = attr;
  }
}

/// Whether `evaluate` does something with the op.
static bool isEvaluated(Operation &op) {
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return generic.getNumLoops() == 0;
  return isa<tensor::ExtractOp>(op) ||
         (isa<arith::ArithDialect>(op.getDialect()) &&
          !op.hasTrait<OpTrait::ConstantLike>());
}

/// Adds the results of an op on scalars and tensors of rank 0 that are known.
static void evaluate(Operation &op, KnownScalars &known) {
  if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    if (!extract.getIndices().empty())
      return;
    if (Attribute attr = getKnown(extract.getTensor(), known))
      known[extract.getResult()] = attr;
    return;
  }
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic)
    return fold(op, known);
  KnownScalars inner;
  for (auto [argument, operand] :
       llvm::zip(generic.getRegionInputArgs(), generic.getInputs()))
    if (Attribute attr = getKnown(operand, known))
      inner[argument] = attr;
  for (Operation &nested : generic.getBody()->without_terminator())
    fold(nested, inner);
  for (auto [result, value] :
       llvm::zip_equal(generic.getResults(),
                       generic.getBody()->getTerminator()->getOperands()))
    if (Attribute attr = getKnown(value, inner))
      known[result] = attr;
}

namespace {
/// A region of a loop, as far as it computes scalars.
class Evaluator {
public:
  explicit Evaluator(Block &block) : block(block) {
    for (Operation &op : block)
      if (isEvaluated(op)) {
        ops.push_back(&op);
        op.walk([&](Operation *) { ++size; });
      }
  }

  /// What is known if this is known of the carried values.
  KnownScalars evaluate(ArrayRef<Attribute> carried) const {
    KnownScalars known;
    for (auto [argument, attr] : llvm::zip_equal(block.getArguments(), carried))
      if (attr)
        known[argument] = attr;
    for (Operation *op : ops)
      ::evaluate(*op, known);
    return known;
  }

  /// The number of ops, those in bodies of ops included.
  int64_t getSize() const { return size; }

private:
  Block &block;
  SmallVector<Operation *> ops;
  int64_t size = 0;
};
} // namespace

/// Goes through all steps of a loop, if they can be counted.
static std::optional<CountedLoop> count(const Loop &loop) {
  Block &condition = loop.getCondition(), &body = loop.getBody();
  int64_t size = 0;
  body.walk([&](Operation *) { ++size; });
  Evaluator evaluateCondition(condition), evaluateBody(body);
  int64_t numEvaluated =
      1 + evaluateCondition.getSize() + evaluateBody.getSize();

  CountedLoop counted;
  SmallVector<Attribute> &carried = counted.results;
  carried = llvm::map_to_vector(
      loop.getOperation()->getOperands(),
      [](Value operand) { return getKnown(operand, KnownScalars()); });
  for (int64_t step = 0; step * numEvaluated <= kMaxEvaluatedOps; ++step) {
    auto goesOn = dyn_cast_or_null<IntegerAttr>(getKnown(
        condition.back().getOperand(0), evaluateCondition.evaluate(carried)));
    if (!goesOn)
      return std::nullopt;
    if (goesOn.getValue().isZero())
      return counted;
    KnownScalars known = evaluateBody.evaluate(carried);
    for (auto [value, attr] : known)
      counted.lines[value].extend(step, attr);
    carried = llvm::map_to_vector(body.back().getOperands(), [&](Value value) {
      return getKnown(value, known);
    });
    counted.numSteps = step + 1;
    if (counted.numSteps * size <= kMaxUnrolledOps)
      counted.steps.push_back(std::move(known));
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// What becomes of it
//===----------------------------------------------------------------------===//

/// `value`, a scalar or a tensor of rank 0, as a constant.
static Value createConstant(OpBuilder &builder, Value value, Attribute attr) {
  auto typed = cast<TypedAttr>(attr);
  if (auto type = dyn_cast<RankedTensorType>(value.getType()))
    typed = DenseElementsAttr::get(type, attr);
  return arith::ConstantOp::create(builder, value.getLoc(), typed);
}

/// `value`, a scalar or a tensor of rank 0, on its line at `step`, an index.
static Value createOnLine(OpBuilder &builder, Value value, const Line &line,
                          Value step) {
  if (line.stride == 0)
    return createConstant(builder, value, line.start);
  Location loc = value.getLoc();
  Type element = getElementTypeOrSelf(value);
  Value index = step;
  if (line.stride != 1)
    index = arith::MulIOp::create(
        builder, loc, index,
        arith::ConstantIndexOp::create(builder, loc, line.stride));
  int64_t start = cast<IntegerAttr>(line.start).getValue().getSExtValue();
  if (start != 0)
    index = arith::AddIOp::create(
        builder, loc, index,
        arith::ConstantIndexOp::create(builder, loc, start));
  if (!element.isIndex())
    index = arith::IndexCastOp::create(builder, loc, element, index);
  if (auto type = dyn_cast<RankedTensorType>(value.getType()))
    return tensor::FromElementsOp::create(builder, loc, type, index);
  return index;
}

/// Clones the body of a loop. `create` makes what is known, and returns null
/// for other values.
static void cloneBody(const Loop &loop, IRMapping &mapping, OpBuilder &builder,
                      function_ref<Value(Value)> create) {
  for (BlockArgument argument : loop.getBody().getArguments())
    if (Value known = create(argument))
      mapping.map(argument, known);
  for (Operation &op : loop.getBodyOps()) {
    Value known = op.getNumResults() == 1 ? create(op.getResult(0)) : Value();
    if (known)
      mapping.map(op.getResult(0), known);
    else
      builder.clone(op, mapping);
  }
}

static SmallVector<Value> lookup(ValueRange values, const IRMapping &mapping) {
  return llvm::map_to_vector(
      values, [&](Value value) { return mapping.lookupOrDefault(value); });
}

/// Clones the ops of a block, and returns what the last hands on.
static SmallVector<Value> cloneBlock(OpBuilder &builder, Block &block,
                                     ValueRange arguments = {}) {
  IRMapping mapping;
  mapping.map(block.getArguments(), arguments);
  for (Operation &op : llvm::drop_end(block))
    builder.clone(op, mapping);
  return lookup(block.back().getOperands(), mapping);
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// Replaces a loop by its steps.
static void unroll(const Loop &loop, const CountedLoop &counted,
                   RewriterBase &rewriter) {
  Operation *op = loop.getOperation();
  SmallVector<Value> values(op->getOperands());
  for (const KnownScalars &known : counted.steps) {
    IRMapping mapping;
    mapping.map(loop.getBody().getArguments(), values);
    cloneBody(loop, mapping, rewriter, [&](Value value) -> Value {
      Attribute attr = known.lookup(value);
      return attr ? createConstant(rewriter, value, attr) : Value();
    });
    values = lookup(loop.getBody().back().getOperands(), mapping);
  }
  rewriter.replaceOp(op, values);
}

/// Whether the loop writes every element of a stack that it carries, and reads
/// none.
static bool isOverwritten(const Loop &loop, unsigned carried,
                          const CountedLoop &counted) {
  BlockArgument argument = loop.getArgument(carried);
  auto write = loop.getYielded(carried).getDefiningOp<tensor::InsertSliceOp>();
  if (!write || write.getDest() != argument || !argument.hasOneUse() ||
      !write->hasOneUse() ||
      !isStackElement(write, write.getDestType().getShape()))
    return false;
  OpFoldResult offset = write.getMixedOffsets().front();
  auto index = dyn_cast<Value>(offset);
  const Line *line = index ? counted.getLine(index) : nullptr;
  int64_t size = write.getDestType().getDimSize(0);
  if (!line || size != counted.numSteps)
    return false;
  int64_t start = cast<IntegerAttr>(line->start).getInt();
  return (line->stride == 1 && start == 0) ||
         (line->stride == -1 && start == size - 1);
}

/// Replaces a loop by an `scf.for`, which carries what is on no line.
static void createFor(const Loop &loop, const CountedLoop &counted,
                      RewriterBase &rewriter) {
  Operation *op = loop.getOperation();
  Location loc = op->getLoc();
  SmallVector<unsigned> carried;
  SmallVector<Value> inits;
  for (unsigned index = 0; index < loop.getNumArguments(); ++index) {
    if (counted.getLine(loop.getArgument(index)) && counted.results[index])
      continue;
    carried.push_back(index);
    Value init = loop.getInit(index);
    if (auto type = dyn_cast<RankedTensorType>(init.getType());
        type && isOverwritten(loop, index, counted))
      init = tensor::EmptyOp::create(rewriter, loc, type.getShape(),
                                     type.getElementType());
    inits.push_back(init);
  }
  Value zero = arith::ConstantIndexOp::create(rewriter, loc, 0);
  Value one = arith::ConstantIndexOp::create(rewriter, loc, 1);
  Value end = arith::ConstantIndexOp::create(rewriter, loc, counted.numSteps);
  auto result = scf::ForOp::create(rewriter, loc, zero, end, one, inits);

  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToStart(result.getBody());
  IRMapping mapping;
  for (auto [index, argument] :
       llvm::zip_equal(carried, result.getRegionIterArgs()))
    mapping.map(loop.getArgument(index), argument);
  cloneBody(loop, mapping, rewriter, [&](Value value) -> Value {
    const Line *line = counted.getLine(value);
    return line ? createOnLine(rewriter, value, *line, result.getInductionVar())
                : Value();
  });
  SmallVector<Value> yielded;
  for (unsigned index : carried)
    yielded.push_back(mapping.lookupOrDefault(loop.getYielded(index)));
  // Of a loop that carries nothing, there is an end already.
  if (!yielded.empty())
    scf::YieldOp::create(rewriter, loc, yielded);

  rewriter.setInsertionPointAfter(result);
  SmallVector<Value> replacements(loop.getNumArguments());
  for (auto [index, value] : llvm::zip_equal(carried, result.getResults()))
    replacements[index] = value;
  for (unsigned index = 0; index < loop.getNumArguments(); ++index)
    if (!replacements[index])
      replacements[index] = createConstant(rewriter, op->getResult(index),
                                           counted.results[index]);
  rewriter.replaceOp(op, replacements);
}

/// Replaces a loop by an `scf.while`.
static void createWhile(const Loop &loop, RewriterBase &rewriter) {
  Operation *op = loop.getOperation();
  Location loc = op->getLoc();
  rewriter.replaceOpWithNewOp<scf::WhileOp>(
      op, op->getResultTypes(), op->getOperands(),
      [&](OpBuilder &builder, Location, ValueRange arguments) {
        Value goesOn =
            cloneBlock(builder, loop.getCondition(), arguments).front();
        goesOn = tensor::ExtractOp::create(builder, loc, goesOn, ValueRange());
        scf::ConditionOp::create(builder, loc, goesOn, arguments);
      },
      [&](OpBuilder &builder, Location, ValueRange arguments) {
        scf::YieldOp::create(builder, loc,
                             cloneBlock(builder, loop.getBody(), arguments));
      });
}

LogicalResult approx_act::lowerLoop(Operation *op, RewriterBase &rewriter) {
  std::optional<Loop> loop = Loop::match(op);
  if (!loop)
    return op->emitError("expected a loop of a condition and a body");
  rewriter.setInsertionPoint(op);
  std::optional<CountedLoop> counted = count(*loop);
  if (!counted)
    createWhile(*loop, rewriter);
  else if (static_cast<int64_t>(counted->steps.size()) == counted->numSteps)
    unroll(*loop, *counted, rewriter);
  else
    createFor(*loop, *counted, rewriter);
  return success();
}

//===----------------------------------------------------------------------===//
// Branches
//===----------------------------------------------------------------------===//

LogicalResult approx_act::lowerBranches(Operation *op, RewriterBase &rewriter) {
  std::optional<Branches> branches = Branches::match(op);
  if (!branches)
    return op->emitError("expected branches of one block");
  Location loc = op->getLoc();
  rewriter.setInsertionPoint(op);
  Value selector = tensor::ExtractOp::create(
      rewriter, loc, branches->getSelector(), ValueRange());
  // `if` has the branch of true first.
  int64_t first = selector.getType().isInteger(1) ? 1 : 0;
  int64_t step = first == 1 ? -1 : 1;
  std::function<SmallVector<Value>(unsigned)> emit = [&](unsigned branch) {
    if (branch + 1 == branches->getNumBranches())
      return cloneBlock(rewriter, branches->getBlock(branch));
    Value number = arith::ConstantOp::create(
        rewriter, loc,
        rewriter.getIntegerAttr(selector.getType(), first + branch * step));
    Value isTaken = arith::CmpIOp::create(
        rewriter, loc, arith::CmpIPredicate::eq, selector, number);
    auto choice = scf::IfOp::create(rewriter, loc, op->getResultTypes(),
                                    isTaken, /*addThenBlock=*/true,
                                    /*addElseBlock=*/true);
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(choice.thenBlock());
    scf::YieldOp::create(rewriter, loc,
                         cloneBlock(rewriter, branches->getBlock(branch)));
    rewriter.setInsertionPointToStart(choice.elseBlock());
    scf::YieldOp::create(rewriter, loc, emit(branch + 1));
    return SmallVector<Value>(choice.getResults());
  };
  rewriter.replaceOp(op, emit(0));
  return success();
}
