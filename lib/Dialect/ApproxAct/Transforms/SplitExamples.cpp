//===- SplitExamples.cpp - Some examples at a time ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Delay.h"
#include "PassOptions.h"
#include "TrainingStep.h"
#include "approx-act/Analysis/PeakMemory.h"
#include "approx-act/Analysis/Residuals.h"
#include "approx-act/Analysis/Turnaround.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h"
#include "approx-act/Dialect/StableHLO/Cut.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_SPLITEXAMPLES
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

static RankedTensorType getTensorType(Value value) {
  return dyn_cast<RankedTensorType>(value.getType());
}

/// The cut of an op of this dialect, of which all operands have the rank of the
/// first, and 1 where they are the same for a whole block.
static std::optional<Cut>
getBlockwiseCut(Operation *op, ArrayRef<int64_t> given, int64_t numRanges) {
  const int64_t *found =
      llvm::find_if(given, [](int64_t dim) { return dim != Cut::kWhole; });
  int64_t dim = *found;
  if (auto pack = dyn_cast<PackOp>(op);
      pack && static_cast<int64_t>(pack.getDim()) == dim)
    return std::nullopt;
  if (auto unpack = dyn_cast<UnpackOp>(op);
      unpack && static_cast<int64_t>(unpack.getDim()) == dim)
    return std::nullopt;
  // Noise is drawn by position, so that each range would have the same.
  auto rounding = op->getAttrOfType<RoundingAttr>("rounding");
  if (rounding && rounding.getMode() != RoundingMode::Nearest)
    return std::nullopt;
  Cut cut;
  cut.result = dim;
  int64_t size = getTensorType(op->getOperand(0)).getDimSize(dim);
  for (auto [operand, has] : llvm::zip_equal(op->getOperands(), given)) {
    RankedTensorType type = getTensorType(operand);
    if (type.getRank() <= dim || (has != Cut::kWhole && has != dim))
      return std::nullopt;
    bool isCut = type.getDimSize(dim) == size;
    if (!isCut && (type.getDimSize(dim) != 1 || has != Cut::kWhole))
      return std::nullopt;
    cut.operands.push_back(isCut ? dim : Cut::kWhole);
  }
  for (Value result : op->getResults())
    if (getTensorType(result).getDimSize(dim) != size)
      return std::nullopt;
  if (size % numRanges != 0)
    return std::nullopt;
  return cut;
}

static std::optional<Cut> getCut(Operation *op, ArrayRef<int64_t> given,
                                 int64_t numRanges) {
  if (isa<QuantizeOp, QuantizeSplitOp, DequantizeOp, DequantizeSplitOp, SideOp,
          PackOp, UnpackOp, GridOp, SplitGridOp>(op))
    return getBlockwiseCut(op, given, numRanges);
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op)) {
    if (op->getNumOperands() != 1)
      return std::nullopt;
    std::optional<int64_t> result = getReshapedDim(
        getTensorType(op->getOperand(0)).getShape(),
        getTensorType(op->getResult(0)).getShape(), given[0], numRanges);
    if (!result)
      return std::nullopt;
    return Cut{{given[0]}, *result};
  }
  return Cut::get(op, given, numRanges);
}

/// Whether `value` is words, each of which holds codes of several of
/// `numExamples` neighbours.
static bool holdsExamples(Value value, int64_t numExamples) {
  auto pack = skipBarriers(value).getDefiningOp<PackOp>();
  auto neighbours =
      pack ? pack.getCodes().getDefiningOp<tensor::ExpandShapeOp>() : nullptr;
  return neighbours && neighbours.getSrcType().getDimSize(0) == numExamples;
}

static RankedTensorType getRangeType(RankedTensorType type, int64_t dim,
                                     int64_t numRanges) {
  SmallVector<int64_t> shape(type.getShape());
  shape[dim] /= numRanges;
  return type.clone(shape);
}

