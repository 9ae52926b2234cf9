//===- Entry.cpp - The loop over the threads of a block -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelABI.h"
#include "KernelModule.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/Transforms/Utils/BasicBlockUtils.h"
#include <cstddef>

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

/// Says that no thread needs what another one writes, so that loops over
/// threads can be vectorised. Gives the group that loops name, or null when
/// threads share a local variable once the body is inlined.
static MDNode *markParallel(Function &body) {
  if (any_of(instructions(body), IsaPred<AllocaInst>))
    return nullptr;
  MDNode *group = MDNode::getDistinct(body.getContext(), {});
  for (Instruction &instruction : instructions(body))
    if (instruction.mayReadOrWriteMemory())
      instruction.setMetadata(LLVMContext::MD_access_group, group);
  return group;
}

static void setParallel(Instruction *latch, MDNode *group) {
  LLVMContext &context = latch->getContext();
  MDNode *accesses = MDNode::get(
      context, {MDString::get(context, "llvm.loop.parallel_accesses"), group});
  MDNode *loop = MDNode::getDistinct(context, {nullptr, accesses});
  loop->replaceOperandWith(0, loop);
  latch->setMetadata(LLVMContext::MD_loop, loop);
}

namespace {
/// Builds the function around a body.
class EntryBuilder {
public:
  EntryBuilder(KernelModule &kernel, StringRef name, const Options &options);
  void build();

private:
  Value *loadField(Type *type, size_t offset, const Twine &name);
  SmallVector<Value *> loadArguments();

  KernelModule &kernel;
  const Options &options;
  IRBuilder<> builder;
  Function *entry;
};
} // namespace

EntryBuilder::EntryBuilder(KernelModule &kernel, StringRef name,
                           const Options &options)
    : kernel(kernel), options(options), builder(*kernel.context) {
  SmallVector<Type *> types(2, builder.getPtrTy());
  if (kernel.hasCollectives)
    types.append(3, builder.getInt32Ty());
  entry = Function::Create(FunctionType::get(builder.getVoidTy(), types, false),
                           GlobalValue::ExternalLinkage, name, *kernel.module);
  for (StringRef attribute : {"target-cpu", "target-features"})
    entry->addFnAttr(kernel.kernel->getFnAttribute(attribute));
  builder.SetInsertPoint(BasicBlock::Create(*kernel.context, "entry", entry));
}

Value *EntryBuilder::loadField(Type *type, size_t offset, const Twine &name) {
  return builder.CreateLoad(type,
                            builder.CreateConstInBoundsGEP1_64(
                                builder.getInt8Ty(), entry->getArg(0), offset),
                            name);
}

/// The arguments of the kernel.
SmallVector<Value *> EntryBuilder::loadArguments() {
  SmallVector<Value *> arguments;
  Function &body = *kernel.kernel;
  for (auto [index, isPointer] : enumerate(kernel.isPointer)) {
    Value *address = builder.CreateLoad(
        builder.getPtrTy(), builder.CreateConstInBoundsGEP1_64(
                                builder.getPtrTy(), entry->getArg(1), index));
    // Of a structure the caller has a copy already.
    if (body.hasParamAttribute(index, Attribute::ByVal))
      arguments.push_back(address);
    else
      arguments.push_back(
          builder.CreateLoad(body.getArg(index)->getType(), address));
  }
  return arguments;
}

void EntryBuilder::build() {
  Type *i32 = builder.getInt32Ty();
  Function &body = *kernel.kernel;
  SmallVector<Value *> arguments = loadArguments();
  SmallVector<Value *> threadId(3, builder.getInt32(0));
  unsigned firstThreadId = arguments.size();
  arguments.append(threadId.begin(), threadId.end());
  for (unsigned i = 0; i < 3; ++i)
    arguments.push_back(loadField(
        i32, offsetof(BlockState, blockId) + i * sizeof(uint32_t), "block"));
  for (unsigned i = 0; i < 3; ++i)
    arguments.push_back(loadField(
        i32, offsetof(BlockState, gridDim) + i * sizeof(uint32_t), "grid"));
  arguments.push_back(
      loadField(builder.getPtrTy(), offsetof(BlockState, shared), "shared"));
  arguments.push_back(
      loadField(i32, offsetof(BlockState, dynamicSharedBytes), "dynamic"));

  auto *countersType = ArrayType::get(builder.getInt64Ty(), NumCounters);
  Value *counters = builder.CreateAlloca(countersType);
  builder.CreateStore(Constant::getNullValue(countersType), counters);
  arguments.push_back(counters);

  // Add to the counters of the block.
  Instruction *end = builder.CreateRetVoid();
  builder.SetInsertPoint(end);
  bool hasCounters = options.strict || options.countAccesses;
  Instruction *insertionPoint = end;
  for (unsigned i = 0; hasCounters && i < NumCounters; ++i) {
    Value *source =
        builder.CreateConstInBoundsGEP1_32(builder.getInt64Ty(), counters, i);
    if (insertionPoint == end)
      insertionPoint = cast<Instruction>(
          builder.CreateLoad(builder.getInt64Ty(), source, "count"));
    Value *value = i == 0 ? insertionPoint
                          : builder.CreateLoad(builder.getInt64Ty(), source);
    Value *target = builder.CreateConstInBoundsGEP1_64(
        builder.getInt8Ty(), entry->getArg(0),
        offsetof(BlockState, counters) + i * sizeof(uint64_t));
    Value *old = builder.CreateLoad(builder.getInt64Ty(), target);
    builder.CreateStore(i < MisalignedBy2 ? builder.CreateAdd(old, value)
                                          : builder.CreateOr(old, value),
                        target);
  }

  body.addFnAttr(Attribute::AlwaysInline);
  MDNode *group = nullptr;
  if (!kernel.hasCollectives)
    group = markParallel(body);
  SmallVector<Instruction *> latches;
  for (int dimension : {2, 1, 0}) {
    Value *&id = arguments[firstThreadId + dimension];
    if (kernel.hasCollectives) {
      id = entry->getArg(2 + dimension);
      continue;
    }
    Value *count = builder.getInt32(kernel.block[dimension]);
    auto [first, index] =
        SplitBlockAndInsertSimpleForLoop(count, insertionPoint->getIterator());
    insertionPoint = first;
    builder.SetInsertPoint(insertionPoint);
    id = options.reverseThreads
             ? builder.CreateSub(builder.getInt32(kernel.block[dimension] - 1),
                                 index)
             : index;
    latches.push_back(first->getParent()->getTerminator());
  }
  // The inner loops split the blocks of the outer ones: their terminators are
  // found once all are there.
  builder.SetInsertPoint(insertionPoint);
  CallInst *call = builder.CreateCall(&body, arguments);
  call->setAttributes(AttributeList());
  for (unsigned i = 0; i < kernel.isPointer.size(); ++i)
    if (body.hasParamAttribute(i, Attribute::ByVal))
      call->addParamAttr(i, Attribute::getWithByValType(
                                *kernel.context, body.getParamByValType(i)));
  if (group)
    for (Instruction *latch : latches)
      setParallel(latch, group);
}

void runtime::buildEntry(KernelModule &kernel, StringRef name,
                         const Options &options) {
  EntryBuilder(kernel, name, options).build();
}
