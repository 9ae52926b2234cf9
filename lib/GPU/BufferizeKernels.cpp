//===- BufferizeKernels.cpp - Memory between kernels ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/GPU/Passes.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_BUFFERIZEKERNELS
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

namespace {
/// What reads its inputs and overwrites its outs.
template <typename Model, typename OpT>
struct OverwritingModel
    : bufferization::DstBufferizableOpInterfaceExternalModel<Model, OpT> {
  // NOLINTNEXTLINE(bugprone-derived-method-shadowing-base-method): as designed
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const bufferization::AnalysisState &) const {
    return !cast<OpT>(op).isDpsInit(&operand);
  }
};

struct KernelModel : OverwritingModel<KernelModel, KernelOp> {
  // NOLINTNEXTLINE(bugprone-derived-method-shadowing-base-method): as designed
  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const bufferization::BufferizationOptions &options,
                          bufferization::BufferizationState &state) const {
    auto kernel = cast<KernelOp>(op);
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(kernel);
    auto getMemory = [&](ValueRange values,
                         SmallVector<Value> &memory) -> LogicalResult {
      for (Value value : values) {
        if (!isa<TensorType>(value.getType())) {
          memory.push_back(value);
          continue;
        }
        FailureOr<Value> buffer =
            bufferization::getBuffer(rewriter, value, options, state);
        if (failed(buffer))
          return failure();
        memory.push_back(*buffer);
      }
      return success();
    };
    SmallVector<Value> inputs, outs;
    if (failed(getMemory(kernel.getInputs(), inputs)) ||
        failed(getMemory(kernel.getOuts(), outs)))
      return failure();
    auto onMemory = KernelOp::create(rewriter, kernel.getLoc(), TypeRange(),
                                     kernel.getLabel(), inputs, outs);
    onMemory.getBody().takeBody(kernel.getBody());
    bufferization::replaceOpWithBufferizedValues(rewriter, op, outs);
    return success();
  }
};

/// Contractions that the runtime does.
template <typename OpT>
struct ContractionModel : OverwritingModel<ContractionModel<OpT>, OpT> {
  // NOLINTNEXTLINE(bugprone-derived-method-shadowing-base-method): as designed
  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const bufferization::BufferizationOptions &options,
                          bufferization::BufferizationState &state) const {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(op);
    SmallVector<Value> memory;
    for (Value operand : op->getOperands()) {
      FailureOr<Value> buffer =
          bufferization::getBuffer(rewriter, operand, options, state);
      if (failed(buffer))
        return failure();
      memory.push_back(*buffer);
    }
    OpT::create(rewriter, op->getLoc(), TypeRange(), memory, op->getAttrs());
    bufferization::replaceOpWithBufferizedValues(rewriter, op, memory.back());
    return success();
  }
};
} // namespace

/// Copies constants to where kernels can read them: they are the host's.
static void copyConstants(func::FuncOp func) {
  OpBuilder builder(func.getContext());
  func.walk([&](memref::GetGlobalOp global) {
    builder.setInsertionPointAfter(global);
    auto type = MemRefType::get(global.getType().getShape(),
                                global.getType().getElementType());
    Value copy = memref::AllocOp::create(builder, global.getLoc(), type);
    auto fill = memref::CopyOp::create(builder, global.getLoc(), global, copy);
    global.getResult().replaceAllUsesExcept(copy, fill);
  });
}

/// What a caller passes where a function takes `type`: complex numbers where
/// `attrs` say that the last dimension is their parts.
static Type getCallerType(Type type, DictionaryAttr attrs) {
  auto memref = dyn_cast<MemRefType>(type);
  if (!memref || !attrs || !attrs.contains(kComplexAttr))
    return type;
  return MemRefType::get(memref.getShape().drop_back(),
                         ComplexType::get(memref.getElementType()));
}

