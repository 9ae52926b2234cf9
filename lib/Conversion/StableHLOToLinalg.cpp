//===- StableHLOToLinalg.cpp - What the importer leaves of StableHLO ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The StableHLO library lowers nearly all of StableHLO to linalg; the patterns
/// here are for what it has no form for. Bodies of ops are in linalg already,
/// on tensors of rank 0.
///
//===----------------------------------------------------------------------===//

#include "ControlFlowToSCF.h"
#include "FFTToLinalg.h"
#include "ScalarRegion.h"
#include "ScatterToLinalg.h"
#include "SelectAndScatterToLinalg.h"
#include "SortToLinalg.h"
#include "approx-act/Conversion/Passes.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_CONVERTSTABLEHLOTOLINALGPASS
#include "approx-act/Conversion/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

static RankedTensorType typeOf(Value value) {
  return dyn_cast<RankedTensorType>(value.getType());
}

/// The reduction of nothing is its initial value, and one over no dimensions
/// combines each element with that.
static LogicalResult lowerReduce(Operation *op, RewriterBase &rewriter) {
  unsigned count = op->getNumResults();
  OperandRange inputs = op->getOperands().take_front(count);
  OperandRange inits = op->getOperands().drop_front(count);
  auto areAll = [&](auto isSo) {
    return llvm::all_of(inputs, [&](Value v) {
      return typeOf(v) && typeOf(v).hasStaticShape() && isSo(typeOf(v));
    });
  };
  bool isEmpty =
      areAll([](RankedTensorType type) { return type.getNumElements() == 0; });
  bool isWhole =
      count > 0 && areAll([&](RankedTensorType type) {
        return type.getShape() == typeOf(op->getResult(0)).getShape();
      });
  if (!isEmpty && !isWhole)
    return op->emitError("the reduction has no kernel");
  rewriter.setInsertionPoint(op);
  Location loc = op->getLoc();
  SmallVector<Value> results;
  for (Value result : op->getResults())
    results.push_back(tensor::EmptyOp::create(rewriter, loc,
                                              typeOf(result).getShape(),
                                              typeOf(result).getElementType()));
  if (isEmpty) {
    for (auto [result, init] : llvm::zip_equal(results, inits)) {
      Value scalar =
          tensor::ExtractOp::create(rewriter, loc, init, ValueRange());
      result = linalg::FillOp::create(rewriter, loc, scalar, result).result();
    }
    rewriter.replaceOp(op, results);
    return success();
  }
  int64_t rank = typeOf(results.front()).getRank();
  AffineMap own = rewriter.getMultiDimIdentityMap(rank);
  AffineMap whole = AffineMap::get(rank, 0, rewriter.getContext());
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  SmallVector<AffineMap> maps(count, own);
  maps.append(count, whole);
  maps.append(count, own);
  bool isEmitted = true;
  auto generic = linalg::GenericOp::create(
      rewriter, loc, op->getResultTypes(), op->getOperands(), results, maps,
      iterators,
      [&](OpBuilder &builder, Location nestedLoc, ValueRange arguments) {
        SmallVector<Value> scalars(arguments.slice(count, count));
        llvm::append_range(scalars, arguments.take_front(count));
        SmallVector<Value> combined =
            emitScalars(builder, op->getRegion(0).front(), scalars);
        isEmitted = combined.size() == count;
        linalg::YieldOp::create(builder, nestedLoc,
                                isEmitted ? ValueRange(combined)
                                          : arguments.take_back(count));
      });
  if (!isEmitted) {
    rewriter.eraseOp(generic);
    return op->emitError("expected a computation of scalars in the reduction");
  }
  rewriter.replaceOp(op, generic);
  return success();
}

