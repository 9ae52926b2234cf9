//===- RunnerMain.h - The tool that runs modules ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_RUNNER_RUNNERMAIN_H
#define APPROX_ACT_RUNNER_RUNNERMAIN_H

#include "mlir/Support/LLVM.h"

namespace mlir::approx_act {

/// Runs a lowered module as the command line says.
LogicalResult runnerMain(int argc, char **argv);

} // namespace mlir::approx_act

#endif // APPROX_ACT_RUNNER_RUNNERMAIN_H
