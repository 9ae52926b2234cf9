// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-delay-fills | FileCheck %s

// The zeros wait for the product that the call reads beside them.

// CHECK-LABEL: func @waits
func.func @waits(%words: tensor<4xi8>, %x: tensor<128x256xf32>, %w: tensor<256x256xf32>) -> (tensor<4xi8>, tensor<128x256xf32>) {
  // CHECK: %[[ZERO:.*]] = "stablehlo.constant"() <{value = dense<0.000000e+00> : tensor<f32>}>
  // CHECK-NOT: broadcast_in_dim
  // CHECK: %[[H:.*]] = "stablehlo.dot"
  // CHECK: %[[TIED:.*]]:2 = approx_act.barrier %[[ZERO]], %[[H]] : tensor<f32>, tensor<128x256xf32>
  // CHECK: %[[ZEROS:.*]] = "stablehlo.broadcast_in_dim"(%[[TIED]]#0)
  // CHECK: "stablehlo.custom_call"(%[[ZEROS]], %[[TIED]]#1)
  %b = approx_act.barrier %words : tensor<4xi8>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %zeros = "stablehlo.broadcast_in_dim"(%zero) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<128x256xf32>
  %h = "stablehlo.dot"(%x, %w) : (tensor<128x256xf32>, tensor<256x256xf32>) -> tensor<128x256xf32>
  %r = "stablehlo.custom_call"(%zeros, %h) <{call_target_name = "f"}> : (tensor<128x256xf32>, tensor<128x256xf32>) -> tensor<128x256xf32>
  return %b, %r : tensor<4xi8>, tensor<128x256xf32>
}

// What a call makes of constants is there from the start, so the zeros wait for
// the product before it.

// CHECK-LABEL: func @constant_call
func.func @constant_call(%words: tensor<4xi8>, %x: tensor<128x256xf32>, %w: tensor<256x256xf32>) -> (tensor<4xi8>, tensor<128x256xf32>) {
  // CHECK: %[[H:.*]] = "stablehlo.dot"
  // CHECK: %[[C:.*]] = "stablehlo.custom_call"(%{{.*}}) <{call_target_name = "c"}>
  // CHECK: %[[TIED:.*]]:2 = approx_act.barrier %{{.*}}, %[[H]] : tensor<f32>, tensor<128x256xf32>
  // CHECK: "stablehlo.custom_call"(%{{.*}}, %[[TIED]]#1, %[[C]]) <{call_target_name = "f"}>
  %b = approx_act.barrier %words : tensor<4xi8>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %zeros = "stablehlo.broadcast_in_dim"(%zero) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<128x256xf32>
  %h = "stablehlo.dot"(%x, %w) : (tensor<128x256xf32>, tensor<256x256xf32>) -> tensor<128x256xf32>
  %c = "stablehlo.custom_call"(%zero) <{call_target_name = "c"}> : (tensor<f32>) -> tensor<128xf32>
  %r = "stablehlo.custom_call"(%zeros, %h, %c) <{call_target_name = "f"}> : (tensor<128x256xf32>, tensor<128x256xf32>, tensor<128xf32>) -> tensor<128x256xf32>
  return %b, %r : tensor<4xi8>, tensor<128x256xf32>
}

// What meets arguments alone has nothing to wait for; what is small may be there
// from the start; and arithmetic computes its operands where it is.

// CHECK-LABEL: func @stays
func.func @stays(%words: tensor<4xi8>, %x: tensor<128x256xf32>, %w: tensor<256x256xf32>) -> (tensor<4xi8>, tensor<128x256xf32>, tensor<8xf32>, tensor<128x256xf32>) {
  // CHECK: approx_act.barrier %arg0
  // CHECK-NOT: approx_act.barrier
  // CHECK: return
  %b = approx_act.barrier %words : tensor<4xi8>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %zeros = "stablehlo.broadcast_in_dim"(%zero) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<128x256xf32>
  %few = "stablehlo.broadcast_in_dim"(%zero) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8xf32>
  %0 = "stablehlo.custom_call"(%zeros, %x) <{call_target_name = "f"}> : (tensor<128x256xf32>, tensor<128x256xf32>) -> tensor<128x256xf32>
  %h = "stablehlo.dot"(%x, %w) : (tensor<128x256xf32>, tensor<256x256xf32>) -> tensor<128x256xf32>
  %1 = "stablehlo.custom_call"(%few, %h) <{call_target_name = "f"}> : (tensor<8xf32>, tensor<128x256xf32>) -> tensor<8xf32>
  %2 = "stablehlo.maximum"(%h, %zeros) : (tensor<128x256xf32>, tensor<128x256xf32>) -> tensor<128x256xf32>
  return %b, %0, %1, %2 : tensor<4xi8>, tensor<128x256xf32>, tensor<8xf32>, tensor<128x256xf32>
}

// A step that is not rewritten stays as it is.

// CHECK-LABEL: func @exact
// CHECK-NOT: approx_act.barrier
// CHECK: return
func.func @exact(%x: tensor<128x256xf32>, %w: tensor<256x256xf32>) -> tensor<128x256xf32> {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %zeros = "stablehlo.broadcast_in_dim"(%zero) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<128x256xf32>
  %h = "stablehlo.dot"(%x, %w) : (tensor<128x256xf32>, tensor<256x256xf32>) -> tensor<128x256xf32>
  %r = "stablehlo.custom_call"(%zeros, %h) <{call_target_name = "f"}> : (tensor<128x256xf32>, tensor<128x256xf32>) -> tensor<128x256xf32>
  return %r : tensor<128x256xf32>
}
