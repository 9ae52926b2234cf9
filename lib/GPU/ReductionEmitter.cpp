//===- ReductionEmitter.cpp - Reductions in kernels -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "KernelEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::approx_act;

/// The ops of the body whose loops are those of `op`, `op` included.
static SmallVector<linalg::LinalgOp> getSiblings(linalg::LinalgOp op,
                                                 Block &body) {
  SmallVector<linalg::LinalgOp> siblings;
  AffineMap map =
      op.getIndexingMapMatchingResult(cast<OpResult>(op->getResult(0)));
  for (auto other : body.getOps<linalg::LinalgOp>()) {
    if (other == op) {
      siblings.push_back(other);
      continue;
    }
    if (other.getNumReductionLoops() == 0 ||
        other.getStaticLoopRanges() != op.getStaticLoopRanges() ||
        other.getIteratorTypesArray() != op.getIteratorTypesArray() ||
        other.getIndexingMapMatchingResult(
            cast<OpResult>(other->getResult(0))) != map ||
        !isVectorizable(other))
      continue;
    // Neither may need what the other computes.
    SetVector<Operation *> before;
    auto needs = [&](Operation *late, Operation *early) {
      SmallVector<Operation *> worklist = {late};
      DenseSet<Operation *> seen;
      while (!worklist.empty()) {
        for (Value operand : worklist.pop_back_val()->getOperands()) {
          Operation *producer = operand.getDefiningOp();
          if (producer == early)
            return true;
          if (producer && seen.insert(producer).second)
            worklist.push_back(producer);
        }
      }
      return false;
    };
    bool isIndependent = true;
    for (linalg::LinalgOp sibling : siblings)
      isIndependent &= !needs(other, sibling) && !needs(sibling, other);
    if (isIndependent && !needs(other, op) && !needs(op, other))
      siblings.push_back(other);
  }
  return siblings;
}

/// Reductions of `op`, and of others in the same kernel whose loops are the
/// same.
Value KernelEmitter::computeReduction(linalg::LinalgOp op, unsigned result,
                                      ArrayRef<AffineExpr> dims) {
  SmallVector<linalg::LinalgOp> siblings = getSiblings(op, body);
  bool isShared = share && depth == 0 && getCombiners(op);
  if (isShared)
    llvm::erase_if(siblings,
                   [](linalg::LinalgOp other) { return !getCombiners(other); });
  SmallVector<AffineExpr> loops = getLoops(op, result, dims);
  SmallVector<Value> values = isShared ? reduceTogether(siblings, dims, loops)
                                       : reduceSerially(siblings, dims, loops);
  unsigned index = 0;
  Value mine;
  for (linalg::LinalgOp sibling : siblings)
    for (OpResult value : sibling->getResults()) {
      if (sibling == op && value.getResultNumber() == result)
        mine = values[index];
      std::pair<Value, AffineExpr> key = {
          value, space.getLinear(Position::fromDims(dims), getShape(value))};
      if (computed.try_emplace(key, values[index]).second)
        history.push_back(key);
      ++index;
    }
  return mine;
}

/// The bodies of reductions at one place in their loops.
SmallVector<Value> KernelEmitter::emitBodies(ArrayRef<linalg::LinalgOp> ops,
                                             ArrayRef<AffineExpr> loops,
                                             ArrayRef<Value> accumulators,
                                             bool isVector) {
  SmallVector<Value> values;
  for (linalg::LinalgOp op : ops) {
    ArrayRef<Value> own =
        accumulators.slice(values.size(), op.getNumDpsInits());
    for (Value value : emitBody(op, loops, own))
      values.push_back(isVector ? splat(value) : value);
  }
  return values;
}

//===----------------------------------------------------------------------===//
// One thread
//===----------------------------------------------------------------------===//

