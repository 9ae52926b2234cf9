//===- Retarget.cpp - From an NVVM kernel to a function of the host -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelABI.h"
#include "KernelModule.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/ReplaceConstant.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Transforms/IPO/AlwaysInliner.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

/// What dynamic shared memory is aligned to.
static constexpr uint64_t dynamicSharedAlignment = 16;

/// What says something about the GPU, or is wrong when threads of a block share
/// one thread of the host: a barrier writes memory and may not return.
static void dropAttributes(Function &function) {
  constexpr Attribute::AttrKind kinds[] = {
      Attribute::NoSync,       Attribute::Memory,   Attribute::WillReturn,
      Attribute::MustProgress, Attribute::NoInline, Attribute::OptimizeNone,
      Attribute::Convergent,   Attribute::NoFree};
  for (Attribute::AttrKind kind : kinds)
    function.removeFnAttr(kind);
  for (StringRef name :
       {"target-cpu", "target-features", "tune-cpu", "min-legal-vector-width"})
    function.removeFnAttr(name);
  function.setCallingConv(CallingConv::C);
}

static void retargetModule(KernelModule &kernel, const TargetMachine &machine) {
  Module &module = *kernel.module;
  module.setTargetTriple(machine.getTargetTriple());
  module.setDataLayout(machine.createDataLayout());
  for (Function &function : module) {
    if (function.isIntrinsic())
      continue;
    dropAttributes(function);
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
    function.setComdat(nullptr);
    if (&function != kernel.kernel) {
      function.setLinkage(GlobalValue::InternalLinkage);
      function.addFnAttr(Attribute::AlwaysInline);
    }
    for (Instruction &instruction : instructions(function))
      if (auto *call = dyn_cast<CallInst>(&instruction);
          call && !isa<IntrinsicInst>(call)) {
        call->setCallingConv(CallingConv::C);
        call->setTailCall(false);
        call->setAttributes(
            call->getAttributes().removeFnAttributes(call->getContext()));
      }
  }
  for (StringRef name : {"llvm.used", "llvm.compiler.used"})
    if (GlobalVariable *used = module.getNamedGlobal(name))
      used->eraseFromParent();
}

void runtime::runPasses(
    Module &module, TargetMachine *machine,
    function_ref<ModulePassManager(PassBuilder &)> makePasses) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager graphs;
  ModuleAnalysisManager modules;
  PassBuilder builder(machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  makePasses(builder).run(module, modules);
}

/// Runs one pass, for which the machine does not matter.
template <typename Pass>
static void runPass(Module &module, Pass pass) {
  runPasses(module, /*machine=*/nullptr, [&](PassBuilder &) {
    ModulePassManager manager;
    manager.addPass(std::move(pass));
    return manager;
  });
}

static Error inlineAll(KernelModule &kernel) {
  runPass(*kernel.module, AlwaysInlinerPass(/*InsertLifetime=*/true));
  for (Instruction &instruction : instructions(*kernel.kernel)) {
    auto *call = dyn_cast<CallInst>(&instruction);
    if (call && !call->getCalledFunction()->isDeclaration())
      return createStringError(
          "'" + call->getCalledFunction()->getName() +
          "' is recursive, which the executor of the CPU does not "
          "know");
  }
  for (Function &function : make_early_inc_range(*kernel.module))
    if (&function != kernel.kernel && !function.isDeclaration()) {
      function.replaceAllUsesWith(PoisonValue::get(function.getType()));
      function.eraseFromParent();
    }
  return Error::success();
}

/// Gives the kernel the further arguments of a body.
static void addArguments(KernelModule &kernel) {
  Function &old = *kernel.kernel;
  LLVMContext &context = *kernel.context;
  Type *i32 = Type::getInt32Ty(context);
  Type *ptr = PointerType::get(context, 0);
  SmallVector<Type *> types(old.getFunctionType()->params());
  unsigned numKernelArguments = types.size();
  for (unsigned i = 0; i < unsigned(BodyArgument::Count); ++i)
    types.push_back(i == unsigned(BodyArgument::Shared) ||
                            i == unsigned(BodyArgument::Counters)
                        ? ptr
                        : i32);
  auto *body = Function::Create(
      FunctionType::get(Type::getVoidTy(context), types, false),
      GlobalValue::InternalLinkage, "body", *kernel.module);
  body->setAttributes(old.getAttributes());
  body->splice(body->begin(), &old);
  for (unsigned i = 0; i < numKernelArguments; ++i) {
    old.getArg(i)->replaceAllUsesWith(body->getArg(i));
    // What the analyses of one thread found holds for that thread alone.
    body->removeParamAttr(i, Attribute::Captures);
  }
  old.replaceAllUsesWith(PoisonValue::get(old.getType()));
  old.eraseFromParent();
  kernel.kernel = body;
}

Argument *runtime::getBodyArgument(Function &body, BodyArgument argument,
                                   unsigned dimension) {
  unsigned first = body.arg_size() - unsigned(BodyArgument::Count);
  return body.getArg(first + unsigned(argument) + dimension);
}

