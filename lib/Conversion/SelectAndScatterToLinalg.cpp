//===- SelectAndScatterToLinalg.cpp - Winners of windows ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A select-and-scatter, the gradient of a max-pooling, is two
/// `linalg.generic`s. The first reduces each window to the element that it
/// selects, and keeps the number of that in the window. In the second every
/// element of the result looks at the windows that contain it, and combines the
/// sources of those whose number is its own. So nothing is written by two
/// threads, and sums have the order of the windows.
///
/// *Rejected: one op*, in which every element selects again in each window that
/// contains it: the square of the comparisons, to save a byte for each window,
/// and all of the operand in memory, which a reduction may compute.
///
//===----------------------------------------------------------------------===//

#include "SelectAndScatterToLinalg.h"
#include "ScalarRegion.h"
#include "approx-act/Dialect/StableHLO/Windows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/Support/CheckedArithmetic.h"

using namespace mlir;
using namespace mlir::approx_act;

namespace {
/// The windows along one dimension of the operand.
struct WindowDim {
  /// Elements of the operand, of a window, and from the start of one window to
  /// that of the next; elements before the first; and windows.
  int64_t size, window, stride, low, count;
  /// How far apart the numbers of two neighbours in a window are.
  int64_t step = 1;

  /// Whether elements of windows are outside of the operand.
  bool isPadded() const {
    return low > 0 || (count - 1) * stride - low + window > size;
  }
};

/// Emits the bodies of the ops, at the insertion point of a builder.
class WindowEmitter {
public:
  WindowEmitter(ImplicitLocOpBuilder &builder, ArrayRef<WindowDim> dims)
      : b(builder), dims(dims) {
    for (unsigned loop = 0; loop < dims.size(); ++loop)
      place.push_back(linalg::IndexOp::create(b, loop));
  }

  /// The element that is selected, and its number, after `candidate`, where
  /// `selected` and `number` are those before; null where `select` cannot be
  /// emitted. `offsets` are the position in the window.
  std::pair<Value, Value> emitSelected(Value candidate, Value selected,
                                       Value number, ValueRange offsets,
                                       Block &select);
  /// `init`, combined with all elements of `source` whose windows have selected
  /// the element of this place; null where `scatter` cannot be emitted.
  Value emitCombined(Value source, Value numbers, Value init, Block &scatter);

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value add(Value lhs, int64_t rhs) {
    return rhs == 0 ? lhs : arith::AddIOp::create(b, lhs, constant(rhs));
  }
  Value add(Value lhs, Value rhs) { return arith::AddIOp::create(b, lhs, rhs); }
  Value subtract(Value lhs, Value rhs) {
    return arith::SubIOp::create(b, lhs, rhs);
  }
  Value multiply(Value lhs, int64_t rhs) {
    return rhs == 1 ? lhs : arith::MulIOp::create(b, lhs, constant(rhs));
  }
  Value atLeastZero(Value value) {
    return arith::MaxSIOp::create(b, value, constant(0));
  }
  Value atMost(Value value, int64_t most) {
    return arith::MinSIOp::create(b, value, constant(most));
  }
  /// `condition`, which may be null for none, and whether `value` is a position
  /// below `bound`. Negative numbers are great ones here.
  Value andBelow(Value condition, Value value, int64_t bound) {
    Value isBelow = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, value,
                                          constant(bound));
    return condition ? arith::AndIOp::create(b, condition, isBelow) : isBelow;
  }
  /// The number, of a type, of the element at a position in its window.
  Value emitNumber(ValueRange offsets, Type type) {
    Value number = constant(0);
    for (auto [offset, dim] : llvm::zip_equal(offsets, dims))
      number = add(number, multiply(offset, dim.step));
    return arith::IndexCastUIOp::create(b, type, number);
  }
  /// What `emit` emits where `condition` holds, and `otherwise` elsewhere.
  Value emitChoice(Value condition, Value otherwise,
                   function_ref<Value()> emit);

  ImplicitLocOpBuilder &b;
  ArrayRef<WindowDim> dims;
  /// The window or, in the second op, the element of the operand.
  SmallVector<Value> place;
};
} // namespace

