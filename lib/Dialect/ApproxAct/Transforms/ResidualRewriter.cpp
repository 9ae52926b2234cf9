//===- ResidualRewriter.cpp - Stores and restores residuals ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ResidualRewriter.h"
#include "Delay.h"
#include "SmallTensors.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/STLExtras.h"
#include <queue>

using namespace mlir;
using namespace mlir::approx_act;

static bool isUnit(ArrayRef<int64_t> shape) {
  return llvm::all_of(shape, [](int64_t size) { return size == 1; });
}

/// Whether a barrier takes the value: not a token, not a tuple.
static bool canBeTied(Value value) {
  return isa<RankedTensorType>(value.getType());
}

/// Whether the op reads its operands from memory: anything but arithmetic,
/// views and sums.
static bool isContraction(Operation *op) {
  auto residualOp = dyn_cast<ResidualOpInterface>(op);
  return !residualOp ||
         (residualOp.getRecompute() == Recompute::Never &&
          residualOp.getScalarFunction() != ScalarFunction::ReduceAdd);
}

/// Of a view of codes in which one dimension is two, `dim` and the one before
/// it: the dimensions of the view by those of the codes.
static SmallVector<ReassociationIndices> getSplit(int64_t rank, int64_t dim) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t i : llvm::seq(rank)) {
    if (i == dim)
      groups.back().push_back(i);
    else
      groups.push_back({i});
  }
  return groups;
}

static RankedTensorType prependDim(RankedTensorType type, int64_t size) {
  SmallVector<int64_t> shape(type.getShape());
  shape.insert(shape.begin(), size);
  return type.clone(shape);
}

ResidualRewriter::ResidualRewriter(const Turnaround &turnaround,
                                   const StoragePlan &plan,
                                   const GridOptions &options)
    : turnaround(turnaround), plan(plan), options(options),
      block(turnaround.getFunction().getBody().front()) {
  for (Operation &op : block)
    if (turnaround.getPhase(&op) == Phase::Backward &&
        &op != block.getTerminator())
      backwardOps.push_back(&op);
}

void ResidualRewriter::run() {
  connectBackward();
  planClusters();
  storeAll();
  restoreAll();
}

//===----------------------------------------------------------------------===//
// The forward pass
//===----------------------------------------------------------------------===//

void ResidualRewriter::collectForwardLeaves(
    Value value, SmallVectorImpl<Value> &leaves) const {
  llvm::SetVector<Value> visited;
  visited.insert(value);
  for (unsigned i = 0; i < visited.size(); ++i) {
    Value current = visited[i];
    Operation *op = current.getDefiningOp();
    if (op && turnaround.getPhase(op) == Phase::Derived)
      visited.insert_range(op->getOperands());
    else
      leaves.push_back(current);
  }
}

Operation *ResidualRewriter::getStorePoint(Value value,
                                           const Storage &storage) const {
  // The last op that the codes are computed from.
  SmallVector<Value> leaves;
  collectForwardLeaves(value, leaves);
  if (storage.moments)
    for (const auto &moment :
         {storage.moments->mean, storage.moments->deviation})
      if (moment)
        collectForwardLeaves(moment->value, leaves);
  if (storage.side) {
    collectForwardLeaves(storage.side->mask, leaves);
    for (const AffineStep &step : storage.side->chain.steps)
      if (step.coefficient)
        collectForwardLeaves(step.coefficient->value, leaves);
  }
  Operation *last = nullptr;
  for (Value leaf : leaves)
    if (Operation *op = leaf.getDefiningOp();
        op && (!last || isBefore(last, op)))
      last = op;
  return last;
}

