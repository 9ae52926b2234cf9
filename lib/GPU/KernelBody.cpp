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
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CheckedArithmetic.h"

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

/// Whether the loops of `op` that are parallel are where an element of each
/// result is, so that they follow from that: no element is left as it was, or
/// made twice. Results of a reduction are elements of the same place.
static bool hasLoopsOfResults(linalg::LinalgOp op) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<utils::IteratorType> types = op.getIteratorTypesArray();
  auto isParallel = [&](unsigned loop) {
    return types[loop] == utils::IteratorType::parallel;
  };
  AffineMap first;
  for (OpOperand &init : op.getDpsInitsMutable()) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    if (!first)
      first = map;
    if (map != first && op.getNumReductionLoops() > 0)
      return false;
    llvm::SmallBitVector isPlace(ranges.size());
    auto shape = cast<RankedTensorType>(init.get().getType()).getShape();
    for (auto [size, expr] : llvm::zip_equal(shape, map.getResults())) {
      if (size == 1)
        continue;
      auto loop = dyn_cast<AffineDimExpr>(expr);
      if (!loop || !isParallel(loop.getPosition()) ||
          isPlace.test(loop.getPosition()))
        return false;
      isPlace.set(loop.getPosition());
    }
    for (auto [loop, range] : llvm::enumerate(ranges))
      if (range != 1 && isParallel(loop) && !isPlace.test(loop))
        return false;
  }
  return true;
}

SmallVector<Block *> approx_act::getHostBlocks(Block &block) {
  SmallVector<Block *> blocks;
  for (Operation &op : block)
    if (isa<scf::ForOp, scf::IfOp, scf::WhileOp>(op))
      for (Region &region : op.getRegions())
        for (Block &nested : region)
          llvm::append_range(blocks, getHostBlocks(nested));
  blocks.push_back(&block);
  return blocks;
}

bool approx_act::isLightOp(Operation *op) {
  if (op->getNumResults() == 0 ||
      !llvm::all_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>) ||
      !hasStaticTensors(op))
    return false;
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return linalgOp.hasPureTensorSemantics() &&
           linalgOp.getNumReductionLoops() == 0 && hasLoopsOfResults(linalgOp);
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
         linalgOp.getNumReductionLoops() > 0 && hasStaticTensors(op) &&
         hasLoopsOfResults(linalgOp);
}

Value approx_act::lookThroughBarriers(Value value) {
  while (auto barrier = value.getDefiningOp<BarrierOp>())
    value = barrier.getInputs()[cast<OpResult>(value).getResultNumber()];
  return value;
}

bool approx_act::isReshape(Operation *op) {
  return isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op);
}

Value approx_act::lookThroughViews(Value value) {
  value = lookThroughBarriers(value);
  while (value.getDefiningOp() && isReshape(value.getDefiningOp()))
    value = lookThroughBarriers(value.getDefiningOp()->getOperand(0));
  return value;
}

bool approx_act::isZero(Value value) {
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    value = fill.value();
  return matchPattern(value, m_AnyZeroFloat());
}

int64_t approx_act::getProduct(ArrayRef<int64_t> sizes) {
  int64_t product = 1;
  for (int64_t size : sizes)
    product = llvm::checkedMul(product, size)
                  .value_or(std::numeric_limits<int64_t>::max());
  return product;
}

