//===- ApproxActToStableHLO.cpp - Lowers approx_act to StableHLO ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// One pattern for each op. [S1], [S2], … are the clauses of docs/semantics.md
/// that the code next to them implements.
///
/// Two choices keep the codes equal on every target. A product is never an
/// operand of a sum on the way to a code, because some targets contract the two
/// to one rounding. And no value outside of an integer type's range, and no
/// NaN, is ever converted to that type, because StableHLO leaves the result
/// open.
///
//===----------------------------------------------------------------------===//

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

/// A tensor like `value` with `constant` everywhere.
static Value splatLike(StableHLOBuilder &hlo, Value value, double constant) {
  return hlo.splat(typeOf(value), constant);
}

/// `value · factor`.
static Value scale(StableHLOBuilder &hlo, Value value, double factor) {
  return hlo.elementwise("multiply", {value, splatLike(hlo, value, factor)});
}

/// `value > 0`; false for NaN.
static Value isPositive(StableHLOBuilder &hlo, Value value) {
  return hlo.compare("GT", value, splatLike(hlo, value, 0.0));
}

/// `value > 0 ? min(value, limit) : 0`; zero for NaN.
static Value clampFromZero(StableHLOBuilder &hlo, Value value, Value limit) {
  Value positive = isPositive(hlo, value);
  Value limited = hlo.elementwise("minimum", {value, limit});
  return hlo.select(positive, limited, splatLike(hlo, value, 0.0));
}

static Value clampFromZero(StableHLOBuilder &hlo, Value value, double limit) {
  return clampFromZero(hlo, value, splatLike(hlo, value, limit));
}

/// `value` within `[least, greatest]`; NaN stays.
static Value clamp(StableHLOBuilder &hlo, Value value, double least,
                   double greatest) {
  return hlo.elementwise("clamp", {splatLike(hlo, value, least), value,
                                   splatLike(hlo, value, greatest)});
}

/// The number of the last cell of a grid.
static double getLastCell(int64_t bits) {
  return static_cast<double>((int64_t{1} << bits) - 1);
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
    double cells = getLastCell(op.getBits()) + 1.0;

    if (op.getRange().getRule() == RangeRule::Normalised) {
      auto perDeviation = [&](double constant) {
        Value value = hlo.splat(type, constant);
        return op.getRstd()
                   ? hlo.elementwise("divide", {value, adaptor.getRstd()})
                   : value;
      };
      double sigma = op.getRange().getSigma().convertToDouble();
      Value reach = perDeviation(sigma);
      Value lo = op.getMean()
                     ? hlo.elementwise("subtract", {adaptor.getMean(), reach})
                     : hlo.elementwise("negate", reach);
      rewriter.replaceOp(op, {lo, perDeviation(2.0 * sigma / cells)});
      return success();
    }

    if (op.getInput().getType().getNumElements() == 0) {
      Value zero = hlo.splat(type, 0.0);
      rewriter.replaceOp(op, {zero, zero});
      return success();
    }

    // The extremes are elements of the activation: no rounding is lost by
    // finding them in its own type.
    constexpr double infinity = std::numeric_limits<double>::infinity();
    auto reduce = [&](StringRef combiner, Value value, double init) {
      Value extreme = reduceBlocks(hlo, combiner, value, init, type.getShape());
      return hlo.convert(extreme, type.getElementType());
    };
    if (op.getRange().getRule() == RangeRule::MinMax) {
      Value least = reduce("minimum", adaptor.getInput(), infinity);
      Value greatest = reduce("maximum", adaptor.getInput(), -infinity);
      Value width = hlo.elementwise("subtract", {greatest, least});
      // The maximum changes nothing, but stands between the product and sums
      // to come.
      Value step =
          hlo.elementwise("maximum", {scale(hlo, width, 1.0 / (cells - 1)),
                                      splatLike(hlo, width, 0.0)});
      rewriter.replaceOp(op, {placeCentres(hlo, least, greatest, step), step});
      return success();
    }
    Value magnitude = hlo.elementwise("abs", adaptor.getInput());
    Value hi = reduce("maximum", magnitude, 0.0);
    Value lo = hlo.elementwise("negate", hi);
    Value step = scale(hlo, hlo.elementwise("add", {hi, hi}), 1.0 / cells);
    rewriter.replaceOp(op, {lo, step});
    return success();
  }

