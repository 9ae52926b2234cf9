//===- ApproxActToLinalg.cpp - Lowers approx_act to linalg ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// One pattern for each op. [S1], [S2], … are the clauses of docs/semantics.md
/// that the code next to them implements; the formulas are in Formulas.h.
///
/// What is done once per parameter (a reciprocal, mostly) is a `linalg.generic`
/// over the parameter, and what is done per element one over the activation
/// that reads parameters through its indexing maps, so that whoever makes
/// kernels of them need not find out which of the two an op is.
///
//===----------------------------------------------------------------------===//

#include "Formulas.h"
#include "approx-act/Conversion/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/DialectConversion.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_CONVERTAPPROXACTTOLINALGPASS
#include "approx-act/Conversion/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

namespace {
/// Creates ops on scalars under StableHLO's names, as Formulas.h wants them.
class ScalarBuilder {
public:
  ScalarBuilder(OpBuilder &builder, Location loc) : b(loc, builder) {}

  static constexpr bool kIsForKernels = true;

  Value elementwise(StringRef name, ArrayRef<Value> operands);
  Value compare(StringRef direction, Value lhs, Value rhs);
  Value select(Value condition, Value onTrue, Value onFalse) {
    return arith::SelectOp::create(b, condition, onTrue, onFalse);
  }
  Value convert(Value value, Type type);
  Value splatLike(Value value, double constant);
  static Type getElementType(Value value) { return value.getType(); }

  /// A value that fits into a type, in it.
  Value truncate(Value value, Type type) {
    if (value.getType() == type)
      return value;
    return arith::TruncIOp::create(b, type, value,
                                   arith::IntegerOverflowFlags::nuw);
  }

  /// `code + summand`, for a summand that is a small multiple of 1/2.
  Value addCode(Value code, Value summand);

  ImplicitLocOpBuilder b;

private:
  template <typename FloatOp, typename IntegerOp>
  Value createBinary(Value lhs, Value rhs) {
    if (isa<FloatType>(lhs.getType()))
      return FloatOp::create(b, lhs, rhs);
    return IntegerOp::create(b, lhs, rhs);
  }

  /// Integers that hold codes are unsigned, whole words are numbers.
  static bool isUnsigned(Type type) {
    return type.getIntOrFloatBitWidth() < 32;
  }
};
} // namespace

Value ScalarBuilder::elementwise(StringRef name, ArrayRef<Value> operands) {
  Value first = operands.front();
  bool isFloat = isa<FloatType>(first.getType());
  if (name == "add")
    return createBinary<arith::AddFOp, arith::AddIOp>(first, operands.back());
  if (name == "subtract")
    return createBinary<arith::SubFOp, arith::SubIOp>(first, operands.back());
  if (name == "multiply")
    return createBinary<arith::MulFOp, arith::MulIOp>(first, operands.back());
  if (name == "divide")
    return arith::DivFOp::create(b, first, operands.back());
  if (name == "maximum")
    return createBinary<arith::MaximumFOp, arith::MaxSIOp>(first,
                                                           operands.back());
  if (name == "minimum")
    return createBinary<arith::MinimumFOp, arith::MinSIOp>(first,
                                                           operands.back());
  if (name == "minimum_number")
    return arith::MinNumFOp::create(b, first, operands.back());
  if (name == "maximum_number")
    return arith::MaxNumFOp::create(b, first, operands.back());
  if (name == "multiply_add")
    return math::FmaOp::create(b, first, operands[1], operands[2]);
  if (name == "clamp") {
    Value raised = elementwise("maximum", {operands[1], operands[0]});
    return elementwise("minimum", {raised, operands[2]});
  }
  if (name == "and")
    return arith::AndIOp::create(b, first, operands.back());
  if (name == "xor")
    return arith::XOrIOp::create(b, first, operands.back());
  if (name == "shift_right_logical")
    return arith::ShRUIOp::create(b, first, operands.back());
  if (name == "floor")
    return math::FloorOp::create(b, first);
  if (name == "abs" && isFloat)
    return math::AbsFOp::create(b, first);
  if (name == "abs")
    return math::AbsIOp::create(b, first);
  assert(name == "negate" && "no formula has another op");
  if (isFloat)
    return arith::NegFOp::create(b, first);
  return arith::SubIOp::create(b, splatLike(first, 0), first);
}

