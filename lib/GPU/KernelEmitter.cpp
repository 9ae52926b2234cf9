//===- KernelEmitter.cpp - Elements of tensors, where they are read -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"
#include "KernelBody.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::approx_act;

KernelEmitter::KernelEmitter(OpBuilder &builder, Location loc, Block &body,
                             ValueRange memory, int64_t lanes)
    : b(loc, builder), space(builder.getContext(), lanes), body(body),
      memory(memory.begin(), memory.end()), lanes(lanes) {}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

AffineExpr KernelEmitter::addIndex(Value value, int64_t bound) {
  indices.push_back(value);
  return space.addIndex(bound);
}

void KernelEmitter::emitIf(Value condition, llvm::function_ref<void()> emit) {
  auto ifOp = scf::IfOp::create(b, condition, /*withElse=*/false);
  Scope scope(*this);
  b.setInsertionPointToStart(ifOp.thenBlock());
  emit();
}

/// The quotient of what may be negative, rounded down: with all bits inverted,
/// a negative number is none, nor is its quotient.
Value KernelEmitter::divideSigned(Value lhs, Value rhs) {
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value isNegative =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lhs, zero);
  Value ones = arith::ConstantIndexOp::create(b, -1);
  Value bits = arith::SelectOp::create(b, isNegative, ones, zero);
  Value dividend = arith::XOrIOp::create(b, lhs, bits);
  Value quotient = arith::DivUIOp::create(b, dividend, rhs);
  return arith::XOrIOp::create(b, quotient, bits);
}

Value KernelEmitter::materialise(AffineExpr expr) {
  if (auto it = numbers.find(expr); it != numbers.end())
    return it->second;
  Value result;
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    result = arith::ConstantIndexOp::create(b, constant.getValue());
  } else if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    return indices[dim.getPosition()];
  } else {
    auto binary = cast<AffineBinaryOpExpr>(expr);
    Value lhs = materialise(binary.getLHS());
    Value rhs = materialise(binary.getRHS());
    // Nothing overflows: an index has bits for all positions in the tensors of
    // kernels.
    bool isSigned = space.mayBeNegative(binary.getLHS()) ||
                    space.mayBeNegative(binary.getRHS());
    auto flags = arith::IntegerOverflowFlags::nsw;
    if (!isSigned)
      flags = flags | arith::IntegerOverflowFlags::nuw;
    switch (expr.getKind()) {
    case AffineExprKind::Add:
      result = arith::AddIOp::create(b, lhs, rhs, flags);
      break;
    case AffineExprKind::Mul:
      result = arith::MulIOp::create(b, lhs, rhs, flags);
      break;
    case AffineExprKind::FloorDiv:
      result = isSigned ? divideSigned(lhs, rhs)
                        : arith::DivUIOp::create(b, lhs, rhs).getResult();
      break;
    default:
      assert(expr.getKind() == AffineExprKind::Mod && "no other is made");
      if (isSigned)
        result = arith::SubIOp::create(
            b, lhs, arith::MulIOp::create(b, divideSigned(lhs, rhs), rhs));
      else
        result = arith::RemUIOp::create(b, lhs, rhs);
    }
  }
  numbers[expr] = result;
  history.push_back({Value(), expr});
  return result;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Vectors of narrower elements are packed in memory, single ones are not.
static bool hasVectorsInMemory(Type element) {
  return element.getIntOrFloatBitWidth() % 8 == 0;
}

/// The alignment of a vector of so many bytes that begins at a multiple of its
/// size.
static llvm::MaybeAlign getAlignment(int64_t lanes, Type element) {
  int64_t bytes = lanes * element.getIntOrFloatBitWidth() / 8;
  return llvm::Align(std::min<int64_t>(bytes & -bytes, 16));
}

Value KernelEmitter::splat(Value scalar) {
  if (isa<VectorType>(scalar.getType()))
    return scalar;
  auto type = VectorType::get(lanes, scalar.getType());
  return vector::BroadcastOp::create(b, type, scalar);
}

