//===- KernelBody.cpp - What may stand in a kernel ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::approx_act;

/// Whether all tensors have static shapes and elements that kernels know:
/// numbers, but no complex ones.
static bool hasStaticTensors(Operation *op) {
  auto isStatic = [](Type type) {
    auto shaped = dyn_cast<RankedTensorType>(type);
    return !shaped ||
           (shaped.hasStaticShape() && shaped.getElementType().isIntOrFloat());
  };
  return llvm::all_of(op->getResultTypes(), isStatic) &&
         llvm::all_of(op->getOperandTypes(), isStatic);
}

bool approx_act::isLightOp(Operation *op) {
  if (op->getNumResults() == 0 ||
      !llvm::all_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>) ||
      !hasStaticTensors(op))
    return false;
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return linalgOp.hasPureTensorSemantics() &&
           linalgOp.getNumReductionLoops() == 0;
  if (auto pad = dyn_cast<tensor::PadOp>(op))
    return pad.getConstantPaddingValue() &&
           !ShapedType::isDynamicShape(pad.getStaticLow());
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return isa<SplatElementsAttr>(constant.getValue());
  // Offsets may be computed, but not how far elements are apart.
  if (auto slice = dyn_cast<OffsetSizeAndStrideOpInterface>(op))
    return isa<tensor::ExtractSliceOp, tensor::InsertSliceOp>(op) &&
           !ShapedType::isDynamicShape(slice.getStaticSizes()) &&
           !ShapedType::isDynamicShape(slice.getStaticStrides());
  return isa<tensor::EmptyOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp,
             tensor::FromElementsOp, tensor::SplatOp, tensor::ConcatOp>(op);
}

bool approx_act::isScalarOp(Operation *op) {
  return op->getNumResults() > 0 && op->getNumRegions() == 0 &&
         llvm::all_of(op->getResultTypes(),
                      [](Type type) { return type.isIntOrIndexOrFloat(); }) &&
         (isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) ||
          isa<tensor::ExtractOp, affine::AffineApplyOp>(op));
}

bool approx_act::isReductionOp(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && linalgOp.hasPureTensorSemantics() &&
         linalgOp.getNumReductionLoops() > 0 && hasStaticTensors(op);
}

int64_t approx_act::getNumCombined(linalg::LinalgOp op) {
  int64_t combined = 1;
  for (auto [size, type] :
       llvm::zip_equal(op.getStaticLoopRanges(), op.getIteratorTypesArray()))
    if (type == utils::IteratorType::reduction)
      combined *= size;
  return combined;
}

std::optional<SmallVector<Combiner>>
approx_act::getCombiners(linalg::LinalgOp op) {
  SmallVector<Combiner> combiners;
  for (unsigned index = 0; index < op.getNumDpsInits(); ++index) {
    SmallVector<Operation *> ops;
    Value reduced = matchReduction(op.getRegionOutputArgs(), index, ops);
    if (!reduced || ops.size() != 1)
      return std::nullopt;
    std::optional<TypedAttr> neutral = arith::getNeutralElement(ops.front());
    if (!neutral)
      return std::nullopt;
    combiners.push_back({ops.front(), *neutral});
  }
  return combiners;
}

int64_t approx_act::getNumElements(Value value) {
  auto type = dyn_cast<ShapedType>(value.getType());
  return type ? type.getNumElements() : 1;
}

bool approx_act::isReadRepeatedly(Operation *op, Value operand) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp)
    return false;
  int64_t domain = 1;
  for (int64_t range : linalgOp.getStaticLoopRanges())
    domain *= range;
  return domain > getNumElements(operand);
}

bool approx_act::isContractionLike(Operation *op) {
  if (!isReductionOp(op))
    return false;
  unsigned repeated = 0;
  for (OpOperand *operand : cast<linalg::LinalgOp>(op).getDpsInputOperands())
    repeated += isReadRepeatedly(op, operand->get());
  return repeated > 1;
}

std::optional<unsigned> approx_act::getPackedDim(ArrayRef<int64_t> words,
                                                 ArrayRef<int64_t> shape) {
  std::optional<unsigned> packed;
  if (words.size() != shape.size())
    return std::nullopt;
  for (auto [dim, few, many] : llvm::enumerate(words, shape)) {
    if (few == many)
      continue;
    bool isMultiple = many == 2 * few || many == 4 * few || many == 8 * few;
    if (packed || !isMultiple)
      return std::nullopt;
    packed = dim;
  }
  return packed;
}

SmallVector<int64_t> approx_act::squeeze(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> squeezed;
  llvm::copy_if(shape, std::back_inserter(squeezed),
                [](int64_t size) { return size != 1; });
  return squeezed;
}

int64_t approx_act::getDivisor(int64_t size, int64_t limit) {
  for (int64_t divisor = std::min(size, limit); divisor > 1; --divisor)
    if (size % divisor == 0)
      return divisor;
  return 1;
}

/// The innermost name in a location: what JAX calls the op.
static StringRef findName(Location loc) {
  if (auto name = dyn_cast<NameLoc>(loc)) {
    StringRef inner = findName(name.getChildLoc());
    return inner.empty() ? name.getName().getValue() : inner;
  }
  if (auto site = dyn_cast<CallSiteLoc>(loc))
    return findName(site.getCallee());
  if (auto fused = dyn_cast<FusedLoc>(loc))
    for (Location part : fused.getLocations())
      if (StringRef name = findName(part); !name.empty())
        return name;
  return {};
}

/// The last part of a name such as `jit(step)/jvp(jit(relu))/max`.
static std::string getPurpose(Operation *op) {
  StringRef name = findName(op->getLoc());
  name = name.substr(name.rfind('/') + 1);
  if (name.empty() || name.contains('.')) {
    name = op->getName().stripDialect();
    // The last thing that an element goes through.
    if (auto generic = dyn_cast<linalg::GenericOp>(op))
      if (Block &block = *generic.getBody(); block.getOperations().size() > 1)
        name = block.back().getPrevNode()->getName().stripDialect();
  }
  std::string purpose;
  for (char c : name.take_front(24))
    purpose += llvm::isAlnum(c) ? c : '_';
  return purpose;
}

std::string approx_act::getKernelLabel(Block &body) {
  bool restores = false;
  for (Operation &op : body)
    restores |= op.hasAttr(kRestoresAttr);
  std::string label = restores ? "restore" : "";
  SmallVector<std::string> purposes;
  for (Value value : body.getTerminator()->getOperands()) {
    Operation *op = value.getDefiningOp();
    if (!op)
      continue;
    std::string purpose = op->hasAttr(kStoresAttr) ? "save" : getPurpose(op);
    if (!llvm::is_contained(purposes, purpose) && purposes.size() < 3)
      purposes.push_back(purpose);
  }
  // What is saved comes first in a name: that is what the kernel is for.
  if (auto *save = llvm::find(purposes, "save"); save != purposes.end())
    std::rotate(purposes.begin(), save, std::next(save));
  for (const std::string &purpose : purposes)
    label += (label.empty() ? "" : "_") + purpose;
  return label;
}
