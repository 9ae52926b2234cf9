//===- FormKernels.cpp - Group ops on tensors into kernels ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Decides which values of a program are ever in memory, and makes one kernel
/// of all that is computed in one launch.
///
/// Upstream's fusion of elementwise ops merges two `linalg.generic`s of one
/// iteration space, and cannot say that an activation and its packed codes,
/// which have different shapes, come out of one loop; so the ops stay as they
/// are, and are put side by side into the body of an `approx_act.kernel`.
///
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "approx-act/Analysis/Residuals.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/Dialect/StableHLO/Loops.h"
#include "approx-act/GPU/Passes.h"
#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_FORMKERNELS
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// What scalar ops compute `value` from, or `value` itself if none does.
static SmallVector<Value> getScalarSources(Value value) {
  SmallVector<Value> sources;
  SetVector<Value> reached;
  reached.insert(value);
  for (unsigned i = 0; i < reached.size(); ++i) {
    Value reading = reached[i];
    Operation *op = reading.getDefiningOp();
    if (op && isScalarOp(op))
      reached.insert_range(op->getOperands());
    else
      sources.push_back(reading);
  }
  return sources;
}

/// Whether `value` is a scalar that takes no memory of the device to compute.
static bool isKnownOnHost(Value value) {
  return llvm::all_of(getScalarSources(value), [](Value source) {
    return !isa<TensorType>(source.getType()) && !source.getDefiningOp();
  });
}

/// All values that an op and its regions read.
static SetVector<Value> getReadValues(Operation *op) {
  SetVector<Value> values(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), values);
  return values;
}

/// Whether the op writes an element of a stack that a loop carries, at a place
/// that the host knows: that is where the element is to be computed, and the
/// rest of the stack is where it was.
static bool isStackWrite(Operation *op) {
  auto write = dyn_cast<tensor::InsertSliceOp>(op);
  auto loop = dyn_cast<scf::ForOp>(op->getParentOp());
  return write && loop &&
         isStackElement(write, write.getDestType().getShape()) &&
         llvm::is_contained(loop.getRegionIterArgs(), write.getDest()) &&
         llvm::all_of(write.getOffsets(), isKnownOnHost);
}

/// Work below which a value is computed where it is read, however often.
static constexpr unsigned kTrivialWork = 2;
/// Work that is done again for each of several readers rather than kept.
static constexpr unsigned kSharedWork = 40;

/// An estimate of the instructions that the body of an op takes per element.
static unsigned getWork(Operation *op) {
  unsigned work = 0;
  op->walk([&](Operation *nested) {
    StringRef dialect = nested->getName().getDialectNamespace();
    if (isa<LoopLikeOpInterface>(nested))
      work += kSharedWork; // It is not known how many times what is in it.
    else if (isa<arith::DivFOp>(nested))
      work += 8;
    else if (dialect == "math")
      work += isa<math::AbsFOp, math::FloorOp>(nested) ? 1 : 12;
    else if (dialect == "arith" && !isa<arith::ConstantOp>(nested))
      work += 1;
  });
  return work;
}

