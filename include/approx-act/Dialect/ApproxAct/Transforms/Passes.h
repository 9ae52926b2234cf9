//===- Passes.h - Analyses and rewrites of training steps -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_DIALECT_APPROXACT_TRANSFORMS_PASSES_H
#define APPROX_ACT_DIALECT_APPROXACT_TRANSFORMS_PASSES_H

#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/Pass.h"

namespace mlir::approx_act {

#define GEN_PASS_DECL
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h.inc"

} // namespace mlir::approx_act

#endif // APPROX_ACT_DIALECT_APPROXACT_TRANSFORMS_PASSES_H
