//===- MemoryPlan.cpp - Lifetimes and places of buffers -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemoryPlan.h"
#include "KernelBody.h"
#include "approx-act/Analysis/Residuals.h"
#include "approx-act/Dialect/StableHLO/Loops.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::approx_act;

//===----------------------------------------------------------------------===//
// In place
//===----------------------------------------------------------------------===//

/// `map` without the dimensions of size 1, which are at 0.
static SmallVector<AffineExpr> squeeze(AffineMap map, ArrayRef<int64_t> loops) {
  SmallVector<AffineExpr> results;
  for (AffineExpr result : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(result);
    if (!(dim && loops[dim.getPosition()] == 1) &&
        result != getAffineConstantExpr(0, map.getContext()))
      results.push_back(result);
  }
  return results;
}

/// Whether the only elements of `argument` that elements number *i* of `roots`
/// depend on is its element number *i*, as far as they depend on it at all.
static bool readOnlyOwnElement(ValueRange roots, Value argument) {
  // Values that the roots are computed from, and whether from the element of
  // the same number. Each is visited once, however many ways lead to it.
  llvm::SetVector<std::pair<Value, unsigned>> reached;
  for (Value root : roots)
    reached.insert({root, true});
  for (unsigned i = 0; i < reached.size(); ++i) {
    auto [value, isSame] = reached[i];
    if (value == argument && !isSame)
      return false;
    Operation *op = value.getDefiningOp();
    if (!op)
      continue;
    if (isReshape(op)) {
      reached.insert({op->getOperand(0), isSame});
      continue;
    }
    // Of tensors that it reads in its body, as a gather does, any element.
    for (Region &region : op->getRegions())
      region.walk([&](Operation *nested) {
        for (Value operand : nested->getOperands())
          if (isa<RankedTensorType>(operand.getType()))
            reached.insert({operand, false});
      });
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    bool isElementwise = linalgOp && linalgOp.getNumReductionLoops() == 0;
    SmallVector<int64_t> loops;
    if (isElementwise)
      loops = linalgOp.getStaticLoopRanges();
    for (OpOperand &operand : op->getOpOperands()) {
      bool isOwn = false;
      if (isElementwise) {
        AffineMap from = linalgOp.getMatchingIndexingMap(&operand);
        AffineMap to =
            linalgOp.getIndexingMapMatchingResult(cast<OpResult>(value));
        isOwn = to.isIdentity() && squeeze(from, loops) == squeeze(to, loops);
      }
      reached.insert({operand.get(), isSame && isOwn});
    }
  }
  return true;
}

