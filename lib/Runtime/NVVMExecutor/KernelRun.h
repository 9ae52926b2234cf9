//===- KernelRun.h - The kernel that runs now -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Knows which kernel, block and thread run, so that what goes wrong in
/// compiled code can be named.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_KERNELRUN_H
#define APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_KERNELRUN_H

#include "KernelABI.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"

namespace mlir::approx_act::runtime {

/// A kernel runs while there is an object. It runs in one thread of the host.
class KernelRun {
public:
  KernelRun(llvm::StringRef kernel, const BlockState &state,
            bool hasCollectives);
  ~KernelRun();
  KernelRun(const KernelRun &) = delete;
  KernelRun &operator=(const KernelRun &) = delete;

  /// Forgets a kernel that an error ended.
  static void abandon();

  /// Fails with an error that names the kernel, block and thread.
  [[noreturn]] static void fail(const llvm::Twine &message);
  /// Fails when the counters of the block say that an access was misaligned.
  static void checkAlignments();

  /// Makes what kernels do to memory they must not touch an error.
  static void installFaultHandler();
};

} // namespace mlir::approx_act::runtime

#endif // APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_KERNELRUN_H
