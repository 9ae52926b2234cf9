//===- MatchContractions.cpp - Contractions for the runtime ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ContractionMatch.h"
#include "KernelBody.h"
#include "approx-act/GPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_MATCHCONTRACTIONS
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

//===----------------------------------------------------------------------===//
// Ops of the runtime
//===----------------------------------------------------------------------===//

/// Copies `value`, in which `map` says where loops are, so that its dimensions
/// are the loops of `order`; the inverse where `isResult`.
static Value copyInOrder(OpBuilder &builder, Location loc, Value value,
                         AffineMap map, ArrayRef<int64_t> ranges,
                         const Loops &order, RankedTensorType resultType) {
  MLIRContext *context = builder.getContext();
  // Expressions of loops as expressions of positions in `order`.
  SmallVector<AffineExpr> positions(ranges.size(),
                                    getAffineConstantExpr(0, context));
  SmallVector<int64_t> shape;
  for (auto [position, loop] : llvm::enumerate(order)) {
    positions[loop] = getAffineDimExpr(position, context);
    shape.push_back(ranges[loop]);
  }
  AffineMap ordered = map.replaceDimsAndSymbols(positions, {}, order.size(), 0);
  AffineMap identity = AffineMap::getMultiDimIdentityMap(order.size(), context);
  Type element = cast<RankedTensorType>(value.getType()).getElementType();
  Value empty = resultType
                    ? tensor::EmptyOp::create(builder, loc,
                                              resultType.getShape(), element)
                    : tensor::EmptyOp::create(builder, loc, shape, element);
  SmallVector<AffineMap> maps = {resultType ? identity : ordered,
                                 resultType ? ordered : identity};
  SmallVector<utils::IteratorType> iterators(order.size(),
                                             utils::IteratorType::parallel);
  auto copy = linalg::GenericOp::create(
      builder, loc, empty.getType(), value, empty, maps, iterators,
      [](OpBuilder &nested, Location nestedLoc, ValueRange arguments) {
        linalg::YieldOp::create(nested, nestedLoc, arguments.front());
      });
  return copy.getResult(0);
}

static Value createGemm(RewriterBase &rewriter, const Contraction &contraction,
                        const Gemm &gemm) {
  Location loc = contraction.loc;
  ArrayRef<int64_t> ranges = contraction.ranges;
  Value lhs = gemm.lhs, rhs = gemm.rhs;
  if (gemm.copiesLhs)
    lhs = copyInOrder(rewriter, loc, contraction.lhs, contraction.lhsMap,
                      ranges, gemm.lhsOrder, {});
  if (gemm.copiesRhs)
    rhs = copyInOrder(rewriter, loc, contraction.rhs, contraction.rhsMap,
                      ranges, gemm.rhsOrder, {});
  auto type = cast<RankedTensorType>(contraction.result.getType());
  SmallVector<int64_t> shape(type.getShape());
  if (gemm.copiesOut) {
    shape.clear();
    for (unsigned loop : gemm.outOrder)
      shape.push_back(ranges[loop]);
  }
  Value empty =
      tensor::EmptyOp::create(rewriter, loc, shape, type.getElementType());
  auto product = GemmOp::create(rewriter, loc, empty.getType(), ValueRange(),
                                lhs, rhs, empty, gemm.sizes, gemm.lhsStrides,
                                gemm.rhsStrides, gemm.outStrides);
  Value result = product.getOutputs().front();
  if (!gemm.copiesOut)
    return result;
  return copyInOrder(rewriter, loc, result, contraction.outMap, ranges,
                     gemm.outOrder, type);
}

