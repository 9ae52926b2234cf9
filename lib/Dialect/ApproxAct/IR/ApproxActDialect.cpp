//===- ApproxActDialect.cpp - The approx_act dialect ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::approx_act;

#include "approx-act/Dialect/ApproxAct/IR/ApproxActDialect.cpp.inc"

#include "approx-act/Dialect/ApproxAct/IR/ApproxActEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "approx-act/Dialect/ApproxAct/IR/ApproxActAttrs.cpp.inc"

void ApproxActDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "approx-act/Dialect/ApproxAct/IR/ApproxActAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "approx-act/Dialect/ApproxAct/IR/ApproxActOps.cpp.inc"
      >();
}

LogicalResult RangeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                RangeRule rule,
                                APFloat sigma) { // NOLINT: as generated
  bool isNormalised = rule == RangeRule::Normalised;
  if (isNormalised && (!sigma.isFiniteNonZero() || sigma.isNegative()))
    return emitError() << "a normalised range needs a positive, finite sigma";
  if (!isNormalised && !sigma.isZero())
    return emitError() << "sigma goes with a normalised range";
  return success();
}

LogicalResult
GranularityAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                        GranularityKind kind, int64_t size) {
  bool isGroup = kind == GranularityKind::Group;
  if (isGroup && size < 1)
    return emitError() << "a group granularity needs a positive size";
  if (!isGroup && size != 0)
    return emitError() << "size goes with a group granularity";
  return success();
}

LogicalResult RoundingAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   RoundingMode mode, uint32_t seed) {
  if (mode == RoundingMode::Nearest && seed != 0)
    return emitError() << "a seed goes with stochastic rounding";
  return success();
}
