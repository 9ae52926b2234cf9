//===- ApproxActToStableHLO.cpp - Lowers approx_act to StableHLO ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// One pattern for each op. [S1], [S2], … are the clauses of docs/semantics.md
/// that the code next to them implements; the formulas are in Formulas.h.
///
//===----------------------------------------------------------------------===//

#include "Formulas.h"
#include "approx-act/Conversion/Passes.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/DialectConversion.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_CONVERTAPPROXACTTOSTABLEHLOPASS
#include "approx-act/Conversion/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

/// The type of `value`; every value of the patterns is a ranked tensor.
static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

static Type getUnsigned(MLIRContext *context, unsigned width) {
  return IntegerType::get(context, width, IntegerType::Unsigned);
}

/// Casts between a code or word type and the `ui8` that stands for it. The bits
/// of the narrower type are the low bits of the wider one.
static Value castCodes(OpBuilder &builder, Type result, ValueRange inputs,
                       Location loc) {
  if (inputs.size() != 1)
    return {};
  StableHLOBuilder hlo(builder, loc);
  Value value = inputs.front();
  // Widening goes through the unsigned type of the narrow width: a conversion
  // of the signless type, which StableHLO reads as signed, extends the sign.
  auto narrow = [&](Type type) {
    return getUnsigned(builder.getContext(),
                       cast<RankedTensorType>(type).getElementTypeBitWidth());
  };
  if (typeOf(value).getElementType().isUnsignedInteger()) {
    value = hlo.convert(value, narrow(result));
    return hlo.bitcastConvert(value,
                              cast<RankedTensorType>(result).getElementType());
  }
  value = hlo.bitcastConvert(value, narrow(value.getType()));
  return hlo.convert(value, cast<RankedTensorType>(result).getElementType());
}

