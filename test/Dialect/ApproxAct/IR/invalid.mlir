// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s -verify-diagnostics -split-input-file

// expected-error @+1 {{a normalised range needs a positive, finite sigma}}
module attributes {test.attribute = #approx_act.range<normalised>} {}

// -----

// expected-error @+1 {{a normalised range needs a positive, finite sigma}}
module attributes {test.attribute = #approx_act.range<normalised, sigma = -3.0>} {}

// -----

// expected-error @+1 {{sigma goes with a normalised range}}
module attributes {test.attribute = #approx_act.range<minmax, sigma = 3.0>} {}

// -----

// expected-error @+1 {{a group granularity needs a positive size}}
module attributes {test.attribute = #approx_act.granularity<group>} {}

// -----

// expected-error @+1 {{a group granularity needs a positive size}}
module attributes {test.attribute = #approx_act.granularity<group, size = -64>} {}

// -----

// expected-error @+1 {{size goes with a group granularity}}
module attributes {test.attribute = #approx_act.granularity<channel, size = 64>} {}

// -----

// expected-error @+1 {{a seed goes with stochastic rounding}}
module attributes {test.attribute = #approx_act.rounding<nearest, seed = 1>} {}

// -----

func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @+1 {{codes have 1, 2, 4 or 8 bits, not 3}}
  %lo, %step = approx_act.grid %x {bits = 3 : i32,
      granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<minmax>} : tensor<8x64xf32> -> tensor<1x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{operand #0 must be statically shaped tensor of f16, bf16, f32 or f64 values, but got 'tensor<?x64xf32>'}}
  %lo, %step = approx_act.grid %x {bits = 4 : i32,
      granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<minmax>} : tensor<?x64xf32> -> tensor<1x64xf32>
  return
}

// -----

func.func @f(%x: tensor<8x64xi32>) {
  // expected-error @+1 {{operand #0 must be statically shaped tensor of f16, bf16, f32 or f64 values, but got 'tensor<8x64xi32>'}}
  %lo, %step = approx_act.grid %x {bits = 4 : i32,
      granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<minmax>} : tensor<8x64xi32> -> tensor<1x64xf32>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @+1 {{grid must have the rank of the activation, 2, but has rank 1}}
  %lo, %step = approx_act.grid %x {bits = 4 : i32,
      granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<minmax>} : tensor<8x64xf32> -> tensor<64xf32>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @+1 {{dimension 1 of grid, 48, does not divide that of the activation, 64}}
  %lo, %step = approx_act.grid %x {bits = 4 : i32,
      granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<minmax>} : tensor<8x64xf32> -> tensor<1x48xf32>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @+1 {{dimension 0 of grid, 0, does not divide that of the activation, 8}}
  %lo, %step = approx_act.grid %x {bits = 4 : i32,
      granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<minmax>} : tensor<8x64xf32> -> tensor<0x64xf32>
  return
}

// -----

func.func @f(%x: tensor<8x64xbf16>) {
  // expected-error @+1 {{grid of 'tensor<8x64xbf16>' must be of 'f32', not of 'f64'}}
  %lo, %step = approx_act.grid %x {bits = 4 : i32,
      granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<minmax>} : tensor<8x64xbf16> -> tensor<1x64xf64>
  return
}

// -----

func.func @f(%x: tensor<8x64xf64>) {
  // expected-error @+1 {{grid of 'tensor<8x64xf64>' must be of 'f64', not of 'f32'}}
  %lo, %step = approx_act.grid %x {bits = 4 : i32,
      granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<minmax>} : tensor<8x64xf64> -> tensor<1x64xf32>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>, %m: tensor<1x64xf32>) {
  // expected-error @+1 {{mean and rstd go with a normalised range}}
  %lo, %step = approx_act.grid %x mean %m : tensor<1x64xf32> {bits = 4 : i32,
      granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<minmax>} : tensor<8x64xf32> -> tensor<1x64xf32>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>, %m: tensor<8x1xf32>) {
  // expected-error @+1 {{mean and rstd must have the type of the grid, 'tensor<1x64xf32>', not 'tensor<8x1xf32>'}}
  %lo, %step = approx_act.grid %x rstd %m : tensor<8x1xf32> {bits = 4 : i32,
      granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<normalised, sigma = 3.0>} : tensor<8x64xf32> -> tensor<1x64xf32>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @+1 {{a grid of granularity tensor has one element, not the shape 'tensor<1x64xf32>'}}
  %lo, %step = approx_act.grid %x {bits = 4 : i32,
      granularity = #approx_act.granularity<tensor>,
      range = #approx_act.range<minmax>} : tensor<8x64xf32> -> tensor<1x64xf32>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @+1 {{every dimension of a grid of granularity channel is 1 or that of the activation: 'tensor<1x32xf32>' for 'tensor<8x64xf32>'}}
  %lo, %step = approx_act.grid %x {bits = 4 : i32,
      granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<minmax>} : tensor<8x64xf32> -> tensor<1x32xf32>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @+1 {{a grid of groups of 16 divides the last dimension of the activation by that: 'tensor<8x2xf32>' for 'tensor<8x64xf32>'}}
  %lo, %step = approx_act.grid %x {bits = 4 : i32,
      granularity = #approx_act.granularity<group, size = 16>,
      range = #approx_act.range<minmax>} : tensor<8x64xf32> -> tensor<8x2xf32>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @+1 {{a grid of groups of 16 divides the last dimension of the activation by that: 'tensor<1x4xf32>' for 'tensor<8x64xf32>'}}
  %lo, %step = approx_act.grid %x {bits = 4 : i32,
      granularity = #approx_act.granularity<group, size = 16>,
      range = #approx_act.range<minmax>} : tensor<8x64xf32> -> tensor<1x4xf32>
  return
}

// -----

func.func @f(%x: tensor<f32>) {
  // expected-error @+1 {{a grid of groups of 1 divides the last dimension of the activation by that: 'tensor<f32>' for 'tensor<f32>'}}
  %lo, %step = approx_act.grid %x {bits = 4 : i32,
      granularity = #approx_act.granularity<group, size = 1>,
      range = #approx_act.range<minmax>} : tensor<f32> -> tensor<f32>
  return
}

// -----

func.func @f(%p: tensor<1x64xf32>) {
  // expected-error @+1 {{codes have 1, 2, 4 or 8 bits, not 16}}
  %e, %b, %a, %s = approx_act.split_grid %p, %p, %p, %p {bits = 16 : i32, ratio = 4.0 : f32} : tensor<1x64xf32> -> tensor<1x64xi32>
  return
}

// -----

func.func @f(%p: tensor<1x64xf32>) {
  // expected-error @+1 {{ratio must be positive and finite}}
  %e, %b, %a, %s = approx_act.split_grid %p, %p, %p, %p {bits = 4 : i32, ratio = 0.0 : f32} : tensor<1x64xf32> -> tensor<1x64xi32>
  return
}

// -----

func.func @f(%p: tensor<1x64xf32>) {
  // expected-error @+1 {{ratio must be positive and finite}}
  %e, %b, %a, %s = approx_act.split_grid %p, %p, %p, %p {bits = 4 : i32, ratio = -4.0 : f32} : tensor<1x64xf32> -> tensor<1x64xi32>
  return
}

// -----

func.func @f(%p: tensor<1x64xf32>) {
  // expected-error @+1 {{ratio must be positive and finite}}
  %e, %b, %a, %s = approx_act.split_grid %p, %p, %p, %p {bits = 4 : i32, ratio = 0x7F800000 : f32} : tensor<1x64xf32> -> tensor<1x64xi32>
  return
}

// -----

func.func @f(%p: tensor<1x64xf32>) {
  // expected-error @+1 {{ratio must be positive and finite}}
  %e, %b, %a, %s = approx_act.split_grid %p, %p, %p, %p {bits = 4 : i32, ratio = 0x7FC00000 : f32} : tensor<1x64xf32> -> tensor<1x64xi32>
  return
}

// -----

func.func @f(%p: tensor<1x64xf32>) {
  // expected-error @+1 {{split must have the shape of the grid: 'tensor<64xi32>' against 'tensor<1x64xf32>'}}
  %e, %b, %a, %s = approx_act.split_grid %p, %p, %p, %p {bits = 4 : i32, ratio = 4.0 : f32} : tensor<1x64xf32> -> tensor<64xi32>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>, %p: tensor<1x64xf32>) {
  // expected-error @+1 {{result #0 must be statically shaped tensor of code of 1, 2, 4 or 8 bits values, but got 'tensor<8x64xi3>'}}
  %q = approx_act.quantize %x, %p, %p : tensor<8x64xf32>, tensor<1x64xf32> -> tensor<8x64xi3>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>, %p: tensor<1x64xf32>) {
  // expected-error @+1 {{codes must have the shape of the activation: 'tensor<64x8xi4>' against 'tensor<8x64xf32>'}}
  %q = approx_act.quantize %x, %p, %p : tensor<8x64xf32>, tensor<1x64xf32> -> tensor<64x8xi4>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>, %p: tensor<3x1xf32>) {
  // expected-error @+1 {{dimension 0 of grid, 3, does not divide that of the activation, 8}}
  %q = approx_act.quantize %x, %p, %p : tensor<8x64xf32>, tensor<3x1xf32> -> tensor<8x64xi4>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>, %p: tensor<1x64xf32>, %s: tensor<1x64xi32>, %m: tensor<8x64xi1>) {
  // expected-error @+1 {{codes must have the shape of the activation: 'tensor<64x8xi4>' against 'tensor<8x64xf32>'}}
  %q = approx_act.quantize_split %x, %p, %p, %p, %s, %m : tensor<8x64xf32>, tensor<1x64xf32>, tensor<1x64xi32>, tensor<8x64xi1> -> tensor<64x8xi4>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>, %p: tensor<1x64xf32>, %s: tensor<1x64xi32>, %m: tensor<8x1xi1>) {
  // expected-error @+1 {{mask must have the shape of the activation: 'tensor<8x1xi1>' against 'tensor<8x64xf32>'}}
  %q = approx_act.quantize_split %x, %p, %p, %p, %s, %m : tensor<8x64xf32>, tensor<1x64xf32>, tensor<1x64xi32>, tensor<8x1xi1> -> tensor<8x64xi4>
  return
}

// -----

func.func @f(%x: tensor<8x64xbf16>, %p: tensor<1x64xf64>, %s: tensor<1x64xi32>, %m: tensor<8x64xi1>) {
  // expected-error @+1 {{grid of 'tensor<8x64xbf16>' must be of 'f32', not of 'f64'}}
  %q = approx_act.quantize_split %x, %p, %p, %p, %s, %m : tensor<8x64xbf16>, tensor<1x64xf64>, tensor<1x64xi32>, tensor<8x64xi1> -> tensor<8x64xi4>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>, %p: tensor<3x1xf32>, %s: tensor<1x64xi32>, %m: tensor<8x64xi1>) {
  // expected-error @+1 {{dimension 0 of grid, 3, does not divide that of the activation, 8}}
  %q = approx_act.quantize_split %x, %p, %p, %p, %s, %m : tensor<8x64xf32>, tensor<3x1xf32>, tensor<1x64xi32>, tensor<8x64xi1> -> tensor<8x64xi4>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>, %p: tensor<1x64xf32>, %s: tensor<64xi32>, %m: tensor<8x64xi1>) {
  // expected-error @+1 {{split must have the rank of the activation, 2, but has rank 1}}
  %q = approx_act.quantize_split %x, %p, %p, %p, %s, %m : tensor<8x64xf32>, tensor<1x64xf32>, tensor<64xi32>, tensor<8x64xi1> -> tensor<8x64xi4>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>, %p: tensor<1x64xf32>, %s: tensor<1x48xi32>, %m: tensor<8x64xi1>) {
  // expected-error @+1 {{dimension 1 of split, 48, does not divide that of the activation, 64}}
  %q = approx_act.quantize_split %x, %p, %p, %p, %s, %m : tensor<8x64xf32>, tensor<1x64xf32>, tensor<1x48xi32>, tensor<8x64xi1> -> tensor<8x64xi4>
  return
}

// -----

func.func @f(%x: tensor<8x64xf32>, %p: tensor<1x64xf32>, %w: tensor<1x1xf32>, %s: tensor<1x64xi32>, %m: tensor<8x64xi1>) {
  // expected-error @+1 {{failed to verify that all of {edge, below, above} have same type}}
  %q = "approx_act.quantize_split"(%x, %p, %w, %p, %s, %m) : (tensor<8x64xf32>, tensor<1x64xf32>, tensor<1x1xf32>, tensor<1x64xf32>, tensor<1x64xi32>, tensor<8x64xi1>) -> tensor<8x64xi4>
  return
}

// -----

func.func @f(%q: tensor<8x32xi4>, %p: tensor<1x64xf32>) {
  // expected-error @+1 {{codes must have the shape of the activation: 'tensor<8x32xi4>' against 'tensor<8x64xf32>'}}
  %x = approx_act.dequantize %q, %p, %p : tensor<8x32xi4>, tensor<1x64xf32> -> tensor<8x64xf32>
  return
}

// -----

func.func @f(%q: tensor<8x64xi4>, %p: tensor<1x64xf64>) {
  // expected-error @+1 {{grid of 'tensor<8x64xf32>' must be of 'f32', not of 'f64'}}
  %x = approx_act.dequantize %q, %p, %p : tensor<8x64xi4>, tensor<1x64xf64> -> tensor<8x64xf32>
  return
}

// -----

func.func @f(%q: tensor<8x32xi4>, %p: tensor<1x64xf32>, %s: tensor<1x64xi32>) {
  // expected-error @+1 {{codes must have the shape of the activation: 'tensor<8x32xi4>' against 'tensor<8x64xf32>'}}
  %x = approx_act.dequantize_split %q, %p, %p, %p, %s : tensor<8x32xi4>, tensor<1x64xf32>, tensor<1x64xi32> -> tensor<8x64xf32>
  return
}

// -----

func.func @f(%q: tensor<8x64xi4>, %p: tensor<1x64xf64>, %s: tensor<1x64xi32>) {
  // expected-error @+1 {{grid of 'tensor<8x64xf32>' must be of 'f32', not of 'f64'}}
  %x = approx_act.dequantize_split %q, %p, %p, %p, %s : tensor<8x64xi4>, tensor<1x64xf64>, tensor<1x64xi32> -> tensor<8x64xf32>
  return
}

// -----

func.func @f(%q: tensor<8x64xi4>, %p: tensor<1x64xf32>, %s: tensor<1x63xi32>) {
  // expected-error @+1 {{dimension 1 of split, 63, does not divide that of the activation, 64}}
  %x = approx_act.dequantize_split %q, %p, %p, %p, %s : tensor<8x64xi4>, tensor<1x64xf32>, tensor<1x63xi32> -> tensor<8x64xf32>
  return
}

// -----

func.func @f(%q: tensor<8x64xi4>, %s: tensor<1x64xi32>) {
  // expected-error @+1 {{mask must have the shape of the activation: 'tensor<8x32xi1>' against 'tensor<8x64xi4>'}}
  %m = approx_act.side %q, %s : tensor<8x64xi4>, tensor<1x64xi32> -> tensor<8x32xi1>
  return
}

// -----

func.func @f(%q: tensor<8x64xi4>, %s: tensor<1x63xi32>) {
  // expected-error @+1 {{dimension 1 of split, 63, does not divide that of the activation, 64}}
  %m = approx_act.side %q, %s : tensor<8x64xi4>, tensor<1x63xi32> -> tensor<8x64xi1>
  return
}

// -----

func.func @f(%q: tensor<8x64xi4>) {
  // expected-error @+1 {{dim must be within the rank of the codes, 2, but is 2}}
  %w = approx_act.pack %q {dim = 2 : i64} : tensor<8x64xi4> -> tensor<8x32xi8>
  return
}

// -----

func.func @f(%q: tensor<8x64xi4>) {
  // expected-error @+1 {{dim must be within the rank of the codes, 2, but is -1}}
  %w = approx_act.pack %q {dim = -1 : i64} : tensor<8x64xi4> -> tensor<8x32xi8>
  return
}

// -----

// Nothing to pack along [S9].
func.func @f(%q: tensor<i4>) {
  // expected-error @+1 {{dim must be within the rank of the codes, 0, but is 0}}
  %w = approx_act.pack %q {dim = 0 : i64} : tensor<i4> -> tensor<i8>
  return
}

// -----

func.func @f(%q: tensor<8x63xi4>) {
  // expected-error @+1 {{'tensor<8x63xi4>' packs along dimension 1 to 'tensor<8x32xi8>', not 'tensor<8x31xi8>'}}
  %w = approx_act.pack %q {dim = 1 : i64} : tensor<8x63xi4> -> tensor<8x31xi8>
  return
}

// -----

func.func @f(%w: tensor<8x8xi8>) {
  // expected-error @+1 {{'tensor<8x64xi1>' packs along dimension 0 to 'tensor<1x64xi8>', not 'tensor<8x8xi8>'}}
  %q = approx_act.unpack %w {dim = 0 : i64} : tensor<8x8xi8> -> tensor<8x64xi1>
  return
}

// -----

func.func @f(%w: tensor<8x8xi8>) {
  // expected-error @+1 {{dim must be within the rank of the codes, 2, but is 3}}
  %q = approx_act.unpack %w {dim = 3 : i64} : tensor<8x8xi8> -> tensor<8x64xi1>
  return
}

// -----

func.func @f() {
  // expected-error @+1 {{needs an operand}}
  "approx_act.barrier"() : () -> ()
  return
}

// -----

func.func @f(%x: tensor<8xf32>) {
  // expected-error @+2 {{failed to infer returned types}}
  // expected-error @+1 {{inferred type(s) 'tensor<8xf32>' are incompatible with return type(s) of operation 'tensor<8xi8>'}}
  %y = "approx_act.barrier"(%x) : (tensor<8xf32>) -> tensor<8xi8>
  return
}

// -----

func.func @kernel_arguments(%x: memref<8xf32>, %r: memref<8xf32>) {
  // expected-error @+1 {{expected 1 arguments of the body, found 2}}
  approx_act.kernel "k" ins(%x : memref<8xf32>) outs(%r : memref<8xf32>) {
  ^bb0(%a: tensor<8xf32>, %b: tensor<8xf32>):
    approx_act.yield %a : tensor<8xf32>
  }
  return
}

// -----

func.func @kernel_argument_type(%x: memref<8xf32>, %r: memref<8xf32>) {
  // expected-error @+1 {{argument 0 of the body has type 'tensor<4xf32>' for an input of type 'memref<8xf32>'}}
  approx_act.kernel "k" ins(%x : memref<8xf32>) outs(%r : memref<8xf32>) {
  ^bb0(%a: tensor<4xf32>):
    %e = tensor.empty() : tensor<8xf32>
    approx_act.yield %e : tensor<8xf32>
  }
  return
}

// -----

func.func @kernel_results(%x: memref<8xf32>, %r: memref<8xf32>) {
  // expected-error @+1 {{yields 2 values for 1 outs}}
  approx_act.kernel "k" ins(%x : memref<8xf32>) outs(%r : memref<8xf32>) {
  ^bb0(%a: tensor<8xf32>):
    approx_act.yield %a, %a : tensor<8xf32>, tensor<8xf32>
  }
  return
}

// -----

func.func @kernel_result_type(%x: memref<8xf32>, %r: memref<4xf32>) {
  // expected-error @+1 {{yields a value of type 'tensor<8xf32>' for an out of type 'memref<4xf32>'}}
  approx_act.kernel "k" ins(%x : memref<8xf32>) outs(%r : memref<4xf32>) {
  ^bb0(%a: tensor<8xf32>):
    approx_act.yield %a : tensor<8xf32>
  }
  return
}

// -----

func.func @gemm_type(%a: tensor<2x3xf64>, %b: tensor<3x4xf32>, %e: tensor<2x4xf32>) {
  // expected-error @+1 {{operand #0 must be tensor or memref of f32 of static shape, but got 'tensor<2x3xf64>'}}
  %c = approx_act.gemm ins(%a, %b : tensor<2x3xf64>, tensor<3x4xf32>) outs(%e : tensor<2x4xf32>) {
      sizes = array<i64: 1, 2, 4, 3>, lhs_strides = array<i64: 1, 3, 1>,
      rhs_strides = array<i64: 1, 4, 1>, out_strides = array<i64: 1, 4, 1>} -> tensor<2x4xf32>
  return
}

// -----

func.func @gemm_sizes(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %e: tensor<2x4xf32>) {
  // expected-error @+1 {{expected the sizes of batch, m, n and k, found 3 sizes}}
  %c = approx_act.gemm ins(%a, %b : tensor<2x3xf32>, tensor<3x4xf32>) outs(%e : tensor<2x4xf32>) {
      sizes = array<i64: 2, 4, 3>, lhs_strides = array<i64: 1, 3, 1>,
      rhs_strides = array<i64: 1, 4, 1>, out_strides = array<i64: 1, 4, 1>} -> tensor<2x4xf32>
  return
}

// -----

func.func @gemm_strides(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %e: tensor<2x4xf32>) {
  // expected-error @+1 {{expected 3 strides of lhs, found 2}}
  %c = approx_act.gemm ins(%a, %b : tensor<2x3xf32>, tensor<3x4xf32>) outs(%e : tensor<2x4xf32>) {
      sizes = array<i64: 1, 2, 4, 3>, lhs_strides = array<i64: 3, 1>,
      rhs_strides = array<i64: 1, 4, 1>, out_strides = array<i64: 1, 4, 1>} -> tensor<2x4xf32>
  return
}

// -----

func.func @gemm_backwards(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %e: tensor<2x4xf32>) {
  // expected-error @+1 {{expected positive strides of lhs, found -1}}
  %c = approx_act.gemm ins(%a, %b : tensor<2x3xf32>, tensor<3x4xf32>) outs(%e : tensor<2x4xf32>) {
      sizes = array<i64: 1, 2, 4, 3>, lhs_strides = array<i64: 1, 3, -1>,
      rhs_strides = array<i64: 1, 4, 1>, out_strides = array<i64: 1, 4, 1>} -> tensor<2x4xf32>
  return
}

// -----

func.func @gemm_extent(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>, %e: tensor<2x4xf32>) {
  // expected-error @+1 {{reaches element 6 of lhs, which has 6}}
  %c = approx_act.gemm ins(%a, %b : tensor<2x3xf32>, tensor<3x4xf32>) outs(%e : tensor<2x4xf32>) {
      sizes = array<i64: 1, 2, 4, 3>, lhs_strides = array<i64: 1, 4, 1>,
      rhs_strides = array<i64: 1, 4, 1>, out_strides = array<i64: 1, 4, 1>} -> tensor<2x4xf32>
  return
}

// -----

func.func @gemm_result(%a: memref<2x3xf32>, %b: memref<3x4xf32>, %e: memref<2x4xf32>) {
  // expected-error @+1 {{on memory has no result but a token}}
  %c = approx_act.gemm ins(%a, %b : memref<2x3xf32>, memref<3x4xf32>) outs(%e : memref<2x4xf32>) {
      sizes = array<i64: 1, 2, 4, 3>, lhs_strides = array<i64: 1, 3, 1>,
      rhs_strides = array<i64: 1, 4, 1>, out_strides = array<i64: 1, 4, 1>} -> tensor<2x4xf32>
  return
}

// -----

func.func @convolution_groups(%x: tensor<2x8x4xf32>, %w: tensor<3x4x6xf32>, %e: tensor<2x8x6xf32>) {
  // expected-error @+1 {{has 4 groups of 4 input and 6 output channels}}
  %y = approx_act.convolution forward ins(%x, %w : tensor<2x8x4xf32>, tensor<3x4x6xf32>) outs(%e : tensor<2x8x6xf32>) {
      batch_size = 2, input_channels = 4, output_channels = 6, groups = 4,
      input_sizes = array<i64: 8>, filter_sizes = array<i64: 3>, window_strides = array<i64: 1>,
      padding_low = array<i64: 1>, padding_high = array<i64: 1>,
      input_dilations = array<i64: 1>, filter_dilations = array<i64: 1>,
      input_strides = array<i64: 32, 1, 4>, filter_strides = array<i64: 1, 6, 24>,
      output_strides = array<i64: 48, 1, 6>} -> tensor<2x8x6xf32>
  return
}

// -----

func.func @convolution_rank(%x: tensor<2x8x4xf32>, %w: tensor<3x4x6xf32>, %e: tensor<2x8x6xf32>) {
  // expected-error @+1 {{expected from 1 to 3 spatial dimensions, found 4}}
  %y = approx_act.convolution forward ins(%x, %w : tensor<2x8x4xf32>, tensor<3x4x6xf32>) outs(%e : tensor<2x8x6xf32>) {
      batch_size = 2, input_channels = 4, output_channels = 6, groups = 1,
      input_sizes = array<i64: 8, 1, 1, 1>, filter_sizes = array<i64: 3>, window_strides = array<i64: 1>,
      padding_low = array<i64: 1>, padding_high = array<i64: 1>,
      input_dilations = array<i64: 1>, filter_dilations = array<i64: 1>,
      input_strides = array<i64: 32, 1, 4>, filter_strides = array<i64: 1, 6, 24>,
      output_strides = array<i64: 48, 1, 6>} -> tensor<2x8x6xf32>
  return
}

// -----

func.func @convolution_ranks(%x: tensor<2x8x4xf32>, %w: tensor<3x4x6xf32>, %e: tensor<2x8x6xf32>) {
  // expected-error @+1 {{expected a number for each of the 2 spatial dimensions, found 1}}
  %y = approx_act.convolution forward ins(%x, %w : tensor<2x8x4xf32>, tensor<3x4x6xf32>) outs(%e : tensor<2x8x6xf32>) {
      batch_size = 2, input_channels = 4, output_channels = 6, groups = 1,
      input_sizes = array<i64: 8, 1>, filter_sizes = array<i64: 3>, window_strides = array<i64: 1>,
      padding_low = array<i64: 1>, padding_high = array<i64: 1>,
      input_dilations = array<i64: 1>, filter_dilations = array<i64: 1>,
      input_strides = array<i64: 32, 1, 4>, filter_strides = array<i64: 1, 6, 24>,
      output_strides = array<i64: 48, 1, 6>} -> tensor<2x8x6xf32>
  return
}

// -----

func.func @convolution_window(%x: tensor<2x8x4xf32>, %w: tensor<3x4x6xf32>, %e: tensor<2x8x6xf32>) {
  // expected-error @+1 {{expected positive window strides and dilations, found 0}}
  %y = approx_act.convolution forward ins(%x, %w : tensor<2x8x4xf32>, tensor<3x4x6xf32>) outs(%e : tensor<2x8x6xf32>) {
      batch_size = 2, input_channels = 4, output_channels = 6, groups = 1,
      input_sizes = array<i64: 8>, filter_sizes = array<i64: 3>, window_strides = array<i64: 0>,
      padding_low = array<i64: 1>, padding_high = array<i64: 1>,
      input_dilations = array<i64: 1>, filter_dilations = array<i64: 1>,
      input_strides = array<i64: 32, 1, 4>, filter_strides = array<i64: 1, 6, 24>,
      output_strides = array<i64: 48, 1, 6>} -> tensor<2x8x6xf32>
  return
}

// -----

func.func @convolution_extent(%x: tensor<2x8x4xf32>, %w: tensor<3x4x6xf32>, %e: tensor<2x8x6xf32>) {
  // expected-error @+1 {{reaches element 101 of the output, which has 96}}
  %y = approx_act.convolution forward ins(%x, %w : tensor<2x8x4xf32>, tensor<3x4x6xf32>) outs(%e : tensor<2x8x6xf32>) {
      batch_size = 2, input_channels = 4, output_channels = 6, groups = 1,
      input_sizes = array<i64: 8>, filter_sizes = array<i64: 3>, window_strides = array<i64: 1>,
      padding_low = array<i64: 1>, padding_high = array<i64: 2>,
      input_dilations = array<i64: 1>, filter_dilations = array<i64: 1>,
      input_strides = array<i64: 32, 1, 4>, filter_strides = array<i64: 1, 6, 24>,
      output_strides = array<i64: 48, 1, 6>} -> tensor<2x8x6xf32>
  return
}
