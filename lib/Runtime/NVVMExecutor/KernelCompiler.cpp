//===- KernelCompiler.cpp - Kernels as code of the host -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelCompiler.h"
#include "KernelModule.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/LoopIterator.h"
#include "llvm/Analysis/ScalarEvolution.h"
#include "llvm/Analysis/ScalarEvolutionExpressions.h"
#include "llvm/ExecutionEngine/Orc/ThreadSafeModule.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include <climits>
#include <cmath>
#include <optional>
#include <utility>

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

/// What a thread needs beside its local variables: spilled registers, and the
/// functions of libm and of the executor that it calls.
static constexpr size_t baseStackBytes = size_t(32) * 1024;

KernelCompiler &KernelCompiler::get() {
  static KernelCompiler *compiler = new KernelCompiler;
  return *compiler;
}

/// The library functions with which the code generator rounds to bf16. Not
/// every system has them.
static __bf16 roundToBFloat(float value) {
  auto bits = llvm::bit_cast<uint32_t>(value);
  bool isOdd = (bits >> 16 & 1) != 0;
  bits = (bits + (isOdd ? 0x8000 : 0x7fff)) >> 16;
  if (std::isnan(value))
    bits = 0x7fff; // PTX has one NaN.
  return llvm::bit_cast<__bf16>(static_cast<uint16_t>(bits));
}

static __bf16 roundToBFloat(double value) {
  APFloat number(value);
  bool losesInfo = false;
  number.convert(APFloat::BFloat(), APFloat::rmNearestTiesToEven, &losesInfo);
  return roundToBFloat(number.convertToFloat());
}

Error KernelCompiler::initialize() {
  if (jit)
    return Error::success();
  InitializeNativeTarget();
  InitializeNativeTargetAsmPrinter();
  Expected<orc::JITTargetMachineBuilder> builder =
      orc::JITTargetMachineBuilder::detectHost();
  if (!builder)
    return builder.takeError();
  builder->setCodeGenOptLevel(CodeGenOptLevel::Aggressive);
  // Instructions of x86 that round to bf16 take subnormal numbers for zero.
  if (builder->getTargetTriple().isX86())
    builder->addFeatures({"-avx512bf16", "-avxneconvert"});
  Expected<std::unique_ptr<TargetMachine>> newMachine =
      builder->createTargetMachine();
  if (!newMachine)
    return newMachine.takeError();
  Expected<std::unique_ptr<orc::LLJIT>> newJIT =
      orc::LLJITBuilder().setJITTargetMachineBuilder(*builder).create();
  if (!newJIT)
    return newJIT.takeError();
  orc::SymbolMap callbacks;
  auto add = [&](StringRef name, auto *function) {
    callbacks[(*newJIT)->mangleAndIntern(name)] = {
        orc::ExecutorAddr::fromPtr(function),
        JITSymbolFlags::Exported | JITSymbolFlags::Callable};
  };
  add("approxActBarrier", &approxActBarrier);
  add("approxActWarp", &approxActWarp);
  add("approxActTrap", &approxActTrap);
  add("__truncsfbf2", static_cast<__bf16 (*)(float)>(&roundToBFloat));
  add("__truncdfbf2", static_cast<__bf16 (*)(double)>(&roundToBFloat));
  if (Error error = (*newJIT)->getMainJITDylib().define(
          orc::absoluteSymbols(std::move(callbacks))))
    return error;
  machine = std::move(*newMachine);
  jit = std::move(*newJIT);
  return Error::success();
}

/// Bytes of local variables that are memory.
static size_t getLocalBytes(const Function &function) {
  size_t bytes = 0;
  for (const Instruction &instruction : instructions(function))
    if (const auto *local = dyn_cast<AllocaInst>(&instruction))
      if (std::optional<TypeSize> size =
              local->getAllocationSize(function.getDataLayout()))
        bytes += *size;
  return bytes;
}

namespace {
/// Hides from the loop vectorizer that integers are recurrences where others of
/// the loop are wider, because LLVM 22 miscompiles loops with both.
///
/// `i & 3` is the recurrence `{0,+,1}<i2>`, extended. The vectorizer assumes of
/// such a recurrence that it does not wrap, for which it adds a check before
/// the loop. If it assumes the same of a wider one, as of the index
/// `4 * block + (i & 3)` of 32 bits, `SCEVWrapPredicate::implies` takes the
/// former to follow, and there is no check of it: elements that are read again
/// and again become consecutive ones (llvm/llvm-project#191382, mended after
/// LLVM 22). Scalar evolution does not look through `freeze`.
class HideNarrowRecurrences : public PassInfoMixin<HideNarrowRecurrences> {
public:
  PreservedAnalyses run(Function &function, FunctionAnalysisManager &analyses) {
    auto &evolution = analyses.getResult<ScalarEvolutionAnalysis>(function);
    auto &loops = analyses.getResult<LoopAnalysis>(function);
    bool hidesAny = false;
    for (Loop *loop : loops.getLoopsInPreorder())
      if (loop->isInnermost())
        hidesAny |= hideIn(*loop, loops, evolution);
    if (!hidesAny)
      return PreservedAnalyses::all();
    PreservedAnalyses preserved;
    preserved.preserveSet<CFGAnalyses>();
    return preserved;
  }

private:
  static bool hideIn(Loop &loop, LoopInfo &loops, ScalarEvolution &evolution) {
    // Operands come first: what is computed from a hidden value is no longer a
    // recurrence.
    LoopBlocksRPO blocks(&loop);
    blocks.perform(&loops);
    // The number of iterations can rest on an assumption as well.
    unsigned width = 0;
    if (!evolution.hasLoopInvariantBackedgeTakenCount(&loop))
      width = 64;
    for (BasicBlock *block : blocks)
      for (Instruction &instruction : *block)
        width = std::max(width, getWidths(instruction, loop, evolution).second);

    bool hidesAny = false;
    for (BasicBlock *block : blocks)
      for (Instruction &instruction : make_early_inc_range(*block)) {
        if (getWidths(instruction, loop, evolution).first >= width)
          continue;
        std::optional<BasicBlock::iterator> next =
            instruction.getInsertionPointAfterDef();
        if (!next)
          continue;
        evolution.forgetValue(&instruction);
        Value *hidden = IRBuilder<>(block, *next).CreateFreeze(&instruction);
        instruction.replaceUsesWithIf(
            hidden, [&](Use &use) { return use.getUser() != hidden; });
        hidesAny = true;
      }
    return hidesAny;
  }

