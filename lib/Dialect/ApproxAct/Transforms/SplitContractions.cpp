//===- SplitContractions.cpp - Restore a part at a time -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PassOptions.h"
#include "TrainingStep.h"
#include "approx-act/Analysis/Residuals.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h"
#include "approx-act/Dialect/StableHLO/Contraction.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_SPLITCONTRACTIONS
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

namespace {
/// A value that is restored for one reader.
struct Restored {
  /// What computes it of codes, in program order.
  SmallVector<Operation *> ops;
  /// The values in memory that they read.
  llvm::SetVector<Value> sources;
};
} // namespace

/// The restoring of what `operand` reads; `std::nullopt` where that is in
/// memory anyway, or is computed of what takes about as much.
static std::optional<Restored> getRestored(OpOperand &operand) {
  Value value = operand.get();
  Block *block = operand.getOwner()->getBlock();
  Restored restored;
  llvm::SetVector<Operation *> ops;
  auto add = [&](Value value) {
    Operation *op = value.getDefiningOp();
    bool isComputed = op && op->getBlock() == block && op->getNumRegions() == 0;
    if (isComputed && isComputedWhereRead(op))
      ops.insert(op);
    else if (isa<RankedTensorType>(value.getType()))
      restored.sources.insert(value);
  };
  add(value);
  for (unsigned i = 0; i < ops.size(); ++i)
    llvm::for_each(ops[i]->getOperands(), add);
  if (!llvm::any_of(ops, isDecoding) || !value.hasOneUse())
    return std::nullopt;
  int64_t bytes = 0;
  for (Value source : restored.sources)
    bytes += getByteSize(source.getType()).value_or(0);
  if (2 * bytes > getByteSize(value.getType()).value_or(0))
    return std::nullopt;
  restored.ops = takeInBlockOrder(ops);
  return restored;
}

/// Does `op` by `numRanges` ranges; `index` is the operand that is restored.
static void split(Operation *op, const Contraction &contraction, unsigned index,
                  const Restored &restored, int64_t numRanges) {
  OpBuilder builder(op);
  StableHLOBuilder stablehlo(builder, op->getLoc());
  Value activation = op->getOperand(index);
  int64_t size = cast<RankedTensorType>(activation.getType())
                     .getDimSize(contraction.dims[index]) /
                 numRanges;

  // What each range starts from; the last are the other operand and the sum.
  SmallVector<Value> inputs(restored.sources.begin(), restored.sources.end());
  inputs.push_back(op->getOperand(1 - index));
  Value sum;
  for (int64_t range = 0; range < numRanges; ++range) {
    if (sum) {
      inputs.push_back(sum);
      auto barrier = BarrierOp::create(builder, op->getLoc(), inputs);
      IRMapping mapping;
      mapping.map(restored.sources.getArrayRef(),
                  barrier.getOutputs().take_front(restored.sources.size()));
      for (Operation *restoring : restored.ops)
        builder.clone(*restoring, mapping);
      activation = mapping.lookup(op->getOperand(index));
      inputs = llvm::to_vector_of<Value>(barrier.getOutputs().drop_back());
      sum = barrier.getOutputs().back();
    }
    std::array<Value, 2> operands;
    operands[index] = activation;
    operands[1 - index] = inputs.back();
    for (auto [operand, dim] : llvm::zip_equal(operands, contraction.dims))
      operand = stablehlo.sliceDim(operand, dim, range * size, size);
    Operation *part = builder.clone(*op);
    part->setOperands(operands);
    sum = sum ? stablehlo.elementwise("add", {sum, part->getResult(0)})
              : part->getResult(0);
  }
  op->getResult(0).replaceAllUsesWith(sum);
  op->erase();
}

namespace {
struct SplitContractions
    : approx_act::impl::SplitContractionsBase<SplitContractions> {
  using SplitContractionsBase::SplitContractionsBase;

  void runOnOperation() override {
    if (failed(checkRangeOptions(getOperation(), maxRanges, minBytes)))
      return signalPassFailure();
    if (isDistributed(getOperation()))
      return markAllAnalysesPreserved();
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops)
      if (auto contraction = Contraction::match(op))
        numSplit += trySplit(op, *contraction);
  }

private:
  bool trySplit(Operation *op, const Contraction &contraction) const {
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type || !isa<FloatType>(type.getElementType()) ||
        type.getElementTypeBitWidth() < 32)
      return false;
    int64_t sumBytes = getByteSize(type).value_or(0);
    if (sumBytes == 0)
      return false;
    for (unsigned index : {0U, 1U}) {
      auto operandType =
          cast<RankedTensorType>(op->getOperand(index).getType());
      int64_t bytes = getByteSize(operandType).value_or(0);
      int64_t numRanges =
          std::min<int64_t>({maxRanges, bytes / minBytes, bytes / sumBytes});
      int64_t size = operandType.getDimSize(contraction.dims[index]);
      while (numRanges > 1 && size % numRanges != 0)
        --numRanges;
      if (numRanges <= 1)
        continue;
      if (auto restored = getRestored(op->getOpOperand(index))) {
        split(op, contraction, index, *restored, numRanges);
        return true;
      }
    }
    return false;
  }
};
} // namespace
