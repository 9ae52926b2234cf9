//===- ResidualOpInterface.td - What a residual's users need ---*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one window through which the analyses look at ops of other dialects.
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_INTERFACES_RESIDUALOPINTERFACE_TD
#define APPROX_ACT_INTERFACES_RESIDUALOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def ResidualOpInterface : OpInterface<"ResidualOpInterface"> {
  let cppNamespace = "::mlir::approx_act";
  let description = [{
    Tells the analyses, about an op of any dialect, which function it computes,
    whether the backward pass may compute it again instead of storing its
    result, and how exact each of its operands has to be when the op is used in
    the backward pass. An op without this interface is never recomputed and
    demands every operand exactly.
  }];
  let methods = [
    InterfaceMethod<[{
        The function that the op computes, `ScalarFunction::Other` if it is
        none of those the analyses reason about.
      }],
      "::mlir::approx_act::ScalarFunction", "getScalarFunction", (ins)>,
    InterfaceMethod<[{
        How the op may be computed again in the backward pass.
      }],
      "::mlir::approx_act::Recompute", "getRecompute", (ins)>,
    InterfaceMethod<[{
        How exact operand `index` must be for the result to be usable by a
        consumer that itself accepts an approximation.
      }],
      "::mlir::approx_act::Demand", "getDemand", (ins "unsigned":$index)>,
    InterfaceMethod<[{
        For a comparison, its direction; `std::nullopt` for every other op.
      }],
      "::std::optional<::mlir::approx_act::Comparison>", "getComparison",
      (ins)>,
    InterfaceMethod<[{
        The dimensions that the op is about. Broadcast: the result dimension of
        each operand dimension. Transpose: the operand dimension of each result
        dimension. Reduction: the operand dimensions that are summed. Empty for
        every other op.
      }],
      "::llvm::SmallVector<int64_t>", "getDimensions", (ins)>,
    InterfaceMethod<[{
        The value of a constant all of whose elements are equal, as a double;
        `std::nullopt` for every other op.
      }],
      "::std::optional<double>", "getSplatValue", (ins)>,
    InterfaceMethod<[{
        For an elementwise op on real numbers and booleans (0 and 1), what
        computes its value from those of all its operands; null for every other
        op.
      }],
      "::mlir::approx_act::Evaluator", "getEvaluator", (ins)>,
  ];
}

#endif // APPROX_ACT_INTERFACES_RESIDUALOPINTERFACE_TD
