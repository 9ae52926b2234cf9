//===- Profile.h - Records of launches and memory ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Collects what Runtime.h reports.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNTIME_PROFILE_H
#define APPROX_ACT_LIB_RUNTIME_PROFILE_H

#include "approx-act/Runtime/Runtime.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include <mutex>

namespace mlir::approx_act::runtime {

/// The records of a program.
class Profile {
public:
  /// Those of the program that the calling thread works for.
  static Profile &get();

  /// One launch of a kernel, with the bytes it loaded and stored.
  void addLaunch(llvm::StringRef kernel, uint64_t begin, uint64_t end,
                 uint64_t bytesLoaded = 0, uint64_t bytesStored = 0);
  /// One compilation of a kernel for the CPU.
  void addCompilation(llvm::StringRef kernel, uint64_t begin, uint64_t end);
  /// A call of the runtime that is not a launch.
  void addCall(llvm::StringRef name, uint64_t begin, uint64_t end);
  void addAllocation(const void *pointer, uint64_t bytes);
  void removeAllocation(const void *pointer);

  std::vector<KernelStatistics> getKernels() const;
  MemoryStatistics getMemory() const;
  void reset();
  void writeTrace(llvm::raw_ostream &os) const;

private:
  /// A bar of the trace; `name` is an index of `names`.
  struct Event {
    unsigned name;
    const char *category;
    uint64_t begin, end;
  };
  struct MemoryEvent {
    uint64_t time, live;
  };

  KernelStatistics &getKernel(llvm::StringRef name);
  void addEvent(llvm::StringRef name, const char *category, uint64_t begin,
                uint64_t end);
  void recordMemory();

  mutable std::mutex mutex;
  llvm::MapVector<llvm::StringRef, KernelStatistics> kernels;
  /// Interned names of events.
  llvm::StringMap<unsigned> names;
  std::vector<Event> events;
  std::vector<MemoryEvent> memoryEvents;
  llvm::DenseMap<const void *, uint64_t> allocations;
  MemoryStatistics memory;
};

} // namespace mlir::approx_act::runtime

#endif // APPROX_ACT_LIB_RUNTIME_PROFILE_H