/// The value of a special register, or null when it is not known.
static Value *getRegister(KernelModule &kernel, IRBuilder<> &builder,
                          StringRef name) {
  Function &body = *kernel.kernel;
  auto getDimension = [&](StringRef prefix) -> std::optional<unsigned> {
    StringRef rest = name;
    if (!rest.consume_front(prefix))
      return std::nullopt;
    return StringSwitch<std::optional<unsigned>>(rest)
        .Case("x", 0)
        .Case("y", 1)
        .Case("z", 2)
        .Default(std::nullopt);
  };
  const Dim3 &block = kernel.block;
  if (auto dimension = getDimension("tid."))
    return getBodyArgument(body, BodyArgument::ThreadId, *dimension);
  if (auto dimension = getDimension("ntid."))
    return builder.getInt32(block[*dimension]);
  if (auto dimension = getDimension("ctaid."))
    return getBodyArgument(body, BodyArgument::BlockId, *dimension);
  if (auto dimension = getDimension("nctaid."))
    return getBodyArgument(body, BodyArgument::GridDim, *dimension);
  if (name == "warpsize")
    return builder.getInt32(warpSize);
  if (name == "dynamic_smem_size")
    return getBodyArgument(body, BodyArgument::DynamicSharedBytes);
  if (name == "nwarpid")
    return builder.getInt32(
        divideCeil(block[0] * block[1] * block[2], warpSize));

  Value *row = builder.CreateAdd(
      builder.CreateMul(getBodyArgument(body, BodyArgument::ThreadId, 2),
                        builder.getInt32(block[1])),
      getBodyArgument(body, BodyArgument::ThreadId, 1));
  Value *thread =
      builder.CreateAdd(builder.CreateMul(row, builder.getInt32(block[0])),
                        getBodyArgument(body, BodyArgument::ThreadId, 0));
  Value *lane = builder.CreateAnd(thread, builder.getInt32(warpSize - 1));
  if (name == "laneid")
    return lane;
  if (name == "warpid")
    return builder.CreateUDiv(thread, builder.getInt32(warpSize));
  Value *bit = builder.CreateShl(builder.getInt32(1), lane);
  Value *below = builder.CreateSub(bit, builder.getInt32(1));
  if (name == "lanemask.eq")
    return bit;
  if (name == "lanemask.lt")
    return below;
  if (name == "lanemask.le")
    return builder.CreateOr(below, bit);
  if (name == "lanemask.ge")
    return builder.CreateNot(below);
  if (name == "lanemask.gt")
    return builder.CreateNot(builder.CreateOr(below, bit));
  return nullptr;
}

static Error replaceRegisters(KernelModule &kernel) {
  for (Instruction &instruction :
       make_early_inc_range(instructions(*kernel.kernel))) {
    auto *call = dyn_cast<IntrinsicInst>(&instruction);
    if (!call)
      continue;
    StringRef name = call->getCalledFunction()->getName();
    StringRef shortName = name;
    if (!shortName.consume_front("llvm.nvvm.read.ptx.sreg."))
      continue;
    IRBuilder<> builder(call);
    Value *value = getRegister(kernel, builder, shortName);
    if (!value)
      return createStringError("'" + name +
                               "' is not known to the executor of the CPU");
    call->replaceAllUsesWith(value);
    call->eraseFromParent();
  }
  return Error::success();
}

/// Gives every shared variable a place in the block's memory.
static void placeSharedVariables(KernelModule &kernel) {
  Module &module = *kernel.module;
  const DataLayout &layout = module.getDataLayout();
  SmallVector<GlobalVariable *> variables;
  SmallVector<Constant *> constants;
  for (GlobalVariable &variable : module.globals())
    if (variable.getAddressSpace() == sharedAddressSpace) {
      variables.push_back(&variable);
      constants.push_back(&variable);
    }
  convertUsersOfConstantsToInstructions(constants);

  // Those of the kernel first, then the dynamic part.
  DenseMap<GlobalVariable *, uint64_t> offsets;
  for (GlobalVariable *variable : variables) {
    if (variable->isDeclaration() || variable->use_empty())
      continue;
    // What passes assume where the variable says nothing, and PTX does.
    Align alignment = layout.getPreferredAlign(variable);
    kernel.sharedBytes = alignTo(kernel.sharedBytes, alignment);
    offsets[variable] = kernel.sharedBytes;
    kernel.sharedBytes += layout.getTypeAllocSize(variable->getValueType());
  }
  kernel.sharedBytes = alignTo(kernel.sharedBytes, dynamicSharedAlignment);

  Function &body = *kernel.kernel;
  IRBuilder<> builder(&*body.getEntryBlock().getFirstInsertionPt());
  for (GlobalVariable *variable : variables) {
    if (!variable->use_empty()) {
      uint64_t offset = variable->isDeclaration() ? kernel.sharedBytes
                                                  : offsets.lookup(variable);
      Value *address = builder.CreateInBoundsGEP(
          builder.getInt8Ty(), getBodyArgument(body, BodyArgument::Shared),
          builder.getInt64(offset));
      variable->replaceAllUsesWith(
          builder.CreateAddrSpaceCast(address, variable->getType()));
    }
    variable->eraseFromParent();
  }
}

/// Variables of the module would have to outlive the kernel.
static Error checkVariables(KernelModule &kernel) {
  for (GlobalVariable &variable :
       make_early_inc_range(kernel.module->globals())) {
    if (variable.use_empty()) {
      variable.eraseFromParent();
      continue;
    }
    if (!variable.isConstant() || !variable.hasInitializer())
      return createStringError(
          "the module's variable '" + variable.getName() +
          "' is not a constant, which the executor of the CPU does "
          "not know");
    variable.setLinkage(GlobalValue::InternalLinkage);
  }
  return Error::success();
}

Error runtime::retarget(KernelModule &kernel, const TargetMachine &machine) {
  retargetModule(kernel, machine);
  if (Error error = inlineAll(kernel))
    return error;
  addArguments(kernel);
  if (Error error = replaceRegisters(kernel))
    return error;
  placeSharedVariables(kernel);
  if (Error error = checkVariables(kernel))
    return error;
  // So that what is left of local variables is really memory.
  runPass(*kernel.module,
          createModuleToFunctionPassAdaptor(SROAPass(SROAOptions::ModifyCFG)));
  return Error::success();
}
