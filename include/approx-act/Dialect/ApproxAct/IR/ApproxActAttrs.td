//===- ApproxActAttrs.td - Attributes of approx_act --------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_ATTRS_TD
#define APPROX_ACT_ATTRS_TD

include "approx-act/Dialect/ApproxAct/IR/ApproxActDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def ApproxAct_RangeRule : I32EnumAttr<"RangeRule",
    "which interval the cells of a grid divide", [
      I32EnumAttrCase<"Normalised", 0, "normalised">,
      I32EnumAttrCase<"MinMax", 1, "minmax">,
      I32EnumAttrCase<"AbsMax", 2, "absmax">]> {
  let cppNamespace = "::mlir::approx_act";
  let genSpecializedAttr = 0;
}

// Not a double, because a parameter has to be hashable.
def ApproxAct_Sigma : APFloatParameter<"half the width of the interval"> {
  let defaultValue = "::llvm::APFloat(0.0)";
  let parser = [{[&]() -> ::mlir::FailureOr<::llvm::APFloat> {
    double value;
    if ($_parser.parseFloat(value))
      return ::mlir::failure();
    return ::llvm::APFloat(value);
  }()}];
  let printer = "$_printer.printFloat($_self)";
}

def ApproxAct_RangeAttr : AttrDef<ApproxAct_Dialect, "Range"> {
  let mnemonic = "range";
  let summary = "the rule that sets the interval of a grid";
  let description = [{
    `normalised`: `mean ± sigma` standard deviations, known to the program, so
    that no statistics are computed for the grid. `minmax`: from the least to
    the greatest element that shares the parameter, both of which are centres of
    cells; so is zero where it lies between. `absmax`: symmetric about
    zero, up to the greatest magnitude.

    ```mlir
    #approx_act.range<normalised, sigma = 3.5>
    #approx_act.range<minmax>
    ```
  }];
  let parameters = (ins EnumParameter<ApproxAct_RangeRule>:$rule,
                        ApproxAct_Sigma:$sigma);
  let builders = [AttrBuilder<(ins "::mlir::approx_act::RangeRule":$rule,
                                   CArg<"double", "0.0">:$sigma),
                              "return $_get($_ctxt, rule, ::llvm::APFloat(sigma));">];
  let assemblyFormat = "`<` $rule (`,` `sigma` `=` $sigma^)? `>`";
  let genVerifyDecl = 1;
}

def ApproxAct_GranularityKind : I32EnumAttr<"GranularityKind",
    "which elements of an activation share a cell width", [
      I32EnumAttrCase<"Tensor", 0, "tensor">,
      I32EnumAttrCase<"Channel", 1, "channel">,
      I32EnumAttrCase<"Group", 2, "group">]> {
  let cppNamespace = "::mlir::approx_act";
  let genSpecializedAttr = 0;
}

def ApproxAct_GranularityAttr : AttrDef<ApproxAct_Dialect, "Granularity"> {
  let mnemonic = "granularity";
  let summary = "which elements of an activation share a cell width";
  let description = [{
    `tensor`: all of them. `channel`: those that agree in some dimensions, the
    ones in which the parameter is as large as the activation (a channel of an
    image, a row of a sequence). `group`: runs of `size` neighbours in the last
    dimension.

    ```mlir
    #approx_act.granularity<channel>
    #approx_act.granularity<group, size = 64>
    ```
  }];
  let parameters = (ins EnumParameter<ApproxAct_GranularityKind>:$kind,
                        DefaultValuedParameter<"int64_t", "0">:$size);
  let assemblyFormat = "`<` $kind (`,` `size` `=` $size^)? `>`";
  let genVerifyDecl = 1;
}

def ApproxAct_RoundingMode : I32EnumAttr<"RoundingMode",
    "how a value is assigned to a cell", [
      I32EnumAttrCase<"Nearest", 0, "nearest">,
      I32EnumAttrCase<"Stochastic", 1, "stochastic">]> {
  let cppNamespace = "::mlir::approx_act";
  let genSpecializedAttr = 0;
}

def ApproxAct_RoundingAttr : AttrDef<ApproxAct_Dialect, "Rounding"> {
  let mnemonic = "rounding";
  let summary = "how a value is assigned to a cell";
  let description = [{
    `nearest`: the cell that holds the value, whose centre is the nearest.
    `stochastic`: one of the two cells whose centres enclose the value, with
    the probability that makes the restored value right on average; the random
    number of an element is a hash of `seed` and its position, so that the same
    program gives the same codes on every machine.

    ```mlir
    #approx_act.rounding<stochastic, seed = 7>
    ```
  }];
  let parameters = (ins EnumParameter<ApproxAct_RoundingMode>:$mode,
                        DefaultValuedParameter<"uint32_t", "0">:$seed);
  let constBuilderCall = cppType # "::get($_builder.getContext(), $0)";
  let assemblyFormat = "`<` $mode (`,` `seed` `=` $seed^)? `>`";
  let genVerifyDecl = 1;
}

def ApproxAct_ConvolutionKind : I32EnumAttr<"ConvolutionKind",
    "what of a convolution is computed", [
      I32EnumAttrCase<"Forward", 0, "forward">,
      I32EnumAttrCase<"InputGradient", 1, "input_gradient">,
      I32EnumAttrCase<"FilterGradient", 2, "filter_gradient">]> {
  let cppNamespace = "::mlir::approx_act";
  let genSpecializedAttr = 0;
}

def ApproxAct_ConvolutionKindAttr
    : EnumAttr<ApproxAct_Dialect, ApproxAct_ConvolutionKind, "kind"> {
  let assemblyFormat = "$value";
}

#endif // APPROX_ACT_ATTRS_TD
