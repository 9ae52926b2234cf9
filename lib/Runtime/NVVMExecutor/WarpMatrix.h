//===- WarpMatrix.h - Matrices held by a warp -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// `mma.sync` and `ldmatrix`: what tensor cores do with matrices whose elements
/// are in the registers of all lanes.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_WARPMATRIX_H
#define APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_WARPMATRIX_H

#include "KernelABI.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <optional>

namespace mlir::approx_act::runtime {

/// What is done, and for products with which elements.
enum class MatrixOp : uint32_t {
  TF32,
  F16,
  BF16,
  S8,
  U8,
  Load,
  LoadTransposed
};

/// Registers of a lane: operands, then replaced by results.
inline constexpr unsigned maxMatrixWords = 16;
/// Registers of the result of a product, and of what is added to it.
inline constexpr unsigned productWords = 4;

/// An intrinsic on matrices.
struct MatrixIntrinsic {
  MatrixOp op;
  /// Of a product, the registers of its left operand; the right one has half as
  /// many. Of a load, the number of matrices.
  unsigned count;
};

/// Understands the name of an intrinsic, without `llvm.nvvm.`.
std::optional<MatrixIntrinsic> parseMatrixIntrinsic(llvm::StringRef name);

/// Does the work of a whole warp, whose registers are at `lanes`. Products of
/// floats are exact and added up in f64 before they are rounded; PTX leaves
/// open how. Gives whether the addresses of a load were multiples of 16.
bool computeMatrix(const MatrixIntrinsic &intrinsic,
                   llvm::ArrayRef<uint32_t *> lanes);

} // namespace mlir::approx_act::runtime

#endif // APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_WARPMATRIX_H
