//===- KernelWork.h - Which thread computes what ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// How the elements of a kernel's results are divided among threads.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_GPU_KERNELWORK_H
#define APPROX_ACT_LIB_GPU_KERNELWORK_H

#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"

namespace mlir::approx_act {

/// Threads count items: `lanes` neighbouring elements of the domain, and of
/// results of which each word packs several codes, all that belong to these.
///
/// A thread has one item, or, where operands are the same from row to row,
/// `rows` of them, so far apart that they have these in common. Of reductions
/// it has one of `parts`, and a block has all parts of `group` items.
struct KernelWork {
  /// `blockSize` is the number of threads that a block has at most.
  KernelWork(KernelOp kernel, int64_t blockSize);

  /// The shape whose elements threads count: that of the smallest result, or of
  /// the packed words that are read, without dimensions of size 1.
  SmallVector<int64_t> domain;
  int64_t numElements = 1;
  /// Neighbouring elements of an item.
  int64_t lanes = 1;
  /// Neighbouring elements that a thread reads at a time: of an item, or of
  /// what it combines.
  int64_t width = 1;
  /// Items of a thread.
  int64_t rows = 1;
  /// Both powers of two; one part is that of a reduction in one thread.
  int64_t parts = 1, group = 1;
  /// Whether neighbouring threads of a block have neighbouring parts.
  bool arePartsNeighbours = false;

  int64_t getNumItems() const { return numElements / lanes; }
  /// Threads that have work, of all blocks.
  int64_t getNumThreads() const { return getNumItems() / rows * parts; }
  int64_t getBlockSize() const;
  int64_t getNumBlocks() const;

private:
  void chooseDomain(KernelOp kernel);
  void chooseRows(KernelOp kernel);
  bool chooseParts(KernelOp kernel);

  int64_t blockSize;
  /// The number of elements that are as wide as an access can be.
  int64_t widestAccess = 1;
  /// The dimension along which the domain is packed, and how many codes a word
  /// has at most.
  std::optional<unsigned> packedDim;
  int64_t numParts = 1;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_GPU_KERNELWORK_H
