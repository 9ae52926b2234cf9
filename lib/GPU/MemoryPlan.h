//===- MemoryPlan.h - Lifetimes and places of buffers -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Which buffers of a function share memory, and where each is in the arena.
///
/// Time is the order of the program, in which the body of a loop comes once,
/// and each branch. A buffer from outside of a loop that the loop uses lives as
/// long as the loop.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_GPU_MEMORYPLAN_H
#define APPROX_ACT_LIB_GPU_MEMORYPLAN_H

#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::approx_act {

/// One element of a stack: what is at one place of the first dimension, whole.
struct StackElement {
  /// The memref that the element is of.
  Value stack;
  /// The place.
  OpFoldResult index;
  int64_t bytes = 0;

  /// `std::nullopt` if `view` is something else.
  static std::optional<StackElement> match(memref::SubViewOp view);
};

/// An allocation, and the element of its buffer that it is, if not all of it.
struct Alias {
  memref::AllocOp alloc;
  std::optional<StackElement> element;
};

/// Memory, and all the values that are in it.
struct Buffer {
  SmallVector<Alias> aliases;
  MemRefType type;
  int64_t bytes = 0;
  /// The ops that read or write it.
  SmallVector<Operation *> accesses;
  /// The first and the last time that it is used.
  unsigned first = 0, last = 0;
  int64_t offset = 0;

  bool meets(const Buffer &other) const {
    return first <= other.last && other.first <= last;
  }
};

class MemoryPlan {
public:
  MemoryPlan(Block &block, int64_t alignment);

  /// Lets what is copied be computed where it is copied to; returns how many
  /// copies are gone. They are erased.
  unsigned mergeCopies();
  /// Lets results take the memory of operands; returns how many do.
  unsigned mergeInPlace();
  void assignOffsets();
  void print(raw_ostream &os) const;

  int64_t getPeak() const { return peak; }
  /// The greatest sum of live bytes.
  int64_t getLowerBound() const;
  ArrayRef<Buffer> getBuffers() const { return buffers; }

private:
  void number(Block &block);
  /// The time that an op takes among the ops of `scope`; of an op elsewhere,
  /// `std::nullopt`.
  std::optional<std::pair<unsigned, unsigned>> getTime(Operation *op,
                                                       Block &scope) const;
  void addBuffer(memref::AllocOp alloc);
  Buffer *lookup(Value value);
  bool mergeCopy(memref::CopyOp copy);
  bool isFreeForResult(const Buffer &target, const Buffer &source,
                       memref::CopyOp copy);
  /// The operands of a kernel that are in the buffer.
  unsigned countOperands(KernelOp kernel, const Buffer &buffer);
  /// Drops the buffers that have become part of others.
  void dropEmpty();
  void moveAliases(Buffer &from, Buffer &to,
                   const std::optional<StackElement> &element = std::nullopt);

  int64_t alignment, peak = 0;
  SmallVector<Buffer> buffers;
  /// The time when an op begins, and when the last op in it begins.
  DenseMap<Operation *, std::pair<unsigned, unsigned>> times;
  unsigned now = 0;
  /// All copies and kernels, in the order of the program. (Copies that are
  /// merged are erased.)
  SmallVector<memref::CopyOp> copies;
  SmallVector<KernelOp> kernels;
  /// The buffer of each alloc.
  DenseMap<Operation *, unsigned> bufferOf;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_GPU_MEMORYPLAN_H
