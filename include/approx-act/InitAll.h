//===- InitAll.h - Registers dialects, passes and pipelines -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_INITALL_H
#define APPROX_ACT_INITALL_H

#include "approx-act/Conversion/Passes.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "approx-act/GPU/Passes.h"
#include "approx-act/Interfaces/UpstreamModels.h"
#include "approx-act/Pipelines/Pipelines.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/Extensions/InlinerExtension.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/Passes.h"

namespace mlir::approx_act {

inline void registerAllDialects(DialectRegistry &registry) {
  registry.insert<ApproxActDialect, arith::ArithDialect, func::FuncDialect,
                  math::MathDialect, tensor::TensorDialect>();
  registerGPUDialects(registry);
  registerStableHLODialects(registry);
  registerUpstreamModels(registry);
  func::registerInlinerExtension(registry);
}

inline void registerAllPasses() {
  registerApproxActPasses();
  registerApproxActConversionPasses();
  registerApproxActGPUPasses();
  registerPipelines();
  // Of upstream, what a training step goes through.
  registerInlinerPass();
  registerCSEPass();
  registerCanonicalizerPass();
}

} // namespace mlir::approx_act

#endif // APPROX_ACT_INITALL_H
