//===- ApproxActOps.td - Ops of approx_act -----------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_OPS_TD
#define APPROX_ACT_OPS_TD

include "approx-act/Dialect/ApproxAct/IR/ApproxActAttrs.td"
include "approx-act/Dialect/ApproxAct/IR/ContractionOps.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
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

def ApproxAct_SplitGridOp : ApproxAct_Op<"split_grid", [
    AllTypesMatch<["lo", "step", "slope", "offset", "edge", "below", "above"]>]> {
  let summary = "two grids that meet where a mask of the activation changes";
  let description = [{
    For a mask `slope·x + offset > 0` of the activation `x` on the grid, divides
    the interval of the grid at the `x` at which the mask changes, `edge` [S3].
    Cells below the edge are `below` wide, cells above it `above`. The edge lies
    below cell `|split|`; `split` is positive when the mask is true above the
    edge, negative when it is true below. Each side has at least one cell, even
    when the mask changes outside of the interval or nowhere.

    Cells on the side on which the mask is true are about `ratio` times narrower
    than the others: behind a ReLU, that is the side whose values the backward
    pass multiplies cotangents by; of the other side it needs little more than
    the mask.

    Example:

    ```mlir
    %edge, %below, %above, %split =
        approx_act.split_grid %lo, %step, %gamma, %beta
        {bits = 4 : i32, ratio = 4.0 : f32}
        : tensor<1x1x1x64xf32> -> tensor<1x1x1x64xi32>
    ```
  }];
  let arguments = (ins ApproxAct_Parameter:$lo, ApproxAct_Parameter:$step,
                       ApproxAct_Parameter:$slope, ApproxAct_Parameter:$offset,
                       I32Attr:$bits, F32Attr:$ratio);
  let results = (outs ApproxAct_Parameter:$edge, ApproxAct_Parameter:$below,
                      ApproxAct_Parameter:$above, ApproxAct_Split:$split);
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
    AllTypesMatch<["lo", "step"]>]> {
  let summary = "the cells of a grid that hold the elements of an activation";
  let description = [{
    Gives for each element the number of its cell, clamped to the grid [S4].

    Example:

    ```mlir
    %q = approx_act.quantize %x, %lo, %step
        : tensor<8x32x32x64xf32>, tensor<1x1x1x64xf32> -> tensor<8x32x32x64xi4>
    ```
  }];
  let arguments = (ins ApproxAct_Activation:$input,
                       ApproxAct_Parameter:$lo, ApproxAct_Parameter:$step,
                       DefaultValuedAttr<ApproxAct_RoundingAttr,
                         "::mlir::approx_act::RoundingMode::Nearest, 0">:$rounding);
  let results = (outs ApproxAct_Codes:$codes);
  let assemblyFormat = [{
    $input `,` $lo `,` $step attr-dict
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

//===----------------------------------------------------------------------===//
// Codes that carry a mask
//===----------------------------------------------------------------------===//

def ApproxAct_QuantizeSplitOp : ApproxAct_Op<"quantize_split", [
    AllTypesMatch<["edge", "below", "above"]>]> {
  let summary = "the cells of a split grid, on the side that a mask names";
  let description = [{
    Gives for each element the number of its cell on a split grid. The mask, not
    the element, decides on which side of the edge that is, so that it can be
    had back from the codes for every element, whatever rounding and the clamp
    do [S5].

    Example:

    ```mlir
    %q = approx_act.quantize_split %x, %edge, %below, %above, %split, %mask
        : tensor<8x32x32x64xf32>, tensor<1x1x1x64xf32>, tensor<1x1x1x64xi32>,
          tensor<8x32x32x64xi1> -> tensor<8x32x32x64xi4>
    ```
  }];
  let arguments = (ins ApproxAct_Activation:$input, ApproxAct_Parameter:$edge,
                       ApproxAct_Parameter:$below, ApproxAct_Parameter:$above,
                       ApproxAct_Split:$split, ApproxAct_Mask:$mask,
                       DefaultValuedAttr<ApproxAct_RoundingAttr,
                         "::mlir::approx_act::RoundingMode::Nearest, 0">:$rounding);
  let results = (outs ApproxAct_Codes:$codes);
  let assemblyFormat = [{
    $input `,` $edge `,` $below `,` $above `,` $split `,` $mask attr-dict
    `:` type($input) `,` type($edge) `,` type($split) `,` type($mask)
    `->` type($codes)
  }];
  let hasVerifier = 1;
}

def ApproxAct_DequantizeSplitOp : ApproxAct_Op<"dequantize_split", [
    AllTypesMatch<["edge", "below", "above"]>]> {
  let summary = "the centres of the cells of a split grid that codes name";
  let description = [{
    Restores an approximation from its codes on a split grid:
    `edge + (q + 1/2 − |split|)·(q ≥ |split| ? above : below)` [S6].

    Example:

    ```mlir
    %x = approx_act.dequantize_split %q, %edge, %below, %above, %split
        : tensor<8x32x32x64xi4>, tensor<1x1x1x64xf32>, tensor<1x1x1x64xi32>
        -> tensor<8x32x32x64xf32>
    ```
  }];
  let arguments = (ins ApproxAct_Codes:$codes, ApproxAct_Parameter:$edge,
                       ApproxAct_Parameter:$below, ApproxAct_Parameter:$above,
                       ApproxAct_Split:$split);
  let results = (outs ApproxAct_Activation:$output);
  let assemblyFormat = [{
    $codes `,` $edge `,` $below `,` $above `,` $split attr-dict
    `:` type($codes) `,` type($edge) `,` type($split) `->` type($output)
  }];
  let hasVerifier = 1;
}

def ApproxAct_SideOp : ApproxAct_Op<"side"> {
  let summary = "the mask that codes on a split grid carry";
  let description = [{
    Gives the mask of the quantization, exactly [S5].

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

def ApproxAct_IterationOp : Op<ApproxAct_Dialect, "iteration"> {
  let summary = "what an iteration of a loop, or a branch, starts from";
  let description = [{
    Stands for values that a loop hands from one iteration to the next, or that a
    branch captures, while bodies of loops and branches are looked at by themselves
    (`approx-act-compress-residuals`): nothing is known of them, and they cannot
    be computed. No pass leaves one behind.

    Example:

    ```mlir
    %i, %h = approx_act.iteration : tensor<i32>, tensor<16x64xf32>
    ```
  }];
  let results = (outs Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict (`:` type($values)^)?";
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

def ApproxAct_KernelOp : Op<ApproxAct_Dialect, "kernel", [
    IsolatedFromAbove, AttrSizedOperandSegments, SingleBlock,
    DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "what one launch computes";
  let description = [{
    Computes tensors from tensors in one launch. The body is a graph of pure ops
    of `linalg`, `tensor` and `arith`, of which only what is yielded is ever in
    memory; the rest is computed where it is read, element by element. It works
    on tensors also when the op itself, after bufferization, works on memory:
    its arguments stand for what `inputs` hold, and what it yields is written to
    `outs`, whose content before is never read.

    Each result that is yielded is either elementwise, or a reduction
    (`linalg.generic` with reduction iterators), whose inputs are computed where
    the reduction reads them.

    Example:

    ```mlir
    %r = approx_act.kernel "scale_add" ins(%x, %y : tensor<8xf32>, tensor<8xf32>)
        outs(%e : tensor<8xf32>) {
    ^bb0(%a: tensor<8xf32>, %b: tensor<8xf32>):
      %0 = linalg.generic … ins(%a, %b : tensor<8xf32>, tensor<8xf32>) …
      approx_act.yield %0 : tensor<8xf32>
    } -> tensor<8xf32>
    ```
  }];
  let arguments = (ins StrAttr:$label, Variadic<AnyType>:$inputs,
                       Variadic<AnyShaped>:$outs);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $label (`ins` `(` $inputs^ `:` type($inputs) `)`)?
    `outs` `(` $outs `:` type($outs) `)` attr-dict-with-keyword $body
    (`->` type($outputs)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() { return getOutsMutable(); }
    YieldOp getYield();
  }];
}

def ApproxAct_YieldOp : ApproxAct_Op<"yield", [
    Terminator, ReturnLike, HasParent<"KernelOp">]> {
  let summary = "what a kernel computes";
  let description = [{
    Ends the body of an `approx_act.kernel`.

    Example:

    ```mlir
    approx_act.yield %0 : tensor<8xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$values);
  let assemblyFormat = "$values attr-dict `:` type($values)";
}

#endif // APPROX_ACT_OPS_TD
