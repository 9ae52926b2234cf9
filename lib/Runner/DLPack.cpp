//===- DLPack.cpp - Arrays for other libraries ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DLPack.h"

using namespace mlir;
using namespace mlir::approx_act;
using namespace mlir::approx_act::dlpack;

static std::optional<DataType> getDataType(Type type) {
  // Codes of the specification.
  enum : uint8_t { Int, UInt, Float, BFloat = 4, Complex, Bool };
  auto make = [](uint8_t code, unsigned bits) {
    return DataType{code, static_cast<uint8_t>(bits), /*lanes=*/1};
  };
  if (auto complex = dyn_cast<ComplexType>(type))
    return make(Complex, 2 * complex.getElementType().getIntOrFloatBitWidth());
  if (type.isIndex())
    return make(Int, 64);
  unsigned bits = type.getIntOrFloatBitWidth();
  if (type.isInteger(1))
    return make(Bool, 8);
  if (type.isInteger())
    return make(type.isUnsignedInteger() ? UInt : Int, bits);
  if (type.isF16() || type.isF32() || type.isF64())
    return make(Float, bits);
  if (type.isBF16())
    return make(BFloat, bits);
  return std::nullopt;
}

namespace {
/// What a tensor points to.
struct Context {
  ManagedTensor managed;
  SmallVector<int64_t> shape;
  SmallVector<int64_t> strides;
  std::shared_ptr<void> owner;
};
} // namespace

ManagedTensor *dlpack::makeTensor(const Parameter &parameter, void *data,
                                  bool isCPU, std::shared_ptr<void> owner) {
  std::optional<DataType> type = getDataType(parameter.type.getElementType());
  if (!type)
    return nullptr;
  auto *context = new Context;
  context->shape.assign(parameter.type.getShape().begin(),
                        parameter.type.getShape().end());
  context->strides = parameter.type.getStridesAndOffset().first;
  context->owner = std::move(owner);
  context->managed.tensor = {data,
                             {isCPU ? 1 : 2, 0},
                             static_cast<int32_t>(context->shape.size()),
                             *type,
                             context->shape.data(),
                             context->strides.data(),
                             /*byteOffset=*/0};
  context->managed.context = context;
  context->managed.deleter = [](ManagedTensor *self) {
    delete static_cast<Context *>(self->context);
  };
  return &context->managed;
}
