//===- KernelModule.h - A kernel on its way to the host ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The steps that make a function for the host of a kernel in an NVVM module,
/// in the order in which they are declared here.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_KERNELMODULE_H
#define APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_KERNELMODULE_H

#include "../Device.h"
#include "approx-act/Runtime/Runtime.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PassManager.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

namespace llvm {
class PassBuilder;
} // namespace llvm

namespace mlir::approx_act::runtime {

/// A module with one kernel and what it needs.
struct KernelModule {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  /// The kernel; once it has a body for one thread, that.
  llvm::Function *kernel = nullptr;
  /// Threads of a block.
  Dim3 block;
  /// Whether threads wait for each other.
  bool hasCollectives = false;
  /// Which arguments are pointers.
  llvm::SmallVector<bool> isPointer;
  /// Bytes of the kernel's variables in shared memory; the dynamic part
  /// follows.
  uint64_t sharedBytes = 0;
};

/// NVVM's address space of the memory of a block.
inline constexpr unsigned sharedAddressSpace = 3;

/// The arguments of the body that follow those of the kernel.
enum class BodyArgument : unsigned {
  /// Three each.
  ThreadId,
  BlockId = ThreadId + 3,
  GridDim = BlockId + 3,
  Shared = GridDim + 3,
  DynamicSharedBytes,
  /// Words to add to, numbered by `Counter`.
  Counters,
  Count
};

/// An argument of a body, of those with three the one for `dimension`.
llvm::Argument *getBodyArgument(llvm::Function &body, BodyArgument argument,
                                unsigned dimension = 0);

/// Reads the kernel and all it calls from `object`.
llvm::Expected<KernelModule>
loadKernel(llvm::StringRef object, llvm::StringRef name, const Dim3 &block);

/// Replaces intrinsics and libdevice by calls of the support code and of the
/// executor, and links the former in. Special registers stay.
llvm::Error lowerIntrinsics(KernelModule &kernel);

/// Makes the module one for the host, with a single function: everything is
/// inlined into the kernel, whose special registers become arguments and whose
/// shared variables become parts of the block's memory.
llvm::Error retarget(KernelModule &kernel, const llvm::TargetMachine &machine);

/// Adds code that counts bytes and checks alignments, as the options say.
void instrument(KernelModule &kernel, const Options &options);

/// Makes the function `name` that the executor calls: a `BlockFunction` that
/// loops over the threads, or a `ThreadFunction` when they wait for each other.
void buildEntry(KernelModule &kernel, llvm::StringRef name,
                const Options &options);

/// Runs the passes that `makePasses` makes over a module.
void runPasses(llvm::Module &module, llvm::TargetMachine *machine,
               llvm::function_ref<llvm::ModulePassManager(llvm::PassBuilder &)>
                   makePasses);

} // namespace mlir::approx_act::runtime

#endif // APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_KERNELMODULE_H
