//===- PeakMemory.h - Live bytes over a program -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Estimates the bytes that are live at each op of a training step when the
/// ops run in program order.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_ANALYSIS_PEAKMEMORY_H
#define APPROX_ACT_ANALYSIS_PEAKMEMORY_H

#include "approx-act/Analysis/Turnaround.h"

namespace mlir::approx_act {

/// Results of views and arithmetic take no memory unless an op that reads
/// memory (a contraction, a call, an unknown op) or the other side of the
/// turnaround reads them; they keep alive what they are computed from. Results
/// of a barrier are its operands. Arguments and results of the function are not
/// counted.
class PeakMemoryAnalysis {
public:
  struct Point {
    Operation *op = nullptr;
    /// Bytes live while the op runs: its operands' and its results' included.
    int64_t bytes = 0;
    /// Bytes live before, of what is read from here on.
    int64_t before = 0;
  };

  explicit PeakMemoryAnalysis(const Turnaround &turnaround);

  /// A point for each op of the block, in program order.
  ArrayRef<Point> getPoints() const { return points; }
  /// The point of the greatest number of bytes.
  const Point &getPeak() const { return points[peak]; }

  /// CSV: `index,op,bytes`.
  void print(raw_ostream &os) const;

private:
  SmallVector<Point> points;
  unsigned peak = 0;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_ANALYSIS_PEAKMEMORY_H