/// Whether each element is one of one operand or another, by its position: what
/// both are computed from is computed in the branch of each.
static bool isChoice(Operation *op) {
  return isa<tensor::ConcatOp, tensor::InsertSliceOp, tensor::PadOp>(op);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// What a value that is not in memory is computed from at most, in values that
/// are and in instructions.
static constexpr unsigned kMaxLeaves = 24, kMaxWork = 400;
/// Instructions of a kernel that several groups have become. Each op that reads
/// another takes the compiler a few frames of its stack, large ones where
/// sanitizers are on.
static constexpr unsigned kMaxInstructions = 1024;
/// Groups so far apart are not merged: what they read would live longer.
static constexpr unsigned kMaxDistance = 24;
/// Elements of a result that is small.
static constexpr int64_t kSmall = 4096;

namespace {
/// What one launch computes, while kernels are being formed.
struct Group {
  /// The values that are written to memory, in program order.
  SmallVector<Value> roots;
  /// Values in memory that are read, not counting the group's own roots.
  SetVector<Value> leaves;
  /// Values in memory that elements are searched in. Another launch has to have
  /// written them: each thread would compute them anew.
  DenseSet<Value> searched;
  /// The dimensions of the results that are not 1.
  SmallVector<int64_t> domain;
  /// A contraction is nobody's kernel but its own.
  bool isAlone = false;
  /// Whether a result is a reduction that the threads of a block share.
  bool hasReduction = false;
  /// How many barriers come before it.
  unsigned phase = 0;
  /// The group that this one has become a part of.
  Group *mergedInto = nullptr;
  /// The places of the first and the last root among the groups.
  unsigned index = 0, last = 0;
  /// Instructions that a thread takes for all roots.
  unsigned numInstructions = 0;

  /// Whether all of it fits into a few blocks: a launch costs more.
  bool isSmall() const {
    return llvm::all_of(
        roots, [](Value root) { return getNumElements(root) <= kSmall; });
  }
};

class KernelFormer {
public:
  explicit KernelFormer(Block &block)
      : block(block), fewElements(getFewElements(block, kSmall)) {}

  /// Finds what is in memory and groups it.
  void analyse();
  LogicalResult rewrite();

  unsigned numKernels = 0, numRoots = 0, numMerged = 0;

private:
  bool isLight(Operation *op) const;
  bool isLeaf(Value value) const;
  /// Whether it does not matter how long `value` lives.
  bool isLittle(Value value) const {
    return getNumElements(value) <= fewElements;
  }
  bool isParameter(Value value) const;
  unsigned getTrivialWork(Value value);
  void require(Value value);
  void requireOperands(Operation *op);
  void requireWork(Value value);
  void chooseShared(Operation *op);
  void chooseTied(BarrierOp barrier);

  std::unique_ptr<Group> createGroup(Value root);
  void collectLeaves(Group &group) const;
  unsigned countInstructions(ArrayRef<Value> roots) const;
  /// Values, and whether elements are searched in them.
  using SeenValues = DenseSet<std::pair<Value, unsigned>>;
  void collectLeaves(Value value, bool isSearch, const DenseSet<Value> &own,
                     Group &group, SeenValues &seen) const;
  bool areCompatible(const Group &early, const Group &late) const;
  bool canWait(const Group &early, const Group &late) const;
  bool canHurry(const Group &late, const Group &early) const;
  bool dependsIndirectly(Group &late, Group &early);
  Group *getGroup(Value value) const;
  bool merge(Group &early, Group &late);
  void createKernel(Group &group);
  Value build(OpBuilder &builder, Value value, const DenseSet<Value> &own,
              IRMapping &mapping, SetVector<Value> &inputs, Block &body);

  Block &block;
  int64_t fewElements;
  /// Light values that are in memory.
  DenseSet<Value> materialised;
  DenseMap<Value, unsigned> trivialWork;
  /// What is read, and how much is computed, to compute a light value anew.
  struct Recipe {
    llvm::SmallSetVector<Value, 4> leaves;
    /// Choices are no work, but what they choose from is emitted twice.
    unsigned work = 0, choices = 0;
    bool isPartOfOther = false;
  };
  DenseMap<Value, Recipe> recipes;
  static int64_t getLeafBytes(const Recipe &recipe);
  SmallVector<std::unique_ptr<Group>> groups;
  /// Values in memory that another kernel reads, or no kernel.
  DenseSet<Value> readOutside;
  DenseMap<Value, Group *> groupOf;
};
} // namespace

/// Whether an op of the block can be computed where it is read.
bool KernelFormer::isLight(Operation *op) const {
  return op->getBlock() == &block && isLightOp(op) && !isStackWrite(op);
}

/// Whether `value` is not computed by light ops: it is in memory, or a scalar.
bool KernelFormer::isLeaf(Value value) const {
  Operation *op = value.getDefiningOp();
  return !op || op->getBlock() != &block || materialised.contains(value) ||
         !(isLight(op) || isScalarOp(op));
}

/// The work to compute a value where it is read, if nothing of it is in memory.
unsigned KernelFormer::getTrivialWork(Value value) {
  value = lookThroughBarriers(value);
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != &block || !(isLight(op) || isScalarOp(op)))
    return 0;
  if (auto it = trivialWork.find(value); it != trivialWork.end())
    return it->second;
  unsigned work = isa<linalg::FillOp>(op) ? 0 : getWork(op);
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    for (OpOperand *operand : linalgOp.getDpsInputOperands())
      work += getTrivialWork(operand->get());
  } else {
    for (Value operand : getReadValues(op))
      work += getTrivialWork(operand);
  }
  return trivialWork[value] = std::min(work, 1000U);
}