std::pair<Value, Value>
WindowEmitter::emitSelected(Value candidate, Value selected, Value number,
                            ValueRange offsets, Block &select) {
  Value isKept = emitScalar(b, select, {selected, candidate});
  if (!isKept || !isKept.getType().isInteger(1))
    return {};
  Value none =
      arith::ConstantOp::create(b, b.getIntegerAttr(number.getType(), -1));
  Value isSome =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne, number, none);
  isKept = arith::AndIOp::create(b, isSome, isKept);
  // Padding is never selected.
  Value isInside;
  for (auto [index, offset, dim] : llvm::zip_equal(place, offsets, dims))
    if (dim.isPadded())
      isInside = andBelow(
          isInside, add(add(multiply(index, dim.stride), offset), -dim.low),
          dim.size);
  Value own = emitNumber(offsets, number.getType());
  Value nextSelected = arith::SelectOp::create(b, isKept, selected, candidate);
  Value nextNumber = arith::SelectOp::create(b, isKept, number, own);
  if (isInside) {
    nextSelected = arith::SelectOp::create(b, isInside, nextSelected, selected);
    nextNumber = arith::SelectOp::create(b, isInside, nextNumber, number);
  }
  return {nextSelected, nextNumber};
}

Value WindowEmitter::emitChoice(Value condition, Value otherwise,
                                function_ref<Value()> emit) {
  auto choice = scf::IfOp::create(b, otherwise.getType(), condition, true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  Value result = emit();
  scf::YieldOp::create(b, result);
  b.setInsertionPointToStart(choice.elseBlock());
  scf::YieldOp::create(b, otherwise);
  return choice.getResult(0);
}

Value WindowEmitter::emitCombined(Value source, Value numbers, Value init,
                                  Block &scatter) {
  // Of dimensions whose windows overlap, those that contain the element are
  // gone through; of others it is one, if any.
  SmallVector<Value> window(dims.size()), offsets(dims.size()), starts, ends;
  SmallVector<unsigned> overlapping;
  Value isContained;
  for (auto [index, dim] : llvm::enumerate(dims)) {
    Value padded = add(place[index], dim.low), stride = constant(dim.stride);
    int64_t last = dim.size - 1 + dim.low;
    if (dim.window > dim.stride) {
      Value start = atLeastZero(add(padded, dim.stride - dim.window));
      Value end = atLeastZero(add(padded, dim.stride));
      start = arith::DivUIOp::create(b, start, stride);
      end = atMost(arith::DivUIOp::create(b, end, stride), dim.count);
      starts.push_back(start);
      ends.push_back(end);
      overlapping.push_back(index);
      continue;
    }
    window[index] = arith::DivUIOp::create(b, padded, stride);
    offsets[index] = arith::RemUIOp::create(b, padded, stride);
    if (dim.low < 0 || last / dim.stride >= dim.count)
      isContained = andBelow(isContained, window[index], dim.count);
    if (dim.window < dim.stride)
      isContained = andBelow(isContained, offsets[index], dim.window);
  }

  bool isEmitted = true;
  // With the source of one window, if that has selected the element.
  auto emitWindow = [&](Value combined) -> Value {
    Value theirs = tensor::ExtractOp::create(b, numbers, window);
    Value own = emitNumber(offsets, theirs.getType());
    Value isOwn =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, theirs, own);
    return emitChoice(isOwn, combined, [&]() -> Value {
      Value element = tensor::ExtractOp::create(b, source, window);
      Value result = emitScalar(b, scatter, {combined, element});
      isEmitted = result && result.getType() == init.getType();
      return isEmitted ? result : combined;
    });
  };
  auto emitWindows = [&]() -> Value {
    SmallVector<Value> steps(starts.size(), constant(1));
    scf::LoopNest loops = scf::buildLoopNest(
        b, b.getLoc(), starts, ends, steps, init,
        [&](OpBuilder &builder, Location, ValueRange inner,
            ValueRange combined) -> scf::ValueVector {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPoint(builder.getInsertionBlock(),
                              builder.getInsertionPoint());
          for (auto [index, number] : llvm::zip_equal(overlapping, inner)) {
            const WindowDim &dim = dims[index];
            window[index] = number;
            offsets[index] = subtract(add(place[index], dim.low),
                                      multiply(number, dim.stride));
          }
          return {emitWindow(combined[0])};
        });
    return loops.results[0];
  };
  Value result =
      isContained ? emitChoice(isContained, init, emitWindows) : emitWindows();
  return isEmitted ? result : Value();
}

