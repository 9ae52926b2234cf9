//===- Runtime.h - Options and records of the runtime -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The library that compiled programs call: memory, streams and kernel launches
/// by MLIR's `mgpu*` functions, on a CUDA device or, with kernels in NVVM's
/// form of LLVM bitcode, on the CPU. Here is what a program that hosts compiled
/// code can ask of it beside that.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_RUNTIME_RUNTIME_H
#define APPROX_ACT_RUNTIME_RUNTIME_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#define APPROX_ACT_RUNTIME_EXPORT __attribute__((visibility("default")))

namespace mlir::approx_act::runtime {

/// How kernels run. All but `record` concern the CPU alone: what a CUDA device
/// does wrong, or what is undefined there, can be made an error or visible.
struct Options {
  /// Errors for divergent barriers, wrong masks, misaligned accesses, host
  /// pointers given to kernels; device memory lies between pages that trap, and
  /// all of it traps when the host touches it outside of calls of the runtime.
  bool strict = false;
  /// Threads and blocks run from last to first.
  bool reverseThreads = false;
  /// Memory is filled with 0xFF, which is NaN in every float type, when it is
  /// allocated, and shared memory before every block.
  bool poison = false;
  /// Counts the bytes of global memory that every kernel loads and stores.
  bool countAccesses = false;
  /// Keeps the time of every launch, for statistics and the trace.
  bool record = false;

  /// Sets what is set in `other`, too.
  void add(const Options &other) {
    strict |= other.strict;
    reverseThreads |= other.reverseThreads;
    poison |= other.poison;
    countAccesses |= other.countAccesses;
    record |= other.record;
  }
};

/// Reads a list of options like `strict,reverse-threads,poison,count-accesses`;
/// an unknown name is an error.
APPROX_ACT_RUNTIME_EXPORT llvm::Expected<Options>
parseOptions(llvm::StringRef text);

/// Reads the environment variable APPROX_ACT_RUNTIME, such a list.
APPROX_ACT_RUNTIME_EXPORT llvm::Expected<Options> parseEnvironment();

/// The options in force: of the session, or else those of the environment.
APPROX_ACT_RUNTIME_EXPORT const Options &getOptions();

/// One of several programs in a process, with a device, options and records of
/// its own. A process that hosts one program needs none.
class APPROX_ACT_RUNTIME_EXPORT Session {
public:
  /// \param isCPU whether the program is for the CPU or for a CUDA device, of
  ///   which it may need memory before, or without, modules of kernels.
  Session(const Options &options, bool isCPU);
  ~Session();

  /// Calls `body`, in which all calls of the runtime by this thread are for
  /// this program; other sessions wait until it returns. An error, which
  /// outside of a session ends the process, ends `body` where it is, without
  /// destructors, and is returned; memory of the device that `body` allocated
  /// is freed then.
  llvm::Error run(llvm::function_ref<void()> body);

  struct State;

private:
  std::unique_ptr<State> state;
};

/// What is known of all launches of one kernel.
struct KernelStatistics {
  std::string name;
  uint64_t launches = 0;
  /// Time in the kernel, without compilation.
  uint64_t nanoseconds = 0;
  /// Time of compiling it for the CPU.
  uint64_t compileNanoseconds = 0;
  /// Bytes of global memory, with `Options::countAccesses`.
  uint64_t bytesLoaded = 0;
  uint64_t bytesStored = 0;
};

/// Statistics of every kernel launched with `Options::record`, in the order of
/// first launches.
APPROX_ACT_RUNTIME_EXPORT std::vector<KernelStatistics> getKernelStatistics();

/// Forgets launches, and what the peak of memory was.
APPROX_ACT_RUNTIME_EXPORT void resetStatistics();

/// Bytes of device memory allocated now, and the most there were at a time.
struct MemoryStatistics {
  uint64_t live = 0;
  uint64_t peak = 0;
};
APPROX_ACT_RUNTIME_EXPORT MemoryStatistics getMemoryStatistics();

/// Writes launches, copies and live memory since the last reset in the JSON
/// format of chrome://tracing, which Perfetto reads too.
APPROX_ACT_RUNTIME_EXPORT void writeTrace(llvm::raw_ostream &os);

} // namespace mlir::approx_act::runtime

#endif // APPROX_ACT_RUNTIME_RUNTIME_H
