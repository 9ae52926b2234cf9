//===- ContractionOps.td - Contractions of the runtime -----*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_CONTRACTION_OPS_TD
#define APPROX_ACT_CONTRACTION_OPS_TD

include "approx-act/Dialect/ApproxAct/IR/ApproxActAttrs.td"
include "mlir/Dialect/GPU/IR/GPUBase.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def ApproxAct_ContractionOperand : AnyTypeOf<[
    StaticShapeTensorOf<[F32]>, StaticShapeMemRefOf<[F32]>],
    "tensor or memref of f32 of static shape">;
def ApproxAct_ContractionOutput : AnyTypeOf<[
    StaticShapeTensorOf<[F32]>, GPU_AsyncToken],
    "tensor of f32, or token">;

class ApproxAct_ContractionOp<string mnemonic, dag attributes>
    : Op<ApproxAct_Dialect, mnemonic, [
        DestinationStyleOpInterface, GPU_AsyncOpInterface,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  defvar operands = (ins
    Variadic<GPU_AsyncToken>:$asyncDependencies,
    ApproxAct_ContractionOperand:$lhs,
    ApproxAct_ContractionOperand:$rhs,
    ApproxAct_ContractionOperand:$out);
  let arguments = !con(operands, attributes);
  // On tensors the result; on memory a token once the op is asynchronous.
  let results = (outs Variadic<ApproxAct_ContractionOutput>:$outputs);
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() { return getOutMutable(); }

    /// The token of an asynchronous op, else null.
    Value getAsyncToken();

    /// The numbers that the runtime takes as description, in its order.
    SmallVector<int64_t> getDescription();

    /// The function of the runtime.
    StringRef getCallee();
  }];
}

def ApproxAct_GemmOp : ApproxAct_ContractionOp<"gemm", (ins
    DenseI64ArrayAttr:$sizes, DenseI64ArrayAttr:$lhs_strides,
    DenseI64ArrayAttr:$rhs_strides, DenseI64ArrayAttr:$out_strides)> {
  let summary = "a batch of matrix products, by the runtime";
  let description = [{
    `out = lhs rhs` for every batch, by a library. `sizes` are batch, `m`, `n`
    and `k`, where the matrices are `m x k`, `k x n` and `m x n`; strides, in
    elements, are those of batch, row and column in the row-major memory of the
    operand, whatever its shape. Every element of `out` is written, and what it
    held before is not read.

    Operands are tensors, or memory that does not overlap; on memory the op can
    be asynchronous, as ops of the `gpu` dialect are.

    Example:

    ```mlir
    %c = approx_act.gemm ins(%a, %b : tensor<32x64xf32>, tensor<10x64xf32>)
        outs(%e : tensor<32x10xf32>) {
          sizes = array<i64: 1, 32, 10, 64>, lhs_strides = array<i64: 1, 64, 1>,
          rhs_strides = array<i64: 1, 1, 64>,
          out_strides = array<i64: 1, 10, 1>} -> tensor<32x10xf32>
    ```
  }];
  let assemblyFormat = [{
    (`async` `[` $asyncDependencies^ `]`)?
    `ins` `(` $lhs `,` $rhs `:` type($lhs) `,` type($rhs) `)`
    `outs` `(` $out `:` type($out) `)` attr-dict (`->` type($outputs)^)?
  }];
}

def ApproxAct_ConvolutionOp : ApproxAct_ContractionOp<"convolution", (ins
    ApproxAct_ConvolutionKindAttr:$kind, I64Attr:$batch_size,
    I64Attr:$input_channels, I64Attr:$output_channels, I64Attr:$groups,
    DenseI64ArrayAttr:$input_sizes, DenseI64ArrayAttr:$filter_sizes,
    DenseI64ArrayAttr:$window_strides, DenseI64ArrayAttr:$padding_low,
    DenseI64ArrayAttr:$padding_high, DenseI64ArrayAttr:$input_dilations,
    DenseI64ArrayAttr:$filter_dilations, DenseI64ArrayAttr:$input_strides,
    DenseI64ArrayAttr:$filter_strides, DenseI64ArrayAttr:$output_strides)> {
  let summary = "a convolution or a gradient of one, by the runtime";
  let description = [{
    Computes, by a library, one of the three tensors of a convolution from the
    other two:

    | kind | out | lhs | rhs |
    |---|---|---|---|
    | `forward` | output | input | filter |
    | `input_gradient` | input | output | filter |
    | `filter_gradient` | filter | input | output |

    The attributes describe the convolution itself, the same for all three.
    Along a spatial dimension element `y` of the input meets element `k` of the
    filter in element `o` of the output where
    `y * input_dilation + padding_low = o * window_stride + k * filter_dilation`;
    padding may be negative. There are one to three spatial dimensions. Strides
    are in elements of the row-major memory of the operand, whatever its shape:
    of batch and channel for the input and the output, of output channel and
    input channel within the group for the filter, and then of the spatial
    dimensions.

    Operands are tensors, or memory that does not overlap; on memory the op can
    be asynchronous, as ops of the `gpu` dialect are.

    Example:

    ```mlir
    %y = approx_act.convolution forward
        ins(%x, %w : tensor<2x8x3xf32>, tensor<3x3x16xf32>)
        outs(%e : tensor<2x8x16xf32>) {
          batch_size = 2, input_channels = 3, output_channels = 16, groups = 1,
          input_sizes = array<i64: 8>, filter_sizes = array<i64: 3>,
          window_strides = array<i64: 1>, padding_low = array<i64: 1>,
          padding_high = array<i64: 1>, input_dilations = array<i64: 1>,
          filter_dilations = array<i64: 1>,
          input_strides = array<i64: 24, 1, 3>,
          filter_strides = array<i64: 1, 16, 48>,
          output_strides = array<i64: 128, 1, 16>} -> tensor<2x8x16xf32>
    ```
  }];
  let assemblyFormat = [{
    `` $kind (`async` `[` $asyncDependencies^ `]`)?
    `ins` `(` $lhs `,` $rhs `:` type($lhs) `,` type($rhs) `)`
    `outs` `(` $out `:` type($out) `)` attr-dict (`->` type($outputs)^)?
  }];
}

#endif // APPROX_ACT_CONTRACTION_OPS_TD