  /// The least and the most bits of what an instruction extends that is a
  /// recurrence of the loop, or is computed from one.
  static std::pair<unsigned, unsigned> getWidths(Instruction &instruction,
                                                 const Loop &loop,
                                                 ScalarEvolution &evolution) {
    std::pair<unsigned, unsigned> widths(UINT_MAX, 0);
    if (!evolution.isSCEVable(instruction.getType()))
      return widths;
    auto isRecurrence = [&](const SCEV *part) {
      const auto *recurrence = dyn_cast<SCEVAddRecExpr>(part);
      return recurrence && recurrence->getLoop() == &loop;
    };
    // A predicate that never holds looks at every part.
    SCEVExprContains(evolution.getSCEV(&instruction), [&](const SCEV *part) {
      if (!isa<SCEVZeroExtendExpr, SCEVSignExtendExpr>(part))
        return false;
      const SCEV *narrow = cast<SCEVCastExpr>(part)->getOperand();
      if (SCEVExprContains(narrow, isRecurrence)) {
        unsigned width = narrow->getType()->getIntegerBitWidth();
        widths.first = std::min(widths.first, width);
        widths.second = std::max(widths.second, width);
      }
      return false;
    });
    return widths;
  }
};

/// Keeps loop strength reduction out of the code generator, because LLVM 22's
/// instruction selection for x86 crashes on what it makes.
///
/// The optimiser leaves one form of each value. Strength reduction writes
/// `x >> 1 & ~7`, the start of a run of 8, once more as `(x >> 4) * 8`. Where
/// the first is the index in a sum, `foldMaskAndShiftToScale` replaces it by
/// the second wherever it is used; what is computed from either is equal then,
/// and one of two equal nodes is deleted, which may be the base of this very
/// sum, noted already in `matchAddress`.
///
/// Addresses of x86 scale and add themselves, so kernels take no longer.
class NoStrengthReduction : public OptPassGate {
public:
  bool shouldRunPass(StringRef name, StringRef /*description*/) const override {
    return name != "Loop Strength Reduction";
  }
  bool isEnabled() const override { return true; }
};
} // namespace

Expected<CompiledKernel>
KernelCompiler::compile(StringRef object, StringRef name, const Dim3 &block) {
  if (Error error = initialize())
    return std::move(error);
  Expected<KernelModule> kernel = loadKernel(object, name, block);
  if (!kernel)
    return kernel.takeError();
  if (Error error = lowerIntrinsics(*kernel))
    return std::move(error);
  if (Error error = retarget(*kernel, *machine))
    return std::move(error);
  const Options &options = getOptions();
  instrument(*kernel, options);
  std::string symbol = ("kernel." + Twine(numCompiled++) + "." + name).str();
  buildEntry(*kernel, symbol, options);

  std::string problem;
  raw_string_ostream os(problem);
  if (verifyModule(*kernel->module, &os))
    return createStringError("cannot be made code of the host: " + problem);
  runPasses(*kernel->module, machine.get(), [](PassBuilder &builder) {
    builder.registerVectorizerStartEPCallback(
        [](FunctionPassManager &manager, OptimizationLevel /*level*/) {
          manager.addPass(HideNarrowRecurrences());
        });
    return builder.buildPerModuleDefaultPipeline(OptimizationLevel::O3);
  });

  // For the code generator; the passes above do not ask.
  static NoStrengthReduction gate;
  kernel->context->setOptPassGate(gate);
  CompiledKernel result;
  result.isPointer = kernel->isPointer;
  result.sharedBytes = kernel->sharedBytes;
  result.stackBytes =
      baseStackBytes + getLocalBytes(*kernel->module->getFunction(symbol));
  bool hasCollectives = kernel->hasCollectives;
  result.code = jit->getMainJITDylib().createResourceTracker();
  if (Error error = jit->addIRModule(
          result.code, orc::ThreadSafeModule(std::move(kernel->module),
                                             std::move(kernel->context))))
    return std::move(error);
  Expected<orc::ExecutorAddr> address = jit->lookup(symbol);
  if (!address)
    return address.takeError();
  if (hasCollectives)
    result.runThread = address->toPtr<ThreadFunction>();
  else
    result.runBlock = address->toPtr<BlockFunction>();
  return result;
}
