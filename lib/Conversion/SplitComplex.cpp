//===- SplitComplex.cpp - Complex numbers as two real ones ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A tensor of complex numbers becomes two, of real and of imaginary parts, and
/// not one with a dimension more: an op that computes both parts then computes
/// what they have in common once, whoever wants one part reads one, and the
/// factors of a product are what libraries take.
///
//===----------------------------------------------------------------------===//

#include "ComplexParts.h"
#include "approx-act/Conversion/Passes.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "mlir/Conversion/ComplexToStandard/ComplexToStandard.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/DialectConversion.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_SPLITCOMPLEXPASS
#include "approx-act/Conversion/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

static bool isComplex(Type type) {
  return isa<ComplexType>(getElementTypeOrSelf(type));
}

static bool hasComplex(TypeRange types) {
  return llvm::any_of(types, isComplex);
}

/// Whether `op`, or a block of it, has complex numbers.
static bool hasComplex(Operation *op) {
  if (hasComplex(op->getOperandTypes()) || hasComplex(op->getResultTypes()))
    return true;
  for (Region &region : op->getRegions())
    for (Block &block : region)
      if (hasComplex(block.getArgumentTypes()))
        return true;
  auto func = dyn_cast<func::FuncOp>(op);
  return func && (hasComplex(func.getArgumentTypes()) ||
                  hasComplex(func.getResultTypes()));
}

//===----------------------------------------------------------------------===//
// What can be split
//===----------------------------------------------------------------------===//

/// Ops that do the same to both parts.
static bool isSameForParts(Operation *op) {
  return isa<arith::SelectOp, tensor::CastOp, tensor::CollapseShapeOp,
             tensor::ConcatOp, tensor::DimOp, tensor::EmptyOp,
             tensor::ExpandShapeOp, tensor::ExtractOp, tensor::ExtractSliceOp,
             tensor::FromElementsOp, tensor::InsertOp, tensor::InsertSliceOp,
             tensor::SplatOp>(op);
}

/// What a `tensor.pad` pads with, null if that depends on the place.
static Value getPadding(tensor::PadOp pad) {
  auto yield = cast<tensor::YieldOp>(pad.getBody()->getTerminator());
  Value value = yield.getValue();
  if (pad.getRegion().isAncestor(value.getParentRegion()) &&
      !matchPattern(value, m_Constant()))
    return {};
  return value;
}

/// Whether the parts of numbers of `type` are what there is arithmetic for.
static bool hasFloatParts(Type type) {
  auto complex = dyn_cast<ComplexType>(getElementTypeOrSelf(type));
  return !complex || isa<FloatType>(complex.getElementType());
}

/// Whether `op`, which has complex numbers, can be split.
static bool canSplit(Operation *op) {
  if (!llvm::all_of(op->getOperandTypes(), hasFloatParts) ||
      !llvm::all_of(op->getResultTypes(), hasFloatParts))
    return false;
  if (isa<complex::ComplexDialect>(op->getDialect()))
    return !isa<complex::BitcastOp>(op);
  if (auto pad = dyn_cast<tensor::PadOp>(op))
    return static_cast<bool>(getPadding(pad));
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return isa<DenseElementsAttr>(constant.getValue());
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return linalgOp.hasPureTensorSemantics();
  if (auto func = dyn_cast<func::FuncOp>(op)) {
    auto isRanked = [](Type type) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      return !isComplex(type) || (tensor && tensor.hasStaticShape());
    };
    return !func.isDeclaration() && func.getBody().hasOneBlock() &&
           llvm::all_of(func.getArgumentTypes(), isRanked) &&
           llvm::all_of(func.getResultTypes(), isRanked);
  }
  return isSameForParts(op) ||
         isa<BarrierOp, func::ReturnOp, linalg::YieldOp, scf::ConditionOp,
             scf::ForOp, scf::IfOp, scf::WhileOp, scf::YieldOp,
             tensor::YieldOp>(op);
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// What `op` adds to its only result in each step; null if it does anything
/// else.
static Value getSummand(linalg::GenericOp op) {
  auto isStatic = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.hasStaticShape();
  };
  if (op.getNumReductionLoops() == 0 || op.getNumDpsInits() != 1 ||
      !llvm::all_of(op->getOperandTypes(), isStatic))
    return {};
  Value accumulator = op.getRegionOutputArgs().front();
  auto sum = op.getBody()
                 ->getTerminator()
                 ->getOperand(0)
                 .getDefiningOp<complex::AddOp>();
  if (!sum || !accumulator.hasOneUse())
    return {};
  if (sum.getLhs() == accumulator)
    return sum.getRhs();
  return sum.getRhs() == accumulator ? sum.getLhs() : Value();
}