namespace {
/// Ops of a block, one after the other, done by ranges of the examples.
class Segment {
public:
  Segment(const Turnaround &turnaround, ArrayRef<Operation *> ops,
          int64_t numExamples, int64_t numRanges, bool cutsWords)
      : turnaround(turnaround), ops(ops), numExamples(numExamples),
        numRanges(numRanges), cutsWords(cutsWords) {}

  /// Whether all of the ops can be done by ranges, stay before, or wait until
  /// the sums that they read are known.
  bool plan();
  /// Bytes of what is read of it later.
  int64_t getResultBytes() const;
  bool isUseful() const { return !inputs.empty() && !results.empty(); }
  void split();

private:
  bool isInside(Operation *op) const { return cuts.contains(op); }
  /// The dimension of which a range has a range of the value.
  int64_t getDim(Value value) const;
  bool planOp(Operation *op);
  bool copyBefore(Value value);
  bool isReadLater(Value value) const;
  Value getOperand(StableHLOBuilder &builder, IRMapping &mapping, Value value,
                   int64_t dim, int64_t range);
  void cloneOp(OpBuilder &builder, Operation *op, IRMapping &mapping,
               int64_t range);

  const Turnaround &turnaround;
  ArrayRef<Operation *> ops;
  int64_t numExamples;
  int64_t numRanges;
  /// Whether codes of several examples that share words are read by ranges.
  bool cutsWords;
  /// What is done by ranges, in program order.
  llvm::MapVector<Operation *, SmallVector<int64_t>> cuts;
  /// What reads sums.
  llvm::SetVector<Operation *> late;
  llvm::DenseMap<Value, int64_t> dims;
  /// Arithmetic before, on examples, that is done again where it is read.
  llvm::SetVector<Operation *> copies;
  llvm::DenseMap<Value, bool> copied;
  /// What is read of values from before, by ranges.
  llvm::SetVector<Value> inputs;
  llvm::SetVector<Value> results;
};
} // namespace

int64_t Segment::getDim(Value value) const {
  auto it = dims.find(value);
  if (it != dims.end())
    return it->second;
  Operation *op = value.getDefiningOp();
  if (op && isInside(op))
    return Cut::kWhole;
  RankedTensorType type = getTensorType(value);
  if (!type || type.getRank() < 2)
    return Cut::kWhole;
  if (type.getDimSize(0) == numExamples)
    return 0;
  return cutsWords && type.getDimSize(0) % numRanges == 0 &&
                 holdsExamples(value, numExamples)
             ? 0
             : Cut::kWhole;
}

/// Whether an op is done for each term of a sum that it reads: a barrier, or
/// the transpose that a barrier ties.
static bool handsTermsOn(Operation *op) {
  return isa<BarrierOp>(op) ||
         (isStableHLOOp(op, "transpose") &&
          llvm::any_of(op->getUsers(), llvm::IsaPred<BarrierOp>));
}

bool Segment::planOp(Operation *op) {
  // What regions read is not looked at any closer.
  for (Value value :
       ArrayRef(getOperandsAndCaptures(op)).drop_front(op->getNumOperands()))
    if (Operation *producer = value.getDefiningOp();
        producer && (isInside(producer) || late.contains(producer)))
      return false;
  SmallVector<int64_t> given;
  bool isCut = false;
  for (Value operand : op->getOperands()) {
    Operation *producer = operand.getDefiningOp();
    if (late.contains(producer) ||
        (dims.lookup(operand) == Cut::kSum && !handsTermsOn(op))) {
      late.insert(op);
      // What has effects keeps its place among others.
      return !isa<BarrierOp>(op) && !hasSideEffects(op);
    }
    given.push_back(getDim(operand));
    // What is constant is there, or computed where it is read.
    isCut |= producer && isInside(producer);
    isCut |= given.back() != Cut::kWhole && !isConstant(operand);
  }
  if (!isCut)
    return true;
  if (isa<BarrierOp>(op)) {
    cuts[op] = given;
    for (auto [result, dim] : llvm::zip_equal(op->getResults(), given))
      dims[result] = dim;
    return llvm::all_of(op->getOperands(), getTensorType);
  }
  if (llvm::all_of(given, [](int64_t dim) { return dim == Cut::kWhole; })) {
    // Of what each range has a copy.
    if (!isCheap(op))
      return false;
    cuts[op] = given;
    for (Value result : op->getResults())
      dims[result] = Cut::kWhole;
    return true;
  }
  if (op->getNumResults() == 0 ||
      !llvm::all_of(op->getOperands(), getTensorType))
    return false;
  std::optional<Cut> cut = getCut(op, given, numRanges);
  if (!cut)
    return false;
  // Terms are rounded in the order in which they are added.
  if (cut->result == Cut::kSum && turnaround.getPhase(op) != Phase::Backward)
    return false;
  cuts[op] = cut->operands;
  for (Value result : op->getResults())
    dims[result] = cut->result;
  return true;
}

