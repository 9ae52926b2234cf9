// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-compress-residuals | FileCheck %s

// What has effects is told exact values, in the order of the program. Here the
// loss is computed from the second.

#all = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [0, 1]>
#lt = #stablehlo<comparison_direction LT>

// CHECK-LABEL: func @order
func.func @order(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  // CHECK: %[[H:.*]] = "stablehlo.dot"
  // CHECK: %[[Y:.*]] = "stablehlo.tanh"(%[[H]])
  // CHECK: %[[B:.*]]:2 = approx_act.barrier %{{.*}}, %[[Y]] :
  // CHECK: %[[M:.*]] = "stablehlo.custom_call"(%[[B]]#1) <{call_target_name = "mean"}>
  // CHECK: "stablehlo.custom_call"(%[[M]]) <{call_target_name = "first", has_side_effect = true}>
  // CHECK: "stablehlo.custom_call"(%[[B]]#1) <{call_target_name = "second", has_side_effect = true}>
  // CHECK: approx_act.dequantize
  // CHECK: "stablehlo.custom_call"({{.*}}) <{call_target_name = "third", has_side_effect = true}>
  // CHECK: "stablehlo.custom_call"({{.*}}) <{call_target_name = "fourth", has_side_effect = true}>
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %y = "stablehlo.tanh"(%h) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %m = "stablehlo.custom_call"(%y) <{call_target_name = "mean"}> : (tensor<64x64xf32>) -> tensor<f32>
  "stablehlo.custom_call"(%m) <{call_target_name = "first", has_side_effect = true}> : (tensor<f32>) -> ()
  %c = "stablehlo.custom_call"(%y) <{call_target_name = "second", has_side_effect = true}> : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %l = "stablehlo.dot_general"(%c, %w) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %b = "stablehlo.broadcast_in_dim"(%l) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<64x64xf32>
  %g = "stablehlo.dot"(%y, %b) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  "stablehlo.custom_call"(%g) <{call_target_name = "third", has_side_effect = true}> : (tensor<64x64xf32>) -> ()
  "stablehlo.custom_call"(%l) <{call_target_name = "fourth", has_side_effect = true}> : (tensor<f32>) -> ()
  return %l, %g : tensor<f32>, tensor<64x64xf32>
}

// In loops too each stays where it was, and what the one of the forward loop
// reads is computed there.

// CHECK-LABEL: func @loops
func.func @loops(%x: tensor<16x16xf32>, %w: tensor<16x16xf32>) -> (tensor<f32>, tensor<16x16xf32>) {
  // CHECK: "stablehlo.while"
  // CHECK: %[[T:.*]] = "stablehlo.tanh"
  // CHECK: %[[B:.*]]:2 = approx_act.barrier %{{.*}}, %[[T]] :
  // CHECK: %[[M:.*]] = "stablehlo.custom_call"(%[[B]]#1) <{call_target_name = "mean"}>
  // CHECK: "stablehlo.custom_call"(%[[M]]) <{call_target_name = "forward", has_side_effect = true}>
  // CHECK: "stablehlo.dynamic_update_slice"{{.*}}i8>
  // CHECK: "stablehlo.while"
  // CHECK-NOT: call_target_name = "forward"
  // CHECK: "stablehlo.custom_call"({{.*}}) <{call_target_name = "backward", has_side_effect = true}>
  %zero = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
  %f0 = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %s0 = "stablehlo.broadcast_in_dim"(%f0) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<4x16x16xf32>
  %f:3 = "stablehlo.while"(%zero, %x, %s0) ({
  ^bb0(%i: tensor<i32>, %c: tensor<16x16xf32>, %s: tensor<4x16x16xf32>):
    %n = "stablehlo.constant"() <{value = dense<4> : tensor<i32>}> : () -> tensor<i32>
    %p = "stablehlo.compare"(%i, %n) <{comparison_direction = #lt}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
    "stablehlo.return"(%p) : (tensor<i1>) -> ()
  }, {
  ^bb0(%i: tensor<i32>, %c: tensor<16x16xf32>, %s: tensor<4x16x16xf32>):
    %z = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
    %one = "stablehlo.constant"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
    %d = "stablehlo.dot"(%c, %w) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %t = "stablehlo.tanh"(%d) : (tensor<16x16xf32>) -> tensor<16x16xf32>
    %m = "stablehlo.custom_call"(%t) <{call_target_name = "mean"}> : (tensor<16x16xf32>) -> tensor<f32>
    "stablehlo.custom_call"(%m) <{call_target_name = "forward", has_side_effect = true}> : (tensor<f32>) -> ()
    %e = "stablehlo.reshape"(%t) : (tensor<16x16xf32>) -> tensor<1x16x16xf32>
    %s1 = "stablehlo.dynamic_update_slice"(%s, %e, %i, %z, %z) : (tensor<4x16x16xf32>, tensor<1x16x16xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<4x16x16xf32>
    %i1 = "stablehlo.add"(%i, %one) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    "stablehlo.return"(%i1, %t, %s1) : (tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>) -> ()
  }) : (tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>) -> (tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>)
  %loss = "stablehlo.dot_general"(%f#1, %f#1) <{dot_dimension_numbers = #all}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<f32>
  %b:3 = "stablehlo.while"(%f#2, %zero, %x) ({
  ^bb0(%s: tensor<4x16x16xf32>, %i: tensor<i32>, %g: tensor<16x16xf32>):
    %n = "stablehlo.constant"() <{value = dense<4> : tensor<i32>}> : () -> tensor<i32>
    %p = "stablehlo.compare"(%i, %n) <{comparison_direction = #lt}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
    "stablehlo.return"(%p) : (tensor<i1>) -> ()
  }, {
  ^bb0(%s: tensor<4x16x16xf32>, %i: tensor<i32>, %g: tensor<16x16xf32>):
    %z = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
    %one = "stablehlo.constant"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
    %last = "stablehlo.constant"() <{value = dense<3> : tensor<i32>}> : () -> tensor<i32>
    %j = "stablehlo.subtract"(%last, %i) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %e = "stablehlo.dynamic_slice"(%s, %j, %z, %z) <{slice_sizes = array<i64: 1, 16, 16>}> : (tensor<4x16x16xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<1x16x16xf32>
    %t = "stablehlo.reshape"(%e) : (tensor<1x16x16xf32>) -> tensor<16x16xf32>
    %p = "stablehlo.multiply"(%g, %t) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    "stablehlo.custom_call"(%p) <{call_target_name = "backward", has_side_effect = true}> : (tensor<16x16xf32>) -> ()
    %g1 = "stablehlo.dot"(%p, %w) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %i1 = "stablehlo.add"(%i, %one) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    "stablehlo.return"(%s, %i1, %g1) : (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>) -> ()
  }) : (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>) -> (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>)
  return %loss, %b#2 : tensor<f32>, tensor<16x16xf32>
}
