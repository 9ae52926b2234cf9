//===- approx-act-runner.cpp - Runs lowered training steps ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Runner/RunnerMain.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  return mlir::asMainReturnCode(mlir::approx_act::runnerMain(argc, argv));
}