/// Makes an argument of each result, and writes down which is which.
/// (Upstream's `buffer-results-to-out-params` with static allocations hoisted
/// stops the process when one buffer is returned twice.)
static LogicalResult passResults(func::FuncOp func) {
  if (!func.getBody().hasOneBlock())
    return func.emitOpError("expected one block");
  Builder attributes(func.getContext());
  FunctionType type = func.getFunctionType();
  SmallVector<Type> inputs, results;
  for (auto [index, input] : llvm::enumerate(type.getInputs())) {
    inputs.push_back(getCallerType(input, func.getArgAttrDict(index)));
    func.removeArgAttr(index, kComplexAttr);
  }
  for (auto [index, result] : llvm::enumerate(type.getResults())) {
    results.push_back(getCallerType(result, func.getResultAttrDict(index)));
    func.removeResultAttr(index,
                          StringAttr::get(func.getContext(), kComplexAttr));
  }
  func->setAttr(kArgumentsAttr, attributes.getTypeArrayAttr(inputs));
  func->setAttr(kResultsAttr, attributes.getTypeArrayAttr(results));
  func->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(),
                attributes.getUnitAttr());

  Operation *terminator = func.getBody().front().getTerminator();
  OpBuilder builder(terminator);
  for (auto [index, operand] : llvm::enumerate(terminator->getOperands())) {
    Value value = operand;
    if (!isa<MemRefType>(value.getType()))
      return func.emitOpError("expected results to be tensors, but result ")
             << index << " has type " << value.getType();
    DictionaryAttr attrs = func.getResultAttrDict(index);
    if (failed(func.insertArgument(func.getNumArguments(), value.getType(),
                                   attrs, value.getLoc())))
      return failure();
    Value result = func.getArguments().back();
    // Computed where it is wanted, the first time that it is returned. What
    // loops carry is in the arena, where elements of it have places, and copies
    // can be saved.
    auto alloc = value.getDefiningOp<memref::AllocOp>();
    if (alloc && llvm::none_of(alloc->getUsers(), [](Operation *user) {
          return user->getParentOfType<scf::ForOp>();
        })) {
      alloc.replaceAllUsesWith(result);
      alloc.erase();
    } else {
      memref::CopyOp::create(builder, value.getLoc(), value, result);
    }
  }
  terminator->setOperands({});
  return func.eraseResults(llvm::BitVector(type.getNumResults(), true));
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// The value in whose memory `value` is: that itself, or what elements of it
/// are written to.
static Value getWrittenInto(Value value) {
  while (auto write = value.getDefiningOp<tensor::InsertSliceOp>())
    value = write.getDest();
  return value;
}

static void forAllHostBlocks(ModuleOp module,
                             function_ref<void(Block &)> visit) {
  for (auto func : module.getOps<func::FuncOp>())
    if (!func.isDeclaration())
      for (Block *block : getHostBlocks(func.getBody().front()))
        visit(*block);
}

/// A copy of `value` in memory of its own.
static Value createCopy(OpBuilder &builder, Location loc, Value value) {
  return bufferization::AllocTensorOp::create(
      builder, loc, cast<RankedTensorType>(value.getType()), ValueRange(),
      value);
}

/// Puts `operand` where `place` is, if it is not there already.
static void writeTo(OpOperand &operand, Value place) {
  if (!isa<TensorType>(place.getType()) ||
      getWrittenInto(operand.get()) == place)
    return;
  OpBuilder builder(operand.getOwner());
  operand.set(bufferization::MaterializeInDestinationOp::create(
                  builder, operand.getOwner()->getLoc(), operand.get(), place)
                  .getResult());
}

/// Lets the condition of a loop hand on all that the loop carries, in its
/// order, so that each is in one place. Simplifications leave out what is not
/// read.
static LogicalResult handOnCarried(scf::WhileOp loop, RewriterBase &rewriter) {
  Block &before = *loop.getBeforeBody(), &after = *loop.getAfterBody();
  scf::ConditionOp condition = loop.getConditionOp();
  if (llvm::equal(condition.getArgs(), before.getArguments()))
    return success();
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(loop);
  auto result = scf::WhileOp::create(
      rewriter, loop.getLoc(), before.getArgumentTypes(), loop.getInits());
  // What was handed on is what is carried, or from outside of the loop.
  SmallVector<Location> locations;
  for (BlockArgument argument : before.getArguments())
    locations.push_back(argument.getLoc());
  Block *newAfter = rewriter.createBlock(&result.getAfter(), {},
                                         before.getArgumentTypes(), locations);
  SmallVector<Value> replacements, results;
  for (Value value : condition.getArgs()) {
    auto carried = dyn_cast<BlockArgument>(value);
    bool isCarried = carried && carried.getOwner() == &before;
    if (!isCarried && loop.getBefore().isAncestor(value.getParentRegion()))
      return loop.emitOpError("hands on what its condition computes, which no "
                              "kernel can read");
    unsigned number = isCarried ? carried.getArgNumber() : 0;
    replacements.push_back(isCarried ? newAfter->getArgument(number) : value);
    results.push_back(isCarried ? result.getResult(number) : value);
  }
  rewriter.mergeBlocks(&after, newAfter, replacements);
  rewriter.modifyOpInPlace(condition, [&] {
    condition.getArgsMutable().assign(before.getArguments());
  });
  rewriter.inlineRegionBefore(loop.getBefore(), result.getBefore(),
                              result.getBefore().end());
  rewriter.replaceOp(loop, results);
  return success();
}

