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

//===----------------------------------------------------------------------===//
// Scatter
//===----------------------------------------------------------------------===//

namespace {
/// The dimension numbers of a scatter, read from their text.
struct ScatterDims {
  explicit ScatterDims(StringRef text)
      : window(parseDimensions(text, "update_window_dims")),
        inserted(parseDimensions(text, "inserted_window_dims")),
        batching(parseDimensions(text, "input_batching_dims")),
        indicesBatching(parseDimensions(text, "scatter_indices_batching_dims")),
        scattered(parseDimensions(text, "scatter_dims_to_operand_dims")) {
    // Left out when it is 0.
    size_t at = text.find("index_vector_dim = ");
    if (at != StringRef::npos)
      text.substr(at + StringRef("index_vector_dim = ").size())
          .consumeInteger(10, indexVector);
  }

  /// The dimensions of updates that lie in the window; those of the operand
  /// that the window has not; those that operand and indices iterate together;
  /// and those that the index vector is for.
  SmallVector<int64_t> window, inserted, batching, indicesBatching, scattered;
  int64_t indexVector = 0;
};
} // namespace

/// An element of the result combines, in the order of the updates, all that
/// have it in their window. Which those are is found out by looking at every
/// update's index, so that nothing is written by two threads.
static LogicalResult lowerScatter(Operation *op, RewriterBase &rewriter) {
  if (op->getNumOperands() != 3 || op->getNumRegions() != 1 ||
      !op->getRegion(0).hasOneBlock())
    return op->emitError("scatter of several operands has no kernel");
  Value operand = op->getOperand(0), indices = op->getOperand(1);
  Value updates = op->getOperand(2);
  auto text = op->getAttrOfType<OpaqueAttr>("scatter_dimension_numbers");
  if (!text || !typeOf(operand) || !typeOf(indices) || !typeOf(updates) ||
      !typeOf(operand).hasStaticShape() || !typeOf(indices).hasStaticShape() ||
      !typeOf(updates).hasStaticShape())
    return op->emitError("expected a scatter of tensors of static shape");
  ScatterDims numbers(text.getAttrData());
  ArrayRef<int64_t> shape = typeOf(operand).getShape();
  int64_t rank = typeOf(operand).getRank();
  Location loc = op->getLoc();
  MLIRContext *context = op->getContext();

  // Loops over the operand, and over the updates that are not batched with it.
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  SmallVector<unsigned> updateLoops;
  for (int64_t dim = 0, next = 0; dim < typeOf(updates).getRank(); ++dim) {
    if (llvm::is_contained(numbers.window, dim))
      continue;
    // The dimension of the indices, which have the index vector besides.
    int64_t indicesDim = next++;
    if (indicesDim >= numbers.indexVector)
      ++indicesDim;
    auto *batching = llvm::find(numbers.indicesBatching, indicesDim);
    if (batching != numbers.indicesBatching.end()) {
      int64_t which = batching - numbers.indicesBatching.begin();
      updateLoops.push_back(numbers.batching[which]);
      continue;
    }
    updateLoops.push_back(iterators.size());
    iterators.push_back(utils::IteratorType::reduction);
  }

  // Each component of the index vector is an input.
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (int64_t component = 0,
               end = static_cast<int64_t>(numbers.scattered.size());
       component < end; ++component) {
    SmallVector<AffineExpr> results;
    auto *next = updateLoops.begin();
    for (int64_t dim = 0; dim < typeOf(indices).getRank(); ++dim)
      results.push_back(dim == numbers.indexVector
                            ? getAffineConstantExpr(component, context)
                            : getAffineDimExpr(*next++, context));
    inputs.push_back(indices);
    maps.push_back(AffineMap::get(iterators.size(), 0, results, context));
  }
  SmallVector<AffineExpr> own;
  for (int64_t dim = 0; dim < rank; ++dim)
    own.push_back(getAffineDimExpr(dim, context));
  maps.push_back(AffineMap::get(iterators.size(), 0, own, context));

  rewriter.setInsertionPoint(op);
  bool isEmitted = true;
  auto body = [&](OpBuilder &builder, Location nestedLoc,
                  ValueRange arguments) {
    ImplicitLocOpBuilder b(nestedLoc, builder);
    SmallVector<Value> loops;
    for (unsigned loop = 0; loop < iterators.size(); ++loop)
      loops.push_back(linalg::IndexOp::create(b, loop));
    // Where the element is in the window of the update, if it is.
    Value isInside =
        arith::ConstantOp::create(b, b.getBoolAttr(true)).getResult();
    SmallVector<Value> offsets;
    int64_t windowDim = 0;
    for (int64_t dim = 0; dim < rank; ++dim) {
      if (llvm::is_contained(numbers.batching, dim))
        continue;
      Value offset = loops[dim];
      bool isInserted = llvm::is_contained(numbers.inserted, dim);
      int64_t size =
          isInserted ? 1
                     : typeOf(updates).getDimSize(numbers.window[windowDim++]);
      auto *component = llvm::find(numbers.scattered, dim);
      if (component != numbers.scattered.end()) {
        Value start = arguments[component - numbers.scattered.begin()];
        // An update whose window is not all inside is not made. Positions may
        // have fewer bits than what is none.
        Type wide = b.getI64Type();
        if (start.getType() != wide)
          start = arith::ExtSIOp::create(b, wide, start);
        Value last = arith::ConstantIntOp::create(b, wide, shape[dim] - size);
        Value isValid =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ule, start, last);
        isInside = arith::AndIOp::create(b, isInside, isValid);
        start = arith::IndexCastOp::create(b, b.getIndexType(), start);
        offset = arith::SubIOp::create(b, offset, start);
      }
      Value end = arith::ConstantIndexOp::create(b, size);
      Value isHere =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ult, offset, end);
      isInside = arith::AndIOp::create(b, isInside, isHere);
      if (!isInserted)
        offsets.push_back(offset);
    }
    Value accumulator = arguments.back();
    auto choice = scf::IfOp::create(b, accumulator.getType(), isInside, true);
    b.setInsertionPointToStart(choice.thenBlock());
    SmallVector<Value> position;
    auto *nextLoop = updateLoops.begin();
    auto *nextOffset = offsets.begin();
    for (int64_t dim = 0; dim < typeOf(updates).getRank(); ++dim)
      position.push_back(llvm::is_contained(numbers.window, dim)
                             ? *nextOffset++
                             : loops[*nextLoop++]);
    Value update = tensor::ExtractOp::create(b, updates, position);
    Value combined =
        emitScalar(b, op->getRegion(0).front(), {accumulator, update});
    isEmitted = static_cast<bool>(combined);
    scf::YieldOp::create(b, isEmitted ? combined : accumulator);
    b.setInsertionPointToStart(choice.elseBlock());
    scf::YieldOp::create(b, accumulator);
    b.setInsertionPointAfter(choice);
    linalg::YieldOp::create(b, choice.getResult(0));
  };
  auto generic =
      linalg::GenericOp::create(rewriter, loc, op->getResultTypes(), inputs,
                                operand, maps, iterators, body);
  if (!isEmitted) {
    rewriter.eraseOp(generic);
    return op->emitError("expected a computation of scalars in the scatter");
  }
  rewriter.replaceOp(op, generic);
  return success();
}

//===----------------------------------------------------------------------===//
// Others
//===----------------------------------------------------------------------===//

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
