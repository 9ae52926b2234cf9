//===- Program.h - A lowered module, ready to run ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Compiles the host's part of a lowered module and runs a function of it on
/// device memory.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_RUNNER_PROGRAM_H
#define APPROX_ACT_RUNNER_PROGRAM_H

#include "approx-act/Runner/Signature.h"
#include "approx-act/Runtime/Runtime.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/BuiltinOps.h"
#include <mutex>

namespace mlir::approx_act {

/// Registers what lowered modules are made of, and their translation.
void registerProgramDialects(DialectRegistry &registry);

/// A function that is ready to run. What goes wrong while it works on the
/// device is an error, after which it can be used further.
class Program {
public:
  /// Compiles `module`; what is wrong with the function is reported at it, what
  /// is wrong with the rest is the error.
  static llvm::Expected<std::unique_ptr<Program>>
  create(ModuleOp module, StringRef function, const runtime::Options &options);
  ~Program();

  const Signature &getSignature() const { return signature; }
  /// Whether the device is the CPU.
  bool isForCPU() const { return isCPU; }

  /// Loads the kernels, and with them the device, before anything else is done
  /// there; an error if there is no such device. The second time it does
  /// nothing, or gives the same error.
  llvm::Error load();

  /// Memory on the device, aligned to 256 bytes but in strict mode, where it is
  /// to 16. It is freed before the program is.
  llvm::Expected<void *> allocate(uint64_t bytes);
  /// Frees such memory. In strict mode it is an error if a kernel wrote a few
  /// bytes beside it.
  llvm::Error free(void *pointer);
  /// Copies between the device and the host in any direction, and waits for it.
  llvm::Error copy(void *to, const void *from, uint64_t bytes);

  /// Runs the function once and waits for it.
  /// \param buffers memory of the device, aligned to 16 bytes: one for each
  ///   argument of the signature, then one for each result.
  llvm::Error run(ArrayRef<void *> buffers);

  // What the runtime knows of this program; see Runtime.h.
  std::vector<runtime::KernelStatistics> getKernelStatistics();
  runtime::MemoryStatistics getMemoryStatistics();
  void resetStatistics();
  void writeTrace(raw_ostream &os);

private:
  Program(Signature signature, std::string function, bool isCPU,
          const runtime::Options &options);
  /// Runs `body` for this program, and is silent on what goes wrong.
  void inspect(llvm::function_ref<void()> body);

  Signature signature;
  std::string function;
  bool isCPU;
  runtime::Session session;
  std::unique_ptr<ExecutionEngine> engine;
  /// Guards what follows.
  std::mutex loading;
  bool isLoaded = false;
  /// Why the kernels could not be loaded.
  std::string loadError;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_RUNNER_PROGRAM_H
