//===- Normalisation.cpp - Values whose moments are known -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Analysis/Normalisation.h"
#include "approx-act/Interfaces/ResidualOpInterface.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace mlir;
using namespace mlir::approx_act;

//===----------------------------------------------------------------------===//
// Broadcasts
//===----------------------------------------------------------------------===//

bool Broadcast::isOrdered() const {
  int64_t last = -1;
  for (int64_t dim : dims) {
    if (dim < 0)
      continue;
    if (dim <= last)
      return false;
    last = dim;
  }
  return true;
}

SmallVector<int64_t> Broadcast::getKeptShape(int64_t rank) const {
  SmallVector<int64_t> shape(rank, 1);
  auto type = cast<RankedTensorType>(value.getType());
  for (auto [dim, size] : llvm::zip_equal(dims, type.getShape()))
    if (dim >= 0)
      shape[dim] = size;
  return shape;
}

static ResidualOpInterface getOp(Value value) {
  return dyn_cast_or_null<ResidualOpInterface>(value.getDefiningOp());
}

/// Matches the dimensions of a reshape that only adds or removes dimensions of
/// size 1: the result dimension of each operand dimension, -1 for size 1.
static std::optional<SmallVector<int64_t>>
matchUnitReshape(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  SmallVector<int64_t> dims(from.size(), -1);
  size_t next = 0;
  for (auto [dim, size] : llvm::enumerate(from)) {
    if (size == 1)
      continue;
    while (next < to.size() && to[next] == 1)
      ++next;
    if (next == to.size() || to[next] != size)
      return std::nullopt;
    dims[dim] = next++;
  }
  for (; next < to.size(); ++next)
    if (to[next] != 1)
      return std::nullopt;
  return dims;
}

Broadcast approx_act::traceBroadcast(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  Broadcast result{value, {}};
  if (!type)
    return result;
  llvm::append_range(result.dims, llvm::seq<int64_t>(0, type.getRank()));

  while (ResidualOpInterface op = getOp(result.value)) {
    ScalarFunction function = op.getScalarFunction();
    if (function != ScalarFunction::Broadcast &&
        function != ScalarFunction::Reshape)
      break;
    Value operand = op->getOperand(0);
    auto from = dyn_cast<RankedTensorType>(operand.getType());
    auto to = dyn_cast<RankedTensorType>(result.value.getType());
    if (!from || !to)
      break;
    SmallVector<int64_t> resultDims;
    if (function == ScalarFunction::Broadcast) {
      resultDims = op.getDimensions();
      if (static_cast<int64_t>(resultDims.size()) != from.getRank())
        break;
      for (auto [dim, resultDim] : llvm::enumerate(resultDims))
        if (from.getDimSize(dim) != to.getDimSize(resultDim))
          resultDim = -1;
    } else {
      auto matched = matchUnitReshape(from.getShape(), to.getShape());
      if (!matched)
        break;
      resultDims = std::move(*matched);
    }
    SmallVector<int64_t> dims;
    for (int64_t dim : resultDims)
      dims.push_back(dim < 0 ? -1 : result.dims[dim]);
    result = {operand, std::move(dims)};
  }
  return result;
}

