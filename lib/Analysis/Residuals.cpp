//===- Residuals.cpp - What crosses from forward to backward --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Analysis/Residuals.h"
#include "approx-act/Analysis/CaptureDemands.h"
#include "approx-act/Analysis/SmoothFunction.h"
#include "approx-act/Analysis/Threshold.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"
#include <map>

using namespace mlir;
using namespace mlir::approx_act;

bool approx_act::isApproximable(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return false;
  Type element = tensor.getElementType();
  return element.isF16() || element.isBF16() || element.isF32() ||
         element.isF64();
}

std::optional<int64_t> approx_act::getByteSize(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return std::nullopt;
  Type element = tensor.getElementType();
  int64_t bits = 0;
  if (auto complex = dyn_cast<ComplexType>(element))
    bits = int64_t{2} * complex.getElementType().getIntOrFloatBitWidth();
  else if (element.isIntOrFloat())
    bits = element.getIntOrFloatBitWidth();
  else
    return std::nullopt;
  return tensor.getNumElements() *
         static_cast<int64_t>(llvm::divideCeil(bits, 8));
}

bool approx_act::isCheap(Operation *op) {
  auto residualOp = dyn_cast_or_null<ResidualOpInterface>(op);
  return residualOp && op->getNumRegions() == 0 &&
         residualOp.getRecompute() == Recompute::Cheap;
}

bool approx_act::isDecoding(Operation *op) {
  return isa_and_nonnull<UnpackOp, DequantizeOp, DequantizeSplitOp, SideOp>(op);
}

bool approx_act::isComputedWhereRead(Operation *op) {
  return isCheap(op) || isDecoding(op) ||
         isa_and_nonnull<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op);
}

Demand approx_act::getDemand(Operation *op, unsigned index) {
  auto residualOp = dyn_cast<ResidualOpInterface>(op);
  if (!residualOp || index >= op->getNumOperands())
    return Demand::Exact;
  Demand demand = residualOp.getDemand(index);
  if (demand == Demand::None)
    return demand;
  if (!isApproximable(op->getOperand(index).getType()))
    return Demand::Exact;
  // Only a comparison with a constant is about a side.
  if (demand == Demand::Side && !getThreshold(op))
    return Demand::Exact;
  if (residualOp.getScalarFunction() == ScalarFunction::Divide && index == 1 &&
      findSafeDenominator(op->getOperand(index)))
    return Demand::Function;
  return demand;
}

ResidualAnalysis::ResidualAnalysis(const Turnaround &turnaround) {
  Block &block = turnaround.getFunction().getBody().front();
  CaptureDemands demands(turnaround);
  for (Operation &op : block) {
    // A constant costs nothing to have again.
    if (turnaround.getPhase(&op) != Phase::Forward ||
        (op.getNumResults() == 1 && getSplatValue(op.getResult(0))))
      continue;
    for (Value value : op.getResults()) {
      if (turnaround.getPhase(value) != Phase::Forward)
        continue;
      Residual residual{value, &op, nullptr, Demand::None,
                        getByteSize(value.getType())};
      for (OpOperand &use : value.getUses()) {
        Operation *user = block.findAncestorOpInBlock(*use.getOwner());
        if (turnaround.getPhase(user) == Phase::Forward) {
          if (residual.lastForwardUse->isBeforeInBlock(user))
            residual.lastForwardUse = user;
          continue;
        }
        // What the function returns is live anyway.
        if (user == block.getTerminator())
          continue;
        if (!residual.firstBackwardUse ||
            user->isBeforeInBlock(residual.firstBackwardUse))
          residual.firstBackwardUse = user;
        residual.demand = std::max(residual.demand, demands.getDemand(use));
      }
      if (!residual.firstBackwardUse)
        continue;
      indices[value] = residuals.size();
      totalBytes += residual.bytes.value_or(0);
      residuals.push_back(residual);
    }
  }
}

int64_t ResidualAnalysis::getSmallBytes(double fraction) const {
  std::map<int64_t, int64_t> bytesBySize;
  for (const Residual &residual : residuals)
    if (residual.bytes)
      bytesBySize[*residual.bytes] += *residual.bytes;
  double budget = fraction * static_cast<double>(totalBytes);
  int64_t small = 0;
  int64_t sum = 0;
  for (auto [size, bytes] : bytesBySize) {
    sum += bytes;
    if (static_cast<double>(sum) > budget)
      break;
    small = size;
  }
  return small;
}

const Residual *ResidualAnalysis::lookup(Value value) const {
  auto it = indices.find(value);
  return it == indices.end() ? nullptr : &residuals[it->second];
}

void ResidualAnalysis::print(raw_ostream &os) const {
  os << residuals.size() << " residuals, " << totalBytes << " bytes\n";
  for (const Residual &residual : residuals) {
    os << "  " << residual.value.getType() << " of "
       << residual.value.getDefiningOp()->getName() << ": ";
    if (residual.bytes)
      os << *residual.bytes << " bytes, ";
    os << "demand " << stringify(residual.demand) << ", last forward use "
       << residual.lastForwardUse->getName() << ", first backward use "
       << residual.firstBackwardUse->getName() << "\n";
  }
}
