//===- Passes.h - From linalg to kernels ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The passes that make kernels of a training step in linalg.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_GPU_PASSES_H
#define APPROX_ACT_GPU_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::func {
class FuncOp;
} // namespace mlir::func

namespace mlir::gpu {
class GPUModuleOp;
} // namespace mlir::gpu

namespace mlir::approx_act {

#define GEN_PASS_DECL
#include "approx-act/GPU/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "approx-act/GPU/Passes.h.inc"

/// Lets `approx_act.kernel` and contractions be bufferized.
void registerKernelBufferization(DialectRegistry &registry);

/// Lets `gpu-to-llvm` make calls of the runtime of contractions.
void registerConvertContractionsToLLVMInterface(DialectRegistry &registry);

/// Registers the dialects that a program goes through from linalg to a binary,
/// and what upstream's passes want of them.
void registerGPUDialects(DialectRegistry &registry);

} // namespace mlir::approx_act

#endif // APPROX_ACT_GPU_PASSES_H