/// What a few views are of, each of which has all elements of its operand, and
/// no others. (This is asked of every op; few constants are behind many views.)
static Value skipViews(Value value) {
  constexpr unsigned kMaxViews = 8;
  for (unsigned i = 0; i < kMaxViews; ++i) {
    ResidualOpInterface op = getOp(value);
    if (!op || (op.getScalarFunction() != ScalarFunction::Broadcast &&
                op.getScalarFunction() != ScalarFunction::Reshape))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// The value of every element, if it is a constant or made of at most `depth`
/// ops on constants. (A framework may write a count as 256 - float(0).)
static std::optional<double> foldSplat(Value value, unsigned depth) {
  ResidualOpInterface op = getOp(skipViews(value));
  if (!op)
    return std::nullopt;
  auto fold = [&](unsigned index) {
    return depth == 0 ? std::nullopt
                      : foldSplat(op->getOperand(index), depth - 1);
  };
  switch (op.getScalarFunction()) {
  case ScalarFunction::Constant:
    return op.getSplatValue();
  case ScalarFunction::Convert: {
    // Not where floats would have to be rounded.
    Type from = getElementTypeOrSelf(op->getOperand(0));
    auto to = dyn_cast<FloatType>(getElementTypeOrSelf(op->getResult(0)));
    auto fromFloat = dyn_cast<FloatType>(from);
    bool isExact = to && (from.isInteger() ||
                          (fromFloat && to.getFPMantissaWidth() >=
                                            fromFloat.getFPMantissaWidth()));
    return isExact ? fold(0) : std::nullopt;
  }
  case ScalarFunction::Subtract: {
    std::optional<double> lhs = fold(0);
    std::optional<double> rhs = lhs ? fold(1) : std::nullopt;
    return rhs ? std::optional(*lhs - *rhs) : std::nullopt;
  }
  default:
    return std::nullopt;
  }
}

std::optional<double> approx_act::getSplatValue(Value value) {
  return foldSplat(value, /*depth=*/2);
}

//===----------------------------------------------------------------------===//
// Statistics
//===----------------------------------------------------------------------===//

static bool hasStaticShape(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.hasStaticShape();
}

/// How far the reciprocal of a count may be from it, in f32 arithmetic.
static constexpr double kRounding = 1e-6;

/// An epsilon beyond which a deviation may be mostly epsilon, so that it says
/// nothing about the values; their range is computed then.
static constexpr double kMaxEpsilon = 1e-4;

/// The operand whose square `value` is, or null.
static Value getSquareRoot(Value value) {
  ResidualOpInterface op = getOp(value);
  if (!op)
    return {};
  if (op.getScalarFunction() == ScalarFunction::Multiply &&
      op->getOperand(0) == op->getOperand(1))
    return op->getOperand(0);
  if (op.getScalarFunction() == ScalarFunction::Power &&
      getSplatValue(op->getOperand(1)) == 2.0)
    return op->getOperand(0);
  return {};
}

std::optional<NormalisationAnalysis::Statistic>
NormalisationAnalysis::getStatistic(Value value) const {
  Broadcast source = traceBroadcast(value);
  auto it = statistics.find(source.value);
  if (it == statistics.end())
    return std::nullopt;
  Statistic statistic = it->second;
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type)
    return std::nullopt;
  SmallVector<int64_t> dims(type.getRank(), -1);
  for (auto [sourceDim, dim] : llvm::enumerate(source.dims))
    if (dim >= 0)
      dims[dim] = statistic.dims[sourceDim];
  statistic.dims = std::move(dims);
  return statistic;
}

bool NormalisationAnalysis::isAligned(const Statistic &statistic,
                                      Value value) const {
  // Each element of the base meets its own statistic when the statistic, in
  // the base's shape, runs along every dimension that was not reduced.
  auto type = cast<RankedTensorType>(value.getType());
  auto base = cast<RankedTensorType>(statistic.base.getType());
  if (type.getShape() != base.getShape())
    return false;
  int64_t kept = 1;
  for (auto [dim, baseDim] : llvm::enumerate(statistic.dims)) {
    if (baseDim < 0)
      continue;
    if (baseDim != static_cast<int64_t>(dim))
      return false;
    kept *= base.getDimSize(dim);
  }
  return kept * statistic.count == base.getNumElements();
}

SmallVector<int64_t>
NormalisationAnalysis::getKeptShape(const Statistic &statistic) {
  auto base = cast<RankedTensorType>(statistic.base.getType());
  SmallVector<int64_t> shape(base.getRank(), 1);
  for (int64_t dim : statistic.dims)
    if (dim >= 0)
      shape[dim] = base.getDimSize(dim);
  return shape;
}

std::optional<NormalisationAnalysis::Statistic>
NormalisationAnalysis::getSubtractedMean(Value value) const {
  ResidualOpInterface op = getOp(value);
  if (!op || op.getScalarFunction() != ScalarFunction::Subtract ||
      !hasStaticShape(value))
    return std::nullopt;
  std::optional<Statistic> mean = getStatistic(op->getOperand(1));
  bool isCentred = mean && mean->kind == Kind::Mean &&
                   mean->root == Root::None &&
                   mean->base == op->getOperand(0) && isAligned(*mean, value);
  return isCentred ? mean : std::nullopt;
}

std::optional<NormalisationAnalysis::Statistic>
NormalisationAnalysis::compute(Operation *op) const {
  auto residualOp = dyn_cast<ResidualOpInterface>(op);
  if (!residualOp || op->getNumResults() != 1 || op->getNumOperands() == 0 ||
      !llvm::all_of(op->getOperands(), hasStaticShape) ||
      !hasStaticShape(op->getResult(0)))
    return std::nullopt;
  Value lhs = op->getOperand(0);
  Value rhs = op->getNumOperands() > 1 ? op->getOperand(1) : Value();

  switch (residualOp.getScalarFunction()) {
  case ScalarFunction::ReduceAdd: {
    if (getSplatValue(rhs) != 0.0)
      return std::nullopt;
    auto type = cast<RankedTensorType>(lhs.getType());
    Statistic statistic{Kind::Sum, Root::None, lhs, {}, 1};
    if (Value root = getSquareRoot(lhs)) {
      statistic.kind = Kind::SumOfSquares;
      statistic.base = root;
    }
    SmallVector<int64_t> reduced = residualOp.getDimensions();
    for (int64_t dim : llvm::seq<int64_t>(0, type.getRank())) {
      if (llvm::is_contained(reduced, dim))
        statistic.count *= type.getDimSize(dim);
      else
        statistic.dims.push_back(dim);
    }
    return statistic;
  }

  case ScalarFunction::Divide: {
    std::optional<Statistic> statistic = getStatistic(lhs);
    std::optional<double> divisor = getSplatValue(rhs);
    if (statistic && divisor && statistic->root == Root::None) {
      double ratio = *divisor / static_cast<double>(statistic->count);
      if (statistic->kind == Kind::Sum && std::abs(ratio - 1.0) < kRounding) {
        statistic->kind = Kind::Mean;
        return statistic;
      }
      // An unbiased variance divides by one less; it serves as well.
      if (statistic->kind == Kind::SumOfSquares && ratio > 0.5 && ratio < 2.0) {
        statistic->kind = Kind::MeanOfSquares;
        return statistic;
      }
      return std::nullopt;
    }
    std::optional<Statistic> deviation = getStatistic(rhs);
    if (deviation && deviation->root == Root::Sqrt &&
        getSplatValue(lhs) == 1.0) {
      deviation->root = Root::Rsqrt;
      return deviation;
    }
    return std::nullopt;
  }

  case ScalarFunction::Multiply: {
    // A sum times the reciprocal of the count.
    for (auto [sum, factor] : {std::pair(lhs, rhs), std::pair(rhs, lhs)}) {
      std::optional<Statistic> statistic = getStatistic(sum);
      std::optional<double> scale = getSplatValue(factor);
      if (!statistic || !scale || statistic->root != Root::None)
        continue;
      double ratio = *scale * static_cast<double>(statistic->count);
      if (statistic->kind == Kind::Sum && std::abs(ratio - 1.0) < kRounding)
        statistic->kind = Kind::Mean;
      else if (statistic->kind == Kind::SumOfSquares && ratio > 0.5 &&
               ratio < 2.0)
        statistic->kind = Kind::MeanOfSquares;
      else
        continue;
      return statistic;
    }
    return std::nullopt;
  }

  case ScalarFunction::Subtract: {
    // E[x²] − E[x]².
    std::optional<Statistic> squares = getStatistic(lhs);
    Value root = getSquareRoot(traceBroadcast(rhs).value);
    std::optional<Statistic> mean =
        root ? getStatistic(root) : std::optional<Statistic>();
    if (!squares || !mean || squares->kind != Kind::MeanOfSquares ||
        squares->root != Root::None || mean->kind != Kind::Mean ||
        mean->root != Root::None || mean->base != squares->base ||
        getKeptShape(*mean) != getKeptShape(*squares))
      return std::nullopt;
    squares->kind = Kind::Variance;
    return squares;
  }

  case ScalarFunction::Add:
  case ScalarFunction::Maximum: {
    // An epsilon, or the guard against a negative difference.
    for (auto [second, constant] : {std::pair(lhs, rhs), std::pair(rhs, lhs)}) {
      std::optional<Statistic> statistic = getStatistic(second);
      std::optional<double> epsilon = getSplatValue(constant);
      bool isMoment = statistic && statistic->root == Root::None &&
                      (statistic->kind == Kind::MeanOfSquares ||
                       statistic->kind == Kind::Variance);
      if (isMoment && epsilon && *epsilon >= 0.0 && *epsilon <= kMaxEpsilon)
        return statistic;
    }
    return std::nullopt;
  }

  case ScalarFunction::Convert: {
    // Rounded to fewer digits, a mean no longer centres.
    auto from = dyn_cast<FloatType>(getElementTypeOrSelf(lhs));
    auto to = dyn_cast<FloatType>(getElementTypeOrSelf(op->getResult(0)));
    if (!from || !to || to.getFPMantissaWidth() < from.getFPMantissaWidth())
      return std::nullopt;
    return getStatistic(lhs);
  }

  case ScalarFunction::Select: {
    // NaN where there is no element to take the variance of. Any other choice
    // would be a different statistic in some channels.
    Value onFalse = op->getOperand(2);
    for (auto [statistic, guard] :
         {std::pair(rhs, onFalse), std::pair(onFalse, rhs)})
      if (std::isnan(getSplatValue(guard).value_or(0.0)))
        return getStatistic(statistic);
    return std::nullopt;
  }

  case ScalarFunction::Sqrt:
  case ScalarFunction::Rsqrt: {
    std::optional<Statistic> statistic = getStatistic(lhs);
    if (!statistic || statistic->root != Root::None ||
        (statistic->kind != Kind::MeanOfSquares &&
         statistic->kind != Kind::Variance))
      return std::nullopt;
    statistic->root = residualOp.getScalarFunction() == ScalarFunction::Sqrt
                          ? Root::Sqrt
                          : Root::Rsqrt;
    return statistic;
  }

  default:
    return std::nullopt;
  }
}

void NormalisationAnalysis::remember(Value value, const Statistic &statistic) {
  bool isMean = statistic.kind == Kind::Mean && statistic.root == Root::None;
  bool isDeviation = (statistic.kind == Kind::Variance ||
                      statistic.kind == Kind::MeanOfSquares) &&
                     statistic.root != Root::None;
  if (!isMean && !isDeviation)
    return;
  Broadcast moment{value, statistic.dims};
  auto type = cast<RankedTensorType>(value.getType());
  bool isRepeated = llvm::any_of(
      llvm::zip_equal(statistic.dims, type.getShape()), [](auto entry) {
        return std::get<0>(entry) < 0 && std::get<1>(entry) != 1;
      });
  if (isRepeated || !moment.isOrdered())
    return;
  if (isMean) {
    known[statistic.base].means.push_back(std::move(moment));
    return;
  }
  auto learn = [&](Value base, bool isRaw) {
    Known &entry = known[base];
    if (entry.deviation && !(entry.isRaw && !isRaw))
      return;
    entry.deviation = moment;
    entry.isReciprocal = statistic.root == Root::Rsqrt;
    entry.isRaw = isRaw;
  };
  bool isRaw = statistic.kind == Kind::MeanOfSquares;
  learn(statistic.base, isRaw);
  // The centred form of a value has its deviation, and the reverse.
  std::optional<Statistic> mean = getSubtractedMean(statistic.base);
  if (isRaw && mean && getKeptShape(*mean) == getKeptShape(statistic))
    learn(mean->base, /*isRaw=*/false);
}

NormalisationAnalysis::NormalisationAnalysis(func::FuncOp func) {
  for (Operation &op : func.getBody().front()) {
    std::optional<Statistic> statistic = compute(&op);
    if (!statistic)
      continue;
    remember(op.getResult(0), *statistic);
    statistics.try_emplace(op.getResult(0), std::move(*statistic));
  }
}

bool NormalisationAnalysis::isCentred(Value value,
                                      ArrayRef<int64_t> reduced) const {
  if (!getSubtractedMean(value))
    return false;
  // The mean varies along the dimensions that were not reduced.
  Broadcast mean = traceBroadcast(value.getDefiningOp()->getOperand(1));
  auto type = cast<RankedTensorType>(value.getType());
  return llvm::all_of(llvm::seq<int64_t>(0, type.getRank()), [&](int64_t dim) {
    bool isKept = llvm::is_contained(mean.dims, dim);
    return type.getDimSize(dim) == 1 ||
           isKept != llvm::is_contained(reduced, dim);
  });
}

std::optional<Moments> NormalisationAnalysis::lookup(Value value) const {
  if (!hasStaticShape(value))
    return std::nullopt;
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  auto describe = [&](std::optional<Broadcast> mean, const Known &entry) {
    return Moments{std::move(mean), entry.deviation, entry.isReciprocal,
                   entry.deviation->getKeptShape(rank)};
  };

  // The value itself is a base. Mean and deviation have to be over the same
  // dimensions.
  auto it = known.find(value);
  if (it != known.end() && it->second.deviation) {
    const Known &entry = it->second;
    if (entry.isRaw)
      return describe(std::nullopt, entry);
    for (const Broadcast &mean : entry.means)
      if (mean.getKeptShape(rank) == entry.deviation->getKeptShape(rank))
        return describe(mean, entry);
  }

  // A centred base.
  std::optional<Statistic> centring = getSubtractedMean(value);
  if (centring) {
    auto entry = known.find(centring->base);
    if (entry != known.end() && entry->second.deviation &&
        !entry->second.isRaw &&
        entry->second.deviation->getKeptShape(rank) == getKeptShape(*centring))
      return describe(std::nullopt, entry->second);
  }

  // A base or a centred base, divided by its deviation.
  ResidualOpInterface op = getOp(value);
  if (!op || (op.getScalarFunction() != ScalarFunction::Multiply &&
              op.getScalarFunction() != ScalarFunction::Divide))
    return std::nullopt;
  bool isProduct = op.getScalarFunction() == ScalarFunction::Multiply;
  for (unsigned index : {0U, 1U}) {
    if (index == 1 && !isProduct)
      break;
    Value numerator = op->getOperand(index);
    std::optional<Statistic> deviation =
        getStatistic(op->getOperand(1 - index));
    if (!deviation ||
        deviation->root != (isProduct ? Root::Rsqrt : Root::Sqrt) ||
        !isAligned(*deviation, value))
      continue;
    // Of what is divided about zero, or of what it was before centring about
    // the mean.
    std::optional<Statistic> mean = getSubtractedMean(numerator);
    bool isOwn =
        deviation->base == numerator && deviation->kind == Kind::MeanOfSquares;
    bool isOfBase =
        mean && getKeptShape(*mean) == getKeptShape(*deviation) &&
        deviation->kind == Kind::Variance &&
        (deviation->base == mean->base || deviation->base == numerator);
    if (!isOwn && !isOfBase)
      continue;
    Moments moments;
    moments.shape.assign(rank, 1);
    return moments;
  }
  return std::nullopt;
}
