//===- BlockScheduler.cpp - Barriers and collectives ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockScheduler.h"
#include "KernelRun.h"
#include "approx-act/Runtime/Runtime.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

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
  self.threads[index].status = Status::Done;
  if (getOptions().strict)
    KernelRun::checkAlignments();
}

void BlockScheduler::run(ThreadFunction newFunction, BlockState &newState,
                         void **newArguments, const Dim3 &newBlock,
                         size_t stackBytes) {
  function = newFunction;
  state = &newState;
  arguments = newArguments;
  block = newBlock;
  unsigned count = block[0] * block[1] * block[2];
  threads.assign(count, Thread());
  fibers.start(count, stackBytes, runThread, this);

  unsigned numWarps = divideCeil(count, warpSize);
  bool isReverse = getOptions().reverseThreads;
  do {
    for (unsigned i = 0; i < numWarps; ++i) {
      unsigned first = (isReverse ? numWarps - 1 - i : i) * warpSize;
      runWarp(first, std::min(first + warpSize, count));
    }
  } while (releaseBarriers());

  if (!all_of(threads, [](const Thread &thread) {
        return thread.status == Status::Done;
      }))
    reportDeadlock();
}

/// Runs the threads of a warp until each of them waits for another warp.
void BlockScheduler::runWarp(unsigned first, unsigned end) {
  bool isReverse = getOptions().reverseThreads;
  bool hasRun = true;
  while (hasRun) {
    hasRun = false;
    for (unsigned i = first; i < end; ++i) {
      unsigned index = isReverse ? end - 1 - (i - first) : i;
      if (threads[index].status != Status::Ready)
        continue;
      hasRun = true;
      running = index;
      fibers.resume(index);
      if (threads[index].status == Status::Done)
        leave(index);
    }
  }
}

/// Sees to the lanes that wait for a thread that has returned: without strict
/// mode they go on without it.
void BlockScheduler::leave(unsigned index) {
  unsigned first = index / warpSize * warpSize;
  unsigned end = std::min<unsigned>(first + warpSize, threads.size());
  for (unsigned other = first; other < end; ++other) {
    const Thread &thread = threads[other];
    if (thread.status == Status::InWarpOp &&
        (thread.mask >> (index - first) & 1) && isComplete(first, thread))
      compute(first, thread.mask);
  }
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

uint32_t BlockScheduler::waitAtBarrier(uint32_t site, uint32_t id,
                                       uint32_t count, BarrierOp op,
                                       uint32_t predicate) {
  Thread &thread = threads[running];
  thread.status = Status::AtBarrier;
  thread.site = site;
  thread.barrier = id;
  thread.count = count;
  thread.barrierOp = op;
  thread.predicate = predicate;
  fibers.yield();
  return thread.result;
}

/// Reports, in strict mode, threads that are at the same barrier by different
/// ways.
void BlockScheduler::checkBarrier(ArrayRef<unsigned> waiting) const {
  const Thread &first = threads[waiting.front()];
  for (unsigned index : waiting)
    if (threads[index].site != first.site)
      KernelRun::fail("barrier divergence: " + describe(waiting.front()) +
                      ", " + describe(index));
  if (first.count != allThreads)
    return;
  for (unsigned index = 0; index < threads.size(); ++index)
    if (threads[index].status == Status::Done)
      KernelRun::fail("barrier divergence: " + describe(waiting.front()) +
                      ", " + describe(index));
}

/// Lets threads go on whose barrier all have reached; gives whether there were
/// any.
bool BlockScheduler::releaseBarriers() {
  MapVector<uint32_t, SmallVector<unsigned>> barriers;
  unsigned numLive = 0;
  for (unsigned index = 0; index < threads.size(); ++index) {
    const Thread &thread = threads[index];
    numLive += thread.status != Status::Done;
    if (thread.status == Status::AtBarrier)
      barriers[thread.barrier].push_back(index);
  }
  bool isReleased = false;
  for (auto &[id, waiting] : barriers) {
    uint32_t count = threads[waiting.front()].count;
    if (waiting.size() != (count == allThreads ? numLive : count))
      continue;
    if (getOptions().strict)
      checkBarrier(waiting);
    uint32_t sum = 0;
    for (unsigned index : waiting)
      sum += threads[index].predicate != 0;
    for (unsigned index : waiting) {
      Thread &thread = threads[index];
      thread.status = Status::Ready;
      thread.result =
          thread.barrierOp == BarrierOp::And ? sum == waiting.size() : sum;
    }
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
  // The last to come does the work of all, and goes on.
  if (isComplete(first, thread))
    compute(first, mask);
  else
    fibers.yield();
  return thread.result;
}

/// Whether all lanes that `thread` waits for do the same.
bool BlockScheduler::isComplete(unsigned first, const Thread &thread) const {
  unsigned waiting = &thread - threads.data();
  bool isStrict = getOptions().strict;
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
  if (!isThere && getOptions().strict)
    KernelRun::fail(
        formatv("{0} reads lane {1} in collective {2} of the kernel, "
                "which does not take part in it",
                nameThread(first + lane), source, thread.site)
            .str());
  uint64_t value = isThere ? threads[first + source].value : thread.value;
  return (value & UINT32_MAX) | static_cast<uint64_t>(isInRange) << 32;
}

/// Gives every lane of `mask` its result and lets it go on.
void BlockScheduler::compute(unsigned first, uint32_t mask) {
  SmallVector<unsigned, warpSize> lanes;
  for (unsigned lane = 0; lane < warpSize && first + lane < threads.size();
       ++lane)
    if ((mask >> lane & 1) && threads[first + lane].status == Status::InWarpOp)
      lanes.push_back(lane);

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
    case WarpOp::Sync:
      break;
    }
  }
  for (unsigned lane : lanes) {
    threads[first + lane].result = results[lane];
    threads[first + lane].status = Status::Ready;
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