std::optional<ResidualRewriter::Exit>
ResidualRewriter::findExit(Value value, Operation *after) const {
  // From the value through arithmetic and views, in program order, to the
  // first op that reads from memory what they compute.
  auto later = [&](Operation *a, Operation *b) { return isBefore(b, a); };
  std::priority_queue<Operation *, std::vector<Operation *>, decltype(later)>
      queue(later);
  llvm::DenseSet<Operation *> queued;
  llvm::DenseSet<Value> reached;
  auto reach = [&](Value v) {
    reached.insert(v);
    for (Operation *user : v.getUsers()) {
      Operation *op = block.findAncestorOpInBlock(*user);
      if (turnaround.getPhase(op) == Phase::Forward && queued.insert(op).second)
        queue.push(op);
    }
  };
  SmallVector<Value> leaves;
  collectForwardLeaves(value, leaves);
  for (Value leaf : leaves)
    if (leaf.getDefiningOp() && !getSplatValue(leaf))
      reach(leaf);
  while (!queue.empty()) {
    Operation *op = queue.top();
    queue.pop();
    if (isCheap(op)) {
      llvm::for_each(op->getResults(), reach);
      continue;
    }
    if (after && !isBefore(after, op))
      continue;
    for (Value read : getOperandsAndCaptures(op))
      if (reached.contains(read))
        return Exit{op, read};
  }
  return std::nullopt;
}

Value ResidualRewriter::hoist(OpBuilder &builder, Value value,
                              Operation *point) const {
  // Copies in program order, so that every operand is copied before.
  llvm::SetVector<Operation *> late;
  auto add = [&](Value v) {
    Operation *op = v.getDefiningOp();
    if (op && !isBefore(op, point))
      late.insert(op);
  };
  add(value);
  for (unsigned i = 0; i < late.size(); ++i)
    llvm::for_each(late[i]->getOperands(), add);
  SmallVector<Operation *> ops = late.takeVector();
  llvm::sort(ops, [&](Operation *a, Operation *b) { return isBefore(a, b); });
  IRMapping mapping;
  for (Operation *op : ops)
    builder.clone(*op, mapping);
  return mapping.lookupOrDefault(value);
}

void ResidualRewriter::storeAll() {
  // What leaves as the same value into the same op is tied together.
  llvm::MapVector<std::pair<Operation *, Value>, SmallVector<Value>> groups;
  for (const auto &[value, storage] : plan.getStored()) {
    if (storage.kind == StorageKind::Exact)
      continue;
    Operation *after = getStorePoint(value, storage);
    if (std::optional<Exit> exit = findExit(value, after)) {
      groups[{exit->op, exit->carried}].push_back(value);
      continue;
    }
    // Nothing in the forward pass waits for what comes of the value.
    OpBuilder builder(block.getParentOp()->getContext());
    builder.setInsertionPointAfter(after);
    stored[value] = store(builder, value, storage);
  }

  for (auto &[exit, values] : groups) {
    auto [op, carried] = exit;
    OpBuilder builder(op);
    SmallVector<SmallVector<Value>> stacks = stackSmall(values);
    SmallVector<Value> tied;
    for (ArrayRef<Value> stack : stacks) {
      Stored entry = store(builder, stack, *plan.lookup(stack.front()));
      for (auto [index, value] : llvm::enumerate(stack)) {
        if (stack.size() > 1)
          entry.stackIndex = index;
        stored[value] = entry;
      }
      tied.push_back(entry.words);
    }
    tied.push_back(carried);
    auto barrier = BarrierOp::create(builder, op->getLoc(), tied);
    for (auto [stack, words] : llvm::zip(stacks, barrier.getOutputs()))
      for (Value value : stack)
        stored[value].words = words;
    Value after = barrier.getOutputs().back();
    Value original = originals.lookup(carried);
    originals[after] = original ? original : carried;
    carried.replaceUsesWithIf(after, [&, op = op](OpOperand &use) {
      Operation *user = block.findAncestorOpInBlock(*use.getOwner());
      return turnaround.getPhase(user) == Phase::Forward &&
             (user == op || isBefore(op, user));
    });
  }
}

SmallVector<SmallVector<Value>>
ResidualRewriter::stackSmall(ArrayRef<Value> values) const {
  // What takes longer to start than to do: a grid is five ops, and in the body
  // of a loop each of them is started once per step. A stack costs a copy.
  constexpr int64_t kMaxStackedBytes = 64 * 1024;
  SmallVector<SmallVector<Value>> stacks;
  for (Value value : values) {
    const Storage &storage = *plan.lookup(value);
    // A stack would have to be divided among devices as its elements are.
    bool isStacked = storage.kind == StorageKind::Codes && !storage.moments &&
                     !storage.side && getBytes(value) <= kMaxStackedBytes &&
                     !options.isDistributed;
    auto isLike = [&](ArrayRef<Value> stack) {
      const Storage &other = *plan.lookup(stack.front());
      return stack.front().getType() == value.getType() &&
             other.kind == storage.kind && !other.moments && !other.side &&
             other.isOfRoot == storage.isOfRoot;
    };
    auto *stack = isStacked ? llvm::find_if(stacks, isLike) : stacks.end();
    if (stack != stacks.end())
      stack->push_back(value);
    else
      stacks.push_back({value});
  }
  return stacks;
}

