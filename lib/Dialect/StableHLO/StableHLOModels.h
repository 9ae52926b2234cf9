//===- StableHLOModels.h - Interfaces of StableHLO ops ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The models by which ops of the StableHLO shim implement interfaces. They
/// are looked up by the name of the op, since the shim has no op classes.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_DIALECT_STABLEHLO_STABLEHLOMODELS_H
#define APPROX_ACT_LIB_DIALECT_STABLEHLO_STABLEHLOMODELS_H

#include "approx-act/Interfaces/ResidualOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::approx_act {

/// Whether the op `name` (without the dialect's prefix) is known to have no
/// side effect, so that it may be moved, merged or removed.
bool isPureStableHLOOp(StringRef name);

struct StableHLOEffectsModel
    : MemoryEffectOpInterface::FallbackModel<StableHLOEffectsModel> {
  void
  getEffects(Operation *,
             SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
                 &) const {
    // Handed out to pure ops only.
  }
  static bool classof(Operation *op);
};

struct StableHLOResidualModel
    : ResidualOpInterface::FallbackModel<StableHLOResidualModel> {
  ScalarFunction getScalarFunction(Operation *op) const;
  Recompute getRecompute(Operation *op) const;
  Demand getDemand(Operation *op, unsigned index) const;
  std::optional<Comparison> getComparison(Operation *op) const;
  SmallVector<int64_t> getDimensions(Operation *op) const;
  std::optional<double> getSplatValue(Operation *op) const;
  Evaluator getEvaluator(Operation *op) const;
  static bool classof(Operation *op);
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_DIALECT_STABLEHLO_STABLEHLOMODELS_H