/// Puts a value in memory. A view of a value is in memory when that is, and of
/// a scalar, which the host reads, what it is computed from.
void KernelFormer::require(Value value) {
  for (Value source : getScalarSources(lookThroughBarriers(value))) {
    source = lookThroughViews(source);
    Operation *op = source.getDefiningOp();
    // What is not computed is not written.
    if (op && isLight(op) && !isa<tensor::EmptyOp>(op))
      materialised.insert(source);
  }
}

/// Puts in memory what `op` cannot compute where it reads it.
void KernelFormer::requireOperands(Operation *op) {
  if (isScalarOp(op))
    return;
  // What goes through a barrier is looked at in `chooseShared`.
  if (isa<BarrierOp>(op))
    return;
  if (!isLight(op) && !isReductionOp(op)) {
    // What is overwritten is memory, and not read.
    auto overwriting = dyn_cast<DestinationStyleOpInterface>(op);
    for (Value operand : getReadValues(op))
      if (!overwriting ||
          !llvm::is_contained(overwriting.getDpsInits(), operand))
        require(operand);
    return;
  }
  for (Value operand : getReadValues(op))
    if (isReadRepeatedly(op, operand))
      requireWork(operand);
}

/// Puts a value in memory that is read repeatedly, if it takes work to compute.
/// What only moves elements, as padding does, can be done over and over.
void KernelFormer::requireWork(Value value) {
  SetVector<Value> reached;
  reached.insert(lookThroughBarriers(value));
  for (unsigned i = 0; i < reached.size(); ++i) {
    value = reached[i];
    if (getTrivialWork(value) <= kTrivialWork)
      continue;
    Operation *op = value.getDefiningOp();
    if (getWork(op) > 0 || isScalarOp(op))
      require(value);
    else
      for (Value operand : getReadValues(op))
        reached.insert(lookThroughBarriers(operand));
  }
}

/// How many ops read a value, whichever parts of it; those that choose among
/// parts of it, for each part.
static unsigned countReaders(Value value) {
  DenseSet<std::pair<Operation *, unsigned>> readers;
  SmallVector<Value> worklist = {value};
  while (!worklist.empty()) {
    for (OpOperand &use : worklist.pop_back_val().getUses()) {
      Operation *user = use.getOwner();
      if (isReshape(user) || isa<tensor::ExtractSliceOp>(user))
        llvm::append_range(worklist, user->getResults());
      else if (auto barrier = dyn_cast<BarrierOp>(user))
        worklist.push_back(barrier.getOutputs()[use.getOperandNumber()]);
      else
        readers.insert({user, isChoice(user) ? use.getOperandNumber() : 0});
    }
  }
  return readers.size();
}

/// Puts in memory what goes through a barrier, unless what it is computed from
/// takes hardly more: waiting for that is the same. (Codes are much less than
/// what they are computed from.)
void KernelFormer::chooseTied(BarrierOp barrier) {
  for (Value value : barrier.getInputs()) {
    value = lookThroughBarriers(value);
    Operation *op = value.getDefiningOp();
    if (!op || !isLight(op))
      continue;
    const Recipe &recipe = recipes[value];
    // Parameters are kept for others as well.
    int64_t bytes = getByteSize(value.getType()).value_or(0);
    int64_t leafBytes = 0;
    for (Value leaf : recipe.leaves)
      if (int64_t size = getByteSize(leaf.getType()).value_or(0);
          16 * size > bytes)
        leafBytes += size;
    if (4 * leafBytes <= 5 * bytes && recipe.work <= kSharedWork)
      continue;
    require(value);
    Recipe own;
    own.leaves.insert(value);
    recipes[value] = own;
  }
}

int64_t KernelFormer::getLeafBytes(const Recipe &recipe) {
  int64_t bytes = 0;
  for (Value leaf : recipe.leaves)
    bytes += getByteSize(leaf.getType()).value_or(0);
  return bytes;
}

