//===- FFTToLinalg.h - Fourier transforms as products -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_CONVERSION_FFTTOLINALG_H
#define APPROX_ACT_LIB_CONVERSION_FFTTOLINALG_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::approx_act {

/// Replaces a `stablehlo.fft` by products with matrices of roots of unity, and
/// what is between them.
LogicalResult lowerFFT(Operation *op, RewriterBase &rewriter);

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_CONVERSION_FFTTOLINALG_H