Value KernelEmitter::load(Value memref, AffineExpr linear) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  if (!space.hasLane(linear))
    return memref::LoadOp::create(b, memref, materialise(linear));
  std::optional<AffineExpr> base = space.getVectorBase(linear);
  if (!base || !hasVectorsInMemory(element)) {
    SmallVector<Value> elements;
    for (int64_t lane = 0; lane < lanes; ++lane)
      elements.push_back(memref::LoadOp::create(
          b, memref, materialise(space.withoutLane(linear, lane))));
    return vector::FromElementsOp::create(b, VectorType::get(lanes, element),
                                          elements);
  }
  usesVectors = true;
  return vector::LoadOp::create(b, VectorType::get(lanes, element), memref,
                                ValueRange{materialise(*base)},
                                /*nontemporal=*/false,
                                getAlignment(lanes, element));
}

void KernelEmitter::store(Value value, Value memref, const Position &position,
                          ArrayRef<int64_t> shape) {
  AffineExpr linear = space.getLinear(position, shape);
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  if (!space.hasLane(linear)) {
    memref::StoreOp::create(b, value, memref, materialise(linear));
    return;
  }
  value = splat(value);
  std::optional<AffineExpr> base = space.getVectorBase(linear);
  if (!base || !hasVectorsInMemory(element)) {
    for (int64_t lane = 0; lane < lanes; ++lane) {
      Value scalar = vector::ExtractOp::create(b, value, lane);
      memref::StoreOp::create(b, scalar, memref,
                              materialise(space.withoutLane(linear, lane)));
    }
    return;
  }
  usesVectors = true;
  vector::StoreOp::create(b, value, memref, ValueRange{materialise(*base)},
                          /*nontemporal=*/false, getAlignment(lanes, element));
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

Value KernelEmitter::compute(Value tensor, const Position &position) {
  AffineExpr linear = space.getLinear(position, getShape(tensor));
  std::pair<Value, AffineExpr> key = {tensor, linear};
  if (auto it = computed.find(key); it != computed.end())
    return it->second;
  Value result = computeUncached(tensor, position, linear);
  if (!result)
    result = computeLanes(tensor, linear);
  computed[key] = result;
  history.push_back(key);
  return result;
}

/// Elements one by one.
Value KernelEmitter::computeLanes(Value tensor, AffineExpr linear) {
  assert(space.hasLane(linear) && "there is only one element");
  SmallVector<Value> elements;
  for (int64_t lane = 0; lane < lanes; ++lane)
    elements.push_back(
        compute(tensor, Position::fromLinear(space.withoutLane(linear, lane))));
  auto type = VectorType::get(lanes, elements.front().getType());
  return vector::FromElementsOp::create(b, type, elements);
}

/// Null when elements have to be computed one by one.
Value KernelEmitter::computeUncached(Value tensor, const Position &position,
                                     AffineExpr linear) {
  ArrayRef<int64_t> shape = getShape(tensor);
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return load(memory[argument.getArgNumber()], linear);

  Operation *op = tensor.getDefiningOp();
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto splat = cast<SplatElementsAttr>(constant.getValue());
    return arith::ConstantOp::create(b, splat.getSplatValue<TypedAttr>());
  }
  if (isa<tensor::EmptyOp>(op))
    return arith::ConstantOp::create(b, b.getZeroAttr(element));
  if (isReshape(op))
    return compute(op->getOperand(0), Position::fromLinear(linear));
  if (auto fill = dyn_cast<linalg::FillOp>(op))
    return computeScalar(fill.getInputs().front());
  if (auto splat = dyn_cast<tensor::SplatOp>(op))
    return computeScalar(splat.getInput());
  if (auto elements = dyn_cast<tensor::FromElementsOp>(op)) {
    if (space.hasLane(linear))
      return {};
    // Few, and the position is mostly known.
    Value result;
    for (auto [index, scalar] : llvm::enumerate(elements.getElements())) {
      Value value = computeScalar(scalar);
      if (!result) {
        result = value;
        continue;
      }
      Value number = materialise(b.getAffineConstantExpr(index));
      Value isHere = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                           materialise(linear), number);
      result = arith::SelectOp::create(b, isHere, value, result);
    }
    return result;
  }

  SmallVector<AffineExpr> dims = space.getDims(position, shape);
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    if (space.hasLane(linear) && !isVectorizable(linalgOp))
      return {};
    unsigned result = cast<OpResult>(tensor).getResultNumber();
    return linalgOp.getNumReductionLoops() > 0
               ? computeReduction(linalgOp, result, dims)
               : computeGeneric(linalgOp, result, dims);
  }

  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    ArrayRef<int64_t> source = getShape(slice.getSource());
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    SmallVector<AffineExpr> from;
    auto *next = dims.begin();
    for (auto [dim, offset, stride] :
         llvm::enumerate(slice.getMixedOffsets(), slice.getMixedStrides())) {
      AffineExpr index = getIndex(offset, source[dim]);
      if (!dropped.test(dim))
        index = index + *next++ * getIndex(stride, source[dim] + 1);
      from.push_back(index);
    }
    return compute(slice.getSource(), Position::fromDims(from));
  }

  // The others choose by the position.
  if (space.hasLane(linear))
    return {};
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    SmallVector<AffineExpr> inside;
    for (auto [dim, low] : llvm::zip_equal(dims, pad.getStaticLow()))
      inside.push_back(dim - low);
    return computeInside(
        pad.getSource(), inside, getShape(pad.getSource()), element,
        [&] { return computeScalar(pad.getConstantPaddingValue()); });
  }
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
    llvm::SmallBitVector dropped = insert.getDroppedDims();
    bool isStatic = insert.getStrides().empty() && insert.getOffsets().empty();
    // One element of the source for each of the destination that is a multiple
    // of the stride from the offset.
    SmallVector<AffineExpr> inside;
    SmallVector<int64_t> sizes;
    Value isHere;
    for (auto [dim, expr] : llvm::enumerate(dims)) {
      AffineExpr index = expr;
      int64_t stride = insert.getStaticStride(dim);
      int64_t size = insert.getStaticSize(dim);
      if (isStatic) {
        index = index - insert.getStaticOffset(dim);
      } else {
        Value position = materialise(expr);
        Value offset =
            materialise(getIndex(insert.getMixedOffsets()[dim], shape[dim]));
        Value distance = arith::SubIOp::create(b, position, offset);
        // Unsigned, what is before the offset is far beyond the end. Only what
        // is not is used.
        index = addIndex(distance, (size - 1) * stride + 1);
      }
      if (stride != 1) {
        Value remainder = arith::RemUIOp::create(
            b, materialise(index),
            materialise(b.getAffineConstantExpr(stride)));
        Value isMultiple =
            arith::CmpIOp::create(b, arith::CmpIPredicate::eq, remainder,
                                  materialise(b.getAffineConstantExpr(0)));
        isHere =
            isHere ? arith::AndIOp::create(b, isHere, isMultiple) : isMultiple;
        Value quotient = arith::DivUIOp::create(
            b, materialise(index),
            materialise(b.getAffineConstantExpr(stride)));
        index = addIndex(quotient, size);
      }
      inside.push_back(index);
      sizes.push_back(size);
    }
    for (auto [index, size] : llvm::zip_equal(inside, sizes)) {
      Value isBelow = arith::CmpIOp::create(
          b, arith::CmpIPredicate::ult, materialise(index),
          materialise(b.getAffineConstantExpr(size)));
      isHere = isHere ? arith::AndIOp::create(b, isHere, isBelow) : isBelow;
    }
    SmallVector<AffineExpr> from;
    for (auto [dim, index] : llvm::enumerate(inside))
      if (!dropped.test(dim))
        from.push_back(index);
    auto choice = scf::IfOp::create(b, element, isHere, /*withElse=*/true);
    {
      Scope scope(*this);
      b.setInsertionPointToStart(choice.thenBlock());
      scf::YieldOp::create(
          b, compute(insert.getSource(), Position::fromDims(from)));
    }
    {
      Scope scope(*this);
      b.setInsertionPointToStart(choice.elseBlock());
      scf::YieldOp::create(b, compute(insert.getDest(), position));
    }
    return choice.getResult(0);
  }

  auto concat = cast<tensor::ConcatOp>(op);
  uint64_t dim = concat.getDim();
  OperandRange inputs = concat.getInputs();
  SmallVector<int64_t> offsets = {0};
  for (Value input : inputs)
    offsets.push_back(offsets.back() + getShape(input)[dim]);
  // By bisection: however many there are, choices are nested a few deep.
  std::function<Value(unsigned, unsigned)> choose = [&](unsigned first,
                                                        unsigned last) {
    if (last - first == 1) {
      SmallVector<AffineExpr> from(dims);
      from[dim] = from[dim] - offsets[first];
      return compute(inputs[first], Position::fromDims(from));
    }
    unsigned middle = first + (last - first) / 2;
    Value isBelow = arith::CmpIOp::create(
        b, arith::CmpIPredicate::ult, materialise(dims[dim]),
        materialise(b.getAffineConstantExpr(offsets[middle])));
    auto choice = scf::IfOp::create(b, element, isBelow, /*withElse=*/true);
    {
      Scope scope(*this);
      b.setInsertionPointToStart(choice.thenBlock());
      scf::YieldOp::create(b, choose(first, middle));
    }
    {
      Scope scope(*this);
      b.setInsertionPointToStart(choice.elseBlock());
      scf::YieldOp::create(b, choose(middle, last));
    }
    return choice.getResult(0);
  };
  return choose(0, inputs.size());
}