/// Lowers an op, or says that there is no kernel for it, unless `unsupported`
/// has others like it.
static LogicalResult lower(Operation *op, RewriterBase &rewriter,
                           llvm::StringSet<> &unsupported) {
  StringRef name = op->getName().getStringRef();
  if (name == "stablehlo.scatter")
    return lowerScatter(op, rewriter);
  if (name == "stablehlo.select_and_scatter")
    return lowerSelectAndScatter(op, rewriter);
  if (name == "stablehlo.sort")
    return lowerSort(op, rewriter);
  if (name == "stablehlo.fft")
    return lowerFFT(op, rewriter);
  if (name == "stablehlo.reduce")
    return lowerReduce(op, rewriter);
  if (name == "stablehlo.while")
    return lowerLoop(op, rewriter);
  if (name == "stablehlo.case" || name == "stablehlo.if")
    return lowerBranches(op, rewriter);
  if (name == "stablehlo.optimization_barrier") {
    rewriter.setInsertionPoint(op);
    if (!llvm::all_of(op->getOperandTypes(), llvm::IsaPred<RankedTensorType>))
      return op->emitError("expected a barrier of tensors");
    auto barrier = BarrierOp::create(rewriter, op->getLoc(), op->getOperands());
    rewriter.replaceOp(op, barrier.getOutputs());
    return success();
  }
  // One device has all of everything.
  if (name == "sdy.mesh") {
    rewriter.eraseOp(op);
    return success();
  }
  if (name == "sdy.sharding_constraint") {
    rewriter.replaceOp(op, op->getOperands());
    return success();
  }
  auto target = op->getAttrOfType<StringAttr>("call_target_name");
  if (!unsupported.insert(target ? target.getValue() : name).second)
    return failure();
  if (target)
    return op->emitError("custom call '")
           << target.getValue()
           << "' has no kernel: it is code of the host or of a library; "
              "approx_act.jit leaves it to XLA";
  return op->emitError("'") << name << "' has no kernel";
}

/// Removes what attributes of `op`, and of arguments and results if it is a
/// function, say of shardings.
static void dropShardings(Operation *op) {
  auto isSharding = [](NamedAttribute attribute) {
    return isa_and_nonnull<ShardyDialect>(attribute.getNameDialect());
  };
  for (NamedAttribute attribute : llvm::to_vector(op->getDiscardableAttrs()))
    if (isSharding(attribute))
      op->removeDiscardableAttr(attribute.getName());
  auto func = dyn_cast<FunctionOpInterface>(op);
  if (!func)
    return;
  for (unsigned i = 0; i < func.getNumArguments(); ++i)
    for (NamedAttribute attribute : llvm::to_vector(func.getArgAttrs(i)))
      if (isSharding(attribute))
        func.removeArgAttr(i, attribute.getName());
  for (unsigned i = 0; i < func.getNumResults(); ++i)
    for (NamedAttribute attribute : llvm::to_vector(func.getResultAttrs(i)))
      if (isSharding(attribute))
        func.removeResultAttr(i, attribute.getName());
}

namespace {
struct ConvertStableHLOToLinalg
    : approx_act::impl::ConvertStableHLOToLinalgPassBase<
          ConvertStableHLOToLinalg> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    // What was in a loop or a branch is left to be lowered.
    bool isNested = true, isDone = true;
    llvm::StringSet<> unsupported;
    while (isNested && isDone) {
      isNested = false;
      for (Operation *op : collectOps()) {
        // Where the end of a computation is left, so is the op that it is for.
        if (isStableHLOOp(op, "return"))
          continue;
        isNested |= op->getNumRegions() != 0;
        isDone &= succeeded(lower(op, rewriter, unsupported));
      }
    }
    if (!isDone)
      return signalPassFailure();
    getOperation()->walk(dropShardings);
  }

private:
  /// The ops that are in no other: what is in an op is lowered with it.
  SmallVector<Operation *> collectOps() {
    SmallVector<Operation *> ops;
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (!isa_and_nonnull<StableHLODialect, ShardyDialect>(op->getDialect()))
        return WalkResult::advance();
      ops.push_back(op);
      return WalkResult::skip();
    });
    return ops;
  }
};
} // namespace
