//===- LinalgEmitter.cpp - Bodies of linalg ops, element by element -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "KernelEmitter.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::approx_act;

bool approx_act::isVectorizable(linalg::LinalgOp op) {
  return llvm::all_of(*op.getBlock(), [](Operation &nested) {
    if (isa<linalg::YieldOp, linalg::IndexOp, affine::AffineApplyOp>(nested))
      return true;
    return isa<arith::ArithDialect, math::MathDialect>(nested.getDialect()) &&
           nested.getNumRegions() == 0;
  });
}

SmallVector<AffineExpr> approx_act::getLoops(linalg::LinalgOp op,
                                             unsigned result,
                                             ArrayRef<AffineExpr> dims) {
  SmallVector<AffineExpr> loops(op.getNumLoops());
  AffineMap map =
      op.getIndexingMapMatchingResult(cast<OpResult>(op->getResult(result)));
  for (auto [expr, dim] : llvm::zip_equal(map.getResults(), dims))
    if (auto loop = dyn_cast<AffineDimExpr>(expr))
      loops[loop.getPosition()] = dim;
  for (auto [loop, size] : llvm::zip_equal(loops, op.getStaticLoopRanges()))
    if (!loop && size == 1)
      loop = getAffineConstantExpr(0, op.getContext());
  return loops;
}

Value KernelEmitter::computeGeneric(linalg::LinalgOp op, unsigned result,
                                    ArrayRef<AffineExpr> dims) {
  SmallVector<AffineExpr> loops = getLoops(op, result, dims);
  SmallVector<Value> values = emitBody(op, loops, {});
  // Another result is often asked for at the same place.
  for (auto [index, value] : llvm::enumerate(values)) {
    Value other = op->getResult(index);
    AffineMap map = op.getIndexingMapMatchingResult(cast<OpResult>(other));
    SmallVector<AffineExpr> place;
    for (AffineExpr expr : map.getResults())
      place.push_back(expr.replaceDimsAndSymbols(loops, {}));
    std::pair<Value, AffineExpr> key = {
        other, space.getLinear(Position::fromDims(place), getShape(other))};
    if (computed.try_emplace(key, value).second)
      history.push_back(key);
  }
  return values[result];
}

/// The body of an op at one place in its loops. The accumulators are what its
/// results are so far; without them, they are what the inits hold.
SmallVector<Value> KernelEmitter::emitBody(linalg::LinalgOp op,
                                           ArrayRef<AffineExpr> loops,
                                           ArrayRef<Value> accumulators) {
  IRMapping mapping;
  DenseMap<Value, AffineExpr> positions;
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    if (argument.use_empty())
      continue;
    if (op.isDpsInit(&operand) && !accumulators.empty()) {
      mapping.map(
          argument,
          accumulators[operand.getOperandNumber() - op.getNumDpsInputs()]);
      continue;
    }
    if (!isa<RankedTensorType>(operand.get().getType())) {
      mapping.map(argument, computeScalar(operand.get()));
      continue;
    }
    AffineMap map = op.getMatchingIndexingMap(&operand);
    SmallVector<AffineExpr> dims;
    for (AffineExpr expr : map.getResults())
      dims.push_back(space.substitute(expr, loops, {}));
    mapping.map(argument, compute(operand.get(), Position::fromDims(dims)));
  }
  op.getBlock()->walk([&](linalg::IndexOp index) {
    positions[index.getResult()] = loops[index.getDim()];
  });
  if (failed(emitOps(*op.getBlock(), mapping, positions)))
    llvm_unreachable("checked before");
  SmallVector<Value> results;
  for (Value value : op.getBlock()->getTerminator()->getOperands())
    results.push_back(getOperand(value, mapping, positions));
  return results;
}

/// A value that an op in a body reads: of the body, or of the kernel.
Value KernelEmitter::getOperand(Value value, IRMapping &mapping,
                                DenseMap<Value, AffineExpr> &positions) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  if (auto it = positions.find(value); it != positions.end()) {
    AffineExpr expr = it->second;
    if (!space.hasLane(expr))
      return materialise(expr);
    SmallVector<Value> elements;
    for (int64_t lane = 0; lane < lanes; ++lane)
      elements.push_back(materialise(space.withoutLane(expr, lane)));
    auto type = VectorType::get(lanes, b.getIndexType());
    return vector::FromElementsOp::create(b, type, elements);
  }
  return computeScalar(value);
}