/// The element of `tensor` at `inside` if that is a position of it, and what
/// `outside` gives elsewhere.
Value KernelEmitter::computeInside(Value tensor, ArrayRef<AffineExpr> inside,
                                   ArrayRef<int64_t> shape, Type element,
                                   llvm::function_ref<Value()> outside) {
  Value isInside;
  for (auto [index, size] : llvm::zip_equal(inside, shape)) {
    if (space.isWithin(index, size))
      continue;
    // Unsigned, a negative position is far beyond the end.
    Value isBelow =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, materialise(index),
                              materialise(b.getAffineConstantExpr(size)));
    isInside = isInside ? arith::AndIOp::create(b, isInside, isBelow) : isBelow;
  }
  if (!isInside)
    return compute(tensor, Position::fromDims(inside));
  auto choice = scf::IfOp::create(b, element, isInside, /*withElse=*/true);
  {
    Scope scope(*this);
    b.setInsertionPointToStart(choice.thenBlock());
    scf::YieldOp::create(b, compute(tensor, Position::fromDims(inside)));
  }
  {
    Scope scope(*this);
    b.setInsertionPointToStart(choice.elseBlock());
    scf::YieldOp::create(b, outside());
  }
  return choice.getResult(0);
}

AffineExpr KernelEmitter::getIndex(OpFoldResult index, int64_t bound) {
  if (std::optional<int64_t> constant = getConstantIntValue(index))
    return b.getAffineConstantExpr(*constant);
  return addIndex(computeScalar(cast<Value>(index)), bound);
}

/// A scalar of the kernel's body, which may depend on elements of tensors.
Value KernelEmitter::computeScalar(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return memory[argument.getArgNumber()];
  std::pair<Value, AffineExpr> key = {value, AffineExpr()};
  if (auto it = computed.find(key); it != computed.end())
    return it->second;
  Operation *op = value.getDefiningOp();
  Value result;
  if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    SmallVector<AffineExpr> dims;
    for (auto [index, size] :
         llvm::zip_equal(extract.getIndices(), getShape(extract.getTensor())))
      dims.push_back(getIndex(index, size));
    result = compute(extract.getTensor(), Position::fromDims(dims));
  } else {
    IRMapping mapping;
    for (Value operand : op->getOperands())
      mapping.map(operand, computeScalar(operand));
    result = b.clone(*op, mapping)
                 ->getResult(cast<OpResult>(value).getResultNumber());
  }
  computed[key] = result;
  history.push_back(key);
  return result;
}
