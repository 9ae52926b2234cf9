//===- ResidualOpInterface.cpp - What a residual's users need -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Interfaces/ResidualOpInterface.h"
#include "llvm/Support/ErrorHandling.h"

using namespace mlir;
using namespace mlir::approx_act;

StringRef approx_act::stringify(Demand demand) {
  switch (demand) {
  case Demand::None:
    return "none";
  case Demand::Side:
    return "side";
  case Demand::Approximate:
    return "approximate";
  case Demand::Function:
    return "function";
  case Demand::Exact:
    return "exact";
  }
  llvm_unreachable("all demands are named");
}

#include "approx-act/Interfaces/ResidualOpInterface.cpp.inc"

bool approx_act::computes(Operation *op, ScalarFunction function) {
  auto residualOp = dyn_cast_or_null<ResidualOpInterface>(op);
  return residualOp && residualOp.getScalarFunction() == function;
}