/// Whether the value depends on examples in memory. Arithmetic on those is in
/// `copies` then.
bool Segment::copyBefore(Value value) {
  auto [it, isNew] = copied.try_emplace(value, false);
  if (!isNew)
    return it->second;
  Operation *op = value.getDefiningOp();
  bool depends = false;
  bool isBefore = op && op->getBlock() == ops.front()->getBlock() &&
                  op->isBeforeInBlock(ops.front());
  if (!op || (isBefore && !isComputedWhereRead(op))) {
    depends = getDim(value) != Cut::kWhole;
  } else if (isBefore) {
    for (Value operand : op->getOperands())
      depends |= copyBefore(operand);
    if (depends)
      copies.insert(op);
  }
  return copied[value] = depends;
}

bool Segment::isReadLater(Value value) const {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    return !isInside(ops.front()->getBlock()->findAncestorOpInBlock(*user));
  });
}

bool Segment::plan() {
  for (Operation *op : ops)
    for (Value operand : op->getOperands())
      copyBefore(operand);
  // In program order, for operands are inserted first.
  auto tryPlan = [&](Operation *op) { return planOp(op); };
  if (!llvm::all_of(copies, tryPlan) || !llvm::all_of(ops, tryPlan))
    return false;
  for (auto &[op, operands] : cuts) {
    for (auto [operand, dim] : llvm::zip_equal(op->getOperands(), operands))
      // What is computed where it is read is not put in memory for a barrier.
      if (dim >= 0 && !dims.contains(operand) &&
          !(operand.getDefiningOp() && isCheap(operand.getDefiningOp())))
        inputs.insert(operand);
    if (copies.contains(op))
      continue;
    for (Value result : op->getResults())
      if (isReadLater(result))
        results.insert(result);
  }
  return true;
}

int64_t Segment::getResultBytes() const {
  int64_t bytes = 0;
  for (Value result : results)
    bytes += getBytes(result);
  return bytes;
}

Value Segment::getOperand(StableHLOBuilder &builder, IRMapping &mapping,
                          Value value, int64_t dim, int64_t range) {
  Value mapped = mapping.lookupOrDefault(value);
  auto it = dims.find(value);
  if (dim < 0 || (it != dims.end() && it->second == dim))
    return mapped;
  // A range of what is there as a whole.
  int64_t size = getTensorType(mapped).getDimSize(dim) / numRanges;
  return builder.sliceDim(mapped, dim, range * size, size);
}

