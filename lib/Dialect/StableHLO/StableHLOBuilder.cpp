//===- StableHLOBuilder.cpp - Creates StableHLO ops -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Dialect/StableHLO/StableHLO.h"

using namespace mlir;
using namespace mlir::approx_act;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

Operation *StableHLOBuilder::create(StringRef name, ValueRange operands,
                                    TypeRange results,
                                    ArrayRef<NamedAttribute> attributes) {
  OperationState state(loc, ("stablehlo." + name).str(), operands, results);
  // Inherent attributes are properties in the generic form, `<{…}>`.
  if (!attributes.empty())
    state.propertiesAttr = builder.getDictionaryAttr(attributes);
  return builder.create(state);
}

Value StableHLOBuilder::elementwise(StringRef name, ValueRange operands) {
  return create(name, operands, operands.front().getType())->getResult(0);
}

Value StableHLOBuilder::constant(ElementsAttr value) {
  return create("constant", {}, value.getType(),
                builder.getNamedAttr("value", value))
      ->getResult(0);
}

Value StableHLOBuilder::splat(RankedTensorType type, double value) {
  Type element = type.getElementType();
  Attribute attribute;
  if (isa<FloatType>(element))
    attribute = builder.getFloatAttr(element, value);
  else
    attribute = IntegerAttr::get(element, static_cast<int64_t>(value));
  return constant(DenseElementsAttr::get(type, attribute));
}

Value StableHLOBuilder::compare(StringRef direction, Value lhs, Value rhs) {
  auto name = builder.getStringAttr("stablehlo");
  auto attribute = OpaqueAttr::get(
      name, ("comparison_direction " + direction).str(), builder.getNoneType());
  auto type =
      RankedTensorType::get(typeOf(lhs).getShape(), builder.getI1Type());
  return create("compare", {lhs, rhs}, type,
                builder.getNamedAttr("comparison_direction", attribute))
      ->getResult(0);
}

Value StableHLOBuilder::select(Value condition, Value onTrue, Value onFalse) {
  return create("select", {condition, onTrue, onFalse}, onTrue.getType())
      ->getResult(0);
}

Value StableHLOBuilder::convert(Value value, Type elementType) {
  if (typeOf(value).getElementType() == elementType)
    return value;
  return create("convert", value, typeOf(value).clone(elementType))
      ->getResult(0);
}

Value StableHLOBuilder::bitcastConvert(Value value, Type elementType) {
  return create("bitcast_convert", value, typeOf(value).clone(elementType))
      ->getResult(0);
}

Value StableHLOBuilder::reshape(Value value, ArrayRef<int64_t> shape) {
  if (typeOf(value).getShape() == shape)
    return value;
  return create("reshape", value, typeOf(value).clone(shape))->getResult(0);
}

Value StableHLOBuilder::broadcastInDim(Value value, ArrayRef<int64_t> shape,
                                       ArrayRef<int64_t> dims) {
  return create("broadcast_in_dim", value, typeOf(value).clone(shape),
                builder.getNamedAttr("broadcast_dimensions",
                                     builder.getDenseI64ArrayAttr(dims)))
      ->getResult(0);
}

Value StableHLOBuilder::iota(RankedTensorType type, int64_t dim) {
  return create("iota", {}, type,
                builder.getNamedAttr("iota_dimension",
                                     builder.getI64IntegerAttr(dim)))
      ->getResult(0);
}

Value StableHLOBuilder::sliceDim(Value value, int64_t dim, int64_t start,
                                 int64_t size) {
  SmallVector<int64_t> limits(
      cast<RankedTensorType>(value.getType()).getShape());
  SmallVector<int64_t> starts(limits.size(), 0);
  starts[dim] = start;
  limits[dim] = start + size;
  return slice(value, starts, limits);
}

Value StableHLOBuilder::slice(Value value, ArrayRef<int64_t> starts,
                              ArrayRef<int64_t> limits,
                              ArrayRef<int64_t> strides) {
  SmallVector<int64_t> ones(starts.size(), 1);
  if (strides.empty())
    strides = ones;
  SmallVector<int64_t> shape;
  for (auto [start, limit, stride] : llvm::zip_equal(starts, limits, strides))
    shape.push_back(llvm::divideCeil(limit - start, stride));
  NamedAttribute attributes[] = {
      builder.getNamedAttr("start_indices",
                           builder.getDenseI64ArrayAttr(starts)),
      builder.getNamedAttr("limit_indices",
                           builder.getDenseI64ArrayAttr(limits)),
      builder.getNamedAttr("strides", builder.getDenseI64ArrayAttr(strides))};
  return create("slice", value, typeOf(value).clone(shape), attributes)
      ->getResult(0);
}

