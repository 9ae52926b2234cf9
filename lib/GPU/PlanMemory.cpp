//===- PlanMemory.cpp - One arena for all buffers -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "MemoryPlan.h"
#include "approx-act/GPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_PLANMEMORY
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

/// Fails where memory has a place that is not known, but for elements of stacks
/// that are in the arena.
static LogicalResult checkPlaces(func::FuncOp func) {
  WalkResult result = func.walk([](Operation *op) {
    if (isa<scf::SCFDialect>(op->getDialect()) &&
        llvm::any_of(op->getResultTypes(), llvm::IsaPred<MemRefType>)) {
      op->emitOpError("hands on memory; run approx-act-bufferize before");
      return WalkResult::interrupt();
    }
    auto view = dyn_cast<memref::SubViewOp>(op);
    std::optional<StackElement> element =
        view ? StackElement::match(view) : std::nullopt;
    if (view && !(element && element->stack.getDefiningOp<memref::AllocOp>())) {
      view.emitOpError("is no element of a stack in the arena");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

namespace {
struct PlanMemory : approx_act::impl::PlanMemoryBase<PlanMemory> {
  using PlanMemoryBase::PlanMemoryBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (alignment < kPointerAlignment || !llvm::isPowerOf2_64(alignment)) {
      func.emitError("alignment must be a power of 2, ")
          << kPointerAlignment << " or more, but is " << alignment.getValue();
      return signalPassFailure();
    }
    if (func.isDeclaration() || !func.getBody().hasOneBlock())
      return;
    Block &block = func.getBody().front();
    if (failed(checkPlaces(func)))
      return signalPassFailure();
    MemoryPlan plan(block, alignment);
    numCopies += plan.mergeCopies();
    if (inPlace)
      numInPlace += plan.mergeInPlace();
    plan.assignOffsets();
    numBuffers += plan.getBuffers().size();
    peakBytes += plan.getPeak();
    boundBytes += plan.getLowerBound();
    if (print)
      plan.print(llvm::errs());
    remark::analysis(func.getLoc(), remark::RemarkOpts::name("memory-plan")
                                        .category("approx-act")
                                        .function(func.getName()))
        << remark::metric("buffers", static_cast<int>(plan.getBuffers().size()))
        << remark::metric("peak_bytes", std::to_string(plan.getPeak()))
        << remark::metric("lower_bound_bytes",
                          std::to_string(plan.getLowerBound()));
    rewrite(block, plan);
  }

private:
  static void rewrite(Block &block, const MemoryPlan &plan);
};
} // namespace

/// Replaces `op`, which is memory of `type` at `offset` of the arena, or the
/// element of a stack there.
static void replaceByView(Operation *op, MemRefType type, Value arena,
                          int64_t offset,
                          const std::optional<StackElement> &element) {
  OpBuilder builder(op);
  Location loc = op->getLoc();
  Value shift = arith::ConstantIndexOp::create(builder, loc, offset);
  if (element) {
    Value index = getValueOrCreateConstantIndexOp(builder, loc, element->index);
    Value bytes = arith::ConstantIndexOp::create(builder, loc, element->bytes);
    Value place = arith::MulIOp::create(builder, loc, index, bytes);
    shift = arith::AddIOp::create(builder, loc, shift, place);
  }
  op->replaceAllUsesWith(
      memref::ViewOp::create(builder, loc, type, arena, shift, ValueRange()));
  op->erase();
}

void PlanMemory::rewrite(Block &block, const MemoryPlan &plan) {
  OpBuilder builder(block.getParentOp()->getContext());
  if (!plan.getBuffers().empty()) {
    Location loc = block.getParentOp()->getLoc();
    builder.setInsertionPointToStart(&block);
    auto arenaType = MemRefType::get(plan.getPeak(), builder.getI8Type());
    Value arena = gpu::AllocOp::create(builder, loc, arenaType, Type(),
                                       ValueRange(), ValueRange(), ValueRange())
                      .getMemref();
    for (const Buffer &buffer : plan.getBuffers()) {
      for (Alias alias : buffer.aliases) {
        // Elements that are copied to, as a kernel has not written them there.
        for (Operation *user :
             llvm::make_early_inc_range(alias.alloc->getUsers()))
          if (auto view = dyn_cast<memref::SubViewOp>(user))
            if (auto element = StackElement::match(view)) {
              auto type = MemRefType::get(view.getType().getShape(),
                                          view.getType().getElementType());
              replaceByView(view, type, arena, buffer.offset, element);
            }
        replaceByView(alias.alloc, alias.alloc.getType(), arena, buffer.offset,
                      alias.element);
      }
    }
    builder.setInsertionPoint(block.getTerminator());
    gpu::DeallocOp::create(builder, loc, TypeRange(), ValueRange(), arena);
  }
  block.getParentOp()->walk([&](memref::CopyOp copy) {
    builder.setInsertionPoint(copy);
    gpu::MemcpyOp::create(builder, copy.getLoc(), TypeRange(), ValueRange(),
                          copy.getTarget(), copy.getSource());
    copy.erase();
  });
}
