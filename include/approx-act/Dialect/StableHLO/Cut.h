//===- Cut.h - Ops done by ranges of a dimension ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Says how an op is done on a range of its operands.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_DIALECT_STABLEHLO_CUT_H
#define APPROX_ACT_DIALECT_STABLEHLO_CUT_H

#include "mlir/IR/Operation.h"
#include <optional>

namespace mlir::approx_act {

/// An op of one result done by ranges: each of its operands is the whole value,
/// or a range of a dimension, of as many equal ranges as all others.
struct Cut {
  /// Instead of a dimension.
  static constexpr int64_t kWhole = -1, kSum = -2;

  /// What is known of StableHLO's ops, and of elementwise ones of any dialect,
  /// where operands of which `given` says it are cut; `std::nullopt` where the
  /// op cannot be done so. Of a transpose, the operand may be a term (`kSum`).
  static std::optional<Cut> get(Operation *op, ArrayRef<int64_t> given,
                                int64_t numRanges);

  /// For each operand, the dimension that is cut or `kWhole`.
  SmallVector<int64_t> operands;
  /// The dimension of the result of which an op of a range gives a range;
  /// `kSum`, where it gives a term of the result.
  int64_t result = kWhole;
};

/// The dimension of a value of shape `to` whose ranges have the elements of the
/// ranges of dimension `dim` of one of shape `from`, in the same order.
std::optional<int64_t> getReshapedDim(ArrayRef<int64_t> from,
                                      ArrayRef<int64_t> to, int64_t dim,
                                      int64_t numRanges);

/// Changes the attributes of an op that `Cut` knows, so that it is done on one
/// of `numRanges` ranges of dimension `dim` of its first operand.
void cutAttributes(Operation *op, int64_t dim, int64_t numRanges);

} // namespace mlir::approx_act

#endif // APPROX_ACT_DIALECT_STABLEHLO_CUT_H