/// Puts what a loop hands on where the next step reads it.
static void writeToCarried(LoopLikeOpInterface loop) {
  OpBuilder builder(loop);
  // The analysis refuses what two loops carry in one place.
  for (OpOperand &init : loop.getInitsMutable())
    if (isa<TensorType>(init.get().getType()) &&
        isa<BlockArgument>(getWrittenInto(init.get())) &&
        loop->getParentOfType<LoopLikeOpInterface>())
      init.set(createCopy(builder, loop.getLoc(), init.get()));
  Block &body = loop.getLoopRegions().back()->front();
  Operation *yield = body.getTerminator();
  auto arguments = body.getArguments().take_back(loop.getInits().size());
  // What changes its place is read before anything is written there.
  builder.setInsertionPoint(yield);
  for (auto [argument, operand] :
       llvm::zip_equal(arguments, yield->getOpOperands())) {
    Value from = operand.get();
    while (isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(
        from.getDefiningOp()))
      from = from.getDefiningOp()->getOperand(0);
    if (from != argument && isa<TensorType>(from.getType()) &&
        llvm::is_contained(arguments, from))
      operand.set(createCopy(builder, yield->getLoc(), operand.get()));
  }
  for (auto [argument, operand] :
       llvm::zip_equal(arguments, yield->getOpOperands()))
    writeTo(operand, argument);
}

/// Puts the results of a choice where they are the same for all branches.
static void writeToCommon(scf::IfOp choice) {
  OpBuilder builder(choice);
  for (OpResult result : choice.getResults()) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (!type)
      continue;
    Value place = bufferization::AllocTensorOp::create(builder, choice.getLoc(),
                                                       type, ValueRange());
    for (scf::YieldOp yield : {choice.thenYield(), choice.elseYield()})
      writeTo(yield->getOpOperand(result.getResultNumber()), place);
  }
}

/// Removes the memory that loops and choices hand on, which is from outside.
static LogicalResult dropHandedOn(ModuleOp module) {
  MLIRContext *context = module.getContext();
  RewritePatternSet patterns(context);
  scf::ForOp::getCanonicalizationPatterns(patterns, context);
  scf::IfOp::getCanonicalizationPatterns(patterns, context);
  scf::WhileOp::getCanonicalizationPatterns(patterns, context);
  SmallVector<Operation *> ops;
  forAllHostBlocks(module, [&](Block &block) {
    for (Operation &op : block)
      if (isa<scf::SCFDialect>(op.getDialect()))
        ops.push_back(&op);
  });
  return applyOpPatternsGreedily(ops, std::move(patterns));
}

/// Lets kernels pick the elements that the host reads, as copies are of all of
/// an array.
static void pickElements(ModuleOp module) {
  SmallVector<tensor::ExtractOp> reads;
  forAllHostBlocks(module, [&](Block &block) {
    for (auto read : block.getOps<tensor::ExtractOp>())
      if (getNumElements(read.getTensor()) > 1)
        reads.push_back(read);
  });
  for (tensor::ExtractOp read : reads) {
    Location loc = read.getLoc();
    OpBuilder builder(read);
    auto type = RankedTensorType::get({}, read.getType());
    Value place = tensor::EmptyOp::create(builder, loc, type, ValueRange());
    auto kernel = KernelOp::create(builder, loc, TypeRange(type),
                                   builder.getStringAttr("extract"),
                                   read->getOperands(), ValueRange(place));
    Block *body = builder.createBlock(&kernel.getBody());
    for (Value operand : read->getOperands())
      body->addArgument(operand.getType(), loc);
    Value element = tensor::ExtractOp::create(
        builder, loc, body->getArgument(0), body->getArguments().drop_front());
    Value picked = tensor::FromElementsOp::create(builder, loc, type, element);
    YieldOp::create(builder, loc, picked);
    builder.setInsertionPoint(read);
    Value result = kernel->getResult(0);
    read->replaceAllUsesWith(
        tensor::ExtractOp::create(builder, loc, result, ValueRange()));
    read->erase();
  }
}