/// Blocks of one channel of one example, as narrow as their parameters allow;
/// else the channels of all examples; else everything is one block. (Blocks
/// within one example have the narrower range, and need no exchange where
/// examples are divided among devices.) Along the dimensions in which
/// `coefficients`, a shape or empty, is not 1, elements are in blocks of their
/// own: where a mask's threshold varies.
static SmallVector<int64_t>
getAutomaticGridShape(RankedTensorType type, unsigned bits,
                      ArrayRef<int64_t> coefficients) {
  // Two parameters of 32 bits take a sixteenth of the codes, or an eighth.
  int64_t enough = 1024 / bits;
  constexpr int64_t kEnoughForChannels = 128;
  int64_t rank = type.getRank();
  int64_t last = type.getDimSize(rank - 1);
  auto isApart = [&](int64_t dim) {
    return coefficients.empty() ? dim == rank - 1 : coefficients[dim] != 1;
  };
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(1, rank));
  llvm::erase_if(dims, isApart);
  // Over long dimensions first, which are positions rather than heads.
  llvm::sort(dims, [&](int64_t a, int64_t b) {
    return std::pair(-type.getDimSize(a), a) <
           std::pair(-type.getDimSize(b), b);
  });
  SmallVector<int64_t> shape(type.getShape());
  int64_t size = 1;
  for (int64_t dim : dims) {
    if (size >= enough)
      break;
    size *= type.getDimSize(dim);
    shape[dim] = 1;
  }
  if (size >= enough)
    return shape;
  if (!coefficients.empty())
    return SmallVector<int64_t>(coefficients);
  shape.assign(rank, 1);
  if (type.getNumElements() >= kEnoughForChannels * last)
    shape.back() = last;
  return shape;
}

SmallVector<int64_t>
ResidualRewriter::getGridShape(RankedTensorType type,
                               const Storage &storage) const {
  ArrayRef<int64_t> coefficients;
  if (storage.side && storage.side->chain.shape)
    coefficients = *storage.side->chain.shape;
  if (storage.moments)
    return coefficients.empty() ? storage.moments->shape
                                : SmallVector<int64_t>(coefficients);
  if (!options.granularity)
    return getAutomaticGridShape(type, storage.bits, coefficients);
  if (!coefficients.empty())
    return SmallVector<int64_t>(coefficients);
  SmallVector<int64_t> shape(type.getRank(), 1);
  int64_t last = type.getDimSize(type.getRank() - 1);
  switch (*options.granularity) {
  case GranularityKind::Tensor:
    break;
  case GranularityKind::Channel:
    shape.back() = last;
    break;
  case GranularityKind::Group:
    if (options.groupSize <= 0 || last % options.groupSize != 0)
      break;
    shape.assign(type.getShape().begin(), type.getShape().end());
    shape.back() = last / options.groupSize;
    break;
  }
  return shape;
}

std::pair<Value, Value>
ResidualRewriter::makeAffine(OpBuilder &builder, Location loc,
                             const SideMask &side,
                             RankedTensorType type) const {
  auto negate = [&](Value v) -> Value {
    return arith::NegFOp::create(builder, loc, v);
  };
  Operation *point = &*builder.getInsertionPoint();
  auto hoisted = [&](Value v) { return hoist(builder, v, point); };
  Value slope = makeSplat(builder, loc, type, 1.0);
  Value offset = makeSplat(builder, loc, type, 0.0);
  for (const AffineStep &step : side.chain.steps) {
    Value c =
        step.coefficient
            ? makeSmall(builder, loc, hoisted(step.coefficient->value), type)
            : Value();
    switch (cast<ResidualOpInterface>(step.op).getScalarFunction()) {
    case ScalarFunction::Add:
      offset = arith::AddFOp::create(builder, loc, offset, c);
      break;
    case ScalarFunction::Subtract:
      if (step.carried == 0) {
        offset = arith::SubFOp::create(builder, loc, offset, c);
      } else {
        offset = arith::SubFOp::create(builder, loc, c, offset);
        slope = negate(slope);
      }
      break;
    case ScalarFunction::Multiply:
      slope = arith::MulFOp::create(builder, loc, slope, c);
      offset = arith::MulFOp::create(builder, loc, offset, c);
      break;
    case ScalarFunction::Divide:
      slope = arith::DivFOp::create(builder, loc, slope, c);
      offset = arith::DivFOp::create(builder, loc, offset, c);
      break;
    case ScalarFunction::Negate:
      slope = negate(slope);
      offset = negate(offset);
      break;
    default:
      assert(!c && "a step that the trace does not take");
      break;
    }
  }
  offset = arith::SubFOp::create(builder, loc, offset,
                                 makeSplat(builder, loc, type, side.cut));
  if (!side.isAbove) {
    slope = negate(slope);
    offset = negate(offset);
  }
  return {slope, offset};
}

