//===- PlanMemory.cpp - One arena for all buffers -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "approx-act/Analysis/Residuals.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/GPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_PLANMEMORY
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

//===----------------------------------------------------------------------===//
// In place
//===----------------------------------------------------------------------===//

/// Whether the only elements of `argument` that element number *i* of `root`
/// depends on is its element number *i*, as far as `root` reads it at all.
static bool readsOnlyOwnElement(Value root, Value argument, bool isSame) {
  if (root == argument)
    return isSame;
  Operation *op = root.getDefiningOp();
  if (!op)
    return true;
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return readsOnlyOwnElement(op->getOperand(0), argument, isSame);
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  bool isElementwise = linalgOp && linalgOp.getNumReductionLoops() == 0;
  auto result = dyn_cast<OpResult>(root);
  for (OpOperand &operand : op->getOpOperands()) {
    bool isOwn = false;
    if (isElementwise) {
      AffineMap from = linalgOp.getMatchingIndexingMap(&operand);
      isOwn = from.isIdentity() &&
              from == linalgOp.getIndexingMapMatchingResult(result);
    }
    if (!readsOnlyOwnElement(operand.get(), argument, isSame && isOwn))
      return false;
  }
  // A gather reads elements in the body of the op.
  bool isGathered = false;
  for (Region &region : op->getRegions())
    region.walk([&](Operation *nested) {
      for (Value value : nested->getOperands())
        isGathered |= isa<RankedTensorType>(value.getType());
    });
  return !isGathered;
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
  return llvm::all_of(kernel.getYield().getValues(), [&](Value value) {
    auto other = cast<RankedTensorType>(value.getType());
    return other.getShape() == rootType.getShape() &&
           readsOnlyOwnElement(value, argument, true);
  });
}

//===----------------------------------------------------------------------===//
// The plan
//===----------------------------------------------------------------------===//

namespace {
/// Memory, and all the values that are in it.
struct Buffer {
  SmallVector<memref::AllocOp> allocs;
  MemRefType type;
  int64_t bytes = 0;
  /// The first and the last op that uses it.
  unsigned first = 0, last = 0;
  int64_t offset = 0;

  bool meets(const Buffer &other) const {
    return first <= other.last && other.first <= last;
  }
};

class MemoryPlan {
public:
  MemoryPlan(Block &block, int64_t alignment);

  /// Lets results take the memory of operands; returns how many do.
  unsigned mergeInPlace();
  void assignOffsets();
  void print(raw_ostream &os) const;

  int64_t getPeak() const { return peak; }
  int64_t getLowerBound() const;
  ArrayRef<Buffer> getBuffers() const { return buffers; }

private:
  Block &block;
  int64_t alignment, peak = 0;
  SmallVector<Buffer> buffers;
  DenseMap<Operation *, unsigned> positions;
  /// The buffer of each alloc.
  DenseMap<Operation *, unsigned> bufferOf;
};
} // namespace