namespace {
/// Codes of 2, 4 and 8 bits and words become `ui8`.
class CodeTypeConverter : public TypeConverter {
public:
  CodeTypeConverter() {
    addConversion([](Type type) { return type; });
    addConversion([](RankedTensorType type) -> std::optional<Type> {
      Type element = type.getElementType();
      if (!element.isSignlessInteger(2) && !element.isSignlessInteger(4) &&
          !element.isSignlessInteger(8))
        return std::nullopt;
      return type.clone(getUnsigned(type.getContext(), 8));
    });
    addSourceMaterialization(castCodes);
    addTargetMaterialization(castCodes);
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

namespace {
/// How the elements of an activation divide into blocks that share an element
/// of a parameter [S1]: `expanded` is the shape of the activation with every
/// partly shared dimension split in two, `kept` are the dimensions of
/// `expanded` that correspond to those of the parameter and `shared` those that
/// lie inside a block.
struct Blocks {
  Blocks(ArrayRef<int64_t> parameter, ArrayRef<int64_t> activation) {
    for (auto [size, full] : llvm::zip_equal(parameter, activation)) {
      int64_t dim = expanded.size();
      kept.push_back(dim);
      if (size == full) {
        expanded.push_back(full);
      } else if (size == 1) {
        expanded.push_back(full);
        shared.push_back(dim);
      } else {
        expanded.append({size, full / size});
        shared.push_back(dim + 1);
      }
    }
  }

  SmallVector<int64_t> expanded;
  SmallVector<int64_t> kept;
  SmallVector<int64_t> shared;
};
} // namespace

/// `parameter` as every element of an activation of shape `shape` reads it.
static Value spread(StableHLOBuilder &hlo, Value parameter,
                    ArrayRef<int64_t> shape) {
  if (typeOf(parameter).getShape() == shape)
    return parameter;
  Blocks blocks(typeOf(parameter).getShape(), shape);
  Value expanded = hlo.broadcastInDim(parameter, blocks.expanded, blocks.kept);
  return hlo.reshape(expanded, shape);
}

/// `combiner` over the elements of each block of `value`, as a parameter of
/// shape `shape`.
static Value reduceBlocks(StableHLOBuilder &hlo, StringRef combiner,
                          Value value, double init, ArrayRef<int64_t> shape) {
  Blocks blocks(shape, typeOf(value).getShape());
  if (blocks.shared.empty())
    return value;
  Value expanded = hlo.reshape(value, blocks.expanded);
  Value initial = hlo.splat(typeOf(value).clone(ArrayRef<int64_t>()), init);
  return hlo.reshape(hlo.reduce(combiner, expanded, initial, blocks.shared),
                     shape);
}

//===----------------------------------------------------------------------===//
// Grids
//===----------------------------------------------------------------------===//

namespace {
/// [S2]
struct GridLowering : OpConversionPattern<GridOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(GridOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    StableHLOBuilder hlo(rewriter, op.getLoc());
    RankedTensorType type = op.getLo().getType();
    double cells = formulas::getLastCell(op.getBits()) + 1.0;
    auto replace = [&](std::pair<Value, Value> grid) {
      rewriter.replaceOp(op, {grid.first, grid.second});
      return success();
    };

    if (op.getRange().getRule() == RangeRule::Normalised)
      return replace(formulas::normalisedGrid(
          hlo, op.getLo(), adaptor.getMean(), adaptor.getRstd(),
          op.getRange().getSigma().convertToDouble(), cells));

    if (op.getInput().getType().getNumElements() == 0) {
      Value zero = hlo.splat(type, 0.0);
      rewriter.replaceOp(op, {zero, zero});
      return success();
    }

    // The extremes of roots are the roots of the extremes. So the root of a
    // whole activation is for its codes alone, and need not be in memory.
    Value input = adaptor.getInput();
    auto root = op.getInput().getDefiningOp<math::SqrtOp>();
    bool isOfRoot = root && op.getRange().getRule() == RangeRule::MinMax;
    if (isOfRoot)
      input = rewriter.getRemappedValue(root.getOperand());
    // The extremes are elements of the activation: no rounding is lost by
    // finding them in its own type.
    constexpr double infinity = std::numeric_limits<double>::infinity();
    auto reduce = [&](StringRef combiner, Value value, double init) {
      Value extreme = reduceBlocks(hlo, combiner, value, init, type.getShape());
      if (isOfRoot)
        extreme = hlo.elementwise("sqrt", extreme);
      return hlo.convert(extreme, type.getElementType());
    };
    if (op.getRange().getRule() == RangeRule::MinMax) {
      Value least = reduce("minimum", input, infinity);
      Value greatest = reduce("maximum", input, -infinity);
      return replace(formulas::minMaxGrid(hlo, least, greatest, cells));
    }
    Value magnitude = hlo.elementwise("abs", input);
    Value greatest = reduce("maximum", magnitude, 0.0);
    return replace(formulas::absMaxGrid(hlo, greatest, cells));
  }
};

/// [S3]
struct SplitGridLowering : OpConversionPattern<SplitGridOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(SplitGridOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    StableHLOBuilder hlo(rewriter, op.getLoc());
    formulas::SplitGrid grid = formulas::splitGrid(
        hlo, adaptor.getLo(), adaptor.getStep(), adaptor.getSlope(),
        adaptor.getOffset(), op.getRatio().convertToDouble(),
        formulas::getLastCell(op.getBits()),
        op.getSplit().getType().getElementType());
    rewriter.replaceOp(op, {grid.edge, grid.below, grid.above, grid.split});
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

/// A random number in [0, 1) for each element of a tensor of type `type` [S4];
/// null for rounding to nearest.
static Value randomNumbers(StableHLOBuilder &hlo, RankedTensorType type,
                           RoundingAttr rounding) {
  if (rounding.getMode() == RoundingMode::Nearest)
    return {};
  // A sum over the dimensions, not a reshaped row of numbers, so that a tensor
  // that is divided among devices needs no communication.
  auto words = type.clone(getUnsigned(type.getContext(), 32));
  Value index = hlo.splat(words, 0.0);
  uint32_t stride = 1;
  for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
    Value offset = hlo.elementwise(
        "multiply", {hlo.iota(words, dim), hlo.splat(words, stride)});
    index = hlo.elementwise("add", {index, offset});
    stride *= static_cast<uint32_t>(type.getDimSize(dim));
  }
  return formulas::randomNumber(hlo, index, rounding.getSeed(),
                                type.getElementType());
}

namespace {
/// [S4]
struct QuantizeLowering : OpConversionPattern<QuantizeOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(QuantizeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    StableHLOBuilder hlo(rewriter, op.getLoc());
    Value lo = adaptor.getLo();
    ArrayRef<int64_t> shape = op.getInput().getType().getShape();
    double last =
        formulas::getLastCell(op.getCodes().getType().getElementTypeBitWidth());

    Value inverse = formulas::invertWidth(hlo, adaptor.getStep());
    Value input = hlo.convert(adaptor.getInput(), typeOf(lo).getElementType());
    Value random = randomNumbers(hlo, typeOf(input), op.getRounding());
    Value cells = formulas::quantize(hlo, input, spread(hlo, lo, shape),
                                     spread(hlo, inverse, shape), last, random);
    Value codes = hlo.convert(cells, getUnsigned(op.getContext(), 8));
    auto result = cast<RankedTensorType>(
        getTypeConverter()->convertType(op.getCodes().getType()));
    rewriter.replaceOp(op, hlo.convert(codes, result.getElementType()));
    return success();
  }
};

/// [S6]
struct DequantizeLowering : OpConversionPattern<DequantizeOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(DequantizeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    StableHLOBuilder hlo(rewriter, op.getLoc());
    RankedTensorType output = op.getOutput().getType();
    ArrayRef<int64_t> shape = output.getShape();
    Value first =
        formulas::firstCentre(hlo, adaptor.getLo(), adaptor.getStep());
    Value restored =
        formulas::dequantize(hlo, adaptor.getCodes(), spread(hlo, first, shape),
                             spread(hlo, adaptor.getStep(), shape),
                             op.getCodes().getType().getElementTypeBitWidth());
    rewriter.replaceOp(op, hlo.convert(restored, output.getElementType()));
    return success();
  }
};

/// [S5]
struct QuantizeSplitLowering : OpConversionPattern<QuantizeSplitOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(QuantizeSplitOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    StableHLOBuilder hlo(rewriter, op.getLoc());
    Value edge = adaptor.getEdge();
    ArrayRef<int64_t> shape = op.getInput().getType().getShape();
    int64_t bits = op.getCodes().getType().getElementTypeBitWidth();
    double last = formulas::getLastCell(bits);
    formulas::SideRule rule(hlo, adaptor.getSplit(), bits);
    auto invert = [&](Value width) {
      return spread(hlo, formulas::invertWidth(hlo, width), shape);
    };
    Value cellsBelow =
        hlo.convert(rule.cellsBelow, typeOf(edge).getElementType());
    formulas::SplitParameters parameters;
    parameters.edge = spread(hlo, edge, shape);
    parameters.inverseBelow = invert(adaptor.getBelow());
    parameters.inverseAbove = invert(adaptor.getAbove());
    parameters.isBelow = spread(hlo, rule.isBelow, shape);
    parameters.cellsBelow = spread(hlo, cellsBelow, shape);

    Value input =
        hlo.convert(adaptor.getInput(), typeOf(edge).getElementType());
    Value random = randomNumbers(hlo, typeOf(input), op.getRounding());
    formulas::SplitCell result = formulas::quantizeSplit(
        hlo, input, adaptor.getMask(), parameters, last, random);

    // In integers: a target may not contract what leads to a code.
    Type byte = getUnsigned(op.getContext(), 8);
    Value cell = hlo.convert(result.cell, byte);
    Value firstAbove = hlo.convert(parameters.cellsBelow, byte);
    Value firstBelow = hlo.convert(result.lastBelow, byte);
    Value codes =
        hlo.select(result.isUpper, hlo.elementwise("add", {firstAbove, cell}),
                   hlo.elementwise("subtract", {firstBelow, cell}));
    auto type = cast<RankedTensorType>(
        getTypeConverter()->convertType(op.getCodes().getType()));
    rewriter.replaceOp(op, hlo.convert(codes, type.getElementType()));
    return success();
  }
};

/// [S6]
struct DequantizeSplitLowering : OpConversionPattern<DequantizeSplitOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(DequantizeSplitOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    StableHLOBuilder hlo(rewriter, op.getLoc());
    RankedTensorType output = op.getOutput().getType();
    ArrayRef<int64_t> shape = output.getShape();
    int64_t bits = op.getCodes().getType().getElementTypeBitWidth();
    Value edge = adaptor.getEdge();
    formulas::SideRule rule(hlo, adaptor.getSplit(), bits);
    Value cellsBelow =
        hlo.convert(rule.cellsBelow, typeOf(edge).getElementType());

    Value toCentre = formulas::firstFromEdge(hlo, cellsBelow);
    Value restored = formulas::dequantizeSplit(
        hlo, adaptor.getCodes(), spread(hlo, edge, shape),
        spread(hlo, adaptor.getBelow(), shape),
        spread(hlo, adaptor.getAbove(), shape), spread(hlo, toCentre, shape));
    rewriter.replaceOp(op, hlo.convert(restored, output.getElementType()));
    return success();
  }
};

