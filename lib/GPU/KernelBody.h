//===- KernelBody.h - What may stand in a kernel ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The ops of which the body of an `approx_act.kernel` consists, shared by
/// those who make bodies and those who read them.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_GPU_KERNELBODY_H
#define APPROX_ACT_LIB_GPU_KERNELBODY_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <optional>

namespace mlir::approx_act {

/// Bytes that every pointer of a kernel is a multiple of.
inline constexpr int64_t kPointerAlignment = 16;

/// The blocks of the host program: those of its loops and branches, each after
/// what is in it, and `block` at the end.
SmallVector<Block *> getHostBlocks(Block &block);

/// Whether each element of the op's tensors is computed from few elements of
/// its operands, so that it can be computed where it is read: elementwise
/// arithmetic, constants, and changes of shape.
bool isLightOp(Operation *op);

/// Whether the op computes a scalar, perhaps from elements of tensors.
bool isScalarOp(Operation *op);

/// A linalg op on tensors of static shape with at least one reduction loop, the
/// others of which are the dimensions of its results.
bool isReductionOp(Operation *op);

/// A value that a barrier hands on is the barrier's operand.
Value lookThroughBarriers(Value value);

/// Whether the op gives a tensor another shape, and no element another place.
bool isReshape(Operation *op);

/// The tensor that `value` is, or is a view of: they are one in memory.
Value lookThroughViews(Value value);

/// Whether `value` is a float that is zero, or a tensor of such.
bool isZero(Value value);

/// The product of sizes, or the greatest number, if that is less.
int64_t getProduct(ArrayRef<int64_t> sizes);

/// How many elements a reduction combines to one.
int64_t getNumCombined(linalg::LinalgOp op);

/// A reduction as `combine(accumulator, element)`, per result.
struct Combiner {
  Operation *op;
  TypedAttr neutral;
};

/// The combiners of all results of `op`, if all are known to be associative.
std::optional<SmallVector<Combiner>> getCombiners(linalg::LinalgOp op);

/// The number of elements of a tensor; of a scalar, 1.
int64_t getNumElements(Value value);

/// How many elements a value of a block may have, up to `most`, that may live
/// longer than barriers allow: what they are there for has many times as many.
int64_t getFewElements(Block &block, int64_t most);

/// Whether there is a loop in `op`: one of those that elements are looked for
/// with, as a sort does.
bool hasLoop(Operation *op);

/// Whether elements of `operand` are extracted by a linalg op with a loop in
/// it, which reads many of them for each of its own.
bool isSearched(Operation *op, Value operand);

/// Whether `op` reads elements of `operand` more than once, so that they would
/// be computed over and over if they were computed where they are read.
bool isReadRepeatedly(Operation *op, Value operand);

/// Whether the op is a reduction that reads two operands repeatedly: a matrix
/// product, a convolution.
bool isContractionLike(Operation *op);

/// Whether the op is a reduction that the threads of a block do together, if
/// all of their kernel has its shape. Combining what they have come to takes as
/// long as a thread takes for a few elements.
bool isWorthSharing(Operation *op);

/// The dimension in which `shape` is a multiple of `words` by 2, 4 or 8, if it
/// is the same in all others.
std::optional<unsigned> getPackedDim(ArrayRef<int64_t> words,
                                     ArrayRef<int64_t> shape);

/// A shape without its dimensions of size 1.
SmallVector<int64_t> squeeze(ArrayRef<int64_t> shape);

/// The greatest divisor of `size` up to `limit`; at least 1.
int64_t getDivisor(int64_t size, int64_t limit);

/// A name for a kernel with such a body, as far as locations say: whether it
/// restores or saves codes, the layer and what its results are in the user's
/// program, and whether that is a gradient, as in
/// `save_exact_layer_max` and `restore_centred_batch_norm_reduce_sum_gradient`.
std::string getKernelLabel(Block &body);

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_GPU_KERNELBODY_H
