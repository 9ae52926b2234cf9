//===- MinimumCut.h - Minimum cut of a directed graph -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Maximum flow by Dinic's algorithm (Soviet Math. Doklady 11, 1970), and the
/// minimum cut that it leaves.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_ANALYSIS_MINIMUMCUT_H
#define APPROX_ACT_ANALYSIS_MINIMUMCUT_H

#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <limits>

namespace mlir::approx_act {

class FlowGraph {
public:
  /// A capacity that no finite cut exceeds.
  static constexpr int64_t kUnbounded = std::numeric_limits<int64_t>::max() / 4;

  unsigned addNode();

  /// Adds an edge; edges that leave the same node are searched in the order in
  /// which they were added, so that equal graphs give equal cuts.
  void addEdge(unsigned from, unsigned to, int64_t capacity);

  /// Saturates the graph from `source` to `sink` and returns the nodes on the
  /// sink's side of the minimum cut that is nearest to the sink.
  llvm::BitVector findSinkSide(unsigned source, unsigned sink);

private:
  struct Edge {
    unsigned to;
    int64_t residual;
  };

  bool levelNodes(unsigned source, unsigned sink);
  int64_t augment(unsigned source, unsigned sink);

  /// Edge `e ^ 1` is the reverse of edge `e`.
  llvm::SmallVector<Edge> edges;
  llvm::SmallVector<llvm::SmallVector<unsigned, 4>> outgoing;
  llvm::SmallVector<unsigned> levels;
  llvm::SmallVector<unsigned> nextEdge;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_ANALYSIS_MINIMUMCUT_H