/// The memory that a value is a view of.
static Value getBase(Value value) {
  while (auto view = value.getDefiningOp<ViewLikeOpInterface>())
    value = view.getViewSource();
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

MemoryPlan::MemoryPlan(Block &block, int64_t alignment)
    : block(block), alignment(alignment) {
  for (auto [index, op] : llvm::enumerate(block))
    positions[&op] = index;
  for (auto alloc : block.getOps<memref::AllocOp>()) {
    if (!isPlannable(alloc))
      continue;
    Buffer buffer;
    buffer.allocs.push_back(alloc);
    buffer.type = alloc.getType();
    buffer.bytes = getStorageBytes(buffer.type);
    buffer.first = std::numeric_limits<unsigned>::max();
    SmallVector<Value> worklist = {alloc.getResult()};
    while (!worklist.empty()) {
      for (Operation *user : worklist.pop_back_val().getUsers()) {
        if (isa<ViewLikeOpInterface>(user)) {
          llvm::append_range(worklist, user->getResults());
          continue;
        }
        Operation *op = block.findAncestorOpInBlock(*user);
        unsigned position = positions.lookup(op);
        buffer.first = std::min(buffer.first, position);
        buffer.last = std::max(buffer.last, position);
      }
    }
    if (buffer.first > buffer.last)
      buffer.first = buffer.last = positions.lookup(alloc);
    bufferOf[alloc] = buffers.size();
    buffers.push_back(buffer);
  }
}

unsigned MemoryPlan::mergeInPlace() {
  unsigned numMerged = 0;
  auto lookup = [&](Value value) -> Buffer * {
    auto alloc = getBase(value).getDefiningOp<memref::AllocOp>();
    auto it = alloc ? bufferOf.find(alloc) : bufferOf.end();
    return it == bufferOf.end() ? nullptr : &buffers[it->second];
  };
  for (auto kernel : block.getOps<KernelOp>()) {
    unsigned position = positions.lookup(kernel);
    SmallVector<unsigned> taken;
    for (unsigned out = 0; out < kernel.getOuts().size(); ++out) {
      Buffer *target = lookup(kernel.getOuts()[out]);
      if (!target || target->first != position)
        continue;
      for (unsigned input = 0; input < kernel.getInputs().size(); ++input) {
        if (!isa<MemRefType>(kernel.getInputs()[input].getType()))
          continue;
        Buffer *source = lookup(kernel.getInputs()[input]);
        bool isDead = source && source != target && source->last == position &&
                      source->bytes == target->bytes;
        bool isReadTwice =
            source && llvm::count_if(kernel.getInputs(), [&](Value value) {
                        return isa<MemRefType>(value.getType()) &&
                               lookup(value) == source;
                      }) > 1;
        if (!isDead || isReadTwice || llvm::is_contained(taken, input) ||
            !canOverwrite(kernel, out, input))
          continue;
        // The operand's buffer goes on living as the result's.
        source->last = target->last;
        for (memref::AllocOp alloc : target->allocs) {
          source->allocs.push_back(alloc);
          bufferOf[alloc] = source - buffers.data();
        }
        target->allocs.clear();
        taken.push_back(input);
        ++numMerged;
        break;
      }
    }
  }
  llvm::erase_if(buffers,
                 [](const Buffer &buffer) { return buffer.allocs.empty(); });
  return numMerged;
}

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
  SmallVector<int64_t> changes(positions.size() + 1, 0);
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

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct PlanMemory : approx_act::impl::PlanMemoryBase<PlanMemory> {
  using PlanMemoryBase::PlanMemoryBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (alignment < 1 || !llvm::isPowerOf2_64(alignment)) {
      func.emitError("alignment must be a power of 2, but is ")
          << alignment.getValue();
      return signalPassFailure();
    }
    if (func.isDeclaration() || !func.getBody().hasOneBlock())
      return;
    Block &block = func.getBody().front();
    MemoryPlan plan(block, alignment);
    if (inPlace)
      numInPlace += plan.mergeInPlace();
    plan.assignOffsets();
    numBuffers += plan.getBuffers().size();
    peakBytes += plan.getPeak();
    boundBytes += plan.getLowerBound();
    if (print)
      plan.print(llvm::errs());
    remark::analysis(func.getLoc(), remark::RemarkOpts::name("memory-plan")
                                        .category("approx-act")
                                        .function(func.getName()))
        << remark::metric("buffers", static_cast<int>(plan.getBuffers().size()))
        << remark::metric("peak_bytes", std::to_string(plan.getPeak()))
        << remark::metric("lower_bound_bytes",
                          std::to_string(plan.getLowerBound()));
    rewrite(block, plan);
  }

private:
  static void rewrite(Block &block, const MemoryPlan &plan);
};
} // namespace

void PlanMemory::rewrite(Block &block, const MemoryPlan &plan) {
  OpBuilder builder(block.getParentOp()->getContext());
  for (auto copy : llvm::make_early_inc_range(block.getOps<memref::CopyOp>())) {
    builder.setInsertionPoint(copy);
    gpu::MemcpyOp::create(builder, copy.getLoc(), TypeRange(), ValueRange(),
                          copy.getTarget(), copy.getSource());
    copy.erase();
  }
  if (plan.getBuffers().empty())
    return;

  Location loc = block.getParentOp()->getLoc();
  builder.setInsertionPointToStart(&block);
  auto arenaType = MemRefType::get(plan.getPeak(), builder.getI8Type());
  Value arena = gpu::AllocOp::create(builder, loc, arenaType, Type(),
                                     ValueRange(), ValueRange(), ValueRange())
                    .getMemref();
  for (const Buffer &buffer : plan.getBuffers()) {
    for (memref::AllocOp alloc : buffer.allocs) {
      builder.setInsertionPoint(alloc);
      Value offset = arith::ConstantIndexOp::create(builder, alloc.getLoc(),
                                                    buffer.offset);
      Value view =
          memref::ViewOp::create(builder, alloc.getLoc(), alloc.getType(),
                                 arena, offset, ValueRange());
      alloc.replaceAllUsesWith(view);
      alloc.erase();
    }
  }
  builder.setInsertionPoint(block.getTerminator());
  gpu::DeallocOp::create(builder, loc, TypeRange(), ValueRange(), arena);
}
