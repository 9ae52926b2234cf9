//===- OperandView.h - Tensors as elements of memory ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What transposes, reversals, reshapes, padding and dilation with zeros, and
/// cropping do to a tensor, as strides and offsets, so that who can take these
/// need not have them done.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_GPU_OPERANDVIEW_H
#define APPROX_ACT_LIB_GPU_OPERANDVIEW_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"

namespace mlir::approx_act {

/// One dimension of a tensor whose elements are in memory. Those of index
/// `low + step * i`, for `i` from 0 to `count - 1`, are; others are zero.
struct ViewDim {
  /// A dimension of the memory, or several that are one dimension of the
  /// tensor, outermost first. The stride, in elements, is negative where the
  /// order is reversed.
  struct Factor {
    int64_t size, stride;
  };
  SmallVector<Factor, 1> factors;
  int64_t size = 1, low = 0, step = 1;

  static ViewDim getWhole(int64_t size, int64_t stride);

  int64_t getCount() const;
  /// Whether every element is in memory.
  bool isWhole() const { return low == 0 && step == 1 && getCount() == size; }
  /// The stride, where factors are as one.
  std::optional<int64_t> getStride() const;
};

/// A tensor as elements of the row-major memory of `base`.
struct OperandView {
  Value base;
  SmallVector<ViewDim> dims;
};

/// A tensor as its own memory.
OperandView getOwnView(Value value);

/// All the ways to see `value`, a tensor of static shape: first as elements of
/// what it is made of by as many ops as possible, last as itself.
SmallVector<OperandView> getViews(Value value);

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_GPU_OPERANDVIEW_H
