//===- Signature.h - What a lowered function takes --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A function in the LLVM dialect takes pointers and numbers. What they meant
/// is in two of its attributes, kArgumentsAttr and kResultsAttr; see
/// docs/gpu.md.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_RUNNER_SIGNATURE_H
#define APPROX_ACT_RUNNER_SIGNATURE_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mlir::approx_act {

/// A buffer of a function.
struct Parameter {
  MemRefType type;
  /// NumPy's name of the element type.
  std::string elementType;
  int64_t elementBytes = 0;

  int64_t getBytes() const { return elementBytes * type.getNumElements(); }

  /// The type that the function has it as: the parts of complex numbers are a
  /// last dimension.
  MemRefType getPassedType() const;
};

/// The buffers of a function.
struct Signature {
  SmallVector<Parameter> arguments;
  SmallVector<Parameter> results;

  /// Reads the attributes of `function`; what is wrong is reported at it.
  static FailureOr<Signature> get(LLVM::LLVMFuncOp function);
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_RUNNER_SIGNATURE_H