void Segment::cloneOp(OpBuilder &builder, Operation *op, IRMapping &mapping,
                      int64_t range) {
  StableHLOBuilder stablehlo(builder, op->getLoc());
  SmallVector<Value> operands;
  for (auto [operand, dim] : llvm::zip_equal(op->getOperands(), cuts[op]))
    operands.push_back(getOperand(stablehlo, mapping, operand, dim, range));
  SmallVector<Type> types;
  for (Value result : op->getResults()) {
    int64_t dim = dims.lookup(result);
    types.push_back(dim < 0
                        ? result.getType()
                        : getRangeType(getTensorType(result), dim, numRanges));
  }
  Operation *clone;
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    clone = tensor::ExpandShapeOp::create(
        builder, op->getLoc(), cast<RankedTensorType>(types.front()),
        operands.front(), expand.getReassociationIndices());
  } else {
    clone = builder.clone(*op);
    clone->setOperands(operands);
    for (auto [result, type] : llvm::zip_equal(clone->getResults(), types))
      result.setType(type);
    if (!cuts[op].empty() && cuts[op].front() >= 0)
      cutAttributes(clone, cuts[op].front(), numRanges);
  }
  mapping.map(op->getResults(), clone->getResults());
}

void Segment::split() {
  Operation *last = ops.back();
  OpBuilder builder(last->getContext());
  builder.setInsertionPointAfter(last);
  Location loc = ops.front()->getLoc();
  // Of each result: what the ranges give, or their sum.
  SmallVector<SmallVector<Value>> parts(results.size());
  SmallVector<Value> current(inputs.begin(), inputs.end());
  for (int64_t range = 0; range < numRanges; ++range) {
    IRMapping mapping;
    if (range != 0) {
      SmallVector<Value> tied = current;
      for (auto &list : parts)
        tied.push_back(list.back());
      auto barrier = BarrierOp::create(builder, loc, tied);
      current = llvm::to_vector_of<Value>(
          barrier.getOutputs().take_front(current.size()));
      for (auto [list, part] : llvm::zip_equal(
               parts, barrier.getOutputs().drop_front(current.size())))
        list.back() = part;
    }
    for (auto [input, value] : llvm::zip_equal(inputs, current))
      mapping.map(input, value);
    for (auto &[op, operands] : cuts)
      cloneOp(builder, op, mapping, range);
    for (auto [result, list] : llvm::zip_equal(results, parts)) {
      Value part = mapping.lookup(result);
      if (dims.lookup(result) >= 0 || list.empty())
        list.push_back(part);
      else if (dims.lookup(result) == Cut::kSum)
        list.back() = StableHLOBuilder(builder, loc)
                          .elementwise("add", {list.back(), part});
    }
  }
  for (auto [value, list] : llvm::zip_equal(results, parts)) {
    Value result = value;
    Value whole = list.front();
    int64_t dim = dims.lookup(result);
    if (dim >= 0)
      whole = StableHLOBuilder(builder, loc).concatenate(list, dim);
    else
      whole = list.back();
    result.replaceUsesWithIf(whole, [&](OpOperand &use) {
      return !isInside(
          last->getBlock()->findAncestorOpInBlock(*use.getOwner()));
    });
  }
  for (Operation *op : late)
    op->moveBefore(last->getBlock(), builder.getInsertionPoint());
  for (auto &entry : llvm::reverse(cuts))
    if (!copies.contains(entry.first))
      entry.first->erase();
}

namespace {
struct SplitExamples : approx_act::impl::SplitExamplesBase<SplitExamples> {
  using SplitExamplesBase::SplitExamplesBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (failed(checkRangeOptions(func, maxRanges, minBytes)))
      return signalPassFailure();
    std::string reason;
    FailureOr<TrainingStep> step =
        getTrainingStep(func, forwardResults, reason);
    if (failed(step))
      return signalPassFailure();
    bool isRewritten =
        func.walk([](BarrierOp) { return WalkResult::interrupt(); })
            .wasInterrupted();
    if (step->forwardResults.empty() || !isRewritten || isDistributed(func))
      return markAllAnalysesPreserved();
    while (numSplit < kMaxSplits && splitPeak(func, step->forwardResults))
      ++numSplit;
  }

private:
  static constexpr unsigned kMaxSplits = 8;

  /// Whether what needs most memory is done by ranges now.
  bool splitPeak(func::FuncOp func, ArrayRef<unsigned> results);
};
} // namespace

