//===- ContractionMatch.h - Products and convolutions in loops --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A contraction is recognised by where its loops are, not by the name of its
/// op. A loop is in two of the tensors (of a row, a column, what is summed
/// over) or in all three (of a batch, of groups). Where an index of one tensor
/// is a sum of two loops it is a convolution, of which the three kinds are one
/// equation solved for one tensor or another:
///
///   input index * dilation + padding
///     = output index * stride + filter index * dilation.
///
/// Upstream's `inferConvolutionDims` has no place for padding, for operands
/// that are reversed or dilated, or for the gradients.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_GPU_CONTRACTIONMATCH_H
#define APPROX_ACT_LIB_GPU_CONTRACTIONMATCH_H

#include "OperandView.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "mlir/IR/AffineMap.h"

namespace mlir::approx_act {

/// Loops, as one: from the outermost to the innermost.
using Loops = SmallVector<unsigned>;

/// A contraction while it is looked at: `out[…] += lhs[…] * rhs[…]`.
struct Contraction {
  Location loc;
  Value result;
  SmallVector<int64_t> ranges;
  Value lhs, rhs;
  AffineMap lhsMap, rhsMap, outMap;
};

/// What the runtime is asked for.
struct Gemm {
  Value lhs, rhs;
  SmallVector<int64_t> sizes, lhsStrides, rhsStrides, outStrides;
  /// Operands that have to be copied to the order of batch, rows and columns,
  /// and these loops of each tensor.
  bool copiesLhs = false, copiesRhs = false, copiesOut = false;
  Loops lhsOrder, rhsOrder, outOrder;
};

/// What the runtime is asked for; arrays are those of `ConvolutionOp`.
struct Convolution {
  ConvolutionKind kind;
  /// Of the input or the output, and of the rest.
  Value lhs, rhs;
  int64_t batch, inputChannels, outputChannels, groups;
  SmallVector<int64_t> inputSizes, filterSizes, windowStrides, paddingLow,
      paddingHigh, inputDilations, filterDilations, inputStrides, filterStrides,
      outputStrides;
};

/// Matches a product. Copies of operands, and of the result, are asked for
/// where loops lie in such an order that they are not one.
std::optional<Gemm> matchGemm(const Contraction &contraction,
                              const OperandView &lhsView,
                              const OperandView &rhsView);

/// Matches a convolution in which indices of one of the two operands are sums
/// of loops.
std::optional<Convolution> matchConvolution(const Contraction &contraction,
                                            const OperandView &lhsView,
                                            const OperandView &rhsView);

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_GPU_CONTRACTIONMATCH_H
