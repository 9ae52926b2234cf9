//===- PeakMemory.cpp - Live bytes over a program -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Analysis/PeakMemory.h"
#include "approx-act/Analysis/Residuals.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"

using namespace mlir;
using namespace mlir::approx_act;

/// Whether the op's result can be computed where it is read.
static bool isFusible(Operation *op) {
  if (isDecoding(op) || isa<QuantizeOp, QuantizeSplitOp>(op))
    return true;
  auto residualOp = dyn_cast<ResidualOpInterface>(op);
  return residualOp && residualOp.getRecompute() == Recompute::Cheap;
}

/// Whether the op computes its operands in place instead of reading memory.
static bool absorbsOperands(Operation *op) {
  auto residualOp = dyn_cast<ResidualOpInterface>(op);
  return isFusible(op) || isa<PackOp, GridOp, SplitGridOp>(op) ||
         (residualOp &&
          residualOp.getScalarFunction() == ScalarFunction::ReduceAdd);
}

PeakMemoryAnalysis::PeakMemoryAnalysis(const Turnaround &turnaround) {
  Block &block = turnaround.getFunction().getBody().front();
  Operation *terminator = block.getTerminator();

  auto isLate = [&](Operation *op) {
    return turnaround.getPhase(op) == Phase::Backward;
  };
  auto takesMemory = [&](Operation *op, Value value) {
    if (isa<BarrierOp>(op))
      return false;
    if (!isFusible(op))
      return true;
    return llvm::any_of(value.getUsers(), [&](Operation *user) {
      Operation *reader = block.findAncestorOpInBlock(*user);
      bool crosses = turnaround.getPhase(op) == Phase::Forward &&
                     isLate(reader) && reader != terminator;
      return crosses || !absorbsOperands(reader);
    });
  };

  // Backwards, the last op that reads each value directly or through values
  // that take no memory.
  llvm::DenseMap<Operation *, unsigned> indices;
  for (Operation &op : block) {
    indices[&op] = points.size();
    points.push_back({&op});
  }
  llvm::DenseMap<Value, unsigned> lastUse;
  llvm::DenseSet<Value> isResult;
  auto extend = [&](Value value, unsigned index) {
    unsigned &last = lastUse.try_emplace(value, index).first->second;
    last = std::max(last, index);
  };
  SmallVector<int64_t> changes(points.size() + 1, 0);
  SmallVector<int64_t> created(points.size(), 0);
  for (Operation &op : llvm::reverse(block)) {
    unsigned index = indices[&op];
    if (&op == terminator) {
      for (Value value : op.getOperands())
        isResult.insert(value);
      continue;
    }
    if (auto barrier = dyn_cast<BarrierOp>(op)) {
      for (auto [input, output] :
           llvm::zip_equal(barrier.getInputs(), barrier.getOutputs())) {
        extend(input, std::max(index, lastUse.lookup(output)));
        if (isResult.contains(output))
          isResult.insert(input);
      }
      continue;
    }
    unsigned reads = index;
    for (Value value : op.getResults()) {
      unsigned last = std::max(index, lastUse.lookup(value));
      if (!takesMemory(&op, value)) {
        reads = std::max(reads, last);
        continue;
      }
      if (isResult.contains(value))
        continue;
      int64_t bytes = getByteSize(value.getType()).value_or(0);
      changes[index] += bytes;
      created[index] += bytes;
      changes[last + 1] -= bytes;
    }
    for (Value value : getOperandsAndCaptures(&op))
      extend(value, reads);
  }

  int64_t live = 0;
  for (auto [index, point] : llvm::enumerate(points)) {
    live += changes[index];
    point.bytes = live;
    point.before = live - created[index];
    if (live > points[peak].bytes)
      peak = index;
  }
}

void PeakMemoryAnalysis::print(raw_ostream &os) const {
  os << "index,op,bytes\n";
  for (auto [index, point] : llvm::enumerate(points))
    os << index << "," << point.op->getName() << "," << point.bytes << "\n";
  os << "# peak " << getPeak().bytes << " bytes at op " << peak << "\n";
}
