//===- SortToLinalg.cpp - Sorts as merges of runs -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A sort is some `linalg.generic`s, after each of which the runs that are in
/// order are longer. Every element of a result finds the one operand element
/// that belongs in its place, on its own: among the few of a first run by
/// counting those before each, and in two runs by bisection of the ways in
/// which as many elements as are before it can be taken from both. Neither
/// moves an element past an equal one.
///
/// A sorting network has as many comparisons, but stages that are launches of
/// their own, log(n)/2 times as many; and it needs more keys to be stable, and
/// for sizes that are no powers of 2.
///
//===----------------------------------------------------------------------===//

#include "SortToLinalg.h"
#include "ScalarRegion.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mlir::approx_act;

/// Elements of the runs that are sorted by counting: that takes the square of
/// it in comparisons, and merging them a launch for each doubling.
static constexpr int64_t kCounted = 8;

Value approx_act::emitBisection(ImplicitLocOpBuilder &b, Value least,
                                Value most,
                                llvm::function_ref<Value(Value)> emitIsEnough) {
  Value one = arith::ConstantIndexOp::create(b, 1);
  auto search = scf::WhileOp::create(
      b, TypeRange{b.getIndexType(), b.getIndexType()}, ValueRange{least, most},
      [&](OpBuilder &, Location, ValueRange bounds) {
        Value isOpen = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                             bounds[0], bounds[1]);
        scf::ConditionOp::create(b, isOpen, bounds);
      },
      [&](OpBuilder &, Location, ValueRange bounds) {
        Value sum = arith::AddIOp::create(b, bounds[0], bounds[1]);
        Value middle = arith::ShRUIOp::create(b, sum, one);
        Value isEnough = emitIsEnough(middle);
        Value next = arith::AddIOp::create(b, middle, one);
        Value low = arith::SelectOp::create(b, isEnough, bounds[0], next);
        Value high = arith::SelectOp::create(b, isEnough, middle, bounds[1]);
        scf::YieldOp::create(b, ValueRange{low, high});
      });
  return search.getResult(0);
}

namespace {
/// Emits the bodies of ops that sort, at the insertion point of a builder.
class SortEmitter {
public:
  SortEmitter(ImplicitLocOpBuilder &builder, Comparator isBefore,
              ValueRange operands, unsigned dim)
      : b(builder), isBefore(isBefore), operands(operands),
        shape(cast<RankedTensorType>(operands[0].getType()).getShape()),
        dim(dim) {
    for (unsigned loop = 0; loop < shape.size(); ++loop)
      place.push_back(linalg::IndexOp::create(b, loop));
  }

  /// Where along the dimension the element is that belongs to this place of the
  /// result, in runs of `kCounted` elements.
  Value emitCount();
  /// The same in runs of twice `length` elements, both halves of which are in
  /// order.
  Value emitMerge(int64_t length);

  /// The element of an operand at this place of the result, but `position`
  /// along the dimension.
  Value emitExtract(Value operand, Value position);

  /// Whether all comparisons could be emitted.
  bool isEmitted = true;

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value add(Value lhs, Value rhs) { return arith::AddIOp::create(b, lhs, rhs); }
  Value subtract(Value lhs, Value rhs) {
    return arith::SubIOp::create(b, lhs, rhs);
  }
  Value isLess(Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lhs, rhs);
  }
  Value select(Value condition, Value onTrue, Value onFalse) {
    return arith::SelectOp::create(b, condition, onTrue, onFalse);
  }
  /// The start of the run of `length` elements that the place is in.
  Value emitStart(int64_t length) {
    if (length >= shape[dim])
      return constant(0);
    Value offset = arith::RemUIOp::create(b, place[dim], constant(length));
    return subtract(place[dim], offset);
  }
  /// Where a run of `length` elements ends that starts at `start`. No number is
  /// greater than positions are.
  Value emitEnd(Value start, int64_t length) {
    Value rest = subtract(constant(shape[dim]), start);
    return add(start, arith::MinSIOp::create(b, rest, constant(length)));
  }
  Value emitIsBefore(Value lhs, Value rhs);

