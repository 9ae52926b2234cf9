//===- ApproxAct.h - The approx_act dialect ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The dialect, its attributes and ops. See docs/semantics.md for what the ops
/// compute, clause by clause.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_DIALECT_APPROXACT_IR_APPROXACT_H
#define APPROX_ACT_DIALECT_APPROXACT_IR_APPROXACT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "approx-act/Dialect/ApproxAct/IR/ApproxActDialect.h.inc"

#include "approx-act/Dialect/ApproxAct/IR/ApproxActEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "approx-act/Dialect/ApproxAct/IR/ApproxActAttrs.h.inc"

#define GET_OP_CLASSES
#include "approx-act/Dialect/ApproxAct/IR/ApproxActOps.h.inc"

namespace mlir::approx_act {

/// Bits of a word of packed codes.
inline constexpr int64_t kWordBits = 8;

/// On ops that codes have been lowered to: they make packed words, or read
/// them.
inline constexpr StringLiteral kStoresAttr = "approx_act.stores";
inline constexpr StringLiteral kRestoresAttr = "approx_act.restores";

/// On functions that can be run: the memref types of arguments and results.
inline constexpr StringLiteral kArgumentsAttr = "approx_act.arguments";
inline constexpr StringLiteral kResultsAttr = "approx_act.results";

/// The widths of a code, in bits.
inline bool isCodeWidth(int64_t bits) {
  return bits == 1 || bits == 2 || bits == 4 || bits == 8;
}

/// The type of the words that `codes` pack to along `dim` [S7].
RankedTensorType getPackedType(RankedTensorType codes, int64_t dim);

/// The dimension along which codes of type `codes` pack best, `std::nullopt`
/// for rank 0: the one with the least padding, and of several the last between
/// the first dimension, which is usually the one divided among devices, and the
/// last one, along which codes of one word lie in one run of memory, so that
/// restoring them does not vectorize; then the last one; then the first.
std::optional<int64_t> choosePackedDim(RankedTensorType codes);

/// The type of a grid's parameters for an activation of type `activation`:
/// `shape`, and f64 for f64, f32 otherwise.
RankedTensorType getParameterType(RankedTensorType activation,
                                  ArrayRef<int64_t> shape);

} // namespace mlir::approx_act

#endif // APPROX_ACT_DIALECT_APPROXACT_IR_APPROXACT_H