SmallVector<Value>
KernelEmitter::reduceSerially(ArrayRef<linalg::LinalgOp> ops,
                              ArrayRef<AffineExpr> dims,
                              SmallVector<AffineExpr> loops) {
  bool isVector =
      llvm::any_of(dims, [&](AffineExpr dim) { return space.hasLane(dim); });
  SmallVector<Value> values;
  for (linalg::LinalgOp op : ops)
    for (Value init : op.getDpsInits()) {
      Value value = compute(init, Position::fromDims(dims));
      values.push_back(isVector ? splat(value) : value);
    }

  SmallVector<scf::ForOp> nest;
  SmallVector<std::unique_ptr<Scope>> scopes;
  SmallVector<int64_t> ranges = linalg::LinalgOp(ops[0]).getStaticLoopRanges();
  for (auto [loop, size] : llvm::zip_equal(loops, ranges)) {
    if (loop)
      continue;
    Value zero = arith::ConstantIndexOp::create(b, 0);
    Value one = arith::ConstantIndexOp::create(b, 1);
    Value end = arith::ConstantIndexOp::create(b, size);
    auto forOp = scf::ForOp::create(b, zero, end, one, values);
    // An unsigned comparison, as all of the arithmetic on positions.
    forOp.setUnsignedCmp(true);
    nest.push_back(forOp);
    scopes.push_back(std::make_unique<Scope>(*this));
    b.setInsertionPointToStart(forOp.getBody());
    loop = addIndex(forOp.getInductionVar(), size);
    values = SmallVector<Value>(forOp.getRegionIterArgs());
  }
  values = emitBodies(ops, loops, values, isVector);
  while (!nest.empty()) {
    scf::YieldOp::create(b, values);
    scopes.pop_back();
    values = SmallVector<Value>(nest.back().getResults());
    b.setInsertionPointAfter(nest.back());
    nest.pop_back();
  }
  return values;
}

//===----------------------------------------------------------------------===//
// A block
//===----------------------------------------------------------------------===//

/// The threads of a warp.
static constexpr int64_t kWarp = 32;

