//===- ScatterToLinalg.cpp - Scatters as gathers --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Nothing is written by two threads: an element of the result combines, in the
/// order of the updates, all that have it in their window. Which those are is
/// found out by looking at every update's index, if there are few. If there are
/// many, and each is a row, as of an embedding, the updates are put in the
/// order of their rows first, in which bisection finds those of one row.
///
//===----------------------------------------------------------------------===//

#include "ScatterToLinalg.h"
#include "ComplexParts.h"
#include "ScalarRegion.h"
#include "SortToLinalg.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <limits>

using namespace mlir;
using namespace mlir::approx_act;

/// The most updates of which each element of the result looks at all.
static constexpr int64_t kFewUpdates = 256;

static RankedTensorType typeOf(Value value) {
  return dyn_cast<RankedTensorType>(value.getType());
}

namespace {
/// The dimension numbers of a scatter, read from their text.
struct ScatterDims {
  explicit ScatterDims(StringRef text)
      : window(parseDimensions(text, "update_window_dims")),
        inserted(parseDimensions(text, "inserted_window_dims")),
        batching(parseDimensions(text, "input_batching_dims")),
        indicesBatching(parseDimensions(text, "scatter_indices_batching_dims")),
        scattered(parseDimensions(text, "scatter_dims_to_operand_dims")) {
    // Left out when it is 0.
    size_t at = text.find("index_vector_dim = ");
    if (at != StringRef::npos)
      text.substr(at + StringRef("index_vector_dim = ").size())
          .consumeInteger(10, indexVector);
  }

  /// Whether an update is one element of the dimensions that it is scattered
  /// along, and all elements of the others.
  bool areRows(Operation *op) const {
    RankedTensorType operand = typeOf(op->getOperand(0));
    RankedTensorType indices = typeOf(op->getOperand(1));
    RankedTensorType updates = typeOf(op->getOperand(2));
    SmallVector<int64_t> kept;
    for (int64_t dim = 0; dim < operand.getRank(); ++dim)
      if (!llvm::is_contained(scattered, dim))
        kept.push_back(operand.getDimSize(dim));
    auto sizes = llvm::map_range(
        window, [&](int64_t dim) { return updates.getDimSize(dim); });
    return batching.empty() && inserted.size() == scattered.size() &&
           llvm::all_of(scattered,
                        [&](int64_t dim) {
                          return llvm::is_contained(inserted, dim);
                        }) &&
           llvm::equal(sizes, kept) && indexVector + 1 >= indices.getRank();
  }

  /// The dimensions of updates that are no window's: so many updates there are.
  SmallVector<int64_t> getScatterShape(Operation *op) const {
    SmallVector<int64_t> sizes;
    ArrayRef<int64_t> shape = typeOf(op->getOperand(2)).getShape();
    for (auto [dim, size] : llvm::enumerate(shape))
      if (!llvm::is_contained(window, dim))
        sizes.push_back(size);
    return sizes;
  }

  /// The dimensions of updates that lie in the window; those of the operand
  /// that the window has not; those that operand and indices iterate together;
  /// and those that the index vector is for.
  SmallVector<int64_t> window, inserted, batching, indicesBatching, scattered;
  int64_t indexVector = 0;
};
} // namespace