Value ScalarBuilder::compare(StringRef direction, Value lhs, Value rhs) {
  if (isa<FloatType>(lhs.getType())) {
    auto predicate = direction == "GT"   ? arith::CmpFPredicate::OGT
                     : direction == "LT" ? arith::CmpFPredicate::OLT
                                         : arith::CmpFPredicate::OEQ;
    return arith::CmpFOp::create(b, predicate, lhs, rhs);
  }
  // Of integers, only positions of edges are compared, which have a sign.
  auto predicate =
      direction == "GE" ? arith::CmpIPredicate::sge : arith::CmpIPredicate::slt;
  return arith::CmpIOp::create(b, predicate, lhs, rhs);
}

Value ScalarBuilder::convert(Value value, Type type) {
  Type from = value.getType();
  if (from == type)
    return value;
  if (isa<FloatType>(from) && isa<FloatType>(type)) {
    if (from.getIntOrFloatBitWidth() < type.getIntOrFloatBitWidth())
      return arith::ExtFOp::create(b, type, value);
    return arith::TruncFOp::create(b, type, value);
  }
  if (isa<FloatType>(type))
    return isUnsigned(from) ? Value(arith::UIToFPOp::create(b, type, value))
                            : Value(arith::SIToFPOp::create(b, type, value));
  // Through 32 bits, which every target converts to; values are not negative.
  Type word = b.getI32Type();
  if (isa<FloatType>(from))
    value = arith::FPToSIOp::create(b, word, value);
  else if (from != word)
    value = arith::ExtUIOp::create(b, word, value);
  return truncate(value, type);
}

/// An integer is put into the bits of a number whose last bits are worth 1/2
/// and 1, which is then in the way; where it is subtracted depends on no code.
Value ScalarBuilder::addCode(Value code, Value summand) {
  Type type = summand.getType();
  if (!type.isF32())
    return elementwise("add", {convert(code, type), summand});
  constexpr uint32_t twoTo22 = 0x4A800000;
  Value word = convert(code, b.getI32Type());
  word = arith::ShLIOp::create(b, word, splatLike(word, 1));
  word = arith::OrIOp::create(b, word, splatLike(word, twoTo22));
  Value raised = arith::BitcastOp::create(b, type, word);
  Value difference =
      elementwise("subtract", {summand, splatLike(summand, 0x1p22)});
  return elementwise("add", {raised, difference});
}

Value ScalarBuilder::splatLike(Value value, double constant) {
  Type type = value.getType();
  TypedAttr attribute;
  if (isa<FloatType>(type))
    attribute = b.getFloatAttr(type, constant);
  else
    attribute = IntegerAttr::get(
        type, APInt(type.getIntOrFloatBitWidth(),
                    static_cast<uint64_t>(static_cast<int64_t>(constant)),
                    /*isSigned=*/false, /*implicitTrunc=*/true));
  return arith::ConstantOp::create(b, attribute);
}

//===----------------------------------------------------------------------===//
// Ops on tensors
//===----------------------------------------------------------------------===//

/// The type of `value`; every value of the patterns is a ranked tensor.
static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// How an element of an activation of shape `shape` reads a parameter [S1].
static AffineMap getParameterMap(Value parameter, ArrayRef<int64_t> shape) {
  MLIRContext *context = parameter.getContext();
  SmallVector<AffineExpr> results;
  for (auto [dim, size, full] :
       llvm::enumerate(typeOf(parameter).getShape(), shape)) {
    AffineExpr index = getAffineDimExpr(dim, context);
    if (size == full)
      results.push_back(index);
    else if (size == 1)
      results.push_back(getAffineConstantExpr(0, context));
    else
      results.push_back(index.floorDiv(full / size));
  }
  return AffineMap::get(shape.size(), 0, results, context);
}

namespace {
/// Inputs of a `linalg.generic` over an activation, or over a parameter.
class Elementwise {
public:
  Elementwise(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape)
      : builder(builder), loc(loc), shape(shape) {}