/// The loops over which a reduction goes, so that the last moves along the
/// innermost dimension of what is read, where one does.
static SmallVector<unsigned> getReductionLoops(linalg::LinalgOp op) {
  llvm::SmallSetVector<unsigned, 4> order;
  // From the last to the first.
  for (OpOperand *input : op.getDpsInputOperands())
    for (AffineExpr expr :
         llvm::reverse(op.getMatchingIndexingMap(input).getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        if (linalg::isReductionIterator(
                op.getIteratorTypesArray()[dim.getPosition()]))
          order.insert(dim.getPosition());
  for (auto [loop, type] : llvm::enumerate(op.getIteratorTypesArray()))
    if (linalg::isReductionIterator(type))
      order.insert(loop);
  return SmallVector<unsigned>(llvm::reverse(order.getArrayRef()));
}

/// Elements are numbered by the loops; part `p` of `P` has those whose number
/// is `p` modulo `P`, in their order. (Of parts that are neighbours, element
/// means as many as there are lanes.)
SmallVector<Value>
KernelEmitter::reduceTogether(ArrayRef<linalg::LinalgOp> ops,
                              ArrayRef<AffineExpr> dims,
                              SmallVector<AffineExpr> loops) {
  linalg::LinalgOp first = ops.front();
  bool isVector =
      llvm::any_of(dims, [&](AffineExpr dim) { return space.hasLane(dim); });
  SmallVector<unsigned> order = getReductionLoops(first);
  SmallVector<int64_t> sizes;
  for (unsigned loop : order)
    sizes.push_back(first.getStaticLoopRanges()[loop]);
  bool hasLanes = !isVector && share->arePartsNeighbours &&
                  sizes.back() % lanes == 0 &&
                  llvm::all_of(ops, isVectorizable);
  int64_t width = hasLanes ? lanes : 1;
  int64_t numSteps = getNumCombined(first) / width;

  SmallVector<Combiner> combiners;
  SmallVector<Value> values;
  for (linalg::LinalgOp op : ops)
    llvm::append_range(combiners, *getCombiners(op));
  for (const Combiner &combiner : combiners) {
    Value neutral = arith::ConstantOp::create(b, combiner.neutral);
    values.push_back(isVector || hasLanes ? splat(neutral) : neutral);
  }

  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  int64_t fewest = numSteps / share->numParts;
  int64_t rest = numSteps % share->numParts;
  Value end = arith::ConstantIndexOp::create(b, fewest);
  if (rest != 0) {
    Value more = arith::ConstantIndexOp::create(b, fewest + 1);
    Value limit = arith::ConstantIndexOp::create(b, rest);
    Value hasMore = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                          materialise(share->part), limit);
    end = arith::SelectOp::create(b, hasMore, more, end);
  }
  auto loop = scf::ForOp::create(b, zero, end, one, values);
  loop.setUnsignedCmp(true);
  {
    Scope scope(*this);
    b.setInsertionPointToStart(loop.getBody());
    AffineExpr step = addIndex(loop.getInductionVar(), fewest + (rest != 0));
    AffineExpr number = (step * share->numParts + share->part) * width;
    if (hasLanes)
      number = number + space.getLane();
    SmallVector<AffineExpr> places =
        space.getDims(Position::fromLinear(number), sizes);
    for (auto [index, place] : llvm::zip_equal(order, places))
      loops[index] = place;
    SmallVector<Value> accumulators(loop.getRegionIterArgs());
    values = emitBodies(ops, loops, accumulators, isVector || hasLanes);
    scf::YieldOp::create(b, values);
  }
  values = SmallVector<Value>(loop.getResults());
  if (hasLanes)
    for (auto [value, combiner] : llvm::zip_equal(values, combiners)) {
      Value total = vector::ExtractOp::create(b, value, 0);
      for (int64_t lane = 1; lane < lanes; ++lane)
        total =
            combine(combiner, total, vector::ExtractOp::create(b, value, lane));
      value = total;
    }

  combineParts(values, combiners);
  unsigned index = 0;
  for (linalg::LinalgOp op : ops)
    for (Value init : op.getDpsInits()) {
      Value before = compute(init, Position::fromDims(dims));
      values[index] = combine(combiners[index],
                              isVector ? splat(before) : before, values[index]);
      ++index;
    }
  return values;
}

/// `combine(lhs, rhs)`, of elements or of vectors.
Value KernelEmitter::combine(const Combiner &combiner, Value lhs, Value rhs) {
  Operation *op = b.insert(Operation::create(
      combiner.op->getLoc(), combiner.op->getName(), {lhs.getType()},
      {lhs, rhs}, combiner.op->getDiscardableAttrDictionary(),
      combiner.op->getPropertiesStorage(), {}, 0));
  return op->getResult(0);
}

/// Gives each thread what all parts of its item come to, in a fixed order.
void KernelEmitter::combineParts(MutableArrayRef<Value> values,
                                 ArrayRef<Combiner> combiners) {
  int64_t stride = share->arePartsNeighbours ? 1 : share->numItems;
  int64_t warpParts = std::clamp<int64_t>(kWarp / stride, 1, share->numParts);
  // Only of the first part of a warp it is certain that what it is given is of
  // its own item.
  Type word = b.getI32Type();
  for (int64_t offset = warpParts / 2; offset > 0; offset /= 2) {
    Value distance = arith::ConstantIntOp::create(b, word, offset * stride);
    for (auto [value, combiner] : llvm::zip_equal(values, combiners))
      value = combine(combiner, value,
                      shuffle(value, distance, gpu::ShuffleMode::DOWN));
  }
  if (warpParts < share->numParts)
    return combineWarps(values, combiners, warpParts);
  // All parts are in one warp, and the first one is there as well.
  AffineExpr lane = space.divide(share->thread, kWarp).second;
  Value before =
      materialise(space.divide(share->part, warpParts).second * stride);
  Value first = arith::SubIOp::create(b, materialise(lane), before);
  first = arith::IndexCastUIOp::create(b, word, first);
  for (Value &value : values)
    value = shuffle(value, first, gpu::ShuffleMode::IDX);
}

/// Combines what warps have come to, by way of shared memory.
void KernelEmitter::combineWarps(MutableArrayRef<Value> values,
                                 ArrayRef<Combiner> combiners,
                                 int64_t warpParts) {
  int64_t numWarps = share->numParts / warpParts;
  AffineExpr warp = space.divide(share->part, warpParts).first;
  AffineExpr inWarp = space.divide(share->part, warpParts).second;
  auto shared =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  SmallVector<Value> buffers;
  auto forEachElement = [&](Value value, Value buffer, AffineExpr inWarps,
                            llvm::function_ref<void(int64_t, Value)> visit) {
    auto vector = dyn_cast<VectorType>(value.getType());
    int64_t count = vector ? vector.getNumElements() : 1;
    AffineExpr base = (inWarps * share->numItems + share->item) * count;
    for (int64_t index = 0; index < count; ++index)
      visit(index, materialise(base + index));
  };
  for (Value value : values) {
    auto vector = dyn_cast<VectorType>(value.getType());
    int64_t count = vector ? vector.getNumElements() : 1;
    auto type =
        MemRefType::get(numWarps * share->numItems * count,
                        getElementTypeOrSelf(value), AffineMap(), shared);
    buffers.push_back(share->func.addWorkgroupAttribution(type, b.getLoc()));
  }

  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                        materialise(inWarp), zero);
  emitIf(isFirst, [&] {
    for (auto [value, buffer] : llvm::zip_equal(values, buffers))
      forEachElement(
          value, buffer, warp,
          [&, value = value, buffer = buffer](int64_t index, Value place) {
            Value element = value;
            if (isa<VectorType>(value.getType()))
              element = vector::ExtractOp::create(b, value, index);
            memref::StoreOp::create(b, element, buffer, place);
          });
  });
  gpu::BarrierOp::create(b);
  for (auto [value, buffer, combiner] :
       llvm::zip_equal(values, buffers, combiners)) {
    Value total;
    for (int64_t index = 0; index < numWarps; ++index) {
      SmallVector<Value> elements;
      forEachElement(value, buffer, b.getAffineConstantExpr(index),
                     [&, buffer = buffer](int64_t, Value place) {
                       elements.push_back(
                           memref::LoadOp::create(b, buffer, place));
                     });
      Value part = elements.front();
      if (isa<VectorType>(value.getType()))
        part = vector::FromElementsOp::create(b, value.getType(), elements);
      total = total ? combine(combiner, total, part) : part;
    }
    value = total;
  }
}