/// Reads memory of the device by a copy of it in the host's.
static void readOnHost(func::FuncOp func) {
  OpBuilder builder(func.getContext());
  for (Block *block : getHostBlocks(func.getBody().front())) {
    for (auto load :
         llvm::make_early_inc_range(block->getOps<memref::LoadOp>())) {
      MemRefType type = load.getMemRefType();
      builder.setInsertionPointToStart(&func.getBody().front());
      Value copy = memref::AllocaOp::create(
          builder, load.getLoc(),
          MemRefType::get(type.getShape(), type.getElementType()));
      builder.setInsertionPoint(load);
      memref::CopyOp::create(builder, load.getLoc(), load.getMemRef(), copy);
      load.getMemrefMutable().assign(copy);
    }
  }
}

namespace {
struct BufferizeKernels
    : approx_act::impl::BufferizeKernelsBase<BufferizeKernels> {
  void getDependentDialects(DialectRegistry &registry) const override {
    BufferizeKernelsBase::getDependentDialects(registry);
    registerKernelBufferization(registry);
  }

  void runOnOperation() override {
    bufferization::OneShotBufferizationOptions options;
    options.bufferizeFunctionBoundaries = true;
    options.setFunctionBoundaryTypeConversion(
        bufferization::LayoutMapOption::IdentityLayoutMap);
    options.opFilter.denyOperation([](Operation *op) {
      if (op->getParentOfType<KernelOp>())
        return true;
      // A kernel on memory is done. Its body is on tensors still, and upstream
      // takes it for the op that was at its address before.
      auto kernel = dyn_cast<KernelOp>(op);
      return kernel && llvm::none_of(kernel->getOperandTypes(),
                                     llvm::IsaPred<TensorType>);
    });
    pickElements(getOperation());
    IRRewriter rewriter(&getContext());
    SmallVector<scf::WhileOp> loops;
    forAllHostBlocks(getOperation(), [&](Block &block) {
      llvm::append_range(loops, block.getOps<scf::WhileOp>());
    });
    for (scf::WhileOp loop : loops)
      if (failed(handOnCarried(loop, rewriter)))
        return signalPassFailure();
    forAllHostBlocks(getOperation(), [](Block &block) {
      for (Operation &op : block) {
        if (auto loop = dyn_cast<LoopLikeOpInterface>(op))
          writeToCarried(loop);
        else if (auto choice = dyn_cast<scf::IfOp>(op))
          writeToCommon(choice);
      }
    });
    // Arguments are the caller's.
    auto forAllArguments = [&](auto visit) {
      for (auto func : getOperation().getOps<func::FuncOp>())
        for (unsigned index = 0; index < func.getNumArguments(); ++index)
          visit(func, index);
    };
    StringRef writable = bufferization::BufferizationDialect::kWritableAttrName;
    forAllArguments([&](func::FuncOp func, unsigned index) {
      func.setArgAttr(index, writable, BoolAttr::get(&getContext(), false));
    });
    bufferization::BufferizationState state;
    if (failed(bufferization::runOneShotModuleBufferize(getOperation(), options,
                                                        state)) ||
        failed(dropHandedOn(getOperation())))
      return signalPassFailure();
    forAllArguments([&](func::FuncOp func, unsigned index) {
      func.removeArgAttr(index, writable);
    });

    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (func.isDeclaration())
        continue;
      copyConstants(func);
      readOnHost(func);
      if (func.isPublic() && failed(passResults(func)))
        return signalPassFailure();
    }
  }
};
} // namespace

void approx_act::registerKernelBufferization(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, ApproxActDialect *) {
    KernelOp::attachInterface<KernelModel>(*context);
    GemmOp::attachInterface<ContractionModel<GemmOp>>(*context);
    ConvolutionOp::attachInterface<ContractionModel<ConvolutionOp>>(*context);
  });
}
