//===- Intrinsics.cpp - NVVM intrinsics on the host -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Collectives become calls of the executor; `llvm.nvvm.x.y` of every other
/// kind becomes a call of `nvvm_x_y`, which the code in Support defines.
///
//===----------------------------------------------------------------------===//

#include "KernelABI.h"
#include "KernelModule.h"
#include "WarpMatrix.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/IntrinsicsNVPTX.h"
#include "llvm/Linker/Linker.h"

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc23-extensions"
static const unsigned char arithmeticBitcode[] = {
#embed "Arithmetic.bc"
};
static const unsigned char libDeviceBitcode[] = {
#embed "LibDevice.bc"
};
#pragma clang diagnostic pop

template <size_t size>
static StringRef asString(const unsigned char (&data)[size]) {
  return StringRef(reinterpret_cast<const char *>(data), size);
}

static constexpr StringLiteral nvvmPrefix("llvm.nvvm.");
static constexpr StringLiteral supportPrefix("nvvm_");
static constexpr StringLiteral assemblyPrefix("ptx_");
static constexpr StringLiteral libDevicePrefix("libdevice_");

namespace {
/// Rewrites the calls of a module.
class IntrinsicLowering {
public:
  explicit IntrinsicLowering(KernelModule &kernel)
      : kernel(kernel), module(*kernel.module), builder(*kernel.context) {}

  Error run();

private:
  Error lowerCall(CallInst &call);
  bool lowerBarrier(CallInst &call, StringRef name);
  bool lowerWarp(CallInst &call, StringRef name);
  bool lowerMatrix(CallInst &call, StringRef name);
  void lowerToSupport(CallInst &call, StringRef prefix, StringRef name,
                      const Twine &description);
  Error lowerAssembly(CallInst &call);
  Error linkSupport();
  Error checkCalls();

  FunctionCallee getBarrier();
  FunctionCallee getWarp();
  FunctionCallee getTrap();
  void replace(CallInst &call, Value *value);

  KernelModule &kernel;
  Module &module;
  IRBuilder<> builder;
  /// Collectives met so far.
  uint32_t numSites = 0;
  /// What stands behind the support code's functions.
  StringMap<std::string> descriptions;
};
} // namespace

FunctionCallee IntrinsicLowering::getBarrier() {
  Type *i32 = builder.getInt32Ty();
  return module.getOrInsertFunction("approxActBarrier", i32, i32, i32, i32, i32,
                                    i32);
}

FunctionCallee IntrinsicLowering::getWarp() {
  Type *i32 = builder.getInt32Ty();
  Type *i64 = builder.getInt64Ty();
  return module.getOrInsertFunction("approxActWarp", i64, i32, i32, i32, i64,
                                    i32, i32);
}

FunctionCallee IntrinsicLowering::getTrap() {
  Type *ptr = builder.getPtrTy();
  return module.getOrInsertFunction("approxActTrap", builder.getVoidTy(), ptr,
                                    ptr, builder.getInt32Ty(), ptr,
                                    builder.getInt64Ty());
}

void IntrinsicLowering::replace(CallInst &call, Value *value) {
  if (value)
    call.replaceAllUsesWith(value);
  call.eraseFromParent();
}

bool IntrinsicLowering::lowerBarrier(CallInst &call, StringRef name) {
  if (!name.consume_front("barrier.cta.") || name.starts_with("arrive"))
    return false;
  BarrierOp op = StringSwitch<BarrierOp>(name)
                     .StartsWith("red.popc", BarrierOp::Popc)
                     .StartsWith("red.and", BarrierOp::And)
                     .StartsWith("red.or", BarrierOp::Or)
                     .Default(BarrierOp::None);
  // sync: id[, count]; red: id[, count], predicate.
  Value *id = call.getArgOperand(0);
  Value *count = name.ends_with("count") ? call.getArgOperand(1)
                                         : builder.getInt32(allThreads);
  Value *predicate = builder.getInt32(0);
  if (op != BarrierOp::None)
    predicate = builder.CreateZExt(call.getArgOperand(call.arg_size() - 1),
                                   builder.getInt32Ty());
  Value *result = builder.CreateCall(
      getBarrier(), {builder.getInt32(numSites++), id, count,
                     builder.getInt32(static_cast<uint32_t>(op)), predicate});
  if (call.getType()->isVoidTy())
    result = nullptr;
  else
    result = op == BarrierOp::Popc
                 ? builder.CreateZExtOrTrunc(result, call.getType())
                 : builder.CreateICmpNE(result, builder.getInt32(0));
  replace(call, result);
  return true;
}

