//===- KernelsToGPU.cpp - Kernels as gpu functions ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "KernelEmitter.h"
#include "KernelWork.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/GPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_CONVERTKERNELSTOGPU
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// What two operands have in common that share memory: what they are views of,
/// and where.
static std::pair<Value, int64_t> getPlace(Value value) {
  int64_t offset = 0;
  while (auto view = value.getDefiningOp<ViewLikeOpInterface>()) {
    if (auto arena = dyn_cast<memref::ViewOp>(*view))
      offset += getConstantIntValue(arena.getByteShift()).value_or(0);
    value = view.getViewSource();
  }
  return {value, offset};
}

/// `value` as a memref of one dimension.
static Value flatten(OpBuilder &builder, Location loc, Value value) {
  auto type = dyn_cast<MemRefType>(value.getType());
  if (!type || type.getRank() == 1)
    return value;
  if (type.getRank() == 0)
    return memref::ExpandShapeOp::create(builder, loc, ArrayRef<int64_t>{1},
                                         value,
                                         ArrayRef<ReassociationIndices>());
  ReassociationIndices all(
      llvm::to_vector<2>(llvm::seq<int64_t>(type.getRank())));
  return memref::CollapseShapeOp::create(builder, loc, value, ArrayRef{all});
}

/// The facts about the pointers of a kernel from which its accesses get their
/// width and their kind.
static void annotateArguments(gpu::GPUFuncOp func, KernelOp kernel) {
  MLIRContext *context = func.getContext();
  Builder builder(context);
  unsigned numInputs = kernel.getInputs().size();
  SmallVector<Value> operands(kernel->getOperands());
  for (auto [index, operand] : llvm::enumerate(operands)) {
    if (!isa<MemRefType>(operand.getType()))
      continue;
    bool isOut = index >= numInputs;
    // Of two that share memory, one may be written through the other.
    bool isShared = false;
    for (auto [other, value] : llvm::enumerate(operands))
      isShared |= other != index && isa<MemRefType>(value.getType()) &&
                  (isOut || other >= numInputs) &&
                  getPlace(value) == getPlace(operand);
    func.setArgAttr(index, LLVM::LLVMDialect::getAlignAttrName(),
                    builder.getI64IntegerAttr(kPointerAlignment));
    if (!isShared)
      func.setArgAttr(index, LLVM::LLVMDialect::getNoAliasAttrName(),
                      builder.getUnitAttr());
    if (!isOut)
      func.setArgAttr(index, LLVM::LLVMDialect::getReadonlyAttrName(),
                      builder.getUnitAttr());
  }
}

/// Whether positions in the tensors that a kernel reads, makes or goes through
/// on the way need more than 32 bits.
static bool hasLargePositions(KernelOp kernel) {
  auto isLarge = [](int64_t size) { return size > INT32_MAX; };
  WalkResult result = kernel.getBody().walk([&](Operation *op) {
    auto hasLargeType = [&](ValueRange values) {
      return llvm::any_of(
          values, [&](Value value) { return isLarge(getNumElements(value)); });
    };
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    bool isFound = hasLargeType(op->getOperands()) ||
                   hasLargeType(op->getResults()) ||
                   (linalgOp && isLarge(getNumCombined(linalgOp)));
    return isFound ? WalkResult::interrupt() : WalkResult::advance();
  });
  return result.wasInterrupted();
}

namespace {
struct ConvertKernelsToGPU
    : approx_act::impl::ConvertKernelsToGPUBase<ConvertKernelsToGPU> {
  using ConvertKernelsToGPUBase::ConvertKernelsToGPUBase;

  void runOnOperation() override;

private:
  void convert(KernelOp kernel, gpu::GPUModuleOp module, StringRef name);
  bool emitBody(gpu::GPUFuncOp func, KernelOp kernel, const KernelWork &work);

  /// What has been made, by label and type.
  DenseMap<std::pair<StringAttr, Type>, SmallVector<gpu::GPUFuncOp>> functions;
};
} // namespace

