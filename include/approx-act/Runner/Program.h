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

#include "approx-act/Runner/Array.h"
#include "approx-act/Runner/Signature.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::approx_act {

/// A result of one run that is an argument of the next.
struct Feed {
  unsigned result;
  unsigned argument;
};

/// A function with its buffers on the device.
class Program {
public:
  /// Compiles `module`; what is wrong with the function is reported at it, what
  /// is wrong with the rest is the error.
  static llvm::Expected<std::unique_ptr<Program>> create(ModuleOp module,
                                                         StringRef function);
  ~Program();

  const Signature &getSignature() const { return signature; }

  /// Copies an array to an argument. Its type and shape must be the argument's;
  /// integers without a sign take both kinds.
  llvm::Error setArgument(unsigned index, const Array &array);
  /// Copies a result from the device.
  Array getResult(unsigned index) const;

  /// Checks that a result can be an argument.
  llvm::Error checkFeed(const Feed &feed) const;
  /// Copies a result to an argument.
  void feed(const Feed &feed);

  /// Runs the function once.
  llvm::Error run();

private:
  Program(Signature signature, std::string function);
  void allocate();

  Signature signature;
  std::string function;
  std::unique_ptr<ExecutionEngine> engine;
  /// A buffer for each argument, then for each result.
  SmallVector<void *> buffers;
  /// The memref descriptors of the buffers, as words.
  SmallVector<SmallVector<int64_t>> descriptors;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_RUNNER_PROGRAM_H