/// Sums of products of real numbers, with the loops of `op`, from zero.
static Value emitProducts(ImplicitLocOpBuilder &b, linalg::GenericOp op,
                          Value lhs, Value rhs, Type element) {
  auto type = cast<RankedTensorType>(op.getResult(0).getType());
  return emitSumsOfProducts(b, lhs, rhs, emitZeros(b, type.getShape(), element),
                            op.getIndexingMapsArray(),
                            op.getIteratorTypesArray());
}

static Value
emitPointwise(ImplicitLocOpBuilder &b, ArrayRef<Value> inputs,
              function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> body) {
  auto type = cast<RankedTensorType>(inputs.front().getType());
  SmallVector<AffineMap> maps(inputs.size(),
                              b.getMultiDimIdentityMap(type.getRank()));
  return emitElements(b, type.getShape(), type.getElementType(), 1, inputs,
                      maps,
                      [&](ImplicitLocOpBuilder &nested, ValueRange arguments) {
                        return SmallVector<Value>{body(nested, arguments)};
                      })
      .front();
}

/// Replaces a sum of products of complex numbers by four of real ones, which
/// libraries have, and any other sum by those of the parts, of which long ones
/// can be divided.
static void splitSum(linalg::GenericOp op, RewriterBase &rewriter) {
  Value summand = getSummand(op);
  if (!summand)
    return;
  rewriter.setInsertionPoint(op);
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  ComplexParts init = emitParts(b, op.getDpsInits().front());
  Type element = getElementTypeOrSelf(init.re.getType());
  auto product = summand.getDefiningOp<complex::MulOp>();
  Block *body = op.getBody();
  if (product && op.getNumDpsInputs() == 2 &&
      product.getLhs() == body->getArgument(0) &&
      product.getRhs() == body->getArgument(1)) {
    ComplexParts lhs = emitParts(b, op.getInputs()[0]);
    ComplexParts rhs = emitParts(b, op.getInputs()[1]);
    Value realReal = emitProducts(b, op, lhs.re, rhs.re, element);
    Value imagImag = emitProducts(b, op, lhs.im, rhs.im, element);
    Value realImag = emitProducts(b, op, lhs.re, rhs.im, element);
    Value imagReal = emitProducts(b, op, lhs.im, rhs.re, element);
    Value re = emitPointwise(
        b, {init.re, realReal, imagImag},
        [](ImplicitLocOpBuilder &nested, ValueRange terms) -> Value {
          Value sum = arith::SubFOp::create(nested, terms[1], terms[2]);
          return arith::AddFOp::create(nested, terms[0], sum);
        });
    Value im = emitPointwise(
        b, {init.im, realImag, imagReal},
        [](ImplicitLocOpBuilder &nested, ValueRange terms) -> Value {
          Value sum = arith::AddFOp::create(nested, terms[1], terms[2]);
          return arith::AddFOp::create(nested, terms[0], sum);
        });
    rewriter.replaceOp(op, emitComplex(b, {re, im}));
    return;
  }
  auto emitSum = [&](Value start, bool isReal) {
    return linalg::GenericOp::create(
               b, start.getType(), op.getInputs(), start,
               op.getIndexingMapsArray(), op.getIteratorTypesArray(),
               [&](OpBuilder &builder, Location loc, ValueRange arguments) {
                 ImplicitLocOpBuilder nested(loc, builder);
                 IRMapping mapping;
                 mapping.map(body->getArguments().drop_back(),
                             arguments.drop_back());
                 Operation *sum =
                     body->getTerminator()->getOperand(0).getDefiningOp();
                 for (Operation &inner : body->without_terminator())
                   if (&inner != sum)
                     nested.clone(inner, mapping);
                 Value number = mapping.lookupOrDefault(summand);
                 Value part = emitPart(nested, number, isReal);
                 part = arith::AddFOp::create(nested, arguments.back(), part);
                 linalg::YieldOp::create(nested, part);
               })
        .getResult(0);
  };
  Value re = emitSum(init.re, true), im = emitSum(init.im, false);
  rewriter.replaceOp(op, emitComplex(b, {re, im}));
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// The type in which a caller has numbers, real and imaginary parts in turn.
static RankedTensorType getInterleavedType(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape(tensor.getShape());
  shape.push_back(2);
  return RankedTensorType::get(
      shape, cast<ComplexType>(tensor.getElementType()).getElementType());
}

/// Has `func` take and return tensors of real numbers in the place of complex
/// ones, of the same bytes.
static void interleave(func::FuncOp func) {
  Block &body = func.getBody().front();
  MLIRContext *context = func.getContext();
  ImplicitLocOpBuilder b(func.getLoc(), context);
  UnitAttr unit = UnitAttr::get(context);
  for (BlockArgument argument : body.getArguments()) {
    if (!isComplex(argument.getType()))
      continue;
    auto type = cast<RankedTensorType>(argument.getType());
    b.setInsertionPointToStart(&body);
    b.setLoc(argument.getLoc());
    argument.setType(getInterleavedType(type));
    func.setArgAttr(argument.getArgNumber(), kComplexAttr, unit);
    AffineMap own = b.getMultiDimIdentityMap(type.getRank());
    SmallVector<AffineMap> maps;
    for (int64_t part : {0, 1})
      maps.push_back(
          own.insertResult(b.getAffineConstantExpr(part), type.getRank()));
    Value number =
        emitElements(b, type.getShape(), type.getElementType(), 1,
                     {argument, argument}, maps,
                     [&](ImplicitLocOpBuilder &nested, ValueRange parts) {
                       Value created = complex::CreateOp::create(
                           nested, cast<ComplexType>(type.getElementType()),
                           parts[0], parts[1]);
                       return SmallVector<Value>{created};
                     })
            .front();
    argument.replaceUsesWithIf(number, [&](OpOperand &use) {
      return use.getOwner() != number.getDefiningOp();
    });
  }
  Operation *end = body.getTerminator();
  for (OpOperand &operand : end->getOpOperands()) {
    if (!isComplex(operand.get().getType()))
      continue;
    auto type = cast<RankedTensorType>(operand.get().getType());
    RankedTensorType to = getInterleavedType(type);
    b.setInsertionPoint(end);
    b.setLoc(operand.get().getLoc());
    func.setResultAttr(operand.getOperandNumber(), kComplexAttr, unit);
    AffineMap map =
        b.getMultiDimIdentityMap(to.getRank()).dropResult(type.getRank());
    Value interleaved =
        emitElements(
            b, to.getShape(), to.getElementType(), 1, operand.get(), map,
            [&](ImplicitLocOpBuilder &nested, ValueRange numbers) {
              Value re = complex::ReOp::create(nested, numbers[0]);
              Value im = complex::ImOp::create(nested, numbers[0]);
              Value part = linalg::IndexOp::create(nested, type.getRank());
              Value zero = arith::ConstantIndexOp::create(nested, 0);
              Value isReal = arith::CmpIOp::create(
                  nested, arith::CmpIPredicate::eq, part, zero);
              Value chosen = arith::SelectOp::create(nested, isReal, re, im);
              return SmallVector<Value>{chosen};
            })
            .front();
    operand.set(interleaved);
  }
  func.setType(FunctionType::get(context, body.getArgumentTypes(),
                                 end->getOperandTypes()));
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

namespace {
struct PartsConverter : TypeConverter {
  PartsConverter() {
    addConversion([](Type type) { return type; });
    addConversion(
        [](Type type,
           SmallVectorImpl<Type> &parts) -> std::optional<LogicalResult> {
          if (!isComplex(type))
            return std::nullopt;
          Type element =
              cast<ComplexType>(getElementTypeOrSelf(type)).getElementType();
          if (auto shaped = dyn_cast<ShapedType>(type))
            parts.assign(2, shaped.clone(element));
          else
            parts.assign(2, element);
          return success();
        });
  }
};
} // namespace

static SmallVector<Value> flatten(ArrayRef<ValueRange> values) {
  SmallVector<Value> flat;
  for (ValueRange parts : values)
    llvm::append_range(flat, parts);
  return flat;
}

/// The results of an op that has those of the parts in turn, for those of `op`.
static SmallVector<SmallVector<Value>> groupResults(Operation *op,
                                                    ValueRange results) {
  SmallVector<SmallVector<Value>> groups;
  for (Type type : op->getResultTypes()) {
    unsigned count = isComplex(type) ? 2 : 1;
    groups.emplace_back(results.take_front(count));
    results = results.drop_front(count);
  }
  return groups;
}

namespace {
/// An op for each part.
struct SplitSameOp : ConversionPattern {
  SplitSameOp(const TypeConverter &converter, MLIRContext *context)
      : ConversionPattern(converter, MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult
  matchAndRewrite(Operation *op, ArrayRef<ValueRange> operands,
                  ConversionPatternRewriter &rewriter) const override {
    if (!isSameForParts(op))
      return rewriter.notifyMatchFailure(op, "parts are not moved alone");
    Type type = op->getResult(0).getType();
    SmallVector<Type> types;
    if (failed(getTypeConverter()->convertType(type, types)))
      return failure();
    SmallVector<Value> results;
    for (unsigned part = 0; part < types.size(); ++part) {
      SmallVector<Value> ofPart;
      for (ValueRange parts : operands)
        ofPart.push_back(parts.size() == 1 ? parts.front() : parts[part]);
      Operation *split = Operation::create(
          op->getLoc(), op->getName(), types[part], ofPart,
          op->getDiscardableAttrDictionary(), op->getPropertiesStorage(),
          op->getSuccessors(), op->getNumRegions());
      results.push_back(rewriter.insert(split)->getResult(0));
    }
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }
};

struct SplitBarrier : OpConversionPattern<BarrierOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(BarrierOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto barrier = BarrierOp::create(rewriter, op.getLoc(),
                                     flatten(adaptor.getOperands()));
    rewriter.replaceOpWithMultiple(op, groupResults(op, barrier.getOutputs()));
    return success();
  }
};

struct SplitGeneric : OpConversionPattern<linalg::GenericOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(linalg::GenericOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<AffineMap> maps;
    for (OpOperand &operand : op->getOpOperands())
      maps.append(isComplex(operand.get().getType()) ? 2 : 1,
                  op.getMatchingIndexingMap(&operand));
    SmallVector<Value> outs = flatten(adaptor.getOutputs());
    auto generic = linalg::GenericOp::create(
        rewriter, op.getLoc(), TypeRange(ValueRange(outs)),
        flatten(adaptor.getInputs()), outs, maps, op.getIteratorTypesArray(),
        /*bodyBuild=*/nullptr, llvm::to_vector(op->getDiscardableAttrs()));
    rewriter.inlineRegionBefore(op.getRegion(), generic.getRegion(),
                                generic.getRegion().end());
    if (failed(rewriter.convertRegionTypes(&generic.getRegion(),
                                           *getTypeConverter())))
      return failure();
    rewriter.replaceOpWithMultiple(op, groupResults(op, generic.getResults()));
    return success();
  }
};

struct SplitFill : OpConversionPattern<linalg::FillOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(linalg::FillOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Value> fills;
    for (auto [value, out] : llvm::zip_equal(adaptor.getInputs().front(),
                                             adaptor.getOutputs().front()))
      fills.push_back(
          linalg::FillOp::create(rewriter, op.getLoc(), value, out).result());
    rewriter.replaceOpWithMultiple(op, {fills});
    return success();
  }
};

struct SplitPad : OpConversionPattern<tensor::PadOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(tensor::PadOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value value = getPadding(op);
    if (op.getRegion().isAncestor(value.getParentRegion()))
      value = rewriter.clone(*value.getDefiningOp())->getResult(0);
    Value values[] = {complex::ReOp::create(b, value),
                      complex::ImOp::create(b, value)};
    SmallVector<Value> pads;
    for (auto [source, padding] :
         llvm::zip_equal(adaptor.getSource(), values)) {
      Type element = getElementTypeOrSelf(source.getType());
      pads.push_back(tensor::PadOp::create(
          b, op.getType().clone(element), source, op.getMixedLowPad(),
          op.getMixedHighPad(), padding, op.getNofold()));
    }
    rewriter.replaceOpWithMultiple(op, {pads});
    return success();
  }
};

