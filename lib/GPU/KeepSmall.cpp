//===- KeepSmall.cpp - Small values are computed once ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A barrier keeps a recomputation from becoming the value that was there
/// before, which `cse` respects for every value alike. To keep a value of a few
/// channels costs nothing, and to compute it again costs a launch.
///
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/GPU/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/OperationSupport.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_KEEPSMALL
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

static constexpr auto kFlags = OperationEquivalence::IgnoreLocations |
                               OperationEquivalence::IgnoreDiscardableAttrs;

/// What is overwritten is not read: it matters what it is like.
static bool isOverwritten(Value value) {
  return value.getDefiningOp<tensor::EmptyOp>();
}

static llvm::hash_code getHash(Value value) {
  value = lookThroughBarriers(value);
  return isOverwritten(value) ? hash_value(value.getType()) : hash_value(value);
}

static bool areEqual(Operation *lhs, Operation *rhs) {
  DenseMap<Value, Value> inRegions;
  auto isSame = [&](Value left, Value right) {
    left = lookThroughBarriers(left);
    right = lookThroughBarriers(right);
    return success(left == right || inRegions.lookup(left) == right ||
                   (isOverwritten(left) && isOverwritten(right) &&
                    left.getType() == right.getType()));
  };
  return OperationEquivalence::isEquivalentTo(
      lhs, rhs, isSame,
      [&](Value left, Value right) { inRegions[left] = right; }, kFlags);
}

namespace {
struct KeepSmall : approx_act::impl::KeepSmallBase<KeepSmall> {
  using KeepSmallBase::KeepSmallBase;

  void runOnOperation() override {
    for (Block &block : getOperation().getBody())
      visit(block);
  }

private:
  static bool isCandidate(Operation *op, int64_t limit) {
    return (isLightOp(op) || isReductionOp(op) || isScalarOp(op)) &&
           !isa<tensor::EmptyOp>(op) &&
           llvm::all_of(op->getResults(), [limit](Value result) {
             return getNumElements(result) <= limit;
           });
  }

  void visit(Block &block) {
    int64_t limit = getFewElements(block, maxElements);
    DenseMap<llvm::hash_code, SmallVector<Operation *, 1>> known;
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (!isCandidate(&op, limit))
        continue;
      llvm::hash_code hash = OperationEquivalence::computeHash(
          &op, getHash, OperationEquivalence::ignoreHashValue, kFlags);
      SmallVector<Operation *, 1> &others = known[hash];
      auto *same = llvm::find_if(
          others, [&](Operation *other) { return areEqual(other, &op); });
      if (same == others.end()) {
        others.push_back(&op);
        continue;
      }
      op.replaceAllUsesWith(*same);
      op.erase();
      ++numKept;
    }
  }
};
} // namespace
