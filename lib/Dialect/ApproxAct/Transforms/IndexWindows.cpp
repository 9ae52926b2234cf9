//===- IndexWindows.cpp - Which element of a window won -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TrainingStep.h"
#include "approx-act/Analysis/Turnaround.h"
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "approx-act/Dialect/StableHLO/Windows.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_INDEXWINDOWS
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

/// The comparisons are written out one by one.
static constexpr int64_t kMaxWindowSize = 64;

namespace {
/// Rewrites one gradient of a max-pooling.
class WindowIndexing {
public:
  WindowIndexing(OpBuilder &builder, Location loc, const MaxScatter &scatter)
      : hlo(builder, loc), scatter(scatter),
        shape(scatter.getSourceType().getShape()),
        indexType(builder.getI32Type()) {}

  /// The value of the gradient.
  Value rewrite() {
    Value winners = combine(findWinners());
    return scatter.isPartition() ? scatterPartition(winners)
                                 : scatterOverlapping(winners);
  }

private:
  Value getCandidate(int64_t number);
  SmallVector<Value> findWinners();
  Value combine(ArrayRef<Value> bits);
  Value scatterPartition(Value winners);
  Value scatterOverlapping(Value winners);
  RankedTensorType getIndexType() const {
    return RankedTensorType::get(shape, indexType);
  }

  StableHLOBuilder hlo;
  const MaxScatter &scatter;
  /// Of the pooled values.
  ArrayRef<int64_t> shape;
  Type indexType;
};
} // namespace

/// Element `number` of every window.
Value WindowIndexing::getCandidate(int64_t number) {
  SmallVector<int64_t> starts = scatter.getOffsets(number);
  SmallVector<int64_t> limits;
  for (auto [start, count, stride] :
       llvm::zip_equal(starts, shape, scatter.strides))
    limits.push_back(start + (count - 1) * stride + 1);
  return hlo.slice(scatter.operand, starts, limits, scatter.strides);
}

/// The number of the greatest element of each window, a boolean tensor per bit,
/// the lowest first.
SmallVector<Value> WindowIndexing::findWinners() {
  int64_t count = scatter.getWindowSize();
  auto booleanType =
      RankedTensorType::get(shape, IntegerType::get(indexType.getContext(), 1));
  SmallVector<Value> bits(llvm::Log2_64_Ceil(count), hlo.splat(booleanType, 0));
  Value greatest = getCandidate(0);
  for (int64_t number = 1; number < count; ++number) {
    Value candidate = getCandidate(number);
    Value stays = hlo.compare("GE", greatest, candidate);
    Value wins = hlo.elementwise("not", stays);
    greatest = hlo.select(stays, greatest, candidate);
    for (auto [bit, value] : llvm::enumerate(bits))
      value = (number >> bit) & 1 ? hlo.elementwise("or", {value, wins})
                                  : hlo.elementwise("and", {value, stays});
  }
  return bits;
}

/// Integers from their bits.
Value WindowIndexing::combine(ArrayRef<Value> bits) {
  Value zero = hlo.splat(getIndexType(), 0);
  Value index = zero;
  for (auto [number, bit] : llvm::enumerate(bits)) {
    auto weight = static_cast<double>(int64_t{1} << number);
    index = hlo.elementwise(
        "add",
        {index, hlo.select(bit, hlo.splat(getIndexType(), weight), zero)});
  }
  return index;
}

/// Every element of the operand is in one window, so each asks whether it won.
Value WindowIndexing::scatterPartition(Value winners) {
  // [N, H·h, W·w, C] as [N, 1, H, h, W, w, C, 1], without what has size 1.
  SmallVector<int64_t> split;
  SmallVector<int64_t> outer;
  SmallVector<std::pair<int64_t, int64_t>> inner;
  for (auto [count, width] : llvm::zip_equal(shape, scatter.window)) {
    outer.push_back(static_cast<int64_t>(split.size()));
    split.push_back(count);
    if (width == 1)
      continue;
    inner.push_back({static_cast<int64_t>(split.size()), width});
    split.push_back(width);
  }
  auto splitType = RankedTensorType::get(split, indexType);
  Value number = hlo.splat(splitType, 0);
  for (auto [dim, width] : inner) {
    number = hlo.elementwise(
        "multiply", {number, hlo.splat(splitType, static_cast<double>(width))});
    number = hlo.elementwise("add", {number, hlo.iota(splitType, dim)});
  }
  Value won =
      hlo.compare("EQ", hlo.broadcastInDim(winners, split, outer), number);
  RankedTensorType type = scatter.getType();
  Value value =
      hlo.select(won, hlo.broadcastInDim(scatter.source, split, outer),
                 hlo.splat(type.clone(split), 0));
  return hlo.reshape(value, type.getShape());
}

/// Windows share elements: the sum over the places in a window.
Value WindowIndexing::scatterOverlapping(Value winners) {
  Value none = hlo.splat(scatter.getSourceType(), 0);
  Value sum;
  for (int64_t number = 0; number < scatter.getWindowSize(); ++number) {
    Value wins = hlo.compare(
        "EQ", winners, hlo.splat(getIndexType(), static_cast<double>(number)));
    Value term = hlo.pad(hlo.select(wins, scatter.source, none),
                         scatter.getType().getShape(),
                         scatter.getOffsets(number), scatter.strides);
    sum = sum ? hlo.elementwise("add", {sum, term}) : term;
  }
  return sum;
}

namespace {
struct IndexWindows : approx_act::impl::IndexWindowsBase<IndexWindows> {
  using IndexWindowsBase::IndexWindowsBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    std::string reason;
    FailureOr<TrainingStep> step =
        getTrainingStep(func, forwardResults, reason);
    if (failed(step))
      return signalPassFailure();
    if (step->forwardResults.empty())
      return markAllAnalysesPreserved();

    Turnaround turnaround(func, step->forwardResults);
    for (Operation &op : llvm::make_early_inc_range(func.getBody().front())) {
      std::optional<MaxScatter> scatter = MaxScatter::match(&op);
      if (!scatter || turnaround.getPhase(&op) != Phase::Backward ||
          !turnaround.isPrimal(scatter->operand) ||
          scatter->getWindowSize() > kMaxWindowSize)
        continue;
      OpBuilder builder(&op);
      WindowIndexing indexing(builder, op.getLoc(), *scatter);
      op.getResult(0).replaceAllUsesWith(indexing.rewrite());
      op.erase();
      ++numIndexed;
    }
  }
};
} // namespace
