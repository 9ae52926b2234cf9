//===- PassOptions.cpp - What options can be ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PassOptions.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"

using namespace mlir;
using namespace mlir::approx_act;

FailureOr<StorageOptions> approx_act::readStorageOptions(func::FuncOp func,
                                                         unsigned bits,
                                                         double minFraction) {
  if (!isCodeWidth(bits))
    return emitOptionError(func, "bits", bits, "8, 4, 2 or 1");
  // Not a number is neither.
  if (!(minFraction >= 0.0 && minFraction <= 1.0))
    return emitOptionError(func, "min-fraction", minFraction, "from 0 to 1");
  StorageOptions options;
  options.bits = bits;
  options.minFraction = minFraction;
  return options;
}

LogicalResult approx_act::checkRangeOptions(func::FuncOp func,
                                            unsigned maxRanges,
                                            int64_t minBytes) {
  if (maxRanges < 1)
    return emitOptionError(func, "max-ranges", maxRanges, "at least 1");
  if (minBytes < 1)
    return emitOptionError(func, "min-bytes", minBytes, "at least 1");
  return success();
}
