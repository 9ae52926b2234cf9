//===- MakeGrids.cpp - Grids of residuals ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Which elements of a residual share a cell width, and how the forward pass
/// computes it.
///
//===----------------------------------------------------------------------===//

#include "ResidualRewriter.h"
#include "SmallTensors.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::approx_act;

static bool isUnit(ArrayRef<int64_t> shape) {
  return llvm::all_of(shape, [](int64_t size) { return size == 1; });
}

/// Blocks of one channel of one example, as narrow as their parameters allow;
/// else the channels of all examples; else everything is one block. (Blocks
/// within one example have the narrower range, and need no exchange where
/// examples are divided among devices.) Along the dimensions in which
/// `coefficients`, a shape or empty, is not 1, elements are in blocks of their
/// own: where a mask's threshold varies.
static SmallVector<int64_t>
getAutomaticGridShape(RankedTensorType type, unsigned bits,
                      ArrayRef<int64_t> coefficients) {
  // Two parameters of 32 bits take a sixteenth of the codes, or an eighth.
  int64_t enough = 1024 / bits;
  constexpr int64_t kEnoughForChannels = 128;
  int64_t rank = type.getRank();
  int64_t last = type.getDimSize(rank - 1);
  auto isApart = [&](int64_t dim) {
    return coefficients.empty() ? dim == rank - 1 : coefficients[dim] != 1;
  };
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(1, rank));
  llvm::erase_if(dims, isApart);
  // Over long dimensions first, which are positions rather than heads.
  llvm::sort(dims, [&](int64_t a, int64_t b) {
    return std::pair(-type.getDimSize(a), a) <
           std::pair(-type.getDimSize(b), b);
  });
  SmallVector<int64_t> shape(type.getShape());
  int64_t size = 1;
  for (int64_t dim : dims) {
    if (size >= enough)
      break;
    size *= type.getDimSize(dim);
    shape[dim] = 1;
  }
  if (size >= enough)
    return shape;
  if (!coefficients.empty())
    return SmallVector<int64_t>(coefficients);
  shape.assign(rank, 1);
  if (type.getNumElements() >= kEnoughForChannels * last)
    shape.back() = last;
  return shape;
}

/// Along which dimensions the threshold of a mask varies that the codes carry;
/// empty where that is none.
static ArrayRef<int64_t> getCoefficientShape(const Storage &storage) {
  return storage.side && storage.side->chain.shape
             ? ArrayRef<int64_t>(*storage.side->chain.shape)
             : ArrayRef<int64_t>();
}

bool approx_act::isLeftWithoutGroups(RankedTensorType type,
                                     const Storage &storage,
                                     const GridOptions &options) {
  return options.granularity == GranularityKind::Group && !storage.moments &&
         getCoefficientShape(storage).empty() &&
         type.getShape().back() % options.groupSize != 0;
}

SmallVector<int64_t> approx_act::getGridShape(RankedTensorType type,
                                              const Storage &storage,
                                              const GridOptions &options) {
  ArrayRef<int64_t> coefficients = getCoefficientShape(storage);
  if (storage.moments)
    return coefficients.empty() ? storage.moments->shape
                                : SmallVector<int64_t>(coefficients);
  if (!options.granularity)
    return getAutomaticGridShape(type, storage.bits, coefficients);
  if (!coefficients.empty())
    return SmallVector<int64_t>(coefficients);
  SmallVector<int64_t> shape(type.getRank(), 1);
  int64_t last = type.getDimSize(type.getRank() - 1);
  switch (*options.granularity) {
  case GranularityKind::Tensor:
    break;
  case GranularityKind::Channel:
    shape.back() = last;
    break;
  case GranularityKind::Group:
    if (isLeftWithoutGroups(type, storage, options))
      break;
    shape.assign(type.getShape().begin(), type.getShape().end());
    shape.back() = last / options.groupSize;
    break;
  }
  return shape;
}

int64_t approx_act::getGridBytes(RankedTensorType type, const Storage &storage,
                                 const GridOptions &options) {
  RankedTensorType parameter =
      getParameterType(type, getGridShape(type, storage, options));
  // lo and step; of a split grid edge, below, above and, in 32 bits, split.
  int64_t bits = (storage.side ? 3 : 2) * parameter.getElementTypeBitWidth() +
                 (storage.side ? 32 : 0);
  return parameter.getNumElements() * bits / 8;
}

