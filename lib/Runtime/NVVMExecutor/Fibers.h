//===- Fibers.h - Threads of a block, by turns ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Functions that run on stacks of their own until they wait for each other.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_FIBERS_H
#define APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_FIBERS_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace mlir::approx_act::runtime {

/// A set of fibers with equal work. Not safe for use by several threads.
class Fibers {
public:
  /// What fiber `index` runs. It must not return before it is done.
  using Entry = void (*)(void *data, unsigned index);

  Fibers();
  ~Fibers();
  Fibers(const Fibers &) = delete;
  Fibers &operator=(const Fibers &) = delete;

  /// Makes `count` fibers that start with `entry` when first resumed. What
  /// other fibers there were must be done, or is forgotten.
  void start(unsigned count, size_t stackBytes, Entry entry, void *data);
  /// Runs a fiber until it yields or is done.
  void resume(unsigned index);
  /// Goes back to where a fiber was resumed.
  void yield();
  /// Goes on with another fiber in place of the running one.
  void yieldTo(unsigned index);

  /// Whether `address` is in the page below a stack.
  bool isOverflow(const void *address) const;

private:
  struct Context;
  static void run();
  void allocate(unsigned count, size_t stackBytes);
  void release();

  std::unique_ptr<Context> host;
  std::vector<Context> contexts;
  Entry entry = nullptr;
  void *data = nullptr;
  unsigned running = 0;
  /// All stacks, each with a page below it that traps.
  char *stacks = nullptr;
  size_t stride = 0;
  unsigned numStacks = 0;
};

} // namespace mlir::approx_act::runtime

#endif // APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_FIBERS_H