static Value createConvolution(RewriterBase &rewriter,
                               const Contraction &contraction,
                               const Convolution &c) {
  Location loc = contraction.loc;
  auto type = cast<RankedTensorType>(contraction.result.getType());
  Value empty = tensor::EmptyOp::create(rewriter, loc, type.getShape(),
                                        type.getElementType());
  auto convolution = ConvolutionOp::create(
      rewriter, loc, type, ValueRange(), c.lhs, c.rhs, empty, c.kind, c.batch,
      c.inputChannels, c.outputChannels, c.groups, c.inputSizes, c.filterSizes,
      c.windowStrides, c.paddingLow, c.paddingHigh, c.inputDilations,
      c.filterDilations, c.inputStrides, c.filterStrides, c.outputStrides);
  return convolution.getOutputs().front();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// Whether the op adds products of two operands' elements.
static bool addsProducts(linalg::LinalgOp op) {
  Block *body = op.getBlock();
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return false;
  Operation *yield = body->getTerminator();
  Operation *sum = yield->getOperand(0).getDefiningOp();
  if (!sum || !isa<arith::AddFOp, arith::AddIOp>(sum))
    return false;
  Value accumulator = op.getRegionOutputArgs().front();
  Value product = sum->getOperand(0) == accumulator ? sum->getOperand(1)
                                                    : sum->getOperand(0);
  Operation *factors = product.getDefiningOp();
  return llvm::is_contained(sum->getOperands(), accumulator) && factors &&
         isa<arith::MulFOp, arith::MulIOp>(factors);
}

/// Why the runtime cannot take a contraction; empty if it can, perhaps.
static std::string getReason(linalg::LinalgOp op) {
  for (Value value : op->getOperands()) {
    Type element = getElementTypeOrSelf(value.getType());
    if (element.isF32())
      continue;
    std::string reason;
    llvm::raw_string_ostream(reason)
        << "its elements are " << element << ", not f32";
    return reason;
  }
  if (!isZero(op.getDpsInitOperand(0)->get()))
    return "it does not start from zero";
  // All that an f32 can be multiplied by is an operand as it is.
  Operation *sum =
      op.getBlock()->getTerminator()->getOperand(0).getDefiningOp();
  for (Value value : sum->getOperands())
    if (Operation *product = value.getDefiningOp())
      for (Value factor : product->getOperands())
        if (!llvm::is_contained(op.getRegionInputArgs(), factor) ||
            product->getOperand(0) == product->getOperand(1))
          return "its factors are not its operands";
  return {};
}

/// Replaces a contraction by an op of the runtime, if it has one.
static bool rewriteContraction(RewriterBase &rewriter, linalg::LinalgOp op) {
  OpOperand *lhs = op.getDpsInputOperand(0), *rhs = op.getDpsInputOperand(1);
  OpResult result = op->getResult(0);
  Contraction contraction{op.getLoc(),
                          result,
                          op.getStaticLoopRanges(),
                          lhs->get(),
                          rhs->get(),
                          op.getMatchingIndexingMap(lhs),
                          op.getMatchingIndexingMap(rhs),
                          op.getIndexingMapMatchingResult(result)};
  SmallVector<OperandView> lhsViews = getViews(lhs->get());
  SmallVector<OperandView> rhsViews = getViews(rhs->get());
  rewriter.setInsertionPoint(op);

  std::optional<Gemm> copied;
  for (const OperandView &left : lhsViews) {
    for (const OperandView &right : rhsViews) {
      if (auto gemm = matchGemm(contraction, left, right)) {
        if (!gemm->copiesLhs && !gemm->copiesRhs && !gemm->copiesOut) {
          rewriter.replaceOp(op, createGemm(rewriter, contraction, *gemm));
          return true;
        }
        if (!copied)
          copied = gemm;
      }
      if (auto convolution = matchConvolution(contraction, left, right)) {
        rewriter.replaceOp(
            op, createConvolution(rewriter, contraction, *convolution));
        return true;
      }
    }
  }
  if (!copied)
    return false;
  rewriter.replaceOp(op, createGemm(rewriter, contraction, *copied));
  return true;
}

namespace {
struct MatchContractions
    : approx_act::impl::MatchContractionsBase<MatchContractions> {
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) {
      bool isRead = llvm::any_of(
          op.getDpsInputs(), [&](Value v) { return isReadRepeatedly(op, v); });
      if (isReductionOp(op) && addsProducts(op) && isRead)
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : ops) {
      // Sums of nothing are not worth a call.
      if (llvm::is_contained(op.getStaticLoopRanges(), 0))
        continue;
      std::string reason = getReason(op);
      Location loc = op.getLoc();
      StringRef name = op->getName().getStringRef();
      if (reason.empty() && rewriteContraction(rewriter, op)) {
        ++numMatched;
        continue;
      }
      ++numLeft;
      if (reason.empty())
        reason = "its indices are those of no product or convolution that the "
                 "runtime knows";
      remark::missed(loc, remark::RemarkOpts::name("contraction")
                              .category("approx-act")
                              .function(getOperation().getName()))
          << remark::metric("op", name) << remark::reason("{0}", reason);
    }
  }
};
} // namespace
