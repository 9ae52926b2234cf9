//===- Pipelines.h - Passes in their order ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_PIPELINES_PIPELINES_H
#define APPROX_ACT_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace mlir::approx_act {

/// The dialect that a pipeline ends in.
enum class PipelineTarget { ApproxAct, StableHLO };

/// Options of `approx-act-pipeline`. All but `target` are those of
/// `approx-act-compress-residuals`.
struct PipelineOptions : PassPipelineOptions<PipelineOptions> {
  Option<PipelineTarget> target{
      *this, "target", llvm::cl::desc("The dialect to end in"),
      llvm::cl::init(PipelineTarget::StableHLO),
      llvm::cl::values(
          clEnumValN(PipelineTarget::ApproxAct, "approx_act",
                     "Stop after approx-act-compress-residuals"),
          clEnumValN(PipelineTarget::StableHLO, "stablehlo",
                     "Lower approx_act, so that StableHLO's tools read it"))};
  Option<unsigned> bits{
      *this, "bits",
      llvm::cl::desc("Bits per code: 8, 4, 2 or 1; 0: no codes, only "
                     "what saves work in any step"),
      llvm::cl::init(4)};
  ListOption<unsigned> forwardResults{
      *this, "forward-results",
      llvm::cl::desc("Indices of the results that must be exact, loss first")};
  Option<std::string> range{
      *this, "range", llvm::cl::desc("auto, normalised, minmax or absmax"),
      llvm::cl::init("auto")};
  Option<double> sigma{
      *this, "sigma",
      llvm::cl::desc("Half width of a normalised interval; 0: by bits"),
      llvm::cl::init(0.0)};
  Option<std::string> granularity{
      *this, "granularity", llvm::cl::desc("auto, tensor, channel or group"),
      llvm::cl::init("auto")};
  Option<int64_t> groupSize{*this, "group-size",
                            llvm::cl::desc("Elements in a group"),
                            llvm::cl::init(64)};
  Option<std::string> rounding{*this, "rounding",
                               llvm::cl::desc("nearest or stochastic"),
                               llvm::cl::init("nearest")};
  Option<unsigned> seed{*this, "seed",
                        llvm::cl::desc("Seed of stochastic rounding"),
                        llvm::cl::init(0)};
  Option<double> minFraction{
      *this, "min-fraction",
      llvm::cl::desc(
          "The smallest residuals, together at most this fraction of "
          "all residual bytes, stay exact"),
      llvm::cl::init(1.0 / 500)};
};

/// What kernels of `approx-act-to-gpu` are compiled to.
enum class KernelFormat { GPU, LLVM, ISA, Bin, Fatbin };

/// Who does contractions.
enum class ContractionTarget { Runtime, Kernels };

/// Options of `approx-act-to-gpu`.
struct ToGPUOptions : PassPipelineOptions<ToGPUOptions> {
  ListOption<std::string> chips{
      *this, "chip",
      llvm::cl::desc("The chips to compile kernels for, such as sm_90; "
                     "several take the format fatbin; default sm_80")};
  Option<KernelFormat> format{
      *this, "format", llvm::cl::desc("What kernels become"),
      llvm::cl::init(KernelFormat::Fatbin),
      llvm::cl::values(
          clEnumValN(KernelFormat::GPU, "gpu",
                     "Stop at functions and launches of the gpu dialect"),
          clEnumValN(KernelFormat::LLVM, "llvm",
                     "Bitcode, which the runtime runs on the CPU"),
          clEnumValN(KernelFormat::ISA, "isa", "PTX"),
          clEnumValN(KernelFormat::Bin, "bin", "Machine code (ptxas)"),
          clEnumValN(KernelFormat::Fatbin, "fatbin",
                     "Machine code and PTX (ptxas, fatbinary)"))};
  Option<ContractionTarget> contractions{
      *this, "contractions",
      llvm::cl::desc("What does products and convolutions"),
      llvm::cl::init(ContractionTarget::Runtime),
      llvm::cl::values(
          clEnumValN(ContractionTarget::Runtime, "runtime",
                     "The runtime's libraries; kernels where they cannot"),
          clEnumValN(ContractionTarget::Kernels, "kernels",
                     "Generated kernels, slow ones"))};
  Option<unsigned> optLevel{
      *this, "opt-level",
      llvm::cl::desc("How much LLVM optimises kernels, 0 to 3"),
      llvm::cl::init(3)};
  Option<std::string> toolkit{
      *this, "toolkit",
      llvm::cl::desc("Root of the CUDA toolkit; default: that of the "
                     "environment (CUDA_ROOT, CUDA_HOME, CUDA_PATH)"),
      llvm::cl::init("")};
  Option<int64_t> blockSize{*this, "block-size",
                            llvm::cl::desc("Threads of a block"),
                            llvm::cl::init(128)};
  Option<bool> printPlan{*this, "print-plan",
                         llvm::cl::desc("Print the memory plan, as CSV"),
                         llvm::cl::init(false)};
};

/// Lowers a module that holds a training step in linalg, with ops of
/// `approx_act` in it or without, to a host program with kernels.
void buildToGPUPipeline(OpPassManager &pm, const ToGPUOptions &options);

/// Rewrites a module that holds a training step.
void buildPipeline(OpPassManager &pm, const PipelineOptions &options);

void registerPipelines();

} // namespace mlir::approx_act

#endif // APPROX_ACT_PIPELINES_PIPELINES_H