/// Puts results of a light op in memory that several ops read, if reading them
/// takes less than computing them again.
void KernelFormer::chooseShared(Operation *op) {
  // Far more than is ever computed anew, but no overflow.
  constexpr unsigned most = 1U << 16;
  Recipe recipe;
  recipe.work = isReshape(op) ? 0 : getWork(op);
  recipe.choices = isChoice(op);
  for (Value operand : getReadValues(op)) {
    operand = lookThroughBarriers(operand);
    if (isLeaf(operand)) {
      if (isa<RankedTensorType>(operand.getType()))
        recipe.leaves.insert(operand);
      continue;
    }
    const Recipe &other = recipes[operand];
    recipe.leaves.insert_range(other.leaves);
    recipe.work = std::min(recipe.work + other.work, most);
    recipe.choices = std::min(recipe.choices + other.choices, most);
  }
  unsigned size = recipe.work + recipe.choices;

  for (Value result : op->getResults()) {
    bool isTensor = isa<RankedTensorType>(result.getType());
    if (isTensor && !materialised.contains(result) && !isReshape(op)) {
      int64_t leafBytes = getLeafBytes(recipe);
      int64_t bytes = getByteSize(result.getType()).value_or(0);
      bool isShared = countReaders(result) > 1;
      bool isTooMuch = recipe.leaves.size() > kMaxLeaves || size > kMaxWork;
      // Either all of it is read once more by each reader, or the result is.
      bool isExpensive =
          size > kSharedWork || (recipe.work > 0 && 2 * leafBytes > 3 * bytes);
      if (isTooMuch || (isShared && isExpensive && !recipe.leaves.empty()))
        materialised.insert(result);
    }
    if (materialised.contains(result)) {
      Recipe own;
      own.leaves.insert(result);
      recipes[result] = own;
    } else {
      recipes[result] = recipe;
    }
  }
}

void KernelFormer::collectLeaves(Value value, bool isSearch,
                                 const DenseSet<Value> &own, Group &group,
                                 SeenValues &seen) const {
  value = lookThroughBarriers(value);
  if (!seen.insert({value, isSearch}).second)
    return;
  Operation *op = value.getDefiningOp();
  if (!own.contains(value) && isLeaf(value)) {
    group.leaves.insert(value);
    if (isSearch)
      group.searched.insert(value);
    return;
  }
  for (Value operand : getReadValues(op))
    collectLeaves(operand, isSearch || isSearched(op, operand), own, group,
                  seen);
}

/// Finds what is read to compute the roots of a group.
void KernelFormer::collectLeaves(Group &group) const {
  DenseSet<Value> own(group.roots.begin(), group.roots.end());
  SeenValues seen;
  group.leaves.clear();
  for (Value root : group.roots)
    collectLeaves(root, /*isSearch=*/false, own, group, seen);
}

/// The instructions that a thread takes for the roots of a kernel, each counted
/// as often as it is emitted: what is read at one place is computed once, but
/// for other places, and in the branches of choices, it is computed anew.
unsigned KernelFormer::countInstructions(ArrayRef<Value> roots) const {
  DenseSet<Value> own(roots.begin(), roots.end());
  // Places are numbered. One is known by the place of an element, and by what
  // makes of it that of an element which this is computed from.
  DenseMap<std::tuple<unsigned, const void *, const void *>, unsigned> places;
  auto getPlace = [&](unsigned place, const void *from, const void *to) {
    return places.try_emplace({place, from, to}, places.size() + 1)
        .first->second;
  };
  llvm::SetVector<std::pair<Operation *, unsigned>> emitted;
  auto emit = [&](Value value, unsigned place) {
    value = lookThroughBarriers(value);
    bool isScalar = !isa<TensorType>(value.getType());
    if (own.contains(value) || !isLeaf(value))
      emitted.insert({value.getDefiningOp(), isScalar ? 0 : place});
  };
  for (Value root : roots)
    emit(root, 0);
  unsigned count = 0;
  for (unsigned i = 0; i < emitted.size() && count <= kMaxInstructions; ++i) {
    auto [op, place] = emitted[i];
    if (isReshape(op)) {
      emit(op->getOperand(0), place);
      continue;
    }
    count += std::max(getWork(op), 1U);
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    if (!linalgOp) {
      for (OpOperand &operand : op->getOpOperands())
        emit(operand.get(), getPlace(place, &operand, nullptr));
      continue;
    }
    AffineMap to =
        linalgOp.getIndexingMapMatchingResult(cast<OpResult>(op->getResult(0)));
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap from = linalgOp.getMatchingIndexingMap(&operand);
      if (!linalgOp.getMatchingBlockArgument(&operand).use_empty())
        emit(operand.get(), from == to
                                ? place
                                : getPlace(place, from.getAsOpaquePointer(),
                                           to.getAsOpaquePointer()));
    }
    SetVector<Value> gathered;
    getUsedValuesDefinedAbove(op->getRegions(), gathered);
    for (Value value : gathered)
      emit(value, getPlace(place, op, value.getAsOpaquePointer()));
  }
  return count;
}