/// [S5]
struct SideLowering : OpConversionPattern<SideOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(SideOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    StableHLOBuilder hlo(rewriter, op.getLoc());
    RankedTensorType type = op.getCodes().getType();
    formulas::SideRule rule(hlo, adaptor.getSplit(),
                            type.getElementTypeBitWidth());
    Value codes =
        hlo.convert(adaptor.getCodes(), getUnsigned(op.getContext(), 8));
    Value firstAbove =
        hlo.convert(rule.cellsBelow, typeOf(codes).getElementType());
    Value isUpper =
        hlo.compare("GE", codes, spread(hlo, firstAbove, type.getShape()));
    Value isBelow = spread(hlo, rule.isBelow, type.getShape());
    rewriter.replaceOp(op, hlo.elementwise("xor", {isUpper, isBelow}));
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

namespace {
/// [S7]
struct PackLowering : OpConversionPattern<PackOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(PackOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    StableHLOBuilder hlo(rewriter, op.getLoc());
    RankedTensorType type = op.getCodes().getType();
    int64_t bits = type.getElementTypeBitWidth(), dim = op.getDim();
    int64_t size = type.getDimSize(dim);
    int64_t numWords = op.getWords().getType().getDimSize(dim);
    Value codes =
        hlo.convert(adaptor.getCodes(), getUnsigned(op.getContext(), 8));
    if (bits == kWordBits) {
      rewriter.replaceOp(op, codes);
      return success();
    }

    SmallVector<int64_t> starts(type.getRank(), 0);
    SmallVector<int64_t> limits(type.getShape());
    Value words;
    for (int64_t shift = 0; shift < kWordBits; shift += bits) {
      limits[dim] = std::min(starts[dim] + numWords, size);
      Value part = hlo.slice(codes, starts, limits);
      // Only the last part that has codes at all can be short.
      part = hlo.padHigh(part, dim, numWords);
      if (!words) {
        words = part;
      } else {
        Value shifted =
            hlo.elementwise("shift_left", {part, hlo.splatLike(part, shift)});
        words = hlo.elementwise("or", {words, shifted});
      }
      if (limits[dim] == size)
        break;
      starts[dim] = limits[dim];
    }
    rewriter.replaceOp(op, words);
    return success();
  }
};

/// [S7]
struct UnpackLowering : OpConversionPattern<UnpackOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(UnpackOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    StableHLOBuilder hlo(rewriter, op.getLoc());
    RankedTensorType type = op.getCodes().getType();
    int64_t bits = type.getElementTypeBitWidth(), dim = op.getDim();
    Value words = adaptor.getWords();
    if (bits == kWordBits) {
      rewriter.replaceOp(op, words);
      return success();
    }

    // A new dimension before `dim` counts the codes of a word, lowest first.
    SmallVector<int64_t> shape(typeOf(words).getShape());
    shape.insert(shape.begin() + dim, kWordBits / bits);
    SmallVector<int64_t> dims;
    for (int64_t other = 0, rank = type.getRank(); other < rank; ++other)
      dims.push_back(other < dim ? other : other + 1);
    Value spreadWords = hlo.broadcastInDim(words, shape, dims);
    Value shift = hlo.iota(typeOf(spreadWords), dim);
    shift = hlo.elementwise("multiply", {shift, hlo.splatLike(shift, bits)});
    Value codes = hlo.elementwise("shift_right_logical", {spreadWords, shift});
    codes = hlo.elementwise(
        "and", {codes, hlo.splatLike(codes, formulas::getLastCell(bits))});

    SmallVector<int64_t> padded(typeOf(words).getShape());
    padded[dim] *= kWordBits / bits;
    codes = hlo.reshape(codes, padded);
    if (padded[dim] != type.getDimSize(dim))
      codes = hlo.slice(codes, SmallVector<int64_t>(type.getRank(), 0),
                        type.getShape());
    auto result = cast<RankedTensorType>(getTypeConverter()->convertType(type));
    rewriter.replaceOp(op, hlo.convert(codes, result.getElementType()));
    return success();
  }
};

