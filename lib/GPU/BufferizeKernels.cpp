//===- BufferizeKernels.cpp - Memory between kernels ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

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

/// Makes an argument of each result, and writes down which is which.
/// (Upstream's `buffer-results-to-out-params` with static allocations hoisted
/// stops the process when one buffer is returned twice.)
static LogicalResult passResults(func::FuncOp func) {
  if (!func.getBody().hasOneBlock())
    return func.emitOpError("expected one block");
  Builder attributes(func.getContext());
  FunctionType type = func.getFunctionType();
  func->setAttr(kArgumentsAttr, attributes.getTypeArrayAttr(type.getInputs()));
  func->setAttr(kResultsAttr, attributes.getTypeArrayAttr(type.getResults()));
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

/// Puts what a loop hands on where the next step reads it.
static void writeToCarried(scf::ForOp loop) {
  auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
  OpBuilder builder(loop);
  // The analysis refuses what two loops carry in one place.
  for (OpOperand &init : loop.getInitArgsMutable())
    if (isa<TensorType>(init.get().getType()) &&
        isa<BlockArgument>(getWrittenInto(init.get())) &&
        loop->getParentOfType<scf::ForOp>())
      init.set(bufferization::AllocTensorOp::create(
          builder, loop.getLoc(), cast<RankedTensorType>(init.get().getType()),
          ValueRange(), init.get()));
  builder.setInsertionPoint(yield);
  for (auto [argument, operand] :
       llvm::zip_equal(loop.getRegionIterArgs(), yield->getOpOperands()))
    if (isa<TensorType>(argument.getType()) &&
        getWrittenInto(operand.get()) != argument)
      operand.set(bufferization::MaterializeInDestinationOp::create(
                      builder, yield.getLoc(), operand.get(), argument)
                      .getResult());
}

/// Removes what a loop carries that is the same memory in every step.
static LogicalResult dropCarriedMemory(ModuleOp module) {
  RewritePatternSet patterns(module.getContext());
  scf::ForOp::getCanonicalizationPatterns(patterns, module.getContext());
  SmallVector<Operation *> loops;
  module.walk([&](scf::ForOp loop) { loops.push_back(loop); });
  return applyOpPatternsGreedily(loops, std::move(patterns));
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
    getOperation().walk(writeToCarried);
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
        failed(dropCarriedMemory(getOperation())))
      return signalPassFailure();
    forAllArguments([&](func::FuncOp func, unsigned index) {
      func.removeArgAttr(index, writable);
    });

    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (func.isDeclaration())
        continue;
      copyConstants(func);
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