void ResidualRewriter::makeGrid(OpBuilder &builder, Value value,
                                ArrayRef<int64_t> shape, const Storage &storage,
                                Stored &result) {
  Location loc = value.getLoc();
  auto type = cast<RankedTensorType>(value.getType());
  RankedTensorType parameterType = getParameterType(type, shape);

  Operation *point = &*builder.getInsertionPoint();
  auto hoisted = [&](Value v) { return hoist(builder, v, point); };
  Value mean, rstd;
  if (storage.moments && storage.moments->mean)
    mean = makeSmall(builder, loc, hoisted(storage.moments->mean->value),
                     parameterType);
  if (storage.moments && storage.moments->deviation) {
    rstd = makeSmall(builder, loc, hoisted(storage.moments->deviation->value),
                     parameterType);
    if (!storage.moments->isReciprocal) {
      Value one = makeSplat(builder, loc, parameterType, 1.0);
      rstd = arith::DivFOp::create(builder, loc, one, rstd);
    }
  }

  MLIRContext *context = builder.getContext();
  auto range = storage.moments ? RangeAttr::get(context, RangeRule::Normalised,
                                                options.sigma)
                               : RangeAttr::get(context, options.fallback, 0.0);
  GranularityAttr granularity;
  if (isUnit(shape))
    granularity = GranularityAttr::get(context, GranularityKind::Tensor, 0);
  else if (shape.back() != 1 && shape.back() != type.getShape().back())
    granularity = GranularityAttr::get(context, GranularityKind::Group,
                                       type.getShape().back() / shape.back());
  else
    granularity = GranularityAttr::get(context, GranularityKind::Channel, 0);

  auto grid = GridOp::create(builder, loc, parameterType, parameterType, value,
                             mean, rstd, storage.bits, range, granularity);
  result.lo = grid.getLo();
  result.step = grid.getStep();
  if (!storage.side)
    return;
  auto [slope, offset] =
      makeAffine(builder, loc, *storage.side,
                 storage.side->chain.shape
                     ? parameterType.clone(*storage.side->chain.shape)
                     : parameterType);
  if (slope.getType() != parameterType) {
    // Blocks may be parts of what shares a coefficient.
    StableHLOBuilder hlo(builder, loc);
    auto dims = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    slope = hlo.broadcastInDim(slope, shape, dims);
    offset = hlo.broadcastInDim(offset, shape, dims);
  }
  auto splitType = RankedTensorType::get(shape, builder.getI32Type());
  auto split = SplitGridOp::create(
      builder, loc, parameterType, parameterType, parameterType, splitType,
      grid.getLo(), grid.getStep(), slope, offset, storage.bits,
      llvm::APFloat(
          static_cast<float>(storage.side->isEven ? 1.0 : options.ratio)));
  result.edge = split.getEdge();
  result.below = split.getBelow();
  result.above = split.getAbove();
  result.split = split.getSplit();
}

