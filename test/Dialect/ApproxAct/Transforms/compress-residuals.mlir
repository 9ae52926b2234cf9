// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-compress-residuals | FileCheck %s

#all = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [0, 1]>

// A kind of storage each. What is read in the forward pass is the exact value,
// and only there.

// CHECK-LABEL: func @codes
func.func @codes(%x: tensor<8x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<8x64xf32>) {
  // CHECK: %[[H:.*]] = "stablehlo.dot"
  // CHECK: %[[LO:.*]], %[[STEP:.*]] = approx_act.grid %[[H]]
  // CHECK: %[[Q:.*]] = approx_act.quantize %[[H]], %[[LO]], %[[STEP]]{{.*}} -> tensor<8x64xi4>
  // CHECK: %[[V:.*]] = tensor.expand_shape %[[Q]]{{.*}} into tensor<4x2x64xi4>
  // CHECK: %[[W:.*]] = approx_act.pack %[[V]] {dim = 1 : i64}
  // CHECK: approx_act.barrier %[[W]], %[[H]] :
  // CHECK: %[[LOSS:.*]] = "stablehlo.dot_general"
  // CHECK: %[[B:.*]]:4 = approx_act.barrier %{{.*}}, %[[LO]], %[[STEP]], %[[LOSS]] : tensor<{{.*}}xi8>,
  // CHECK: %[[U:.*]] = approx_act.unpack %[[B]]#0
  // CHECK: %[[C:.*]] = tensor.collapse_shape %[[U]]
  // CHECK: %[[R:.*]] = approx_act.dequantize %[[C]], %[[B]]#1, %[[B]]#2
  // CHECK: "stablehlo.dot"(%[[R]], %arg1)
  %h = "stablehlo.dot"(%x, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%h, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  return %loss, %g : tensor<f32>, tensor<8x64xf32>
}

// A mask that nothing carries is packed and read back as it was.

// CHECK-LABEL: func @mask
func.func @mask(%x: tensor<8x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<8x64xf32>) {
  // CHECK: %[[M:.*]] = "stablehlo.custom_call"
  // CHECK: %[[V:.*]] = tensor.expand_shape %[[M]]
  // CHECK: approx_act.pack %[[V]] {{.*}} : tensor<1x8x64xi1> -> tensor<1x1x64xi8>
  // CHECK-NOT: quantize
  // CHECK: %[[U:.*]] = approx_act.unpack
  // CHECK: %[[R:.*]] = tensor.collapse_shape %[[U]]{{.*}} into tensor<8x64xi1>
  // CHECK: "stablehlo.select"(%[[R]]
  %m = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<8x64xf32>) -> tensor<8x64xi1>
  %h = "stablehlo.select"(%m, %x, %x) : (tensor<8x64xi1>, tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%x, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %1 = "stablehlo.custom_call"(%0) <{call_target_name = "f"}> : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %g = "stablehlo.select"(%m, %1, %x) : (tensor<8x64xi1>, tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %loss, %g : tensor<f32>, tensor<8x64xf32>
}

// The codes carry the mask of a ReLU; nothing else is stored of it.

// CHECK-LABEL: func @carried_mask
func.func @carried_mask(%x: tensor<8x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<8x64xf32>) {
  // CHECK: %[[M:.*]] = "stablehlo.compare"
  // CHECK: approx_act.quantize{{.*}} %[[M]]
  // CHECK: approx_act.pack
  // CHECK-NOT: approx_act.pack
  // CHECK: approx_act.dequantize
  // CHECK: %[[R:.*]] = approx_act.side
  // CHECK: "stablehlo.select"(%[[R]]
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<8x64xf32>}> : () -> tensor<8x64xf32>
  %z = "stablehlo.dot"(%x, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %h = "stablehlo.maximum"(%z, %zero) : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<f32>
  %m = "stablehlo.compare"(%z, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xi1>
  %0 = "stablehlo.dot"(%h, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %g = "stablehlo.select"(%m, %0, %zero) : (tensor<8x64xi1>, tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %loss, %g : tensor<f32>, tensor<8x64xf32>
}

// A gradient is masked before what the same codes stand for is restored.

// CHECK-LABEL: func @mask_first
func.func @mask_first(%x: tensor<8x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<8x64xf32>) {
  // CHECK: approx_act.dequantize
  // CHECK: %[[C:.*]] = "stablehlo.dot"
  // CHECK: %[[D:.*]]:2 = approx_act.barrier %[[C]], %
  // CHECK: %[[B:.*]]:3 = approx_act.barrier %[[W:.*]], %[[SPLIT:.*]], %[[D]]#0 :
  // CHECK-NOT: approx_act.dequantize
  // CHECK: %[[S:.*]] = approx_act.side %{{.*}}, %[[B]]#1
  // CHECK: %[[G:.*]] = "stablehlo.select"(%[[S]], %[[B]]#2
  // CHECK: %[[T:.*]]:6 = approx_act.barrier %[[W]], {{.*}}, %[[SPLIT]], %[[G]] :
  // CHECK: approx_act.unpack %[[T]]#0
  // CHECK: %[[R:.*]] = approx_act.dequantize
  // CHECK: "stablehlo.multiply"(%[[T]]#5, %[[R]])
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<8x64xf32>}> : () -> tensor<8x64xf32>
  %z = "stablehlo.dot"(%x, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %h = "stablehlo.maximum"(%z, %zero) : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<f32>
  %m = "stablehlo.compare"(%z, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xi1>
  %0 = "stablehlo.dot"(%h, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %1 = "stablehlo.select"(%m, %0, %zero) : (tensor<8x64xi1>, tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %g = "stablehlo.multiply"(%1, %z) : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %loss, %g : tensor<f32>, tensor<8x64xf32>
}

// Exact beside codes: who demands exactly reads the value itself.

// CHECK-LABEL: func @exact
func.func @exact(%x: tensor<8x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<8x64xf32>) {
  // CHECK: %[[A:.*]] = "stablehlo.dot"(%arg0, %arg1)
  // CHECK: %[[B:.*]] = "stablehlo.dot"(%{{.*}}, %arg1)
  // CHECK: approx_act.quantize %[[B]]
  // CHECK-NOT: approx_act.quantize
  // CHECK: "stablehlo.custom_call"(%{{.*}}, %[[A]]) <{call_target_name = "g"}>
  %a = "stablehlo.dot"(%x, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %b = "stablehlo.dot"(%a, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %loss = "stablehlo.dot_general"(%b, %b) <{dot_dimension_numbers = #all}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%b, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %g = "stablehlo.custom_call"(%0, %a) <{call_target_name = "g"}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %loss, %g : tensor<f32>, tensor<8x64xf32>
}

// What follows from the stored value is computed again from its restored form.

// CHECK-LABEL: func @recomputed
func.func @recomputed(%x: tensor<8x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<8x64xf32>) {
  // CHECK: %[[R:.*]] = approx_act.dequantize
  // CHECK: "stablehlo.dot"(%[[R]], %arg1)
  // CHECK: %[[T:.*]] = "stablehlo.tanh"
  // CHECK: "stablehlo.multiply"(%{{.*}}, %[[T]])
  %a = "stablehlo.dot"(%x, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %b = "stablehlo.tanh"(%a) : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %loss = "stablehlo.dot_general"(%b, %b) <{dot_dimension_numbers = #all}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%a, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %g = "stablehlo.multiply"(%0, %b) : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %loss, %g : tensor<f32>, tensor<8x64xf32>
}

// So is what another forward op, behind the codes, made of the exact value.

// CHECK-LABEL: func @recomputed_later
func.func @recomputed_later(%x: tensor<8x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<8x64xf32>) {
  // CHECK: %[[A:.*]] = "stablehlo.dot"(%arg0, %arg1)
  // CHECK: %[[B:.*]]:2 = approx_act.barrier {{.*}}, %[[A]] :
  // CHECK: "stablehlo.tanh"(%[[B]]#1)
  // CHECK: %[[R:.*]] = approx_act.dequantize
  // CHECK: "stablehlo.dot"(%[[R]], %arg1)
  // CHECK: %[[S:.*]] = approx_act.dequantize
  // CHECK: "stablehlo.tanh"(%[[S]])
  %a = "stablehlo.dot"(%x, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %c = "stablehlo.dot"(%a, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %b = "stablehlo.tanh"(%a) : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %loss = "stablehlo.dot_general"(%b, %c) <{dot_dimension_numbers = #all}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%a, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %g = "stablehlo.multiply"(%0, %b) : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %loss, %g : tensor<f32>, tensor<8x64xf32>
}

// Known moments set the grid: no element is looked at.

// CHECK-LABEL: func @moments
func.func @moments(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  // CHECK: approx_act.grid {{.*}}range<normalised,
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %n = "stablehlo.constant"() <{value = dense<64.0> : tensor<64xf32>}> : () -> tensor<64xf32>
  %a = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %square = "stablehlo.multiply"(%a, %a) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %sum = "stablehlo.reduce"(%square, %zero) <{dimensions = array<i64: 0>}> ({
  ^bb0(%c: tensor<f32>, %d: tensor<f32>):
    %s = "stablehlo.add"(%c, %d) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<64x64xf32>, tensor<f32>) -> tensor<64xf32>
  %mean = "stablehlo.divide"(%sum, %n) : (tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32>
  %r = "stablehlo.rsqrt"(%mean) : (tensor<64xf32>) -> tensor<64xf32>
  %rs = "stablehlo.broadcast_in_dim"(%r) <{broadcast_dimensions = array<i64: 1>}> : (tensor<64xf32>) -> tensor<64x64xf32>
  %b = "stablehlo.multiply"(%a, %rs) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%b, %b) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%b, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %g : tensor<f32>, tensor<64x64xf32>
}

// The loss may be finished after the gradient; nothing of the gradient stays
// before it.

// CHECK-LABEL: func @late_loss
func.func @late_loss(%x: tensor<8x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<8x64xf32>) {
  // CHECK: approx_act.quantize
  // CHECK: "stablehlo.negate"(%{{.*}}) : (tensor<f32>)
  // CHECK: approx_act.dequantize
  %h = "stablehlo.dot"(%x, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %l = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%h, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %loss = "stablehlo.negate"(%l) : (tensor<f32>) -> tensor<f32>
  return %loss, %g : tensor<f32>, tensor<8x64xf32>
}

// What is called for its effect reads exact values, and is called as often as
// before.

// CHECK-LABEL: func @effect
func.func @effect(%x: tensor<8x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<8x64xf32>) {
  // CHECK: %[[A:.*]] = "stablehlo.dot"(%arg0, %arg1)
  // CHECK-COUNT-1: "stablehlo.custom_call"(%[[A]]) <{call_target_name = "print"
  // CHECK-NOT: "stablehlo.custom_call"
  // CHECK: return
  %a = "stablehlo.dot"(%x, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %b = "stablehlo.dot"(%a, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %loss = "stablehlo.dot_general"(%b, %b) <{dot_dimension_numbers = #all}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<f32>
  "stablehlo.custom_call"(%a) <{call_target_name = "print", has_side_effect = true}> : (tensor<8x64xf32>) -> ()
  %g = "stablehlo.dot"(%b, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  return %loss, %g : tensor<f32>, tensor<8x64xf32>
}

// A result that is a forward value stays exact, and is not stored twice.

// CHECK-LABEL: func @auxiliary_result
func.func @auxiliary_result(%x: tensor<8x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<8x64xf32>, tensor<8x64xf32>) {
  // CHECK: %[[A:.*]] = "stablehlo.dot"
  // CHECK: %[[B:.*]] = "stablehlo.dot"
  // CHECK: approx_act.quantize %[[B]]
  // CHECK-NOT: approx_act.quantize
  // CHECK: return %{{.*}}, %{{.*}}, %[[A]] :
  %a = "stablehlo.dot"(%x, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %b = "stablehlo.dot"(%a, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %loss = "stablehlo.dot_general"(%b, %b) <{dot_dimension_numbers = #all}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%b, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %g = "stablehlo.multiply"(%0, %a) : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %loss, %g, %a : tensor<f32>, tensor<8x64xf32>, tensor<8x64xf32>
}

// A branch in the backward pass that returns a forward value gets the exact one.

// CHECK-LABEL: func @captured
func.func @captured(%x: tensor<8x64xf32>, %w: tensor<64x64xf32>, %n: tensor<i32>) -> (tensor<f32>, tensor<8x64xf32>) {
  // CHECK: %[[A:.*]] = "stablehlo.dot"(%arg0, %arg1)
  // CHECK: approx_act.dequantize
  // CHECK: "stablehlo.case"
  // CHECK: "stablehlo.return"(%[[A]])
  %a = "stablehlo.dot"(%x, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %b = "stablehlo.dot"(%a, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %loss = "stablehlo.dot_general"(%b, %b) <{dot_dimension_numbers = #all}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%b, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %g = "stablehlo.case"(%n) ({
    "stablehlo.return"(%a) : (tensor<8x64xf32>) -> ()
  }, {
    "stablehlo.return"(%0) : (tensor<8x64xf32>) -> ()
  }) : (tensor<i32>) -> tensor<8x64xf32>
  return %loss, %g : tensor<f32>, tensor<8x64xf32>
}

// An exponential is spread over orders of magnitude: its square root has codes.

// CHECK-LABEL: func @exponential
func.func @exponential(%x: tensor<8x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<8x64xf32>) {
  // CHECK: %[[E:.*]] = "stablehlo.exponential"
  // CHECK: %[[R:.*]] = math.sqrt %[[E]]
  // CHECK: %[[LO:.*]], %[[STEP:.*]] = approx_act.grid %[[R]]
  // CHECK: approx_act.quantize %[[R]], %[[LO]], %[[STEP]]
  // CHECK: approx_act.dequantize
  // CHECK: "stablehlo.dot"
  // CHECK: %[[D:.*]] = approx_act.dequantize
  // CHECK: %[[S:.*]] = arith.mulf %[[D]], %[[D]]
  // CHECK: "stablehlo.multiply"(%{{.*}}, %[[S]])
  %z = "stablehlo.dot"(%x, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %e = "stablehlo.exponential"(%z) : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %loss = "stablehlo.dot_general"(%e, %e) <{dot_dimension_numbers = #all}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<f32>
  %c = "stablehlo.dot"(%e, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %g = "stablehlo.multiply"(%c, %e) : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %loss, %g : tensor<f32>, tensor<8x64xf32>
}

// The root of a product with something of unknown sign may not exist.

// CHECK-LABEL: func @signed_exponential
func.func @signed_exponential(%x: tensor<8x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<8x64xf32>) {
  // CHECK-NOT: math.sqrt
  // CHECK: return
  %z = "stablehlo.dot"(%x, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %e = "stablehlo.exponential"(%z) : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %minus = "stablehlo.constant"() <{value = dense<-0.5> : tensor<8x64xf32>}> : () -> tensor<8x64xf32>
  %n = "stablehlo.multiply"(%e, %minus) : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %h = "stablehlo.add"(%n, %z) : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<f32>
  %c = "stablehlo.dot"(%h, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %g = "stablehlo.multiply"(%c, %h) : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %loss, %g : tensor<f32>, tensor<8x64xf32>
}

// A scale is there all the time, but repeated to the shape of the activation
// only once the gradient has come that it is multiplied with.

// CHECK-LABEL: func @repeated_scale
func.func @repeated_scale(%x: tensor<8x64xf32>, %w: tensor<64x64xf32>, %s: tensor<64xf32>) -> (tensor<f32>, tensor<8x64xf32>, tensor<8x64xf32>) {
  // CHECK: %[[C:.*]]:2 = approx_act.barrier %{{.*}} : tensor<8x64xf32>, tensor<f32>
  // CHECK: %[[B:.*]]:2 = approx_act.barrier %arg2, %[[C]]#0 : tensor<64xf32>, tensor<8x64xf32>
  // CHECK: %[[R:.*]] = "stablehlo.broadcast_in_dim"(%[[B]]#0)
  // CHECK: "stablehlo.multiply"(%[[B]]#1, %[[R]])
  %r = "stablehlo.broadcast_in_dim"(%s) <{broadcast_dimensions = array<i64: 1>}> : (tensor<64xf32>) -> tensor<8x64xf32>
  %z = "stablehlo.dot"(%x, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %h = "stablehlo.multiply"(%z, %r) : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<f32>
  %c = "stablehlo.dot"(%h, %w) : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %g = "stablehlo.multiply"(%c, %r) : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %g1 = "stablehlo.multiply"(%g, %h) : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %loss, %g, %g1 : tensor<f32>, tensor<8x64xf32>, tensor<8x64xf32>
}
