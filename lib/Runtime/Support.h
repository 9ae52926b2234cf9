//===- Support.h - Errors and time in the runtime ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What every part of the runtime uses. Compiled code cannot be told of an
/// error: the `mgpu*` functions return nothing. So an error ends the process,
/// or the `Session::run` in which it happens.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNTIME_SUPPORT_H
#define APPROX_ACT_LIB_RUNTIME_SUPPORT_H

#include "llvm/ADT/Twine.h"
#include <cstdint>

namespace mlir::approx_act::runtime {

/// Goes on after the innermost `Session::run` of the thread, which returns the
/// error. Outside of one, prints `error: message` and ends the process with
/// exit code 1. The caller holds no lock: destructors do not run.
[[noreturn]] void fail(const llvm::Twine &message);

/// Nanoseconds of a clock that never goes back.
uint64_t now();

} // namespace mlir::approx_act::runtime

#endif // APPROX_ACT_LIB_RUNTIME_SUPPORT_H