Value ResidualRewriter::quantize(OpBuilder &builder, Value value, Value mask,
                                 const Stored &entry) const {
  Location loc = value.getLoc();
  Type type = cast<RankedTensorType>(value.getType())
                  .clone(entry.codesType.getElementType());
  // Each value has its own noise.
  bool isStochastic = options.rounding == RoundingMode::Stochastic;
  auto rounding = RoundingAttr::get(
      builder.getContext(), options.rounding,
      isStochastic ? options.seed + static_cast<uint32_t>(stored.size()) : 0);
  if (!mask)
    return QuantizeOp::create(builder, loc, type, value, entry.lo, entry.step,
                              rounding);
  return QuantizeSplitOp::create(builder, loc, type, value, entry.edge,
                                 entry.below, entry.above, entry.split, mask,
                                 rounding);
}

ResidualRewriter::Stored ResidualRewriter::store(OpBuilder &builder,
                                                 ArrayRef<Value> values,
                                                 const Storage &storage) {
  Stored result;
  Location loc = values.front().getLoc();
  Operation *point = &*builder.getInsertionPoint();
  auto type = cast<RankedTensorType>(values.front().getType());
  Value codes = hoist(builder, values.front(), point);
  result.codesType = type.clone(builder.getIntegerType(storage.bits));
  bool isStack = values.size() > 1;
  if (isStack) {
    StableHLOBuilder hlo(builder, loc);
    SmallVector<Value> elements;
    for (Value value : values)
      elements.push_back(hlo.addUnitDim(hoist(builder, value, point)));
    codes = hlo.concatenate(elements, 0);
  }
  if (storage.kind == StorageKind::Codes) {
    if (storage.isOfRoot)
      codes = math::SqrtOp::create(builder, loc, codes);
    SmallVector<int64_t> shape = getGridShape(type, storage);
    if (isStack)
      shape.insert(shape.begin(), values.size());
    makeGrid(builder, codes, shape, storage, result);
    Value mask =
        storage.side ? hoist(builder, storage.side->mask, point) : Value();
    codes = quantize(builder, codes, mask, result);
  }
  result.words = codes;
  if (storage.bits == kWordBits)
    return result;
  result.packing = choosePacking(result.codesType);
  Packing packing = *result.packing;
  if (isStack)
    packing = {prependDim(packing.view, values.size()), packing.dim + 1};
  if (result.packing->view != result.codesType)
    codes = tensor::ExpandShapeOp::create(
        builder, loc, packing.view, codes,
        getSplit(packing.view.getRank(), packing.dim));
  result.words =
      PackOp::create(builder, loc, packing.getWordsType(), codes, packing.dim);
  return result;
}

//===----------------------------------------------------------------------===//
// The backward pass
//===----------------------------------------------------------------------===//

void ResidualRewriter::connectBackward() {
  llvm::EquivalenceClasses<Operation *> classes;
  llvm::DenseSet<Operation *> members(backwardOps.begin(), backwardOps.end());
  for (Operation *op : backwardOps) {
    classes.insert(op);
    if (isContraction(op))
      continue;
    for (Value operand : op->getOperands())
      if (Operation *producer = operand.getDefiningOp();
          producer && members.contains(producer) && !isContraction(producer))
        classes.unionSets(op, producer);
  }
  llvm::DenseMap<Operation *, unsigned> numbers;
  for (Operation *op : backwardOps)
    components[op] =
        numbers.try_emplace(classes.getLeaderValue(op), numbers.size())
            .first->second;
}

ResidualRewriter::Sources ResidualRewriter::getSources(Value value) {
  auto it = sources.find(value);
  if (it != sources.end())
    return it->second;
  llvm::SetVector<Value> roots;
  llvm::SetVector<Value> companions;
  const Storage *storage = plan.lookup(value);
  if (plan.isFree(value) || (storage && storage->kind == StorageKind::Exact)) {
    // Needs no restoring.
  } else if (storage || plan.getCarrier(value)) {
    // A mask is a root apart from the values of the same codes: a gradient is
    // masked before it is multiplied with them, and only then they have to be
    // there.
    roots.insert(value);
  } else if (const SmoothFunction *function = plan.getFunction(value)) {
    return sources[value] = getSources(function->argument);
  } else if (plan.isRecomputed(value)) {
    for (Value operand : plan.getSources(value)) {
      Sources of = getSources(operand);
      roots.insert_range(of.roots);
      companions.insert_range(of.companions);
      const Storage *stored = plan.lookup(operand);
      if (plan.isFree(operand) ||
          (stored && stored->kind == StorageKind::Exact))
        companions.insert(operand);
    }
    // A compiler would take a copy of a forward op on the same operands for
    // that op, and keep its result instead of computing it again; and what
    // depends on exact values alone (a scale, repeated to the shape of an
    // activation) it may compute long before it is read.
    // Neither can happen to what a branch captures.
    auto isOutside = [&](Value v) { return plan.isOutside(v); };
    if (roots.empty() && plan.isLarge(value) &&
        llvm::none_of(companions, isOutside)) {
      for (Value operand : companions)
        if (getByteSize(operand.getType()))
          roots.insert(operand);
      companions.clear();
    }
  }
  return sources[value] = {llvm::to_vector<2>(roots),
                           llvm::to_vector<2>(companions)};
}

