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

#include "approx-act/Dialect/ApproxAct/IR/AttrNames.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
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

/// The widths of a code, in bits.
inline bool isCodeWidth(int64_t bits) {
  return bits == 1 || bits == 2 || bits == 4 || bits == 8;
}

/// The type of the words that `codes` pack to along `dim` [S7].
RankedTensorType getPackedType(RankedTensorType codes, int64_t dim);

/// How a tensor of codes is packed.
struct Packing {
  /// The type in which it is packed: that of the codes, or with the first
  /// dimension in two, so that neighbours along it share a word.
  RankedTensorType view;
  /// The dimension of `view` along which it is packed.
  int64_t dim = 0;

  RankedTensorType getWordsType() const { return getPackedType(view, dim); }

  /// Of a view in which one dimension is two, `dim` and the one before it: the
  /// dimensions of the view by those of the codes.
  SmallVector<ReassociationIndices> getSplit() const;
};

/// The best packing of codes of type `codes`, `std::nullopt` for rank 0. Along
/// the last dimension the codes of one word would lie in one run of memory, and
/// restoring them would not vectorize; so it is taken when nothing else does
/// without much padding. The first dimension is usually divided among devices,
/// where halves of it would have to be exchanged, and neighbours need not.
std::optional<Packing> choosePacking(RankedTensorType codes);

/// The type of a grid's parameters for an activation of type `activation`:
/// `shape`, and f64 for f64, f32 otherwise.
RankedTensorType getParameterType(RankedTensorType activation,
                                  ArrayRef<int64_t> shape);

/// What `value` is before it is made to wait for others.
Value skipBarriers(Value value);

} // namespace mlir::approx_act

#endif // APPROX_ACT_DIALECT_APPROXACT_IR_APPROXACT_H
