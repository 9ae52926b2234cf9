//===- BlockScheduler.cpp - Barriers and collectives ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockScheduler.h"
#include "KernelRun.h"
#include "WarpMatrix.h"
#include "approx-act/Runtime/Runtime.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

BlockScheduler &BlockScheduler::get() {
  static BlockScheduler *scheduler = new BlockScheduler;
  return *scheduler;
}

std::string BlockScheduler::nameThread(unsigned index) const {
  return formatv("thread ({0}, {1}, {2})", index % block[0],
                 index / block[0] % block[1], index / (block[0] * block[1]));
}

std::string BlockScheduler::getPosition() const { return nameThread(running); }

/// What a thread is doing.
std::string BlockScheduler::describe(unsigned index) const {
  const Thread &thread = threads[index];
  switch (thread.status) {
  case Status::Ready:
    return nameThread(index) + " runs";
  case Status::AtBarrier:
    return formatv("{0} waits at barrier {1}, collective {2} of the kernel",
                   nameThread(index), thread.barrier, thread.site);
  case Status::InWarpOp:
    return formatv(
        "{0} waits for the lanes {1:x} of its warp, collective {2} of the "
        "kernel",
        nameThread(index), thread.mask, thread.site);
  case Status::Done:
    return nameThread(index) + " has returned";
  }
  llvm_unreachable("all states are named");
}

void BlockScheduler::runThread(void *data, unsigned index) {
  auto &self = *static_cast<BlockScheduler *>(data);
  const Dim3 &block = self.block;
  self.function(self.state, self.arguments, index % block[0],
                index / block[0] % block[1], index / (block[0] * block[1]));
  if (self.isStrict)
    KernelRun::checkAlignments();
  self.leave();
  self.yield();
}

void BlockScheduler::run(ThreadFunction newFunction, BlockState &newState,
                         void **newArguments, const Dim3 &newBlock,
                         size_t stackBytes) {
  function = newFunction;
  state = &newState;
  arguments = newArguments;
  block = newBlock;
  isStrict = getOptions().strict;
  isReverse = getOptions().reverseThreads;
  numLive = block[0] * block[1] * block[2];
  threads.assign(numLive, Thread());
  barriers.fill(Barrier());
  warps.clear();
  for (unsigned first = 0; first < numLive; first += warpSize) {
    auto lanes =
        maskTrailingOnes<uint32_t>(std::min(numLive - first, warpSize));
    warps.push_back({lanes, 0, lanes});
  }
  fibers.start(numLive, stackBytes, runThread, this);

  do {
    for (unsigned i = 0; i < warps.size(); ++i) {
      unsigned index = isReverse ? warps.size() - 1 - i : i;
      // Lanes go on with each other until all of them wait.
      while (warps[index].ready) {
        // As if the lane before the first had run.
        running = isReverse ? 0 : warpSize - 1;
        running = index * warpSize + pickReady(warps[index]);
        fibers.resume(running);
      }
    }
  } while (releaseBarriers());
  if (numLive > 0)
    reportDeadlock();
}

/// The lane that goes on after the running thread, by turns.
unsigned BlockScheduler::pickReady(const Warp &warp) const {
  unsigned lane = running % warpSize;
  if (isReverse) {
    uint32_t before = warp.ready & maskTrailingOnes<uint32_t>(lane);
    return warpSize - 1 - countl_zero(before ? before : warp.ready);
  }
  uint32_t after = warp.ready & ~maskTrailingOnes<uint32_t>(lane + 1);
  return countr_zero(after ? after : warp.ready);
}

/// Goes on with another thread; comes back when this one is ready again.
void BlockScheduler::yield() {
  unsigned index = running / warpSize;
  if (!warps[index].ready) {
    fibers.yield();
    return;
  }
  running = index * warpSize + pickReady(warps[index]);
  fibers.yieldTo(running);
}

/// The running thread has returned. Lanes that wait for it go on without it,
/// unless that is an error.
void BlockScheduler::leave() {
  unsigned first = running / warpSize * warpSize;
  Warp &warp = warps[running / warpSize];
  uint32_t bit = 1U << (running - first);
  threads[running].status = Status::Done;
  warp.ready &= ~bit;
  warp.live &= ~bit;
  --numLive;
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    if (!(warp.inWarpOp >> lane & 1))
      continue;
    const Thread &thread = threads[first + lane];
    if ((thread.mask & bit) && isComplete(first, thread))
      compute(first, thread.mask);
  }
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