int64_t approx_act::getNumCombined(linalg::LinalgOp op) {
  SmallVector<int64_t> combined;
  for (auto [size, type] :
       llvm::zip_equal(op.getStaticLoopRanges(), op.getIteratorTypesArray()))
    if (type == utils::IteratorType::reduction)
      combined.push_back(size);
  return getProduct(combined);
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

int64_t approx_act::getFewElements(Block &block, int64_t most) {
  constexpr int64_t manyTimes = 16;
  std::optional<int64_t> greatest;
  for (auto barrier : block.getOps<BarrierOp>())
    for (Value value : barrier.getInputs())
      greatest = std::max(greatest.value_or(0), getNumElements(value));
  return greatest ? std::min(most, *greatest / manyTimes) : most;
}

bool approx_act::hasLoop(Operation *op) {
  return op->walk([](LoopLikeOpInterface) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

bool approx_act::isSearched(Operation *op, Value operand) {
  auto isInside = [&](Operation *user) {
    return isa<tensor::ExtractOp>(user) && op->isProperAncestor(user);
  };
  return isa<linalg::LinalgOp>(op) && hasLoop(op) &&
         llvm::any_of(operand.getUsers(), isInside);
}

bool approx_act::isReadRepeatedly(Operation *op, Value operand) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp)
    return false;
  if (isSearched(op, operand))
    return true;
  return getProduct(linalgOp.getStaticLoopRanges()) > getNumElements(operand);
}

bool approx_act::isContractionLike(Operation *op) {
  if (!isReductionOp(op))
    return false;
  unsigned repeated = 0;
  for (OpOperand *operand : cast<linalg::LinalgOp>(op).getDpsInputOperands())
    repeated += isReadRepeatedly(op, operand->get());
  return repeated > 1;
}

bool approx_act::isWorthSharing(Operation *op) {
  constexpr int64_t fewest = 32;
  if (!isReductionOp(op) || isContractionLike(op))
    return false;
  auto reduction = cast<linalg::LinalgOp>(op);
  return getNumCombined(reduction) >= fewest && getCombiners(reduction);
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

namespace {
/// What the user's program says of an op, in a location as JAX writes it: the
/// path `jit(train)/transpose(jvp(Block_0))/mul` around the function that the
/// line is in, or the name of an op alone where a function of JAX's was called.
struct Origin {
  explicit Origin(Location loc) { add(loc); }

  void add(Location loc);

  /// What the op is called, and the layer that it is of: the scope, if there
  /// are scopes, or else the innermost function.
  StringRef op, layer;
  bool isGradient = false;

private:
  void addPath(StringRef path);
};
} // namespace

void Origin::addPath(StringRef path) {
  isGradient |= path.contains("transpose(");
  SmallVector<StringRef> parts;
  path.split(parts, '/');
  if (op.empty())
    op = parts.back();
  // A scope is what stands in all of its transformations.
  for (StringRef part : llvm::reverse(ArrayRef(parts).drop_back())) {
    StringRef scope = part.substr(part.rfind('(') + 1).rtrim(')');
    bool isCall = part.contains("jit(") || part.contains("pjit(");
    if (layer.empty() && !scope.empty() && !isCall)
      layer = scope;
  }
}

void Origin::add(Location loc) {
  if (auto site = dyn_cast<CallSiteLoc>(loc)) {
    add(site.getCallee());
    add(site.getCaller());
  } else if (auto fused = dyn_cast<FusedLoc>(loc)) {
    for (Location part : fused.getLocations())
      add(part);
  } else if (auto name = dyn_cast<NameLoc>(loc)) {
    StringRef text = name.getName().getValue();
    if (text.contains('/'))
      addPath(text);
    else if (isa<UnknownLoc>(name.getChildLoc())) {
      if (op.empty())
        op = text;
    } else if (isa<FileLineColRange>(name.getChildLoc()) && layer.empty())
      layer = text;
    add(name.getChildLoc());
  }
}

/// A part of a name: no numbers of layers, which share their kernels, and
/// nothing that is no letter.
static std::string getIdentifier(StringRef text) {
  text = text.substr(text.rfind('.') + 1);
  text = text.take_until([](char c) { return c == '[' || c == ':'; });
  text = text.trim("<>");
  StringRef letters = text.rtrim("0123456789");
  if (letters.ends_with("_") && letters.size() > 1)
    text = letters.drop_back();
  std::string identifier;
  for (char c : text.take_front(24))
    identifier += llvm::isAlnum(c) ? c : '_';
  return identifier;
}

std::string approx_act::getKernelLabel(Block &body) {
  bool restores = false, saves = false, isGradient = false;
  for (Operation &op : body)
    restores |= op.hasAttr(kRestoresAttr);
  llvm::SmallSetVector<StringRef, 4> layers;
  SmallVector<std::string> ops;
  for (Value value : body.getTerminator()->getOperands()) {
    Operation *op = value.getDefiningOp();
    if (!op)
      continue;
    Origin origin(op->getLoc());
    isGradient |= origin.isGradient;
    if (!origin.layer.empty())
      layers.insert(origin.layer);
    if (op->hasAttr(kStoresAttr)) {
      saves = true;
      continue;
    }
    StringRef name = origin.op;
    if (name.empty()) {
      // The last thing that an element goes through.
      name = op->getName().stripDialect();
      auto generic = dyn_cast<linalg::GenericOp>(op);
      if (generic && !llvm::hasSingleElement(*generic.getBody()))
        name =
            generic.getBody()->back().getPrevNode()->getName().stripDialect();
    }
    std::string identifier = getIdentifier(name);
    if (!llvm::is_contained(ops, identifier) && ops.size() < 3)
      ops.push_back(identifier);
  }

  SmallVector<std::string> parts;
  if (restores)
    parts.push_back("restore");
  if (saves)
    parts.push_back("save");
  if (!layers.empty())
    parts.push_back(getIdentifier(layers.front()));
  for (const std::string &op : ops)
    if (!llvm::is_contained(parts, op))
      parts.push_back(op);
  if (isGradient)
    parts.push_back("gradient");
  llvm::erase_if(parts, [](const std::string &part) { return part.empty(); });
  return llvm::join(parts, "_");
}
