//===- OperandView.cpp - Tensors as elements of memory --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OperandView.h"
#include "KernelBody.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::approx_act;

//===----------------------------------------------------------------------===//
// Dimensions
//===----------------------------------------------------------------------===//

ViewDim ViewDim::getWhole(int64_t size, int64_t stride) {
  ViewDim dim;
  dim.factors.push_back({size, stride});
  dim.size = size;
  return dim;
}

int64_t ViewDim::getCount() const {
  int64_t count = 1;
  for (const Factor &factor : factors)
    count *= factor.size;
  return count;
}

std::optional<int64_t> ViewDim::getStride() const {
  std::optional<Factor> whole;
  for (const Factor &factor : factors) {
    if (factor.size == 1)
      continue;
    if (whole && whole->stride != factor.stride * factor.size)
      return std::nullopt;
    whole = factor;
  }
  // The stride of a single element says nothing.
  return whole ? whole->stride : 1;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// The elements that are the same in the op's result as in this operand: null
/// where the op does more than to put elements elsewhere, among zeros.
static Value getMoved(Operation *op) {
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
          tensor::ExtractSliceOp>(op))
    return op->getOperand(0);
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    Value padding = pad.getConstantPaddingValue();
    return padding && isZero(padding) ? pad.getSource() : Value();
  }
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return isZero(insert.getDest()) ? insert.getSource() : Value();
  // A transpose, a reversal.
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || !linalgOp.hasPureTensorSemantics() ||
      linalgOp.getNumDpsInputs() != 1 || linalgOp.getNumDpsInits() != 1 ||
      linalgOp.getNumReductionLoops() != 0 ||
      !linalgOp.getIndexingMapMatchingResult(op->getResult(0)).isIdentity())
    return {};
  Block *body = linalgOp.getBlock();
  bool isCopy = body->getTerminator()->getOperand(0) == body->getArgument(0);
  return isCopy ? linalgOp.getDpsInputOperand(0)->get() : Value();
}

/// A reshape that divides dimensions, `groups` of the result for each.
static bool expand(OperandView &view, ArrayRef<ReassociationIndices> groups,
                   ArrayRef<int64_t> shape) {
  SmallVector<ViewDim> dims;
  for (auto [group, dim] : llvm::zip_equal(groups, view.dims)) {
    if (group.size() == 1) {
      dims.push_back(dim);
      continue;
    }
    SmallVector<ViewDim> parts;
    // Innermost first; `rest` is what the part at hand takes no more of.
    SmallVector<ViewDim::Factor, 1> rest(dim.factors);
    if (!dim.isWhole())
      return false;
    for (int64_t index : llvm::reverse(group)) {
      ViewDim part;
      part.size = shape[index];
      int64_t wanted = part.size;
      while (wanted > 1) {
        if (rest.empty())
          return false;
        ViewDim::Factor factor = rest.pop_back_val();
        if (factor.size == 1)
          continue;
        if (wanted % factor.size == 0) {
          wanted /= factor.size;
        } else if (factor.size % wanted == 0) {
          rest.push_back({factor.size / wanted, factor.stride * wanted});
          factor.size = wanted;
          wanted = 1;
        } else {
          return false;
        }
        part.factors.insert(part.factors.begin(), factor);
      }
      parts.push_back(part);
    }
    dims.append(parts.rbegin(), parts.rend());
  }
  view.dims = std::move(dims);
  return true;
}

/// A reshape that makes one dimension of each of `groups`.
static bool collapse(OperandView &view, ArrayRef<ReassociationIndices> groups) {
  SmallVector<ViewDim> dims;
  for (const ReassociationIndices &group : groups) {
    ViewDim whole;
    bool isAlone = true;
    for (int64_t index : group) {
      const ViewDim &dim = view.dims[index];
      if (dim.size == 1 && dim.isWhole())
        continue;
      if (whole.size == 1 && whole.factors.empty()) {
        whole = dim;
        continue;
      }
      isAlone = false;
      whole.size *= dim.size;
      llvm::append_range(whole.factors, dim.factors);
      if (!dim.isWhole())
        return false;
    }
    if (!isAlone && !whole.isWhole())
      return false;
    dims.push_back(whole);
  }
  view.dims = std::move(dims);
  return true;
}

/// `view` from `offsets` on, with elements that many `strides` apart.
static bool slice(OperandView &view, tensor::ExtractSliceOp op) {
  if (op.getType().getRank() != op.getSourceType().getRank() ||
      ShapedType::isDynamicShape(op.getStaticOffsets()) ||
      !llvm::all_equal(op.getStaticStrides()) ||
      (!op.getStaticStrides().empty() && op.getStaticStrides().front() != 1))
    return false;
  for (auto [dim, offset, size] :
       llvm::zip_equal(view.dims, op.getStaticOffsets(), op.getStaticSizes())) {
    dim.low -= offset;
    dim.size = size;
  }
  return true;
}

/// Whether an element in memory is not one of the tensor.
static bool isCropped(const ViewDim &dim) {
  return dim.low < 0 || dim.low + dim.step * (dim.getCount() - 1) >= dim.size;
}

