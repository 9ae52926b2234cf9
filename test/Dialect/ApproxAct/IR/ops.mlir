// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s | FileCheck %s
// RUN: approx-act-opt %s | approx-act-opt | FileCheck %s
// RUN: approx-act-opt %s --mlir-print-op-generic | approx-act-opt | FileCheck %s
// RUN: approx-act-opt %s --emit-bytecode | approx-act-opt | FileCheck %s

// CHECK-LABEL: func @normalised_grid
func.func @normalised_grid(%x: tensor<2x8x64xf32>, %m: tensor<1x1x64xf32>,
                           %r: tensor<1x1x64xf32>) {
  // CHECK: %{{.*}}, %{{.*}} = approx_act.grid %{{.*}} mean %{{.*}} : tensor<1x1x64xf32> rstd %{{.*}} : tensor<1x1x64xf32>
  // CHECK-SAME: bits = 8 : i32
  // CHECK-SAME: granularity = #approx_act.granularity<channel>
  // CHECK-SAME: range = #approx_act.range<normalised, sigma = 6.000000e+00>
  // CHECK-SAME: : tensor<2x8x64xf32> -> tensor<1x1x64xf32>
  %lo, %step = approx_act.grid %x mean %m : tensor<1x1x64xf32> rstd %r : tensor<1x1x64xf32> {
      bits = 8 : i32, granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<normalised, sigma = 6.0>}
      : tensor<2x8x64xf32> -> tensor<1x1x64xf32>
  // CHECK: approx_act.grid %{{[^ ]*}} rstd %
  %lo1, %step1 = approx_act.grid %x rstd %r : tensor<1x1x64xf32> {
      bits = 8 : i32, granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<normalised, sigma = 6.0>}
      : tensor<2x8x64xf32> -> tensor<1x1x64xf32>
  // CHECK: approx_act.grid %{{[^ ]*}} {
  %lo2, %step2 = approx_act.grid %x {
      bits = 8 : i32, granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<normalised, sigma = 6.0>}
      : tensor<2x8x64xf32> -> tensor<1x1x64xf32>
  return
}

