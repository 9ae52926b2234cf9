//===- ApproxActOps.cpp - Ops of approx_act -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::approx_act;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

RankedTensorType approx_act::getPackedType(RankedTensorType codes,
                                           int64_t dim) {
  int64_t perWord = kWordBits / codes.getElementTypeBitWidth();
  SmallVector<int64_t> shape(codes.getShape());
  shape[dim] = llvm::divideCeil(shape[dim], perWord);
  return RankedTensorType::get(shape, IntegerType::get(codes.getContext(), 8));
}

SmallVector<ReassociationIndices> Packing::getSplit() const {
  SmallVector<ReassociationIndices> groups;
  for (int64_t i : llvm::seq(view.getRank())) {
    if (i == dim)
      groups.back().push_back(i);
    else
      groups.push_back({i});
  }
  return groups;
}

std::optional<Packing> approx_act::choosePacking(RankedTensorType codes) {
  int64_t rank = codes.getRank();
  if (rank == 0)
    return std::nullopt;
  // The longest between the first and the last. (A short one, such as the heads
  // of attention, may be divided among devices.)
  auto middle =
      llvm::to_vector(llvm::seq<int64_t>(1, std::max<int64_t>(rank - 1, 1)));
  llvm::sort(middle, [&](int64_t lhs, int64_t rhs) {
    return std::pair(codes.getDimSize(lhs), lhs) >
           std::pair(codes.getDimSize(rhs), rhs);
  });
  SmallVector<Packing> candidates;
  for (int64_t dim : middle)
    candidates.push_back({codes, dim});
  int64_t perWord = kWordBits / codes.getElementTypeBitWidth();
  if (rank > 1 && codes.getDimSize(0) % perWord == 0) {
    SmallVector<int64_t> shape(codes.getShape());
    shape.front() /= perWord;
    shape.insert(shape.begin() + 1, perWord);
    candidates.push_back({codes.clone(shape), 1});
  }
  candidates.push_back({codes, rank - 1});

  auto countWords = [](const Packing &packing) {
    return packing.getWordsType().getNumElements();
  };
  // Padding that the codes' size hardly shows.
  constexpr int64_t kPaddingShare = 16;
  int64_t most = codes.getNumElements() / perWord;
  most += most / kPaddingShare;
  const auto *best = llvm::find_if(candidates, [&](const Packing &packing) {
    return countWords(packing) <= most;
  });
  if (best != candidates.end())
    return *best;
  return *llvm::min_element(candidates,
                            [&](const Packing &lhs, const Packing &rhs) {
                              return countWords(lhs) < countWords(rhs);
                            });
}

RankedTensorType approx_act::getParameterType(RankedTensorType activation,
                                              ArrayRef<int64_t> shape) {
  MLIRContext *context = activation.getContext();
  Type element = activation.getElementType().isF64()
                     ? Type(Float64Type::get(context))
                     : Type(Float32Type::get(context));
  return RankedTensorType::get(shape, element);
}

Value approx_act::skipBarriers(Value value) {
  while (auto barrier = value.getDefiningOp<BarrierOp>())
    value = barrier.getInputs()[cast<OpResult>(value).getResultNumber()];
  return value;
}

/// Checks that `parameter` can say something about blocks of `activation`.
static LogicalResult verifyParameter(Operation *op, StringRef name,
                                     RankedTensorType parameter,
                                     RankedTensorType activation) {
  if (parameter.getRank() != activation.getRank())
    return op->emitOpError()
           << name << " must have the rank of the activation, "
           << activation.getRank() << ", but has rank " << parameter.getRank();
  for (auto [dim, sizes] : llvm::enumerate(
           llvm::zip_equal(parameter.getShape(), activation.getShape()))) {
    auto [size, full] = sizes;
    bool divides = size == 0 ? full == 0 : full % size == 0;
    if (!divides)
      return op->emitOpError()
             << "dimension " << dim << " of " << name << ", " << size
             << ", does not divide that of the activation, " << full;
  }
  return success();
}

/// Checks shape and element type of a grid's parameters.
static LogicalResult verifyGrid(Operation *op, RankedTensorType parameter,
                                RankedTensorType activation) {
  if (failed(verifyParameter(op, "grid", parameter, activation)))
    return failure();
  Type expected =
      getParameterType(activation, parameter.getShape()).getElementType();
  if (parameter.getElementType() != expected)
    return op->emitOpError()
           << "grid of " << activation << " must be of " << expected
           << ", not of " << parameter.getElementType();
  return success();
}

