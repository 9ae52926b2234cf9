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
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace mlir::approx_act;

static ArrayRef<int64_t> getShape(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getShape();
}

//===----------------------------------------------------------------------===//
// Scopes
//===----------------------------------------------------------------------===//

/// A key of `numbers` in the history has no value.
class KernelEmitter::Scope {
public:
  explicit Scope(KernelEmitter &emitter)
      : emitter(emitter), size(emitter.history.size()), guard(emitter.b) {}
  ~Scope() {
    while (emitter.history.size() > size) {
      auto [value, expr] = emitter.history.pop_back_val();
      if (value)
        emitter.computed.erase({value, expr});
      else
        emitter.numbers.erase(expr);
    }
  }
  Scope(const Scope &) = delete;
  Scope &operator=(const Scope &) = delete;

private:
  KernelEmitter &emitter;
  size_t size;
  OpBuilder::InsertionGuard guard;
};

KernelEmitter::KernelEmitter(OpBuilder &builder, Location loc, Block &body,
                             ValueRange memory, int64_t lanes)
    : b(loc, builder), body(body), memory(memory.begin(), memory.end()),
      lanes(lanes) {}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

AffineExpr KernelEmitter::addIndex(Value value, int64_t bound) {
  indices.push_back(value);
  bounds.push_back(bound);
  return b.getAffineDimExpr(indices.size() - 1);
}

AffineExpr KernelEmitter::getLane() const {
  return getAffineSymbolExpr(0, b.getContext());
}

bool KernelEmitter::hasLane(AffineExpr expr) const {
  return expr.isFunctionOfSymbol(0);
}

AffineExpr KernelEmitter::withoutLane(AffineExpr expr, int64_t lane) const {
  AffineExpr constant = getAffineConstantExpr(lane, b.getContext());
  return expr.replace(getLane(), constant);
}

/// The greatest number known to divide an expression; 0 if it is 0. (Upstream's
/// `isMultipleOf` takes a quotient for a multiple of what the dividend is one
/// of.)
static int64_t getKnownDivisor(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return std::abs(constant.getValue());
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return 1;
  int64_t lhs = getKnownDivisor(binary.getLHS());
  int64_t rhs = getKnownDivisor(binary.getRHS());
  switch (expr.getKind()) {
  case AffineExprKind::Add:
  case AffineExprKind::Mod:
    return std::gcd(lhs, rhs);
  case AffineExprKind::Mul:
    return lhs * rhs;
  default:
    return rhs != 0 && lhs % rhs == 0 ? lhs / rhs : 1;
  }
}

static bool isMultipleOf(AffineExpr expr, int64_t factor) {
  return getKnownDivisor(expr) % factor == 0;
}

/// The terms of a sum.
static SmallVector<AffineExpr> getTerms(AffineExpr expr) {
  SmallVector<AffineExpr> terms, worklist = {expr};
  while (!worklist.empty()) {
    AffineExpr term = worklist.pop_back_val();
    auto sum = dyn_cast<AffineBinaryOpExpr>(term);
    if (sum && sum.getKind() == AffineExprKind::Add)
      worklist.append({sum.getRHS(), sum.getLHS()});
    else
      terms.push_back(term);
  }
  return terms;
}

/// An order of expressions that does not depend on where they are stored.
static int compareExprs(AffineExpr lhs, AffineExpr rhs) {
  if (lhs == rhs)
    return 0;
  if (lhs.getKind() != rhs.getKind())
    return lhs.getKind() < rhs.getKind() ? -1 : 1;
  if (auto constant = dyn_cast<AffineConstantExpr>(lhs))
    return constant.getValue() < cast<AffineConstantExpr>(rhs).getValue() ? -1
                                                                          : 1;
  if (auto dim = dyn_cast<AffineDimExpr>(lhs))
    return dim.getPosition() < cast<AffineDimExpr>(rhs).getPosition() ? -1 : 1;
  if (isa<AffineSymbolExpr>(lhs))
    return 0;
  auto left = cast<AffineBinaryOpExpr>(lhs);
  auto right = cast<AffineBinaryOpExpr>(rhs);
  if (int order = compareExprs(left.getLHS(), right.getLHS()))
    return order;
  return compareExprs(left.getRHS(), right.getRHS());
}