/// Looks at all updates for each element. Returns null where the combiner has
/// no form on scalars.
static Value lowerByLooking(Operation *op, const ScatterDims &numbers,
                            RewriterBase &rewriter) {
  Value operand = op->getOperand(0), indices = op->getOperand(1);
  Value updates = op->getOperand(2);
  ArrayRef<int64_t> shape = typeOf(operand).getShape();
  int64_t rank = typeOf(operand).getRank();
  Location loc = op->getLoc();
  MLIRContext *context = op->getContext();

  // Loops over the operand, and over the updates that are not batched with it.
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  SmallVector<unsigned> updateLoops;
  for (int64_t dim = 0, next = 0; dim < typeOf(updates).getRank(); ++dim) {
    if (llvm::is_contained(numbers.window, dim))
      continue;
    // The dimension of the indices, which have the index vector besides.
    int64_t indicesDim = next++;
    if (indicesDim >= numbers.indexVector)
      ++indicesDim;
    auto *batching = llvm::find(numbers.indicesBatching, indicesDim);
    if (batching != numbers.indicesBatching.end()) {
      int64_t which = batching - numbers.indicesBatching.begin();
      updateLoops.push_back(numbers.batching[which]);
      continue;
    }
    updateLoops.push_back(iterators.size());
    iterators.push_back(utils::IteratorType::reduction);
  }

  // Each component of the index vector is an input.
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (int64_t component = 0,
               end = static_cast<int64_t>(numbers.scattered.size());
       component < end; ++component) {
    SmallVector<AffineExpr> results;
    auto *next = updateLoops.begin();
    for (int64_t dim = 0; dim < typeOf(indices).getRank(); ++dim)
      results.push_back(dim == numbers.indexVector
                            ? getAffineConstantExpr(component, context)
                            : getAffineDimExpr(*next++, context));
    inputs.push_back(indices);
    maps.push_back(AffineMap::get(iterators.size(), 0, results, context));
  }
  SmallVector<AffineExpr> own;
  for (int64_t dim = 0; dim < rank; ++dim)
    own.push_back(getAffineDimExpr(dim, context));
  maps.push_back(AffineMap::get(iterators.size(), 0, own, context));

  bool isEmitted = true;
  auto body = [&](OpBuilder &builder, Location nestedLoc,
                  ValueRange arguments) {
    ImplicitLocOpBuilder b(nestedLoc, builder);
    SmallVector<Value> loops;
    for (unsigned loop = 0; loop < iterators.size(); ++loop)
      loops.push_back(linalg::IndexOp::create(b, loop));
    // Where the element is in the window of the update, if it is.
    Value isInside =
        arith::ConstantOp::create(b, b.getBoolAttr(true)).getResult();
    SmallVector<Value> offsets;
    int64_t windowDim = 0;
    for (int64_t dim = 0; dim < rank; ++dim) {
      if (llvm::is_contained(numbers.batching, dim))
        continue;
      Value offset = loops[dim];
      bool isInserted = llvm::is_contained(numbers.inserted, dim);
      int64_t size =
          isInserted ? 1
                     : typeOf(updates).getDimSize(numbers.window[windowDim++]);
      auto *component = llvm::find(numbers.scattered, dim);
      if (component != numbers.scattered.end()) {
        Value start = arguments[component - numbers.scattered.begin()];
        // An update whose window is not all inside is not made. Positions may
        // have fewer bits than what is none.
        Type wide = b.getI64Type();
        if (start.getType() != wide)
          start = arith::ExtSIOp::create(b, wide, start);
        Value last = arith::ConstantIntOp::create(b, wide, shape[dim] - size);
        Value isValid =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ule, start, last);
        isInside = arith::AndIOp::create(b, isInside, isValid);
        start = arith::IndexCastOp::create(b, b.getIndexType(), start);
        offset = arith::SubIOp::create(b, offset, start);
      }
      Value end = arith::ConstantIndexOp::create(b, size);
      Value isHere =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ult, offset, end);
      isInside = arith::AndIOp::create(b, isInside, isHere);
      if (!isInserted)
        offsets.push_back(offset);
    }
    Value accumulator = arguments.back();
    auto choice = scf::IfOp::create(b, accumulator.getType(), isInside, true);
    b.setInsertionPointToStart(choice.thenBlock());
    SmallVector<Value> position;
    auto *nextLoop = updateLoops.begin();
    auto *nextOffset = offsets.begin();
    for (int64_t dim = 0; dim < typeOf(updates).getRank(); ++dim)
      position.push_back(llvm::is_contained(numbers.window, dim)
                             ? *nextOffset++
                             : loops[*nextLoop++]);
    Value update = tensor::ExtractOp::create(b, updates, position);
    Value combined =
        emitScalar(b, op->getRegion(0).front(), {accumulator, update});
    isEmitted = static_cast<bool>(combined);
    scf::YieldOp::create(b, isEmitted ? combined : accumulator);
    b.setInsertionPointToStart(choice.elseBlock());
    scf::YieldOp::create(b, accumulator);
    b.setInsertionPointAfter(choice);
    linalg::YieldOp::create(b, choice.getResult(0));
  };
  auto generic =
      linalg::GenericOp::create(rewriter, loc, op->getResultTypes(), inputs,
                                operand, maps, iterators, body);
  if (isEmitted)
    return generic.getResult(0);
  rewriter.eraseOp(generic);
  return {};
}

namespace {
/// A scatter of many rows.
class RowScatter {
public:
  RowScatter(Operation *op, const ScatterDims &numbers, RewriterBase &rewriter)
      : op(op), numbers(numbers), rewriter(rewriter),
        builder(op->getLoc(), rewriter), operand(op->getOperand(0)),
        indices(op->getOperand(1)), updates(op->getOperand(2)),
        shape(typeOf(operand).getShape()),
        scatterShape(numbers.getScatterShape(op)),
        count(ShapedType::getNumElements(scatterShape)) {
    for (int64_t dim : numbers.scattered)
      numRows *= shape[dim];
    bool isSmall =
        std::max(numRows, count) <= std::numeric_limits<int32_t>::max();
    number = isSmall ? builder.getI32Type() : builder.getI64Type();
  }

