//===- Passes.td - Conversions of approx_act ---------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_CONVERSION_PASSES_TD
#define APPROX_ACT_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertApproxActToStableHLOPass : Pass<"convert-approx-act-to-stablehlo"> {
  let summary = "lower approx_act to StableHLO";
  let description = [{
    Replaces every op of `approx_act` by StableHLO ops that compute what
    [semantics](../semantics.md) says, so that any StableHLO compiler can run
    the program. The ops of `arith` and `tensor` by which other passes compute
    the parameters of grids (constants, `addf`, `subf`, `mulf`, `divf`, `negf`,
    `extf`, `truncf` on tensors, and static `expand_shape` and
    `collapse_shape`) are replaced as well. All other ops are left alone.

    Everything that touches an element of an activation or of its codes is
    elementwise, a broadcast, a slice or a reshape, so that a compiler fuses
    quantization into the producer of the activation and dequantization into
    its consumer. The exception is the reduction that finds a `minmax` or
    `absmax` interval.

    Codes of 2, 4 and 8 bits and packed words become `ui8`, because the cells
    of a grid are numbered from 0; codes of 1 bit and masks stay `i1`. Where a
    value of such a type crosses to an op that this pass leaves alone (an
    argument of a function, a loop-carried value), it is converted there and
    back, bit for bit, so that types of functions and of foreign ops never
    change. Packed words cross by a `bitcast_convert`, which is free.

    Before:

    ```mlir
    %q = approx_act.quantize %x, %lo, %step
        : tensor<8x64xf32>, tensor<1x64xf32> -> tensor<8x64xi4>
    %w = approx_act.pack %q {dim = 1 : i64} : tensor<8x64xi4> -> tensor<8x32xi8>
    ```

    After, with the attributes left out:

    ```mlir
    %positive = "stablehlo.compare"(%step, %zero)
    %reciprocal = "stablehlo.divide"(%one, %step)
    %inverse = "stablehlo.select"(%positive, %reciprocal, %zero)
    %lo_x = "stablehlo.broadcast_in_dim"(%lo)
    %inverse_x = "stablehlo.broadcast_in_dim"(%inverse)
    %distance = "stablehlo.subtract"(%x, %lo_x)
    %u = "stablehlo.multiply"(%distance, %inverse_x)
    %inside = "stablehlo.compare"(%u, %zero_x)
    %below = "stablehlo.minimum"(%u, %fifteen_x)
    %cell = "stablehlo.select"(%inside, %below, %zero_x)
    %q = "stablehlo.convert"(%cell) : (tensor<8x64xf32>) -> tensor<8x64xui8>
    %q0 = "stablehlo.slice"(%q)
    %q1 = "stablehlo.slice"(%q)
    %high = "stablehlo.shift_left"(%q1, %four)
    %w = "stablehlo.or"(%q0, %high) : (tensor<8x32xui8>, tensor<8x32xui8>) -> tensor<8x32xui8>
    ```
  }];
  let dependentDialects = ["::mlir::approx_act::StableHLODialect"];
}

