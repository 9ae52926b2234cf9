//===- TrainingStep.cpp - Which functions are training steps --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TrainingStep.h"
#include "approx-act/Analysis/Turnaround.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::approx_act;

/// Whether another function of the module may be the step that is meant. (Reads
/// nothing of it but the signature: it may be worked on at the same time.)
static bool isStepElsewhere(func::FuncOp func,
                            ArrayRef<unsigned> forwardResults) {
  auto module = func->getParentOfType<ModuleOp>();
  return module &&
         llvm::any_of(module.getOps<func::FuncOp>(), [&](func::FuncOp other) {
           return other != func && other.isPublic() && !other.isExternal() &&
                  other.getNumResults() > 0 &&
                  findForwardResults(other, forwardResults);
         });
}

FailureOr<TrainingStep> approx_act::getTrainingStep(
    func::FuncOp func, ArrayRef<unsigned> forwardResults, std::string &reason) {
  TrainingStep step;
  if (func.isExternal())
    reason = "it has no body";
  else if (func.isPrivate())
    reason = "it is private: inline it into the step";
  else if (!func.getBody().hasOneBlock())
    reason = "it has more than one block";
  else if (func.getNumResults() == 0)
    reason = "it has no result";
  if (!reason.empty())
    return step;
  if (!findForwardResults(func, forwardResults) &&
      isStepElsewhere(func, forwardResults)) {
    reason = "which of its results is the loss is not known, and another "
             "function is a step";
    return step;
  }
  FailureOr<SmallVector<unsigned>> resolved =
      resolveForwardResults(func, forwardResults);
  if (failed(resolved))
    return failure();
  step.forwardResults = std::move(*resolved);
  return step;
}

bool approx_act::isDistributed(func::FuncOp func) {
  auto module = func->getParentOfType<ModuleOp>();
  auto count = module
                   ? module->getAttrOfType<IntegerAttr>("mhlo.num_partitions")
                   : IntegerAttr();
  return count && count.getInt() > 1;
}

void approx_act::eraseDeadOps(Block &block) {
  Operation *terminator = block.getTerminator();
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (&op != terminator && op.use_empty() && isMemoryEffectFree(&op))
      op.erase();
}