/// [S8]
struct BarrierLowering : OpConversionPattern<BarrierOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(BarrierOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    StableHLOBuilder hlo(rewriter, op.getLoc());
    ValueRange inputs = adaptor.getInputs();
    Operation *barrier =
        hlo.create("optimization_barrier", inputs, inputs.getTypes());
    rewriter.replaceOp(op, barrier->getResults());
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Upstream ops
//===----------------------------------------------------------------------===//

/// Whether `op` works on tensors that StableHLO can express as they are.
static bool isOnStaticTensor(Operation *op) {
  return llvm::all_of(op->getResultTypes(), [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.hasStaticShape();
  });
}

namespace {
/// An op that has the same meaning under another name.
template <typename SourceOp>
struct RenamePattern : OpConversionPattern<SourceOp> {
  RenamePattern(const TypeConverter &converter, MLIRContext *context,
                StringRef name)
      : OpConversionPattern<SourceOp>(converter, context), name(name) {}

  LogicalResult
  matchAndRewrite(SourceOp op, typename SourceOp::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Type result = this->getTypeConverter()->convertType(op.getType());
    StableHLOBuilder hlo(rewriter, op.getLoc());
    // Sizes of a static shape are in the result's type already.
    ValueRange operands = adaptor.getOperands();
    if constexpr (std::is_same_v<SourceOp, tensor::ExpandShapeOp>)
      operands = operands.take_front();
    rewriter.replaceOp(op, hlo.create(name, operands, result));
    return success();
  }

private:
  StringRef name;
};

struct ConstantLowering : OpConversionPattern<arith::ConstantOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(arith::ConstantOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    StableHLOBuilder hlo(rewriter, op.getLoc());
    rewriter.replaceOp(op, hlo.constant(cast<ElementsAttr>(op.getValue())));
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct ConvertApproxActToStableHLO
    : approx_act::impl::ConvertApproxActToStableHLOPassBase<
          ConvertApproxActToStableHLO> {
  void runOnOperation() override {
    MLIRContext &context = getContext();
    CodeTypeConverter converter;
    RewritePatternSet patterns(&context);
    patterns.add<GridLowering, SplitGridLowering, QuantizeLowering,
                 DequantizeLowering, QuantizeSplitLowering,
                 DequantizeSplitLowering, SideLowering, PackLowering,
                 UnpackLowering, BarrierLowering, ConstantLowering>(converter,
                                                                    &context);
    patterns.add<RenamePattern<arith::AddFOp>>(converter, &context, "add");
    patterns.add<RenamePattern<arith::SubFOp>>(converter, &context, "subtract");
    patterns.add<RenamePattern<arith::MulFOp>>(converter, &context, "multiply");
    patterns.add<RenamePattern<arith::DivFOp>>(converter, &context, "divide");
    patterns.add<RenamePattern<arith::NegFOp>>(converter, &context, "negate");
    patterns.add<RenamePattern<math::SqrtOp>>(converter, &context, "sqrt");
    patterns.add<RenamePattern<arith::ExtFOp>, RenamePattern<arith::TruncFOp>>(
        converter, &context, "convert");
    patterns.add<RenamePattern<tensor::ExpandShapeOp>,
                 RenamePattern<tensor::CollapseShapeOp>>(converter, &context,
                                                         "reshape");

    ConversionTarget target(context);
    target.addLegalDialect<StableHLODialect>();
    target.addIllegalDialect<ApproxActDialect>();
    target.addDynamicallyLegalOp<
        arith::ConstantOp, arith::AddFOp, arith::SubFOp, arith::MulFOp,
        arith::DivFOp, arith::NegFOp, arith::ExtFOp, arith::TruncFOp,
        math::SqrtOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp>(
        [](Operation *op) { return !isOnStaticTensor(op); });

    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