/// Whether a compiler may copy `argument` for `op`, and keep the copy from the
/// start: in another layout, or because the argument may be written over
/// before.
static bool isCopied(Value argument, Operation *op) {
  return isContraction(op) && op->getNumRegions() == 0 &&
         getBytes(argument) >= kMinDelayedBytes;
}

SmallVector<OpOperand *>
ResidualRewriter::getRestoredUses(Operation *op) const {
  SmallVector<OpOperand *> uses;
  op->walk([&](Operation *inner) {
    for (OpOperand &operand : inner->getOpOperands()) {
      Value value = operand.get();
      Operation *definition = value.getDefiningOp();
      if (definition
              ? definition->getBlock() == &block && turnaround.isPrimal(value)
              : inner == op && isCopied(value, op))
        uses.push_back(&operand);
    }
  });
  return uses;
}

void ResidualRewriter::planClusters() {
  // What depends on exact values alone (a reciprocal deviation, repeated to
  // the shape of an activation) could be computed as soon as the backward pass
  // begins, and would be kept in full size until it is read. So it waits for
  // the same cotangent as the codes it is read with.
  for (Operation *op : backwardOps) {
    unsigned component = components.lookup(op);
    for (OpOperand *use : getRestoredUses(op)) {
      Sources of = getSources(use->get());
      for (Value root : of.roots)
        companions[{root, component}].insert_range(of.companions);
    }
  }
}

SmallVector<Value *, 5> ResidualRewriter::Stored::getParts(bool ofMask) {
  if (ofMask)
    return {&words, &split};
  if (split)
    return {&words, &edge, &below, &above, &split};
  if (lo)
    return {&words, &lo, &step};
  return {&words};
}

ResidualRewriter::Stored ResidualRewriter::getStored(Value value) const {
  Value carrier = plan.getCarrier(value);
  auto it = stored.find(carrier ? carrier : value);
  if (it != stored.end())
    return it->second;
  Stored exact;
  exact.words = value;
  return exact;
}

bool ResidualRewriter::isReadAfter(
    Operation *op, Value value,
    llvm::function_ref<bool(Operation *)> isReader) const {
  return llvm::any_of(value.getUsers(), [&](Operation *inner) {
    Operation *user = block.findAncestorOpInBlock(*inner);
    return isBefore(op, user) && isReader(user);
  });
}

SmallVector<Value> ResidualRewriter::findAwaited(Operation *op) const {
  auto isCotangent = [&](Value value) {
    return !turnaround.isPrimal(value) && canBeTied(value);
  };
  SmallVector<Value> reads = getOperandsAndCaptures(op);
  auto *read = llvm::find_if(reads, isCotangent);
  if (read == reads.end())
    return {turnaround.getAnchor()};
  // A barrier puts what goes through it in memory. Where what that is computed
  // from has to stay there too, or is smaller, it is enough to wait for that.
  SmallVector<Value> path = {*read};
  auto isReadLater = [&](Value value) {
    return isCotangent(value) &&
           getByteSize(value.getType()) == getByteSize(read->getType()) &&
           isReadAfter(op, value, [](Operation *) { return true; });
  };
  auto isSmaller = [&](Value value) {
    return isCotangent(value) && getBytes(value) < getBytes(path.back());
  };
  while (isCheap(path.back().getDefiningOp())) {
    OperandRange operands = path.back().getDefiningOp()->getOperands();
    auto source = llvm::find_if(operands, isReadLater);
    if (source == operands.end() && llvm::count_if(operands, isCotangent) == 1)
      source = llvm::find_if(operands, isSmaller);
    if (source == operands.end())
      break;
    path.push_back(*source);
  }
  return path;
}

