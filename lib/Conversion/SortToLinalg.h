//===- SortToLinalg.h - Sorts as merges of runs -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_CONVERSION_SORTTOLINALG_H
#define APPROX_ACT_LIB_CONVERSION_SORTTOLINALG_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::approx_act {

/// Replaces a `stablehlo.sort` by a `linalg.generic` that sorts runs of eight,
/// and one for each doubling of the runs that merges two. All are stable.
LogicalResult lowerSort(Operation *op, RewriterBase &rewriter);

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_CONVERSION_SORTTOLINALG_H
