//===- UpstreamModels.cpp - Interfaces of upstream ops --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Interfaces/UpstreamModels.h"
#include "approx-act/Interfaces/ResidualOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::approx_act;

namespace {
/// A cheap op that computes `function` of operands that may be approximations.
template <typename Op, ScalarFunction function>
struct Model : ResidualOpInterface::ExternalModel<Model<Op, function>, Op> {
  ScalarFunction getScalarFunction(Operation *) const { return function; }
  Recompute getRecompute(Operation *) const { return Recompute::Cheap; }
  Demand getDemand(Operation *, unsigned index) const {
    bool isDenominator = function == ScalarFunction::Divide && index == 1;
    return isDenominator ? Demand::Exact : Demand::Approximate;
  }
  std::optional<Comparison> getComparison(Operation *) const {
    return std::nullopt;
  }
  SmallVector<int64_t> getDimensions(Operation *) const { return {}; }
  std::optional<double> getSplatValue(Operation *op) const {
    auto constant = dyn_cast<arith::ConstantOp>(op);
    auto elements = constant
                        ? dyn_cast<DenseFPElementsAttr>(constant.getValue())
                        : DenseFPElementsAttr();
    if (!elements || !elements.isSplat())
      return std::nullopt;
    return elements.getSplatValue<APFloat>().convertToDouble();
  }
  Evaluator getEvaluator(Operation *) const { return nullptr; }
};

} // namespace

template <typename Op, ScalarFunction function>
static void attach(MLIRContext *context) {
  Op::template attachInterface<Model<Op, function>>(*context);
}

void approx_act::registerUpstreamModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) {
    attach<arith::ConstantOp, ScalarFunction::Constant>(context);
    attach<arith::AddFOp, ScalarFunction::Add>(context);
    attach<arith::SubFOp, ScalarFunction::Subtract>(context);
    attach<arith::MulFOp, ScalarFunction::Multiply>(context);
    attach<arith::DivFOp, ScalarFunction::Divide>(context);
    attach<arith::NegFOp, ScalarFunction::Negate>(context);
    attach<arith::ExtFOp, ScalarFunction::Convert>(context);
    attach<arith::TruncFOp, ScalarFunction::Convert>(context);
  });
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    attach<tensor::ExpandShapeOp, ScalarFunction::Reshape>(context);
    attach<tensor::CollapseShapeOp, ScalarFunction::Reshape>(context);
  });
}