/// A loop of so many steps. It is not unrolled: its body is long enough.
static scf::ForOp createLoop(OpBuilder &builder, Location loc, int64_t count) {
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value end = arith::ConstantIndexOp::create(builder, loc, count);
  auto loop = scf::ForOp::create(builder, loc, zero, end, one);
  // An unsigned comparison, as all of the arithmetic on positions.
  loop.setUnsignedCmp(true);
  auto unroll = LLVM::LoopUnrollAttr::get(builder.getContext(),
                                          /*disable=*/builder.getBoolAttr(true),
                                          {}, {}, {}, {}, {}, {});
  loop->setAttr(LLVM::LoopAnnotationAttr::getMnemonic(),
                LLVM::LoopAnnotationAttr::get(
                    builder.getContext(), /*disableNonforced=*/{},
                    /*vectorize=*/{}, /*interleave=*/{}, unroll,
                    /*unrollAndJam=*/{}, /*licm=*/{}, /*distribute=*/{},
                    /*pipeline=*/{}, /*peeled=*/{}, /*unswitch=*/{},
                    /*mustProgress=*/{}, /*isVectorized=*/{}, /*startLoc=*/{},
                    /*endLoc=*/{}, /*parallelAccesses=*/{}));
  return loop;
}

/// Moves what is the same in every step out of a loop: arithmetic, and loads of
/// what the kernel does not write.
static void hoistInvariants(scf::ForOp loop, gpu::GPUFuncOp func) {
  auto isConstant = [&](Operation *op) {
    if (!isa<memref::LoadOp, vector::LoadOp>(op))
      return isPure(op);
    auto argument = dyn_cast<BlockArgument>(op->getOperand(0));
    if (!argument || argument.getOwner() != &func.getBody().front())
      return false;
    unsigned number = argument.getArgNumber();
    return number < func.getNumArguments() &&
           func.getArgAttr(number, LLVM::LLVMDialect::getReadonlyAttrName()) &&
           func.getArgAttr(number, LLVM::LLVMDialect::getNoAliasAttrName());
  };
  moveLoopInvariantCode(
      {&loop.getRegion()},
      [&](Value value, Region *) { return loop.isDefinedOutsideOfLoop(value); },
      [&](Operation *op, Region *) { return isConstant(op); },
      [&](Operation *op, Region *) { loop.moveOutOfLoop(op); });
}

/// Emits the elements of a thread and their stores, by those of which
/// `isWriter`, if it is not null, is true.
static void emitElements(KernelEmitter &emitter, AffineExpr linear,
                         gpu::GPUFuncOp func, KernelOp kernel,
                         const KernelWork &work, Value isWriter) {
  struct Element {
    Value value, memory;
    Position position;
    ArrayRef<int64_t> shape;
  };
  SmallVector<Element> elements;
  unsigned numInputs = kernel.getInputs().size();
  if (work.lanes > 1)
    linear = linear + emitter.getSpace().getLane();
  for (auto [index, value] : llvm::enumerate(kernel.getYield().getValues())) {
    Value root = value, memory = func.getArgument(numInputs + index);
    ArrayRef<int64_t> shape = cast<RankedTensorType>(root.getType()).getShape();
    SmallVector<int64_t> squeezed = squeeze(shape);
    auto add = [&](const Position &position) {
      elements.push_back(
          {emitter.compute(root, position), memory, position, shape});
    };
    if (squeezed == work.domain) {
      add(Position::fromLinear(linear));
      continue;
    }
    // All codes of the word.
    unsigned dim = *getPackedDim(work.domain, squeezed);
    int64_t numParts = squeezed[dim] / work.domain[dim];
    SmallVector<AffineExpr> dims =
        emitter.getSpace().getDims(Position::fromLinear(linear), work.domain);
    for (int64_t part = 0; part < numParts; ++part) {
      SmallVector<AffineExpr> all;
      unsigned next = 0;
      for (int64_t extent : shape) {
        if (extent == 1) {
          all.push_back(getAffineConstantExpr(0, func.getContext()));
          continue;
        }
        AffineExpr expr = dims[next];
        if (next++ == dim)
          expr = expr + part * work.domain[dim];
        all.push_back(expr);
      }
      add(Position::fromDims(all));
    }
  }
  // All is read before something is written, which may be in the same place.
  auto store = [&] {
    for (const Element &element : elements)
      emitter.store(element.value, element.memory, element.position,
                    element.shape);
  };
  if (!isWriter)
    return store();
  // What one thread writes, others have read.
  bool isOverwritten =
      llvm::any_of(llvm::seq(func.getNumArguments()), [&](unsigned number) {
        return isa<MemRefType>(func.getArgument(number).getType()) &&
               !func.getArgAttr(number,
                                LLVM::LLVMDialect::getNoAliasAttrName());
      });
  if (isOverwritten)
    emitter.emitBarrier();
  emitter.emitIf(isWriter, store);
}

