//===- ResidualOpInterface.h - What a residual's users need -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The op interface by which the analyses understand ops of any dialect, and
/// the vocabulary it speaks.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_INTERFACES_RESIDUALOPINTERFACE_H
#define APPROX_ACT_INTERFACES_RESIDUALOPINTERFACE_H

#include "mlir/IR/OpDefinition.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <optional>

namespace mlir::approx_act {

/// The functions that the analyses reason about, element by element for
/// arithmetic, by dimensions for views and reductions.
enum class ScalarFunction {
  Other,
  Constant,
  Add,
  Subtract,
  Multiply,
  Divide,
  Negate,
  Maximum,
  Minimum,
  Compare,
  Select,
  Convert,
  Exponential,
  Sqrt,
  Rsqrt,
  Power,
  Broadcast,
  Reshape,
  Transpose,
  ReduceAdd,
};

/// Whether the backward pass may compute an op again.
enum class Recompute {
  /// Too much work, or not safe: contractions, reductions, effects, unknown.
  Never,
  /// Work per element of the result that any consumer can absorb: arithmetic,
  /// and changes of shape.
  Cheap,
};

/// How exact an operand must be, weakest first.
enum class Demand {
  /// Only the type is read.
  None,
  /// Only the side of a threshold is read. It must be right for every element.
  Side,
  /// An error in the operand gives a proportional error in the result.
  Approximate,
  /// As a function of an approximation, but no approximation itself: the
  /// denominator 1 + x² of an approximate x. Its own range may be of many
  /// orders of magnitude, and cells of it would be wide where it is small.
  Function,
  /// The value itself: indices, denominators, logarithms, anything unknown.
  Exact,
};

/// The value of an elementwise op for values of its operands.
using Evaluator = double (*)(llvm::ArrayRef<double> operands);

/// Directions of a comparison.
enum class Comparison { EQ, NE, GE, GT, LE, LT };

/// Names for printing, in the style of enumerators of attributes.
llvm::StringRef stringify(Demand demand);

} // namespace mlir::approx_act

#include "approx-act/Interfaces/ResidualOpInterface.h.inc"

namespace mlir::approx_act {

/// Whether `op`, which may be null, is known to compute `function`.
bool computes(Operation *op, ScalarFunction function);

} // namespace mlir::approx_act

#endif // APPROX_ACT_INTERFACES_RESIDUALOPINTERFACE_H