/// An expression and the constant that it is multiplied by.
static std::pair<AffineExpr, int64_t> getFactor(AffineExpr expr) {
  auto product = dyn_cast<AffineBinaryOpExpr>(expr);
  if (product && product.getKind() == AffineExprKind::Mul)
    if (auto factor = dyn_cast<AffineConstantExpr>(product.getRHS()))
      return {product.getLHS(), factor.getValue()};
  return {expr, 1};
}

/// `whole` if the two are `(whole / c) * c * n` and `(whole mod c) * n`, times
/// `n`; null if they are not.
static AffineExpr recombine(AffineExpr quotient, AffineExpr remainder) {
  auto [low, factor] = getFactor(remainder);
  auto mod = dyn_cast<AffineBinaryOpExpr>(low);
  if (!mod || mod.getKind() != AffineExprKind::Mod)
    return {};
  auto divisor = dyn_cast<AffineConstantExpr>(mod.getRHS());
  auto [high, highFactor] = getFactor(quotient);
  if (!divisor || highFactor != factor * divisor.getValue() ||
      high != mod.getLHS().floorDiv(divisor))
    return {};
  return mod.getLHS() * factor;
}

/// The same sum, in one form for all ways to come to it: parts of what has been
/// divided are put together again, and terms are in a fixed order.
static AffineExpr sortTerms(AffineExpr expr) {
  SmallVector<AffineExpr> terms = getTerms(expr);
  if (terms.size() < 2)
    return expr;
  for (unsigned i = 0; i < terms.size(); ++i) {
    for (unsigned j = 0; j < terms.size(); ++j) {
      AffineExpr whole = i == j ? AffineExpr() : recombine(terms[i], terms[j]);
      if (!whole)
        continue;
      terms[i] = whole;
      terms.erase(terms.begin() + j);
      AffineExpr sum = terms.front();
      for (AffineExpr term : ArrayRef(terms).drop_front())
        sum = sum + term;
      return sortTerms(sum);
    }
  }
  llvm::sort(terms, [](AffineExpr lhs, AffineExpr rhs) {
    return compareExprs(lhs, rhs) < 0;
  });
  AffineExpr sum = terms.front();
  for (AffineExpr term : ArrayRef(terms).drop_front())
    sum = sum + term;
  return sum;
}

std::optional<AffineExpr> KernelEmitter::getVectorBase(AffineExpr expr) const {
  AffineExpr base = getAffineConstantExpr(0, b.getContext());
  unsigned numLanes = 0;
  for (AffineExpr term : getTerms(expr)) {
    if (term == getLane())
      ++numLanes;
    else if (hasLane(term) || !isMultipleOf(term, lanes))
      return std::nullopt;
    else
      base = base + term;
  }
  return numLanes == 1 ? std::optional(sortTerms(base)) : std::nullopt;
}

/// A bound of an expression whose parts are never negative; the greatest
/// number where it is not known.
int64_t KernelEmitter::getUpperBound(AffineExpr expr) const {
  constexpr int64_t unknown = std::numeric_limits<int64_t>::max();
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return bounds[dim.getPosition()] - 1;
  if (isa<AffineSymbolExpr>(expr))
    return lanes - 1;
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t lhs = getUpperBound(binary.getLHS());
  int64_t rhs = getUpperBound(binary.getRHS());
  if (lhs == unknown || rhs == unknown)
    return unknown;
  int64_t bound = unknown;
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return llvm::AddOverflow(lhs, rhs, bound) ? unknown : bound;
  case AffineExprKind::Mul:
    return llvm::MulOverflow(lhs, rhs, bound) ? unknown : bound;
  case AffineExprKind::FloorDiv:
    return rhs > 0 ? lhs / rhs : unknown;
  case AffineExprKind::Mod:
    return std::min(lhs, rhs - 1);
  default:
    return unknown;
  }
}

/// The quotient and the remainder of what is not negative by a positive
/// number, simplified by what is known of the terms.
std::pair<AffineExpr, AffineExpr> KernelEmitter::divide(AffineExpr expr,
                                                        int64_t divisor) const {
  AffineExpr zero = getAffineConstantExpr(0, b.getContext());
  if (divisor <= 1)
    return {expr, zero};
  AffineExpr lane = zero;
  if (hasLane(expr)) {
    std::optional<AffineExpr> base = getVectorBase(expr);
    if (!base || divisor % lanes != 0)
      return {expr.floorDiv(divisor), expr % divisor};
    expr = *base;
    lane = getLane();
  }
  // Terms that are multiples of the divisor leave the remainder alone.
  AffineExpr multiples = zero, rest = zero;
  for (AffineExpr term : getTerms(expr)) {
    if (isMultipleOf(term, divisor))
      multiples = multiples + term;
    else
      rest = rest + term;
  }
  rest = sortTerms(rest);
  AffineExpr quotient = multiples.floorDiv(divisor);
  if (getUpperBound(rest) < divisor)
    return {quotient, rest + lane};
  return {quotient + rest.floorDiv(divisor), rest % divisor + lane};
}