  /// Null where the combiner has no form on scalars.
  Value lower();

private:
  Value emitRows();
  Value emitPositions();
  Value emitFirst(ImplicitLocOpBuilder &b, Value rows, Value row);
  Value emitUpdate(ImplicitLocOpBuilder &b, Value position, ValueRange place);

  Operation *op;
  const ScatterDims &numbers;
  RewriterBase &rewriter;
  ImplicitLocOpBuilder builder;
  Value operand, indices, updates;
  ArrayRef<int64_t> shape;
  SmallVector<int64_t> scatterShape;
  int64_t count, numRows = 1;
  /// The type of the numbers of rows and of updates.
  IntegerType number;
};
} // namespace

/// The row of each update, in row-major order; less than none where it is out
/// of bounds.
Value RowScatter::emitRows() {
  SmallVector<AffineMap> maps;
  auto rank = static_cast<unsigned>(scatterShape.size());
  AffineMap own = builder.getMultiDimIdentityMap(rank);
  for (int64_t component = 0,
               end = static_cast<int64_t>(numbers.scattered.size());
       component < end; ++component)
    maps.push_back(
        typeOf(indices).getRank() == rank
            ? own
            : own.insertResult(builder.getAffineConstantExpr(component), rank));
  SmallVector<Value> inputs(maps.size(), indices);
  auto body = [&](ImplicitLocOpBuilder &b, ValueRange starts) {
    Type wide = b.getI64Type();
    Value row = arith::ConstantIntOp::create(b, wide, 0);
    Value isInside = arith::ConstantOp::create(b, b.getBoolAttr(true));
    for (auto [dim, value] : llvm::zip_equal(numbers.scattered, starts)) {
      Value start = value;
      if (start.getType() != wide)
        start = arith::ExtSIOp::create(b, wide, start);
      Value size = arith::ConstantIntOp::create(b, wide, shape[dim]);
      Value isValid =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ult, start, size);
      isInside = arith::AndIOp::create(b, isInside, isValid);
      row = arith::MulIOp::create(b, row, size);
      row = arith::AddIOp::create(b, row, start);
    }
    Value none = arith::ConstantIntOp::create(b, wide, -1);
    row = arith::SelectOp::create(b, isInside, row, none);
    if (number != wide)
      row = arith::TruncIOp::create(b, number, row);
    return SmallVector<Value>{row};
  };
  Value rows =
      emitElements(builder, scatterShape, number, 1, inputs, maps, body)
          .front();
  if (rank == 1)
    return rows;
  SmallVector<ReassociationIndices> all = {
      llvm::to_vector(llvm::seq<int64_t>(0, rank))};
  return tensor::CollapseShapeOp::create(builder, rows, all);
}

Value RowScatter::emitPositions() {
  auto body = [&](ImplicitLocOpBuilder &b, ValueRange) {
    Value position = linalg::IndexOp::create(b, 0);
    position = arith::IndexCastOp::create(b, number, position);
    return SmallVector<Value>{position};
  };
  return emitElements(builder, count, number, 1, {}, {}, body).front();
}

/// Where the first of `rows`, which are in order, is that is not less than
/// `row`.
Value RowScatter::emitFirst(ImplicitLocOpBuilder &b, Value rows, Value row) {
  Value least = arith::ConstantIndexOp::create(b, 0);
  Value most = arith::ConstantIndexOp::create(b, count);
  return emitBisection(b, least, most, [&](Value middle) -> Value {
    Value other = tensor::ExtractOp::create(b, rows, middle);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::sge, other, row);
  });
}

/// The element of the update with the number `position` that lies at `place` of
/// the operand.
Value RowScatter::emitUpdate(ImplicitLocOpBuilder &b, Value position,
                             ValueRange place) {
  Value rest = arith::IndexCastOp::create(b, b.getIndexType(), position);
  SmallVector<Value> scattered;
  for (int64_t size : llvm::reverse(ArrayRef(scatterShape).drop_front())) {
    Value divisor = arith::ConstantIndexOp::create(b, size);
    scattered.push_back(arith::RemUIOp::create(b, rest, divisor));
    rest = arith::DivUIOp::create(b, rest, divisor);
  }
  scattered.push_back(rest);
  SmallVector<Value> kept;
  for (auto [dim, coordinate] : llvm::enumerate(place))
    if (!llvm::is_contained(numbers.scattered, dim))
      kept.push_back(coordinate);
  auto *next = kept.begin();
  SmallVector<Value> coordinates;
  for (int64_t dim = 0; dim < typeOf(updates).getRank(); ++dim)
    coordinates.push_back(llvm::is_contained(numbers.window, dim)
                              ? *next++
                              : scattered.pop_back_val());
  return tensor::ExtractOp::create(b, updates, coordinates);
}

