//===- ApproxActOps.td - Ops of approx_act -----------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_OPS_TD
#define APPROX_ACT_OPS_TD

include "approx-act/Dialect/ApproxAct/IR/ApproxActAttrs.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class ApproxAct_Op<string mnemonic, list<Trait> traits = []>
    : Op<ApproxAct_Dialect, mnemonic, !listconcat([Pure], traits)>;

def ApproxAct_Float : AnyTypeOf<[F16, BF16, F32, F64], "f16, bf16, f32 or f64">;
def ApproxAct_Activation : StaticShapeTensorOf<[ApproxAct_Float]>;
// Grids of f16 and bf16 activations are f32: a cell width has to be finer than
// the activation's own rounding.
def ApproxAct_Parameter : StaticShapeTensorOf<[F32, F64]>;
def ApproxAct_Code : AnyTypeOf<[I1, I<2>, I<4>, I8], "code of 1, 2, 4 or 8 bits">;
def ApproxAct_Codes : StaticShapeTensorOf<[ApproxAct_Code]>;
def ApproxAct_Words : StaticShapeTensorOf<[I8]>;
def ApproxAct_Mask : StaticShapeTensorOf<[I1]>;
def ApproxAct_Split : StaticShapeTensorOf<[I32]>;

//===----------------------------------------------------------------------===//
// Grids
//===----------------------------------------------------------------------===//

def ApproxAct_GridOp : ApproxAct_Op<"grid", [
    AttrSizedOperandSegments, AllTypesMatch<["lo", "step"]>]> {
  let summary = "the grid of an activation: where its cells begin and how wide they are";
  let description = [{
    Divides an interval into `2^bits` cells of equal width. The interval comes
    from the `range` rule [S2]: the least and greatest element that share a
    parameter, the greatest magnitude, or, for a value whose mean and standard
    deviation the program has already computed, `mean ± sigma·deviation`. There
    `mean` is the mean (absent: zero) and `rstd` the reciprocal of the standard
    deviation (absent: one); both have the type of the results.

    The shape of the results says which elements share a parameter, and must
    agree with `granularity`.

    Example:

    ```mlir
    %lo, %step = approx_act.grid %x {bits = 4 : i32,
        granularity = #approx_act.granularity<channel>,
        range = #approx_act.range<minmax>}
        : tensor<8x32x32x64xf32> -> tensor<1x1x1x64xf32>
    %lo1, %step1 = approx_act.grid %y mean %m : tensor<1x1x1x64xf32>
        rstd %r : tensor<1x1x1x64xf32> {bits = 8 : i32,
        granularity = #approx_act.granularity<channel>,
        range = #approx_act.range<normalised, sigma = 6.0>}
        : tensor<8x32x32x64xf32> -> tensor<1x1x1x64xf32>
    ```
  }];
  let arguments = (ins ApproxAct_Activation:$input,
                       Optional<ApproxAct_Parameter>:$mean,
                       Optional<ApproxAct_Parameter>:$rstd,
                       I32Attr:$bits,
                       ApproxAct_RangeAttr:$range,
                       ApproxAct_GranularityAttr:$granularity);
  let results = (outs ApproxAct_Parameter:$lo, ApproxAct_Parameter:$step);
  let assemblyFormat = [{
    $input (`mean` $mean^ `:` type($mean))? (`rstd` $rstd^ `:` type($rstd))?
    attr-dict `:` type($input) `->` type($lo)
  }];
  let hasVerifier = 1;
}