  /// Adds an input and returns its number. Parameters are read as [S1] says.
  unsigned add(Value input) {
    return add(input, getParameterMap(input, shape));
  }
  unsigned add(Value input, AffineMap map) {
    inputs.push_back(input);
    maps.push_back(map);
    return inputs.size() - 1;
  }

  using Body =
      llvm::function_ref<SmallVector<Value>(ScalarBuilder &, ArrayRef<Value>)>;

  /// The results for the element types given.
  SmallVector<Value> build(ArrayRef<Type> elements, Body body) {
    SmallVector<Value> outs;
    SmallVector<Type> types;
    for (Type element : elements) {
      outs.push_back(tensor::EmptyOp::create(builder, loc, shape, element));
      types.push_back(outs.back().getType());
      maps.push_back(builder.getMultiDimIdentityMap(shape.size()));
    }
    SmallVector<utils::IteratorType> iterators(shape.size(),
                                               utils::IteratorType::parallel);
    auto op = linalg::GenericOp::create(
        builder, loc, types, inputs, outs, maps, iterators,
        [&](OpBuilder &nested, Location nestedLoc, ValueRange arguments) {
          ScalarBuilder scalars(nested, nestedLoc);
          SmallVector<Value> values(arguments.take_front(inputs.size()));
          SmallVector<Value> results = body(scalars, values);
          linalg::YieldOp::create(nested, nestedLoc, results);
        });
    return SmallVector<Value>(op.getResults());
  }

private:
  OpBuilder &builder;
  Location loc;
  ArrayRef<int64_t> shape;
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
};
} // namespace

/// `1 / width` for each width, or 0 where the cells have none.
static Value invertWidths(OpBuilder &builder, Location loc, Value widths) {
  RankedTensorType type = typeOf(widths);
  Elementwise generic(builder, loc, type.getShape());
  generic.add(widths);
  auto body = [](ScalarBuilder &b, ArrayRef<Value> in) {
    return SmallVector<Value>{formulas::invertWidth(b, in[0])};
  };
  return generic.build(type.getElementType(), body).front();
}

/// The random number of the element at hand of an activation of shape `shape`,
/// in a body; null for rounding to nearest [S4].
static Value getRandomNumber(ScalarBuilder &b, ArrayRef<int64_t> shape,
                             RoundingAttr rounding, Type type) {
  if (rounding.getMode() == RoundingMode::Nearest)
    return {};
  Type word = b.b.getI32Type();
  Value position;
  uint32_t stride = 1;
  for (int64_t dim = static_cast<int64_t>(shape.size()) - 1; dim >= 0; --dim) {
    Value index = linalg::IndexOp::create(b.b, dim);
    // Modulo 2^32, as the clause says.
    Value offset = arith::IndexCastUIOp::create(b.b, word, index);
    offset = b.elementwise("multiply", {offset, b.splatLike(offset, stride)});
    position = position ? b.elementwise("add", {position, offset}) : offset;
    stride *= static_cast<uint32_t>(shape[dim]);
  }
  if (!position)
    position = arith::ConstantOp::create(b.b, b.b.getI32IntegerAttr(0));
  return formulas::randomNumber(b, position, rounding.getSeed(), type);
}

//===----------------------------------------------------------------------===//
// Grids
//===----------------------------------------------------------------------===//