/// The windows of `op`; `std::nullopt` where they are not those of its
/// operands.
static std::optional<SmallVector<WindowDim>> getWindowDims(Operation *op) {
  if (op->getNumOperands() != 3 || op->getNumResults() != 1)
    return std::nullopt;
  auto type = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
  auto source = dyn_cast<RankedTensorType>(op->getOperand(1).getType());
  auto init = dyn_cast<RankedTensorType>(op->getOperand(2).getType());
  if (!type || !type.hasStaticShape() || op->getResult(0).getType() != type ||
      !source || !source.hasStaticShape() ||
      source.getRank() != type.getRank() ||
      source.getElementType() != type.getElementType() || !init ||
      init.getRank() != 0 || init.getElementType() != type.getElementType())
    return std::nullopt;
  auto rank = static_cast<size_t>(type.getRank());
  SmallVector<int64_t> windows =
      getPerDimension(op, "window_dimensions", type.getRank(), 1);
  SmallVector<int64_t> strides =
      getPerDimension(op, "window_strides", type.getRank(), 1);
  SmallVector<int64_t> padding(2 * rank, 0);
  if (Attribute attribute = op->getAttr("padding")) {
    auto elements = dyn_cast<DenseIntElementsAttr>(attribute);
    if (!elements || !elements.getElementType().isInteger(64))
      return std::nullopt;
    padding = llvm::to_vector(elements.getValues<int64_t>());
  }
  if (windows.size() != rank || strides.size() != rank ||
      padding.size() != 2 * rank)
    return std::nullopt;
  SmallVector<WindowDim> dims;
  for (size_t dim = 0; dim < rank; ++dim) {
    WindowDim entry{type.getDimSize(dim), windows[dim], strides[dim],
                    padding[2 * dim], source.getDimSize(dim)};
    if (entry.window <= 0 || entry.stride <= 0)
      return std::nullopt;
    std::optional<int64_t> padded = llvm::checkedAdd(entry.size, entry.low);
    if (padded)
      padded = llvm::checkedAdd(*padded, padding[2 * dim + 1]);
    if (!padded)
      return std::nullopt;
    int64_t count = *padded < entry.window
                        ? 0
                        : (*padded - entry.window) / entry.stride + 1;
    if (entry.count != count)
      return std::nullopt;
    dims.push_back(entry);
  }
  std::optional<int64_t> step = 1;
  for (WindowDim &dim : llvm::reverse(dims)) {
    dim.step = *step;
    step = llvm::checkedMul(*step, dim.window);
    if (!step)
      return std::nullopt;
  }
  return dims;
}

/// The least type of whole bytes that has a number for each element of a window
/// and one for none.
static IntegerType getNumberType(Builder &b, ArrayRef<WindowDim> dims) {
  int64_t count = dims.empty() ? 1 : dims[0].step * dims[0].window;
  for (unsigned width : {8, 16, 32})
    if (llvm::isUIntN(width, count))
      return b.getIntegerType(width);
  return b.getI64Type();
}

/// The op that reduces each window to the element that it selects and the
/// number of that; null where `select` cannot be emitted.
static linalg::GenericOp createSelection(RewriterBase &rewriter, Location loc,
                                         Value operand, ArrayRef<int64_t> shape,
                                         ArrayRef<WindowDim> dims,
                                         Block &select) {
  auto type = cast<RankedTensorType>(operand.getType());
  Type element = type.getElementType();
  Value zero =
      arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(element));
  if (llvm::any_of(dims, std::mem_fn(&WindowDim::isPadded))) {
    SmallVector<OpFoldResult> low, high;
    SmallVector<int64_t> padded;
    for (auto [dim, count] : llvm::zip_equal(dims, shape)) {
      int64_t before = std::max<int64_t>(dim.low, 0);
      int64_t end = (count - 1) * dim.stride - dim.low + dim.window;
      int64_t after = std::max<int64_t>(end - dim.size, 0);
      low.push_back(rewriter.getIndexAttr(before));
      high.push_back(rewriter.getIndexAttr(after));
      padded.push_back(before + dim.size + after);
    }
    operand = tensor::PadOp::create(rewriter, loc,
                                    RankedTensorType::get(padded, element),
                                    operand, low, high, zero);
  }
  // A loop for each dimension, and one over the window where it has more than
  // an element.
  SmallVector<utils::IteratorType> iterators(dims.size(),
                                             utils::IteratorType::parallel);
  SmallVector<AffineExpr> position, inWindow;
  SmallVector<int64_t> windowShape;
  for (auto [index, dim] : llvm::enumerate(dims)) {
    AffineExpr expr = rewriter.getAffineDimExpr(index) * dim.stride +
                      std::max<int64_t>(-dim.low, 0);
    if (dim.window > 1) {
      inWindow.push_back(rewriter.getAffineDimExpr(iterators.size()));
      expr = expr + inWindow.back();
      windowShape.push_back(dim.window);
      iterators.push_back(utils::IteratorType::reduction);
    }
    position.push_back(expr);
  }
  auto makeMap = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(iterators.size(), 0, exprs, rewriter.getContext());
  };
  AffineMap own =
      makeMap(rewriter.getMultiDimIdentityMap(dims.size()).getResults());
  IntegerType numberType = getNumberType(rewriter, dims);
  Value none = arith::ConstantOp::create(
      rewriter, loc, rewriter.getIntegerAttr(numberType, -1));
  SmallVector<Value> inits;
  for (Value init : {zero, none}) {
    Value empty = tensor::EmptyOp::create(rewriter, loc, shape, init.getType());
    inits.push_back(
        linalg::FillOp::create(rewriter, loc, init, empty).getResult(0));
  }
  // Nothing but the shape of a window is read of it.
  Value window = tensor::EmptyOp::create(rewriter, loc, windowShape, element);
  bool isEmitted = true;
  auto generic = linalg::GenericOp::create(
      rewriter, loc, TypeRange(ValueRange(inits)), {operand, window}, inits,
      {makeMap(position), makeMap(inWindow), own, own}, iterators,
      [&](OpBuilder &builder, Location nestedLoc, ValueRange arguments) {
        ImplicitLocOpBuilder b(nestedLoc, builder);
        SmallVector<Value> offsets;
        unsigned next = dims.size();
        for (const WindowDim &dim : dims)
          offsets.push_back(
              dim.window > 1
                  ? linalg::IndexOp::create(b, next++).getResult()
                  : arith::ConstantIndexOp::create(b, 0).getResult());
        auto [value, number] = WindowEmitter(b, dims).emitSelected(
            arguments[0], arguments[2], arguments[3], offsets, select);
        isEmitted = static_cast<bool>(value);
        if (isEmitted)
          linalg::YieldOp::create(b, {value, number});
        else
          linalg::YieldOp::create(b, arguments.drop_front(2));
      });
  if (isEmitted)
    return generic;
  rewriter.eraseOp(generic);
  return {};
}

