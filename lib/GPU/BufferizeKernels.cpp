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

namespace mlir::approx_act {
#define GEN_PASS_DEF_BUFFERIZEKERNELS
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

namespace {
/// A kernel reads its inputs and overwrites its outs.
struct KernelModel
    : bufferization::DstBufferizableOpInterfaceExternalModel<KernelModel,
                                                             KernelOp> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const bufferization::AnalysisState &) const {
    return !cast<KernelOp>(op).isDpsInit(&operand);
  }

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
      return op->getParentOfType<KernelOp>() != nullptr;
    });
    bufferization::BufferizationState state;
    if (failed(bufferization::runOneShotModuleBufferize(getOperation(), options,
                                                        state)))
      return signalPassFailure();

    Builder builder(&getContext());
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (!func.isPublic())
        continue;
      func->setAttr("approx_act.arguments",
                    builder.getTypeArrayAttr(func.getArgumentTypes()));
      func->setAttr("approx_act.results",
                    builder.getTypeArrayAttr(func.getResultTypes()));
      func->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(),
                    builder.getUnitAttr());
    }
  }
};
} // namespace

void approx_act::registerKernelBufferization(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, ApproxActDialect *) {
    KernelOp::attachInterface<KernelModel>(*context);
  });
}
