//===- Buffers.h - Arguments and results of a program -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Memory on the device for every argument and result of a program, filled from
/// and copied to arrays in files.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_RUNNER_BUFFERS_H
#define APPROX_ACT_RUNNER_BUFFERS_H

#include "approx-act/Runner/Array.h"
#include "approx-act/Runner/Program.h"

namespace mlir::approx_act {

/// A result of one run that is an argument of the next.
struct Feed {
  unsigned result;
  unsigned argument;
};

/// The buffers of a program, which outlives them.
class Buffers {
public:
  explicit Buffers(Program &program) : program(program) {}
  ~Buffers();
  Buffers(const Buffers &) = delete;
  Buffers &operator=(const Buffers &) = delete;

  /// Allocates all of them; they are not initialised.
  llvm::Error allocate();

  /// Frees all of them, which the destructor does without an error.
  llvm::Error release();

  /// Copies an array to an argument. Its type and shape must be the argument's;
  /// integers without a sign take both kinds.
  llvm::Error setArgument(unsigned index, const Array &array);
  /// Copies a result from the device.
  llvm::Expected<Array> getResult(unsigned index) const;

  /// Checks that a result can be an argument.
  llvm::Error checkFeed(const Feed &feed) const;
  /// Copies a result to an argument.
  llvm::Error feed(const Feed &feed);

  /// Runs the program on them once.
  llvm::Error run() { return program.run(buffers); }

private:
  Program &program;
  /// One for each argument, then one for each result.
  SmallVector<void *> buffers;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_RUNNER_BUFFERS_H