uint32_t BlockScheduler::waitAtBarrier(uint32_t site, uint32_t id,
                                       uint32_t count, BarrierOp op,
                                       uint32_t predicate) {
  if (id >= numBarriers)
    KernelRun::fail("there is no barrier " + Twine(id) +
                    "; their numbers are from 0 to 15");
  Thread &thread = threads[running];
  thread.status = Status::AtBarrier;
  thread.site = site;
  thread.barrier = id;
  warps[running / warpSize].ready &= ~(1U << (running % warpSize));
  Barrier &barrier = barriers[id];
  ++barrier.waiting;
  barrier.count = count;
  barrier.op = op;
  barrier.sum += predicate != 0;
  yield();
  return thread.result;
}

/// Reports, in strict mode, threads that are at the same barrier by different
/// ways.
void BlockScheduler::checkBarrier(uint32_t id, const Barrier &barrier) const {
  std::optional<unsigned> first;
  std::optional<unsigned> done;
  for (unsigned index = 0; index < threads.size(); ++index) {
    const Thread &thread = threads[index];
    if (thread.status == Status::Done && !done)
      done = index;
    if (thread.status != Status::AtBarrier || thread.barrier != id)
      continue;
    if (!first)
      first = index;
    if (thread.site != threads[*first].site)
      KernelRun::fail("barrier divergence: " + describe(*first) + ", " +
                      describe(index));
  }
  if (barrier.count == allThreads && done)
    KernelRun::fail("barrier divergence: " + describe(*first) + ", " +
                    describe(*done));
}

/// Lets threads go on whose barrier all have reached; gives whether there were
/// any.
bool BlockScheduler::releaseBarriers() {
  bool isReleased = false;
  for (auto [id, barrier] : enumerate(barriers)) {
    if (barrier.waiting == 0 ||
        barrier.waiting !=
            (barrier.count == allThreads ? numLive : barrier.count))
      continue;
    if (isStrict)
      checkBarrier(id, barrier);
    uint32_t result = barrier.op == BarrierOp::And
                          ? barrier.sum == barrier.waiting
                          : barrier.sum;
    for (auto [index, thread] : enumerate(threads)) {
      if (thread.status != Status::AtBarrier || thread.barrier != id)
        continue;
      thread.status = Status::Ready;
      thread.result = result;
      warps[index / warpSize].ready |= 1U << (index % warpSize);
    }
    barrier = Barrier();
    isReleased = true;
  }
  return isReleased;
}

void BlockScheduler::reportDeadlock() const {
  // One thread of each kind tells enough.
  SmallVector<std::string> kinds;
  SmallVector<std::array<uint32_t, 3>> seen;
  for (unsigned index = 0; index < threads.size(); ++index) {
    const Thread &thread = threads[index];
    bool isWaiting = thread.status != Status::Done;
    std::array<uint32_t, 3> kind = {
        static_cast<uint32_t>(thread.status), isWaiting ? thread.site : 0,
        thread.status == Status::AtBarrier ? thread.barrier : 0};
    if (is_contained(seen, kind))
      continue;
    seen.push_back(kind);
    kinds.push_back(describe(index));
  }
  KernelRun::fail("deadlock: " + join(kinds, ", "));
}

//===----------------------------------------------------------------------===//
// Collectives of a warp
//===----------------------------------------------------------------------===//

uint64_t BlockScheduler::doTogether(uint32_t site, WarpOp op, uint32_t mask,
                                    uint64_t value, uint32_t lane,
                                    uint32_t clamp) {
  Thread &thread = threads[running];
  thread.status = Status::InWarpOp;
  thread.site = site;
  thread.op = op;
  thread.mask = mask;
  thread.value = value;
  thread.lane = lane;
  thread.clamp = clamp;
  unsigned first = running / warpSize * warpSize;
  if (!(mask >> (running - first) & 1))
    KernelRun::fail(
        formatv("{0} takes part in collective {1} of the kernel, but is not "
                "among the lanes {2:x} that it names",
                nameThread(running), site, mask)
            .str());
  Warp &warp = warps[running / warpSize];
  uint32_t bit = 1U << (running - first);
  warp.inWarpOp |= bit;
  warp.ready &= ~bit;
  // The last to come does the work of all, and goes on.
  if ((warp.inWarpOp & mask) == (warp.live & mask) && isComplete(first, thread))
    compute(first, mask);
  else
    yield();
  return thread.result;
}