/// Fills in the function of a kernel. Returns whether it accesses memory in
/// vectors.
bool ConvertKernelsToGPU::emitBody(gpu::GPUFuncOp func, KernelOp kernel,
                                   const KernelWork &work) {
  Location loc = kernel.getLoc();
  OpBuilder builder(func.getContext());
  builder.setInsertionPointToStart(&func.getBody().front());
  builder.setInsertionPoint(gpu::ReturnOp::create(builder, loc));
  Value block = gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x);
  Value thread = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  auto constant = [&](int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  auto isBelow = [&](Value value, int64_t limit) -> Value {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, value,
                                 constant(limit));
  };
  ValueRange inputs = func.getArguments().take_front(kernel.getInputs().size());

  if (work.parts > 1) {
    // All threads go to the end; items beyond the last are the last again.
    int64_t numItems = work.getNumItems();
    int64_t inner = work.arePartsNeighbours ? work.parts : work.group;
    Value high = arith::DivUIOp::create(builder, loc, thread, constant(inner));
    Value low = arith::RemUIOp::create(builder, loc, thread, constant(inner));
    Value part = work.arePartsNeighbours ? low : high;
    Value item = work.arePartsNeighbours ? high : low;
    Value first =
        arith::MulIOp::create(builder, loc, block, constant(work.group));
    Value number = arith::AddIOp::create(builder, loc, first, item);
    Value isWriter = isBelow(part, 1);
    if (numItems % work.group != 0) {
      isWriter = arith::AndIOp::create(builder, loc, isWriter,
                                       isBelow(number, numItems));
      number =
          arith::MinUIOp::create(builder, loc, number, constant(numItems - 1));
    }
    KernelEmitter emitter(builder, loc, kernel.getBody().front(), inputs,
                          work.width);
    BlockShare share;
    share.func = func;
    share.thread = emitter.addIndex(thread, work.getBlockSize());
    share.part = emitter.addIndex(part, work.parts);
    share.item = emitter.addIndex(item, work.group);
    share.numParts = work.parts;
    share.numItems = work.group;
    share.arePartsNeighbours = work.arePartsNeighbours;
    emitter.shareReductions(share);
    emitElements(emitter, emitter.addIndex(number, numItems) * work.lanes, func,
                 kernel, work, isWriter);
    func.walk([&](scf::ForOp loop) { hoistInvariants(loop, func); });
    return emitter.hasVectorAccess();
  }

  int64_t numThreads = work.getNumThreads(), blockThreads = work.getBlockSize();
  Value first =
      arith::MulIOp::create(builder, loc, block, constant(blockThreads));
  Value item = arith::AddIOp::create(builder, loc, first, thread);
  if (numThreads % blockThreads != 0) {
    auto guard = scf::IfOp::create(builder, loc, isBelow(item, numThreads),
                                   /*withElse=*/false);
    builder.setInsertionPointToStart(guard.thenBlock());
  }
  scf::ForOp loop;
  if (work.rows > 1) {
    loop = createLoop(builder, loc, work.rows);
    builder.setInsertionPointToStart(loop.getBody());
  }
  KernelEmitter emitter(builder, loc, kernel.getBody().front(), inputs,
                        work.width);
  AffineExpr linear = emitter.addIndex(item, numThreads) * work.lanes;
  if (loop)
    linear = linear + emitter.addIndex(loop.getInductionVar(), work.rows) *
                          (numThreads * work.lanes);
  emitElements(emitter, linear, func, kernel, work, Value());
  func.walk([&](scf::ForOp inner) { hoistInvariants(inner, func); });
  return emitter.hasVectorAccess();
}

