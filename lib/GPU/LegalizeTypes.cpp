//===- LegalizeTypes.cpp - Types that kernels can have --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "approx-act/GPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectResourceBlobManager.h"
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

/// Takes the sign from what a constant says that it is.
static void removeSignOfValue(arith::ConstantOp constant) {
  auto type = dyn_cast<RankedTensorType>(removeSign(constant.getType()));
  if (!type)
    return;
  TypedAttr value = constant.getValue();
  if (auto dense = dyn_cast<DenseElementsAttr>(value))
    constant.setValueAttr(dense.bitcast(type.getElementType()));
  else if (auto resource = dyn_cast<DenseResourceElementsAttr>(value))
    constant.setValueAttr(
        DenseResourceElementsAttr::get(type, resource.getRawHandle()));
}

/// Makes 64 bits of an operand that had no negative numbers, so that it has
/// none when its sign is not known any more.
static void extendUnsigned(OpOperand &operand) {
  auto type = cast<RankedTensorType>(operand.get().getType());
  OpBuilder builder(operand.getOwner());
  operand.set(arith::ExtUIOp::create(builder, operand.getOwner()->getLoc(),
                                     type.clone(builder.getI64Type()),
                                     operand.get()));
}

/// Whether `operand` is read as numbers of fewer than 64 bits without a sign.
/// Other ops of StableHLO have been lowered.
static bool isUnsignedIndex(OpOperand &operand) {
  auto type = dyn_cast<RankedTensorType>(operand.get().getType());
  return type && type.getElementType().isUnsignedInteger() &&
         type.getElementTypeBitWidth() < 64 &&
         isStableHLOOp(operand.getOwner(), "scatter") &&
         operand.getOperandNumber() == operand.getOwner()->getNumOperands() / 2;
}

/// Whether the size of `type` in bits is a number of 63 bits.
static bool isAddressable(Type type) {
  auto shaped = dyn_cast<RankedTensorType>(type);
  if (!shaped || !shaped.hasStaticShape() ||
      llvm::is_contained(shaped.getShape(), 0))
    return true;
  Type element = shaped.getElementType();
  auto complex = dyn_cast<ComplexType>(element);
  if (complex)
    element = complex.getElementType();
  if (!element.isIntOrFloat())
    return true;
  std::optional<int64_t> bits =
      (complex ? 2 : 1) * static_cast<int64_t>(element.getIntOrFloatBitWidth());
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
  // Kernels take the parts of complex numbers.
  auto complex = dyn_cast<ComplexType>(element);
  Type part = complex ? complex.getElementType() : element;
  bool isLegal = part.isF32() || part.isF64();
  if (!complex)
    isLegal = part.isInteger(1) ||
              (part.isIntOrFloat() && part.getIntOrFloatBitWidth() % 8 == 0);
  if (!isLegal)
    return emitError(loc) << kind << " " << index << " of '" << func.getName()
                          << "' has elements of type " << element
                          << "; kernels take integers and floats of whole "
                             "bytes, i1, and complex numbers of f32 or f64";
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
    SmallVector<OpOperand *> unsignedIndices;
    WalkResult result = getOperation().walk([&](Operation *op) {
      for (Type type : op->getResultTypes())
        if (!isAddressable(type)) {
          op->emitOpError("makes a tensor of ")
              << type << ", the size of which is no number of 64 bits";
          return WalkResult::interrupt();
        }
      for (Region &region : op->getRegions())
        for (BlockArgument argument : region.getArguments())
          if (!isAddressable(argument.getType())) {
            emitError(argument.getLoc())
                << "expected a tensor the size of which is a number of 64 "
                   "bits, but found "
                << argument.getType();
            return WalkResult::interrupt();
          }
      for (OpOperand &operand : op->getOpOperands())
        if (isUnsignedIndex(operand))
          unsignedIndices.push_back(&operand);
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
      if (auto constant = dyn_cast<arith::ConstantOp>(op))
        removeSignOfValue(constant);
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
    for (OpOperand *operand : unsignedIndices)
      extendUnsigned(*operand);
    for (UnrealizedConversionCastOp cast : casts)
      if (cast.getOperandTypes() == cast.getResultTypes()) {
        cast.replaceAllUsesWith(cast.getOperands());
        cast.erase();
      }
  }
};
} // namespace
