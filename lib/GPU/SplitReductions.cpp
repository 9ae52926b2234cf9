//===- SplitReductions.cpp - Reductions in parallel -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Upstream's `splitReduction` divides one reduction dimension by a constant
/// factor; the statistics of a batch are sums over three, and an output that is
/// no projection of the loops (a dimension of size 1) must not stop it.
///
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "approx-act/GPU/Passes.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_SPLITREDUCTIONS
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

/// Whether a loop is a dimension of each operand that it moves along, so that
/// it becomes two loops when that dimension becomes two.
static bool canExpand(linalg::LinalgOp op, unsigned loop) {
  return llvm::all_of(op.getIndexingMapsArray(), [&](AffineMap map) {
    return llvm::all_of(map.getResults(), [&](AffineExpr expr) {
      return isa<AffineDimExpr>(expr) || !expr.isFunctionOfDim(loop);
    });
  });
}

/// Makes two reductions of one: of parts that lie as far apart as there are
/// parts, so that neighbouring threads read neighbouring elements, and of their
/// results. Elements of one part are combined in their order, and then the
/// parts, so the result is the same in every run.
static LogicalResult split(linalg::LinalgOp op, int64_t maxSerial) {
  std::optional<SmallVector<Combiner>> combiners = getCombiners(op);
  if (!combiners)
    return failure();

  // Outer loops become parallel whole, until what remains is short enough.
  MLIRContext *context = op.getContext();
  OpBuilder builder(op);
  Location loc = op.getLoc();
  int64_t remaining = getNumCombined(op);
  // For each loop, the loops that there will be, outermost first.
  SmallVector<SmallVector<AffineExpr, 2>> loops;
  SmallVector<SmallVector<int64_t, 2>> sizes;
  SmallVector<utils::IteratorType> iterators, finalIterators;
  SmallVector<AffineExpr> partialDims, finalLoops;
  SmallVector<int64_t> partialShape;
  auto addLoop = [&](int64_t size, utils::IteratorType type) {
    loops.back().push_back(getAffineDimExpr(iterators.size(), context));
    sizes.back().push_back(size);
    iterators.push_back(type);
    return loops.back().back();
  };
  auto addParallel = [&](int64_t size, utils::IteratorType type) {
    partialDims.push_back(addLoop(size, utils::IteratorType::parallel));
    partialShape.push_back(size);
    finalIterators.push_back(type);
  };
  for (auto [index, size, type] :
       llvm::enumerate(op.getStaticLoopRanges(), op.getIteratorTypesArray())) {
    loops.emplace_back();
    sizes.emplace_back();
    finalLoops.push_back(getAffineConstantExpr(0, context));
    if (type == utils::IteratorType::parallel) {
      finalLoops.back() = getAffineDimExpr(partialDims.size(), context);
      addParallel(size, type);
      continue;
    }
    int64_t others = remaining / size;
    int64_t kept =
        others >= maxSerial ? 1 : getDivisor(size, maxSerial / others);
    if (kept != 1 && kept != size && !canExpand(op, index))
      kept = size;
    remaining = others * kept;
    // A loop of one step stays one.
    if (kept != 1 || size == 1)
      addLoop(kept, type);
    if (kept != size)
      addParallel(size / kept, type);
  }
  // A prime number of elements has no parts.
  if (remaining == getNumCombined(op) || remaining == 1)
    return failure();

  SmallVector<AffineMap> maps;
  SmallVector<Value> inputs, inits, finalInits;
  SmallVector<Type> types;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    Value input = operand->get();
    AffineMap map = op.getMatchingIndexingMap(operand);
    SmallVector<AffineExpr> wholes;
    for (ArrayRef<AffineExpr> parts : loops)
      wholes.push_back(parts.front());
    SmallVector<AffineExpr> results;
    SmallVector<int64_t> shape;
    SmallVector<ReassociationIndices> groups;
    auto type = dyn_cast<RankedTensorType>(input.getType());
    for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
      ReassociationIndices group;
      auto loop = dyn_cast<AffineDimExpr>(expr);
      if (loop && loops[loop.getPosition()].size() > 1) {
        for (auto [part, size] : llvm::zip_equal(loops[loop.getPosition()],
                                                 sizes[loop.getPosition()])) {
          group.push_back(results.size());
          results.push_back(part);
          shape.push_back(size);
        }
      } else {
        group.push_back(results.size());
        results.push_back(expr.replaceDims(wholes));
        shape.push_back(type.getDimSize(dim));
      }
      groups.push_back(group);
    }
    if (results.size() != map.getNumResults())
      input = tensor::ExpandShapeOp::create(builder, loc, type.clone(shape),
                                            input, groups);
    inputs.push_back(input);
    maps.push_back(AffineMap::get(iterators.size(), 0, results, context));
  }
  for (auto [combiner, result] :
       llvm::zip_equal(*combiners, op->getResultTypes())) {
    Type element = cast<RankedTensorType>(result).getElementType();
    Value neutral = arith::ConstantOp::create(builder, loc, combiner.neutral);
    Value empty = tensor::EmptyOp::create(builder, loc, partialShape, element);
    inits.push_back(
        linalg::FillOp::create(builder, loc, neutral, empty).result());
    types.push_back(inits.back().getType());
    maps.push_back(AffineMap::get(iterators.size(), 0, partialDims, context));
  }
  auto partial = linalg::GenericOp::create(builder, loc, types, inputs, inits,
                                           maps, iterators);
  IRMapping mapping;
  op->getRegion(0).cloneInto(&partial.getRegion(), mapping);
  // Positions of the loops that there were before.
  partial.walk([&](linalg::IndexOp index) {
    builder.setInsertionPoint(index);
    SmallVector<Value> values;
    for (unsigned loop = 0; loop < iterators.size(); ++loop)
      values.push_back(linalg::IndexOp::create(builder, loc, loop));
    ArrayRef<AffineExpr> parts = loops[index.getDim()];
    AffineExpr whole = parts.front();
    if (parts.size() > 1)
      whole = whole * sizes[index.getDim()].back() + parts.back();
    Value position = affine::AffineApplyOp::create(
        builder, loc, AffineMap::get(iterators.size(), 0, whole), values);
    index.replaceAllUsesWith(position);
    index.erase();
  });

  builder.setInsertionPoint(op);
  unsigned rank = partialDims.size();
  SmallVector<AffineMap> finalMaps(inits.size(),
                                   builder.getMultiDimIdentityMap(rank));
  for (OpOperand &init : op.getDpsInitsMutable()) {
    finalInits.push_back(init.get());
    finalMaps.push_back(op.getMatchingIndexingMap(&init).replaceDimsAndSymbols(
        finalLoops, {}, rank, 0));
  }
  auto result = linalg::GenericOp::create(
      builder, loc, op->getResultTypes(), partial.getResults(), finalInits,
      finalMaps, finalIterators,
      [&](OpBuilder &nested, Location, ValueRange arguments) {
        SmallVector<Value> values;
        for (auto [index, combiner] : llvm::enumerate(*combiners)) {
          IRMapping operands;
          Value accumulator = op.getRegionOutputArgs()[index];
          Value other = combiner.op->getOperand(0) == accumulator
                            ? combiner.op->getOperand(1)
                            : combiner.op->getOperand(0);
          operands.map(accumulator, arguments[combiners->size() + index]);
          operands.map(other, arguments[index]);
          values.push_back(nested.clone(*combiner.op, operands)->getResult(0));
        }
        linalg::YieldOp::create(nested, loc, values);
      });
  op->replaceAllUsesWith(result);
  op->erase();
  return success();
}