std::pair<Value, Value>
ResidualRewriter::makeAffine(OpBuilder &builder, Location loc,
                             const SideMask &side,
                             RankedTensorType type) const {
  auto negate = [&](Value v) -> Value {
    return arith::NegFOp::create(builder, loc, v);
  };
  Operation *point = &*builder.getInsertionPoint();
  auto hoisted = [&](Value v) { return hoist(builder, v, point); };
  Value slope = makeSplat(builder, loc, type, 1.0);
  Value offset = makeSplat(builder, loc, type, 0.0);
  for (const AffineStep &step : side.chain.steps) {
    Value c =
        step.coefficient
            ? makeSmall(builder, loc, hoisted(step.coefficient->value), type)
            : Value();
    switch (cast<ResidualOpInterface>(step.op).getScalarFunction()) {
    case ScalarFunction::Add:
      offset = arith::AddFOp::create(builder, loc, offset, c);
      break;
    case ScalarFunction::Subtract:
      if (step.carried == 0) {
        offset = arith::SubFOp::create(builder, loc, offset, c);
      } else {
        offset = arith::SubFOp::create(builder, loc, c, offset);
        slope = negate(slope);
      }
      break;
    case ScalarFunction::Multiply:
      slope = arith::MulFOp::create(builder, loc, slope, c);
      offset = arith::MulFOp::create(builder, loc, offset, c);
      break;
    case ScalarFunction::Divide:
      slope = arith::DivFOp::create(builder, loc, slope, c);
      offset = arith::DivFOp::create(builder, loc, offset, c);
      break;
    case ScalarFunction::Negate:
      slope = negate(slope);
      offset = negate(offset);
      break;
    default:
      assert(!c && "a step that the trace does not take");
      break;
    }
  }
  offset = arith::SubFOp::create(builder, loc, offset,
                                 makeSplat(builder, loc, type, side.cut));
  if (!side.isAbove) {
    slope = negate(slope);
    offset = negate(offset);
  }
  return {slope, offset};
}

void ResidualRewriter::makeGrid(OpBuilder &builder, Value value,
                                ArrayRef<int64_t> shape, const Storage &storage,
                                Stored &result) {
  Location loc = value.getLoc();
  auto type = cast<RankedTensorType>(value.getType());
  RankedTensorType parameterType = getParameterType(type, shape);

  Operation *point = &*builder.getInsertionPoint();
  auto hoisted = [&](Value v) { return hoist(builder, v, point); };
  Value mean, rstd;
  if (storage.moments && storage.moments->mean)
    mean = makeSmall(builder, loc, hoisted(storage.moments->mean->value),
                     parameterType);
  if (storage.moments && storage.moments->deviation) {
    rstd = makeSmall(builder, loc, hoisted(storage.moments->deviation->value),
                     parameterType);
    if (!storage.moments->isReciprocal) {
      Value one = makeSplat(builder, loc, parameterType, 1.0);
      rstd = arith::DivFOp::create(builder, loc, one, rstd);
    }
  }

  MLIRContext *context = builder.getContext();
  auto range = storage.moments ? RangeAttr::get(context, RangeRule::Normalised,
                                                options.sigma)
                               : RangeAttr::get(context, options.fallback, 0.0);
  GranularityAttr granularity;
  if (isUnit(shape))
    granularity = GranularityAttr::get(context, GranularityKind::Tensor, 0);
  else if (shape.back() != 1 && shape.back() != type.getShape().back())
    granularity = GranularityAttr::get(context, GranularityKind::Group,
                                       type.getShape().back() / shape.back());
  else
    granularity = GranularityAttr::get(context, GranularityKind::Channel, 0);

  auto grid = GridOp::create(builder, loc, parameterType, parameterType, value,
                             mean, rstd, storage.bits, range, granularity);
  result.lo = grid.getLo();
  result.step = grid.getStep();
  if (!storage.side)
    return;
  auto [slope, offset] =
      makeAffine(builder, loc, *storage.side,
                 storage.side->chain.shape
                     ? parameterType.clone(*storage.side->chain.shape)
                     : parameterType);
  if (slope.getType() != parameterType) {
    // Blocks may be parts of what shares a coefficient.
    StableHLOBuilder hlo(builder, loc);
    auto dims = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    slope = hlo.broadcastInDim(slope, shape, dims);
    offset = hlo.broadcastInDim(offset, shape, dims);
  }
  auto splitType = RankedTensorType::get(shape, builder.getI32Type());
  auto split = SplitGridOp::create(
      builder, loc, parameterType, parameterType, parameterType, splitType,
      grid.getLo(), grid.getStep(), slope, offset, storage.bits,
      llvm::APFloat(
          static_cast<float>(storage.side->isEven ? 1.0 : options.ratio)));
  result.edge = split.getEdge();
  result.below = split.getBelow();
  result.above = split.getAbove();
  result.split = split.getSplit();
}