Value RowScatter::lower() {
  // Updates of one row stay in their order.
  std::optional<SmallVector<Value>> sorted = emitSort(
      rewriter, op->getLoc(), {emitRows(), emitPositions()}, /*dim=*/0,
      [](ImplicitLocOpBuilder &b, function_ref<Value(unsigned)> getElement) {
        return arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                     getElement(0), getElement(1));
      });
  Value rows = sorted->front(), positions = sorted->back();

  bool isEmitted = true;
  auto rank = static_cast<unsigned>(shape.size());
  auto body = [&](OpBuilder &nested, Location loc, ValueRange arguments) {
    ImplicitLocOpBuilder b(loc, nested);
    SmallVector<Value> place;
    for (unsigned dim = 0; dim < rank; ++dim)
      place.push_back(linalg::IndexOp::create(b, dim));
    Value own = arith::ConstantIndexOp::create(b, 0);
    for (int64_t dim : numbers.scattered) {
      Value size = arith::ConstantIndexOp::create(b, shape[dim]);
      own = arith::MulIOp::create(b, own, size);
      own = arith::AddIOp::create(b, own, place[dim]);
    }
    own = arith::IndexCastOp::create(b, number, own);
    Value first = emitFirst(b, rows, own);
    Value end = arith::ConstantIndexOp::create(b, count);
    Value last = arith::ConstantIndexOp::create(b, count - 1);
    Value one = arith::ConstantIndexOp::create(b, 1);
    SmallVector<Value> inits = {first, arguments.back()};
    auto combine = scf::WhileOp::create(
        b, ValueRange(inits).getTypes(), inits,
        [&](OpBuilder &, Location, ValueRange carried) {
          Value isThere = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                                carried[0], end);
          Value at = arith::MinSIOp::create(b, carried[0], last);
          Value row = tensor::ExtractOp::create(b, rows, at);
          Value isOwn =
              arith::CmpIOp::create(b, arith::CmpIPredicate::eq, row, own);
          Value isNext = arith::AndIOp::create(b, isThere, isOwn);
          scf::ConditionOp::create(b, isNext, carried);
        },
        [&](OpBuilder &, Location, ValueRange carried) {
          Value position = tensor::ExtractOp::create(b, positions, carried[0]);
          Value update = emitUpdate(b, position, place);
          Value combined =
              emitScalar(b, op->getRegion(0).front(), {carried[1], update});
          isEmitted = static_cast<bool>(combined);
          Value next = arith::AddIOp::create(b, carried[0], one);
          scf::YieldOp::create(
              b, ValueRange{next, isEmitted ? combined : carried[1]});
        });
    linalg::YieldOp::create(b, combine.getResult(1));
  };
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      rewriter, op->getLoc(), op->getResultTypes(), ValueRange(), operand,
      builder.getMultiDimIdentityMap(rank), iterators, body);
  if (isEmitted)
    return generic.getResult(0);
  rewriter.eraseOp(generic);
  return {};
}

LogicalResult approx_act::lowerScatter(Operation *op, RewriterBase &rewriter) {
  if (op->getNumOperands() != 3 || op->getNumRegions() != 1 ||
      !op->getRegion(0).hasOneBlock())
    return op->emitError("scatter of several operands has no kernel");
  auto text = op->getAttrOfType<OpaqueAttr>("scatter_dimension_numbers");
  auto isStatic = [](Value value) {
    return typeOf(value) && typeOf(value).hasStaticShape();
  };
  if (!text || !llvm::all_of(op->getOperands(), isStatic))
    return op->emitError("expected a scatter of tensors of static shape");
  ScatterDims numbers(text.getAttrData());
  rewriter.setInsertionPoint(op);
  int64_t count = ShapedType::getNumElements(numbers.getScatterShape(op));
  bool isOfMany = numbers.areRows(op) && count > kFewUpdates;
  Value result = isOfMany ? RowScatter(op, numbers, rewriter).lower()
                          : lowerByLooking(op, numbers, rewriter);
  if (!result)
    return op->emitError("expected a computation of scalars in the scatter");
  rewriter.replaceOp(op, result);
  return success();
}
