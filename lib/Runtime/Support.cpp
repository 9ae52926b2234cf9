//===- Support.cpp - Errors and time in the runtime -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <cstdlib>

using namespace mlir::approx_act;

void runtime::fail(const llvm::Twine &message) {
  llvm::outs().flush();
  llvm::WithColor::error() << message << "\n";
  llvm::errs().flush();
  // Without destructors: the error may have happened on the stack of a fiber,
  // with other parts of the program halfway through their work.
  std::_Exit(EXIT_FAILURE);
}

uint64_t runtime::now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}
