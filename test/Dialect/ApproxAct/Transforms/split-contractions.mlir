// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-split-contractions="min-bytes=1024 max-ranges=8" --split-input-file | FileCheck %s
// RUN: approx-act-opt %s --approx-act-split-contractions --split-input-file | FileCheck %s --check-prefix=SMALL
// RUN: not approx-act-opt %s --approx-act-split-contractions="min-bytes=0" --split-input-file 2>&1 | FileCheck %s --check-prefixes=OPTION,BYTES
// RUN: not approx-act-opt %s --approx-act-split-contractions="max-ranges=0" --split-input-file 2>&1 | FileCheck %s --check-prefixes=OPTION,RANGES

#rows = #stablehlo.dot<lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]>

// OPTION: error: option
// BYTES-SAME: min-bytes is '0', but has to be at least 1
// RANGES-SAME: max-ranges is '0', but has to be at least 1

// An activation of 4 KB is restored by quarters, each when the sum of those
// before is known; what reads the cotangent elsewhere is left alone.

// SMALL-LABEL: func @product
// SMALL-NOT: stablehlo.slice
// SMALL-LABEL: func @gradient_of_filter

// CHECK-LABEL: func @product
func.func @product(%codes: tensor<64x16xi8>, %lo: tensor<1x16xf32>, %step: tensor<1x16xf32>, %g: tensor<64x8xf32>) -> (tensor<8x16xf32>, tensor<64x8xf32>) {
  // CHECK: %[[B:.*]]:2 = approx_act.barrier %arg0, %arg3
  %b:2 = approx_act.barrier %codes, %g : tensor<64x16xi8>, tensor<64x8xf32>
  // CHECK: %[[H:.*]] = approx_act.dequantize %[[B]]#0, %arg1, %arg2
  // CHECK: %[[T:.*]] = "stablehlo.tanh"(%[[H]])
  // CHECK: %[[G0:.*]] = "stablehlo.slice"(%[[B]]#1) <{limit_indices = array<i64: 16, 8>, start_indices = array<i64: 0, 0>
  // CHECK: %[[T0:.*]] = "stablehlo.slice"(%[[T]]) <{limit_indices = array<i64: 16, 16>, start_indices = array<i64: 0, 0>
  // CHECK: %[[P0:.*]] = "stablehlo.dot_general"(%[[G0]], %[[T0]]){{.*}} (tensor<16x8xf32>, tensor<16x16xf32>) -> tensor<8x16xf32>
  // CHECK: %[[C:.*]]:5 = approx_act.barrier %[[B]]#0, %arg1, %arg2, %[[B]]#1, %[[P0]]
  // CHECK: %[[H1:.*]] = approx_act.dequantize %[[C]]#0, %[[C]]#1, %[[C]]#2
  // CHECK: %[[T1:.*]] = "stablehlo.tanh"(%[[H1]])
  // CHECK: "stablehlo.slice"(%[[C]]#3) <{limit_indices = array<i64: 32, 8>, start_indices = array<i64: 16, 0>
  // CHECK: "stablehlo.slice"(%[[T1]]) <{limit_indices = array<i64: 32, 16>, start_indices = array<i64: 16, 0>
  // CHECK: %[[P1:.*]] = "stablehlo.dot_general"
  // CHECK: %[[S1:.*]] = "stablehlo.add"(%[[C]]#4, %[[P1]])
  // CHECK: %[[D:.*]]:5 = approx_act.barrier %[[C]]#0, %[[C]]#1, %[[C]]#2, %[[C]]#3, %[[S1]]
  // CHECK: approx_act.barrier %[[D]]#0
  // CHECK: start_indices = array<i64: 48, 0>
  // CHECK: %[[SUM:.*]] = "stablehlo.add"
  // CHECK-NOT: approx_act.barrier
  // CHECK: return %[[SUM]], %[[B]]#1
  %h = approx_act.dequantize %b#0, %lo, %step : tensor<64x16xi8>, tensor<1x16xf32> -> tensor<64x16xf32>
  %t = "stablehlo.tanh"(%h) : (tensor<64x16xf32>) -> tensor<64x16xf32>
  %dw = "stablehlo.dot_general"(%b#1, %t) <{dot_dimension_numbers = #rows}> : (tensor<64x8xf32>, tensor<64x16xf32>) -> tensor<8x16xf32>
  return %dw, %b#1 : tensor<8x16xf32>, tensor<64x8xf32>
}

// A filter's gradient sums over examples, which stand where features do. Six
// examples of 1 KB are in six ranges; 30 rows of 4.2 KB, which four do not divide,
// are in three.

// CHECK-LABEL: func @gradient_of_filter
func.func @gradient_of_filter(%codes: tensor<6x8x8x4xi8>, %lo: tensor<1x1x1x1xf32>, %step: tensor<1x1x1x1xf32>, %g: tensor<6x8x8x2xf32>) -> tensor<3x3x4x2xf32> {
  // CHECK-COUNT-6: "stablehlo.convolution"({{.*}} : (tensor<1x8x8x4xf32>, tensor<1x8x8x2xf32>) -> tensor<3x3x4x2xf32>
  // CHECK-NOT: stablehlo.convolution
  // CHECK: return
  %h = approx_act.dequantize %codes, %lo, %step : tensor<6x8x8x4xi8>, tensor<1x1x1x1xf32> -> tensor<6x8x8x4xf32>
  %dw = "stablehlo.convolution"(%h, %g) <{batch_group_count = 1 : i64, dimension_numbers = #stablehlo.conv<[f, 0, 1, b]x[i, 0, 1, o]->[0, 1, b, f]>, feature_group_count = 1 : i64, padding = dense<1> : tensor<2x2xi64>}> : (tensor<6x8x8x4xf32>, tensor<6x8x8x2xf32>) -> tensor<3x3x4x2xf32>
  return %dw : tensor<3x3x4x2xf32>
}

// CHECK-LABEL: func @divisor
func.func @divisor(%codes: tensor<30x36xi8>, %lo: tensor<1x1xf32>, %step: tensor<1x1xf32>, %g: tensor<30x8xf32>) -> tensor<8x36xf32> {
  // CHECK-COUNT-3: "stablehlo.dot_general"{{.*}} (tensor<10x8xf32>, tensor<10x36xf32>)
  // CHECK-NOT: stablehlo.dot_general
  // CHECK: return
  %h = approx_act.dequantize %codes, %lo, %step : tensor<30x36xi8>, tensor<1x1xf32> -> tensor<30x36xf32>
  %dw = "stablehlo.dot_general"(%g, %h) <{dot_dimension_numbers = #rows}> : (tensor<30x8xf32>, tensor<30x36xf32>) -> tensor<8x36xf32>
  return %dw : tensor<8x36xf32>
}

// The product with a weight is as large as the activation, and would be added
// to itself.

// CHECK-LABEL: func @large_result
// CHECK-NOT: stablehlo.slice
// CHECK: return
func.func @large_result(%codes: tensor<64x16xi8>, %lo: tensor<1x1xf32>, %step: tensor<1x1xf32>, %w: tensor<16x16xf32>) -> tensor<64x16xf32> {
  %h = approx_act.dequantize %codes, %lo, %step : tensor<64x16xi8>, tensor<1x1xf32> -> tensor<64x16xf32>
  %dx = "stablehlo.dot_general"(%h, %w) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>}> : (tensor<64x16xf32>, tensor<16x16xf32>) -> tensor<64x16xf32>
  return %dx : tensor<64x16xf32>
}

// Left as they are: what nothing restores, what another op reads as well, what
// is computed of a value in memory of the same size, and a sum that would lose
// digits.

// CHECK-LABEL: func @not_split
// CHECK-NOT: stablehlo.slice
// CHECK: return
func.func @not_split(%x: tensor<64x16xf32>, %codes: tensor<64x16xi8>, %lo: tensor<1x1xf32>, %step: tensor<1x1xf32>, %g: tensor<64x8xf32>, %n: tensor<64x8xbf16>) -> (tensor<8x16xf32>, tensor<8x16xf32>, tensor<64x16xf32>, tensor<8x16xf32>, tensor<8x16xbf16>) {
  %dw0 = "stablehlo.dot_general"(%g, %x) <{dot_dimension_numbers = #rows}> : (tensor<64x8xf32>, tensor<64x16xf32>) -> tensor<8x16xf32>
  %h = approx_act.dequantize %codes, %lo, %step : tensor<64x16xi8>, tensor<1x1xf32> -> tensor<64x16xf32>
  %dw1 = "stablehlo.dot_general"(%g, %h) <{dot_dimension_numbers = #rows}> : (tensor<64x8xf32>, tensor<64x16xf32>) -> tensor<8x16xf32>
  %m = approx_act.dequantize %codes, %lo, %step : tensor<64x16xi8>, tensor<1x1xf32> -> tensor<64x16xf32>
  %p = "stablehlo.multiply"(%m, %x) : (tensor<64x16xf32>, tensor<64x16xf32>) -> tensor<64x16xf32>
  %dw2 = "stablehlo.dot_general"(%g, %p) <{dot_dimension_numbers = #rows}> : (tensor<64x8xf32>, tensor<64x16xf32>) -> tensor<8x16xf32>
  %k = approx_act.dequantize %codes, %lo, %step : tensor<64x16xi8>, tensor<1x1xf32> -> tensor<64x16xf32>
  %c = "stablehlo.convert"(%k) : (tensor<64x16xf32>) -> tensor<64x16xbf16>
  %dw3 = "stablehlo.dot_general"(%n, %c) <{dot_dimension_numbers = #rows}> : (tensor<64x8xbf16>, tensor<64x16xbf16>) -> tensor<8x16xbf16>
  return %dw0, %dw1, %h, %dw2, %dw3 : tensor<8x16xf32>, tensor<8x16xf32>, tensor<64x16xf32>, tensor<8x16xf32>, tensor<8x16xbf16>
}

// What no verifier has seen may have no dimensions to sum over, or other ones.

// CHECK-LABEL: func @malformed
// CHECK-NOT: stablehlo.slice
// CHECK: return
func.func @malformed(%codes: tensor<64x16xi8>, %lo: tensor<1x1xf32>, %step: tensor<1x1xf32>, %g: tensor<32x8xf32>) -> (tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>) {
  %h = approx_act.dequantize %codes, %lo, %step : tensor<64x16xi8>, tensor<1x1xf32> -> tensor<64x16xf32>
  %0 = "stablehlo.dot_general"(%g, %h) <{dot_dimension_numbers = #rows}> : (tensor<32x8xf32>, tensor<64x16xf32>) -> tensor<8x16xf32>
  %k = approx_act.dequantize %codes, %lo, %step : tensor<64x16xi8>, tensor<1x1xf32> -> tensor<64x16xf32>
  %1 = "stablehlo.dot_general"(%g, %k) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [7], rhs_contracting_dimensions = [0]>}> : (tensor<32x8xf32>, tensor<64x16xf32>) -> tensor<8x16xf32>
  %l = approx_act.dequantize %codes, %lo, %step : tensor<64x16xi8>, tensor<1x1xf32> -> tensor<64x16xf32>
  %2 = "stablehlo.convolution"(%l, %g) <{dimension_numbers = #stablehlo.conv<>, feature_group_count = 1 : i64}> : (tensor<64x16xf32>, tensor<32x8xf32>) -> tensor<8x16xf32>
  return %0, %1, %2 : tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>
}

// -----

#rows = #stablehlo.dot<lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]>

// Each device has rows of its own.

// CHECK-LABEL: func @distributed
// CHECK-NOT: stablehlo.slice
// CHECK: return
module attributes {mhlo.num_partitions = 8 : i32} {
  func.func @distributed(%codes: tensor<64x16xi8>, %lo: tensor<1x1xf32>, %step: tensor<1x1xf32>, %g: tensor<64x8xf32>) -> tensor<8x16xf32> {
    %h = approx_act.dequantize %codes, %lo, %step : tensor<64x16xi8>, tensor<1x1xf32> -> tensor<64x16xf32>
    %dw = "stablehlo.dot_general"(%g, %h) <{dot_dimension_numbers = #rows}> : (tensor<64x8xf32>, tensor<64x16xf32>) -> tensor<8x16xf32>
    return %dw : tensor<8x16xf32>
  }
}
