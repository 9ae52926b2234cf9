//===- KernelEmitter.h - Elements of tensors, where they are read -*- C++ -*-=//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Computes elements of the tensors in the body of an `approx_act.kernel`, by
/// demand: an element of a result needs elements of its operands, at positions
/// that follow from indexing maps, and so on until memory is read. Positions
/// are affine expressions over the loops of the thread, so that the same
/// element asked for twice is computed once, and what is contiguous is known.
///
/// A position may name a *lane*: then it stands for `lanes` neighbouring
/// elements along the last dimension, and the value is a vector. Where
/// neighbours in one tensor are no neighbours in another, or an op has no form
/// on vectors, elements are computed one by one.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_GPU_KERNELEMITTER_H
#define APPROX_ACT_LIB_GPU_KERNELEMITTER_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

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
  friend class KernelEmitter;
  SmallVector<AffineExpr> dims;
  bool hasDims = false;
  AffineExpr linear;
};

class KernelEmitter {
public:
  /// `memory` has, for each argument of the body, the one-dimensional memref
  /// that holds its elements, or the scalar that it is.
  KernelEmitter(OpBuilder &builder, Location loc, Block &body,
                ValueRange memory, int64_t lanes);

  /// A loop counter of the thread, or another number from 0 to `bound` − 1.
  AffineExpr addIndex(Value value, int64_t bound);

  /// The lane: 0 … lanes − 1. Only one lane may be in a position, added to a
  /// multiple of `lanes`.
  AffineExpr getLane() const;

  /// The elements of `tensor` at `position`: a vector if the position has a
  /// lane, and elements differ by lane.
  Value compute(Value tensor, const Position &position);

  /// Writes elements to a one-dimensional memref, at positions of a tensor of
  /// shape `shape`.
  void store(Value value, Value memref, const Position &position,
             ArrayRef<int64_t> shape);

  /// A position along each dimension of a tensor of shape `shape`.
  SmallVector<AffineExpr> getDims(const Position &position,
                                  ArrayRef<int64_t> shape) const;

  /// The position as a number.
  Value materialise(AffineExpr expr);

  /// Whether some access was one of a vector.
  bool hasVectorAccess() const { return usesVectors; }

private:
  /// Forgets, at the end of a region, what was computed in it.
  class Scope;

  AffineExpr getLinear(const Position &position, ArrayRef<int64_t> shape) const;
  int64_t getUpperBound(AffineExpr expr) const;
  std::pair<AffineExpr, AffineExpr> divide(AffineExpr expr,
                                           int64_t divisor) const;
  AffineExpr substitute(AffineExpr expr, ArrayRef<AffineExpr> dims,
                        ArrayRef<AffineExpr> symbols) const;
  bool hasLane(AffineExpr expr) const;
  AffineExpr withoutLane(AffineExpr expr, int64_t lane = 0) const;
  /// The part before the lane, if the lane is added to a multiple of `lanes`.
  std::optional<AffineExpr> getVectorBase(AffineExpr expr) const;

  Value computeUncached(Value tensor, const Position &position,
                        AffineExpr linear);
  Value computeLanes(Value tensor, AffineExpr linear);
  Value load(Value memref, AffineExpr linear);
  Value computeGeneric(linalg::LinalgOp op, unsigned result,
                       ArrayRef<AffineExpr> dims);
  Value computeReduction(linalg::LinalgOp op, unsigned result,
                         ArrayRef<AffineExpr> dims);
  Value computeInside(Value tensor, ArrayRef<AffineExpr> inside,
                      ArrayRef<int64_t> shape, Type element,
                      llvm::function_ref<Value()> outside);
  SmallVector<Value> emitBody(linalg::LinalgOp op, ArrayRef<AffineExpr> loops,
                              ArrayRef<Value> accumulators);
  LogicalResult emitOps(Block &block, IRMapping &mapping,
                        DenseMap<Value, AffineExpr> &indices);
  Value emitProductSum(Operation &op, IRMapping &mapping,
                       DenseMap<Value, AffineExpr> &positions);
  Value getOperand(Value value, IRMapping &mapping,
                   DenseMap<Value, AffineExpr> &indices);
  Value computeScalar(Value value);
  AffineExpr getIndex(OpFoldResult index, int64_t bound);
  Value splat(Value scalar);

  ImplicitLocOpBuilder b;
  Block &body;
  SmallVector<Value> memory;
  int64_t lanes;
  bool usesVectors = false;

  SmallVector<Value> indices;
  SmallVector<int64_t> bounds;

  DenseMap<std::pair<Value, AffineExpr>, Value> computed;
  DenseMap<AffineExpr, Value> numbers;
  /// What was added to the two, in order.
  SmallVector<std::pair<Value, AffineExpr>> history;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_GPU_KERNELEMITTER_H