std::unique_ptr<Group> KernelFormer::createGroup(Value root) {
  auto group = std::make_unique<Group>();
  group->roots.push_back(root);
  collectLeaves(*group);
  group->numInstructions = countInstructions(root);
  group->isAlone = isContractionLike(root.getDefiningOp());
  group->hasReduction = isWorthSharing(root.getDefiningOp());
  group->domain = squeeze(cast<RankedTensorType>(root.getType()).getShape());
  return group;
}

/// The domain of two of which the elements are fewer: that of words, if the
/// other is that of codes.
static ArrayRef<int64_t> getSmaller(ArrayRef<int64_t> lhs,
                                    ArrayRef<int64_t> rhs) {
  return ShapedType::getNumElements(rhs) < ShapedType::getNumElements(lhs)
             ? rhs
             : lhs;
}

/// Whether one kernel can compute both groups, as far as loops and barriers
/// say.
bool KernelFormer::areCompatible(const Group &early, const Group &late) const {
  if (early.isAlone || late.isAlone)
    return false;
  if (early.phase != late.phase && !canWait(early, late) &&
      !canHurry(late, early))
    return false;
  if (early.domain == late.domain)
    return true;
  // Codes, and the words that they are packed to. Threads share reductions of
  // the smaller shape only, and only among themselves.
  auto isPacked = [](const Group &words, const Group &codes) {
    bool readsReduction =
        words.hasReduction && llvm::any_of(words.roots, [&](Value root) {
          return codes.leaves.contains(root);
        });
    return !codes.hasReduction && !readsReduction &&
           llvm::all_of(codes.roots, [&](Value root) {
             auto type = cast<RankedTensorType>(root.getType());
             return getPackedDim(words.domain, squeeze(type.getShape()))
                 .has_value();
           });
  };
  return isPacked(early, late) || isPacked(late, early);
}

/// Whether `value` is a statistic, or a parameter of channels.
bool KernelFormer::isParameter(Value value) const {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return isLittle(value) && (!type || squeeze(type.getShape()).size() <= 1);
}

/// Whether `early` can be put off behind the barriers before `late`: nothing
/// large waits for it, and what it reads is little or lives as long anyway.
bool KernelFormer::canWait(const Group &early, const Group &late) const {
  bool areParameters = true;
  for (Value root : early.roots) {
    areParameters &= isParameter(root);
    if (!isLittle(root))
      return false;
  }
  for (unsigned index = early.index; index < late.index; ++index) {
    const Group &between = *groups[index];
    bool isWaiting = llvm::any_of(
        early.roots, [&](Value root) { return between.leaves.contains(root); });
    if (isWaiting && !llvm::all_of(between.roots,
                                   [&](Value root) { return isLittle(root); }))
      return false;
  }
  return llvm::all_of(early.leaves, [&](Value leaf) {
    return late.leaves.contains(leaf) ||
           (areParameters ? isLittle(leaf) : isParameter(leaf));
  });
}