bool IntrinsicLowering::lowerWarp(CallInst &call, StringRef name) {
  std::optional<WarpOp> op =
      StringSwitch<std::optional<WarpOp>>(name)
          .StartsWith("shfl.sync.idx.", WarpOp::ShuffleIdx)
          .StartsWith("shfl.sync.up.", WarpOp::ShuffleUp)
          .StartsWith("shfl.sync.down.", WarpOp::ShuffleDown)
          .StartsWith("shfl.sync.bfly.", WarpOp::ShuffleXor)
          .Case("vote.all.sync", WarpOp::VoteAll)
          .Case("vote.any.sync", WarpOp::VoteAny)
          .Case("vote.uni.sync", WarpOp::VoteUniform)
          .Case("vote.ballot.sync", WarpOp::VoteBallot)
          .StartsWith("match.any.sync.", WarpOp::MatchAny)
          .StartsWith("match.all.sync.", WarpOp::MatchAll)
          .Case("redux.sync.add", WarpOp::ReduceAdd)
          .Case("redux.sync.min", WarpOp::ReduceMin)
          .Case("redux.sync.max", WarpOp::ReduceMax)
          .Case("redux.sync.umin", WarpOp::ReduceUMin)
          .Case("redux.sync.umax", WarpOp::ReduceUMax)
          .Case("redux.sync.and", WarpOp::ReduceAnd)
          .Case("redux.sync.or", WarpOp::ReduceOr)
          .Case("redux.sync.xor", WarpOp::ReduceXor)
          .Case("bar.warp.sync", WarpOp::Sync)
          .Default(std::nullopt);
  if (!op)
    return false;

  Value *mask = call.getArgOperand(0);
  Value *value = builder.getInt64(0);
  Value *lane = builder.getInt32(0);
  Value *clamp = builder.getInt32(0);
  // redux has the value first, everything else the mask.
  if (name.starts_with("redux")) {
    value = call.getArgOperand(0);
    mask = call.getArgOperand(1);
  } else if (call.arg_size() > 1) {
    value = call.getArgOperand(1);
  }
  if (name.starts_with("shfl")) {
    lane = call.getArgOperand(2);
    clamp = call.getArgOperand(3);
  }
  Type *valueType = value->getType();
  if (valueType->isFloatTy())
    value = builder.CreateBitCast(value, builder.getInt32Ty());
  value = builder.CreateZExt(value, builder.getInt64Ty());
  Value *result = builder.CreateCall(
      getWarp(),
      {builder.getInt32(numSites++),
       builder.getInt32(static_cast<uint32_t>(*op)), mask, value, lane, clamp});

  // The low word as the type that was asked for, and bit 32 as the predicate.
  auto convert = [&](Value *word, Type *type) -> Value * {
    if (type->isFloatTy())
      return builder.CreateBitCast(
          builder.CreateTrunc(word, builder.getInt32Ty()), type);
    return builder.CreateTrunc(word, type);
  };
  if (call.getType()->isVoidTy())
    return replace(call, nullptr), true;
  if (auto *pair = dyn_cast<StructType>(call.getType())) {
    Value *predicate = builder.CreateTrunc(builder.CreateLShr(result, 32),
                                           builder.getInt1Ty());
    Value *both = PoisonValue::get(pair);
    both = builder.CreateInsertValue(
        both, convert(result, pair->getElementType(0)), 0);
    result = builder.CreateInsertValue(both, predicate, 1);
  } else {
    result = convert(result, call.getType());
  }
  replace(call, result);
  return true;
}

