//===- Pipelines.cpp - Passes in their order ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Pipelines/Pipelines.h"
#include "approx-act/Conversion/Passes.h"
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h"
#include "approx-act/GPU/Passes.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/GPUCommon/GPUCommonPass.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::approx_act;

void approx_act::buildPipeline(OpPassManager &pm,
                               const PipelineOptions &options) {
  // An export calls private functions for what the framework names (a ReLU, a
  // softmax); the analyses look at one block.
  pm.addPass(createInlineCalls());
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

  if (options.bits != 0) {
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
    pm.addNestedPass<func::FuncOp>(createDelayDraws());
    pm.addNestedPass<func::FuncOp>(createDelayFills());
  }

  if (options.target != PipelineTarget::StableHLO)
    return;
  if (options.bits != 0) {
    SplitExamplesOptions examples;
    examples.forwardResults = llvm::to_vector(options.forwardResults);
    pm.addNestedPass<func::FuncOp>(createSplitExamples(examples));
  }
  // Kernels read their operands as they are, and have no copies to save.
  pm.addNestedPass<func::FuncOp>(createSplitContractions());
  pm.addPass(createConvertApproxActToStableHLOPass());
}

/// Upstream's canonicalizer for programs in linalg.
static std::unique_ptr<Pass> createLinalgCanonicalizer() {
  // Of what is padded and then written into a filled tensor with steps, this
  // pattern writes only the inside, but shifts it by as many elements as the
  // padding has, not by as many steps.
  return createCanonicalizerPass(
      GreedyRewriteConfig(), {"(anonymous namespace)::FoldInsertPadIntoFill"});
}

/// From linalg on tensors to launches of the gpu dialect.
static void buildKernels(OpPassManager &pm, const ToGPUOptions &options) {
  pm.addPass(createInlineCalls());
  pm.addPass(createLegalizeTypes());
  pm.addPass(createConvertStableHLOToLinalgPass());
  pm.addPass(createConvertApproxActToLinalgPass());
  pm.addPass(createConvertElementwiseToLinalgPass());
  // Before anything looks at what is computed.
  pm.addPass(createSplitComplexPass());
  pm.addPass(createLinalgCanonicalizer());
  // Recomputations of the backward pass are safe here: what they start from
  // went through a barrier, and barriers stay until kernels are formed.
  pm.addPass(createCSEPass());
  if (options.contractions == ContractionTarget::Runtime)
    pm.addNestedPass<func::FuncOp>(createMatchContractions());
  // Twice, for the reductions of millions that are left of billions.
  pm.addNestedPass<func::FuncOp>(createSplitReductions());
  pm.addNestedPass<func::FuncOp>(createSplitReductions());
  pm.addPass(createLinalgCanonicalizer());
  // Nothing merges large values of the same small ones after it.
  pm.addNestedPass<func::FuncOp>(createKeepSmall());
  pm.addNestedPass<func::FuncOp>(createFormKernels());
  pm.addNestedPass<func::FuncOp>(createSchedule());

  pm.addPass(createBufferizeKernels());
  PlanMemoryOptions plan;
  plan.print = options.printPlan;
  pm.addNestedPass<func::FuncOp>(createPlanMemory(plan));

  ConvertKernelsToGPUOptions convert;
  convert.blockSize = options.blockSize;
  pm.addPass(createConvertKernelsToGPU(convert));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addNestedPass<gpu::GPUModuleOp>(createWidenWords());
}

/// The name of a format for `gpu-module-to-binary`.
static StringRef getFormatName(KernelFormat format) {
  switch (format) {
  case KernelFormat::LLVM:
    return "llvm";
  case KernelFormat::ISA:
    return "isa";
  case KernelFormat::Bin:
    return "bin";
  default:
    return "fatbin";
  }
}

void approx_act::buildToGPUPipeline(OpPassManager &pm,
                                    const ToGPUOptions &options) {
  buildKernels(pm, options);
  if (options.format == KernelFormat::GPU)
    return;

  AttachTargetOptions target;
  target.chips = llvm::to_vector(options.chips);
  if (target.chips.empty())
    target.chips.push_back("sm_80");
  target.optLevel = options.optLevel;
  target.device = options.format == KernelFormat::LLVM ? "cpu" : "cuda";
  pm.addPass(createAttachTarget(target));
  pm.addNestedPass<gpu::GPUModuleOp>(createExpandMaximum());

  pm.addPass(createThreadStream());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());

  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  ConvertGpuOpsToNVVMOpsOptions nvvm;
  nvvm.useBarePtrCallConv = true;
  kernels.addPass(createConvertGpuOpsToNVVMOps(nvvm));
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());

  GpuToLLVMConversionPassOptions host;
  host.kernelBarePtrCallConv = true;
  pm.addPass(createGpuToLLVMConversionPass(host));
  pm.addPass(createReconcileUnrealizedCastsPass());
  CheckDeviceOptions check;
  check.toolkit = options.toolkit;
  check.needsToolkit = options.format != KernelFormat::LLVM;
  pm.addPass(createCheckDevice(check));
  GpuModuleToBinaryPassOptions binary;
  binary.toolkitPath = options.toolkit;
  binary.compilationTarget = getFormatName(options.format).str();
  pm.addPass(createGpuModuleToBinaryPass(binary));
  pm.addPass(createMergeObjects());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void approx_act::registerPipelines() {
  PassPipelineRegistration<ToGPUOptions>(
      "approx-act-to-gpu",
      "Lower a training step in linalg to a host program with kernels",
      buildToGPUPipeline);
  PassPipelineRegistration<PipelineOptions>(
      "approx-act-pipeline",
      "Rewrite a training step: inline, merge, store residuals as codes, lower",
      buildPipeline);
}