/// Among zeros: element `i` is at `offset + i * stride`.
static bool place(OperandView &view, ArrayRef<int64_t> offsets,
                  ArrayRef<int64_t> strides, ArrayRef<int64_t> shape) {
  if (ShapedType::isDynamicShape(offsets) || offsets.size() != shape.size() ||
      view.dims.size() != shape.size())
    return false;
  for (auto [dim, offset, stride, size] :
       llvm::zip_equal(view.dims, offsets, strides, shape)) {
    if (offset == 0 && stride == 1 && size == dim.size)
      continue;
    // What was cropped would be back in what is now zero.
    if (isCropped(dim))
      return false;
    dim.low = offset + stride * dim.low;
    dim.step *= stride;
    dim.size = size;
  }
  return true;
}

/// A dimension of the result for each of the operand, some reversed.
static bool permute(OperandView &view, AffineMap map, ArrayRef<int64_t> shape) {
  SmallVector<std::optional<ViewDim>> dims(shape.size());
  for (auto [dim, expr] : llvm::zip_equal(view.dims, map.getResults())) {
    if (isa<AffineConstantExpr>(expr) && dim.size == 1 && dim.isWhole())
      continue;
    // `last - d` is the reverse.
    int64_t last = 0;
    bool isReversed = false;
    AffineExpr rest = expr;
    if (auto sum = dyn_cast<AffineBinaryOpExpr>(rest);
        sum && sum.getKind() == AffineExprKind::Add)
      if (auto constant = dyn_cast<AffineConstantExpr>(sum.getRHS())) {
        last = constant.getValue();
        rest = sum.getLHS();
      }
    if (auto product = dyn_cast<AffineBinaryOpExpr>(rest);
        product && product.getKind() == AffineExprKind::Mul)
      if (auto factor = dyn_cast<AffineConstantExpr>(product.getRHS());
          factor && factor.getValue() == -1) {
        isReversed = true;
        rest = product.getLHS();
      }
    auto loop = dyn_cast<AffineDimExpr>(rest);
    if (!loop || last != (isReversed ? dim.size - 1 : 0) ||
        shape[loop.getPosition()] != dim.size || dims[loop.getPosition()])
      return false;
    ViewDim moved = dim;
    if (isReversed) {
      if (dim.factors.size() > 1)
        return false;
      // The last is the first now.
      moved.low = last - (dim.low + dim.step * (dim.getCount() - 1));
      for (ViewDim::Factor &factor : moved.factors)
        factor.stride = -factor.stride;
    }
    dims[loop.getPosition()] = moved;
  }
  view.dims.clear();
  for (auto [dim, size] : llvm::zip_equal(dims, shape)) {
    // The same element over and over has no stride.
    if (!dim && size != 1)
      return false;
    view.dims.push_back(dim.value_or(ViewDim::getWhole(1, 1)));
  }
  return true;
}

/// Turns a view of what `op` moves into a view of its result.
static bool apply(OperandView &view, Operation *op) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  if (auto reshape = dyn_cast<tensor::ExpandShapeOp>(op))
    return expand(view, reshape.getReassociationIndices(), type.getShape());
  if (auto reshape = dyn_cast<tensor::CollapseShapeOp>(op))
    return collapse(view, reshape.getReassociationIndices());
  if (auto extract = dyn_cast<tensor::ExtractSliceOp>(op))
    return slice(view, extract);
  if (auto pad = dyn_cast<tensor::PadOp>(op)) {
    SmallVector<int64_t> strides(type.getRank(), 1);
    return place(view, pad.getStaticLow(), strides, type.getShape());
  }
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return place(view, insert.getStaticOffsets(), insert.getStaticStrides(),
                 type.getShape());
  auto linalgOp = cast<linalg::LinalgOp>(op);
  return permute(
      view, linalgOp.getMatchingIndexingMap(linalgOp.getDpsInputOperand(0)),
      type.getShape());
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

OperandView approx_act::getOwnView(Value value) {
  OperandView view;
  view.base = value;
  int64_t stride = 1;
  for (int64_t size :
       llvm::reverse(cast<RankedTensorType>(value.getType()).getShape())) {
    view.dims.push_back(ViewDim::getWhole(size, stride));
    stride *= size;
  }
  std::reverse(view.dims.begin(), view.dims.end());
  return view;
}

SmallVector<OperandView> approx_act::getViews(Value value) {
  // The ops on the way, outermost last.
  SmallVector<Operation *> ops;
  Value base = value;
  while (Operation *op = base.getDefiningOp()) {
    Value moved = getMoved(op);
    auto type = moved ? dyn_cast<RankedTensorType>(moved.getType())
                      : RankedTensorType();
    if (!type || !type.hasStaticShape() || type.getNumElements() == 0)
      break;
    ops.push_back(op);
    base = moved;
  }
  SmallVector<OperandView> views;
  for (size_t depth = ops.size(); depth > 0; --depth) {
    OperandView view = getOwnView(getMoved(ops[depth - 1]));
    bool isView = true;
    for (size_t i = depth; isView && i-- > 0;)
      isView = apply(view, ops[i]);
    if (isView)
      views.push_back(view);
  }
  views.push_back(getOwnView(value));
  return views;
}
