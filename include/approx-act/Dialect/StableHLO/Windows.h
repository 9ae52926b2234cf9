//===- Windows.h - StableHLO's windows as the passes see them ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Reads the gradient that a frontend writes for a max-pooling: a
/// `stablehlo.select_and_scatter`.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_DIALECT_STABLEHLO_WINDOWS_H
#define APPROX_ACT_DIALECT_STABLEHLO_WINDOWS_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include <optional>

namespace mlir::approx_act {

/// The attribute `name` of `op`, a list with an entry per dimension of `rank`;
/// `value` for each where it is absent.
SmallVector<int64_t> getPerDimension(Operation *op, StringRef name,
                                     int64_t rank, int64_t value);

/// Whether `op` adds up, for each element of a tensor, all elements up to it
/// along one dimension, or all from it on.
bool isPrefixSum(Operation *op);

/// Adds each element of `source` to the element of a tensor of zeros, of the
/// shape of `operand`, that is the greatest of its window of `operand`: the
/// first of equal ones in row-major order, and what follows a NaN.
struct MaxScatter {
  Value operand;
  Value source;
  /// Per dimension of `operand`: the size of a window, and the distance between
  /// the starts of two. Windows lie inside of the operand.
  SmallVector<int64_t> window;
  SmallVector<int64_t> strides;

  /// `std::nullopt` when `op` is something else, or has padding or a dynamic
  /// shape, or compares in the total order, where -0 is less than 0 and a NaN
  /// has a place.
  static std::optional<MaxScatter> match(Operation *op);

  RankedTensorType getType() const {
    return cast<RankedTensorType>(operand.getType());
  }
  RankedTensorType getSourceType() const {
    return cast<RankedTensorType>(source.getType());
  }
  /// How many elements a window has.
  int64_t getWindowSize() const;
  /// Where element `number` of a window is, counted in row-major order.
  SmallVector<int64_t> getOffsets(int64_t number) const;
  /// Whether the windows divide the operand among them.
  bool isPartition() const;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_DIALECT_STABLEHLO_WINDOWS_H
