// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-split-examples="min-bytes=1024" --split-input-file | FileCheck %s
// RUN: approx-act-opt %s --approx-act-split-examples="min-bytes=1000000000" --split-input-file | FileCheck %s --check-prefix=SMALL
// RUN: not approx-act-opt %s --approx-act-split-examples="min-bytes=0" --split-input-file 2>&1 | FileCheck %s --check-prefix=OPTION

// OPTION: error: option min-bytes is '0', but has to be at least 1

// Of two large values a small one is left: both are there for a quarter of the
// examples at a time. The weights are whole.

// SMALL-LABEL: func @layers
// SMALL-NOT: stablehlo.slice
// SMALL-LABEL: func @gradients

// CHECK-LABEL: func @layers
func.func @layers(%x: tensor<64x16xf32>, %w: tensor<16x1024xf32>, %v: tensor<1024x1024xf32>, %u: tensor<1024x4xf32>) -> tensor<f32> {
  // CHECK: %[[X0:.*]] = "stablehlo.slice"(%arg0) <{limit_indices = array<i64: 16, 16>, start_indices = array<i64: 0, 0>
  // CHECK: %[[A0:.*]] = "stablehlo.dot_general"(%[[X0]], %arg1){{.*}} -> tensor<16x1024xf32>
  // CHECK: %[[B0:.*]] = "stablehlo.dot_general"({{.*}}, %arg2){{.*}} -> tensor<16x1024xf32>
  // CHECK: %[[C0:.*]] = "stablehlo.dot_general"(%[[B0]], %arg3){{.*}} -> tensor<16x4xf32>
  // CHECK: %[[T:.*]]:2 = approx_act.barrier %arg0, %[[C0]] : tensor<64x16xf32>, tensor<16x4xf32>
  // CHECK: "stablehlo.slice"(%[[T]]#0) <{limit_indices = array<i64: 32, 16>, start_indices = array<i64: 16, 0>
  // CHECK: %[[C1:.*]] = "stablehlo.dot_general"({{.*}}, %arg3){{.*}} -> tensor<16x4xf32>
  // CHECK: approx_act.barrier %[[T]]#0, %[[C1]] :
  // CHECK: %[[C:.*]] = "stablehlo.concatenate"({{.*}}) <{dimension = 0 : i64}> : {{.*}} -> tensor<64x4xf32>
  // CHECK: "stablehlo.dot_general"(%[[C]], %[[C]])
  %a = "stablehlo.dot_general"(%x, %w) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>}> : (tensor<64x16xf32>, tensor<16x1024xf32>) -> tensor<64x1024xf32>
  %h = approx_act.barrier %a : tensor<64x1024xf32>
  %t = "stablehlo.tanh"(%h) : (tensor<64x1024xf32>) -> tensor<64x1024xf32>
  %b = "stablehlo.dot_general"(%t, %v) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>}> : (tensor<64x1024xf32>, tensor<1024x1024xf32>) -> tensor<64x1024xf32>
  %c = "stablehlo.dot_general"(%b, %u) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>}> : (tensor<64x1024xf32>, tensor<1024x4xf32>) -> tensor<64x4xf32>
  %loss = "stablehlo.dot_general"(%c, %c) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [1, 0]>}> : (tensor<64x4xf32>, tensor<64x4xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// A gradient of weights is a sum over the examples. What reads it waits for all
// of its terms.

// CHECK-LABEL: func @gradients
func.func @gradients(%x: tensor<64x16xf32>, %w: tensor<16x1024xf32>, %g: tensor<64x16xf32>) -> (tensor<f32>, tensor<16x16xf32>) {
  // CHECK: %[[P0:.*]] = "stablehlo.dot_general"{{.*}}lhs_contracting_dimensions = [0]
  // CHECK: %[[T1:.*]]:{{.*}} = approx_act.barrier {{.*}}%[[P0]]
  // CHECK: %[[P1:.*]] = "stablehlo.dot_general"{{.*}}lhs_contracting_dimensions = [0]
  // CHECK: "stablehlo.add"(%[[T1]]#{{.*}}, %[[P1]])
  // CHECK-COUNT-2: "stablehlo.add"
  // CHECK-NOT: "stablehlo.add"
  // CHECK: "stablehlo.transpose"
  %loss = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %c = approx_act.barrier %x : tensor<64x16xf32>
  %a = "stablehlo.dot_general"(%c, %w) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>}> : (tensor<64x16xf32>, tensor<16x1024xf32>) -> tensor<64x1024xf32>
  %d = "stablehlo.dot_general"(%g, %w) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>}> : (tensor<64x16xf32>, tensor<16x1024xf32>) -> tensor<64x1024xf32>
  %m = "stablehlo.multiply"(%a, %d) : (tensor<64x1024xf32>, tensor<64x1024xf32>) -> tensor<64x1024xf32>
  %p = "stablehlo.dot_general"(%c, %m) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]>}> : (tensor<64x16xf32>, tensor<64x1024xf32>) -> tensor<16x1024xf32>
  %t = "stablehlo.transpose"(%p) <{permutation = array<i64: 1, 0>}> : (tensor<16x1024xf32>) -> tensor<1024x16xf32>
  %r = "stablehlo.dot_general"(%w, %t) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>}> : (tensor<16x1024xf32>, tensor<1024x16xf32>) -> tensor<16x16xf32>
  return %loss, %r : tensor<f32>, tensor<16x16xf32>
}