LogicalResult approx_act::lowerSelectAndScatter(Operation *op,
                                                RewriterBase &rewriter) {
  std::optional<SmallVector<WindowDim>> dims = getWindowDims(op);
  if (!dims || op->getNumRegions() != 2 ||
      !llvm::all_of(op->getRegions(), [](Region &region) {
        return region.hasOneBlock() && region.getNumArguments() == 2;
      }))
    return op->emitError("expected a select_and_scatter of a source with an "
                         "element for each window of an operand of static "
                         "shape");
  Value operand = op->getOperand(0), source = op->getOperand(1);
  Value init = op->getOperand(2);
  auto type = cast<RankedTensorType>(operand.getType());
  auto sourceType = cast<RankedTensorType>(source.getType());
  rewriter.setInsertionPoint(op);
  Location loc = op->getLoc();
  int64_t rank = type.getRank();
  AffineMap own = rewriter.getMultiDimIdentityMap(rank);
  AffineMap whole = AffineMap::get(rank, 0, rewriter.getContext());
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  Value empty = tensor::EmptyOp::create(rewriter, loc, type.getShape(),
                                        type.getElementType());
  if (type.getNumElements() == 0 || sourceType.getNumElements() == 0) {
    Value scalar = tensor::ExtractOp::create(rewriter, loc, init, ValueRange());
    auto fill = linalg::FillOp::create(rewriter, loc, scalar, empty);
    rewriter.replaceOp(op, fill.getResults());
    return success();
  }

  linalg::GenericOp selected =
      createSelection(rewriter, loc, operand, sourceType.getShape(), *dims,
                      op->getRegion(0).front());
  if (!selected)
    return op->emitError(
        "expected a comparison of scalars in the select_and_scatter");
  bool isEmitted = true;
  auto combined = linalg::GenericOp::create(
      rewriter, loc, type, init, empty, {whole, own}, iterators,
      [&](OpBuilder &builder, Location nestedLoc, ValueRange arguments) {
        ImplicitLocOpBuilder b(nestedLoc, builder);
        Value result = WindowEmitter(b, *dims).emitCombined(
            source, selected.getResult(1), arguments[0],
            op->getRegion(1).front());
        isEmitted = static_cast<bool>(result);
        linalg::YieldOp::create(b, isEmitted ? result : arguments[0]);
      });
  if (!isEmitted) {
    rewriter.eraseOp(combined);
    rewriter.eraseOp(selected);
    return op->emitError(
        "expected a computation of scalars in the select_and_scatter");
  }
  rewriter.replaceOp(op, combined);
  return success();
}