void ConvertKernelsToGPU::convert(KernelOp kernel, gpu::GPUModuleOp module,
                                  StringRef name) {
  Location loc = kernel.getLoc();
  KernelWork work(kernel, blockSize);
  if (work.numElements == 0) {
    kernel.erase();
    return;
  }
  OpBuilder builder(kernel);
  SmallVector<Value> operands;
  for (Value operand : kernel->getOperands())
    operands.push_back(flatten(builder, loc, operand));

  OpBuilder nested = OpBuilder::atBlockEnd(module.getBody());
  auto type = builder.getFunctionType(TypeRange(ValueRange(operands)), {});
  auto func = gpu::GPUFuncOp::create(nested, loc, name, type);
  func->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                builder.getUnitAttr());
  auto threads = static_cast<int32_t>(work.getBlockSize());
  func.setKnownBlockSize(ArrayRef<int32_t>{threads, 1, 1});
  annotateArguments(func, kernel);
  if (work.rows > 1) {
    // What is kept from row to row takes registers, and ptxas would rather have
    // more threads. Those of so few threads are enough for all of it.
    constexpr int32_t enoughThreads = 512;
    func->setAttr(
        NVVM::NVVMDialect::getMinctasmAttrName(),
        builder.getI32IntegerAttr(std::max(enoughThreads / threads, 1)));
  }
  bool isVector = emitBody(func, kernel, work);

  // Layers of one shape share their kernels.
  SmallVector<gpu::GPUFuncOp> &others =
      functions[{kernel.getLabelAttr(), type}];
  auto *same = llvm::find_if(others, [&](gpu::GPUFuncOp other) {
    return other.getAllArgAttrs() == func.getAllArgAttrs() &&
           other.getKnownBlockSizeAttr() == func.getKnownBlockSizeAttr() &&
           OperationEquivalence::isRegionEquivalentTo(
               &other.getBody(), &func.getBody(),
               OperationEquivalence::IgnoreLocations);
  });
  if (same != others.end()) {
    func.erase();
    func = *same;
    ++numShared;
  } else {
    others.push_back(func);
    numVector += isVector;
    ++numKernels;
  }

  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value blocks =
      arith::ConstantIndexOp::create(builder, loc, work.getNumBlocks());
  Value size = arith::ConstantIndexOp::create(builder, loc, threads);
  gpu::LaunchFuncOp::create(builder, loc, func,
                            gpu::KernelDim3{blocks, one, one},
                            gpu::KernelDim3{size, one, one}, Value(), operands);
  kernel.erase();
}

void ConvertKernelsToGPU::runOnOperation() {
  ModuleOp root = getOperation();
  functions.clear();
  if (blockSize < 32 || blockSize > 1024 || blockSize % 32 != 0) {
    root.emitError("block-size must be a multiple of 32 up to 1024, but is ")
        << blockSize.getValue();
    return signalPassFailure();
  }
  SmallVector<KernelOp> kernels;
  bool isLarge = false, isHostFree = true;
  // What no kernel has taken would read the device's memory from the host.
  root.walk([&](Operation *op) {
    bool isOutside = !op->getParentOfType<KernelOp>() &&
                     !op->getParentOfType<gpu::GPUModuleOp>();
    bool accesses = isa<linalg::LinalgOp, memref::LoadOp, memref::StoreOp>(op);
    // What a choice depends on is copied to the host.
    if (auto load = dyn_cast<memref::LoadOp>(op))
      accesses = !load.getMemRef().getDefiningOp<memref::AllocaOp>();
    if (!isOutside || !accesses || op->getParentOfType<linalg::LinalgOp>())
      return;
    op->emitError("has no kernel: its shapes are not static, its "
                  "elements are not integers or floats, or its loops do not "
                  "say which element of a result they make");
    isHostFree = false;
  });
  if (!isHostFree)
    return signalPassFailure();
  WalkResult result = root.walk([&](KernelOp kernel) {
    for (Value operand : kernel->getOperands()) {
      if (isa<TensorType>(operand.getType())) {
        kernel.emitError("expected a kernel on memory, but it has an operand "
                         "of type ")
            << operand.getType() << "; run approx-act-bufferize before";
        return WalkResult::interrupt();
      }
    }
    isLarge |= hasLargePositions(kernel);
    kernels.push_back(kernel);
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return signalPassFailure();
  if (kernels.empty())
    return;

  OpBuilder builder = OpBuilder::atBlockBegin(root.getBody());
  auto module = gpu::GPUModuleOp::create(builder, root.getLoc(), "kernels");
  SymbolTable(root).insert(module);
  root->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                builder.getUnitAttr());
  if (!isLarge) {
    auto entry = DataLayoutEntryAttr::get(builder.getIndexType(),
                                          builder.getI32IntegerAttr(32));
    module->setAttr(DLTIDialect::kDataLayoutAttrName,
                    DataLayoutSpecAttr::get(&getContext(),
                                            DataLayoutEntryInterface(entry)));
  }
  for (auto [index, kernel] : llvm::enumerate(kernels)) {
    std::string name = (kernel.getLabel() + "_" + Twine(index)).str();
    convert(kernel, module, name);
  }
}