// -----

// The order in which a sum of the forward pass is rounded is that of the program.
// What comes before it is done by ranges.

// CHECK-LABEL: func @forward_sum
// CHECK: %[[C:.*]] = "stablehlo.concatenate"({{.*}}) <{dimension = 0 : i64}> : {{.*}} -> tensor<64x4xf32>
// CHECK: "stablehlo.dot_general"(%arg0, %[[C]]){{.*}}tensor<64x16xf32>, tensor<64x4xf32>
// CHECK-NOT: "stablehlo.add"
// CHECK: return
func.func @forward_sum(%x: tensor<64x16xf32>, %w: tensor<16x1024xf32>, %u: tensor<1024x4xf32>) -> tensor<f32> {
  %a = "stablehlo.dot_general"(%x, %w) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>}> : (tensor<64x16xf32>, tensor<16x1024xf32>) -> tensor<64x1024xf32>
  %h = approx_act.barrier %a : tensor<64x1024xf32>
  %c = "stablehlo.dot_general"(%h, %u) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>}> : (tensor<64x1024xf32>, tensor<1024x4xf32>) -> tensor<64x4xf32>
  %s = "stablehlo.dot_general"(%x, %c) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]>}> : (tensor<64x16xf32>, tensor<64x4xf32>) -> tensor<16x4xf32>
  %loss = "stablehlo.dot_general"(%s, %s) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [0, 1]>}> : (tensor<16x4xf32>, tensor<16x4xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// An op that mixes examples, and a result that is as large as what it is made
// of.

// CHECK-LABEL: func @mixed
// CHECK-NOT: stablehlo.slice
// CHECK: return
func.func @mixed(%x: tensor<64x16xf32>, %w: tensor<16x1024xf32>) -> (tensor<f32>, tensor<64x1024xf32>) {
  %loss = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %c = approx_act.barrier %x : tensor<64x16xf32>
  %a = "stablehlo.dot_general"(%c, %w) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>}> : (tensor<64x16xf32>, tensor<16x1024xf32>) -> tensor<64x1024xf32>
  %s = "stablehlo.custom_call"(%a) <{call_target_name = "sort"}> : (tensor<64x1024xf32>) -> tensor<64x1024xf32>
  %b = approx_act.barrier %s : tensor<64x1024xf32>
  return %loss, %b : tensor<f32>, tensor<64x1024xf32>
}

// -----

