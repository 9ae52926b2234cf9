//===- Residuals.h - What crosses from forward to backward ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Finds by liveness the values that the forward pass leaves for the backward
/// pass, and how exact the backward pass needs them.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_ANALYSIS_RESIDUALS_H
#define APPROX_ACT_ANALYSIS_RESIDUALS_H

#include "approx-act/Analysis/Turnaround.h"
#include "approx-act/Interfaces/ResidualOpInterface.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::approx_act {

/// How exact operand `index` of `op` must be, where the result of `op` may be
/// an approximation. Anything but a real floating-point tensor is demanded
/// exactly unless it is not read.
Demand getDemand(Operation *op, unsigned index);

/// Bytes of a tensor of static shape as it stands in memory: whole bytes per
/// element, as XLA stores booleans. `std::nullopt` for other types.
std::optional<int64_t> getByteSize(Type type);

/// A real floating-point tensor of static shape.
bool isApproximable(Type type);

/// Whether `op`, which may be null, is arithmetic or a view without regions, so
/// that the backward pass may compute it again.
bool isCheap(Operation *op);

/// Whether `op`, which may be null, makes values of codes.
bool isDecoding(Operation *op);

/// Whether the result of `op` is computed where it is read, and takes no
/// memory: of what is cheap, decoded, or in another shape.
bool isComputedWhereRead(Operation *op);

/// A forward value with uses after the forward pass.
struct Residual {
  Value value;
  /// The last forward op that reads the value in program order; the op that
  /// defines it when there is none.
  Operation *lastForwardUse = nullptr;
  /// The first op in program order that reads it and is not forward.
  Operation *firstBackwardUse = nullptr;
  /// The strictest demand of those ops.
  Demand demand = Demand::None;
  /// Absent when the type has no static size.
  std::optional<int64_t> bytes;
};

class ResidualAnalysis {
public:
  explicit ResidualAnalysis(const Turnaround &turnaround);

  /// Every residual, in the order of definition.
  ArrayRef<Residual> getResiduals() const { return residuals; }

  /// Null when `value` is not a residual.
  const Residual *lookup(Value value) const;

  int64_t getTotalBytes() const { return totalBytes; }

  /// The largest size such that all residuals of at most that size together
  /// make at most `fraction` of the bytes of all residuals; 0 when there is
  /// none. (Sizes recur in a network, so the rule treats its layers alike, and
  /// a deeper network does not make a layer small.)
  int64_t getSmallBytes(double fraction) const;

  void print(raw_ostream &os) const;

private:
  SmallVector<Residual> residuals;
  llvm::DenseMap<Value, unsigned> indices;
  int64_t totalBytes = 0;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_ANALYSIS_RESIDUALS_H
