//===- ExpandMaximum.cpp - Maxima on chips that have none -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/GPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_EXPANDMAXIMUM
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

/// The first chip with `max.NaN`.
static constexpr unsigned kFirstChip = 80;

/// Whether the module is compiled for a chip without an instruction for it.
static bool lacksMaximum(gpu::GPUModuleOp module) {
  auto isOld = [](Attribute target) {
    auto nvvm = dyn_cast<NVVM::NVVMTargetAttr>(target);
    unsigned version = 0;
    StringRef chip = nvvm ? nvvm.getChip() : StringRef();
    return chip.consume_front("sm_") && !chip.consumeInteger(10, version) &&
           version < kFirstChip;
  };
  return module.getTargets() && llvm::any_of(*module.getTargets(), isOld);
}

namespace {
/// Of a constant that is a number, and not the zero that is the lesser of the
/// two: `x > c or NaN ? x : c`.
template <typename Op, arith::CmpFPredicate predicate, bool isZeroNegative>
struct CompareWithConstant : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    APFloat constant(0.0f);
    // Constants are on the right, by canonicalisation.
    if (!matchPattern(op.getRhs(), m_ConstantFloat(&constant)))
      return rewriter.notifyMatchFailure(op, "no constant");
    if (constant.isNaN() ||
        (constant.isZero() && constant.isNegative() != isZeroNegative))
      return rewriter.notifyMatchFailure(op, "comparison says too little");
    Value isBeyond = arith::CmpFOp::create(rewriter, op.getLoc(), predicate,
                                           op.getLhs(), op.getRhs());
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, isBeyond, op.getLhs(),
                                                 op.getRhs());
    return success();
  }
};

struct ExpandMaximum : approx_act::impl::ExpandMaximumBase<ExpandMaximum> {
  void runOnOperation() override {
    if (!lacksMaximum(getOperation()))
      return;
    RewritePatternSet patterns(&getContext());
    patterns
        .add<CompareWithConstant<arith::MaximumFOp, arith::CmpFPredicate::UGT,
                                 /*isZeroNegative=*/false>,
             CompareWithConstant<arith::MinimumFOp, arith::CmpFPredicate::ULT,
                                 /*isZeroNegative=*/true>>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
