//===- Pipelines.cpp - Passes in their order ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Pipelines/Pipelines.h"
#include "approx-act/Conversion/Passes.h"
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::approx_act;

void approx_act::buildPipeline(OpPassManager &pm,
                               const PipelineOptions &options) {
  // An export calls private functions for what the framework names (a ReLU, a
  // softmax); the analyses look at one block.
  pm.addPass(createInlineCalls());
  pm.addPass(createSymbolDCEPass());
  // Equal masks and derivatives become one value, stored once. Nothing may
  // merge ops after the rewrite: a recomputation is a copy on purpose.
  pm.addNestedPass<func::FuncOp>(createCSEPass());

  // Before the decision, which then sees what is left to read.
  IndexWindowsOptions windows;
  windows.forwardResults = llvm::to_vector(options.forwardResults);
  pm.addNestedPass<func::FuncOp>(createIndexWindows(windows));
  FactorSumsOptions factor;
  factor.forwardResults = llvm::to_vector(options.forwardResults);
  pm.addNestedPass<func::FuncOp>(createFactorSums(factor));

  CompressResidualsOptions compress;
  compress.forwardResults = llvm::to_vector(options.forwardResults);
  compress.bits = options.bits;
  compress.range = options.range;
  compress.sigma = options.sigma;
  compress.granularity = options.granularity;
  compress.groupSize = options.groupSize;
  compress.rounding = options.rounding;
  compress.seed = options.seed;
  compress.minFraction = options.minFraction;
  pm.addNestedPass<func::FuncOp>(createCompressResiduals(compress));

  if (options.target == PipelineTarget::StableHLO)
    pm.addPass(createConvertApproxActToStableHLOPass());
}

void approx_act::registerPipelines() {
  PassPipelineRegistration<PipelineOptions>(
      "approx-act-pipeline",
      "Rewrite a training step: inline, merge, store residuals as codes, lower",
      buildPipeline);
}
