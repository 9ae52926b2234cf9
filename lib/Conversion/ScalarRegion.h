//===- ScalarRegion.h - Regions of scalars ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_CONVERSION_SCALARREGION_H
#define APPROX_ACT_LIB_CONVERSION_SCALARREGION_H

#include "mlir/IR/Builders.h"

namespace mlir::approx_act {

/// Emits `block`, the body of an op on tensors of rank 0 in linalg, as ops on
/// scalars, and returns what it returns; nothing where something has no such
/// form. Scalars of arguments that are not used may be null.
SmallVector<Value> emitScalars(OpBuilder &builder, Block &block,
                               ValueRange scalars);

/// The same of a block that returns one value; null where it has no such form.
Value emitScalar(OpBuilder &builder, Block &block, ValueRange scalars);

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_CONVERSION_SCALARREGION_H
