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
/// results of which each word packs several codes, all that belong to these. A
/// thread has one item, or, where operands are the same from row to row, `rows`
/// of them, so far apart that they have these in common.
struct KernelWork {
  explicit KernelWork(KernelOp kernel);

  /// The shape whose elements threads count: that of the smallest result, or of
  /// the packed words that are read, without dimensions of size 1.
  SmallVector<int64_t> domain;
  int64_t numElements = 1;
  /// Neighbouring elements of an item.
  int64_t lanes = 1;
  /// Items of a thread.
  int64_t rows = 1;

  int64_t getNumItems() const { return numElements / lanes; }
  int64_t getNumThreads() const { return getNumItems() / rows; }

private:
  void chooseDomain(KernelOp kernel);
  void chooseRows(KernelOp kernel);

  /// The dimension along which the domain is packed, and how many codes a word
  /// has at most.
  std::optional<unsigned> packedDim;
  int64_t numParts = 1;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_GPU_KERNELWORK_H