template <typename OpT>
struct SplitYield : OpConversionPattern<OpT> {
  using OpConversionPattern<OpT>::OpConversionPattern;
  using OneToNOpAdaptor = typename OpConversionPattern<OpT>::OneToNOpAdaptor;
  LogicalResult
  matchAndRewrite(OpT op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.modifyOpInPlace(
        op, [&] { op->setOperands(flatten(adaptor.getOperands())); });
    return success();
  }
};

struct SplitDense : OpConversionPattern<arith::ConstantOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(arith::ConstantOp op, OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<ShapedType>(op.getType());
    Type element = cast<ComplexType>(type.getElementType()).getElementType();
    SmallVector<Attribute> re, im;
    auto add = [&](const APFloat &real, const APFloat &imaginary) {
      re.push_back(FloatAttr::get(element, real));
      im.push_back(FloatAttr::get(element, imaginary));
    };
    auto dense = cast<DenseElementsAttr>(op.getValue());
    if (dense.isSplat()) {
      auto value = dense.getSplatValue<std::complex<APFloat>>();
      add(value.real(), value.imag());
    } else {
      for (const std::complex<APFloat> &value :
           dense.getValues<std::complex<APFloat>>())
        add(value.real(), value.imag());
    }
    SmallVector<Value> parts;
    for (ArrayRef<Attribute> values : {ArrayRef(re), ArrayRef(im)})
      parts.push_back(arith::ConstantOp::create(
          rewriter, op.getLoc(),
          DenseElementsAttr::get(type.clone(element), values)));
    rewriter.replaceOpWithMultiple(op, {parts});
    return success();
  }
};