/// The greatest, or the least, of `map(x)` for the elements of each block of
/// `input`, with the shape and the element type of a parameter [S2].
static Value
reduceBlocks(OpBuilder &builder, Location loc, Value input,
             RankedTensorType result, StringRef combiner, double init,
             llvm::function_ref<Value(ScalarBuilder &, Value)> map) {
  ArrayRef<int64_t> shape = typeOf(input).getShape();
  // A dimension that is shared in part is two: the block, and within it.
  SmallVector<AffineExpr> from, to;
  SmallVector<utils::IteratorType> iterators;
  SmallVector<int64_t> expanded;
  SmallVector<ReassociationIndices> groups;
  auto addLoop = [&](int64_t size, utils::IteratorType type) {
    from.push_back(builder.getAffineDimExpr(iterators.size()));
    iterators.push_back(type);
    groups.back().push_back(expanded.size());
    expanded.push_back(size);
    return from.back();
  };
  for (auto [size, full] : llvm::zip_equal(result.getShape(), shape)) {
    groups.emplace_back();
    if (size == full) {
      to.push_back(addLoop(full, utils::IteratorType::parallel));
    } else if (size == 1) {
      addLoop(full, utils::IteratorType::reduction);
      to.push_back(builder.getAffineConstantExpr(0));
    } else {
      to.push_back(addLoop(size, utils::IteratorType::parallel));
      addLoop(full / size, utils::IteratorType::reduction);
    }
  }
  if (expanded.size() != shape.size())
    input = tensor::ExpandShapeOp::create(
        builder, loc, typeOf(input).clone(expanded), input, groups);
  auto getMap = [&](ArrayRef<AffineExpr> results) {
    return AffineMap::get(iterators.size(), 0, results, builder.getContext());
  };
  Value empty = tensor::EmptyOp::create(builder, loc, result.getShape(),
                                        result.getElementType());
  Value initial = arith::ConstantOp::create(
      builder, loc, builder.getFloatAttr(result.getElementType(), init));
  Value filled = linalg::FillOp::create(builder, loc, initial, empty).result();
  return linalg::GenericOp::create(
             builder, loc, TypeRange(result), input, filled,
             {getMap(from), getMap(to)}, iterators,
             [&](OpBuilder &nested, Location nestedLoc, ValueRange arguments) {
               ScalarBuilder b(nested, nestedLoc);
               Value x = b.convert(arguments[0], result.getElementType());
               Value combined =
                   b.elementwise(combiner, {arguments[1], map(b, x)});
               linalg::YieldOp::create(nested, nestedLoc, combined);
             })
      .getResult(0);
}

namespace {
/// [S2]
struct GridLowering : OpConversionPattern<GridOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(GridOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    RankedTensorType type = op.getLo().getType();
    Type p = type.getElementType();
    double cells = formulas::getLastCell(op.getBits()) + 1.0;
    RangeRule rule = op.getRange().getRule();
    Elementwise generic(rewriter, loc, type.getShape());
    auto replace = [&](llvm::function_ref<std::pair<Value, Value>(
                           ScalarBuilder &, ArrayRef<Value>)>
                           formula) {
      auto body = [&](ScalarBuilder &b, ArrayRef<Value> in) {
        auto [lo, step] = formula(b, in);
        return SmallVector<Value>{lo, step};
      };
      rewriter.replaceOp(op, generic.build({p, p}, body));
      return success();
    };

    if (rule == RangeRule::Normalised) {
      if (op.getMean())
        generic.add(adaptor.getMean());
      if (op.getRstd())
        generic.add(adaptor.getRstd());
      double sigma = op.getRange().getSigma().convertToDouble();
      return replace([&](ScalarBuilder &b, ArrayRef<Value> in) {
        Value zero = arith::ConstantOp::create(b.b, b.b.getFloatAttr(p, 0.0));
        return formulas::normalisedGrid(b, zero, op.getMean() ? in[0] : Value(),
                                        op.getRstd() ? in.back() : Value(),
                                        sigma, cells);
      });
    }

    if (op.getInput().getType().getNumElements() == 0)
      return replace([&](ScalarBuilder &b, ArrayRef<Value>) {
        Value zero = arith::ConstantOp::create(b.b, b.b.getFloatAttr(p, 0.0));
        return std::pair(zero, zero);
      });

    constexpr double infinity = std::numeric_limits<double>::infinity();
    auto reduce = [&](StringRef combiner, double init, bool ofMagnitudes) {
      return reduceBlocks(rewriter, loc, adaptor.getInput(), type, combiner,
                          init, [&](ScalarBuilder &b, Value x) {
                            return ofMagnitudes ? b.elementwise("abs", {x}) : x;
                          });
    };
    if (rule == RangeRule::MinMax) {
      generic.add(reduce("minimum", infinity, false));
      generic.add(reduce("maximum", -infinity, false));
      return replace([&](ScalarBuilder &b, ArrayRef<Value> in) {
        return formulas::minMaxGrid(b, in[0], in[1], cells);
      });
    }
    generic.add(reduce("maximum", 0.0, true));
    return replace([&](ScalarBuilder &b, ArrayRef<Value> in) {
      return formulas::absMaxGrid(b, in[0], cells);
    });
  }
};