bool ResidualRewriter::sinkViews(Value value, Operation *op) {
  bool isLate = true;
  for (Operation *user : llvm::make_early_inc_range(value.getUsers())) {
    if (user->getBlock() == &block && isBefore(op, user))
      continue;
    bool isView = user->getBlock() == &block && user != op && isCheap(user) &&
                  user->getNumOperands() == 1;
    if (isView && sinkViews(user->getResult(0), op))
      user->moveAfter(op);
    else
      isLate = false;
  }
  return isLate;
}

/// Moves the transpose that is the only reader of a contraction's result behind
/// the contraction, which a compiler makes write the result that way. Returns
/// what is read then.
static Value takeTranspose(OpResult result) {
  if (!result.hasOneUse())
    return result;
  Operation *user = *result.user_begin();
  auto view = dyn_cast<ResidualOpInterface>(user);
  if (!view || user->getBlock() != result.getOwner()->getBlock() ||
      view.getScalarFunction() != ScalarFunction::Transpose)
    return result;
  user->moveAfter(result.getOwner());
  return user->getResult(0);
}

void ResidualRewriter::openClusters(Operation *op, ArrayRef<Value> restored) {
  unsigned component = components.lookup(op);
  // Grids are tied as well: repeated to the shape of the codes, they would be
  // as large as what is restored.
  llvm::SetVector<Value> tied;
  SmallVector<Cluster> opened;
  auto tie = [&](Value value) {
    auto [it, inserted] = open.try_emplace({value, component});
    if (!inserted)
      return false;
    it->second = getStored(value);
    opened.push_back(it->first);
    for (Value *part : it->second.getParts(plan.getCarrier(value) != nullptr))
      tied.insert(*part);
    return true;
  };
  for (Value value : restored) {
    if (isa<BlockArgument>(value))
      tie(value);
    for (Value root : getSources(value).roots)
      if (tie(root))
        llvm::for_each(companions[{root, component}], tie);
  }
  if (opened.empty())
    return;

  SmallVector<Value> path = findAwaited(op);
  Value awaited = path.pop_back_val();
  if (canBeTied(awaited))
    tied.insert(awaited);
  auto barrier = tieBefore(op, op->getLoc(), tied.getArrayRef());
  IRMapping behind;
  behind.map(tied.getArrayRef(), barrier.getOutputs());
  for (Cluster cluster : opened)
    for (Value *part :
         open[cluster].getParts(plan.getCarrier(cluster.first) != nullptr))
      *part = behind.lookup(*part);
  if (!isContraction(op) || options.isDistributed)
    return;

  // A contraction reads what is restored for it from memory. What else follows
  // from the cotangent waits until that is done and the memory is free again.
  // (Not where the result is a sum over devices: each gradient would have to be
  // exchanged by itself before the next layer.)
  SmallVector<Value> waiting = {behind.lookup(awaited)};
  // So does what has been computed of it before and is read from memory again.
  llvm::copy_if(path, std::back_inserter(waiting), [&](Value value) {
    return isReadAfter(op, value, isContraction);
  });
  // Nor may what another contraction has made of the same cotangent go on.
  if (Operation *before = awaited.getDefiningOp(); finishes.contains(before))
    for (Value other : before->getResults()) {
      if (other == awaited || other.use_empty())
        continue;
      sinkViews(other, op);
      waiting.push_back(other);
    }
  SmallVector<Value> finished;
  Operation *last = op;
  for (OpResult result : op->getResults())
    if (canBeTied(result)) {
      finished.push_back(takeTranspose(result));
      if (last == op)
        last = finished.back().getDefiningOp();
    }
  finished.append(waiting);
  finishes.insert(tieBefore(last->getNextNode(), op->getLoc(), finished));
}

BarrierOp ResidualRewriter::tieBefore(Operation *point, Location loc,
                                      ArrayRef<Value> values) {
  OpBuilder builder(point);
  auto barrier = BarrierOp::create(builder, loc, values);
  for (auto [original, tied] : llvm::zip_equal(values, barrier.getOutputs())) {
    Value value = original;
    if (turnaround.isPrimal(value) && value != turnaround.getAnchor())
      continue;
    value.replaceUsesWithIf(tied, [&](OpOperand &use) {
      Operation *user = block.findAncestorOpInBlock(*use.getOwner());
      return user == point || isBefore(point, user);
    });
  }
  return barrier;
}

