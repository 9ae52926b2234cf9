//===- ReductionEmitter.cpp - Reductions in kernels -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "KernelEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
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

/// Loops of this thread over the reductions of `op`, and of others in the same
/// kernel whose loops are the same.
Value KernelEmitter::computeReduction(linalg::LinalgOp op, unsigned result,
                                      ArrayRef<AffineExpr> dims) {
  SmallVector<AffineExpr> loops = getLoops(op, result, dims);
  SmallVector<linalg::LinalgOp> siblings = getSiblings(op, body);
  bool isVector =
      llvm::any_of(dims, [&](AffineExpr dim) { return space.hasLane(dim); });
  SmallVector<Value> inits;
  for (linalg::LinalgOp sibling : siblings)
    for (OpOperand &init : sibling.getDpsInitsMutable()) {
      Value value = compute(init.get(), Position::fromDims(dims));
      inits.push_back(isVector ? splat(value) : value);
    }

  SmallVector<scf::ForOp> nest;
  SmallVector<std::unique_ptr<Scope>> scopes;
  SmallVector<Value> values = inits;
  for (auto [loop, size] : llvm::zip_equal(loops, op.getStaticLoopRanges())) {
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
  SmallVector<Value> next;
  unsigned first = 0;
  for (linalg::LinalgOp sibling : siblings) {
    unsigned count = sibling.getNumDpsInits();
    SmallVector<Value> results =
        emitBody(sibling, loops, ArrayRef(values).slice(first, count));
    for (Value value : results)
      next.push_back(isVector ? splat(value) : value);
    first += count;
  }
  while (!nest.empty()) {
    if (nest.back().getBody()->empty() ||
        !nest.back().getBody()->back().hasTrait<OpTrait::IsTerminator>())
      scf::YieldOp::create(b, next);
    scopes.pop_back();
    next = SmallVector<Value>(nest.back().getResults());
    b.setInsertionPointAfter(nest.back());
    nest.pop_back();
  }

  unsigned index = 0;
  Value mine;
  for (linalg::LinalgOp sibling : siblings)
    for (OpResult value : sibling->getResults()) {
      if (sibling == op && value.getResultNumber() == result)
        mine = next[index];
      std::pair<Value, AffineExpr> key = {
          value, space.getLinear(Position::fromDims(dims), getShape(value))};
      if (computed.try_emplace(key, next[index]).second)
        history.push_back(key);
      ++index;
    }
  return mine;
}
