//===- ContractionsToLLVM.cpp - Calls of the runtime's contractions -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Part of upstream's `gpu-to-llvm`: tokens have become streams there, and a
/// call goes to the stream of the launch before it.
///
//===----------------------------------------------------------------------===//

#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/GPU/Passes.h"
#include "mlir/Conversion/ConvertToLLVM/ToLLVMInterface.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace mlir::approx_act;

/// The constant array of `numbers`, named by them so that there is one of each.
static LLVM::GlobalOp getDescription(OpBuilder &builder, ModuleOp module,
                                     StringRef prefix,
                                     ArrayRef<int64_t> numbers) {
  std::string name = prefix.str();
  for (int64_t number : numbers)
    name += (number < 0 ? "_m" : "_") + std::to_string(std::abs(number));
  if (auto known = module.lookupSymbol<LLVM::GlobalOp>(name))
    return known;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(module.getBody());
  auto type = LLVM::LLVMArrayType::get(builder.getI64Type(),
                                       static_cast<unsigned>(numbers.size()));
  return LLVM::GlobalOp::create(builder, module.getLoc(), type,
                                /*isConstant=*/true, LLVM::Linkage::Internal,
                                name, builder.getI64TensorAttr(numbers));
}

namespace {
/// `callee(out, lhs, rhs, description, stream)`.
template <typename OpT>
struct ContractionLowering : ConvertOpToLLVMPattern<OpT> {
  using ConvertOpToLLVMPattern<OpT>::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(OpT op, typename OpT::Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!isa<MemRefType>(op.getOut().getType()))
      return rewriter.notifyMatchFailure(op, "not on memory");
    if (!op.getAsyncToken() || op.getAsyncDependencies().size() != 1)
      return rewriter.notifyMatchFailure(
          op, "neither asynchronous nor on the stream of one other");
    Location loc = op.getLoc();
    auto module = op->template getParentOfType<ModuleOp>();
    Type pointer = LLVM::LLVMPointerType::get(rewriter.getContext());
    FailureOr<LLVM::LLVMFuncOp> callee = LLVM::lookupOrCreateFn(
        rewriter, module, op.getCallee(), SmallVector<Type>(5, pointer),
        LLVM::LLVMVoidType::get(rewriter.getContext()));
    if (failed(callee))
      return failure();
    LLVM::GlobalOp description = getDescription(
        rewriter, module, op->getName().stripDialect(), op.getDescription());
    auto getPointer = [&](Value memory) {
      return MemRefDescriptor(memory).alignedPtr(rewriter, loc);
    };
    Value out = getPointer(adaptor.getOut());
    Value lhs = getPointer(adaptor.getLhs());
    Value rhs = getPointer(adaptor.getRhs());
    Value numbers = LLVM::AddressOfOp::create(rewriter, loc, description);
    Value stream = adaptor.getAsyncDependencies().front();
    LLVM::CallOp::create(rewriter, loc, *callee,
                         ValueRange{out, lhs, rhs, numbers, stream});
    rewriter.replaceOp(op, stream);
    return success();
  }
};

struct ContractionsToLLVM : ConvertToLLVMPatternInterface {
  using ConvertToLLVMPatternInterface::ConvertToLLVMPatternInterface;

  void populateConvertToLLVMConversionPatterns(
      ConversionTarget &target, LLVMTypeConverter &converter,
      RewritePatternSet &patterns) const override {
    target.addIllegalOp<GemmOp, ConvolutionOp>();
    patterns
        .add<ContractionLowering<GemmOp>, ContractionLowering<ConvolutionOp>>(
            converter);
  }
};
} // namespace

void approx_act::registerConvertContractionsToLLVMInterface(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *, ApproxActDialect *dialect) {
    dialect->addInterfaces<ContractionsToLLVM>();
  });
}
