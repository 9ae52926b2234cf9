//===- approx-act-opt.cpp - Runs passes on training steps -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/InitAll.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"

/// Keeps --help to the point: libLLVM brings hundreds of options of code
/// generators, all registered before main.
static void hideLLVMOptions() {
  for (auto &entry : llvm::cl::getRegisteredOptions()) {
    llvm::StringRef name = entry.first;
    if (name != "help" && name != "version" && name != "color")
      entry.second->setHiddenFlag(llvm::cl::ReallyHidden);
  }
}

/// Compiles one function after the other where remarks are asked for: MLIR
/// writes them without a lock, and their order should be the program's.
static void writeRemarksInOrder() {
  if (!mlir::MlirOptMainConfig::createFromCLOptions().shouldEmitRemarks())
    return;
  const llvm::StringRef name = "mlir-disable-threading";
  llvm::cl::Option *option = llvm::cl::getRegisteredOptions().lookup(name);
  if (option && option->getNumOccurrences() == 0)
    option->addOccurrence(0, name, "true");
}

int main(int argc, char **argv) {
  hideLLVMOptions();
  mlir::DialectRegistry registry;
  mlir::approx_act::registerAllDialects(registry);
  mlir::approx_act::registerAllPasses();
  auto [input, output] = mlir::registerAndParseCLIOptions(
      argc, argv,
      "approx-act: training steps with approximate activations\n\n"
      "Takes StableHLO in MLIR's generic form, as approx-act-import writes "
      "it.\n"
      "The whole rewrite is --approx-act-pipeline=\"bits=4\"; the passes it "
      "is\n"
      "made of are listed below.\n",
      registry);
  writeRemarksInOrder();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, input, output, registry));
}