/// Whether all lanes that `thread` waits for do the same.
bool BlockScheduler::isComplete(unsigned first, const Thread &thread) const {
  unsigned waiting = &thread - threads.data();
  bool result = true;
  for (unsigned lane = 0; lane < warpSize && first + lane < threads.size();
       ++lane) {
    if (!(thread.mask >> lane & 1))
      continue;
    const Thread &other = threads[first + lane];
    if (other.status == Status::Done) {
      if (isStrict)
        KernelRun::fail("divergent collective: " + describe(waiting) + ", " +
                        describe(first + lane));
      continue;
    }
    bool isSame = other.status == Status::InWarpOp && other.op == thread.op &&
                  other.mask == thread.mask;
    if (isStrict && other.status != Status::Ready &&
        (!isSame || other.site != thread.site))
      KernelRun::fail("divergent collective: " + describe(waiting) + ", " +
                      describe(first + lane));
    result &= isSame;
  }
  return result;
}

/// The value that a lane gets, and in bit 32 whether it is from a lane in
/// range.
uint64_t BlockScheduler::shuffle(unsigned first, unsigned lane,
                                 uint32_t mask) const {
  const Thread &thread = threads[first + lane];
  // The operand holds the last lane of a segment, and above it the bits of a
  // lane that number the segment.
  unsigned clamp = thread.clamp & 31;
  unsigned segment = thread.clamp >> 8 & 31;
  unsigned operand = thread.lane & 31;
  unsigned last = (lane & segment) | (clamp & ~segment);
  unsigned lowest = lane & segment;
  int source = lane;
  bool isInRange = false;
  switch (thread.op) {
  case WarpOp::ShuffleUp:
    source = static_cast<int>(lane) - static_cast<int>(operand);
    isInRange = source >= static_cast<int>(last);
    break;
  case WarpOp::ShuffleDown:
    source = lane + operand;
    isInRange = source <= static_cast<int>(last);
    break;
  case WarpOp::ShuffleXor:
    source = lane ^ operand;
    isInRange = source <= static_cast<int>(last);
    break;
  default:
    source = lowest | (operand & ~segment);
    isInRange = source <= static_cast<int>(last);
    break;
  }
  if (!isInRange)
    source = lane;
  bool isThere = first + source < threads.size() && (mask >> source & 1) &&
                 threads[first + source].status == Status::InWarpOp;
  if (!isThere && isStrict)
    KernelRun::fail(
        formatv("{0} reads lane {1} in collective {2} of the kernel, "
                "which does not take part in it",
                nameThread(first + lane), source, thread.site)
            .str());
  uint64_t value = isThere ? threads[first + source].value : thread.value;
  return (value & UINT32_MAX) | static_cast<uint64_t>(isInRange) << 32;
}

/// Does the work of a warp on the matrices in its lanes' registers.
void BlockScheduler::computeMatrices(unsigned first) {
  const Thread &thread = threads[running];
  if (warps[first / warpSize].inWarpOp != UINT32_MAX)
    KernelRun::fail(
        formatv("collective {0} of the kernel is one of all lanes of "
                "a warp, some of which are not there",
                thread.site)
            .str());
  SmallVector<uint32_t *, warpSize> lanes;
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    uint32_t *words;
    std::memcpy(static_cast<void *>(&words), &threads[first + lane].value,
                sizeof(words));
    lanes.push_back(words);
  }
  if (!computeMatrix({static_cast<MatrixOp>(thread.lane), thread.clamp}, lanes))
    KernelRun::fail(
        "misaligned access: the address of a row of a matrix is not "
        "a multiple of 16");
}