// CHECK-LABEL: func @group_grid
func.func @group_grid(%x: tensor<2x8x64xbf16>) -> (tensor<2x8x4xf32>, tensor<2x8x4xf32>) {
  // CHECK: granularity<group, size = 16>
  // CHECK-SAME: : tensor<2x8x64xbf16> -> tensor<2x8x4xf32>
  %lo, %step = approx_act.grid %x {
      bits = 4 : i32, granularity = #approx_act.granularity<group, size = 16>,
      range = #approx_act.range<absmax>} : tensor<2x8x64xbf16> -> tensor<2x8x4xf32>
  return %lo, %step : tensor<2x8x4xf32>, tensor<2x8x4xf32>
}

// CHECK-LABEL: func @split_grid
// CHECK-SAME: (%[[LO:.*]]: tensor<1x64xf64>, %[[STEP:.*]]: tensor<1x64xf64>, %[[A:.*]]: tensor<1x64xf64>, %[[B:.*]]: tensor<1x64xf64>)
func.func @split_grid(%lo: tensor<1x64xf64>, %step: tensor<1x64xf64>,
                      %a: tensor<1x64xf64>, %b: tensor<1x64xf64>)
    -> (tensor<1x64xf64>, tensor<1x64xf64>, tensor<1x64xf64>, tensor<1x64xi32>) {
  // CHECK: %[[EDGE:.*]], %[[BELOW:.*]], %[[ABOVE:.*]], %[[SPLIT:.*]] = approx_act.split_grid %[[LO]], %[[STEP]], %[[A]], %[[B]] {bits = 2 : i32, ratio = 4.000000e+00 : f32} : tensor<1x64xf64> -> tensor<1x64xi32>
  %edge, %below, %above, %split = approx_act.split_grid %lo, %step, %a, %b
      {bits = 2 : i32, ratio = 4.0 : f32} : tensor<1x64xf64> -> tensor<1x64xi32>
  // CHECK: return %[[EDGE]], %[[BELOW]], %[[ABOVE]], %[[SPLIT]]
  return %edge, %below, %above, %split
      : tensor<1x64xf64>, tensor<1x64xf64>, tensor<1x64xf64>, tensor<1x64xi32>
}

// CHECK-LABEL: func @quantize
func.func @quantize(%x: tensor<8x64xf16>, %lo: tensor<1x64xf32>, %step: tensor<1x64xf32>) {
  // Nearest rounding is the default, and not printed.
  // CHECK: approx_act.quantize %{{.*}}, %{{.*}}, %{{.*}} : tensor<8x64xf16>, tensor<1x64xf32> -> tensor<8x64xi1>
  %1 = approx_act.quantize %x, %lo, %step {rounding = #approx_act.rounding<nearest>}
      : tensor<8x64xf16>, tensor<1x64xf32> -> tensor<8x64xi1>
  // CHECK: approx_act.quantize %{{.*}} {rounding = #approx_act.rounding<stochastic, seed = 7>} : tensor<8x64xf16>, tensor<1x64xf32> -> tensor<8x64xi4>
  %4 = approx_act.quantize %x, %lo, %step {rounding = #approx_act.rounding<stochastic, seed = 7>}
      : tensor<8x64xf16>, tensor<1x64xf32> -> tensor<8x64xi4>
  return
}

// CHECK-LABEL: func @quantize_split
// CHECK-SAME: (%[[X:.*]]: tensor<8x64xf16>, %[[E:.*]]: tensor<1x64xf32>, %[[B:.*]]: tensor<1x64xf32>, %[[A:.*]]: tensor<1x64xf32>, %[[S:.*]]: tensor<1x1xi32>, %[[M:.*]]: tensor<8x64xi1>)
func.func @quantize_split(%x: tensor<8x64xf16>, %edge: tensor<1x64xf32>,
                          %below: tensor<1x64xf32>, %above: tensor<1x64xf32>,
                          %split: tensor<1x1xi32>, %mask: tensor<8x64xi1>) {
  // CHECK: approx_act.quantize_split %[[X]], %[[E]], %[[B]], %[[A]], %[[S]], %[[M]] : tensor<8x64xf16>, tensor<1x64xf32>, tensor<1x1xi32>, tensor<8x64xi1> -> tensor<8x64xi1>
  %1 = approx_act.quantize_split %x, %edge, %below, %above, %split, %mask
      {rounding = #approx_act.rounding<nearest>}
      : tensor<8x64xf16>, tensor<1x64xf32>, tensor<1x1xi32>, tensor<8x64xi1> -> tensor<8x64xi1>
  // CHECK: approx_act.quantize_split %[[X]], %[[E]], %[[B]], %[[A]], %[[S]], %[[M]] {rounding = #approx_act.rounding<stochastic, seed = 7>} : tensor<8x64xf16>, tensor<1x64xf32>, tensor<1x1xi32>, tensor<8x64xi1> -> tensor<8x64xi4>
  %4 = approx_act.quantize_split %x, %edge, %below, %above, %split, %mask
      {rounding = #approx_act.rounding<stochastic, seed = 7>}
      : tensor<8x64xf16>, tensor<1x64xf32>, tensor<1x1xi32>, tensor<8x64xi1> -> tensor<8x64xi4>
  return
}

// CHECK-LABEL: func @restore
func.func @restore(%q: tensor<8x64xi2>, %p: tensor<8x1xf32>, %split: tensor<8x1xi32>)
    -> (tensor<8x64xbf16>, tensor<8x64xbf16>, tensor<8x64xi1>) {
  // CHECK: approx_act.dequantize %{{.*}}, %{{.*}}, %{{.*}} : tensor<8x64xi2>, tensor<8x1xf32> -> tensor<8x64xbf16>
  %x = approx_act.dequantize %q, %p, %p : tensor<8x64xi2>, tensor<8x1xf32> -> tensor<8x64xbf16>
  // CHECK: approx_act.dequantize_split %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<8x64xi2>, tensor<8x1xf32>, tensor<8x1xi32> -> tensor<8x64xbf16>
  %y = approx_act.dequantize_split %q, %p, %p, %p, %split
      : tensor<8x64xi2>, tensor<8x1xf32>, tensor<8x1xi32> -> tensor<8x64xbf16>
  // CHECK: approx_act.side %{{.*}}, %{{.*}} : tensor<8x64xi2>, tensor<8x1xi32> -> tensor<8x64xi1>
  %mask = approx_act.side %q, %split : tensor<8x64xi2>, tensor<8x1xi32> -> tensor<8x64xi1>
  return %x, %y, %mask : tensor<8x64xbf16>, tensor<8x64xbf16>, tensor<8x64xi1>
}

// CHECK-LABEL: func @storage
func.func @storage(%q: tensor<3x5xi4>, %g: tensor<f32>) -> (tensor<3x5xi4>, tensor<f32>) {
  // CHECK: approx_act.pack %{{.*}} {dim = 1 : i64} : tensor<3x5xi4> -> tensor<3x3xi8>
  %w = approx_act.pack %q {dim = 1 : i64} : tensor<3x5xi4> -> tensor<3x3xi8>
  // CHECK: %{{.*}}:2 = approx_act.barrier %{{.*}}, %{{.*}} : tensor<3x3xi8>, tensor<f32>
  %w1, %g1 = approx_act.barrier %w, %g : tensor<3x3xi8>, tensor<f32>
  // CHECK: approx_act.unpack %{{.*}} {dim = 1 : i64} : tensor<3x3xi8> -> tensor<3x5xi4>
  %q1 = approx_act.unpack %w1 {dim = 1 : i64} : tensor<3x3xi8> -> tensor<3x5xi4>
  return %q1, %g1 : tensor<3x5xi4>, tensor<f32>
}

// Rank 0 is a grid and an activation of one element each [S9].
// CHECK-LABEL: func @rank_0
func.func @rank_0(%x: tensor<f32>, %p: tensor<f32>) -> tensor<i8> {
  // CHECK: approx_act.quantize %{{.*}} : tensor<f32>, tensor<f32> -> tensor<i8>
  %q = approx_act.quantize %x, %p, %p : tensor<f32>, tensor<f32> -> tensor<i8>
  return %q : tensor<i8>
}

// CHECK-LABEL: func @no_elements
func.func @no_elements(%x: tensor<0x64xf32>) -> (tensor<0x64xi8>, tensor<0x8xi8>) {
  // CHECK: approx_act.grid %{{.*}} : tensor<0x64xf32> -> tensor<1x64xf32>
  %lo, %step = approx_act.grid %x {
      bits = 8 : i32, granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<minmax>} : tensor<0x64xf32> -> tensor<1x64xf32>
  %q = approx_act.quantize %x, %lo, %step : tensor<0x64xf32>, tensor<1x64xf32> -> tensor<0x64xi8>
  %m = approx_act.quantize %x, %lo, %step : tensor<0x64xf32>, tensor<1x64xf32> -> tensor<0x64xi1>
  // CHECK: approx_act.pack %{{.*}} {dim = 1 : i64} : tensor<0x64xi1> -> tensor<0x8xi8>
  %w = approx_act.pack %m {dim = 1 : i64} : tensor<0x64xi1> -> tensor<0x8xi8>
  return %q, %w : tensor<0x64xi8>, tensor<0x8xi8>
}

// CHECK-LABEL: func @kernel
// CHECK: approx_act.kernel "copy" ins(%{{.*}} : tensor<8xf32>) outs(%{{.*}} : tensor<8xf32>) {
// CHECK: approx_act.yield %{{.*}} : tensor<8xf32>
// CHECK: } -> tensor<8xf32>
// CHECK: approx_act.kernel "copy" ins(%{{.*}}, %{{.*}} : memref<8xf32>, index) outs(%{{.*}} : memref<8xf32>) {
// CHECK: }
func.func @kernel(%x: tensor<8xf32>, %m: memref<8xf32>, %n: memref<8xf32>, %i: index) -> tensor<8xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %0 = approx_act.kernel "copy" ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: tensor<8xf32>):
    approx_act.yield %a : tensor<8xf32>
  } -> tensor<8xf32>
  approx_act.kernel "copy" ins(%m, %i : memref<8xf32>, index) outs(%n : memref<8xf32>) {
  ^bb0(%a: tensor<8xf32>, %b: index):
    approx_act.yield %a : tensor<8xf32>
  }
  return %0 : tensor<8xf32>
}

// CHECK-LABEL: func @contractions
func.func @contractions(%a: tensor<32x64xf32>, %b: tensor<64x10xf32>, %x: memref<2x8x3xf32>,
                        %w: memref<3x3x16xf32>, %y: memref<2x8x16xf32>,
                        %t: !gpu.async.token) -> tensor<32x10xf32> {
  %e = tensor.empty() : tensor<32x10xf32>
  // CHECK: approx_act.gemm ins(%{{.*}}, %{{.*}} : tensor<32x64xf32>, tensor<64x10xf32>) outs(%{{.*}} : tensor<32x10xf32>)
  // CHECK-SAME: -> tensor<32x10xf32>
  %c = approx_act.gemm ins(%a, %b : tensor<32x64xf32>, tensor<64x10xf32>) outs(%e : tensor<32x10xf32>) {
      sizes = array<i64: 1, 32, 10, 64>, lhs_strides = array<i64: 1, 64, 1>,
      rhs_strides = array<i64: 1, 10, 1>, out_strides = array<i64: 1, 10, 1>} -> tensor<32x10xf32>
  // CHECK: approx_act.convolution forward async[%{{.*}}] ins(%{{.*}}, %{{.*}} : memref<2x8x3xf32>, memref<3x3x16xf32>) outs(%{{.*}} : memref<2x8x16xf32>)
  // CHECK-SAME: -> !gpu.async.token
  %u = approx_act.convolution forward async[%t] ins(%x, %w : memref<2x8x3xf32>, memref<3x3x16xf32>) outs(%y : memref<2x8x16xf32>) {
      batch_size = 2, input_channels = 3, output_channels = 16, groups = 1,
      input_sizes = array<i64: 8>, filter_sizes = array<i64: 3>, window_strides = array<i64: 1>,
      padding_low = array<i64: 1>, padding_high = array<i64: 1>,
      input_dilations = array<i64: 1>, filter_dilations = array<i64: 1>,
      input_strides = array<i64: 24, 1, 3>, filter_strides = array<i64: 1, 16, 48>,
      output_strides = array<i64: 128, 1, 16>} -> !gpu.async.token
  // CHECK: approx_act.convolution filter_gradient ins(
  approx_act.convolution filter_gradient ins(%x, %y : memref<2x8x3xf32>, memref<2x8x16xf32>) outs(%w : memref<3x3x16xf32>) {
      batch_size = 2, input_channels = 3, output_channels = 16, groups = 1,
      input_sizes = array<i64: 8>, filter_sizes = array<i64: 3>, window_strides = array<i64: 1>,
      padding_low = array<i64: 1>, padding_high = array<i64: 1>,
      input_dilations = array<i64: 1>, filter_dilations = array<i64: 1>,
      input_strides = array<i64: 24, 1, 3>, filter_strides = array<i64: 1, 16, 48>,
      output_strides = array<i64: 128, 1, 16>}
  return %c : tensor<32x10xf32>
}
