//===- Positions.h - Where elements are, as affine expressions --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Arithmetic on positions of elements: affine expressions over numbers that
/// are not negative and of which an upper bound is known, such as the number of
/// a thread and the counters of its loops. Parts of a position may be negative,
/// such as what is counted from the end, and the position itself where a choice
/// depends on whether it is; divisions round down. What is divided by sizes and
/// put together again is simplified, so that equal positions are equal
/// expressions, and what is contiguous is known without analysis.
///
/// A position may name the *lane*, the symbol of the space: then it stands for
/// `lanes` neighbouring elements.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_GPU_POSITIONS_H
#define APPROX_ACT_LIB_GPU_POSITIONS_H

#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace mlir::approx_act {

/// The position of an element of a tensor: along each dimension, or in
/// row-major order, whichever is at hand.
class Position {
public:
  static Position fromDims(ArrayRef<AffineExpr> dims) {
    Position position;
    position.dims.assign(dims.begin(), dims.end());
    position.hasDims = true;
    return position;
  }
  static Position fromLinear(AffineExpr linear) {
    Position position;
    position.linear = linear;
    return position;
  }

private:
  friend class PositionSpace;
  SmallVector<AffineExpr> dims;
  bool hasDims = false;
  AffineExpr linear;
};

class PositionSpace {
public:
  PositionSpace(MLIRContext *context, int64_t lanes)
      : context(context), lanes(lanes) {}

  /// A number from 0 to `bound` − 1.
  AffineExpr addIndex(int64_t bound);

  /// The lane: 0 … lanes − 1. Only one may be in a position, added to a
  /// multiple of `lanes`.
  AffineExpr getLane() const;
  bool hasLane(AffineExpr expr) const;
  AffineExpr withoutLane(AffineExpr expr, int64_t lane = 0) const;
  /// The part before the lane, if the lane is added to a multiple of `lanes`.
  std::optional<AffineExpr> getVectorBase(AffineExpr expr) const;

  /// Whether an expression is known to be a number from 0 to `bound` − 1.
  bool isWithin(AffineExpr expr, int64_t bound) const;
  /// Whether an expression is not known to be 0 or more.
  bool mayBeNegative(AffineExpr expr) const;

  /// The quotient, rounded down, and the remainder by a positive number,
  /// simplified by what is known of the terms.
  std::pair<AffineExpr, AffineExpr> divide(AffineExpr expr,
                                           int64_t divisor) const;

  /// An expression of an indexing map, at a place in the loops.
  AffineExpr substitute(AffineExpr expr, ArrayRef<AffineExpr> dims,
                        ArrayRef<AffineExpr> symbols) const;

  /// The place in row-major order in a tensor of shape `shape`.
  AffineExpr getLinear(const Position &position, ArrayRef<int64_t> shape) const;
  /// The place along each dimension of a tensor of shape `shape`.
  SmallVector<AffineExpr> getDims(const Position &position,
                                  ArrayRef<int64_t> shape) const;

private:
  /// The least and the greatest number that an expression can be.
  struct Range {
    int64_t least, greatest;
  };
  /// Nothing where it is not known, as beyond numbers of 64 bits.
  std::optional<Range> getRange(AffineExpr expr) const;

  MLIRContext *context;
  int64_t lanes;
  SmallVector<int64_t> bounds;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_GPU_POSITIONS_H