struct SplitNumber : OpConversionPattern<complex::ConstantOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(complex::ConstantOp op, OneToNOpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Value> parts;
    for (Attribute value : op.getValue())
      parts.push_back(arith::ConstantOp::create(rewriter, op.getLoc(),
                                                cast<FloatAttr>(value)));
    rewriter.replaceOpWithMultiple(op, {parts});
    return success();
  }
};

struct SplitCreate : OpConversionPattern<complex::CreateOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(complex::CreateOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithMultiple(op, {flatten(adaptor.getOperands())});
    return success();
  }
};

template <typename OpT, unsigned kPart>
struct TakePart : OpConversionPattern<OpT> {
  using OpConversionPattern<OpT>::OpConversionPattern;
  using OneToNOpAdaptor = typename OpConversionPattern<OpT>::OneToNOpAdaptor;
  LogicalResult
  matchAndRewrite(OpT op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, adaptor.getOperands().front()[kPart]);
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct SplitComplex : approx_act::impl::SplitComplexPassBase<SplitComplex> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    bool isPossible = true;
    getOperation()->walk([&](Operation *op) {
      if (!hasComplex(op))
        return;
      ops.push_back(op);
      if (canSplit(op))
        return;
      op->emitError() << "'" << op->getName()
                      << "' of complex numbers has no kernel";
      isPossible = false;
    });
    if (!isPossible)
      return signalPassFailure();
    if (ops.empty())
      return;
    prepare(ops);
    if (failed(expandArithmetic()) || failed(split()))
      return signalPassFailure();
  }