/// Whether `late` can be done before the barriers that are between: it reads
/// what is there by then, and parameters are all that comes of it.
bool KernelFormer::canHurry(const Group &late, const Group &early) const {
  auto isThere = [&](Value leaf) {
    if (early.leaves.contains(leaf) || llvm::is_contained(early.roots, leaf))
      return true;
    if (!isLittle(leaf))
      return false;
    leaf = lookThroughViews(leaf);
    if (Group *maker = getGroup(leaf))
      return maker->last < early.last;
    Operation *op = leaf.getDefiningOp();
    return !op || op->getBlock() != &block ||
           op->isBeforeInBlock(groups[early.last]->roots[0].getDefiningOp());
  };
  return llvm::all_of(late.roots,
                      [&](Value root) { return isParameter(root); }) &&
         llvm::all_of(late.leaves, isThere);
}

Group *KernelFormer::getGroup(Value value) const {
  Group *group = groupOf.lookup(value);
  while (group && group->mergedInto)
    group = group->mergedInto;
  return group;
}

/// Whether something that reads `early` is read by `late`. All that `late` is
/// computed from is looked at: where groups have been merged, what comes before
/// `early` can read it.
bool KernelFormer::dependsIndirectly(Group &late, Group &early) {
  SmallVector<Group *> worklist;
  DenseSet<Group *> seen;
  DenseSet<Operation *> seenOps;
  // The groups that a value in memory comes from, perhaps through ops that no
  // kernel has.
  std::function<void(Group &, Value)> visitValue = [&](Group &group,
                                                       Value value) {
    value = lookThroughViews(value);
    if (Group *other = getGroup(value)) {
      if (other != &group && seen.insert(other).second)
        worklist.push_back(other);
      return;
    }
    Operation *op = value.getDefiningOp();
    if (op && op->getBlock() == &block && seenOps.insert(op).second)
      for (Value operand : getReadValues(op))
        visitValue(group, operand);
  };
  // What it reads of `early` directly is no reason.
  for (Value leaf : late.leaves)
    if (getGroup(lookThroughViews(leaf)) != &early)
      visitValue(late, leaf);
  while (!worklist.empty()) {
    Group *group = worklist.pop_back_val();
    if (group == &early)
      return true;
    for (Value leaf : group->leaves)
      visitValue(*group, leaf);
  }
  return false;
}

/// Merges two groups, unless that makes too much of one, or `late` reads
/// `early` at so many places that it is computed too often. Returns whether it
/// does.
bool KernelFormer::merge(Group &early, Group &late) {
  SmallVector<Value> roots = early.roots;
  roots.append(late.roots);
  unsigned count = countInstructions(roots);
  if (count > kMaxInstructions ||
      count > early.numInstructions + late.numInstructions + kSharedWork)
    return false;
  early.roots = roots;
  early.numInstructions = count;
  collectLeaves(early);
  early.domain = llvm::to_vector(getSmaller(early.domain, late.domain));
  early.last = std::max(early.last, late.last);
  early.phase = std::max(early.phase, late.phase);
  early.hasReduction |= late.hasReduction;
  late.mergedInto = &early;
  ++numMerged;
  return true;
}

void KernelFormer::analyse() {
  // In the order of the program, what a value is computed from is known.
  for (Operation &op : block)
    llvm::for_each(op.getResults(),
                   [&](Value result) { getTrivialWork(result); });
  for (Operation &op : llvm::reverse(block))
    requireOperands(&op);
  for (Operation &op : block) {
    if (auto barrier = dyn_cast<BarrierOp>(op))
      chooseTied(barrier);
    else if (isLight(&op) || isScalarOp(&op))
      chooseShared(&op);
  }

  unsigned phase = 0;
  for (Operation &op : block) {
    phase += isa<BarrierOp>(op);
    for (Value result : op.getResults()) {
      if (result.use_empty() ||
          !(isReductionOp(&op) || materialised.contains(result)))
        continue;
      std::unique_ptr<Group> group = createGroup(result);
      group->phase = phase;
      group->index = group->last = groups.size();
      groupOf[result] = group.get();
      groups.push_back(std::move(group));
      ++numRoots;
    }
  }

  for (unsigned index = 0; index < groups.size(); ++index) {
    Group *late = groups[index].get();
    unsigned first = index > kMaxDistance ? index - kMaxDistance : 0;
    for (unsigned other = index; other-- > first;) {
      Group &early = *groups[other];
      if (early.mergedInto || !areCompatible(early, *late))
        continue;
      bool isReader = llvm::any_of(
          early.roots, [&](Value root) { return late->leaves.contains(root); });
      bool isSearcher = llvm::any_of(early.roots, [&](Value root) {
        return late->searched.contains(root);
      });
      bool shares = llvm::any_of(late->leaves, [&](Value leaf) {
        return early.leaves.contains(leaf);
      });
      bool areSmall = early.isSmall() && late->isSmall();
      if (isSearcher || (!isReader && !shares && !areSmall))
        continue;
      if (early.roots.size() + late->roots.size() > kMaxLeaves ||
          dependsIndirectly(*late, early))
        continue;
      if (merge(early, *late))
        break;
    }
  }
}

