//===- SortToLinalg.h - Sorts as merges of runs -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_CONVERSION_SORTTOLINALG_H
#define APPROX_ACT_LIB_CONVERSION_SORTTOLINALG_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include <optional>

namespace mlir::approx_act {

/// Emits the search for the least index from `least` to `most` of which
/// `emitIsEnough` says so, if it does of all greater ones; `most` if of none.
Value emitBisection(ImplicitLocOpBuilder &b, Value least, Value most,
                    llvm::function_ref<Value(Value)> emitIsEnough);

/// Emits whether an element belongs before another. Of operand i, the two are
/// `getElement(2 * i)` and `getElement(2 * i + 1)`. Null where that has no
/// form.
using Comparator = llvm::function_ref<Value(
    ImplicitLocOpBuilder &, llvm::function_ref<Value(unsigned)> getElement)>;

/// Sorts tensors of one static shape along `dim` by their elements, and keeps
/// equal ones in their order; nothing where `isBefore` has no form.
std::optional<SmallVector<Value>> emitSort(OpBuilder &builder, Location loc,
                                           ValueRange operands, unsigned dim,
                                           Comparator isBefore);

/// Replaces a `stablehlo.sort` by a `linalg.generic` that sorts runs of eight,
/// and one for each doubling of the runs that merges two. All are stable.
LogicalResult lowerSort(Operation *op, RewriterBase &rewriter);

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_CONVERSION_SORTTOLINALG_H
