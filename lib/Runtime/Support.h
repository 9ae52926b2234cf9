//===- Support.h - Errors and time in the runtime ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What every part of the runtime uses. Compiled code cannot be told of an
/// error: the `mgpu*` functions return nothing. So an error ends the program.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNTIME_SUPPORT_H
#define APPROX_ACT_LIB_RUNTIME_SUPPORT_H

#include "llvm/ADT/Twine.h"
#include <cstdint>

namespace mlir::approx_act::runtime {

/// Prints `error: message` and ends the program with exit code 1.
[[noreturn]] void fail(const llvm::Twine &message);

/// Nanoseconds of a clock that never goes back.
uint64_t now();

} // namespace mlir::approx_act::runtime

#endif // APPROX_ACT_LIB_RUNTIME_SUPPORT_H
