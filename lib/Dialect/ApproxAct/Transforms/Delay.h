//===- Delay.h - Values that wait ------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What the passes have in common that compute values where they are read.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_TRANSFORMS_DELAY_H
#define APPROX_ACT_LIB_TRANSFORMS_DELAY_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::approx_act {

/// What takes fewer bytes may be there from the start.
inline constexpr int64_t kMinDelayedBytes = 1 << 16;

/// Bytes of a tensor of static shape; 0 for anything else.
int64_t getBytes(Value value);

/// Whether a constant defines the value.
bool isConstant(Value value);

/// Sums up what `delay` returns for each block of a function that has barriers,
/// which is to say, that `approx-act-compress-residuals` has changed;
/// `std::nullopt`, and nothing done, for others, which stay as they are.
std::optional<unsigned>
delayInBlocks(func::FuncOp func, llvm::function_ref<unsigned(Block &)> delay);

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_TRANSFORMS_DELAY_H