/// A term of a contraction, added in one rounding; null for other ops. (Where a
/// product and a sum lead to a code, they stay two.)
Value KernelEmitter::emitProductSum(Operation &op, IRMapping &mapping,
                                    DenseMap<Value, AffineExpr> &positions) {
  auto sum = dyn_cast<arith::AddFOp>(op);
  if (!sum || !isContractionLike(op.getParentOp()))
    return {};
  for (auto [term, other] : {std::pair(sum.getLhs(), sum.getRhs()),
                             std::pair(sum.getRhs(), sum.getLhs())}) {
    auto product = term.getDefiningOp<arith::MulFOp>();
    if (!product || !product->hasOneUse() ||
        product->getBlock() != op.getBlock())
      continue;
    Value lhs = getOperand(product.getLhs(), mapping, positions);
    Value rhs = getOperand(product.getRhs(), mapping, positions);
    Value rest = getOperand(other, mapping, positions);
    if (isa<VectorType>(mapping.lookup(term).getType())) {
      lhs = splat(lhs);
      rhs = splat(rhs);
      rest = splat(rest);
    }
    if (lhs.getType() == rest.getType())
      return math::FmaOp::create(b, lhs, rhs, rest);
  }
  return {};
}

/// Emits the ops of a block of a linalg op's body, on vectors where an operand
/// is one.
LogicalResult KernelEmitter::emitOps(Block &block, IRMapping &mapping,
                                     DenseMap<Value, AffineExpr> &positions) {
  for (Operation &op : block.without_terminator()) {
    if (isa<linalg::IndexOp>(op))
      continue;
    if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
      bool isKnown = llvm::all_of(apply.getMapOperands(), [&](Value operand) {
        return positions.contains(operand);
      });
      if (isKnown) {
        SmallVector<AffineExpr> dims, symbols;
        unsigned numDims = apply.getAffineMap().getNumDims();
        for (auto [index, operand] : llvm::enumerate(apply.getMapOperands()))
          (index < numDims ? dims : symbols).push_back(positions[operand]);
        positions[apply.getResult()] =
            space.substitute(apply.getAffineMap().getResult(0), dims, symbols);
        continue;
      }
    }
    if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
      SmallVector<AffineExpr> dims;
      for (auto [index, size] : llvm::zip_equal(
               extract.getIndices(), getShape(extract.getTensor()))) {
        if (auto it = positions.find(index);
            it != positions.end() && !mapping.contains(index)) {
          dims.push_back(it->second);
          continue;
        }
        dims.push_back(addIndex(getOperand(index, mapping, positions), size));
      }
      mapping.map(extract.getResult(),
                  compute(extract.getTensor(), Position::fromDims(dims)));
      continue;
    }
    if (Value sum = emitProductSum(op, mapping, positions)) {
      mapping.map(op.getResult(0), sum);
      continue;
    }
    SmallVector<Value> operands;
    bool isVector = false;
    for (Value operand : op.getOperands()) {
      operands.push_back(getOperand(operand, mapping, positions));
      isVector |= isa<VectorType>(operands.back().getType());
    }
    if (op.getNumRegions() > 0) {
      // A choice, of one element.
      IRMapping inner(mapping);
      for (auto [operand, value] : llvm::zip_equal(op.getOperands(), operands))
        inner.map(operand, value);
      OperationState state(b.getLoc(), op.getName(), operands,
                           op.getResultTypes(), op.getAttrs());
      for (Region &region : op.getRegions()) {
        Region *copy = state.addRegion();
        if (region.empty())
          continue;
        Scope scope(*this);
        Block *to = b.createBlock(copy);
        for (BlockArgument argument : region.getArguments())
          inner.map(argument, to->addArgument(argument.getType(), b.getLoc()));
        if (failed(emitOps(region.front(), inner, positions)))
          return failure();
        Operation *terminator = region.front().getTerminator();
        SmallVector<Value> yielded;
        for (Value value : terminator->getOperands())
          yielded.push_back(getOperand(value, inner, positions));
        OperationState yield(b.getLoc(), terminator->getName(), yielded, {},
                             terminator->getAttrs());
        b.create(yield);
      }
      Operation *copy = b.create(state);
      mapping.map(op.getResults(), copy->getResults());
      continue;
    }
    if (!isVector) {
      IRMapping inner;
      for (auto [operand, value] : llvm::zip_equal(op.getOperands(), operands))
        inner.map(operand, value);
      Operation *copy = b.clone(op, inner);
      copy->setLoc(op.getLoc());
      mapping.map(op.getResults(), copy->getResults());
      continue;
    }
    SmallVector<Type> types;
    for (Type type : op.getResultTypes())
      types.push_back(VectorType::get(lanes, type));
    for (Value &operand : operands)
      operand = splat(operand);
    Operation *copy = b.insert(Operation::create(
        op.getLoc(), op.getName(), types, operands,
        op.getDiscardableAttrDictionary(), op.getPropertiesStorage(), {}, 0));
    mapping.map(op.getResults(), copy->getResults());
  }
  return success();
}
