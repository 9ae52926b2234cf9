//===- PassOptions.h - What options can be ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Checks of options that several passes have. Each emits an error at the
/// function where an option has a value that it cannot have.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_TRANSFORMS_PASSOPTIONS_H
#define APPROX_ACT_LIB_TRANSFORMS_PASSOPTIONS_H

#include "approx-act/Analysis/StoragePlan.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::approx_act {

/// Emits that `option` is `value`, which is not what is `allowed`.
template <typename T>
LogicalResult emitOptionError(func::FuncOp func, StringRef option,
                              const T &value, StringRef allowed) {
  return func.emitError() << "option " << option << " is '" << value
                          << "', but has to be " << allowed;
}

/// The options of a storage plan from those of a pass.
FailureOr<StorageOptions> readStorageOptions(func::FuncOp func, unsigned bits,
                                             double minFraction);

/// Checks the options of a pass that does something by ranges.
LogicalResult checkRangeOptions(func::FuncOp func, unsigned maxRanges,
                                int64_t minBytes);

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_TRANSFORMS_PASSOPTIONS_H