/// Clones `value` and all that it is computed from into the body of a kernel.
Value KernelFormer::build(OpBuilder &builder, Value value,
                          const DenseSet<Value> &own, IRMapping &mapping,
                          SetVector<Value> &inputs, Block &body) {
  Value original = value;
  value = lookThroughBarriers(value);
  if (Value known = mapping.lookupOrNull(value)) {
    mapping.map(original, known);
    return known;
  }
  Value result;
  if (!own.contains(value) && isLeaf(value)) {
    inputs.insert(value);
    result = body.addArgument(value.getType(), value.getLoc());
    mapping.map(value, result);
  } else {
    Operation *op = value.getDefiningOp();
    for (Value operand : getReadValues(op))
      build(builder, operand, own, mapping, inputs, body);
    builder.clone(*op, mapping);
    result = mapping.lookup(value);
  }
  mapping.map(original, result);
  return result;
}

/// Replaces the roots of a group by the results of one kernel, at the place of
/// the last root.
void KernelFormer::createKernel(Group &group) {
  DenseSet<Value> own(group.roots.begin(), group.roots.end());
  llvm::erase_if(group.roots,
                 [&](Value root) { return !readOutside.contains(root); });
  if (group.roots.empty())
    return;
  Operation *last = group.roots.front().getDefiningOp();
  SmallVector<Location> locations;
  for (Value root : group.roots) {
    if (last->isBeforeInBlock(root.getDefiningOp()))
      last = root.getDefiningOp();
    locations.push_back(root.getLoc());
  }
  OpBuilder builder(block.getParentOp()->getContext());
  auto body = std::make_unique<Block>();
  builder.setInsertionPointToEnd(body.get());
  IRMapping mapping;
  SetVector<Value> inputs;
  SmallVector<Value> yielded;
  for (Value root : group.roots)
    yielded.push_back(build(builder, root, own, mapping, inputs, *body));
  Location loc = builder.getFusedLoc(locations);
  YieldOp::create(builder, loc, yielded);

  builder.setInsertionPoint(&block, std::next(last->getIterator()));
  SmallVector<Value> outs;
  SmallVector<Type> types;
  for (Value root : group.roots) {
    auto type = cast<RankedTensorType>(root.getType());
    outs.push_back(tensor::EmptyOp::create(
        builder, root.getLoc(), type.getShape(), type.getElementType()));
    types.push_back(type);
  }
  auto kernel = KernelOp::create(builder, loc, types, getKernelLabel(*body),
                                 inputs.getArrayRef(), outs);
  kernel.getBody().push_back(body.release());
  for (auto [root, result] : llvm::zip_equal(group.roots, kernel.getOutputs()))
    root.replaceUsesWithIf(result, [&](OpOperand &use) {
      return use.getOwner()->getBlock() != &kernel.getBody().front();
    });
  ++numKernels;
}

