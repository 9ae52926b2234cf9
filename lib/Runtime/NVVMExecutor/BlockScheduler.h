//===- BlockScheduler.h - Barriers and collectives --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Runs the threads of a block as fibers, warp by warp, and does what they do
/// together. Nothing is left to chance: the same block runs in the same order.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_BLOCKSCHEDULER_H
#define APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_BLOCKSCHEDULER_H

#include "../Device.h"
#include "Fibers.h"
#include "KernelABI.h"
#include <array>
#include <string>

namespace mlir::approx_act::runtime {

/// Runs blocks of kernels with collectives.
class BlockScheduler {
public:
  /// The scheduler of the program.
  static BlockScheduler &get();

  /// Runs all threads of a block.
  void run(ThreadFunction function, BlockState &state, void **arguments,
           const Dim3 &block, size_t stackBytes);

  /// Where the running thread is, like `thread (1, 2, 3)`.
  std::string getPosition() const;
  /// Whether `address` is below the stack of a thread.
  bool isStackOverflow(const void *address) const {
    return fibers.isOverflow(address);
  }

  // What threads call.
  uint32_t waitAtBarrier(uint32_t site, uint32_t id, uint32_t count,
                         BarrierOp op, uint32_t predicate);
  uint64_t doTogether(uint32_t site, WarpOp op, uint32_t mask, uint64_t value,
                      uint32_t lane, uint32_t clamp);

private:
  enum class Status { Ready, AtBarrier, InWarpOp, Done };
  struct Thread {
    Status status = Status::Ready;
    /// What it waits in: the call, and its operands.
    uint32_t site;
    uint32_t barrier;
    WarpOp op;
    uint32_t mask;
    uint32_t lane;
    uint32_t clamp;
    uint64_t value;
    uint64_t result;
  };
  /// Lanes by what they do, a bit for each.
  struct Warp {
    uint32_t ready;
    uint32_t inWarpOp;
    uint32_t live;
  };
  struct Barrier {
    uint32_t waiting = 0;
    /// How many threads it waits for, or `allThreads`.
    uint32_t count = allThreads;
    BarrierOp op = BarrierOp::None;
    /// How many predicates were true.
    uint32_t sum = 0;
  };
  /// Barriers of a block.
  static constexpr unsigned numBarriers = 16;

  static void runThread(void *data, unsigned index);
  void leave();
  void yield();
  unsigned pickReady(const Warp &warp) const;
  bool releaseBarriers();
  void checkBarrier(uint32_t id, const Barrier &barrier) const;
  bool isComplete(unsigned first, const Thread &thread) const;
  void compute(unsigned first, uint32_t mask);
  void computeMatrices(unsigned first);
  uint64_t shuffle(unsigned first, unsigned lane, uint32_t mask) const;
  [[noreturn]] void reportDeadlock() const;
  std::string describe(unsigned index) const;
  std::string nameThread(unsigned index) const;

  Fibers fibers;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::array<Barrier, numBarriers> barriers;
  ThreadFunction function = nullptr;
  BlockState *state = nullptr;
  void **arguments = nullptr;
  Dim3 block = {0, 0, 0};
  unsigned numLive = 0;
  unsigned running = 0;
  bool isStrict = false;
  bool isReverse = false;
};

} // namespace mlir::approx_act::runtime

#endif // APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_BLOCKSCHEDULER_H
