//===- Formulas.h - The clauses on numbers, for any target ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The formulas of docs/semantics.md, each written once, over a builder that
/// makes either an op on tensors (StableHLOBuilder) or one on scalars
/// (ScalarBuilder). [S1], [S2], … are the clauses. Operands have been converted
/// to the type `P` of the grid, and parameters are as the element reads them.
///
/// A builder has `elementwise` (by StableHLO's names), `compare`, `select`,
/// `convert` and `splatLike`. Integers of 8 bits and less are unsigned. One
/// whose `kIsForKernels` is true also has what processors do in one
/// instruction.
///
/// Two choices keep the codes equal on every target. A product is never an
/// operand of a sum on the way to a code, because some targets contract the two
/// to one rounding. And no value outside of an integer type's range, and no
/// NaN, is ever converted to that type, because targets differ in the result.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_CONVERSION_FORMULAS_H
#define APPROX_ACT_LIB_CONVERSION_FORMULAS_H

#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "mlir/IR/Value.h"

namespace mlir::approx_act::formulas {

/// The number of the last cell of a grid.
inline double getLastCell(int64_t bits) {
  return static_cast<double>((int64_t{1} << bits) - 1);
}

/// `value · factor`.
template <typename Builder>
Value scale(Builder &b, Value value, double factor) {
  return b.elementwise("multiply", {value, b.splatLike(value, factor)});
}

/// `value > 0`; false for NaN.
template <typename Builder>
Value isPositive(Builder &b, Value value) {
  return b.compare("GT", value, b.splatLike(value, 0.0));
}

/// `value > 0 ? min(value, limit) : 0`; zero for NaN. The limit is a number,
/// and not negative.
template <typename Builder>
Value clampFromZero(Builder &b, Value value, Value limit) {
  if constexpr (Builder::kIsForKernels) {
    // Of NaN and zero, zero is the number.
    Value raised =
        b.elementwise("maximum_number", {value, b.splatLike(value, 0.0)});
    return b.elementwise("minimum_number", {raised, limit});
  }
  Value positive = isPositive(b, value);
  Value limited = b.elementwise("minimum", {value, limit});
  return b.select(positive, limited, b.splatLike(value, 0.0));
}

template <typename Builder>
Value clampFromZero(Builder &b, Value value, double limit) {
  return clampFromZero(b, value, b.splatLike(value, limit));
}

/// `x · y + z`, which may be one rounding.
template <typename Builder>
Value multiplyAdd(Builder &b, Value x, Value y, Value z) {
  if constexpr (Builder::kIsForKernels)
    return b.elementwise("multiply_add", {x, y, z});
  return b.elementwise("add", {z, b.elementwise("multiply", {x, y})});
}

/// `value` within `[least, greatest]`; NaN stays.
template <typename Builder>
Value clamp(Builder &b, Value value, double least, double greatest) {
  Value lower = b.splatLike(value, least);
  Value upper = b.splatLike(value, greatest);
  return b.elementwise("clamp", {lower, value, upper});
}

/// `1 / width`, or 0 where the cells have no width.
template <typename Builder>
Value invertWidth(Builder &b, Value width) {
  Value reciprocal = b.elementwise("divide", {b.splatLike(width, 1.0), width});
  return b.select(isPositive(b, width), reciprocal, b.splatLike(width, 0.0));
}

//===----------------------------------------------------------------------===//
// Grids
//===----------------------------------------------------------------------===//

/// `lo` and `step` of a normalised interval [S2]; `mean` and `rstd` may be
/// null. `like` is any value of the type of the results.
template <typename Builder>
std::pair<Value, Value> normalisedGrid(Builder &b, Value like, Value mean,
                                       Value rstd, double sigma, double cells) {
  auto perDeviation = [&](double constant) {
    Value value = b.splatLike(like, constant);
    return rstd ? b.elementwise("divide", {value, rstd}) : value;
  };
  Value reach = perDeviation(sigma);
  Value lo = mean ? b.elementwise("subtract", {mean, reach})
                  : b.elementwise("negate", reach);
  return {lo, perDeviation(2.0 * sigma / cells)};
}

/// `lo` and `step` of the interval from `least` to `greatest`, both centres of
/// cells, or, where zero lies between, within half a step of such, and zero is
/// one [S2].
template <typename Builder>
std::pair<Value, Value> minMaxGrid(Builder &b, Value least, Value greatest,
                                   double cells) {
  Value zero = b.splatLike(least, 0.0);
  Value half = b.splatLike(least, 0.5);
  Value width = b.elementwise("subtract", {greatest, least});
  // The maximum changes nothing, but stands between the product and sums to
  // come.
  Value scaled = scale(b, width, 1.0 / (cells - 1.0));
  Value step = b.elementwise("maximum", {scaled, zero});

  Value negated = b.elementwise("negate", least);
  Value quotient = b.elementwise("divide", {negated, step});
  Value raised = b.elementwise("add", {quotient, half});
  Value number = b.elementwise("floor", raised);
  Value cellsToZero = b.elementwise("add", {number, half});
  Value distance = b.elementwise("multiply", {cellsToZero, step});
  Value aroundZero = b.elementwise("negate", distance);
  Value fromLeast = b.elementwise("subtract", {least, scale(b, step, 0.5)});

  Value isBelow = b.compare("LT", least, zero);
  Value isBetween = b.elementwise("and", {isBelow, isPositive(b, greatest)});
  Value isAround = b.elementwise("and", {isBetween, isPositive(b, step)});
  return {b.select(isAround, aroundZero, fromLeast), step};
}

/// `lo` and `step` of the interval of magnitudes up to `greatest` [S2].
template <typename Builder>
std::pair<Value, Value> absMaxGrid(Builder &b, Value greatest, double cells) {
  Value lo = b.elementwise("negate", greatest);
  Value width = b.elementwise("add", {greatest, greatest});
  return {lo, scale(b, width, 1.0 / cells)};
}

/// The parts of a split grid [S3].
struct SplitGrid {
  Value edge, below, above, split;
};

template <typename Builder>
SplitGrid splitGrid(Builder &b, Value lo, Value step, Value slope, Value offset,
                    double ratio, double last, Type splitType) {
  auto subtract = [&](Value lhs, Value rhs) {
    return b.elementwise("subtract", {lhs, rhs});
  };
  auto divide = [&](Value lhs, Value rhs) {
    return b.elementwise("divide", {lhs, rhs});
  };
  Value hi = b.elementwise("add", {lo, scale(b, step, last + 1)});

  // A slope of -0 counts as 0, so that the sign of the offset alone says to
  // which infinity the change of the mask goes.
  Value falls = b.compare("LT", slope, b.splatLike(slope, 0.0));
  Value divisor = b.select(falls, slope, b.elementwise("abs", slope));
  Value negated = b.elementwise("negate", offset);
  Value change = divide(negated, divisor);
  Value isKnown = b.compare("EQ", change, change);
  change = b.select(isKnown, change, hi);
  Value raised = b.elementwise("maximum", {change, lo});
  Value edge = b.elementwise("minimum", {raised, hi});

  Value below = subtract(edge, lo);
  Value above = subtract(hi, edge);
  Value active = b.select(falls, below, above);
  Value inactive = b.select(falls, above, below);
  Value weight = b.elementwise("add", {scale(b, active, ratio), inactive});
  Value share = divide(scale(b, inactive, last + 1), weight);
  Value raisedShare = b.elementwise("add", {share, b.splatLike(share, 0.5)});
  Value rounded = b.elementwise("floor", raisedShare);
  // At least one cell on each side; an empty interval has no share.
  Value hasShare = b.compare("EQ", rounded, rounded);
  Value counted = b.select(hasShare, rounded, b.splatLike(rounded, 1.0));
  Value inactiveCells = clamp(b, counted, 1.0, last);
  Value activeCells = subtract(b.splatLike(rounded, last + 1), inactiveCells);
  Value cellsBelow = b.select(falls, activeCells, inactiveCells);
  Value cellsAbove = b.select(falls, inactiveCells, activeCells);

  Value split = b.convert(cellsBelow, splitType);
  split = b.select(falls, b.elementwise("negate", split), split);
  Value widthBelow = divide(below, cellsBelow);
  Value widthAbove = divide(above, cellsAbove);
  return {edge, widthBelow, widthAbove, split};
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

/// The hash `lowbias32` of C. Wellons [S4].
inline uint32_t hash(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7FEB352DU;
  x = (x ^ (x >> 15)) * 0x846CA68BU;
  return x ^ (x >> 16);
}

/// The same, of a 32-bit word of the program.
template <typename Builder>
Value hash(Builder &b, Value x) {
  auto shiftAndXor = [&](Value value, double amount) {
    Value shifted = b.elementwise("shift_right_logical",
                                  {value, b.splatLike(value, amount)});
    return b.elementwise("xor", {value, shifted});
  };
  x = scale(b, shiftAndXor(x, 16), 0x7FEB352DU);
  x = scale(b, shiftAndXor(x, 15), 0x846CA68BU);
  return shiftAndXor(x, 16);
}

/// The random number in [0, 1) of the element at `index`, a 32-bit word, in
/// the float type `type` [S4].
template <typename Builder>
Value randomNumber(Builder &b, Value index, uint32_t seed, Type type) {
  constexpr uint32_t golden = 0x9E3779B9U;
  Value key = b.splatLike(index, hash(seed + golden));
  Value hashed = hash(b, b.elementwise("xor", {index, key}));
  Value top =
      b.elementwise("shift_right_logical", {hashed, b.splatLike(hashed, 8)});
  Value number = b.convert(top, type);
  return scale(b, number, 0x1p-24);
}

/// Rounds a position, in cells from where a grid begins, to a number from which
/// the conversion to an integer makes the number of the cell: it drops the
/// fraction, which is the floor of what is not negative [S4]. `random` is null
/// for rounding to nearest.
template <typename Builder>
Value roundPosition(Builder &b, Value position, double last, Value random) {
  if (!random)
    return position;
  // The clamp changes no code; it stands between the product and the sum.
  Value clamped = clampFromZero(b, position, last + 1.0);
  Value half = b.splatLike(clamped, 0.5);
  Value centred = b.elementwise("subtract", {clamped, half});
  return b.elementwise("add", {centred, random});
}

/// The cell of `input`, as a number in `P` below 2^bits [S4]. `inverse` is that
/// of the step.
template <typename Builder>
Value quantize(Builder &b, Value input, Value lo, Value inverse, double last,
               Value random) {
  Value distance = b.elementwise("subtract", {input, lo});
  Value position = b.elementwise("multiply", {distance, inverse});
  return clampFromZero(b, roundPosition(b, position, last, random), last);
}

/// The centre of the first cell, for an element of the parameters [S6].
template <typename Builder>
Value firstCentre(Builder &b, Value lo, Value step) {
  return b.elementwise("add", {lo, scale(b, step, 0.5)});
}

/// The centre of a cell, of codes of `bits` bits [S6].
template <typename Builder>
Value dequantize(Builder &b, Value codes, Value first, Value step,
                 int64_t bits) {
  Value cell = b.convert(codes, b.getElementType(first));
  // Of one bit, some targets would make a selection of the product.
  if (bits == 1) {
    Value distance =
        b.select(isPositive(b, cell), step, b.splatLike(step, 0.0));
    return b.elementwise("add", {first, distance});
  }
  return multiplyAdd(b, cell, step, first);
}

/// What a `split` for codes of `bits` bits says [S5].
struct SideRule {
  template <typename Builder>
  SideRule(Builder &b, Value split, int64_t bits)
      : isBelow(b.compare("LT", split, b.splatLike(split, 0))),
        cellsBelow(
            clamp(b, b.elementwise("abs", split), 1.0, getLastCell(bits))) {}

  /// Whether the mask is true below the edge.
  Value isBelow;
  /// The number of cells below the edge, which is the first one above it.
  Value cellsBelow;
};

/// What an element needs of the parameters of a split grid to be quantized,
/// `P` unless said otherwise [S5].
struct SplitParameters {
  Value edge;
  /// Cells per unit below and above the edge.
  Value inverseBelow, inverseAbove;
  /// Boolean.
  Value isBelow;
  Value cellsBelow;
};

/// The cell of `input`, counted from the edge, and whether it is above [S5].
struct SplitCell {
  Value isUpper;
  /// `k`, in `P`.
  Value cell;
  /// `s − 1`, in `P`.
  Value lastBelow;
};

template <typename Builder>
SplitCell quantizeSplit(Builder &b, Value input, Value mask,
                        const SplitParameters &p, double last, Value random) {
  Value isUpper = b.elementwise("xor", {mask, p.isBelow});
  Value upwards = b.elementwise("subtract", {input, p.edge});
  Value downwards = b.elementwise("negate", upwards);
  Value distance = b.select(isUpper, upwards, downwards);
  Value inverse = b.select(isUpper, p.inverseAbove, p.inverseBelow);
  Value position = b.elementwise("multiply", {distance, inverse});
  position = roundPosition(b, position, last, random);
  Value lastBelow =
      b.elementwise("subtract", {p.cellsBelow, b.splatLike(p.cellsBelow, 1.0)});
  Value lastAbove = b.elementwise(
      "subtract", {b.splatLike(p.cellsBelow, last), p.cellsBelow});
  Value limit = b.select(isUpper, lastAbove, lastBelow);
  return {isUpper, clampFromZero(b, position, limit), lastBelow};
}

/// From the edge to the centre of the first cell, in cells, for an element of
/// the parameters [S6]. `cellsBelow` is in `P`.
template <typename Builder>
Value firstFromEdge(Builder &b, Value cellsBelow) {
  Value half = b.splatLike(cellsBelow, 0.5);
  return b.elementwise("subtract", {half, cellsBelow});
}

/// The centre of a cell of a split grid [S6].
template <typename Builder>
Value dequantizeSplit(Builder &b, Value codes, Value edge, Value below,
                      Value above, Value toCentre) {
  // From the edge to the centre of the cell, in cells: never zero, and
  // negative below.
  Value cells;
  if constexpr (Builder::kIsForKernels)
    cells = b.addCode(codes, toCentre);
  else
    cells = b.elementwise("add",
                          {b.convert(codes, b.getElementType(edge)), toCentre});
  Value width = b.select(isPositive(b, cells), above, below);
  return multiplyAdd(b, cells, width, edge);
}

} // namespace mlir::approx_act::formulas

#endif // APPROX_ACT_LIB_CONVERSION_FORMULAS_H
