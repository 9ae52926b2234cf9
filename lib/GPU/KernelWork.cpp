//===- KernelWork.cpp - Which thread computes what ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelWork.h"
#include "KernelBody.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

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

static RankedTensorType getTensorType(Value value) {
  return dyn_cast<RankedTensorType>(value.getType());
}

/// The reductions that give results of the kernel, or that these are computed
/// from where they are written, as a mean is from a sum.
static SmallVector<linalg::LinalgOp> getReductions(KernelOp kernel,
                                                   ValueRange results) {
  SmallVector<linalg::LinalgOp> reductions;
  llvm::SetVector<Operation *> reached;
  auto reach = [&](ValueRange values) {
    for (Value value : values)
      if (Operation *op = value.getDefiningOp();
          op && op->getBlock() == &kernel.getBody().front())
        reached.insert(op);
  };
  reach(results);
  for (unsigned i = 0; i < reached.size(); ++i) {
    Operation *op = reached[i];
    if (isReductionOp(op))
      reductions.push_back(cast<linalg::LinalgOp>(op));
    else
      reach(op->getOperands());
  }
  return reductions;
}

/// Those of all results.
static SmallVector<linalg::LinalgOp> getReductions(KernelOp kernel) {
  return getReductions(kernel, kernel.getYield().getValues());
}

KernelWork::KernelWork(KernelOp kernel, int64_t blockSize)
    : blockSize(blockSize) {
  chooseDomain(kernel);
  if (numElements == 0)
    return;
  int64_t widest = 1;
  bool hasWords = false;
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
  llvm::for_each(kernel.getYield().getValues(), visit);
  bool hasReductions = !getReductions(kernel).empty();
  widestAccess = std::clamp<int64_t>(128 / widest, 1, 8);
  if (hasReductions && chooseParts(kernel))
    return;
  int64_t innermost = domain.empty() ? 1 : domain.back();
  lanes = widestAccess;
  if (hasWords)
    lanes = std::clamp<int64_t>(kMaxElements / numParts, lanes, kWordBits);
  // What is searched for is no neighbour of the next, and takes a while.
  if (hasLoop(kernel))
    lanes = 1;
  // A reduction needs threads more than it needs wide accesses.
  while (lanes > 1 && (innermost % lanes != 0 ||
                       (hasReductions && numElements / lanes < kEnoughThreads)))
    lanes /= 2;
  width = lanes;
  if (!hasReductions)
    chooseRows(kernel);
}

int64_t KernelWork::getBlockSize() const {
  if (parts > 1)
    return parts * group;
  return std::min<int64_t>(blockSize, llvm::alignTo(getNumThreads(), 32));
}

int64_t KernelWork::getNumBlocks() const {
  if (parts > 1)
    return llvm::divideCeil(getNumItems(), group);
  return llvm::divideCeil(getNumThreads(), getBlockSize());
}

void KernelWork::chooseDomain(KernelOp kernel) {
  OperandRange roots = kernel.getYield().getValues();
  std::optional<int64_t> least;
  bool isWhole = getReductions(kernel).empty();
  for (Value root : roots) {
    RankedTensorType type = getTensorType(root);
    if (!least || type.getNumElements() < *least) {
      least = type.getNumElements();
      domain = squeeze(type.getShape());
    }
  }
  numElements = *least;
  // Words that are read belong to one thread each, as those that are written.
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

/// Whether what is next to each other in memory is combined: the innermost
/// dimension of what a reduction reads most of is one that it goes over.
static bool reducesInnermost(linalg::LinalgOp op) {
  OpOperand *largest = nullptr;
  for (OpOperand *input : op.getDpsInputOperands())
    if (!largest ||
        getNumElements(input->get()) > getNumElements(largest->get()))
      largest = input;
  if (!largest)
    return false;
  for (AffineExpr expr :
       llvm::reverse(op.getMatchingIndexingMap(largest).getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      return false;
    if (op.getStaticLoopRanges()[dim.getPosition()] != 1)
      return op.getIteratorTypesArray()[dim.getPosition()] ==
             utils::IteratorType::reduction;
  }
  return false;
}

static int64_t floorToPowerOf2(int64_t value) {
  return static_cast<int64_t>(llvm::bit_floor(static_cast<uint64_t>(value)));
}

/// Divides the reductions of the results among the threads of a block. Returns
/// whether that is worth it.
bool KernelWork::chooseParts(KernelOp kernel) {
  linalg::LinalgOp longest;
  auto isOfDomain = [&](Value value) {
    return squeeze(getTensorType(value).getShape()) == domain;
  };
  // Others, of several times as many elements, are not computed from
  // reductions: not all threads would want the same of these.
  for (Value value : kernel.getYield().getValues())
    if (!isOfDomain(value) && !getReductions(kernel, value).empty())
      return false;
  for (linalg::LinalgOp op : getReductions(kernel)) {
    if (isContractionLike(op) || !llvm::all_of(op->getResults(), isOfDomain))
      return false;
    if (isWorthSharing(op) &&
        (!longest || getNumCombined(op) > getNumCombined(longest)))
      longest = op;
  }
  constexpr int64_t fewest = 4;
  if (!longest)
    return false;
  arePartsNeighbours = reducesInnermost(longest);
  width = widestAccess;
  int64_t combined = getNumCombined(longest), least = 1;
  if (arePartsNeighbours) {
    // Neighbours of a warp, so that its accesses are of neighbours.
    combined /= width;
    least = 32;
  } else {
    int64_t innermost = domain.empty() ? 1 : domain.back();
    while (innermost % width != 0)
      width /= 2;
    lanes = width;
  }
  int64_t wanted = std::max(least, 2 * kEnoughThreads / getNumItems() + 1);
  int64_t usual = floorToPowerOf2(blockSize);
  int64_t most = std::min<int64_t>(4 * usual, 1024);
  if (!arePartsNeighbours) {
    // Items that are neighbours in a line of the cache.
    constexpr int64_t lineElements = 32;
    group =
        std::min<int64_t>(lineElements / lanes,
                          llvm::bit_ceil(static_cast<uint64_t>(getNumItems())));
    most /= group;
  }
  parts = floorToPowerOf2(
      std::clamp<int64_t>(std::min(wanted, combined / fewest), 1, most));
  // Blocks of the usual size, or at least whole warps.
  group = arePartsNeighbours ? std::max<int64_t>(usual / parts, 1)
                             : std::max<int64_t>(group, 32 / parts);
  if (parts > 1)
    return true;
  lanes = width = group = 1;
  arePartsNeighbours = false;
  return false;
}