// Two examples are in one word: a range of words has the codes of a range of
// examples.

// CHECK-LABEL: func @words
func.func @words(%q: tensor<64x16xi4>, %lo: tensor<1x16xf32>, %w: tensor<16x1024xf32>, %u: tensor<1024x4xf32>) -> (tensor<f32>, tensor<64x4xf32>) {
  // CHECK: %[[WORDS:.*]] = approx_act.pack
  // CHECK: %[[W0:.*]] = "stablehlo.slice"(%{{.*}}) <{limit_indices = array<i64: 8, 1, 16>
  // CHECK: %[[B0:.*]] = approx_act.barrier %[[W0]]
  // CHECK: %[[Q0:.*]] = approx_act.unpack %[[B0]] {dim = 1 : i64} : tensor<8x1x16xi8> -> tensor<8x2x16xi4>
  // CHECK: tensor.collapse_shape %[[Q0]] {{.*}} : tensor<8x2x16xi4> into tensor<16x16xi4>
  // CHECK: approx_act.dequantize {{.*}} -> tensor<16x16xf32>
  // CHECK: approx_act.barrier
  // CHECK: "stablehlo.slice"(%{{.*}}) <{limit_indices = array<i64: 16, 1, 16>, start_indices = array<i64: 8, 0, 0>
  // CHECK: approx_act.unpack
  // CHECK: "stablehlo.concatenate"({{.*}}) <{dimension = 0 : i64}> : {{.*}} -> tensor<64x4xf32>
  %pairs = tensor.expand_shape %q [[0, 1], [2]] output_shape [32, 2, 16] : tensor<64x16xi4> into tensor<32x2x16xi4>
  %words = approx_act.pack %pairs {dim = 1 : i64} : tensor<32x2x16xi4> -> tensor<32x1x16xi8>
  %loss = "stablehlo.custom_call"(%words) <{call_target_name = "f"}> : (tensor<32x1x16xi8>) -> tensor<f32>
  %b = approx_act.barrier %words : tensor<32x1x16xi8>
  %unpacked = approx_act.unpack %b {dim = 1 : i64} : tensor<32x1x16xi8> -> tensor<32x2x16xi4>
  %codes = tensor.collapse_shape %unpacked [[0, 1], [2]] : tensor<32x2x16xi4> into tensor<64x16xi4>
  %h = approx_act.dequantize %codes, %lo, %lo : tensor<64x16xi4>, tensor<1x16xf32> -> tensor<64x16xf32>
  %a = "stablehlo.dot_general"(%h, %w) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>}> : (tensor<64x16xf32>, tensor<16x1024xf32>) -> tensor<64x1024xf32>
  %c = "stablehlo.dot_general"(%a, %u) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>}> : (tensor<64x1024xf32>, tensor<1024x4xf32>) -> tensor<64x4xf32>
  return %loss, %c : tensor<f32>, tensor<64x4xf32>
}

// -----

// Each device has examples of its own.

// CHECK-LABEL: func @distributed
// CHECK-NOT: stablehlo.slice
// CHECK: return
module attributes {mhlo.num_partitions = 8 : i32} {
  func.func @distributed(%x: tensor<64x16xf32>, %w: tensor<16x1024xf32>, %u: tensor<1024x4xf32>) -> tensor<f32> {
    %a = "stablehlo.dot_general"(%x, %w) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>}> : (tensor<64x16xf32>, tensor<16x1024xf32>) -> tensor<64x1024xf32>
    %h = approx_act.barrier %a : tensor<64x1024xf32>
    %c = "stablehlo.dot_general"(%h, %u) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>}> : (tensor<64x1024xf32>, tensor<1024x4xf32>) -> tensor<64x4xf32>
    %loss = "stablehlo.dot_general"(%c, %c) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [1, 0]>}> : (tensor<64x4xf32>, tensor<64x4xf32>) -> tensor<f32>
    return %loss : tensor<f32>
  }
}
