//===- ComplexParts.h - Tensors of complex numbers in parts -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_CONVERSION_COMPLEXPARTS_H
#define APPROX_ACT_LIB_CONVERSION_COMPLEXPARTS_H

#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::approx_act {

/// The real and the imaginary part of a number, or of each element of a tensor.
/// An imaginary part that is null is zero.
struct ComplexParts {
  Value re, im;
};

/// Emits a `linalg.generic` over the elements of `count` results of `shape`,
/// which `body` computes from those of `inputs` that `maps` choose.
SmallVector<Value> emitElements(
    ImplicitLocOpBuilder &b, ArrayRef<int64_t> shape, Type element,
    unsigned count, ValueRange inputs, ArrayRef<AffineMap> maps,
    function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ValueRange)> body);

/// Emits a `linalg.generic` that adds to `init` sums of products of real
/// numbers: what contractions are recognised by.
Value emitSumsOfProducts(ImplicitLocOpBuilder &b, Value lhs, Value rhs,
                         Value init, ArrayRef<AffineMap> maps,
                         ArrayRef<utils::IteratorType> iterators);

/// Emits the real or the imaginary part of a number.
Value emitPart(ImplicitLocOpBuilder &b, Value number, bool isReal);

/// Emits what takes a tensor of complex numbers apart.
ComplexParts emitParts(ImplicitLocOpBuilder &b, Value value);

/// Emits what makes a tensor of complex numbers of its parts.
Value emitComplex(ImplicitLocOpBuilder &b, ComplexParts parts);

/// Emits a tensor of zeros.
Value emitZeros(ImplicitLocOpBuilder &b, ArrayRef<int64_t> shape, Type element);

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_CONVERSION_COMPLEXPARTS_H
