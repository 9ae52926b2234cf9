//===- AttachTarget.cpp - The chips that kernels are compiled for ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Dialect/ApproxAct/IR/AttrNames.h"
#include "approx-act/GPU/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/TargetParser/Triple.h"

// Of llvm/Support/TargetSelect.h, which wants every target linked in.
extern "C" {
void LLVMInitializeNVPTXTargetInfo(); // NOLINT: LLVM's name
void LLVMInitializeNVPTXTargetMC();   // NOLINT: LLVM's name
}

namespace mlir::approx_act {
#define GEN_PASS_DEF_ATTACHTARGET
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

static constexpr StringLiteral kTriple = "nvptx64-nvidia-cuda";
/// The oldest chip that current CUDA toolkits assemble for.
static constexpr unsigned kOldestChip = 75;

/// What is wrong with the name of a chip; nothing if LLVM and CUDA know it.
static std::optional<std::string> findFault(StringRef chip) {
  StringRef number = chip;
  unsigned version = 0;
  if (!number.consume_front("sm_") || number.consumeInteger(10, version) ||
      !(number.empty() || number == "a" || number == "f"))
    return "expected a chip such as sm_90 or sm_90a, but found '" + chip.str() +
           "'";
  if (version < kOldestChip)
    return "chip '" + chip.str() + "' is older than sm_" +
           llvm::utostr(kOldestChip) + ", the first that CUDA 13 supports";
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTargetMC();
  std::string error;
  llvm::Triple triple(kTriple);
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return "this LLVM has no NVPTX backend: " + error;
  std::unique_ptr<llvm::MCSubtargetInfo> info(
      target->createMCSubtargetInfo(triple, "", ""));
  if (!info || !info->isCPUStringValid(chip))
    return "LLVM does not know the chip '" + chip.str() + "'";
  return std::nullopt;
}

namespace {
struct AttachTarget : approx_act::impl::AttachTargetBase<AttachTarget> {
  using AttachTargetBase::AttachTargetBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (optLevel > 3) {
      module.emitError("opt-level must be 0 to 3, but is ")
          << optLevel.getValue();
      return signalPassFailure();
    }
    SmallVector<Attribute> targets;
    llvm::SmallSet<StringRef, 4> seen;
    for (const std::string &chip : chips) {
      if (std::optional<std::string> fault = findFault(chip)) {
        module.emitError(*fault);
        return signalPassFailure();
      }
      if (!seen.insert(chip).second) {
        module.emitError("chip '") << chip << "' is named twice";
        return signalPassFailure();
      }
      // Without features LLVM takes the least version of PTX that has the chip.
      targets.push_back(NVVM::NVVMTargetAttr::get(
          &getContext(), static_cast<int>(optLevel), kTriple, chip, ""));
    }
    if (targets.empty()) {
      module.emitError("expected at least one chip");
      return signalPassFailure();
    }
    module->setAttr(kDeviceAttr, StringAttr::get(&getContext(), device));
    for (auto kernels : module.getOps<gpu::GPUModuleOp>())
      kernels.setTargetsAttr(ArrayAttr::get(&getContext(), targets));
  }
};
} // namespace
