//===- ThreadStream.cpp - One stream for a host program -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Upstream's `gpu-async-region` makes a stream in each block, and has the host
/// wait for it at the end of the block: after every step of a loop.
///
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "approx-act/GPU/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_THREADSTREAM
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

/// Replaces `op` by the same on the stream of `token`.
static void putOnStream(gpu::AsyncOpInterface op, Value token) {
  OpBuilder builder(op);
  SmallVector<Type> types(op->getResultTypes());
  types.push_back(token.getType());
  Operation *result = Operation::create(
      op->getLoc(), op->getName(), types, op->getOperands(),
      op->getDiscardableAttrDictionary(), op->getPropertiesStorage(),
      op->getSuccessors(), op->getNumRegions());
  for (auto [from, to] :
       llvm::zip_equal(op->getRegions(), result->getRegions()))
    to.takeBody(from);
  builder.insert(result);
  cast<gpu::AsyncOpInterface>(result).addAsyncDependency(token);
  op->replaceAllUsesWith(result->getResults().drop_back());
  op->erase();
}

namespace {
struct ThreadStream : approx_act::impl::ThreadStreamBase<ThreadStream> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isDeclaration() && func.getBody().hasOneBlock() &&
          failed(thread(func.getBody().front())))
        return signalPassFailure();
  }

private:
  LogicalResult thread(Block &body);
  LogicalResult synchronize(Operation *before, Value token);
};
} // namespace

LogicalResult ThreadStream::thread(Block &body) {
  SmallVector<gpu::AsyncOpInterface> ops;
  SmallVector<memref::LoadOp> loads;
  for (Block *block : getHostBlocks(body)) {
    for (Operation &op : *block) {
      auto async = dyn_cast<gpu::AsyncOpInterface>(op);
      if (async && !async.getAsyncToken())
        ops.push_back(async);
      else if (auto load = dyn_cast<memref::LoadOp>(op))
        loads.push_back(load);
    }
  }
  if (ops.empty())
    return success();
  Location loc = body.getParentOp()->getLoc();
  OpBuilder builder = OpBuilder::atBlockBegin(&body);
  auto type = builder.getType<gpu::AsyncTokenType>();
  Value token =
      gpu::WaitOp::create(builder, loc, type, ValueRange()).getAsyncToken();
  for (gpu::AsyncOpInterface op : ops)
    putOnStream(op, token);
  for (memref::LoadOp load : loads)
    if (failed(synchronize(load, token)))
      return failure();
  builder.setInsertionPoint(body.getTerminator());
  gpu::WaitOp::create(builder, loc, Type(), token);
  return success();
}

/// Has the host wait for what is on the stream, which goes on to be used: a
/// `gpu.wait` would be the end of it.
LogicalResult ThreadStream::synchronize(Operation *before, Value token) {
  OpBuilder builder(before);
  Location loc = before->getLoc();
  auto pointer = builder.getType<LLVM::LLVMPointerType>();
  FailureOr<LLVM::LLVMFuncOp> callee =
      LLVM::lookupOrCreateFn(builder, getOperation(), "mgpuStreamSynchronize",
                             pointer, builder.getType<LLVM::LLVMVoidType>());
  if (failed(callee))
    return failure();
  Value stream =
      UnrealizedConversionCastOp::create(builder, loc, pointer, token)
          .getResult(0);
  LLVM::CallOp::create(builder, loc, *callee, stream);
  return success();
}