/// Of the ops around the peak, which is at op `index`, those that are worth
/// being done by ranges.
static std::optional<Segment> findSegment(const Turnaround &turnaround,
                                          const PeakMemoryAnalysis &memory,
                                          ArrayRef<Operation *> ops,
                                          size_t index, int64_t numExamples,
                                          int64_t numRanges, bool cutsWords) {
  ArrayRef<PeakMemoryAnalysis::Point> points = memory.getPoints();
  int64_t peak = memory.getPeak().bytes;
  auto plan = [&](size_t first, size_t last) -> std::optional<Segment> {
    Segment segment(turnaround, ops.slice(first, last - first + 1), numExamples,
                    numRanges, cutsWords);
    if (!segment.plan())
      return std::nullopt;
    return segment;
  };

  // As far as ops can be done by ranges; of that, what begins and ends where
  // the least is in memory.
  constexpr size_t kMaxOps = 600;
  size_t last = index;
  while (last + 2 < ops.size() && last - index < kMaxOps &&
         plan(index, last + 1))
    ++last;
  size_t first = index;
  while (first > 0 && index - first < kMaxOps && plan(first - 1, last))
    --first;
  size_t bestFirst = index;
  size_t bestLast = index;
  for (size_t i = first; i <= index; ++i)
    if (points[i].before < points[bestFirst].before)
      bestFirst = i;
  for (size_t i = index; i <= last && i + 1 < ops.size(); ++i)
    if (points[i + 1].before < points[bestLast + 1].before)
      bestLast = i;
  std::optional<Segment> segment = plan(bestFirst, bestLast);
  if (!segment || !segment->isUseful())
    return std::nullopt;
  int64_t before = points[bestFirst].before;
  int64_t expected =
      before + segment->getResultBytes() + (peak - before) / numRanges;
  // Not for less: a compiler has reasons of its own, and the more there is to
  // concatenate and to restore twice, the less they are foreseen.
  if (2 * expected > peak)
    return std::nullopt;
  return segment;
}

bool SplitExamples::splitPeak(func::FuncOp func, ArrayRef<unsigned> results) {
  Turnaround turnaround(func, results);
  PeakMemoryAnalysis memory(turnaround);
  ArrayRef<PeakMemoryAnalysis::Point> points = memory.getPoints();
  auto index = static_cast<size_t>(&memory.getPeak() - points.data());
  int64_t peak = memory.getPeak().bytes;
  SmallVector<Operation *> ops;
  for (const PeakMemoryAnalysis::Point &point : points)
    ops.push_back(point.op);

  // The examples of what the op at the peak works on.
  SmallVector<Value> values(ops[index]->getResults());
  llvm::append_range(values, ops[index]->getOperands());
  auto *value = llvm::find_if(values, [](Value v) {
    RankedTensorType type = getTensorType(v);
    return type && type.getRank() > 1 && getBytes(v) >= kMinDelayedBytes;
  });
  if (value == values.end())
    return false;
  int64_t numExamples = getTensorType(*value).getDimSize(0);
  int64_t numRanges = maxRanges;
  while (numRanges > 1 &&
         (numExamples % numRanges != 0 || peak / numRanges < minBytes))
    --numRanges;
  if (numRanges <= 1)
    return false;
  // Codes of several examples that share words are restored before the ranges
  // if that is enough. (A network with max-pools took 24.3 MB then, and 27.4
  // where they were restored by ranges.)
  bool isAnyShared = llvm::any_of(ops, [&](Operation *op) {
    return llvm::any_of(op->getOperands(), [&](Value operand) {
      return holdsExamples(operand, numExamples);
    });
  });
  for (bool cutsWords : {false, true}) {
    if (cutsWords && !isAnyShared)
      break;
    if (std::optional<Segment> segment =
            findSegment(turnaround, memory, ops, index, numExamples, numRanges,
                        cutsWords)) {
      segment->split();
      return true;
    }
  }
  return false;
}
