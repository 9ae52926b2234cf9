//===- ControlFlowToSCF.h - Loops and branches ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_CONVERSION_CONTROLFLOWTOSCF_H
#define APPROX_ACT_LIB_CONVERSION_CONTROLFLOWTOSCF_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::approx_act {

/// Replaces a `stablehlo.while` whose steps the compiler can count by an
/// `scf.for`, or by its steps where they are few; another by an `scf.while`.
LogicalResult lowerLoop(Operation *op, RewriterBase &rewriter);

/// Replaces a `stablehlo.case` or `if` by an `scf.if` for each branch but the
/// last, which is taken too where there is no branch of that number.
LogicalResult lowerBranches(Operation *op, RewriterBase &rewriter);

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_CONVERSION_CONTROLFLOWTOSCF_H