/// Whether every element of `value` is `constant`.
static bool isFilledWith(Value value, TypedAttr constant) {
  auto fill = value.getDefiningOp<linalg::FillOp>();
  Attribute filled;
  return fill && matchPattern(fill.getInputs().front(), m_Constant(&filled)) &&
         filled == constant;
}

/// A reduction of one element each, which differentiating a broadcast leaves,
/// as another view of its operand; null where it is none.
static Value viewAsResult(OpBuilder &builder, linalg::LinalgOp op) {
  std::optional<SmallVector<Combiner>> combiners = getCombiners(op);
  if (getNumCombined(op) != 1 || op.getNumDpsInputs() != 1 || !combiners ||
      combiners->size() != 1)
    return {};
  // Of nothing but the element and the neutral value.
  Operation *combine = combiners->front().op;
  Value element = op.getBlock()->getArgument(0);
  Value accumulator = op.getBlock()->getArgument(1);
  bool isAlone = combine->getNumOperands() == 2 &&
                 llvm::is_contained(combine->getOperands(), element) &&
                 llvm::is_contained(combine->getOperands(), accumulator);
  if (!isAlone ||
      !isFilledWith(op.getDpsInits().front(), combiners->front().neutral))
    return {};

  // The dimensions that are more than 1 are those of the result in their order.
  OpOperand *input = op.getDpsInputOperand(0);
  auto getLoops = [&](OpOperand *operand) {
    SmallVector<AffineExpr> loops;
    auto shape = cast<RankedTensorType>(operand->get().getType()).getShape();
    AffineMap map = op.getMatchingIndexingMap(operand);
    for (auto [size, expr] : llvm::zip_equal(shape, map.getResults()))
      if (size != 1)
        loops.push_back(expr);
    return loops;
  };
  auto from = dyn_cast<RankedTensorType>(input->get().getType());
  auto to = cast<RankedTensorType>(op->getResult(0).getType());
  if (!from || getLoops(input) != getLoops(op.getDpsInitOperand(0)))
    return {};
  if (from == to)
    return input->get();
  auto groups = getReassociationIndicesForReshape(from, to);
  if (!groups)
    return {};
  if (from.getRank() > to.getRank())
    return tensor::CollapseShapeOp::create(builder, op.getLoc(), to,
                                           input->get(), *groups);
  return tensor::ExpandShapeOp::create(builder, op.getLoc(), to, input->get(),
                                       *groups);
}

