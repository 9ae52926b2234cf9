//===- KernelABI.h - Between compiled kernels and the executor --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What the compiler of kernels and what runs them agree on.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_KERNELABI_H
#define APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_KERNELABI_H

#include <cstdint>

namespace mlir::approx_act::runtime {

/// What compiled code adds up while it runs, as 64-bit words.
enum Counter : unsigned {
  /// Bytes of global memory loaded and stored.
  BytesLoaded,
  BytesStored,
  /// Bits of addresses that should be 0: of accesses aligned to 2, 4, 8, 16 and
  /// 32 bytes or more.
  MisalignedBy2,
  MisalignedBy32 = MisalignedBy2 + 4,
  NumCounters
};

/// What a kernel knows of the block it runs; compiled code reads the fields by
/// their offsets.
struct BlockState {
  uint32_t blockId[3];
  uint32_t gridDim[3];
  /// Shared memory: the kernel's own variables, then the dynamic part.
  char *shared;
  uint32_t dynamicSharedBytes;
  uint64_t counters[NumCounters];
};

/// A kernel without collectives: runs all threads of the block.
using BlockFunction = void (*)(BlockState *, void **arguments);
/// A kernel with collectives: runs one thread.
using ThreadFunction = void (*)(BlockState *, void **arguments, uint32_t x,
                                uint32_t y, uint32_t z);

/// Lanes of a warp.
inline constexpr unsigned warpSize = 32;

/// What the lanes of a warp do together.
enum class WarpOp : uint32_t {
  ShuffleIdx,
  ShuffleUp,
  ShuffleDown,
  ShuffleXor,
  VoteAll,
  VoteAny,
  VoteUniform,
  VoteBallot,
  MatchAny,
  MatchAll,
  ReduceAdd,
  ReduceMin,
  ReduceMax,
  ReduceUMin,
  ReduceUMax,
  ReduceAnd,
  ReduceOr,
  ReduceXor,
  /// A `MatrixOp`, which is in place of the lane, on the registers whose
  /// address is the value.
  Matrix,
  Sync
};

/// What a barrier reduces the threads' predicates with.
enum class BarrierOp : uint32_t { None, Popc, And, Or };

/// The count of a barrier that waits for all threads of the block.
inline constexpr uint32_t allThreads = 0;

// What compiled kernels call. `site` numbers the calls of a kernel.
extern "C" {
uint32_t approxActBarrier(uint32_t site, uint32_t id, uint32_t count,
                          uint32_t op, uint32_t predicate);
/// The result, with the predicate that some collectives have in bit 32.
uint64_t approxActWarp(uint32_t site, uint32_t op, uint32_t mask,
                       uint64_t value, uint32_t lane, uint32_t clamp);
/// `message` is null for a trap without one.
[[noreturn]] void approxActTrap(const char *message, const char *file,
                                uint32_t line, const char *function,
                                uint64_t charSize);
}

} // namespace mlir::approx_act::runtime

#endif // APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_KERNELABI_H