/// [S3]
struct SplitGridLowering : OpConversionPattern<SplitGridOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(SplitGridOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = op.getLo().getType();
    Type p = type.getElementType();
    Type split = op.getSplit().getType().getElementType();
    Elementwise generic(rewriter, op.getLoc(), type.getShape());
    for (Value operand : adaptor.getOperands())
      generic.add(operand);
    auto body = [&](ScalarBuilder &b, ArrayRef<Value> in) {
      formulas::SplitGrid grid = formulas::splitGrid(
          b, in[0], in[1], in[2], in[3], op.getRatio().convertToDouble(),
          formulas::getLastCell(op.getBits()), split);
      return SmallVector<Value>{grid.edge, grid.below, grid.above, grid.split};
    };
    rewriter.replaceOp(op, generic.build({p, p, p, split}, body));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

/// [S4]
struct QuantizeLowering : OpConversionPattern<QuantizeOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(QuantizeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ArrayRef<int64_t> shape = op.getInput().getType().getShape();
    Type p = op.getLo().getType().getElementType();
    Type code = op.getCodes().getType().getElementType();
    Value inverse = invertWidths(rewriter, op.getLoc(), adaptor.getStep());
    Elementwise generic(rewriter, op.getLoc(), shape);
    for (Value input : {adaptor.getInput(), adaptor.getLo(), inverse})
      generic.add(input);
    auto body = [&](ScalarBuilder &b, ArrayRef<Value> in) {
      double last = formulas::getLastCell(code.getIntOrFloatBitWidth());
      Value cell =
          formulas::quantize(b, b.convert(in[0], p), in[1], in[2], last,
                             getRandomNumber(b, shape, op.getRounding(), p));
      return SmallVector<Value>{b.convert(cell, code)};
    };
    rewriter.replaceOp(op, generic.build(code, body));
    return success();
  }
};

/// [S6]
struct DequantizeLowering : OpConversionPattern<DequantizeOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(DequantizeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType output = op.getOutput().getType();
    Elementwise generic(rewriter, op.getLoc(), output.getShape());
    for (Value input : adaptor.getOperands())
      generic.add(input);
    auto body = [&](ScalarBuilder &b, ArrayRef<Value> in) {
      Value restored = formulas::dequantize(
          b, in[0], formulas::firstCentre(b, in[1], in[2]), in[2],
          op.getCodes().getType().getElementTypeBitWidth());
      return SmallVector<Value>{b.convert(restored, output.getElementType())};
    };
    rewriter.replaceOp(op, generic.build(output.getElementType(), body));
    return success();
  }
};

/// [S5], with what it decides by side decided by the mask, so that it is known
/// from parameters.
struct QuantizeSplitLowering : OpConversionPattern<QuantizeSplitOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(QuantizeSplitOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    ArrayRef<int64_t> shape = op.getInput().getType().getShape();
    Type p = op.getEdge().getType().getElementType();
    Type code = op.getCodes().getType().getElementType();
    int64_t bits = code.getIntOrFloatBitWidth();
    Value below = invertWidths(rewriter, op.getLoc(), adaptor.getBelow());
    Value above = invertWidths(rewriter, op.getLoc(), adaptor.getAbove());
    Elementwise generic(rewriter, op.getLoc(), shape);
    for (Value input : {adaptor.getInput(), adaptor.getMask(),
                        adaptor.getEdge(), below, above, adaptor.getSplit()})
      generic.add(input);
    auto body = [&](ScalarBuilder &b, ArrayRef<Value> in) {
      formulas::SideRule rule(b, in[5], bits);
      double last = formulas::getLastCell(bits);
      // What an element reads where the mask is true, and where it is false,
      // follows from parameters. The distance is positive with the sign of the
      // inverse, and the number of a cell is counted down from the edge by the
      // complement.
      Value inverseBelow = b.elementwise("negate", in[3]);
      Value cells = b.convert(rule.cellsBelow, p);
      Value lastBelow =
          b.elementwise("subtract", {cells, b.splatLike(cells, 1)});
      Value lastAbove =
          b.elementwise("subtract", {b.splatLike(cells, last), cells});
      Value ones = b.splatLike(rule.cellsBelow, -1);
      Value none = b.splatLike(rule.cellsBelow, 0);
      Value flipIfTrue = b.select(rule.isBelow, ones, none);
      auto choose = [&](Value below, Value above) {
        Value ifTrue = b.select(rule.isBelow, below, above);
        Value ifFalse = b.select(rule.isBelow, above, below);
        return b.select(in[1], ifTrue, ifFalse);
      };

      Value distance = b.elementwise("subtract", {b.convert(in[0], p), in[2]});
      Value position =
          b.elementwise("multiply", {distance, choose(inverseBelow, in[4])});
      position = formulas::roundPosition(
          b, position, last, getRandomNumber(b, shape, op.getRounding(), p));
      position =
          formulas::clampFromZero(b, position, choose(lastBelow, lastAbove));
      // In integers: a target may not contract what leads to a code.
      Value cell = b.convert(position, b.b.getI32Type());
      Value flip = b.select(in[1], none, ones);
      flip = b.elementwise("xor", {flip, flipIfTrue});
      Value counted = b.elementwise("xor", {cell, flip});
      Value chosen = b.elementwise("add", {rule.cellsBelow, counted});
      return SmallVector<Value>{b.truncate(chosen, code)};
    };
    rewriter.replaceOp(op, generic.build(code, body));
    return success();
  }
};

