//===- ScatterToLinalg.h - Scatters as gathers ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_CONVERSION_SCATTERTOLINALG_H
#define APPROX_ACT_LIB_CONVERSION_SCATTERTOLINALG_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::approx_act {

/// Replaces a `stablehlo.scatter` of one operand by a `linalg.generic` in which
/// each element of the result combines the updates of it in their order.
LogicalResult lowerScatter(Operation *op, RewriterBase &rewriter);

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_CONVERSION_SCATTERTOLINALG_H