private:
  /// `lo` of a grid with centres at `least` and `greatest`, or, where zero lies
  /// between them, at zero and within half a step of both.
  static Value placeCentres(StableHLOBuilder &hlo, Value least, Value greatest,
                            Value step) {
    Value zero = splatLike(hlo, least, 0.0);
    Value half = splatLike(hlo, least, 0.5);
    Value quotient =
        hlo.elementwise("divide", {hlo.elementwise("negate", least), step});
    Value number =
        hlo.elementwise("floor", hlo.elementwise("add", {quotient, half}));
    Value aroundZero = hlo.elementwise(
        "negate",
        hlo.elementwise("multiply",
                        {hlo.elementwise("add", {number, half}), step}));
    Value fromLeast =
        hlo.elementwise("subtract", {least, scale(hlo, step, 0.5)});
    Value isAround = hlo.elementwise(
        "and", {hlo.elementwise("and", {hlo.compare("LT", least, zero),
                                        isPositive(hlo, greatest)}),
                isPositive(hlo, step)});
    return hlo.select(isAround, aroundZero, fromLeast);
  }
};

/// [S3]
struct SplitGridLowering : OpConversionPattern<SplitGridOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(SplitGridOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    StableHLOBuilder hlo(rewriter, op.getLoc());
    Value lo = adaptor.getLo(), slope = adaptor.getSlope();
    double last = getLastCell(op.getBits());
    auto subtract = [&](Value lhs, Value rhs) {
      return hlo.elementwise("subtract", {lhs, rhs});
    };
    auto divide = [&](Value lhs, Value rhs) {
      return hlo.elementwise("divide", {lhs, rhs});
    };
    Value hi =
        hlo.elementwise("add", {lo, scale(hlo, adaptor.getStep(), last + 1)});

    // A slope of -0 counts as 0, so that the sign of the offset alone says to
    // which infinity the change of the mask goes.
    Value falls = hlo.compare("LT", slope, splatLike(hlo, slope, 0.0));
    Value divisor = hlo.select(falls, slope, hlo.elementwise("abs", slope));
    Value negated = hlo.elementwise("negate", adaptor.getOffset());
    Value change = divide(negated, divisor);
    Value isKnown = hlo.compare("EQ", change, change);
    change = hlo.select(isKnown, change, hi);
    Value edge = hlo.elementwise(
        "minimum", {hlo.elementwise("maximum", {change, lo}), hi});

    Value below = subtract(edge, lo);
    Value above = subtract(hi, edge);
    Value active = hlo.select(falls, below, above);
    Value inactive = hlo.select(falls, above, below);
    double ratio = op.getRatio().convertToDouble();
    Value weight =
        hlo.elementwise("add", {scale(hlo, active, ratio), inactive});
    Value share = divide(scale(hlo, inactive, last + 1), weight);
    Value rounded = hlo.elementwise(
        "floor", hlo.elementwise("add", {share, splatLike(hlo, share, 0.5)}));
    // At least one cell on each side; an empty interval has no share.
    Value inactiveCells =
        clamp(hlo,
              hlo.select(hlo.compare("EQ", rounded, rounded), rounded,
                         splatLike(hlo, rounded, 1.0)),
              1.0, last);
    Value activeCells =
        subtract(splatLike(hlo, rounded, last + 1), inactiveCells);
    Value cellsBelow = hlo.select(falls, activeCells, inactiveCells);
    Value cellsAbove = hlo.select(falls, inactiveCells, activeCells);

    Value split =
        hlo.convert(cellsBelow, op.getSplit().getType().getElementType());
    split = hlo.select(falls, hlo.elementwise("negate", split), split);
    Value widthBelow = divide(below, cellsBelow);
    Value widthAbove = divide(above, cellsAbove);
    rewriter.replaceOp(op, {edge, widthBelow, widthAbove, split});
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

/// The hash `lowbias32` of C. Wellons [S4].
static uint32_t hash(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7FEB352DU;
  x = (x ^ (x >> 15)) * 0x846CA68BU;
  return x ^ (x >> 16);
}

/// The same, of every element of the `ui32` tensor `x`.
static Value hash(StableHLOBuilder &hlo, Value x) {
  auto shiftAndXor = [&](Value value, double amount) {
    Value shifted = hlo.elementwise("shift_right_logical",
                                    {value, splatLike(hlo, value, amount)});
    return hlo.elementwise("xor", {value, shifted});
  };
  auto multiply = [&](Value value, double factor) {
    return hlo.elementwise("multiply", {value, splatLike(hlo, value, factor)});
  };
  x = multiply(shiftAndXor(x, 16), 0x7FEB352DU);
  x = multiply(shiftAndXor(x, 15), 0x846CA68BU);
  return shiftAndXor(x, 16);
}

/// A random number in [0, 1) for each element of a tensor of type `type` [S4].
static Value randomNumbers(StableHLOBuilder &hlo, RankedTensorType type,
                           uint32_t seed) {
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
  constexpr uint32_t golden = 0x9E3779B9U;
  Value key = hlo.splat(words, hash(seed + golden));
  Value hashed = hash(hlo, hlo.elementwise("xor", {index, key}));
  Value top =
      hlo.elementwise("shift_right_logical", {hashed, hlo.splat(words, 8)});
  Value number = hlo.convert(top, type.getElementType());
  return hlo.elementwise("multiply", {number, hlo.splat(type, 0x1p-24)});
}

/// `1 / width`, or 0 where the cells have no width.
static Value invertWidth(StableHLOBuilder &hlo, Value width) {
  Value reciprocal =
      hlo.elementwise("divide", {splatLike(hlo, width, 1.0), width});
  return hlo.select(isPositive(hlo, width), reciprocal,
                    splatLike(hlo, width, 0.0));
}

/// Rounds positions, in cells from where a grid begins, to a number from which
/// the conversion to an integer makes the number of the cell: it drops the
/// fraction, which is the floor of what is not negative [S4].
static Value roundPosition(StableHLOBuilder &hlo, Value position, double last,
                           RoundingAttr rounding) {
  if (rounding.getMode() == RoundingMode::Nearest)
    return position;
  // The clamp changes no code; it stands between the product and the sum.
  Value clamped = clampFromZero(hlo, position, last + 1.0);
  Value centred =
      hlo.elementwise("subtract", {clamped, splatLike(hlo, clamped, 0.5)});
  return hlo.elementwise("add", {centred, randomNumbers(hlo, typeOf(centred),
                                                        rounding.getSeed())});
}

namespace {
/// What a `split` for codes of `bits` bits says [S5].
struct SideRule {
  SideRule(StableHLOBuilder &hlo, Value split, int64_t bits)
      : isBelow(hlo.compare("LT", split, splatLike(hlo, split, 0))),
        cellsBelow(clamp(hlo, hlo.elementwise("abs", split), 1.0,
                         getLastCell(bits))) {}

  /// Whether the mask is true below the edge.
  Value isBelow;
  /// The number of cells below the edge, which is the first one above it.
  Value cellsBelow;
};

/// [S4]
struct QuantizeLowering : OpConversionPattern<QuantizeOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(QuantizeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    StableHLOBuilder hlo(rewriter, op.getLoc());
    Value lo = adaptor.getLo();
    ArrayRef<int64_t> shape = op.getInput().getType().getShape();
    double last = getLastCell(op.getCodes().getType().getElementTypeBitWidth());

    Value inverse = invertWidth(hlo, adaptor.getStep());
    Value input = hlo.convert(adaptor.getInput(), typeOf(lo).getElementType());
    Value distance =
        hlo.elementwise("subtract", {input, spread(hlo, lo, shape)});
    Value position =
        hlo.elementwise("multiply", {distance, spread(hlo, inverse, shape)});
    position = roundPosition(hlo, position, last, op.getRounding());
    Value codes = hlo.convert(clampFromZero(hlo, position, last),
                              getUnsigned(op.getContext(), 8));
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
    Value first = hlo.elementwise(
        "add", {adaptor.getLo(), scale(hlo, adaptor.getStep(), 0.5)});
    Value step = spread(hlo, adaptor.getStep(), output.getShape());
    Value cell =
        hlo.convert(adaptor.getCodes(), typeOf(first).getElementType());
    Value distance = hlo.elementwise("multiply", {cell, step});
    Value restored = hlo.elementwise(
        "add", {spread(hlo, first, output.getShape()), distance});
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
    double last = getLastCell(bits);
    SideRule rule(hlo, adaptor.getSplit(), bits);
    Value isUpper = hlo.elementwise(
        "xor", {adaptor.getMask(), spread(hlo, rule.isBelow, shape)});

    // Away from the edge, in cells of the side.
    Value input =
        hlo.convert(adaptor.getInput(), typeOf(edge).getElementType());
    Value upwards =
        hlo.elementwise("subtract", {input, spread(hlo, edge, shape)});
    Value distance =
        hlo.select(isUpper, upwards, hlo.elementwise("negate", upwards));
    Value inverse = hlo.select(
        isUpper, spread(hlo, invertWidth(hlo, adaptor.getAbove()), shape),
        spread(hlo, invertWidth(hlo, adaptor.getBelow()), shape));
    Value position =
        roundPosition(hlo, hlo.elementwise("multiply", {distance, inverse}),
                      last, op.getRounding());

    Value cellsBelow =
        hlo.convert(rule.cellsBelow, typeOf(edge).getElementType());
    Value lastBelow = hlo.elementwise(
        "subtract", {cellsBelow, splatLike(hlo, cellsBelow, 1.0)});
    Value lastAbove = hlo.elementwise(
        "subtract", {splatLike(hlo, cellsBelow, last), cellsBelow});
    Value limit = hlo.select(isUpper, spread(hlo, lastAbove, shape),
                             spread(hlo, lastBelow, shape));
    Value cell = hlo.convert(clampFromZero(hlo, position, limit),
                             getUnsigned(op.getContext(), 8));

    Type code = typeOf(cell).getElementType();
    Value firstAbove = spread(hlo, hlo.convert(cellsBelow, code), shape);
    Value firstBelow = spread(hlo, hlo.convert(lastBelow, code), shape);
    Value codes =
        hlo.select(isUpper, hlo.elementwise("add", {firstAbove, cell}),
                   hlo.elementwise("subtract", {firstBelow, cell}));
    auto result = cast<RankedTensorType>(
        getTypeConverter()->convertType(op.getCodes().getType()));
    rewriter.replaceOp(op, hlo.convert(codes, result.getElementType()));
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
    SideRule rule(hlo, adaptor.getSplit(), bits);
    Value cellsBelow =
        hlo.convert(rule.cellsBelow, typeOf(edge).getElementType());

    // From the edge to the centre of the cell, in cells: never zero, and
    // negative below.
    Value toCentre = hlo.elementwise(
        "subtract", {splatLike(hlo, cellsBelow, 0.5), cellsBelow});
    Value cell = hlo.convert(adaptor.getCodes(), typeOf(edge).getElementType());
    Value cells = hlo.elementwise("add", {cell, spread(hlo, toCentre, shape)});
    Value width = hlo.select(isPositive(hlo, cells),
                             spread(hlo, adaptor.getAbove(), shape),
                             spread(hlo, adaptor.getBelow(), shape));
    Value distance = hlo.elementwise("multiply", {cells, width});
    Value restored =
        hlo.elementwise("add", {spread(hlo, edge, shape), distance});
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
    SideRule rule(hlo, adaptor.getSplit(), type.getElementTypeBitWidth());
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
            hlo.elementwise("shift_left", {part, splatLike(hlo, part, shift)});
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
    shift = hlo.elementwise("multiply", {shift, splatLike(hlo, shift, bits)});
    Value codes = hlo.elementwise("shift_right_logical", {spreadWords, shift});
    codes = hlo.elementwise("and",
                            {codes, splatLike(hlo, codes, getLastCell(bits))});

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