namespace {
struct SplitReductions
    : approx_act::impl::SplitReductionsBase<SplitReductions> {
  using SplitReductionsBase::SplitReductionsBase;

  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> reductions;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (isReductionOp(op))
        reductions.push_back(op);
    });
    for (linalg::LinalgOp op : reductions) {
      OpBuilder builder(op);
      if (Value view = viewAsResult(builder, op)) {
        op->getResult(0).replaceAllUsesWith(view);
        op.erase();
        continue;
      }
      std::optional<int64_t> part = getPartSize(op);
      if (!part)
        continue;
      if (succeeded(split(op, *part)))
        ++numSplit;
      else
        ++numWhole;
    }
  }

private:
  /// How many elements are to be combined at a time; nothing where the
  /// reduction is good as it is.
  std::optional<int64_t> getPartSize(linalg::LinalgOp op) const {
    int64_t results = getNumElements(op->getResult(0));
    if (!isContractionLike(op)) {
      // With so many results, blocks are enough without any parts.
      constexpr int64_t enoughResults = 1 << 12;
      if (getNumCombined(op) <= maxWhole || results >= enoughResults)
        return std::nullopt;
      return maxPart;
    }
    // A thread has an element of a contraction. Partial results of it take
    // memory that nothing else does.
    constexpr int64_t enoughThreads = 1 << 16, enoughElements = 512,
                      fewestElements = 128;
    if (getNumCombined(op) <= enoughElements)
      return std::nullopt;
    return std::max(fewestElements,
                    getProduct({results, getNumCombined(op)}) / enoughThreads);
  }
};
} // namespace