/// Gives every lane of `mask` its result and lets it go on.
void BlockScheduler::compute(unsigned first, uint32_t mask) {
  SmallVector<unsigned, warpSize> lanes;
  for (unsigned lane = 0; lane < warpSize && first + lane < threads.size();
       ++lane)
    if ((mask >> lane & 1) && threads[first + lane].status == Status::InWarpOp)
      lanes.push_back(lane);

  if (threads[first + lanes.front()].op == WarpOp::Matrix)
    computeMatrices(first);
  auto reduce = [&](auto combine) {
    uint64_t result = threads[first + lanes.front()].value;
    for (unsigned lane : drop_begin(lanes))
      result = combine(result, threads[first + lane].value);
    return result;
  };
  auto matchAll = [&](uint64_t value) {
    return all_of(lanes, [&](unsigned lane) {
      return threads[first + lane].value == value;
    });
  };
  uint64_t ballot = 0;
  uint64_t everyone = 0;
  for (unsigned lane : lanes) {
    ballot |= static_cast<uint64_t>(threads[first + lane].value & 1) << lane;
    everyone |= 1ULL << lane;
  }

  std::array<uint64_t, warpSize> results = {};
  for (unsigned lane : lanes) {
    uint64_t &result = results[lane];
    uint64_t value = threads[first + lane].value;
    auto asSigned = [](uint64_t word) { return static_cast<int32_t>(word); };
    switch (threads[first + lane].op) {
    case WarpOp::ShuffleIdx:
    case WarpOp::ShuffleUp:
    case WarpOp::ShuffleDown:
    case WarpOp::ShuffleXor:
      result = shuffle(first, lane, mask);
      break;
    case WarpOp::VoteAll:
      result = ballot == everyone;
      break;
    case WarpOp::VoteAny:
      result = ballot != 0;
      break;
    case WarpOp::VoteUniform:
      result = ballot == 0 || ballot == everyone;
      break;
    case WarpOp::VoteBallot:
      result = ballot;
      break;
    case WarpOp::MatchAny:
      for (unsigned other : lanes)
        result |= static_cast<uint64_t>(threads[first + other].value == value)
                  << other;
      break;
    case WarpOp::MatchAll:
      result = matchAll(value) ? everyone | 1ULL << 32 : 0;
      break;
    case WarpOp::ReduceAdd:
      result = reduce([](uint64_t a, uint64_t b) { return a + b; });
      break;
    case WarpOp::ReduceMin:
      result = reduce([&](uint64_t a, uint64_t b) {
        return asSigned(a) < asSigned(b) ? a : b;
      });
      break;
    case WarpOp::ReduceMax:
      result = reduce([&](uint64_t a, uint64_t b) {
        return asSigned(a) > asSigned(b) ? a : b;
      });
      break;
    case WarpOp::ReduceUMin:
      result = reduce([](uint64_t a, uint64_t b) { return std::min(a, b); });
      break;
    case WarpOp::ReduceUMax:
      result = reduce([](uint64_t a, uint64_t b) { return std::max(a, b); });
      break;
    case WarpOp::ReduceAnd:
      result = reduce([](uint64_t a, uint64_t b) { return a & b; });
      break;
    case WarpOp::ReduceOr:
      result = reduce([](uint64_t a, uint64_t b) { return a | b; });
      break;
    case WarpOp::ReduceXor:
      result = reduce([](uint64_t a, uint64_t b) { return a ^ b; });
      break;
    case WarpOp::Matrix:
    case WarpOp::Sync:
      break;
    }
  }
  for (unsigned lane : lanes) {
    threads[first + lane].result = results[lane];
    threads[first + lane].status = Status::Ready;
    warps[first / warpSize].ready |= 1U << lane;
    warps[first / warpSize].inWarpOp &= ~(1U << lane);
  }
}

//===----------------------------------------------------------------------===//
// What compiled kernels call
//===----------------------------------------------------------------------===//

uint32_t runtime::approxActBarrier(uint32_t site, uint32_t id, uint32_t count,
                                   uint32_t op, uint32_t predicate) {
  return BlockScheduler::get().waitAtBarrier(
      site, id, count, static_cast<BarrierOp>(op), predicate);
}

uint64_t runtime::approxActWarp(uint32_t site, uint32_t op, uint32_t mask,
                                uint64_t value, uint32_t lane, uint32_t clamp) {
  return BlockScheduler::get().doTogether(site, static_cast<WarpOp>(op), mask,
                                          value, lane, clamp);
}
