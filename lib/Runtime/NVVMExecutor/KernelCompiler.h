//===- KernelCompiler.h - Kernels as code of the host -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Compiles kernels of NVVM modules when they are first launched, once for each
/// shape of a block.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_KERNELCOMPILER_H
#define APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_KERNELCOMPILER_H

#include "../Device.h"
#include "KernelABI.h"
#include "approx-act/Runtime/Runtime.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/Error.h"

namespace mlir::approx_act::runtime {

/// A kernel compiled for blocks of one shape.
struct CompiledKernel {
  /// One of the two.
  BlockFunction runBlock = nullptr;
  ThreadFunction runThread = nullptr;
  /// Which arguments are pointers.
  llvm::SmallVector<bool> isPointer;
  /// Shared memory before the dynamic part.
  uint64_t sharedBytes = 0;
  /// What a thread needs, for `runThread`.
  size_t stackBytes = 0;
  /// Owns the code.
  llvm::orc::ResourceTrackerSP code;

  CompiledKernel() = default;
  CompiledKernel(CompiledKernel &&) = default;
  ~CompiledKernel() {
    if (code)
      llvm::consumeError(code->remove());
  }
};

/// The compiler of the program.
class KernelCompiler {
public:
  static KernelCompiler &get();

  /// Compiles the kernel `name` of the module in `object`.
  llvm::Expected<CompiledKernel>
  compile(llvm::StringRef object, llvm::StringRef name, const Dim3 &block);

private:
  llvm::Error initialize();

  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::orc::LLJIT> jit;
  unsigned numCompiled = 0;
};

} // namespace mlir::approx_act::runtime

#endif // APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_KERNELCOMPILER_H
