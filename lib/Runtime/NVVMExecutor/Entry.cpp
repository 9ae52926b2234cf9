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
  void addKernelArguments();
  void addBodyArguments();
  SmallVector<Instruction *> buildLoops();
  void addCounters();

  KernelModule &kernel;
  Function &body;
  const Options &options;
  IRBuilder<> builder;
  Function *entry;
  /// What the body is called with; the ids of threads follow those of the
  /// kernel.
  SmallVector<Value *> arguments;
  /// Numbers of one block.
  Value *counters = nullptr;
};
} // namespace

EntryBuilder::EntryBuilder(KernelModule &kernel, StringRef name,
                           const Options &options)
    : kernel(kernel), body(*kernel.kernel), options(options),
      builder(*kernel.context) {
  SmallVector<Type *> types(2, builder.getPtrTy());
  if (kernel.hasCollectives)
    types.append(3, builder.getInt32Ty());
  entry = Function::Create(FunctionType::get(builder.getVoidTy(), types, false),
                           GlobalValue::ExternalLinkage, name, *kernel.module);
  for (StringRef attribute : {"target-cpu", "target-features"})
    entry->addFnAttr(body.getFnAttribute(attribute));
  builder.SetInsertPoint(BasicBlock::Create(*kernel.context, "entry", entry));
}

Value *EntryBuilder::loadField(Type *type, size_t offset, const Twine &name) {
  return builder.CreateLoad(type,
                            builder.CreateConstInBoundsGEP1_64(
                                builder.getInt8Ty(), entry->getArg(0), offset),
                            name);
}

void EntryBuilder::addKernelArguments() {
  for (unsigned index = 0; index < kernel.isPointer.size(); ++index) {
    Value *address = builder.CreateLoad(
        builder.getPtrTy(), builder.CreateConstInBoundsGEP1_64(
                                builder.getPtrTy(), entry->getArg(1), index));
    // The body makes the copy of a structure itself.
    if (body.hasParamAttribute(index, Attribute::ByVal))
      arguments.push_back(address);
    else
      arguments.push_back(
          builder.CreateLoad(body.getArg(index)->getType(), address));
  }
}

/// Adds the arguments of `BodyArgument` in their order, thread 0 for now.
void EntryBuilder::addBodyArguments() {
  Type *i32 = builder.getInt32Ty();
  arguments.append(3, builder.getInt32(0));
  for (size_t offset :
       {offsetof(BlockState, blockId), offsetof(BlockState, gridDim)})
    for (unsigned i = 0; i < 3; ++i)
      arguments.push_back(
          loadField(i32, offset + i * sizeof(uint32_t), "sizes"));
  arguments.push_back(
      loadField(builder.getPtrTy(), offsetof(BlockState, shared), "shared"));
  arguments.push_back(
      loadField(i32, offsetof(BlockState, dynamicSharedBytes), "dynamic"));
  auto *countersType = ArrayType::get(builder.getInt64Ty(), NumCounters);
  counters = builder.CreateAlloca(countersType, nullptr, "counters");
  builder.CreateStore(Constant::getNullValue(countersType), counters);
  arguments.push_back(counters);
}

/// Builds the loops over z, y and x around the insertion point, and sets the id
/// of the thread. Gives the ends of their bodies.
SmallVector<Instruction *> EntryBuilder::buildLoops() {
  SmallVector<Instruction *> latches;
  for (int dimension : {2, 1, 0}) {
    int64_t count = kernel.block[dimension];
    auto [first, index] = SplitBlockAndInsertSimpleForLoop(
        builder.getInt32(count), builder.GetInsertPoint());
    latches.push_back(first->getParent()->getTerminator());
    builder.SetInsertPoint(first);
    arguments[kernel.isPointer.size() + dimension] =
        options.reverseThreads
            ? builder.CreateSub(builder.getInt32(count - 1), index)
            : index;
  }
  return latches;
}

/// Adds what the body counted to the numbers of the block.
void EntryBuilder::addCounters() {
  Type *i64 = builder.getInt64Ty();
  for (unsigned i = 0; i < NumCounters; ++i) {
    Value *value = builder.CreateLoad(
        i64, builder.CreateConstInBoundsGEP1_32(i64, counters, i));
    Value *total = builder.CreateConstInBoundsGEP1_64(
        builder.getInt8Ty(), entry->getArg(0),
        offsetof(BlockState, counters) + i * sizeof(uint64_t));
    Value *old = builder.CreateLoad(i64, total);
    builder.CreateStore(i < MisalignedBy2 ? builder.CreateAdd(old, value)
                                          : builder.CreateOr(old, value),
                        total);
  }
}

void EntryBuilder::build() {
  addKernelArguments();
  addBodyArguments();
  Instruction *end = builder.CreateRetVoid();
  builder.SetInsertPoint(end);

  MDNode *group = nullptr;
  SmallVector<Instruction *> latches;
  if (kernel.hasCollectives) {
    for (unsigned dimension = 0; dimension < 3; ++dimension)
      arguments[kernel.isPointer.size() + dimension] =
          entry->getArg(2 + dimension);
  } else {
    group = markParallel(body);
    latches = buildLoops();
  }
  CallInst *call = builder.CreateCall(&body, arguments);
  for (unsigned i = 0; i < kernel.isPointer.size(); ++i)
    if (body.hasParamAttribute(i, Attribute::ByVal))
      call->addParamAttr(i, Attribute::getWithByValType(
                                *kernel.context, body.getParamByValType(i)));
  body.addFnAttr(Attribute::AlwaysInline);
  if (group)
    for (Instruction *latch : latches)
      setParallel(latch, group);

  builder.SetInsertPoint(end);
  if (options.strict || options.countAccesses)
    addCounters();
}

void runtime::buildEntry(KernelModule &kernel, StringRef name,
                         const Options &options) {
  EntryBuilder(kernel, name, options).build();
}
