//===- Signature.cpp - What a lowered function takes ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Runner/Signature.h"
#include "approx-act/Dialect/ApproxAct/IR/AttrNames.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::approx_act;

/// NumPy's name of an element type, or nothing when it has none. Types that
/// NumPy does not know are bytes to it.
static std::optional<std::string> getElementType(Type type) {
  if (auto complex = dyn_cast<ComplexType>(type)) {
    if (complex.getElementType().isF32())
      return "<c8";
    if (complex.getElementType().isF64())
      return "<c16";
    return std::nullopt;
  }
  if (type.isIndex())
    return "<i8";
  if (!type.isIntOrFloat())
    return std::nullopt;
  unsigned bits = type.getIntOrFloatBitWidth();
  if (type.isInteger(1))
    return "|b1";
  if (bits % 8 != 0 || bits > 64)
    return std::nullopt;
  std::string bytes = std::to_string(bits / 8);
  if (type.isInteger())
    return (bits == 8 ? "|" : "<") +
           std::string(type.isUnsignedInteger() ? "u" : "i") + bytes;
  if (type.isF16() || type.isF32() || type.isF64())
    return "<f" + bytes;
  return "|V" + bytes;
}

MemRefType Parameter::getPassedType() const {
  auto complex = dyn_cast<ComplexType>(type.getElementType());
  if (!complex)
    return type;
  SmallVector<int64_t> shape(type.getShape());
  shape.push_back(2);
  return MemRefType::get(shape, complex.getElementType());
}

static FailureOr<SmallVector<Parameter>>
getParameters(LLVM::LLVMFuncOp function, StringRef name) {
  auto types = function->getAttrOfType<ArrayAttr>(name);
  if (!types)
    return function.emitError("expected an attribute '")
           << name << "' that lists memref types";
  SmallVector<Parameter> parameters;
  for (Attribute attribute : types) {
    auto typeAttr = dyn_cast<TypeAttr>(attribute);
    auto type = typeAttr ? dyn_cast<MemRefType>(typeAttr.getValue()) : nullptr;
    if (!type || !type.hasStaticShape() || !type.getLayout().isIdentity())
      return function.emitError("expected memref types of static shape and "
                                "identity layout in '")
             << name << "', found " << attribute;
    std::optional<std::string> elementType =
        getElementType(type.getElementType());
    if (!elementType)
      return function.emitError("elements of type ")
             << type.getElementType() << " in '" << name
             << "' have no form in files";
    int64_t bytes = 0;
    (void)StringRef(*elementType).drop_front(2).getAsInteger(10, bytes);
    int64_t total = bytes;
    for (int64_t size : type.getShape())
      if (llvm::MulOverflow(total, size, total))
        return function.emitError("more bytes than 64 bits can count in '")
               << name << "', found " << attribute;
    parameters.push_back({type, *elementType, bytes});
  }
  return parameters;
}

FailureOr<Signature> Signature::get(LLVM::LLVMFuncOp function) {
  FailureOr<SmallVector<Parameter>> arguments =
      getParameters(function, kArgumentsAttr);
  if (failed(arguments))
    return failure();
  FailureOr<SmallVector<Parameter>> results =
      getParameters(function, kResultsAttr);
  if (failed(results))
    return failure();
  // A memref is two pointers, an offset, and the sizes and strides.
  unsigned expected = 0;
  for (ArrayRef<Parameter> parameters :
       {ArrayRef(*arguments), ArrayRef(*results)})
    for (const Parameter &parameter : parameters)
      expected += 3 + 2 * parameter.getPassedType().getRank();
  if (function.getNumArguments() != expected ||
      !isa<LLVM::LLVMVoidType>(function.getFunctionType().getReturnType()))
    return function.emitError("expected ")
           << expected << " arguments, the fields of the memrefs in '"
           << kArgumentsAttr << "' and '" << kResultsAttr
           << "', and no result; found " << function.getNumArguments()
           << " arguments and result type "
           << function.getFunctionType().getReturnType();
  return Signature{std::move(*arguments), std::move(*results)};
}
