//===- SelectAndScatterToLinalg.h - Winners of windows ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_CONVERSION_SELECTANDSCATTERTOLINALG_H
#define APPROX_ACT_LIB_CONVERSION_SELECTANDSCATTERTOLINALG_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::approx_act {

/// Replaces a `stablehlo.select_and_scatter` by a `linalg.generic` that finds
/// which element of each window is selected, and one in which every element
/// combines the sources of the windows that have selected it, in their order.
LogicalResult lowerSelectAndScatter(Operation *op, RewriterBase &rewriter);

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_CONVERSION_SELECTANDSCATTERTOLINALG_H