bool IntrinsicLowering::lowerMatrix(CallInst &call, StringRef name) {
  std::optional<MatrixIntrinsic> intrinsic = parseMatrixIntrinsic(name);
  if (!intrinsic)
    return false;
  Type *i32 = builder.getInt32Ty();
  BasicBlock &entry = call.getFunction()->getEntryBlock();
  Value *words =
      IRBuilder<>(&entry, entry.begin())
          .CreateAlloca(ArrayType::get(i32, maxMatrixWords), nullptr, "words");
  auto getWord = [&](unsigned index) {
    return builder.CreateConstInBoundsGEP1_32(i32, words, index);
  };
  for (auto [index, argument] : enumerate(call.args())) {
    Value *value = argument;
    if (value->getType()->isPointerTy())
      value = builder.CreatePtrToInt(value, builder.getInt64Ty());
    builder.CreateStore(value, getWord(index));
  }
  builder.CreateCall(getWarp(),
                     {builder.getInt32(numSites++),
                      builder.getInt32(static_cast<uint32_t>(WarpOp::Matrix)),
                      builder.getInt32(-1),
                      builder.CreatePtrToInt(words, builder.getInt64Ty()),
                      builder.getInt32(static_cast<uint32_t>(intrinsic->op)),
                      builder.getInt32(intrinsic->count)});
  auto *type = dyn_cast<StructType>(call.getType());
  if (!type) {
    replace(call, builder.CreateLoad(call.getType(), getWord(0)));
    return true;
  }
  Value *result = PoisonValue::get(type);
  for (auto [index, element] : enumerate(type->elements()))
    result = builder.CreateInsertValue(
        result, builder.CreateLoad(element, getWord(index)), index);
  replace(call, result);
  return true;
}

void IntrinsicLowering::lowerToSupport(CallInst &call, StringRef prefix,
                                       StringRef name,
                                       const Twine &description) {
  // Of two at a time: one by one.
  auto *vector = dyn_cast<FixedVectorType>(call.getType());
  bool isPair = vector && name.consume_back("x2");
  std::string supportName = (prefix + name).str();
  llvm::replace(supportName, '.', '_');
  descriptions[supportName] = description.str();

  FunctionType *type = call.getFunctionType();
  SmallVector<Value *> arguments(call.args());
  if (!isPair) {
    FunctionCallee callee = module.getOrInsertFunction(supportName, type);
    Value *result = builder.CreateCall(callee, arguments);
    replace(call, type->getReturnType()->isVoidTy() ? nullptr : result);
    return;
  }
  SmallVector<Type *> types;
  for (Value *argument : arguments)
    types.push_back(argument->getType()->getScalarType());
  FunctionCallee callee = module.getOrInsertFunction(
      supportName, FunctionType::get(vector->getElementType(), types, false));
  Value *result = PoisonValue::get(vector);
  for (uint64_t i = 0; i < vector->getNumElements(); ++i) {
    SmallVector<Value *> elements;
    for (Value *argument : arguments)
      elements.push_back(builder.CreateExtractElement(argument, i));
    result = builder.CreateInsertElement(
        result, builder.CreateCall(callee, elements), i);
  }
  replace(call, result);
}

Error IntrinsicLowering::lowerAssembly(CallInst &call) {
  StringRef text = cast<InlineAsm>(call.getCalledOperand())->getAsmString();
  std::string description = ("inline assembly '" + text + "'").str();

  // Words without spaces, braces and commas.
  SmallVector<StringRef> words;
  SplitString(text, words, " \t\n{},;");
  builder.SetInsertPoint(&call);
  // One instruction with all operands in order.
  bool isPlain = words.size() == 2 + call.arg_size();
  for (auto [index, word] : enumerate(drop_begin(words)))
    isPlain &= word == ("$" + Twine(index)).str();
  if (isPlain) {
    lowerToSupport(call, assemblyPrefix, words.front(), description);
    return Error::success();
  }
  // The 64 bits of a product of 32-bit numbers, and a sum, in two words.
  constexpr StringLiteral multiplyAdd[] = {
      "mad.lo.cc.u32", "$0", "$2", "$3", "$4",
      "madc.hi.u32",   "$1", "$2", "$3", "0"};
  if (!equal(words, multiplyAdd))
    return createStringError(description + " does not run on the CPU");
  auto extend = [&](unsigned index) {
    return builder.CreateZExt(call.getArgOperand(index), builder.getInt64Ty());
  };
  Value *sum =
      builder.CreateAdd(builder.CreateMul(extend(0), extend(1)), extend(2));
  Value *low = builder.CreateTrunc(sum, builder.getInt32Ty());
  Value *high =
      builder.CreateTrunc(builder.CreateLShr(sum, 32), builder.getInt32Ty());
  Value *both = PoisonValue::get(call.getType());
  both = builder.CreateInsertValue(both, low, 0);
  replace(call, builder.CreateInsertValue(both, high, 1));
  return Error::success();
}