/// What another thread of the warp has. Shuffles are of 32 bits.
Value KernelEmitter::shuffle(Value value, Value offset, gpu::ShuffleMode mode) {
  Type type = value.getType();
  if (auto vector = dyn_cast<VectorType>(type)) {
    SmallVector<Value> elements;
    for (int64_t lane = 0; lane < vector.getNumElements(); ++lane)
      elements.push_back(
          shuffle(vector::ExtractOp::create(b, value, lane), offset, mode));
    return vector::FromElementsOp::create(b, vector, elements);
  }
  unsigned bits = type.getIntOrFloatBitWidth();
  Type word = b.getI32Type();
  if (bits == 32) {
    Value width = arith::ConstantIntOp::create(b, word, kWarp);
    return gpu::ShuffleOp::create(b, value, offset, width, mode)
        .getShuffleResult();
  }
  Type integer = b.getIntegerType(bits);
  if (isa<FloatType>(type)) {
    Value moved =
        shuffle(arith::BitcastOp::create(b, integer, value), offset, mode);
    return arith::BitcastOp::create(b, type, moved);
  }
  if (bits < 32) {
    Value moved = shuffle(arith::ExtUIOp::create(b, word, value), offset, mode);
    return arith::TruncIOp::create(b, type, moved);
  }
  Value result;
  for (unsigned low = 0; low < bits; low += 32) {
    Value amount = arith::ConstantOp::create(b, b.getIntegerAttr(type, low));
    Value part = arith::ShRUIOp::create(b, value, amount);
    part = shuffle(arith::TruncIOp::create(b, word, part), offset, mode);
    part = arith::ExtUIOp::create(b, type, part);
    part = arith::ShLIOp::create(b, part, amount);
    result = result ? arith::OrIOp::create(b, result, part).getResult() : part;
  }
  return result;
}
