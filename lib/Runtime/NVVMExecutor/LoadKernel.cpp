//===- LoadKernel.cpp - One kernel of an NVVM module ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelModule.h"
#include "llvm/Bitcode/BitcodeReader.h"

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

/// Reads the bodies of all functions that something refers to, and drops the
/// other functions.
static Error materializeUsed(Module &module, Function &kernel) {
  if (Error error = kernel.materialize())
    return error;
  bool hasChanged = true;
  while (hasChanged) {
    hasChanged = false;
    for (Function &function : module) {
      if (!function.isMaterializable() || function.use_empty())
        continue;
      if (Error error = function.materialize())
        return error;
      hasChanged = true;
    }
  }
  SmallVector<Function *> unused;
  for (Function &function : module)
    if (function.isMaterializable()) {
      function.setIsMaterializable(false);
      function.setLinkage(GlobalValue::ExternalLinkage);
      unused.push_back(&function);
    }
  if (Error error = module.materializeAll())
    return error;
  for (Function *function : unused)
    function->eraseFromParent();
  return Error::success();
}

Expected<KernelModule> runtime::loadKernel(StringRef object, StringRef name,
                                           const Dim3 &block) {
  KernelModule result;
  result.block = block;
  result.context = std::make_unique<LLVMContext>();
  Expected<std::unique_ptr<Module>> module =
      getLazyBitcodeModule(MemoryBufferRef(object, name), *result.context,
                           /*ShouldLazyLoadMetadata=*/true);
  if (!module)
    return module.takeError();
  result.module = std::move(*module);
  result.kernel = result.module->getFunction(name);
  if (Error error = materializeUsed(*result.module, *result.kernel))
    return std::move(error);
  for (const Argument &argument : result.kernel->args())
    result.isPointer.push_back(argument.getType()->isPointerTy() &&
                               !argument.hasByValAttr());
  return std::move(result);
}