private:
  /// Leaves generic ops, and functions without complex numbers.
  void prepare(ArrayRef<Operation *> ops) {
    IRRewriter rewriter(&getContext());
    for (Operation *op : ops) {
      if (auto func = dyn_cast<func::FuncOp>(op)) {
        interleave(func);
        continue;
      }
      auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
      if (!linalgOp || isa<linalg::FillOp>(op))
        continue;
      auto generic = dyn_cast<linalg::GenericOp>(op);
      if (!generic) {
        rewriter.setInsertionPoint(op);
        FailureOr<linalg::GenericOp> general =
            linalg::generalizeNamedOp(rewriter, linalgOp);
        if (failed(general))
          continue;
        generic = *general;
      }
      splitSum(generic, rewriter);
    }
  }

  /// Leaves `complex.create`, `re`, `im` and `constant` of the dialect.
  LogicalResult expandArithmetic() {
    RewritePatternSet patterns(&getContext());
    populateComplexToStandardConversionPatterns(patterns);
    ConversionTarget target(getContext());
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    target.addIllegalDialect<complex::ComplexDialect>();
    target.addLegalOp<complex::ConstantOp, complex::CreateOp, complex::ImOp,
                      complex::ReOp>();
    return applyPartialConversion(getOperation(), target, std::move(patterns));
  }

  LogicalResult split() {
    MLIRContext *context = &getContext();
    PartsConverter converter;
    RewritePatternSet patterns(context);
    ConversionTarget target(*context);
    target.markUnknownOpDynamicallyLegal(
        [](Operation *op) { return !hasComplex(op); });
    scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                         target);
    patterns
        .add<SplitSameOp, SplitBarrier, SplitGeneric, SplitFill, SplitPad,
             SplitYield<linalg::YieldOp>, SplitDense, SplitNumber, SplitCreate,
             TakePart<complex::ReOp, 0>, TakePart<complex::ImOp, 1>>(converter,
                                                                     context);
    return applyPartialConversion(getOperation(), target, std::move(patterns));
  }
};
} // namespace