def ApproxAct_AlignGridOp : ApproxAct_Op<"align_grid", [
    AllTypesMatch<["lo", "step", "slope", "offset", "aligned"]>]> {
  let summary = "moves a grid so that a sign change falls on the edge of a cell";
  let description = [{
    For a mask `slope·x + offset > 0` of the activation `x` on the grid, shifts
    the grid by less than a cell so that the `x` at which the mask changes is
    the edge below cell `|split|`, and gives that edge as `split`: positive
    when the mask is true above it, negative when it is true below [S3]. The
    edge is kept within `[1, 2^bits − 1]`, so that each side has at least one
    cell even when the mask changes outside of the interval or nowhere.

    Example:

    ```mlir
    %aligned, %split = approx_act.align_grid %lo, %step, %gamma, %beta
        {bits = 4 : i32} : tensor<1x1x1x64xf32> -> tensor<1x1x1x64xi32>
    ```
  }];
  let arguments = (ins ApproxAct_Parameter:$lo, ApproxAct_Parameter:$step,
                       ApproxAct_Parameter:$slope, ApproxAct_Parameter:$offset,
                       I32Attr:$bits);
  let results = (outs ApproxAct_Parameter:$aligned, ApproxAct_Split:$split);
  let assemblyFormat = [{
    $lo `,` $step `,` $slope `,` $offset attr-dict
    `:` type($lo) `->` type($split)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

def ApproxAct_QuantizeOp : ApproxAct_Op<"quantize", [
    AttrSizedOperandSegments, AllTypesMatch<["lo", "step"]>]> {
  let summary = "the cells of a grid that hold the elements of an activation";
  let description = [{
    Gives for each element the number of its cell, clamped to the grid [S4].
    With `side`, the mask of an aligned grid, the code is also moved to the
    side of the edge `split` that the mask names, if rounding or the clamp has
    put it on the other: the mask can be had back from the codes for every
    element [S5].

    Example:

    ```mlir
    %q = approx_act.quantize %x, %lo, %step
        side %mask : tensor<8x32x32x64xi1> split %split : tensor<1x1x1x64xi32>
        : tensor<8x32x32x64xf32>, tensor<1x1x1x64xf32> -> tensor<8x32x32x64xi4>
    ```
  }];
  let arguments = (ins ApproxAct_Activation:$input,
                       ApproxAct_Parameter:$lo, ApproxAct_Parameter:$step,
                       Optional<ApproxAct_Mask>:$side,
                       Optional<ApproxAct_Split>:$split,
                       DefaultValuedAttr<ApproxAct_RoundingAttr,
                         "::mlir::approx_act::RoundingMode::Nearest, 0">:$rounding);
  let results = (outs ApproxAct_Codes:$codes);
  let assemblyFormat = [{
    $input `,` $lo `,` $step (`side` $side^ `:` type($side))?
    (`split` $split^ `:` type($split))? attr-dict
    `:` type($input) `,` type($lo) `->` type($codes)
  }];
  let hasVerifier = 1;
}

def ApproxAct_DequantizeOp : ApproxAct_Op<"dequantize", [
    AllTypesMatch<["lo", "step"]>]> {
  let summary = "the centres of the cells that codes name";
  let description = [{
    Restores an approximation from its codes: `lo + (q + 1/2)·step` [S6].

    Example:

    ```mlir
    %x = approx_act.dequantize %q, %lo, %step
        : tensor<8x32x32x64xi4>, tensor<1x1x1x64xf32> -> tensor<8x32x32x64xf32>
    ```
  }];
  let arguments = (ins ApproxAct_Codes:$codes,
                       ApproxAct_Parameter:$lo, ApproxAct_Parameter:$step);
  let results = (outs ApproxAct_Activation:$output);
  let assemblyFormat = [{
    $codes `,` $lo `,` $step attr-dict
    `:` type($codes) `,` type($lo) `->` type($output)
  }];
  let hasVerifier = 1;
}

def ApproxAct_SideOp : ApproxAct_Op<"side"> {
  let summary = "the mask that codes on an aligned grid carry";
  let description = [{
    Gives the mask that was the `side` of the quantization, exactly [S5].

    Example:

    ```mlir
    %mask = approx_act.side %q, %split
        : tensor<8x32x32x64xi4>, tensor<1x1x1x64xi32> -> tensor<8x32x32x64xi1>
    ```
  }];
  let arguments = (ins ApproxAct_Codes:$codes, ApproxAct_Split:$split);
  let results = (outs ApproxAct_Mask:$mask);
  let assemblyFormat = [{
    $codes `,` $split attr-dict
    `:` type($codes) `,` type($split) `->` type($mask)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

def ApproxAct_PackOp : ApproxAct_Op<"pack"> {
  let summary = "codes or masks, side by side in words of 8 bits";
  let description = [{
    Packs `8 / bits` codes into each word along dimension `dim`: with
    `n = ceil(size / (8 / bits))` words in that dimension, word `w` holds the
    codes `w, w + n, w + 2n, …`, lowest bits first; codes past the end are zero
    [S7]. So the words of one part of the other dimensions depend on that part
    alone (a sharded batch stays sharded), and packing is a handful of
    contiguous slices.

    Example:

    ```mlir
    %w = approx_act.pack %q {dim = 1 : i64} : tensor<8x64xi4> -> tensor<8x32xi8>
    ```
  }];
  let arguments = (ins ApproxAct_Codes:$codes, I64Attr:$dim);
  let results = (outs ApproxAct_Words:$words);
  let assemblyFormat = "$codes attr-dict `:` type($codes) `->` type($words)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def ApproxAct_UnpackOp : ApproxAct_Op<"unpack"> {
  let summary = "the codes or masks that words of 8 bits hold";
  let description = [{
    The inverse of `approx_act.pack` [S7].

    Example:

    ```mlir
    %q = approx_act.unpack %w {dim = 1 : i64} : tensor<8x32xi8> -> tensor<8x64xi4>
    ```
  }];
  let arguments = (ins ApproxAct_Words:$words, I64Attr:$dim);
  let results = (outs ApproxAct_Codes:$codes);
  let assemblyFormat = "$words attr-dict `:` type($words) `->` type($codes)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def ApproxAct_BarrierOp : ApproxAct_Op<"barrier", [
    DeclareOpInterfaceMethods<InferTypeOpInterface, ["inferReturnTypes"]>]> {
  let summary = "no result exists before every operand does";
  let description = [{
    Hands its operands on. A compiler must compute all of them before it uses
    any result, and cannot see through it: codes tied to the forward value that
    is computed next are made while the activation is at hand, and codes tied
    to a cotangent are not restored before that cotangent arrives.

    Example:

    ```mlir
    %w1, %g1 = approx_act.barrier %w, %g
        : tensor<8x32xi8>, tensor<8x64xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$inputs);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = "$inputs attr-dict `:` type($inputs)";
  let hasVerifier = 1;
}

#endif // APPROX_ACT_OPS_TD