  ImplicitLocOpBuilder &b;
  Comparator isBefore;
  ValueRange operands;
  ArrayRef<int64_t> shape;
  unsigned dim;
  /// The place of the result that the element is for.
  SmallVector<Value> place;
};
} // namespace

Value SortEmitter::emitExtract(Value operand, Value position) {
  SmallVector<Value> indices(place);
  indices[dim] = position;
  return tensor::ExtractOp::create(b, operand, indices);
}

/// What the comparator says of the elements at two positions.
Value SortEmitter::emitIsBefore(Value lhs, Value rhs) {
  Value result = isBefore(b, [&](unsigned argument) {
    return emitExtract(operands[argument / 2], argument % 2 == 0 ? lhs : rhs);
  });
  if (result && result.getType().isInteger(1))
    return result;
  isEmitted = false;
  return arith::ConstantOp::create(b, b.getBoolAttr(false));
}

Value SortEmitter::emitCount() {
  Value start = emitStart(kCounted), end = emitEnd(start, kCounted);
  Value rank = subtract(place[dim], start);
  Value zero = constant(0), one = constant(1);
  // Of all candidates the one with as many before it as are before the place.
  auto candidates = scf::ForOp::create(b, start, end, one, place[dim]);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(candidates.getBody());
  Value candidate = candidates.getInductionVar();
  auto others = scf::ForOp::create(b, start, end, one, zero);
  {
    OpBuilder::InsertionGuard innerGuard(b);
    b.setInsertionPointToStart(others.getBody());
    Value other = others.getInductionVar();
    // The later of two is before the earlier only if the comparator says so.
    Value isEarlier = isLess(other, candidate);
    Value late = select(isEarlier, candidate, other);
    Value early = select(isEarlier, other, candidate);
    Value isSwapped = emitIsBefore(late, early);
    Value isBefore = arith::XOrIOp::create(b, isEarlier, isSwapped);
    Value count = others.getRegionIterArg(0);
    Value next = select(isBefore, add(count, one), count);
    scf::YieldOp::create(b, next);
  }
  Value isHere = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                       others.getResult(0), rank);
  Value next = select(isHere, candidate, candidates.getRegionIterArg(0));
  scf::YieldOp::create(b, next);
  return candidates.getResult(0);
}

Value SortEmitter::emitMerge(int64_t length) {
  Value first = emitStart(2 * length);
  Value second = emitEnd(first, length), end = emitEnd(second, length);
  // As many as are before the place are taken from the starts of both halves.
  // How many of these are of the first one is between `least` and `most`.
  Value zero = constant(0), one = constant(1);
  Value taken = subtract(place[dim], first);
  Value ofSecond = subtract(end, second), ofFirst = subtract(second, first);
  Value least = arith::MaxSIOp::create(b, zero, subtract(taken, ofSecond));
  Value most = arith::MinSIOp::create(b, taken, ofFirst);
  Value ownOfFirst = emitBisection(b, least, most, [&](Value middle) {
    // With one more of the first half, what is then the next of the second half
    // would not be taken: it must not belong before it.
    Value other = subtract(subtract(taken, middle), one);
    Value fromFirst = add(first, middle), fromSecond = add(second, other);
    return emitIsBefore(fromSecond, fromFirst);
  });
  Value fromFirst = add(first, ownOfFirst);
  Value fromSecond = add(second, subtract(taken, ownOfFirst));
  // Here comes the next of the first half, unless that has no more, or that of
  // the second half belongs before it.
  Value hasFirst = isLess(fromFirst, second);
  Value hasBoth = arith::AndIOp::create(b, hasFirst, isLess(fromSecond, end));
  auto isFirst = scf::IfOp::create(
      b, hasBoth,
      [&](OpBuilder &, Location) {
        Value isSecond = emitIsBefore(fromSecond, fromFirst);
        Value isTrue = arith::ConstantOp::create(b, b.getBoolAttr(true));
        Value isNot = arith::XOrIOp::create(b, isSecond, isTrue);
        scf::YieldOp::create(b, isNot);
      },
      [&](OpBuilder &, Location) { scf::YieldOp::create(b, hasFirst); });
  return select(isFirst.getResult(0), fromFirst, fromSecond);
}

