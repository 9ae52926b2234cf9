//===- TrainingStep.h - Which functions are training steps ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_TRANSFORMS_TRAININGSTEP_H
#define APPROX_ACT_LIB_TRANSFORMS_TRAININGSTEP_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::approx_act {

/// What a pass over functions does with one of them.
struct TrainingStep {
  /// Empty when the function is to be left alone.
  SmallVector<unsigned> forwardResults;
};

/// The forward results of `func`, if it is a training step: public, with a
/// body of one block, and results. Fails, after an error, when the options do
/// not fit it, nor any other function. `reason` is why it is not a step.
FailureOr<TrainingStep> getTrainingStep(func::FuncOp func,
                                        ArrayRef<unsigned> forwardResults,
                                        std::string &reason);

/// Whether the program runs on many devices, as partitions of one.
bool isDistributed(func::FuncOp func);

/// Erases the ops of the block whose results nothing reads, with what only they
/// read. (`isOpTriviallyDead` spares every op that has no class of its own.)
void eraseDeadOps(Block &block);

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_TRANSFORMS_TRAININGSTEP_H
