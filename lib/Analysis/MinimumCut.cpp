//===- MinimumCut.cpp - Minimum cut of a directed graph -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Analysis/MinimumCut.h"
#include <algorithm>

using namespace mlir::approx_act;

static constexpr unsigned kUnreached = std::numeric_limits<unsigned>::max();

unsigned FlowGraph::addNode() {
  outgoing.emplace_back();
  return outgoing.size() - 1;
}

void FlowGraph::addEdge(unsigned from, unsigned to, int64_t capacity) {
  outgoing[from].push_back(edges.size());
  edges.push_back({to, capacity});
  outgoing[to].push_back(edges.size());
  edges.push_back({from, 0});
}

bool FlowGraph::levelNodes(unsigned source, unsigned sink) {
  levels.assign(outgoing.size(), kUnreached);
  levels[source] = 0;
  llvm::SmallVector<unsigned> queue = {source};
  for (unsigned head = 0; head < queue.size(); ++head) {
    unsigned node = queue[head];
    for (unsigned e : outgoing[node]) {
      const Edge &edge = edges[e];
      if (edge.residual == 0 || levels[edge.to] != kUnreached)
        continue;
      levels[edge.to] = levels[node] + 1;
      queue.push_back(edge.to);
    }
  }
  return levels[sink] != kUnreached;
}

int64_t FlowGraph::augment(unsigned source, unsigned sink) {
  // A walk with an explicit stack: paths are as long as the network is deep.
  llvm::SmallVector<unsigned> path;
  unsigned node = source;
  while (true) {
    if (node == sink) {
      int64_t flow = kUnbounded;
      for (unsigned e : path)
        flow = std::min(flow, edges[e].residual);
      for (unsigned e : path) {
        edges[e].residual -= flow;
        edges[e ^ 1].residual += flow;
      }
      return flow;
    }
    unsigned &next = nextEdge[node];
    bool advanced = false;
    for (; next < outgoing[node].size(); ++next) {
      unsigned e = outgoing[node][next];
      const Edge &edge = edges[e];
      if (edge.residual > 0 && levels[edge.to] == levels[node] + 1) {
        path.push_back(e);
        node = edge.to;
        advanced = true;
        break;
      }
    }
    if (advanced)
      continue;
    if (path.empty())
      return 0;
    // A dead end: the edge that led here leads nowhere in this phase.
    unsigned e = path.pop_back_val();
    node = edges[e ^ 1].to;
    ++nextEdge[node];
  }
}

llvm::BitVector FlowGraph::findSinkSide(unsigned source, unsigned sink) {
  while (levelNodes(source, sink)) {
    nextEdge.assign(outgoing.size(), 0);
    while (augment(source, sink) > 0)
      ;
  }

  // What can still send flow to the sink lies behind the cut nearest to it.
  llvm::BitVector sinkSide(outgoing.size());
  llvm::SmallVector<unsigned> worklist = {sink};
  sinkSide.set(sink);
  while (!worklist.empty()) {
    unsigned node = worklist.pop_back_val();
    for (unsigned e : outgoing[node]) {
      unsigned from = edges[e].to;
      if (edges[e ^ 1].residual > 0 && !sinkSide.test(from)) {
        sinkSide.set(from);
        worklist.push_back(from);
      }
    }
  }
  return sinkSide;
}
