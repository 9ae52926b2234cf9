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

  /// The dimension of operand 0 and of operand 1.
  std::array<int64_t, 2> dims;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_DIALECT_STABLEHLO_CONTRACTION_H