LogicalResult KernelFormer::rewrite() {
  // In reverse, so that what kernels read is not replaced before it is cloned.
  SmallVector<Group *> live;
  for (std::unique_ptr<Group> &group : groups)
    if (!group->mergedInto)
      live.push_back(group.get());
  // What only its own kernel reads is not written.
  for (Group *group : live)
    for (Value leaf : group->leaves)
      readOutside.insert(lookThroughViews(leaf));
  for (Operation &op : block)
    if (!isLight(&op) && !isScalarOp(&op) && !isReductionOp(&op))
      for (Value value : getReadValues(&op))
        for (Value source : getScalarSources(value))
          readOutside.insert(lookThroughViews(source));
  for (Group *group : llvm::reverse(live))
    createKernel(*group);

  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    if (auto barrier = dyn_cast<BarrierOp>(op)) {
      barrier.replaceAllUsesWith(barrier.getInputs());
      barrier.erase();
    } else if (isOpTriviallyDead(&op)) {
      op.erase();
    }
  }
  if (!sortTopologically(&block))
    return block.getParentOp()->emitError(
        "kernels need the results of each other");
  return success();
}

//===----------------------------------------------------------------------===//
// What is computed in each block that reads it
//===----------------------------------------------------------------------===//

namespace {
/// Brings constants, scalars and what takes little work to compute of these to
/// where they are read.
class Sinker {
public:
  /// Gives each value that a loop starts from, and that takes nothing to make,
  /// to this loop alone, which overwrites it.
  void separateInits(LoopLikeOpInterface loop);
  /// Computes such values in the block that reads them.
  void sinkInto(Block &block);

private:
  bool isCheap(Value value) { return getWorkFromScalars(value) <= kSharedWork; }
  unsigned getWorkFromScalars(Value value);

  DenseMap<Value, unsigned> works;
};
} // namespace

/// The work to compute a value from scalars alone; more than is cheap, if it is
/// computed from others.
unsigned Sinker::getWorkFromScalars(Value value) {
  Operation *op = value.getDefiningOp();
  // What is in memory can be read in any place.
  if (op ? isScalarOp(op) : !isa<TensorType>(value.getType()))
    return 0;
  constexpr unsigned tooMuch = kSharedWork + 1;
  if (!op || !isLightOp(op))
    return tooMuch;
  if (auto it = works.find(value); it != works.end())
    return it->second;
  unsigned work = getWork(op);
  for (Value operand : getReadValues(op)) {
    if (work >= tooMuch)
      break;
    work += getWorkFromScalars(operand);
  }
  return works[value] = std::min(work, tooMuch);
}

void Sinker::separateInits(LoopLikeOpInterface loop) {
  OpBuilder builder(loop);
  for (OpOperand &init : loop.getInitsMutable())
    if (Operation *op = init.get().getDefiningOp();
        op && isCheap(init.get()) && !init.get().hasOneUse())
      init.set(builder.clone(*op)->getResult(
          cast<OpResult>(init.get()).getResultNumber()));
}

void Sinker::sinkInto(Block &block) {
  Region &region = *block.getParent();
  OpBuilder builder = OpBuilder::atBlockBegin(&block);
  IRMapping mapping;
  std::function<void(Value)> clone = [&](Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || mapping.contains(value) || !isCheap(value) ||
        region.isAncestor(op->getParentRegion()))
      return;
    for (Value operand : getReadValues(op))
      clone(operand);
    builder.clone(*op, mapping);
  };
  SetVector<Value> values;
  getUsedValuesDefinedAbove(region, values);
  for (Value value : values) {
    clone(value);
    if (Value clone = mapping.lookupOrNull(value))
      value.replaceUsesWithIf(clone, [&](OpOperand &use) {
        return region.isAncestor(use.getOwner()->getParentRegion());
      });
  }
}

namespace {
struct FormKernels : approx_act::impl::FormKernelsBase<FormKernels> {
  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (func.isDeclaration() || !func.getBody().hasOneBlock())
      return;
    SmallVector<Block *> blocks = getHostBlocks(func.getBody().front());
    Sinker sinker;
    for (Block *block : ArrayRef(blocks).drop_back())
      sinker.sinkInto(*block);
    func.walk([&](LoopLikeOpInterface loop) { sinker.separateInits(loop); });
    // What a loop or a branch reads is in memory before it.
    for (Block *block : blocks)
      if (failed(formKernels(*block)))
        return signalPassFailure();
  }

private:
  LogicalResult formKernels(Block &block) {
    KernelFormer former(block);
    former.analyse();
    numValues += former.numRoots;
    numMerged += former.numMerged;
    LogicalResult result = former.rewrite();
    numKernels += former.numKernels;
    return result;
  }
};
} // namespace