Error IntrinsicLowering::lowerCall(CallInst &call) {
  if (call.isInlineAsm())
    return lowerAssembly(call);
  Function *callee = call.getCalledFunction();
  if (!callee)
    return createStringError(
        "calls of function pointers do not run on the CPU");
  builder.SetInsertPoint(&call);
  StringRef name = callee->getName();
  if (name == "llvm.trap" || name == "__assertfail") {
    SmallVector<Value *> arguments(call.args());
    if (arguments.empty())
      for (Type *type : getTrap().getFunctionType()->params())
        arguments.push_back(Constant::getNullValue(type));
    if (arguments.size() != getTrap().getFunctionType()->getNumParams())
      return createStringError("'__assertfail' has " + Twine(arguments.size()) +
                               " arguments, not 5");
    builder.CreateCall(getTrap(), arguments);
    call.eraseFromParent();
    return Error::success();
  }
  std::string description = ("'" + name + "'").str();
  if (callee->isDeclaration() && name.consume_front("__nv_")) {
    lowerToSupport(call, libDevicePrefix, name, description);
    return Error::success();
  }
  if (!name.consume_front(nvvmPrefix) || name.starts_with("read.ptx.sreg."))
    return Error::success();
  if (!lowerBarrier(call, name) && !lowerWarp(call, name) &&
      !lowerMatrix(call, name))
    lowerToSupport(call, supportPrefix, name, description);
  return Error::success();
}

Error IntrinsicLowering::linkSupport() {
  for (StringRef bitcode :
       {asString(arithmeticBitcode), asString(libDeviceBitcode)}) {
    Expected<std::unique_ptr<Module>> support = getLazyBitcodeModule(
        MemoryBufferRef(bitcode, "support"), *kernel.context);
    if (!support)
      return support.takeError();
    // What links is by name; layouts are made equal first, for otherwise the
    // linker warns.
    module.setTargetTriple((*support)->getTargetTriple());
    module.setDataLayout((*support)->getDataLayout());
    if (Linker::linkModules(module, std::move(*support),
                            Linker::Flags::LinkOnlyNeeded))
      return createStringError("cannot link the support code");
  }
  return Error::success();
}

/// Whether a function is of the support code.
static bool isSupport(StringRef name) {
  return name.starts_with(supportPrefix) || name.starts_with(assemblyPrefix) ||
         name.starts_with(libDevicePrefix);
}

/// Everything called is known, with the type that the call expects.
Error IntrinsicLowering::checkCalls() {
  for (Function &function : module) {
    if (function.use_empty() || function.isIntrinsic())
      continue;
    StringRef name = function.getName();
    auto found = descriptions.find(name);
    std::string description =
        found == descriptions.end() ? ("'" + name + "'").str() : found->second;
    bool isCallback = name.starts_with("approxAct");
    // What the support code itself needs is the host's libm.
    auto isCalledByKernel = [&](const User *user) {
      const auto *call = dyn_cast<CallInst>(user);
      return call && !isSupport(call->getFunction()->getName());
    };
    if (function.isDeclaration() && !isCallback &&
        any_of(function.users(), isCalledByKernel))
      return createStringError(description +
                               " is not known to the executor of the CPU");
    for (const User *user : function.users()) {
      const auto *call = dyn_cast<CallInst>(user);
      if (call && call->getFunctionType() != function.getFunctionType())
        return createStringError(description +
                                 " is not known with these types to the "
                                 "executor of the CPU");
    }
  }
  return Error::success();
}

Error IntrinsicLowering::run() {
  SmallVector<CallInst *> calls;
  for (Function &function : module)
    for (Instruction &instruction : instructions(function))
      if (auto *call = dyn_cast<CallInst>(&instruction))
        calls.push_back(call);
  for (CallInst *call : calls)
    if (Error error = lowerCall(*call))
      return error;
  kernel.hasCollectives = numSites > 0;
  if (Error error = linkSupport())
    return error;
  return checkCalls();
}

Error runtime::lowerIntrinsics(KernelModule &kernel) {
  return IntrinsicLowering(kernel).run();
}