/// Whether out number `out` of a kernel may be in the memory of its input
/// number `input`.
static bool canOverwrite(KernelOp kernel, unsigned out, unsigned input) {
  Value argument = kernel.getBody().getArgument(input);
  Value root = kernel.getYield().getValues()[out];
  auto type = dyn_cast<RankedTensorType>(argument.getType());
  auto rootType = cast<RankedTensorType>(root.getType());
  if (!type || type.getNumElements() != rootType.getNumElements() ||
      getByteSize(type) != getByteSize(rootType))
    return false;
  // Results of other shapes are computed by other threads.
  auto isOfShape = [&](Value value) {
    auto other = cast<RankedTensorType>(value.getType());
    return squeeze(other.getShape()) == squeeze(rootType.getShape());
  };
  OperandRange roots = kernel.getYield().getValues();
  return llvm::all_of(roots, isOfShape) && readOnlyOwnElement(roots, argument);
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

/// The memory that a value is a view of.
static Value getBase(Value value) {
  while (auto view = value.getDefiningOp<ViewLikeOpInterface>())
    value = view.getViewSource();
  return value;
}

/// The memory of which a value is all, in another shape.
static Value lookThroughReshapes(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<memref::ExpandShapeOp, memref::CollapseShapeOp, memref::CastOp>(
            op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

static bool isPlannable(memref::AllocOp alloc) {
  return alloc.getType().hasStaticShape() &&
         alloc.getType().getLayout().isIdentity();
}

/// Bytes in memory: codes narrower than a byte take one each.
static int64_t getStorageBytes(MemRefType type) {
  int64_t bits = type.getElementTypeBitWidth();
  return type.getNumElements() * llvm::divideCeil(bits, 8);
}

std::optional<StackElement> StackElement::match(memref::SubViewOp view) {
  ArrayRef<int64_t> shape = view.getSourceType().getShape();
  if (!isStackElement(view, shape) ||
      !view.getSourceType().getLayout().isIdentity())
    return std::nullopt;
  StackElement element;
  element.stack = view.getSource();
  element.index = view.getMixedOffsets().front();
  element.bytes = getStorageBytes(view.getSourceType()) / shape.front();
  return element;
}

void MemoryPlan::number(Block &block) {
  for (Operation &op : block) {
    unsigned begin = now++;
    if (isa<scf::SCFDialect>(op.getDialect()))
      for (Region &region : op.getRegions())
        for (Block &nested : region)
          number(nested);
    times[&op] = {begin, now - 1};
    if (auto copy = dyn_cast<memref::CopyOp>(op))
      copies.push_back(copy);
    else if (auto kernel = dyn_cast<KernelOp>(op))
      kernels.push_back(kernel);
    auto alloc = dyn_cast<memref::AllocOp>(op);
    if (alloc && isPlannable(alloc))
      addBuffer(alloc);
  }
}

void MemoryPlan::addBuffer(memref::AllocOp alloc) {
  Buffer buffer;
  buffer.aliases.push_back({alloc, std::nullopt});
  buffer.type = alloc.getType();
  buffer.bytes = getStorageBytes(buffer.type);
  SmallVector<Value> worklist = {alloc.getResult()};
  while (!worklist.empty()) {
    for (Operation *user : worklist.pop_back_val().getUsers()) {
      if (isa<ViewLikeOpInterface>(user))
        llvm::append_range(worklist, user->getResults());
      else
        buffer.accesses.push_back(user);
    }
  }
  bufferOf[alloc] = buffers.size();
  buffers.push_back(buffer);
}

std::optional<std::pair<unsigned, unsigned>>
MemoryPlan::getTime(Operation *op, Block &scope) const {
  Operation *ancestor = scope.findAncestorOpInBlock(*op);
  if (!ancestor)
    return std::nullopt;
  return times.lookup(ancestor);
}

MemoryPlan::MemoryPlan(Block &block, int64_t alignment) : alignment(alignment) {
  number(block);
  for (Buffer &buffer : buffers) {
    memref::AllocOp alloc = buffer.aliases.front().alloc;
    buffer.first = std::numeric_limits<unsigned>::max();
    for (Operation *access : buffer.accesses) {
      auto [begin, end] = *getTime(access, *alloc->getBlock());
      buffer.first = std::min(buffer.first, begin);
      buffer.last = std::max(buffer.last, end);
    }
    if (buffer.accesses.empty())
      buffer.first = buffer.last = times.lookup(alloc).first;
  }
}

Buffer *MemoryPlan::lookup(Value value) {
  auto alloc = getBase(value).getDefiningOp<memref::AllocOp>();
  auto it = alloc ? bufferOf.find(alloc) : bufferOf.end();
  return it == bufferOf.end() ? nullptr : &buffers[it->second];
}

void MemoryPlan::moveAliases(Buffer &from, Buffer &to,
                             const std::optional<StackElement> &element) {
  for (Alias &alias : from.aliases) {
    if (element)
      alias.element = element;
    to.aliases.push_back(alias);
    bufferOf[alias.alloc] = &to - buffers.data();
  }
  to.accesses.append(from.accesses);
  from.aliases.clear();
}

void MemoryPlan::dropEmpty() {
  llvm::erase_if(buffers,
                 [](const Buffer &buffer) { return buffer.aliases.empty(); });
  for (auto [index, buffer] : llvm::enumerate(buffers))
    for (const Alias &alias : buffer.aliases)
      bufferOf[alias.alloc] = index;
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// Whether `op` may write what is in `isIn`.
static bool writes(Operation *op, function_ref<bool(Value)> isIn) {
  if (auto copy = dyn_cast<memref::CopyOp>(op))
    return isIn(copy.getTarget());
  auto writer = dyn_cast<DestinationStyleOpInterface>(op);
  return !writer || llvm::any_of(writer.getDpsInits(), isIn);
}

unsigned MemoryPlan::countOperands(KernelOp kernel, const Buffer &buffer) {
  return llvm::count_if(kernel->getOperands(),
                        [&](Value value) { return lookup(value) == &buffer; });
}

/// Whether `target` is free while `source`, which `copy` copies there, lives.
/// The kernel that computes `source` may read of `target` what it overwrites.
bool MemoryPlan::isFreeForResult(const Buffer &target, const Buffer &source,
                                 memref::CopyOp copy) {
  auto isTarget = [&](Value value) {
    return lookThroughReshapes(value).getDefiningOp<memref::AllocOp>() &&
           lookup(value) == &target;
  };
  for (Operation *access : target.accesses) {
    auto time = getTime(access, *copy->getBlock());
    if (access == copy || !time || time->second < source.first ||
        time->first > source.last)
      continue;
    auto kernel = dyn_cast<KernelOp>(access);
    if (!kernel || time->first != source.first ||
        countOperands(kernel, target) != 1)
      return false;
    auto input = llvm::find_if(kernel.getInputs(), isTarget);
    auto out = llvm::find_if(kernel.getOuts(), [&](Value value) {
      return getBase(value) == getBase(copy.getSource());
    });
    if (input == kernel.getInputs().end() || out == kernel.getOuts().end() ||
        !canOverwrite(kernel, out - kernel.getOuts().begin(),
                      input - kernel.getInputs().begin()))
      return false;
  }
  return true;
}

/// Lets the source of a copy be the target of it, or the element of a stack
/// that the target is.
bool MemoryPlan::mergeCopy(memref::CopyOp copy) {
  Value from = lookThroughReshapes(copy.getSource());
  Value to = lookThroughReshapes(copy.getTarget());
  Buffer *source = lookup(from), *target = lookup(to);
  if (!source || !target || source == target || source->aliases.size() != 1 ||
      source->aliases.front().alloc.getResult() != from)
    return false;
  memref::AllocOp alloc = source->aliases.front().alloc;
  std::optional<StackElement> element;
  if (auto view = to.getDefiningOp<memref::SubViewOp>()) {
    element = StackElement::match(view);
    // Kernels take it that what they are given is aligned.
    if (!element || element->bytes % kPointerAlignment != 0)
      return false;
    to = lookThroughReshapes(element->stack);
  }
  if (!to.getDefiningOp<memref::AllocOp>() ||
      source->bytes != (element ? element->bytes : target->bytes))
    return false;
  // What is copied is written once, and not in a loop of its own.
  unsigned numWrites = 0;
  for (Operation *access : source->accesses) {
    if (access->getBlock() != alloc->getBlock())
      return false;
    numWrites +=
        writes(access, [&](Value value) { return getBase(value) == from; });
  }
  if (numWrites != 1 || copy->getBlock() != alloc->getBlock() ||
      !isFreeForResult(*target, *source, copy))
    return false;
  // The place has to be known when the element is computed.
  if (auto index = element ? dyn_cast<Value>(element->index) : Value()) {
    IRRewriter rewriter(alloc.getContext());
    if (failed(moveValueDefinitions(rewriter, index, alloc)))
      return false;
  }
  // Buffers of one block live as long as both did.
  if (target->aliases.front().alloc->getBlock() == alloc->getBlock()) {
    target->first = std::min(target->first, source->first);
    target->last = std::max(target->last, source->last);
  }
  moveAliases(*source, *target, element);
  llvm::erase(target->accesses, copy);
  copy.erase();
  return true;
}

unsigned MemoryPlan::mergeCopies() {
  unsigned numMerged = 0;
  for (memref::CopyOp copy : copies)
    numMerged += mergeCopy(copy);
  dropEmpty();
  return numMerged;
}

//===----------------------------------------------------------------------===//
// Kernels in place
//===----------------------------------------------------------------------===//

unsigned MemoryPlan::mergeInPlace() {
  unsigned numMerged = 0;
  for (KernelOp kernel : kernels) {
    unsigned position = times.lookup(kernel).first;
    SmallVector<unsigned> taken;
    for (unsigned out = 0; out < kernel.getOuts().size(); ++out) {
      Buffer *target = lookup(kernel.getOuts()[out]);
      if (!target || target->first != position)
        continue;
      for (unsigned input = 0; input < kernel.getInputs().size(); ++input) {
        Buffer *source = lookup(kernel.getInputs()[input]);
        bool isDead = source && source != target && source->last == position &&
                      source->bytes == target->bytes;
        if (!isDead || countOperands(kernel, *source) != 1 ||
            llvm::is_contained(taken, input) ||
            !canOverwrite(kernel, out, input))
          continue;
        // The operand's buffer goes on living as the result's.
        source->last = target->last;
        moveAliases(*target, *source);
        taken.push_back(input);
        ++numMerged;
        break;
      }
    }
  }
  dropEmpty();
  return numMerged;
}

//===----------------------------------------------------------------------===//
// Offsets
//===----------------------------------------------------------------------===//

void MemoryPlan::assignOffsets() {
  // Large buffers first, each as low as those placed before leave room.
  SmallVector<Buffer *> order = llvm::to_vector(
      llvm::map_range(buffers, [](Buffer &buffer) { return &buffer; }));
  llvm::sort(order, [](const Buffer *lhs, const Buffer *rhs) {
    // Of equal size, in the order of the program.
    return std::pair(-lhs->bytes, lhs) < std::pair(-rhs->bytes, rhs);
  });
  SmallVector<Buffer *> placed;
  for (Buffer *buffer : order) {
    int64_t offset = 0;
    // Sorted by offset, so that the first gap that is wide enough is the
    // lowest.
    for (Buffer *other : placed) {
      if (!buffer->meets(*other))
        continue;
      if (offset + buffer->bytes <= other->offset)
        break;
      offset = std::max(offset, static_cast<int64_t>(llvm::alignTo(
                                    other->offset + other->bytes, alignment)));
    }
    buffer->offset = offset;
    peak = std::max(peak, offset + buffer->bytes);
    auto *place = llvm::upper_bound(placed, buffer,
                                    [](const Buffer *lhs, const Buffer *rhs) {
                                      return lhs->offset < rhs->offset;
                                    });
    placed.insert(place, buffer);
  }
}

int64_t MemoryPlan::getLowerBound() const {
  SmallVector<int64_t> changes(now + 1, 0);
  for (const Buffer &buffer : buffers) {
    changes[buffer.first] += buffer.bytes;
    changes[buffer.last + 1] -= buffer.bytes;
  }
  int64_t live = 0, bound = 0;
  for (int64_t change : changes)
    bound = std::max(bound, live += change);
  return bound;
}

void MemoryPlan::print(raw_ostream &os) const {
  os << "buffer,type,bytes,offset,first,last\n";
  for (auto [index, buffer] : llvm::enumerate(buffers)) {
    std::string type;
    llvm::raw_string_ostream(type) << buffer.type;
    os << index << "," << type << "," << buffer.bytes << "," << buffer.offset
       << "," << buffer.first << "," << buffer.last << "\n";
  }
  os << "# peak " << peak << " bytes, lower bound " << getLowerBound()
     << " bytes\n";
}