std::optional<SmallVector<Value>>
approx_act::emitSort(OpBuilder &builder, Location loc, ValueRange operands,
                     unsigned dim, Comparator isBefore) {
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(operands.front().getType()).getShape();
  SmallVector<Value> inits;
  for (Value operand : operands)
    inits.push_back(tensor::EmptyOp::create(
        builder, loc, shape, getElementTypeOrSelf(operand.getType())));
  SmallVector<AffineMap> maps(operands.size(),
                              builder.getMultiDimIdentityMap(shape.size()));
  SmallVector<utils::IteratorType> iterators(shape.size(),
                                             utils::IteratorType::parallel);
  SmallVector<Value> sorted(operands);
  // The length of what is in order.
  for (int64_t length = 1; length < shape[dim];) {
    bool isEmitted = true;
    auto body = [&](OpBuilder &nested, Location nestedLoc, ValueRange) {
      ImplicitLocOpBuilder b(nestedLoc, nested);
      SortEmitter emitter(b, isBefore, sorted, dim);
      Value from =
          length == 1 ? emitter.emitCount() : emitter.emitMerge(length);
      SmallVector<Value> elements;
      for (Value operand : sorted)
        elements.push_back(emitter.emitExtract(operand, from));
      linalg::YieldOp::create(b, elements);
      isEmitted = emitter.isEmitted;
    };
    auto generic =
        linalg::GenericOp::create(builder, loc, TypeRange(ValueRange(inits)),
                                  ValueRange(), inits, maps, iterators, body);
    if (!isEmitted) {
      generic.erase();
      return std::nullopt;
    }
    sorted.assign(generic.result_begin(), generic.result_end());
    length = length == 1 ? kCounted : 2 * length;
  }
  return sorted;
}

LogicalResult approx_act::lowerSort(Operation *op, RewriterBase &rewriter) {
  unsigned count = op->getNumOperands();
  auto dimension = op->getAttrOfType<IntegerAttr>("dimension");
  auto type = count == 0
                  ? RankedTensorType()
                  : dyn_cast<RankedTensorType>(op->getOperand(0).getType());
  auto isLikeFirst = [&](Type other) {
    auto ranked = dyn_cast<RankedTensorType>(other);
    return ranked && ranked.getShape() == type.getShape();
  };
  if (!type || !type.hasStaticShape() ||
      !llvm::all_of(op->getOperandTypes(), isLikeFirst) ||
      op->getResultTypes() != op->getOperandTypes() || !dimension ||
      dimension.getInt() < 0 || dimension.getInt() >= type.getRank() ||
      op->getNumRegions() != 1 || !op->getRegion(0).hasOneBlock() ||
      op->getRegion(0).getNumArguments() != 2 * count)
    return op->emitError("expected a sort of tensors of one static shape along "
                         "a dimension of them, with a comparator");
  auto dim = static_cast<unsigned>(dimension.getInt());
  int64_t size = type.getDimSize(dim);
  if (size < 2 || type.getNumElements() == 0) {
    rewriter.replaceOp(op, op->getOperands());
    return success();
  }

  rewriter.setInsertionPoint(op);
  Block &comparator = op->getRegion(0).front();
  std::optional<SmallVector<Value>> sorted = emitSort(
      rewriter, op->getLoc(), op->getOperands(), dim,
      [&](ImplicitLocOpBuilder &b, function_ref<Value(unsigned)> getElement) {
        SmallVector<Value> scalars;
        for (BlockArgument argument : comparator.getArguments())
          scalars.push_back(argument.use_empty()
                                ? Value()
                                : getElement(argument.getArgNumber()));
        return emitScalar(b, comparator, scalars);
      });
  if (!sorted)
    return op->emitError("expected a comparison of scalars in the sort");
  rewriter.replaceOp(op, *sorted);
  return success();
}