/// The indices of an access to element `index` of `stack`.
static SmallVector<Value> getStarts(StableHLOBuilder &builder, Value stack,
                                    Value index) {
  Value zero = builder.splat(typeOf(index), 0);
  SmallVector<Value> starts(typeOf(stack).getRank(), zero);
  starts.front() = index;
  return starts;
}

Value StableHLOBuilder::readStack(Value stack, Value index) {
  SmallVector<int64_t> sizes(typeOf(stack).getShape());
  sizes.front() = 1;
  SmallVector<Value> operands = getStarts(*this, stack, index);
  operands.insert(operands.begin(), stack);
  Value element =
      create("dynamic_slice", operands, typeOf(stack).clone(sizes),
             builder.getNamedAttr("slice_sizes",
                                  builder.getDenseI64ArrayAttr(sizes)))
          ->getResult(0);
  return dropUnitDim(element);
}

Value StableHLOBuilder::addUnitDim(Value value) {
  SmallVector<int64_t> shape(typeOf(value).getShape());
  shape.insert(shape.begin(), 1);
  return reshape(value, shape);
}

Value StableHLOBuilder::dropUnitDim(Value value) {
  return reshape(value, typeOf(value).getShape().drop_front());
}

Value StableHLOBuilder::concatenate(ValueRange values, int64_t dim) {
  RankedTensorType type = typeOf(values.front());
  SmallVector<int64_t> shape(type.getShape());
  shape[dim] = 0;
  for (Value value : values)
    shape[dim] += typeOf(value).getDimSize(dim);
  NamedAttribute dimension =
      builder.getNamedAttr("dimension", builder.getI64IntegerAttr(dim));
  return create("concatenate", values, type.clone(shape), dimension)
      ->getResult(0);
}

Value StableHLOBuilder::writeStack(Value stack, Value element, Value index) {
  SmallVector<Value> operands = getStarts(*this, stack, index);
  operands.insert(operands.begin(), {stack, addUnitDim(element)});
  return create("dynamic_update_slice", operands, stack.getType())
      ->getResult(0);
}

Value StableHLOBuilder::pad(Value value, ArrayRef<int64_t> shape,
                            ArrayRef<int64_t> starts,
                            ArrayRef<int64_t> strides) {
  RankedTensorType type = typeOf(value);
  SmallVector<int64_t> high;
  SmallVector<int64_t> interior;
  for (auto [size, count, start, stride] :
       llvm::zip_equal(shape, type.getShape(), starts, strides)) {
    interior.push_back(stride - 1);
    high.push_back(size - start -
                   (count + std::max<int64_t>(count - 1, 0) * (stride - 1)));
  }
  NamedAttribute attributes[] = {
      builder.getNamedAttr("edge_padding_low",
                           builder.getDenseI64ArrayAttr(starts)),
      builder.getNamedAttr("edge_padding_high",
                           builder.getDenseI64ArrayAttr(high)),
      builder.getNamedAttr("interior_padding",
                           builder.getDenseI64ArrayAttr(interior))};
  Value zero = splat(RankedTensorType::get({}, type.getElementType()), 0);
  return create("pad", {value, zero}, type.clone(shape), attributes)
      ->getResult(0);
}

Value StableHLOBuilder::padHigh(Value value, int64_t dim, int64_t size) {
  SmallVector<int64_t> shape(typeOf(value).getShape());
  if (shape[dim] == size)
    return value;
  shape[dim] = size;
  return pad(value, shape, SmallVector<int64_t>(shape.size(), 0),
             SmallVector<int64_t>(shape.size(), 1));
}

Value StableHLOBuilder::reduce(StringRef combiner, Value value, Value init,
                               ArrayRef<int64_t> dims) {
  RankedTensorType type = typeOf(value);
  SmallVector<int64_t> shape;
  for (auto [dim, size] : llvm::enumerate(type.getShape()))
    if (!llvm::is_contained(dims, static_cast<int64_t>(dim)))
      shape.push_back(size);

  OperationState state(loc, "stablehlo.reduce");
  state.addOperands({value, init});
  state.addTypes(type.clone(shape));
  state.propertiesAttr = builder.getDictionaryAttr(
      builder.getNamedAttr("dimensions", builder.getDenseI64ArrayAttr(dims)));
  state.addRegion();
  Operation *op = builder.create(state);

  OpBuilder::InsertionGuard guard(builder);
  Type scalar = init.getType();
  Block *block =
      builder.createBlock(&op->getRegion(0), {}, {scalar, scalar}, {loc, loc});
  Value combined = elementwise(combiner, block->getArguments());
  create("return", combined, {});
  return op->getResult(0);
}
