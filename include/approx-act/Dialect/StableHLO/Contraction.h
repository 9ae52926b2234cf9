//===- Contraction.h - StableHLO's contractions -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Reads what a `stablehlo.dot_general` or a `stablehlo.convolution` sums over.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_DIALECT_STABLEHLO_CONTRACTION_H
#define APPROX_ACT_DIALECT_STABLEHLO_CONTRACTION_H

#include "mlir/IR/Operation.h"
#include <optional>

namespace mlir::approx_act {

/// A sum of products of two operands, of static shape, over a dimension that
/// both have. Cut into ranges along it, the op gives terms of that sum.
struct Contraction {
  /// The dimensions of both operands that the sum goes over and that may be
  /// cut; the first in the order of operand 0. (A convolution is not cut along
  /// its window, but along its features, if they are in one group.)
  static std::optional<Contraction> match(Operation *op);

  /// The result's dimension that is dimension `dim` of operand `index`, of
  /// which the other operand has none: rows of a matrix, examples of a
  /// convolution.
  std::optional<int64_t> getResultDim(Operation *op, unsigned index,
                                      int64_t dim) const;

  /// The dimensions of operand 0, operand 1 and the result that are batch
  /// dimension `dim` of operand `index`.
  static std::optional<std::array<int64_t, 3>>
  getBatchDims(Operation *op, unsigned index, int64_t dim);

  /// The dimension of operand 0 and of operand 1.
  std::array<int64_t, 2> dims;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_DIALECT_STABLEHLO_CONTRACTION_H