/// An expression of an indexing map, at a place in the loops.
AffineExpr KernelEmitter::substitute(AffineExpr expr, ArrayRef<AffineExpr> dims,
                                     ArrayRef<AffineExpr> symbols) const {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return expr.replaceDimsAndSymbols(dims, symbols);
  AffineExpr lhs = substitute(binary.getLHS(), dims, symbols);
  AffineExpr rhs = substitute(binary.getRHS(), dims, symbols);
  // Divisions one by one, as far as the lane allows.
  auto divisor = dyn_cast<AffineConstantExpr>(rhs);
  if (divisor && expr.getKind() == AffineExprKind::FloorDiv)
    return divide(lhs, divisor.getValue()).first;
  if (divisor && expr.getKind() == AffineExprKind::Mod)
    return divide(lhs, divisor.getValue()).second;
  return getAffineBinaryOpExpr(expr.getKind(), lhs, rhs);
}

AffineExpr KernelEmitter::getLinear(const Position &position,
                                    ArrayRef<int64_t> shape) const {
  if (position.linear)
    return sortTerms(position.linear);
  AffineExpr linear = getAffineConstantExpr(0, b.getContext());
  int64_t stride = 1;
  for (auto [dim, size] :
       llvm::reverse(llvm::zip_equal(position.dims, shape))) {
    linear = linear + dim * stride;
    stride *= size;
  }
  return sortTerms(linear);
}