Value ResidualRewriter::dequantize(OpBuilder &builder, Location loc, Type type,
                                   Value codes, const Stored &entry) const {
  if (!entry.split)
    return DequantizeOp::create(builder, loc, type, codes, entry.lo,
                                entry.step);
  return DequantizeSplitOp::create(builder, loc, type, codes, entry.edge,
                                   entry.below, entry.above, entry.split);
}

ResidualRewriter::Stored ResidualRewriter::readFromStack(OpBuilder &builder,
                                                         Location loc,
                                                         Stored entry) const {
  if (!entry.stackIndex)
    return entry;
  StableHLOBuilder hlo(builder, loc);
  for (Value *part : entry.getParts(/*ofMask=*/false))
    *part = hlo.dropUnitDim(hlo.sliceDim(*part, 0, *entry.stackIndex, 1));
  return entry;
}

Value ResidualRewriter::restoreCodes(OpBuilder &builder, Location loc,
                                     const Stored &entry) const {
  if (!entry.packing)
    return entry.words;
  auto [view, dim] = *entry.packing;
  Value codes = UnpackOp::create(builder, loc, view, entry.words, dim);
  if (view == entry.codesType)
    return codes;
  return tensor::CollapseShapeOp::create(builder, loc, entry.codesType, codes,
                                         getSplit(view.getRank(), dim));
}

Value ResidualRewriter::restore(OpBuilder &builder, Value value,
                                unsigned component) {
  // What a forward op reads behind a barrier is known by the value before.
  if (Value original = originals.lookup(value))
    value = original;
  Cluster key{value, component};
  const Storage *storage = plan.lookup(value);
  if (plan.isFree(value) || (storage && storage->kind == StorageKind::Exact)) {
    Value behindBarrier = open.lookup(key).words;
    return behindBarrier ? behindBarrier : value;
  }
  if (Value known = restoredValues.lookup(key))
    return known;

  Location loc = value.getLoc();
  Value result = value;
  if (storage) {
    Stored entry = readFromStack(builder, loc, open.at(key));
    result = restoreCodes(builder, loc, entry);
    if (storage->kind == StorageKind::Codes)
      result = dequantize(builder, loc, value.getType(), result, entry);
    if (storage->isOfRoot)
      result = arith::MulFOp::create(builder, loc, result, result);
  } else if (plan.getCarrier(value)) {
    const Stored &entry = open.at(key);
    Value codes = restoreCodes(builder, loc, entry);
    result = SideOp::create(builder, loc, value.getType(), codes, entry.split);
  } else if (const SmoothFunction *function = plan.getFunction(value)) {
    // All of it anew: masks of exact values would choose other branches than
    // the approximation is in.
    IRMapping mapping;
    mapping.map(function->argument,
                restore(builder, function->argument, component));
    for (Operation *op : function->ops)
      builder.clone(*op, mapping);
    result = mapping.lookup(value);
  } else if (const BranchResult *branches = plan.getBranchResult(value);
             branches && plan.isRecomputed(value)) {
    result = restoreBranches(builder, *branches, component);
  } else if (plan.isRecomputed(value)) {
    Operation *op = value.getDefiningOp();
    IRMapping mapping;
    for (Value operand : op->getOperands())
      mapping.map(operand, restore(builder, operand, component));
    unsigned number = cast<OpResult>(value).getResultNumber();
    result = builder.clone(*op, mapping)->getResult(number);
  }
  restoredValues[key] = result;
  return result;
}

void ResidualRewriter::restoreAll() {
  for (Operation *op : backwardOps) {
    SmallVector<OpOperand *> uses = getRestoredUses(op);
    if (uses.empty())
      continue;
    SmallVector<Value> values;
    for (OpOperand *use : uses)
      values.push_back(use->get());
    openClusters(op, values);
    if (std::optional<Branches> branches = Branches::match(op)) {
      restoreInBranches(*branches, uses, values);
      continue;
    }
    OpBuilder builder(op);
    unsigned component = components.lookup(op);
    for (auto [use, value] : llvm::zip_equal(uses, values))
      use->set(restore(builder, value, component));
  }
}
