//===- KernelCompiler.cpp - Kernels as code of the host -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelCompiler.h"
#include "KernelModule.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"
#include "llvm/ExecutionEngine/Orc/ThreadSafeModule.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include <cmath>

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
