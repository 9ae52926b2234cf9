//===- Passes.h - Conversions of approx_act ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The passes that take `approx_act` to other dialects.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_CONVERSION_PASSES_H
#define APPROX_ACT_CONVERSION_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::approx_act {

#define GEN_PASS_DECL
#include "approx-act/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "approx-act/Conversion/Passes.h.inc"

} // namespace mlir::approx_act

#endif // APPROX_ACT_CONVERSION_PASSES_H
