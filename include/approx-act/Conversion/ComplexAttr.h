//===- ComplexAttr.h - What is left of complex types ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_CONVERSION_COMPLEXATTR_H
#define APPROX_ACT_CONVERSION_COMPLEXATTR_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringRef.h"

namespace mlir::approx_act {

/// On an argument or a result of a function, the last dimension of which is the
/// two parts of complex numbers.
inline constexpr llvm::StringLiteral kComplexAttr = "approx_act.complex";

} // namespace mlir::approx_act

#endif // APPROX_ACT_CONVERSION_COMPLEXATTR_H
