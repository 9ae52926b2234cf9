//===- SmallTensors.h - Arithmetic on statistics ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Brings the small tensors that an activation is scaled and shifted by
/// (statistics, learned coefficients) to one type, so that arithmetic on them
/// is elementwise.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_TRANSFORMS_SMALLTENSORS_H
#define APPROX_ACT_LIB_TRANSFORMS_SMALLTENSORS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mlir::approx_act {

/// A tensor of `type` all of whose elements are `value`.
Value makeSplat(OpBuilder &builder, Location loc, RankedTensorType type,
                double value);

/// `value` as a tensor of `type`: converted, and with dimensions of size 1
/// added and removed. A splat constant takes any shape; for every other value
/// the shapes agree but for dimensions of size 1.
Value makeSmall(OpBuilder &builder, Location loc, Value value,
                RankedTensorType type);

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_TRANSFORMS_SMALLTENSORS_H
