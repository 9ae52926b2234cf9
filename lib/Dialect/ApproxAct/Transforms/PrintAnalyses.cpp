//===- PrintAnalyses.cpp - Passes that print analyses ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PassOptions.h"
#include "TrainingStep.h"
#include "approx-act/Analysis/PeakMemory.h"
#include "approx-act/Analysis/StoragePlan.h"
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_PRINTTURNAROUND
#define GEN_PASS_DEF_PRINTRESIDUALS
#define GEN_PASS_DEF_PRINTSTORAGEPLAN
#define GEN_PASS_DEF_PRINTPEAKMEMORY
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

namespace {
/// Finds the turnaround of a training step and lets `Derived` print from it.
template <typename Derived, typename Base>
struct PrintPass : Base {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp func = this->getOperation();
    this->markAllAnalysesPreserved();
    std::string reason;
    FailureOr<TrainingStep> step =
        getTrainingStep(func, this->forwardResults, reason);
    if (failed(step))
      return this->signalPassFailure();
    if (step->forwardResults.empty())
      return;
    Turnaround turnaround(func, step->forwardResults);
    static_cast<Derived *>(this)->print(turnaround);
  }
};

struct PrintTurnaround
    : PrintPass<PrintTurnaround,
                approx_act::impl::PrintTurnaroundBase<PrintTurnaround>> {
  using PrintPass::PrintPass;
  void print(const Turnaround &turnaround) { turnaround.print(llvm::errs()); }
};

struct PrintResiduals
    : PrintPass<PrintResiduals,
                approx_act::impl::PrintResidualsBase<PrintResiduals>> {
  using PrintPass::PrintPass;
  void print(const Turnaround &turnaround) {
    ResidualAnalysis(turnaround).print(llvm::errs());
  }
};

struct PrintStoragePlan
    : PrintPass<PrintStoragePlan,
                approx_act::impl::PrintStoragePlanBase<PrintStoragePlan>> {
  using PrintPass::PrintPass;
  void print(const Turnaround &turnaround) {
    FailureOr<StorageOptions> options =
        readStorageOptions(turnaround.getFunction(), bits, minFraction);
    if (failed(options))
      return signalPassFailure();
    ResidualAnalysis residuals(turnaround);
    NormalisationAnalysis normalisation(turnaround.getFunction());
    StoragePlan(turnaround, residuals, normalisation, *options)
        .print(llvm::errs());
  }
};

struct PrintPeakMemory
    : PrintPass<PrintPeakMemory,
                approx_act::impl::PrintPeakMemoryBase<PrintPeakMemory>> {
  using PrintPass::PrintPass;
  void print(const Turnaround &turnaround) {
    PeakMemoryAnalysis(turnaround).print(llvm::errs());
  }
};
} // namespace