SmallVector<AffineExpr> KernelEmitter::getDims(const Position &position,
                                               ArrayRef<int64_t> shape) const {
  if (position.hasDims)
    return position.dims;
  SmallVector<AffineExpr> dims(shape.size());
  AffineExpr rest = position.linear;
  int64_t outer = 1;
  for (int64_t size : shape)
    outer *= size;
  for (auto [dim, size] : llvm::reverse(llvm::zip_equal(dims, shape))) {
    outer /= std::max<int64_t>(size, 1);
    if (size == 1) {
      dim = getAffineConstantExpr(0, b.getContext());
    } else if (outer == 1) {
      dim = rest;
      rest = getAffineConstantExpr(0, b.getContext());
    } else {
      std::tie(rest, dim) = divide(rest, size);
    }
  }
  return dims;
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
    // Nothing overflows, and nothing is negative but what is subtracted.
    bool isSigned = false;
    expr.walk([&](AffineExpr part) {
      auto constant = dyn_cast<AffineConstantExpr>(part);
      isSigned |= constant && constant.getValue() < 0;
    });
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
      result = arith::DivUIOp::create(b, lhs, rhs);
      break;
    default:
      assert(expr.getKind() == AffineExprKind::Mod && "no other is made");
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
  if (!hasLane(linear))
    return memref::LoadOp::create(b, memref, materialise(linear));
  std::optional<AffineExpr> base = getVectorBase(linear);
  if (!base || !hasVectorsInMemory(element)) {
    SmallVector<Value> elements;
    for (int64_t lane = 0; lane < lanes; ++lane)
      elements.push_back(memref::LoadOp::create(
          b, memref, materialise(withoutLane(linear, lane))));
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
  AffineExpr linear = getLinear(position, shape);
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  if (!hasLane(linear)) {
    memref::StoreOp::create(b, value, memref, materialise(linear));
    return;
  }
  value = splat(value);
  std::optional<AffineExpr> base = getVectorBase(linear);
  if (!base || !hasVectorsInMemory(element)) {
    for (int64_t lane = 0; lane < lanes; ++lane) {
      Value scalar = vector::ExtractOp::create(b, value, lane);
      memref::StoreOp::create(b, scalar, memref,
                              materialise(withoutLane(linear, lane)));
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
  AffineExpr linear = getLinear(position, getShape(tensor));
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
  assert(hasLane(linear) && "there is only one element");
  SmallVector<Value> elements;
  for (int64_t lane = 0; lane < lanes; ++lane)
    elements.push_back(
        compute(tensor, Position::fromLinear(withoutLane(linear, lane))));
  auto type = VectorType::get(lanes, elements.front().getType());
  return vector::FromElementsOp::create(b, type, elements);
}

/// Whether the op's body has a form on vectors.
static bool isVectorizable(linalg::LinalgOp op) {
  return llvm::all_of(*op.getBlock(), [](Operation &nested) {
    if (isa<linalg::YieldOp, linalg::IndexOp, affine::AffineApplyOp>(nested))
      return true;
    return isa<arith::ArithDialect, math::MathDialect>(nested.getDialect()) &&
           nested.getNumRegions() == 0;
  });
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
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return compute(op->getOperand(0), Position::fromLinear(linear));
  if (auto fill = dyn_cast<linalg::FillOp>(op))
    return computeScalar(fill.getInputs().front());
  if (auto splat = dyn_cast<tensor::SplatOp>(op))
    return computeScalar(splat.getInput());
  if (auto elements = dyn_cast<tensor::FromElementsOp>(op)) {
    if (hasLane(linear))
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

  SmallVector<AffineExpr> dims = getDims(position, shape);
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    if (hasLane(linear) && !isVectorizable(linalgOp))
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
  if (hasLane(linear))
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
      int64_t stride = 1;
      if (isStatic) {
        index = index - insert.getStaticOffset(dim);
        stride = insert.getStaticStride(dim);
      } else {
        Value position = materialise(expr);
        Value offset =
            materialise(getIndex(insert.getMixedOffsets()[dim], shape[dim]));
        stride = insert.getStaticStride(dim);
        Value distance = arith::SubIOp::create(b, position, offset);
        // Unsigned, what is before the offset is far beyond the end.
        index = addIndex(distance, std::numeric_limits<int64_t>::max());
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
        index = addIndex(quotient, std::numeric_limits<int64_t>::max());
      }
      inside.push_back(index);
      sizes.push_back(insert.getStaticSize(dim));
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
  // From the first to the last: inside it, or in one of those after it.
  std::function<Value(unsigned, int64_t)> choose = [&](unsigned index,
                                                       int64_t offset) {
    Value input = inputs[index];
    SmallVector<AffineExpr> from(dims);
    from[dim] = from[dim] - offset;
    if (index + 1 == inputs.size())
      return compute(input, Position::fromDims(from));
    int64_t limit = offset + getShape(input)[dim];
    Value isBelow = arith::CmpIOp::create(
        b, arith::CmpIPredicate::ult, materialise(dims[dim]),
        materialise(b.getAffineConstantExpr(limit)));
    auto choice = scf::IfOp::create(b, element, isBelow, /*withElse=*/true);
    {
      Scope scope(*this);
      b.setInsertionPointToStart(choice.thenBlock());
      scf::YieldOp::create(b, compute(input, Position::fromDims(from)));
    }
    {
      Scope scope(*this);
      b.setInsertionPointToStart(choice.elseBlock());
      scf::YieldOp::create(b, choose(index + 1, limit));
    }
    return choice.getResult(0);
  };
  return choose(0, 0);
}

/// The element of `tensor` at `inside` if that is a position of it, and what
/// `outside` gives elsewhere.
Value KernelEmitter::computeInside(Value tensor, ArrayRef<AffineExpr> inside,
                                   ArrayRef<int64_t> shape, Type element,
                                   llvm::function_ref<Value()> outside) {
  Value isInside;
  for (auto [index, size] : llvm::zip_equal(inside, shape)) {
    // Unsigned, a negative position is far beyond the end.
    AffineExpr zero = b.getAffineConstantExpr(0);
    if (isa<AffineDimExpr>(index) && getUpperBound(index) < size)
      continue;
    if (index == zero && size > 0)
      continue;
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

//===----------------------------------------------------------------------===//
// linalg
//===----------------------------------------------------------------------===//

/// What the loops of an op are where an element of a result is computed; loops
/// that do not follow from it are null.
static SmallVector<AffineExpr> getLoops(linalg::LinalgOp op, unsigned result,
                                        ArrayRef<AffineExpr> dims) {
  SmallVector<AffineExpr> loops(op.getNumLoops());
  AffineMap map =
      op.getIndexingMapMatchingResult(cast<OpResult>(op->getResult(result)));
  for (auto [expr, dim] : llvm::zip_equal(map.getResults(), dims))
    if (auto loop = dyn_cast<AffineDimExpr>(expr))
      loops[loop.getPosition()] = dim;
  for (auto [loop, size] : llvm::zip_equal(loops, op.getStaticLoopRanges()))
    if (!loop && size == 1)
      loop = getAffineConstantExpr(0, op.getContext());
  return loops;
}

Value KernelEmitter::computeGeneric(linalg::LinalgOp op, unsigned result,
                                    ArrayRef<AffineExpr> dims) {
  SmallVector<AffineExpr> loops = getLoops(op, result, dims);
  SmallVector<Value> values = emitBody(op, loops, {});
  // Another result is often asked for at the same place.
  for (auto [index, value] : llvm::enumerate(values)) {
    Value other = op->getResult(index);
    AffineMap map = op.getIndexingMapMatchingResult(cast<OpResult>(other));
    SmallVector<AffineExpr> place;
    for (AffineExpr expr : map.getResults())
      place.push_back(expr.replaceDimsAndSymbols(loops, {}));
    std::pair<Value, AffineExpr> key = {
        other, getLinear(Position::fromDims(place), getShape(other))};
    if (computed.try_emplace(key, value).second)
      history.push_back(key);
  }
  return values[result];
}

/// The ops of the body whose loops are those of `op`, `op` included.
static SmallVector<linalg::LinalgOp> getSiblings(linalg::LinalgOp op,
                                                 Block &body) {
  SmallVector<linalg::LinalgOp> siblings;
  AffineMap map =
      op.getIndexingMapMatchingResult(cast<OpResult>(op->getResult(0)));
  for (auto other : body.getOps<linalg::LinalgOp>()) {
    if (other == op) {
      siblings.push_back(other);
      continue;
    }
    if (other.getNumReductionLoops() == 0 ||
        other.getStaticLoopRanges() != op.getStaticLoopRanges() ||
        other.getIteratorTypesArray() != op.getIteratorTypesArray() ||
        other.getIndexingMapMatchingResult(
            cast<OpResult>(other->getResult(0))) != map ||
        !isVectorizable(other))
      continue;
    // Neither may need what the other computes.
    SetVector<Operation *> before;
    auto needs = [&](Operation *late, Operation *early) {
      SmallVector<Operation *> worklist = {late};
      DenseSet<Operation *> seen;
      while (!worklist.empty()) {
        for (Value operand : worklist.pop_back_val()->getOperands()) {
          Operation *producer = operand.getDefiningOp();
          if (producer == early)
            return true;
          if (producer && seen.insert(producer).second)
            worklist.push_back(producer);
        }
      }
      return false;
    };
    bool isIndependent = true;
    for (linalg::LinalgOp sibling : siblings)
      isIndependent &= !needs(other, sibling) && !needs(sibling, other);
    if (isIndependent && !needs(other, op) && !needs(op, other))
      siblings.push_back(other);
  }
  return siblings;
}

/// Loops of this thread over the reductions of `op`, and of others in the same
/// kernel whose loops are the same.
Value KernelEmitter::computeReduction(linalg::LinalgOp op, unsigned result,
                                      ArrayRef<AffineExpr> dims) {
  SmallVector<AffineExpr> loops = getLoops(op, result, dims);
  SmallVector<linalg::LinalgOp> siblings = getSiblings(op, body);
  bool isVector =
      llvm::any_of(dims, [&](AffineExpr dim) { return hasLane(dim); });
  SmallVector<Value> inits;
  for (linalg::LinalgOp sibling : siblings)
    for (OpOperand &init : sibling.getDpsInitsMutable()) {
      Value value = compute(init.get(), Position::fromDims(dims));
      inits.push_back(isVector ? splat(value) : value);
    }

  SmallVector<scf::ForOp> nest;
  SmallVector<std::unique_ptr<Scope>> scopes;
  SmallVector<Value> values = inits;
  for (auto [loop, size] : llvm::zip_equal(loops, op.getStaticLoopRanges())) {
    if (loop)
      continue;
    Value zero = arith::ConstantIndexOp::create(b, 0);
    Value one = arith::ConstantIndexOp::create(b, 1);
    Value end = arith::ConstantIndexOp::create(b, size);
    auto forOp = scf::ForOp::create(b, zero, end, one, values);
    // An unsigned comparison, as all of the arithmetic on positions.
    forOp.setUnsignedCmp(true);
    nest.push_back(forOp);
    scopes.push_back(std::make_unique<Scope>(*this));
    b.setInsertionPointToStart(forOp.getBody());
    loop = addIndex(forOp.getInductionVar(), size);
    values = SmallVector<Value>(forOp.getRegionIterArgs());
  }
  SmallVector<Value> next;
  unsigned first = 0;
  for (linalg::LinalgOp sibling : siblings) {
    unsigned count = sibling.getNumDpsInits();
    SmallVector<Value> results =
        emitBody(sibling, loops, ArrayRef(values).slice(first, count));
    for (Value value : results)
      next.push_back(isVector ? splat(value) : value);
    first += count;
  }
  while (!nest.empty()) {
    if (nest.back().getBody()->empty() ||
        !nest.back().getBody()->back().hasTrait<OpTrait::IsTerminator>())
      scf::YieldOp::create(b, next);
    scopes.pop_back();
    next = SmallVector<Value>(nest.back().getResults());
    b.setInsertionPointAfter(nest.back());
    nest.pop_back();
  }

  unsigned index = 0;
  Value mine;
  for (linalg::LinalgOp sibling : siblings)
    for (OpResult value : sibling->getResults()) {
      if (sibling == op && value.getResultNumber() == result)
        mine = next[index];
      std::pair<Value, AffineExpr> key = {
          value, getLinear(Position::fromDims(dims), getShape(value))};
      if (computed.try_emplace(key, next[index]).second)
        history.push_back(key);
      ++index;
    }
  return mine;
}

/// The body of an op at one place in its loops. The accumulators are what its
/// results are so far; without them, they are what the inits hold.
SmallVector<Value> KernelEmitter::emitBody(linalg::LinalgOp op,
                                           ArrayRef<AffineExpr> loops,
                                           ArrayRef<Value> accumulators) {
  IRMapping mapping;
  DenseMap<Value, AffineExpr> positions;
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    if (argument.use_empty())
      continue;
    if (op.isDpsInit(&operand) && !accumulators.empty()) {
      mapping.map(
          argument,
          accumulators[operand.getOperandNumber() - op.getNumDpsInputs()]);
      continue;
    }
    if (!isa<RankedTensorType>(operand.get().getType())) {
      mapping.map(argument, computeScalar(operand.get()));
      continue;
    }
    AffineMap map = op.getMatchingIndexingMap(&operand);
    SmallVector<AffineExpr> dims;
    for (AffineExpr expr : map.getResults())
      dims.push_back(substitute(expr, loops, {}));
    mapping.map(argument, compute(operand.get(), Position::fromDims(dims)));
  }
  op.getBlock()->walk([&](linalg::IndexOp index) {
    positions[index.getResult()] = loops[index.getDim()];
  });
  if (failed(emitOps(*op.getBlock(), mapping, positions)))
    llvm_unreachable("checked before");
  SmallVector<Value> results;
  for (Value value : op.getBlock()->getTerminator()->getOperands())
    results.push_back(getOperand(value, mapping, positions));
  return results;
}

/// A value that an op in a body reads: of the body, or of the kernel.
Value KernelEmitter::getOperand(Value value, IRMapping &mapping,
                                DenseMap<Value, AffineExpr> &positions) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  if (auto it = positions.find(value); it != positions.end()) {
    AffineExpr expr = it->second;
    if (!hasLane(expr))
      return materialise(expr);
    SmallVector<Value> elements;
    for (int64_t lane = 0; lane < lanes; ++lane)
      elements.push_back(materialise(withoutLane(expr, lane)));
    auto type = VectorType::get(lanes, b.getIndexType());
    return vector::FromElementsOp::create(b, type, elements);
  }
  return computeScalar(value);
}

/// A term of a contraction, added in one rounding; null for other ops. (Where a
/// product and a sum lead to a code, they stay two.)
Value KernelEmitter::emitProductSum(Operation &op, IRMapping &mapping,
                                    DenseMap<Value, AffineExpr> &positions) {
  auto sum = dyn_cast<arith::AddFOp>(op);
  if (!sum || !isContractionLike(op.getParentOp()))
    return {};
  for (auto [term, other] : {std::pair(sum.getLhs(), sum.getRhs()),
                             std::pair(sum.getRhs(), sum.getLhs())}) {
    auto product = term.getDefiningOp<arith::MulFOp>();
    if (!product || !product->hasOneUse() ||
        product->getBlock() != op.getBlock())
      continue;
    Value lhs = getOperand(product.getLhs(), mapping, positions);
    Value rhs = getOperand(product.getRhs(), mapping, positions);
    Value rest = getOperand(other, mapping, positions);
    if (isa<VectorType>(mapping.lookup(term).getType())) {
      lhs = splat(lhs);
      rhs = splat(rhs);
      rest = splat(rest);
    }
    if (lhs.getType() == rest.getType())
      return math::FmaOp::create(b, lhs, rhs, rest);
  }
  return {};
}

/// Emits the ops of a block of a linalg op's body, on vectors where an operand
/// is one.
LogicalResult KernelEmitter::emitOps(Block &block, IRMapping &mapping,
                                     DenseMap<Value, AffineExpr> &positions) {
  for (Operation &op : block.without_terminator()) {
    if (isa<linalg::IndexOp>(op))
      continue;
    if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
      bool isKnown = llvm::all_of(apply.getMapOperands(), [&](Value operand) {
        return positions.contains(operand);
      });
      if (isKnown) {
        SmallVector<AffineExpr> dims, symbols;
        unsigned numDims = apply.getAffineMap().getNumDims();
        for (auto [index, operand] : llvm::enumerate(apply.getMapOperands()))
          (index < numDims ? dims : symbols).push_back(positions[operand]);
        positions[apply.getResult()] =
            substitute(apply.getAffineMap().getResult(0), dims, symbols);
        continue;
      }
    }
    if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
      SmallVector<AffineExpr> dims;
      for (auto [index, size] : llvm::zip_equal(
               extract.getIndices(), getShape(extract.getTensor()))) {
        if (auto it = positions.find(index);
            it != positions.end() && !mapping.contains(index)) {
          dims.push_back(it->second);
          continue;
        }
        dims.push_back(addIndex(getOperand(index, mapping, positions), size));
      }
      mapping.map(extract.getResult(),
                  compute(extract.getTensor(), Position::fromDims(dims)));
      continue;
    }
    if (Value sum = emitProductSum(op, mapping, positions)) {
      mapping.map(op.getResult(0), sum);
      continue;
    }
    SmallVector<Value> operands;
    bool isVector = false;
    for (Value operand : op.getOperands()) {
      operands.push_back(getOperand(operand, mapping, positions));
      isVector |= isa<VectorType>(operands.back().getType());
    }
    if (op.getNumRegions() > 0) {
      // A choice, of one element.
      IRMapping inner(mapping);
      for (auto [operand, value] : llvm::zip_equal(op.getOperands(), operands))
        inner.map(operand, value);
      OperationState state(b.getLoc(), op.getName(), operands,
                           op.getResultTypes(), op.getAttrs());
      for (Region &region : op.getRegions()) {
        Region *copy = state.addRegion();
        if (region.empty())
          continue;
        Scope scope(*this);
        Block *to = b.createBlock(copy);
        for (BlockArgument argument : region.getArguments())
          inner.map(argument, to->addArgument(argument.getType(), b.getLoc()));
        if (failed(emitOps(region.front(), inner, positions)))
          return failure();
        Operation *terminator = region.front().getTerminator();
        SmallVector<Value> yielded;
        for (Value value : terminator->getOperands())
          yielded.push_back(getOperand(value, inner, positions));
        OperationState yield(b.getLoc(), terminator->getName(), yielded, {},
                             terminator->getAttrs());
        b.create(yield);
      }
      Operation *copy = b.create(state);
      mapping.map(op.getResults(), copy->getResults());
      continue;
    }
    if (!isVector) {
      IRMapping inner;
      for (auto [operand, value] : llvm::zip_equal(op.getOperands(), operands))
        inner.map(operand, value);
      Operation *copy = b.clone(op, inner);
      copy->setLoc(op.getLoc());
      mapping.map(op.getResults(), copy->getResults());
      continue;
    }
    SmallVector<Type> types;
    for (Type type : op.getResultTypes())
      types.push_back(VectorType::get(lanes, type));
    for (Value &operand : operands)
      operand = splat(operand);
    Operation *copy = b.insert(Operation::create(
        op.getLoc(), op.getName(), types, operands,
        op.getDiscardableAttrDictionary(), op.getPropertiesStorage(), {}, 0));
    mapping.map(op.getResults(), copy->getResults());
  }
  return success();
}
