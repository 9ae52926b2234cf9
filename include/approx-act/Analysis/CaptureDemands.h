//===- CaptureDemands.h - What branches demand of captures ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// How exact the operands of an op must be, and what its regions capture: the
/// demands of an op as a whole.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_ANALYSIS_CAPTUREDEMANDS_H
#define APPROX_ACT_ANALYSIS_CAPTUREDEMANDS_H

#include "approx-act/Analysis/Turnaround.h"
#include "approx-act/Interfaces/ResidualOpInterface.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::approx_act {

/// Tells `demand` how exact the operands of a cheap op must be, or, where the
/// result is a smooth function of a value farther back, how exact that must be,
/// for a result of which `ofResult` is demanded. Not told: what is not read.
void propagateDemand(Operation *op, Demand ofResult,
                     llvm::function_ref<void(Value, Demand)> demand);

/// Looks into branches of the backward pass. A value that a branch captures is
/// demanded as the uses inside demand it; where such a use is itself computed
/// from values of the forward pass by cheap ops alone, what is demanded of that
/// counts too. No codes made outside know of a threshold inside, so a side is
/// demanded exactly, and so is what the branch returns as it is. Other regions
/// demand all they capture exactly.
class CaptureDemands {
public:
  explicit CaptureDemands(const Turnaround &turnaround)
      : turnaround(turnaround) {}

  /// The demand of `use` on its value, in an op of the step's block or, for all
  /// uses there of the value at once, in a region of such an op.
  Demand getDemand(OpOperand &use);

  /// The demand of `op`, of the step's block, on a value that its regions
  /// capture.
  Demand getCaptureDemand(Operation *op, Value value);

private:
  const Turnaround &turnaround;
  llvm::DenseMap<Operation *, llvm::DenseMap<Value, Demand>> known;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_ANALYSIS_CAPTUREDEMANDS_H
