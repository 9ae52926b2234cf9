//===- DeviceMemory.h - Memory of the executor ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Device memory is host memory. In strict mode every allocation ends at a page
/// that traps, and traps itself while neither a kernel nor the runtime uses it.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_DEVICEMEMORY_H
#define APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_DEVICEMEMORY_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <deque>
#include <map>
#include <string>

namespace mlir::approx_act::runtime {

/// The allocations of the program. Not safe for use by several threads.
class DeviceMemory {
public:
  /// The memory of the program; it lives as long as the program.
  static DeviceMemory &get();

  /// Allocates memory aligned like that of a CUDA device, to 256 bytes. In
  /// strict mode the end is what is aligned, to a page, and the start to the
  /// largest power of two that divides the size rounded up to 16 bytes.
  void *allocate(uint64_t bytes, bool isHostShared);
  void free(void *pointer);
  void registerHost(void *pointer, uint64_t bytes);
  void unregisterHost(void *pointer);

  /// Whether a kernel may use the bytes at `pointer`: in an allocation, or in
  /// registered host memory. Nothing can be used at the end of one, too.
  bool isUsable(const void *pointer, uint64_t bytes = 0) const;

  /// Opens the memory to all code for the lifetime of the object.
  class Access {
  public:
    Access();
    ~Access();
    Access(const Access &) = delete;
    Access &operator=(const Access &) = delete;
  };

  /// Forgets accesses that an error ended.
  void closeAll();

  /// Says what is wrong with a use of `address` in strict mode, or gives
  /// nothing when it is no business of ours. `isHost` is whether the host's
  /// code was running. Writes to `buffer` and allocates nothing, for the heap
  /// may be what a fault interrupted.
  bool explainFault(const void *address, bool isHost, char *buffer,
                    size_t size) const;

private:
  struct Block {
    /// The whole mapping, with the pages that trap.
    char *mapping = nullptr;
    uint64_t mappingBytes = 0;
    /// The pages in between.
    char *pages = nullptr;
    uint64_t pageBytes = 0;
    uint64_t bytes = 0;
    bool isHostShared = false;
    bool isMapped = false;
    bool isFreed = false;
  };

  void protect(const Block &block, bool isOpen) const;
  void protectAll(bool isOpen) const;
  void checkMargins(const char *pointer, const Block &block) const;

  /// By the address of the first byte, freed ones too while they are mapped.
  std::map<const char *, Block> blocks;
  /// Freed blocks, oldest first. They trap until there are many of them.
  std::deque<const char *> freed;
  std::map<const char *, uint64_t> hostRanges;
  unsigned openings = 0;
};

} // namespace mlir::approx_act::runtime

#endif // APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_DEVICEMEMORY_H