/// Checks that two tensors agree in shape.
static LogicalResult verifySameShape(Operation *op, StringRef name,
                                     RankedTensorType type,
                                     RankedTensorType activation) {
  if (type.getShape() == activation.getShape())
    return success();
  return op->emitOpError() << name
                           << " must have the shape of the activation: " << type
                           << " against " << activation;
}

static LogicalResult verifyBits(Operation *op, int64_t bits) {
  if (isCodeWidth(bits))
    return success();
  return op->emitOpError() << "codes have 1, 2, 4 or 8 bits, not " << bits;
}

//===----------------------------------------------------------------------===//
// GridOp, SplitGridOp
//===----------------------------------------------------------------------===//

LogicalResult GridOp::verify() {
  RankedTensorType input = getInput().getType();
  RankedTensorType grid = getLo().getType();
  if (failed(verifyBits(*this, getBits())) ||
      failed(verifyGrid(*this, grid, input)))
    return failure();

  bool isNormalised = getRange().getRule() == RangeRule::Normalised;
  for (Value statistic : {getMean(), getRstd()}) {
    if (!statistic)
      continue;
    if (!isNormalised)
      return emitOpError("mean and rstd go with a normalised range");
    if (statistic.getType() != grid)
      return emitOpError() << "mean and rstd must have the type of the grid, "
                           << grid << ", not " << statistic.getType();
  }

  auto isWhole = [&](int64_t dim) {
    return grid.getDimSize(dim) == input.getDimSize(dim);
  };
  auto dims = llvm::seq<int64_t>(0, input.getRank());
  switch (getGranularity().getKind()) {
  case GranularityKind::Tensor:
    if (!llvm::all_of(grid.getShape(), [](int64_t size) { return size == 1; }))
      return emitOpError() << "a grid of granularity tensor has one element, "
                           << "not the shape " << grid;
    break;
  case GranularityKind::Channel:
    if (!llvm::all_of(dims, [&](int64_t dim) {
          return grid.getDimSize(dim) == 1 || isWhole(dim);
        }))
      return emitOpError() << "every dimension of a grid of granularity channel"
                           << " is 1 or that of the activation: " << grid
                           << " for " << input;
    break;
  case GranularityKind::Group: {
    int64_t last = input.getRank() - 1;
    if (last < 0 || !llvm::all_of(llvm::seq<int64_t>(0, last), isWhole) ||
        grid.getDimSize(last) * getGranularity().getSize() !=
            input.getDimSize(last))
      return emitOpError() << "a grid of groups of "
                           << getGranularity().getSize() << " divides the last"
                           << " dimension of the activation by that: " << grid
                           << " for " << input;
    break;
  }
  }
  return success();
}

LogicalResult SplitGridOp::verify() {
  if (failed(verifyBits(*this, getBits())))
    return failure();
  if (!(getRatio().convertToFloat() > 0.0F) || !getRatio().isFinite())
    return emitOpError("ratio must be positive and finite");
  if (getSplit().getType().getShape() != getLo().getType().getShape())
    return emitOpError() << "split must have the shape of the grid: "
                         << getSplit().getType() << " against "
                         << getLo().getType();
  return success();
}

//===----------------------------------------------------------------------===//
// QuantizeOp, DequantizeOp
//===----------------------------------------------------------------------===//

LogicalResult QuantizeOp::verify() {
  RankedTensorType input = getInput().getType();
  if (failed(verifySameShape(*this, "codes", getCodes().getType(), input)))
    return failure();
  return verifyGrid(*this, getLo().getType(), input);
}

LogicalResult DequantizeOp::verify() {
  RankedTensorType output = getOutput().getType();
  if (failed(verifySameShape(*this, "codes", getCodes().getType(), output)))
    return failure();
  return verifyGrid(*this, getLo().getType(), output);
}

//===----------------------------------------------------------------------===//
// QuantizeSplitOp, DequantizeSplitOp, SideOp
//===----------------------------------------------------------------------===//

LogicalResult QuantizeSplitOp::verify() {
  RankedTensorType input = getInput().getType();
  if (failed(verifySameShape(*this, "codes", getCodes().getType(), input)) ||
      failed(verifySameShape(*this, "mask", getMask().getType(), input)) ||
      failed(verifyGrid(*this, getEdge().getType(), input)))
    return failure();
  return verifyParameter(*this, "split", getSplit().getType(), input);
}

LogicalResult DequantizeSplitOp::verify() {
  RankedTensorType output = getOutput().getType();
  if (failed(verifySameShape(*this, "codes", getCodes().getType(), output)) ||
      failed(verifyGrid(*this, getEdge().getType(), output)))
    return failure();
  return verifyParameter(*this, "split", getSplit().getType(), output);
}

