//===- LegalizeTypes.cpp - Types that kernels can have --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/GPU/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/CheckedArithmetic.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_LEGALIZETYPES
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

/// `type` with integers that have no sign.
static Type removeSign(Type type) {
  if (auto shaped = dyn_cast<RankedTensorType>(type))
    return shaped.clone(removeSign(shaped.getElementType()));
  if (auto integer = dyn_cast<IntegerType>(type))
    return IntegerType::get(type.getContext(), integer.getWidth());
  return type;
}

/// Whether the size of `type` in bits is a number of 63 bits.
static bool isAddressable(Type type) {
  auto shaped = dyn_cast<RankedTensorType>(type);
  if (!shaped || !shaped.hasStaticShape() ||
      !shaped.getElementType().isIntOrFloat() ||
      llvm::is_contained(shaped.getShape(), 0))
    return true;
  std::optional<int64_t> bits = shaped.getElementTypeBitWidth();
  for (int64_t size : shaped.getShape())
    bits = bits ? llvm::checkedMul(*bits, size) : bits;
  return bits.has_value();
}

/// Fails if a caller cannot have an array of `type`. What is no array comes
/// from an op, such as a callback's token, of which a later pass tells more.
static LogicalResult checkBoundary(func::FuncOp func, Location loc, Type type,
                                   StringRef kind, unsigned index) {
  auto shaped = dyn_cast<TensorType>(type);
  if (!shaped)
    return success();
  if (!shaped.hasStaticShape())
    return emitError(loc) << kind << " " << index << " of '" << func.getName()
                          << "' must be a tensor of static shape, but is "
                          << type;
  Type element = shaped.getElementType();
  if (!element.isIntOrFloat() ||
      (!element.isInteger(1) && element.getIntOrFloatBitWidth() % 8 != 0))
    return emitError(loc) << kind << " " << index << " of '" << func.getName()
                          << "' has elements of type " << element
                          << "; kernels take integers and floats of whole "
                             "bytes, and i1";
  return success();
}

static LogicalResult checkBoundary(func::FuncOp func) {
  for (auto [index, argument] : llvm::enumerate(func.getArguments()))
    if (failed(checkBoundary(func, argument.getLoc(), argument.getType(),
                             "argument", index)))
      return failure();
  for (Block &block : func.getBody())
    if (auto end = dyn_cast<func::ReturnOp>(block.getTerminator()))
      for (auto [index, value] : llvm::enumerate(end.getOperands()))
        if (failed(checkBoundary(func, value.getLoc(), value.getType(),
                                 "result", index)))
          return failure();
  return success();
}

namespace {
struct LegalizeTypes : approx_act::impl::LegalizeTypesBase<LegalizeTypes> {
  void runOnOperation() override {
    WalkResult result = getOperation().walk([](Operation *op) {
      for (Type type : op->getResultTypes())
        if (!isAddressable(type)) {
          op->emitOpError("makes a tensor of ")
              << type << ", the size of which is no number of 64 bits";
          return WalkResult::interrupt();
        }
      auto func = dyn_cast<func::FuncOp>(op);
      if (func && func.isPublic() && !func.isDeclaration() &&
          failed(checkBoundary(func)))
        return WalkResult::interrupt();
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();

    SmallVector<UnrealizedConversionCastOp> casts;
    getOperation().walk([&](Operation *op) {
      for (Value value : op->getResults())
        value.setType(removeSign(value.getType()));
      for (Region &region : op->getRegions())
        for (Block &block : region)
          for (BlockArgument argument : block.getArguments())
            argument.setType(removeSign(argument.getType()));
      if (auto func = dyn_cast<func::FuncOp>(op)) {
        auto strip = [](TypeRange types) {
          return llvm::map_to_vector(types, removeSign);
        };
        func.setType(FunctionType::get(&getContext(),
                                       strip(func.getArgumentTypes()),
                                       strip(func.getResultTypes())));
      }
      if (auto cast = dyn_cast<UnrealizedConversionCastOp>(op))
        casts.push_back(cast);
    });
    for (UnrealizedConversionCastOp cast : casts)
      if (cast.getOperandTypes() == cast.getResultTypes()) {
        cast.replaceAllUsesWith(cast.getOperands());
        cast.erase();
      }
  }
};
} // namespace
