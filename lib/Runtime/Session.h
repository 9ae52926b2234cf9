//===- Session.h - Programs in one process ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What the runtime keeps for each program of a process.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNTIME_SESSION_H
#define APPROX_ACT_LIB_RUNTIME_SESSION_H

#include "Device.h"
#include "Profile.h"
#include "approx-act/Runtime/Runtime.h"

namespace mlir::approx_act::runtime {

struct Session::State {
  State(const Options &options, bool isCPU) : options(options), isCPU(isCPU) {}

  Options options;
  /// Chosen by the first module, or by the first use of memory.
  Device *device = nullptr;
  /// What it is, or what it will be unless the first module says otherwise.
  bool isCPU;
  Profile profile;
};

/// The program for which the calling thread works: that of the innermost
/// `Session::run`, or else the one of the process.
Session::State &getSession();

/// Notes memory that is freed when an error ends what allocated it.
void noteAllocation(void *pointer);
void forgetAllocation(void *pointer);

} // namespace mlir::approx_act::runtime

#endif // APPROX_ACT_LIB_RUNTIME_SESSION_H
