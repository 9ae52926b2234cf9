//===- KernelEmitter.h - Elements of tensors, where they are read -*- C++ -*-=//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Computes elements of the tensors in the body of an `approx_act.kernel`, by
/// demand: an element of a result needs elements of its operands, at positions
/// that follow from indexing maps, and so on until memory is read. The same
/// element asked for twice is computed once.
///
/// A position may name a *lane*: then the value is a vector of neighbouring
/// elements along the last dimension. Where neighbours in one tensor are no
/// neighbours in another, or an op has no form on vectors, elements are
/// computed one by one.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_GPU_KERNELEMITTER_H
#define APPROX_ACT_LIB_GPU_KERNELEMITTER_H

#include "KernelBody.h"
#include "Positions.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::approx_act {

/// The shape of a value that is a tensor.
inline ArrayRef<int64_t> getShape(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getShape();
}

/// Whether the op's body has a form on vectors.
bool isVectorizable(linalg::LinalgOp op);

/// What the loops of an op are where an element of a result is computed; loops
/// that do not follow from it are null.
SmallVector<AffineExpr> getLoops(linalg::LinalgOp op, unsigned result,
                                 ArrayRef<AffineExpr> dims);

/// How the threads of a block share the reductions of an item: each has a part,
/// the number of which, and that of the item in the block, follow from the
/// thread's number.
struct BlockShare {
  gpu::GPUFuncOp func;
  AffineExpr thread, part, item;
  /// Powers of two, whose product is the number of threads.
  int64_t numParts, numItems;
  /// Whether neighbouring threads have neighbouring parts, rather than items.
  /// Then elements that are combined lie next to each other in memory.
  bool arePartsNeighbours;
};

class KernelEmitter {
public:
  /// `memory` has, for each argument of the body, the one-dimensional memref
  /// that holds its elements, or the scalar that it is.
  KernelEmitter(OpBuilder &builder, Location loc, Block &body,
                ValueRange memory, int64_t lanes);

  /// A loop counter of the thread, or another number from 0 to `bound` − 1.
  AffineExpr addIndex(Value value, int64_t bound);

  /// From here on, reductions that every thread of the block comes to are done
  /// by all of them.
  void shareReductions(const BlockShare &with) { share = with; }

  /// The elements of `tensor` at `position`: a vector if the position has a
  /// lane, and elements differ by lane.
  Value compute(Value tensor, const Position &position);

  /// Writes elements to a one-dimensional memref, at positions of a tensor of
  /// shape `shape`.
  void store(Value value, Value memref, const Position &position,
             ArrayRef<int64_t> shape);

  /// Emits what only threads do of which `condition` is true.
  void emitIf(Value condition, llvm::function_ref<void()> emit);

  void emitBarrier() { gpu::BarrierOp::create(b); }

  /// Positions over the indices that have been added.
  const PositionSpace &getSpace() const { return space; }

  /// The position as a number.
  Value materialise(AffineExpr expr);

  /// Whether some access was one of a vector.
  bool hasVectorAccess() const { return usesVectors; }

private:
  /// Forgets, at the end of a region, what was computed in it.
  class Scope;

  Value computeUncached(Value tensor, const Position &position,
                        AffineExpr linear);
  Value computeLanes(Value tensor, AffineExpr linear);
  Value load(Value memref, AffineExpr linear);
  Value computeGeneric(linalg::LinalgOp op, unsigned result,
                       ArrayRef<AffineExpr> dims);
  Value computeReduction(linalg::LinalgOp op, unsigned result,
                         ArrayRef<AffineExpr> dims);
  /// Reductions of this thread alone.
  SmallVector<Value> reduceSerially(ArrayRef<linalg::LinalgOp> ops,
                                    ArrayRef<AffineExpr> dims,
                                    SmallVector<AffineExpr> loops);
  /// Reductions of the block, the result of which every thread has.
  SmallVector<Value> reduceTogether(ArrayRef<linalg::LinalgOp> ops,
                                    ArrayRef<AffineExpr> dims,
                                    SmallVector<AffineExpr> loops);
  SmallVector<Value> emitBodies(ArrayRef<linalg::LinalgOp> ops,
                                ArrayRef<AffineExpr> loops,
                                ArrayRef<Value> accumulators, bool isVector);
  void combineParts(MutableArrayRef<Value> values,
                    ArrayRef<Combiner> combiners);
  void combineWarps(MutableArrayRef<Value> values, ArrayRef<Combiner> combiners,
                    int64_t warpParts);
  Value combine(const Combiner &combiner, Value lhs, Value rhs);
  Value shuffle(Value value, Value offset, gpu::ShuffleMode mode);

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
  Value divideSigned(Value lhs, Value rhs);
  Value splat(Value scalar);

  ImplicitLocOpBuilder b;
  PositionSpace space;
  Block &body;
  SmallVector<Value> memory;
  int64_t lanes;
  bool usesVectors = false;
  std::optional<BlockShare> share;
  /// Regions around the insertion point, each of which only some threads, or
  /// some steps of a loop, come to.
  unsigned depth = 0;

  /// The value of each index of the space.
  SmallVector<Value> indices;

  DenseMap<std::pair<Value, AffineExpr>, Value> computed;
  DenseMap<AffineExpr, Value> numbers;
  /// What was added to the two, in order; a key of `numbers` has no value.
  SmallVector<std::pair<Value, AffineExpr>> history;
};

class KernelEmitter::Scope {
public:
  explicit Scope(KernelEmitter &emitter)
      : emitter(emitter), size(emitter.history.size()), guard(emitter.b) {
    ++emitter.depth;
  }
  ~Scope() {
    --emitter.depth;
    while (emitter.history.size() > size) {
      auto [value, expr] = emitter.history.pop_back_val();
      if (value)
        emitter.computed.erase({value, expr});
      else
        emitter.numbers.erase(expr);
    }
  }
  Scope(const Scope &) = delete;
  Scope &operator=(const Scope &) = delete;

private:
  KernelEmitter &emitter;
  size_t size;
  OpBuilder::InsertionGuard guard;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_GPU_KERNELEMITTER_H