LogicalResult SideOp::verify() {
  RankedTensorType codes = getCodes().getType();
  if (failed(verifySameShape(*this, "mask", getMask().getType(), codes)))
    return failure();
  return verifyParameter(*this, "split", getSplit().getType(), codes);
}

//===----------------------------------------------------------------------===//
// PackOp, UnpackOp
//===----------------------------------------------------------------------===//

static LogicalResult verifyPacking(Operation *op, RankedTensorType codes,
                                   RankedTensorType words, int64_t dim) {
  if (dim < 0 || dim >= codes.getRank())
    return op->emitOpError() << "dim must be within the rank of the codes, "
                             << codes.getRank() << ", but is " << dim;
  RankedTensorType expected = getPackedType(codes, dim);
  if (words != expected)
    return op->emitOpError() << codes << " packs along dimension " << dim
                             << " to " << expected << ", not " << words;
  return success();
}

LogicalResult PackOp::verify() {
  return verifyPacking(*this, getCodes().getType(), getWords().getType(),
                       getDim());
}

OpFoldResult PackOp::fold(FoldAdaptor) {
  // Words of padded codes may differ in the padding, so only whole words fold.
  auto unpack = getCodes().getDefiningOp<UnpackOp>();
  if (!unpack || unpack.getDim() != getDim())
    return {};
  int64_t perWord = kWordBits / getCodes().getType().getElementTypeBitWidth();
  if (getCodes().getType().getDimSize(getDim()) % perWord != 0)
    return {};
  return unpack.getWords();
}

LogicalResult UnpackOp::verify() {
  return verifyPacking(*this, getCodes().getType(), getWords().getType(),
                       getDim());
}

OpFoldResult UnpackOp::fold(FoldAdaptor) {
  auto pack = getWords().getDefiningOp<PackOp>();
  if (!pack || pack.getDim() != getDim() ||
      pack.getCodes().getType() != getCodes().getType())
    return {};
  return pack.getCodes();
}

//===----------------------------------------------------------------------===//
// BarrierOp
//===----------------------------------------------------------------------===//

LogicalResult BarrierOp::verify() {
  if (getInputs().empty())
    return emitOpError("needs an operand");
  return success();
}

LogicalResult BarrierOp::inferReturnTypes(MLIRContext *,
                                          std::optional<Location>,
                                          ValueRange operands, DictionaryAttr,
                                          OpaqueProperties, RegionRange,
                                          SmallVectorImpl<Type> &inferred) {
  llvm::append_range(inferred, operands.getTypes());
  return success();
}

#define GET_OP_CLASSES
#include "approx-act/Dialect/ApproxAct/IR/ApproxActOps.cpp.inc"

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

YieldOp KernelOp::getYield() {
  return cast<YieldOp>(getBody().front().getTerminator());
}

/// Whether `outside`, an operand of a kernel, is what `inside` stands for.
static bool standsFor(Type inside, Type outside) {
  auto memory = dyn_cast<MemRefType>(outside);
  if (!memory)
    return inside == outside;
  auto tensor = dyn_cast<RankedTensorType>(inside);
  return tensor && tensor.getShape() == memory.getShape() &&
         tensor.getElementType() == memory.getElementType();
}

LogicalResult KernelOp::verify() {
  Block &block = getBody().front();
  if (block.getNumArguments() != getInputs().size())
    return emitOpError("expected ")
           << getInputs().size() << " arguments of the body, found "
           << block.getNumArguments();
  for (auto [index, argument, input] :
       llvm::enumerate(block.getArguments(), getInputs()))
    if (!standsFor(argument.getType(), input.getType()))
      return emitOpError("argument ")
             << index << " of the body has type " << argument.getType()
             << " for an input of type " << input.getType();

  auto yield = dyn_cast<YieldOp>(block.back());
  if (!yield)
    return emitOpError("expected the body to end in approx_act.yield");
  if (yield.getValues().size() != getOuts().size())
    return emitOpError("yields ") << yield.getValues().size() << " values for "
                                  << getOuts().size() << " outs";
  for (auto [value, out] : llvm::zip_equal(yield.getValues(), getOuts()))
    if (!standsFor(value.getType(), out.getType()))
      return emitOpError("yields a value of type ")
             << value.getType() << " for an out of type " << out.getType();
  return success();
}

void KernelOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  for (OpOperand &input : getInputsMutable())
    if (isa<MemRefType>(input.get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), &input,
                           SideEffects::DefaultResource::get());
  for (OpOperand &out : getOutsMutable())
    if (isa<MemRefType>(out.get().getType()))
      effects.emplace_back(MemoryEffects::Write::get(), &out,
                           SideEffects::DefaultResource::get());
}
