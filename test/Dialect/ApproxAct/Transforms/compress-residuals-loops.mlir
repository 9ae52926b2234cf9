// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-compress-residuals | FileCheck %s

#all = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [0, 1]>
#lt = #stablehlo<comparison_direction LT>

// h ← tanh(h · w[i]) for i = 0…3, and its derivative. The forward loop stacks
// codes instead of values, and the backward loop reads them at the index at
// which it read the values; the weights are there anyway.

// CHECK-LABEL: func @pair
// CHECK-SAME: %[[X:[^:]*]]: tensor<16x16xf32>, %[[W:[^:]*]]: tensor<4x16x16xf32>
func.func @pair(%x: tensor<16x16xf32>, %w: tensor<4x16x16xf32>) -> (tensor<f32>, tensor<16x16xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
  %empty = "stablehlo.constant"() <{value = dense<0.0> : tensor<4x16x16xf32>}> : () -> tensor<4x16x16xf32>
  // CHECK: %[[F:.*]]:6 = "stablehlo.while"(%[[W]]
  // CHECK: %[[H:.*]] = "stablehlo.dot"
  // CHECK: approx_act.grid
  // CHECK: %[[Q:.*]] = approx_act.quantize
  // CHECK: %[[V:.*]] = tensor.expand_shape %[[Q]]
  // CHECK: %[[P:.*]] = approx_act.pack %[[V]]
  // CHECK: %[[R:.*]] = "stablehlo.reshape"(%[[P]])
  // CHECK: "stablehlo.dynamic_update_slice"({{.*}}, %[[R]]
  // CHECK-SAME: (tensor<4x8x1x16xi8>, tensor<1x8x1x16xi8>
  // CHECK: (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>, tensor<4x8x1x16xi8>, tensor<4x1x1xf32>, tensor<4x1x1xf32>) ->
  %f:4 = "stablehlo.while"(%w, %zero, %x, %empty) ({
  ^bb0(%wi: tensor<4x16x16xf32>, %i: tensor<i32>, %h: tensor<16x16xf32>, %s: tensor<4x16x16xf32>):
    %n = "stablehlo.constant"() <{value = dense<4> : tensor<i32>}> : () -> tensor<i32>
    %c = "stablehlo.compare"(%i, %n) <{comparison_direction = #lt}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%wi: tensor<4x16x16xf32>, %i: tensor<i32>, %h: tensor<16x16xf32>, %s: tensor<4x16x16xf32>):
    %z = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
    %one = "stablehlo.constant"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
    %w0 = "stablehlo.dynamic_slice"(%wi, %i, %z, %z) <{slice_sizes = array<i64: 1, 16, 16>}> : (tensor<4x16x16xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<1x16x16xf32>
    %w1 = "stablehlo.reshape"(%w0) : (tensor<1x16x16xf32>) -> tensor<16x16xf32>
    %a = "stablehlo.dot"(%h, %w1) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %t = "stablehlo.tanh"(%a) : (tensor<16x16xf32>) -> tensor<16x16xf32>
    %e = "stablehlo.reshape"(%t) : (tensor<16x16xf32>) -> tensor<1x16x16xf32>
    %s1 = "stablehlo.dynamic_update_slice"(%s, %e, %i, %z, %z) : (tensor<4x16x16xf32>, tensor<1x16x16xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<4x16x16xf32>
    %i1 = "stablehlo.add"(%i, %one) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    "stablehlo.return"(%wi, %i1, %t, %s1) : (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>) -> ()
  }) : (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>) -> (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>)
  %loss = "stablehlo.dot_general"(%f#2, %f#2) <{dot_dimension_numbers = #all}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<f32>
  %g0 = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  // CHECK: "stablehlo.while"(%{{.*}}, %{{.*}}, %[[W]], %[[F]]#3, %[[F]]#4, %[[F]]#5)
  // CHECK: %[[J:.*]] = "stablehlo.subtract"
  // CHECK: %[[WORDS:.*]] = "stablehlo.dynamic_slice"(%{{.*}}, %[[J]]
  // CHECK-SAME: (tensor<4x8x1x16xi8>
  // CHECK: %[[B:.*]]:4 = approx_act.barrier {{.*}} : tensor<8x1x16xi8>, tensor<1x1xf32>, tensor<1x1xf32>, tensor<16x16xf32>
  // CHECK: approx_act.unpack %[[B]]#0
  // CHECK: %[[T:.*]] = approx_act.dequantize
  // CHECK: "stablehlo.multiply"(%[[B]]#3, %[[T]])
  // CHECK-NOT: approx_act.iteration
  %b:4 = "stablehlo.while"(%f#3, %zero, %g0, %w) ({
  ^bb0(%s: tensor<4x16x16xf32>, %i: tensor<i32>, %g: tensor<16x16xf32>, %wi: tensor<4x16x16xf32>):
    %n = "stablehlo.constant"() <{value = dense<4> : tensor<i32>}> : () -> tensor<i32>
    %c = "stablehlo.compare"(%i, %n) <{comparison_direction = #lt}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%s: tensor<4x16x16xf32>, %i: tensor<i32>, %g: tensor<16x16xf32>, %wi: tensor<4x16x16xf32>):
    %z = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
    %one = "stablehlo.constant"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
    %last = "stablehlo.constant"() <{value = dense<3> : tensor<i32>}> : () -> tensor<i32>
    %j = "stablehlo.subtract"(%last, %i) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %e = "stablehlo.dynamic_slice"(%s, %j, %z, %z) <{slice_sizes = array<i64: 1, 16, 16>}> : (tensor<4x16x16xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<1x16x16xf32>
    %t = "stablehlo.reshape"(%e) : (tensor<1x16x16xf32>) -> tensor<16x16xf32>
    %w0 = "stablehlo.dynamic_slice"(%wi, %j, %z, %z) <{slice_sizes = array<i64: 1, 16, 16>}> : (tensor<4x16x16xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<1x16x16xf32>
    %w1 = "stablehlo.reshape"(%w0) : (tensor<1x16x16xf32>) -> tensor<16x16xf32>
    %t2 = "stablehlo.multiply"(%t, %t) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %p = "stablehlo.multiply"(%g, %t2) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %q = "stablehlo.subtract"(%g, %p) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %g1 = "stablehlo.dot"(%q, %w1) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %i1 = "stablehlo.add"(%i, %one) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    "stablehlo.return"(%s, %i1, %g1, %wi) : (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>) -> ()
  }) : (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>) -> (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>)
  return %loss, %b#2 : tensor<f32>, tensor<16x16xf32>
}

// What is computed again for the backward loop waits for the cotangent and not for
// a stack that stays exact. Nothing waits for the end of the loop with the stack.

// CHECK-LABEL: func @exact_stack
// CHECK-SAME: %[[X:[^:]*]]: tensor<16x16xf32>, %[[W:[^:]*]]: tensor<4x16x16xf32>
func.func @exact_stack(%x: tensor<16x16xf32>, %w: tensor<4x16x16xf32>) -> (tensor<f32>, tensor<16x16xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
  %empty = "stablehlo.constant"() <{value = dense<0.0> : tensor<4x16x16xf32>}> : () -> tensor<4x16x16xf32>
  %v = "stablehlo.negate"(%w) : (tensor<4x16x16xf32>) -> tensor<4x16x16xf32>
  // CHECK: %[[F:.*]]:4 = "stablehlo.while"
  %f:4 = "stablehlo.while"(%v, %zero, %x, %empty) ({
  ^bb0(%wi: tensor<4x16x16xf32>, %i: tensor<i32>, %h: tensor<16x16xf32>, %s: tensor<4x16x16xf32>):
    %n = "stablehlo.constant"() <{value = dense<4> : tensor<i32>}> : () -> tensor<i32>
    %c = "stablehlo.compare"(%i, %n) <{comparison_direction = #lt}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%wi: tensor<4x16x16xf32>, %i: tensor<i32>, %h: tensor<16x16xf32>, %s: tensor<4x16x16xf32>):
    %z = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
    %one = "stablehlo.constant"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
    %w0 = "stablehlo.dynamic_slice"(%wi, %i, %z, %z) <{slice_sizes = array<i64: 1, 16, 16>}> : (tensor<4x16x16xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<1x16x16xf32>
    %w1 = "stablehlo.reshape"(%w0) : (tensor<1x16x16xf32>) -> tensor<16x16xf32>
    %a = "stablehlo.dot"(%h, %w1) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %t = "stablehlo.tanh"(%a) : (tensor<16x16xf32>) -> tensor<16x16xf32>
    %e = "stablehlo.reshape"(%t) : (tensor<16x16xf32>) -> tensor<1x16x16xf32>
    %s1 = "stablehlo.dynamic_update_slice"(%s, %e, %i, %z, %z) : (tensor<4x16x16xf32>, tensor<1x16x16xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<4x16x16xf32>
    %i1 = "stablehlo.add"(%i, %one) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    "stablehlo.return"(%wi, %i1, %t, %s1) : (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>) -> ()
  }) : (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>) -> (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>)
  %loss = "stablehlo.dot_general"(%f#2, %f#2) <{dot_dimension_numbers = #all}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<f32>
  %g0 = "stablehlo.dot"(%f#2, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  // CHECK: %[[G:.*]] = "stablehlo.dot"({{.*}}, %[[X]])
  // CHECK: %[[D:.*]]:2 = approx_act.barrier %[[G]],
  // CHECK: approx_act.barrier %[[W]], %[[D]]#0 :
  // CHECK: "stablehlo.while"({{.*}}%[[F]]#3
  // CHECK-NOT: approx_act.barrier
  // CHECK: return
  %b:4 = "stablehlo.while"(%f#3, %zero, %g0, %v) ({
  ^bb0(%s: tensor<4x16x16xf32>, %i: tensor<i32>, %g: tensor<16x16xf32>, %wi: tensor<4x16x16xf32>):
    %n = "stablehlo.constant"() <{value = dense<4> : tensor<i32>}> : () -> tensor<i32>
    %c = "stablehlo.compare"(%i, %n) <{comparison_direction = #lt}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%s: tensor<4x16x16xf32>, %i: tensor<i32>, %g: tensor<16x16xf32>, %wi: tensor<4x16x16xf32>):
    %z = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
    %one = "stablehlo.constant"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
    %last = "stablehlo.constant"() <{value = dense<3> : tensor<i32>}> : () -> tensor<i32>
    %j = "stablehlo.subtract"(%last, %i) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %e = "stablehlo.dynamic_slice"(%s, %j, %z, %z) <{slice_sizes = array<i64: 1, 16, 16>}> : (tensor<4x16x16xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<1x16x16xf32>
    %t = "stablehlo.reshape"(%e) : (tensor<1x16x16xf32>) -> tensor<16x16xf32>
    %w0 = "stablehlo.dynamic_slice"(%wi, %j, %z, %z) <{slice_sizes = array<i64: 1, 16, 16>}> : (tensor<4x16x16xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<1x16x16xf32>
    %w1 = "stablehlo.reshape"(%w0) : (tensor<1x16x16xf32>) -> tensor<16x16xf32>
    %t2 = "stablehlo.custom_call"(%t) <{call_target_name = "f"}> : (tensor<16x16xf32>) -> tensor<16x16xf32>
    %p = "stablehlo.multiply"(%g, %t2) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %q = "stablehlo.subtract"(%g, %p) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %g1 = "stablehlo.dot"(%q, %w1) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %i1 = "stablehlo.add"(%i, %one) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    "stablehlo.return"(%s, %i1, %g1, %wi) : (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>) -> ()
  }) : (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>) -> (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>)
  return %loss, %b#2 : tensor<f32>, tensor<16x16xf32>
}

// A loop around a whole step: the loss and the gradients accumulate. What
// crosses does so within an iteration.

// CHECK-LABEL: func @accumulated
func.func @accumulated(%x: tensor<16x16xf32>, %w: tensor<16x16xf32>, %g0: tensor<16x16xf32>) -> (tensor<f32>, tensor<16x16xf32>) {
  // CHECK: "stablehlo.while"
  // CHECK: %[[H:.*]] = "stablehlo.dot"
  // CHECK: approx_act.quantize %[[H]]
  // CHECK: "stablehlo.dot_general"
  // CHECK: approx_act.barrier {{.*}} : tensor<8x1x16xi8>, tensor<1x1xf32>, tensor<1x1xf32>, tensor<f32>
  // CHECK: %[[R:.*]] = approx_act.dequantize
  // CHECK: "stablehlo.dot"(%[[R]]
  // CHECK: "stablehlo.return"
  %zero = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
  %l0 = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %f:5 = "stablehlo.while"(%zero, %x, %w, %l0, %g0) ({
  ^bb0(%i: tensor<i32>, %xi: tensor<16x16xf32>, %wi: tensor<16x16xf32>, %l: tensor<f32>, %g: tensor<16x16xf32>):
    %n = "stablehlo.constant"() <{value = dense<4> : tensor<i32>}> : () -> tensor<i32>
    %c = "stablehlo.compare"(%i, %n) <{comparison_direction = #lt}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%i: tensor<i32>, %xi: tensor<16x16xf32>, %wi: tensor<16x16xf32>, %l: tensor<f32>, %g: tensor<16x16xf32>):
    %one = "stablehlo.constant"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
    %h = "stablehlo.dot"(%xi, %wi) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %d = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<f32>
    %l1 = "stablehlo.add"(%l, %d) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    %dg = "stablehlo.dot"(%h, %wi) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %g1 = "stablehlo.add"(%g, %dg) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %i1 = "stablehlo.add"(%i, %one) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    "stablehlo.return"(%i1, %xi, %wi, %l1, %g1) : (tensor<i32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<f32>, tensor<16x16xf32>) -> ()
  }) : (tensor<i32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<f32>, tensor<16x16xf32>) -> (tensor<i32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<f32>, tensor<16x16xf32>)
  // The accumulated gradient is no activation, whatever follows.
  // CHECK-NOT: approx_act
  // CHECK: return
  %g2 = "stablehlo.dot"(%f#4, %f#4) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  return %f#3, %g2 : tensor<f32>, tensor<16x16xf32>
}

// A loop of which the forward pass needs everything that it hands on, since
// the loss is computed from it in the next iteration, is left alone.

// CHECK-LABEL: func @iterative
// CHECK-NOT: approx_act
// CHECK: return
func.func @iterative(%x: tensor<16x16xf32>, %w: tensor<16x16xf32>) -> (tensor<f32>, tensor<16x16xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
  %l0 = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %f:3 = "stablehlo.while"(%zero, %x, %l0) ({
  ^bb0(%i: tensor<i32>, %xi: tensor<16x16xf32>, %l: tensor<f32>):
    %n = "stablehlo.constant"() <{value = dense<4> : tensor<i32>}> : () -> tensor<i32>
    %c = "stablehlo.compare"(%i, %n) <{comparison_direction = #lt}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%i: tensor<i32>, %xi: tensor<16x16xf32>, %l: tensor<f32>):
    %one = "stablehlo.constant"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
    %h = "stablehlo.dot"(%xi, %xi) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %d = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<f32>
    %x1 = "stablehlo.dot"(%h, %xi) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %i1 = "stablehlo.add"(%i, %one) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    "stablehlo.return"(%i1, %x1, %d) : (tensor<i32>, tensor<16x16xf32>, tensor<f32>) -> ()
  }) : (tensor<i32>, tensor<16x16xf32>, tensor<f32>) -> (tensor<i32>, tensor<16x16xf32>, tensor<f32>)
  return %f#2, %f#1 : tensor<f32>, tensor<16x16xf32>
}
