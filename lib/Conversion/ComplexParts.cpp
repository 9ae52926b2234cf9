//===- ComplexParts.cpp - Tensors of complex numbers in parts -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ComplexParts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::approx_act;

SmallVector<Value> approx_act::emitElements(
    ImplicitLocOpBuilder &b, ArrayRef<int64_t> shape, Type element,
    unsigned count, ValueRange inputs, ArrayRef<AffineMap> maps,
    function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ValueRange)> body) {
  SmallVector<Value> inits;
  SmallVector<AffineMap> allMaps(maps);
  for (unsigned i = 0; i < count; ++i) {
    inits.push_back(tensor::EmptyOp::create(b, shape, element));
    allMaps.push_back(b.getMultiDimIdentityMap(shape.size()));
  }
  SmallVector<utils::IteratorType> iterators(shape.size(),
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, TypeRange(ValueRange(inits)), inputs, inits, allMaps, iterators,
      [&](OpBuilder &builder, Location loc, ValueRange arguments) {
        ImplicitLocOpBuilder nested(loc, builder);
        SmallVector<Value> results =
            body(nested, arguments.take_front(inputs.size()));
        linalg::YieldOp::create(nested, results);
      });
  return llvm::to_vector_of<Value>(generic.getResults());
}

Value approx_act::emitSumsOfProducts(ImplicitLocOpBuilder &b, Value lhs,
                                     Value rhs, Value init,
                                     ArrayRef<AffineMap> maps,
                                     ArrayRef<utils::IteratorType> iterators) {
  return linalg::GenericOp::create(
             b, init.getType(), ValueRange{lhs, rhs}, init, maps, iterators,
             [](OpBuilder &builder, Location loc, ValueRange arguments) {
               Value product = arith::MulFOp::create(builder, loc, arguments[0],
                                                     arguments[1]);
               Value sum =
                   arith::AddFOp::create(builder, loc, arguments[2], product);
               linalg::YieldOp::create(builder, loc, sum);
             })
      .getResult(0);
}

Value approx_act::emitPart(ImplicitLocOpBuilder &b, Value number, bool isReal) {
  if (isReal)
    return complex::ReOp::create(b, number);
  return complex::ImOp::create(b, number);
}

ComplexParts approx_act::emitParts(ImplicitLocOpBuilder &b, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  Type element = cast<ComplexType>(type.getElementType()).getElementType();
  AffineMap own = b.getMultiDimIdentityMap(type.getRank());
  auto emitOne = [&](bool isReal) {
    return emitElements(
               b, type.getShape(), element, 1, value, own,
               [&](ImplicitLocOpBuilder &nested, ValueRange arguments) {
                 return SmallVector<Value>{
                     emitPart(nested, arguments.front(), isReal)};
               })
        .front();
  };
  Value re = emitOne(true);
  return {re, emitOne(false)};
}

Value approx_act::emitComplex(ImplicitLocOpBuilder &b, ComplexParts parts) {
  auto type = cast<RankedTensorType>(parts.re.getType());
  auto element = ComplexType::get(type.getElementType());
  AffineMap own = b.getMultiDimIdentityMap(type.getRank());
  if (!parts.im)
    parts.im = emitZeros(b, type.getShape(), type.getElementType());
  return emitElements(b, type.getShape(), element, 1, {parts.re, parts.im},
                      {own, own},
                      [&](ImplicitLocOpBuilder &nested, ValueRange arguments) {
                        Value number = complex::CreateOp::create(
                            nested, element, arguments[0], arguments[1]);
                        return SmallVector<Value>{number};
                      })
      .front();
}

Value approx_act::emitZeros(ImplicitLocOpBuilder &b, ArrayRef<int64_t> shape,
                            Type element) {
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(element));
  Value empty = tensor::EmptyOp::create(b, shape, element);
  return linalg::FillOp::create(b, zero, empty).result();
}