def ConvertApproxActToLinalgPass : Pass<"convert-approx-act-to-linalg"> {
  let summary = "lower approx_act to linalg on tensors";
  let description = [{
    Replaces the ops of `approx_act` that compute something by `linalg` ops that
    compute what [semantics](../semantics.md) says, with the same formulas as
    `convert-approx-act-to-stablehlo`, so that codes are equal bit for bit.
    Barriers stay: they say which values must be in memory before others are
    computed, which is for `approx-act-form-kernels` to know.

    Work that is done once per parameter is a `linalg.generic` over the
    parameter; what is done per element is one over the activation, with
    indexing maps that say which parameter an element reads. Packing reads the
    `8 / bits` codes of a word through as many indexing maps; unpacking reads
    words through `mod`.

    Before:

    ```mlir
    %q = approx_act.quantize %x, %lo, %step
        : tensor<8x64xf32>, tensor<1x64xf32> -> tensor<8x64xi4>
    ```

    After:

    ```mlir
    %inverse = linalg.generic {indexing_maps = [#id, #id], …} ins(%step : tensor<1x64xf32>) …
    %q = linalg.generic {indexing_maps = [#id, (d0, d1) -> (0, d1), (d0, d1) -> (0, d1), #id], …}
        ins(%x, %lo, %inverse : …) outs(%e : tensor<8x64xi4>) {
    ^bb0(%in: f32, %l: f32, %i: f32, %out: i4):
      %distance = arith.subf %in, %l : f32
      %u = arith.mulf %distance, %i : f32
      …
    }
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

def ConvertStableHLOToLinalgPass : Pass<"convert-stablehlo-to-linalg"> {
  let summary = "lower what the importer leaves of StableHLO to linalg";
  let description = [{
    `approx-act-import --emit=linalg` lowers StableHLO with the StableHLO
    library, which has no form in linalg for some ops. They are lowered here:

    | op | becomes |
    |---|---|
    | `scatter` | a `linalg.generic` over the operand, in which each element combines the updates whose window it is in, in their order |
    | `fft` | products with matrices of roots of unity, see below |
    | `sort` | `linalg.generic`s: one that sorts runs of 8, and one for each time that runs are merged by twos |
    | `select_and_scatter` | a `linalg.generic` that finds which element each window selects, and one in which each element combines the sources of the windows that have selected it, in their order |
    | `optimization_barrier` | `approx_act.barrier` |
    | `reduce` of no elements | the initial value |
    | `reduce` over no dimensions | a `linalg.generic` that combines each element with the initial value |
    | `while` whose steps can be counted | an `scf.for`, or its steps where they are few |
    | another `while` | an `scf.while`, whose condition is read from a tensor |
    | `case`, `if` | an `scf.if` per branch but the last |
    | `sdy.mesh`, `sdy.sharding_constraint`, attributes of `sdy` | nothing: there is one device |

    A scatter gives the same bits in every run and needs no atomics. Each element
    reads the index of every update; only of more than 256 updates that are whole
    rows the numbers of the rows are sorted first, and it finds its own by
    bisection.

    Each element of a result of a sort finds its place in the operands on its own,
    by counting or by bisection, so that a sort is stable, takes any comparator,
    and needs nothing that threads share.

    A Fourier transform of up to 128 elements is a product of its rows and a matrix,
    two if the rows are complex, that the runtime's library takes. The matrix is made
    when the program runs, of a table of as many roots of unity. A longer one is made
    of transforms of two divisors that are as near to each other as can be, with
    roots of unity between, and one of a prime of transforms of a power of two at
    least twice as long. Tables are computed in f64.

    The steps of a loop are counted by evaluating its condition and its body on
    what is known of the carried values, so that a counter may start anywhere and
    step by anything. A scalar that is known in every step and a line over the
    steps is computed from the number of the step: a counter is not carried, and
    the place that a step reads or writes is known to the host. A stack that the
    loop writes all of starts as a `tensor.empty`. Up to 2048 ops in all steps
    become just these, with what is known as constants. Loops of more than 2^22
    ops on scalars in all steps are not counted.

    Any other op of StableHLO (a custom call) is an error at the op.
  }];
  let dependentDialects = ["::mlir::approx_act::ApproxActDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::complex::ComplexDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SplitComplexPass : Pass<"approx-act-split-complex", "::mlir::ModuleOp"> {
  let summary = "make two tensors of one of complex numbers";
  let description = [{
    Replaces each tensor of complex numbers by two, of their real and of their
    imaginary parts, and complex arithmetic by that of the parts, as upstream's
    `convert-complex-to-standard` does. Callers of a function see no difference:
    `complex<f32>` is the same bytes as two `f32`, which the type of the function
    has as a last dimension, and the attribute `approx_act.complex` says so. Programs
    without complex numbers are not changed.

    A sum of products becomes four of real numbers, which the runtime's library takes
    if they are f32, and any other sum one for each part. Other reductions, and
    elementwise ops, have both parts as results.

    It is an error at the op if anything but `linalg` on tensors, `scf`, and ops of
    `tensor` and `arith` that move elements has complex numbers, and nothing is
    changed.

    Before:

    ```mlir
    func.func @main(%x: tensor<8xcomplex<f32>>) -> tensor<8xf32> {
      %0 = linalg.generic ... ins(%x : tensor<8xcomplex<f32>>) {
      ^bb0(%a: complex<f32>, %out: f32):
        %1 = complex.mul %a, %a : complex<f32>
        %2 = complex.re %1 : complex<f32>
    ```

    After:

    ```mlir
    func.func @main(%x: tensor<8x2xf32> {approx_act.complex}) -> tensor<8xf32> {
      %0:2 = linalg.generic ... ins(%x, %x : tensor<8x2xf32>, tensor<8x2xf32>)
      %1 = linalg.generic ... ins(%0#0, %0#1 : tensor<8xf32>, tensor<8xf32>) {
      ^bb0(%re: f32, %im: f32, %out: f32):
        %2 = arith.mulf %re, %re : f32
        %3 = arith.mulf %im, %im : f32
        %4 = arith.subf %2, %3 : f32
    ```
  }];
  let dependentDialects = ["::mlir::approx_act::ApproxActDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::complex::ComplexDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // APPROX_ACT_CONVERSION_PASSES_TD
