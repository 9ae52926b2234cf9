//===- Instrument.cpp - Counts bytes and checks alignments ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Sums in memory that no other code sees: once the body is inlined they are
/// registers, and loops over threads can still be vectorised.
///
//===----------------------------------------------------------------------===//

#include "KernelABI.h"
#include "KernelModule.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Operator.h"

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

namespace {
/// One access of memory by a kernel.
struct MemoryAccess {
  Instruction *instruction;
  Value *pointer;
  Value *bytes;
  Align alignment;
  bool isLoad;
  bool isStore;
};
} // namespace

/// The bytes of the elements that a mask lets through, computed before `call`.
static Value *getMaskedBytes(IntrinsicInst *call, Type *type, Value *mask) {
  IRBuilder<> builder(call);
  auto *vector = cast<FixedVectorType>(type);
  Value *bits =
      builder.CreateBitCast(mask, builder.getIntNTy(vector->getNumElements()));
  Value *count = builder.CreateUnaryIntrinsic(Intrinsic::ctpop, bits);
  TypeSize elementBytes =
      call->getDataLayout().getTypeStoreSize(vector->getElementType());
  return builder.CreateMul(
      builder.CreateZExtOrTrunc(count, builder.getInt64Ty()),
      builder.getInt64(elementBytes));
}

/// Adds the accesses of an instruction to `accesses`.
static void collectAccesses(Instruction &instruction,
                            SmallVectorImpl<MemoryAccess> &accesses) {
  const DataLayout &layout = instruction.getDataLayout();
  Type *i64 = Type::getInt64Ty(instruction.getContext());
  auto getBytes = [&](Type *type) {
    return ConstantInt::get(i64, layout.getTypeStoreSize(type));
  };
  if (auto *load = dyn_cast<LoadInst>(&instruction)) {
    accesses.push_back({load, load->getPointerOperand(),
                        getBytes(load->getType()), load->getAlign(), true,
                        false});
  } else if (auto *store = dyn_cast<StoreInst>(&instruction)) {
    accesses.push_back({store, store->getPointerOperand(),
                        getBytes(store->getValueOperand()->getType()),
                        store->getAlign(), false, true});
  } else if (auto *atomic = dyn_cast<AtomicRMWInst>(&instruction)) {
    accesses.push_back({atomic, atomic->getPointerOperand(),
                        getBytes(atomic->getType()), atomic->getAlign(), true,
                        true});
  } else if (auto *exchange = dyn_cast<AtomicCmpXchgInst>(&instruction)) {
    accesses.push_back({exchange, exchange->getPointerOperand(),
                        getBytes(exchange->getNewValOperand()->getType()),
                        exchange->getAlign(), true, true});
  } else if (auto *memory = dyn_cast<MemIntrinsic>(&instruction)) {
    accesses.push_back({memory, memory->getRawDest(), memory->getLength(),
                        memory->getDestAlign().valueOrOne(), false, true});
    if (auto *transfer = dyn_cast<MemTransferInst>(memory))
      accesses.push_back(
          {transfer, transfer->getRawSource(), transfer->getLength(),
           transfer->getSourceAlign().valueOrOne(), true, false});
  } else if (auto *call = dyn_cast<IntrinsicInst>(&instruction)) {
    if (call->getIntrinsicID() == Intrinsic::masked_load)
      accesses.push_back(
          {call, call->getArgOperand(0),
           getMaskedBytes(call, call->getType(), call->getArgOperand(1)),
           call->getParamAlign(0).valueOrOne(), true, false});
    else if (call->getIntrinsicID() == Intrinsic::masked_store)
      accesses.push_back(
          {call, call->getArgOperand(1),
           getMaskedBytes(call, call->getArgOperand(0)->getType(),
                          call->getArgOperand(2)),
           call->getParamAlign(1).valueOrOne(), false, true});
  }
}

/// Whether the pointer is to memory that one thread or block has for itself.
static bool isLocalOrShared(Function &body, const Value *pointer) {
  const Value *object = getUnderlyingObject(pointer, /*MaxLookup=*/0);
  return isa<AllocaInst>(object) ||
         object == getBodyArgument(body, BodyArgument::Shared) ||
         object->getType()->getPointerAddressSpace() == sharedAddressSpace;
}

void runtime::instrument(KernelModule &kernel, const Options &options) {
  if (!options.strict && !options.countAccesses)
    return;
  Function &body = *kernel.kernel;
  SmallVector<MemoryAccess> accesses;
  for (Instruction &instruction : make_early_inc_range(instructions(body)))
    collectAccesses(instruction, accesses);

  Argument *counters = getBodyArgument(body, BodyArgument::Counters);
  IRBuilder<> builder(*kernel.context);
  auto update = [&](unsigned counter, Instruction::BinaryOps op, Value *value) {
    Value *address = builder.CreateConstInBoundsGEP1_32(builder.getInt64Ty(),
                                                        counters, counter);
    Value *old = builder.CreateLoad(builder.getInt64Ty(), address);
    builder.CreateStore(builder.CreateBinOp(op, old, value), address);
  };
  for (const MemoryAccess &access : accesses) {
    builder.SetInsertPoint(access.instruction);
    bool isGlobal = !isLocalOrShared(body, access.pointer);
    if (options.countAccesses && isGlobal) {
      Value *bytes =
          builder.CreateZExtOrTrunc(access.bytes, builder.getInt64Ty());
      if (access.isLoad)
        update(BytesLoaded, Instruction::Add, bytes);
      if (access.isStore)
        update(BytesStored, Instruction::Add, bytes);
    }
    unsigned logAlignment = Log2(access.alignment);
    if (options.strict && logAlignment > 0) {
      unsigned counter =
          std::min<unsigned>(MisalignedBy2 + logAlignment - 1, MisalignedBy32);
      Value *address =
          builder.CreatePtrToInt(access.pointer, builder.getInt64Ty());
      update(counter, Instruction::Or,
             builder.CreateAnd(address, access.alignment.value() - 1));
    }
    if (!options.strict)
      continue;
    // The check reports what is misaligned; the access itself must not trap.
    if (auto *load = dyn_cast<LoadInst>(access.instruction);
        load && !load->isAtomic())
      load->setAlignment(Align(1));
    else if (auto *store = dyn_cast<StoreInst>(access.instruction);
             store && !store->isAtomic())
      store->setAlignment(Align(1));
  }
}
