//===- KernelWork.cpp - Which thread computes what ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelWork.h"
#include "KernelBody.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace mlir::approx_act;

/// Threads below which a kernel keeps few of a GPU's processors busy.
static constexpr int64_t kEnoughThreads = 1 << 14;
/// More threads than a GPU has in flight.
static constexpr int64_t kManyThreads = 1 << 16;
/// Rows for which parameters are worth keeping.
static constexpr int64_t kEnoughRows = 4;
/// Elements of a thread, which are all in registers at once.
static constexpr int64_t kMaxElements = 16;

static int64_t getProduct(ArrayRef<int64_t> sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{1},
                         std::multiplies<>());
}

static RankedTensorType getTensorType(Value value) {
  return dyn_cast<RankedTensorType>(value.getType());
}

KernelWork::KernelWork(KernelOp kernel) {
  chooseDomain(kernel);
  int64_t widest = 1;
  bool hasWords = false, hasReductions = false;
  auto visit = [&](Value value) {
    RankedTensorType type = getTensorType(value);
    if (!type)
      return;
    int64_t bits = type.getElementTypeBitWidth();
    widest = std::max(widest, bits);
    hasWords |= bits == kWordBits;
  };
  for (Value argument : kernel.getBody().getArguments())
    visit(argument);
  for (Value root : kernel.getYield().getValues()) {
    visit(root);
    Operation *op = root.getDefiningOp();
    hasReductions |= op && isReductionOp(op);
  }
  int64_t innermost = domain.empty() ? 1 : domain.back();
  lanes = std::clamp<int64_t>(128 / widest, 1, 8);
  if (hasWords)
    lanes = std::clamp<int64_t>(kMaxElements / numParts, lanes, kWordBits);
  // A reduction needs threads more than it needs wide accesses.
  while (lanes > 1 && (innermost % lanes != 0 ||
                       (hasReductions && numElements / lanes < kEnoughThreads)))
    lanes /= 2;
  if (!hasReductions)
    chooseRows(kernel);
}

void KernelWork::chooseDomain(KernelOp kernel) {
  OperandRange roots = kernel.getYield().getValues();
  std::optional<int64_t> least;
  bool isWhole = true;
  for (Value root : roots) {
    RankedTensorType type = getTensorType(root);
    Operation *op = root.getDefiningOp();
    isWhole &= !op || !isReductionOp(op);
    if (!least || type.getNumElements() < *least) {
      least = type.getNumElements();
      domain = squeeze(type.getShape());
    }
  }
  numElements = *least;
  // Words that are read belong to one thread each, as those that are written.
  SmallVector<int64_t> results = domain;
  for (Value argument : kernel.getBody().getArguments()) {
    RankedTensorType type = getTensorType(argument);
    if (!isWhole || !type || type.getElementTypeBitWidth() != kWordBits ||
        type.getNumElements() >= numElements)
      continue;
    SmallVector<int64_t> words = squeeze(type.getShape());
    bool fits = llvm::all_of(roots, [&](Value root) {
      return getPackedDim(words, squeeze(getTensorType(root).getShape()))
          .has_value();
    });
    if (!fits)
      continue;
    domain = words;
    numElements = type.getNumElements();
  }
  for (Value root : roots) {
    SmallVector<int64_t> shape = squeeze(getTensorType(root).getShape());
    std::optional<unsigned> dim = getPackedDim(domain, shape);
    if (!dim)
      continue;
    packedDim = dim;
    numParts = std::max(numParts, shape[*dim] / domain[*dim]);
  }
}

/// Rows are as far apart as there are threads. Where these make up whole blocks
/// of the inner dimensions, the places of elements differ by a constant from
/// row to row.
void KernelWork::chooseRows(KernelOp kernel) {
  bool hasParameters =
      llvm::any_of(kernel.getBody().getArguments(), [&](Value argument) {
        RankedTensorType type = getTensorType(argument);
        return type && type.getNumElements() < numElements;
      });
  int64_t items = getNumItems();
  int64_t limit = std::max(std::min(items / kEnoughThreads, kEnoughRows),
                           items / kManyThreads);
  if (!hasParameters || domain.size() < 2 || limit < 2)
    return;
  rows = getDivisor(
      getProduct(ArrayRef(domain).take_front(packedDim.value_or(0))), limit);
  if (2 * rows < limit)
    rows = getDivisor(getProduct(ArrayRef(domain).drop_back()), limit);
}
