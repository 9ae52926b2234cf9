//===- UpstreamModels.h - Interfaces of upstream ops ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// ResidualOpInterface for the ops of arith and tensor by which the passes
/// compute small tensors.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_INTERFACES_UPSTREAMMODELS_H
#define APPROX_ACT_INTERFACES_UPSTREAMMODELS_H

#include "mlir/IR/DialectRegistry.h"

namespace mlir::approx_act {

void registerUpstreamModels(DialectRegistry &registry);

} // namespace mlir::approx_act

#endif // APPROX_ACT_INTERFACES_UPSTREAMMODELS_H
