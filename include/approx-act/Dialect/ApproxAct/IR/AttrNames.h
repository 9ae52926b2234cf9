//===- AttrNames.h - Names of discardable attributes ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The discardable attributes by which passes, and what runs a program, know
/// what earlier passes did.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_DIALECT_APPROXACT_IR_ATTRNAMES_H
#define APPROX_ACT_DIALECT_APPROXACT_IR_ATTRNAMES_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringRef.h"

namespace mlir::approx_act {

/// On ops that codes have been lowered to: they make packed words, or read
/// them.
inline constexpr llvm::StringLiteral kStoresAttr = "approx_act.stores";
inline constexpr llvm::StringLiteral kRestoresAttr = "approx_act.restores";

/// On an argument or a result of a function, the last dimension of which is the
/// two parts of complex numbers.
inline constexpr llvm::StringLiteral kComplexAttr = "approx_act.complex";

/// On functions that can be run: the memref types of the buffers that they
/// read, and of those that they write, which are the last arguments.
inline constexpr llvm::StringLiteral kArgumentsAttr = "approx_act.arguments";
inline constexpr llvm::StringLiteral kResultsAttr = "approx_act.results";

/// On a module: what runs it, "cpu" or "cuda".
inline constexpr llvm::StringLiteral kDeviceAttr = "approx_act.device";

} // namespace mlir::approx_act

#endif // APPROX_ACT_DIALECT_APPROXACT_IR_ATTRNAMES_H