/// [S6]
struct DequantizeSplitLowering : OpConversionPattern<DequantizeSplitOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(DequantizeSplitOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType output = op.getOutput().getType();
    Type p = op.getEdge().getType().getElementType();
    int64_t bits = op.getCodes().getType().getElementTypeBitWidth();
    Elementwise generic(rewriter, op.getLoc(), output.getShape());
    for (Value input : adaptor.getOperands())
      generic.add(input);
    auto body = [&](ScalarBuilder &b, ArrayRef<Value> in) {
      formulas::SideRule rule(b, in[4], bits);
      Value toCentre =
          formulas::firstFromEdge(b, b.convert(rule.cellsBelow, p));
      Value restored =
          formulas::dequantizeSplit(b, in[0], in[1], in[2], in[3], toCentre);
      return SmallVector<Value>{b.convert(restored, output.getElementType())};
    };
    rewriter.replaceOp(op, generic.build(output.getElementType(), body));
    return success();
  }
};

/// [S5]
struct SideLowering : OpConversionPattern<SideOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(SideOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = op.getCodes().getType();
    Elementwise generic(rewriter, op.getLoc(), type.getShape());
    for (Value input : adaptor.getOperands())
      generic.add(input);
    auto body = [&](ScalarBuilder &b, ArrayRef<Value> in) {
      formulas::SideRule rule(b, in[1], type.getElementTypeBitWidth());
      Value code = b.convert(in[0], b.b.getI32Type());
      Value isUpper = b.compare("GE", code, rule.cellsBelow);
      return SmallVector<Value>{b.elementwise("xor", {isUpper, rule.isBelow})};
    };
    rewriter.replaceOp(op, generic.build(rewriter.getI1Type(), body));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

/// [S7]
struct PackLowering : OpConversionPattern<PackOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(PackOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    RankedTensorType type = op.getCodes().getType();
    int64_t bits = type.getElementTypeBitWidth(), dim = op.getDim();
    if (bits == kWordBits) {
      rewriter.replaceOp(op, adaptor.getCodes());
      return success();
    }

    if (type.getNumElements() == 0) {
      rewriter.replaceOpWithNewOp<tensor::EmptyOp>(op, op.getWords().getType(),
                                                   ValueRange());
      return success();
    }

    // Codes past the end are zero.
    int64_t numParts = kWordBits / bits;
    ArrayRef<int64_t> shape = op.getWords().getType().getShape();
    Value codes = adaptor.getCodes();
    if (int64_t missing = numParts * shape[dim] - type.getDimSize(dim)) {
      SmallVector<OpFoldResult> zeros(type.getRank(), rewriter.getIndexAttr(0));
      SmallVector<OpFoldResult> high(zeros);
      high[dim] = rewriter.getIndexAttr(missing);
      SmallVector<int64_t> padded(type.getShape());
      padded[dim] += missing;
      Value zero = arith::ConstantOp::create(
          rewriter, loc, rewriter.getZeroAttr(type.getElementType()));
      codes = tensor::PadOp::create(rewriter, loc, type.clone(padded), codes,
                                    zeros, high, zero);
    }
    Elementwise generic(rewriter, loc, shape);
    SmallVector<OpFoldResult> sizes =
        getAsIndexOpFoldResult(rewriter.getContext(), shape);
    SmallVector<OpFoldResult> strides(type.getRank(), rewriter.getIndexAttr(1));
    for (int64_t part = 0; part < numParts; ++part) {
      SmallVector<OpFoldResult> offsets(type.getRank(),
                                        rewriter.getIndexAttr(0));
      offsets[dim] = rewriter.getIndexAttr(part * shape[dim]);
      generic.add(tensor::ExtractSliceOp::create(
          rewriter, loc, type.clone(shape), codes, offsets, sizes, strides));
    }
    auto body = [&](ScalarBuilder &b, ArrayRef<Value> in) {
      Value word;
      for (auto [part, code] : llvm::enumerate(in)) {
        Value wide = arith::ExtUIOp::create(b.b, b.b.getI8Type(), code);
        Value amount = b.splatLike(wide, static_cast<double>(bits * part));
        Value shifted =
            part ? arith::ShLIOp::create(b.b, wide, amount).getResult() : wide;
        word = word ? arith::OrIOp::create(b.b, word, shifted).getResult()
                    : shifted;
      }
      return SmallVector<Value>{word};
    };
    Value words = generic.build(rewriter.getI8Type(), body).front();
    words.getDefiningOp()->setAttr(kStoresAttr, rewriter.getUnitAttr());
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
    RankedTensorType type = op.getCodes().getType();
    int64_t bits = type.getElementTypeBitWidth(), dim = op.getDim();
    if (bits == kWordBits) {
      rewriter.replaceOp(op, adaptor.getWords());
      return success();
    }

    if (type.getNumElements() == 0) {
      rewriter.replaceOpWithNewOp<tensor::EmptyOp>(op, type, ValueRange());
      return success();
    }

    int64_t numWords = op.getWords().getType().getDimSize(dim);
    SmallVector<AffineExpr> results;
    for (int64_t other = 0, rank = type.getRank(); other < rank; ++other)
      results.push_back(rewriter.getAffineDimExpr(other));
    AffineExpr index = rewriter.getAffineDimExpr(0);
    results[dim] = results[dim] % numWords;
    Elementwise generic(rewriter, op.getLoc(), type.getShape());
    generic.add(adaptor.getWords(), AffineMap::get(type.getRank(), 0, results,
                                                   rewriter.getContext()));
    auto body = [&](ScalarBuilder &b, ArrayRef<Value> in) {
      // Which code of its word: the same for neighbours, but at `numWords`.
      AffineMap part = AffineMap::get(1, 0, index.floorDiv(numWords) * bits);
      Value position = linalg::IndexOp::create(b.b, dim);
      Value amount = affine::AffineApplyOp::create(b.b, part, position);
      amount = arith::IndexCastUIOp::create(b.b, b.b.getI8Type(), amount);
      Value code = arith::ShRUIOp::create(b.b, in[0], amount);
      return SmallVector<Value>{
          arith::TruncIOp::create(b.b, type.getElementType(), code)};
    };
    Value codes = generic.build(type.getElementType(), body).front();
    codes.getDefiningOp()->setAttr(kRestoresAttr, rewriter.getUnitAttr());
    rewriter.replaceOp(op, codes);
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct ConvertApproxActToLinalg
    : approx_act::impl::ConvertApproxActToLinalgPassBase<
          ConvertApproxActToLinalg> {
  void runOnOperation() override {
    MLIRContext &context = getContext();
    RewritePatternSet patterns(&context);
    patterns
        .add<GridLowering, SplitGridLowering, QuantizeLowering,
             DequantizeLowering, QuantizeSplitLowering, DequantizeSplitLowering,
             SideLowering, PackLowering, UnpackLowering>(&context);

    ConversionTarget target(context);
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    target.addIllegalOp<GridOp, SplitGridOp, QuantizeOp, DequantizeOp,
                        QuantizeSplitOp, DequantizeSplitOp, SideOp, PackOp,
                        UnpackOp>();

    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
