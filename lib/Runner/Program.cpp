//===- Program.cpp - A lowered module, ready to run -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Runner/Program.h"
#include "approx-act/Dialect/ApproxAct/IR/AttrNames.h"
#include "approx-act/Runtime/Mgpu.h"
#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Target/LLVM/NVVM/Target.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Support/TargetSelect.h"
#include <dlfcn.h>

using namespace mlir;
using namespace mlir::approx_act;

void approx_act::registerProgramDialects(DialectRegistry &registry) {
  registry.insert<DLTIDialect, gpu::GPUDialect, LLVM::LLVMDialect,
                  NVVM::NVVMDialect>();
  registerBuiltinDialectTranslation(registry);
  gpu::registerOffloadingLLVMTranslationInterfaceExternalModels(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
  NVVM::registerNVVMTargetInterfaceExternalModels(registry);
}

/// The file that the runtime was loaded from. Compiled code finds the runtime
/// there also where its symbols are not those of the whole process.
static const char *getRuntimeFile() {
  Dl_info info = {};
  dladdr(reinterpret_cast<const void *>(&mgpuModuleLoad), &info);
  return info.dli_fname;
}

/// Whether a module runs on the CPU, by what it says, or else by its kernels.
static bool isForCPU(ModuleOp module) {
  if (auto device = module->getAttrOfType<StringAttr>(kDeviceAttr))
    return device.getValue() == "cpu";
  WalkResult result = module.walk([](gpu::BinaryOp binary) {
    for (auto object : binary.getObjects().getAsRange<gpu::ObjectAttr>())
      if (object.getFormat() != gpu::CompilationTarget::Offload)
        return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return !result.wasInterrupted();
}

Program::Program(Signature signature, std::string function, bool isCPU,
                 const runtime::Options &options)
    : signature(std::move(signature)), function(std::move(function)),
      isCPU(isCPU), session(options, isCPU) {}

/// Moves local variables of fixed size to where their function starts. A launch
/// has one for its parameters, which in a loop would take more of the stack in
/// every step.
static llvm::Error hoistLocalVariables(llvm::Module *module) {
  for (llvm::Function &function : *module) {
    if (function.isDeclaration())
      continue;
    llvm::BasicBlock &entry = function.getEntryBlock();
    SmallVector<llvm::AllocaInst *> late;
    for (llvm::BasicBlock &block : llvm::drop_begin(function))
      for (llvm::Instruction &instruction : block)
        if (auto *variable = dyn_cast<llvm::AllocaInst>(&instruction);
            variable && isa<llvm::ConstantInt>(variable->getArraySize()))
          late.push_back(variable);
    for (llvm::AllocaInst *variable : late)
      variable->moveBefore(entry.getFirstInsertionPt());
  }
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<Program>>
Program::create(ModuleOp module, StringRef name,
                const runtime::Options &runtimeOptions) {
  auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name);
  if (!function || function.isExternal())
    return llvm::createStringError("the module defines no llvm.func '" + name +
                                   "'");
  FailureOr<Signature> signature = Signature::get(function);
  if (failed(signature))
    return llvm::createStringError("function '" + name + "' cannot be run");
  std::string interfaceName = ("_mlir_ciface_" + name).str();
  if (!module.lookupSymbol(interfaceName))
    return llvm::createStringError(
        "function '" + name +
        "' has no C interface; lower it with the attribute "
        "llvm.emit_c_interface");

  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  // The host's part only launches: it need not be fast, and can be long.
  ExecutionEngineOptions options;
  options.jitCodeGenOptLevel = llvm::CodeGenOptLevel::None;
  options.transformer = hoistLocalVariables;
  options.enableGDBNotificationListener = false;
  options.enablePerfNotificationListener = false;
  StringRef libraries[] = {getRuntimeFile()};
  options.sharedLibPaths = libraries;
  llvm::Expected<std::unique_ptr<ExecutionEngine>> engine =
      ExecutionEngine::create(module, options);
  if (!engine)
    return engine.takeError();
  std::unique_ptr<Program> program(
      new Program(std::move(*signature), interfaceName, ::isForCPU(module),
                  runtimeOptions));
  program->engine = std::move(*engine);
  return program;
}

llvm::Error Program::load() {
  std::lock_guard<std::mutex> lock(loading);
  if (isLoaded)
    return llvm::Error::success();
  // What is half loaded cannot be loaded once more.
  if (!loadError.empty())
    return llvm::createStringError(loadError);
  if (llvm::Error error = session.run([&] { engine->initialize(); })) {
    loadError = llvm::toString(std::move(error));
    return llvm::createStringError(loadError);
  }
  isLoaded = true;
  return llvm::Error::success();
}

Program::~Program() {
  if (loadError.empty())
    // Unloads the modules of kernels, if they are loaded.
    inspect([&] { engine.reset(); });
  // What is half loaded cannot be unloaded.
  [[maybe_unused]] ExecutionEngine *leaked = engine.release();
}

llvm::Expected<void *> Program::allocate(uint64_t bytes) {
  void *pointer = nullptr;
  if (llvm::Error error = session.run([&] {
        pointer = mgpuMemAlloc(bytes, /*stream=*/nullptr,
                               /*isHostShared=*/false);
      }))
    return std::move(error);
  return pointer;
}

llvm::Error Program::free(void *pointer) {
  return session.run([&] { mgpuMemFree(pointer, /*stream=*/nullptr); });
}

llvm::Error Program::copy(void *to, const void *from, uint64_t bytes) {
  return session.run([&] {
    mgpuMemcpy(to, const_cast<void *>(from), bytes, /*stream=*/nullptr);
    mgpuStreamSynchronize(/*stream=*/nullptr);
  });
}

llvm::Error Program::run(ArrayRef<void *> buffers) {
  assert(buffers.size() ==
             signature.arguments.size() + signature.results.size() &&
         "a buffer for each argument and result");
  // The packed function takes a pointer to each argument, and each argument is
  // a pointer to the descriptor of a memref.
  SmallVector<SmallVector<int64_t>> descriptors;
  for (ArrayRef<Parameter> parameters :
       {ArrayRef(signature.arguments), ArrayRef(signature.results)})
    for (const Parameter &parameter : parameters) {
      auto word = static_cast<int64_t>(
          reinterpret_cast<intptr_t>(buffers[descriptors.size()]));
      SmallVector<int64_t> &descriptor = descriptors.emplace_back();
      descriptor.append({word, word, 0});
      MemRefType type = parameter.getPassedType();
      llvm::append_range(descriptor, type.getShape());
      llvm::append_range(descriptor, type.getStridesAndOffset().first);
    }
  SmallVector<void *> pointers;
  for (SmallVector<int64_t> &descriptor : descriptors)
    pointers.push_back(descriptor.data());
  SmallVector<void *> arguments;
  for (void *&pointer : pointers)
    arguments.push_back(static_cast<void *>(&pointer));
  llvm::Error invoked = llvm::Error::success();
  llvm::Error failed = session.run([&] {
    // What others gave the device to do with the arguments.
    mgpuStreamSynchronize(/*stream=*/nullptr);
    invoked = llvm::joinErrors(std::move(invoked),
                               engine->invokePacked(function, arguments));
    mgpuStreamSynchronize(/*stream=*/nullptr);
  });
  return llvm::joinErrors(std::move(invoked), std::move(failed));
}

void Program::inspect(llvm::function_ref<void()> body) {
  llvm::consumeError(session.run(body));
}

std::vector<runtime::KernelStatistics> Program::getKernelStatistics() {
  std::vector<runtime::KernelStatistics> statistics;
  inspect([&] { statistics = runtime::getKernelStatistics(); });
  return statistics;
}

runtime::MemoryStatistics Program::getMemoryStatistics() {
  runtime::MemoryStatistics statistics;
  inspect([&] { statistics = runtime::getMemoryStatistics(); });
  return statistics;
}

void Program::resetStatistics() {
  inspect([] { runtime::resetStatistics(); });
}

void Program::writeTrace(raw_ostream &os) {
  inspect([&] { runtime::writeTrace(os); });
}
