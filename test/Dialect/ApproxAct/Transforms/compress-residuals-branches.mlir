// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-compress-residuals | FileCheck %s

#all = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [0, 1]>
#gt = #stablehlo<comparison_direction GT>

// tanh(x · w) · w in one branch, relu(x · w) in the other, and the derivative of
// both. Each branch of the forward pass makes codes of what its branch of the
// backward pass reads, and zeros for what only the other one needs. The codes
// and grids of both have the types in common; the mask is carried by the codes.

// CHECK-LABEL: func @pair
// CHECK-SAME: %[[X:[^:]*]]: tensor<16x16xf32>, %[[W:[^:]*]]: tensor<16x16xf32>, %[[N:[^:]*]]: tensor<i32>
func.func @pair(%x: tensor<16x16xf32>, %w: tensor<16x16xf32>, %n: tensor<i32>) -> (tensor<f32>, tensor<16x16xf32>) {
  // CHECK: %[[F:.*]]:6 = "stablehlo.case"(%[[N]])
  // CHECK: %[[A:.*]] = "stablehlo.dot"(%[[X]], %[[W]])
  // CHECK: %[[T:.*]] = "stablehlo.tanh"(%[[A]])
  // CHECK: approx_act.grid
  // CHECK: %[[Q:.*]] = approx_act.quantize
  // CHECK: %[[P:.*]] = approx_act.pack
  // CHECK: %[[B:.*]]:2 = approx_act.barrier %[[P]], %[[T]]
  // CHECK: %[[Y:.*]] = "stablehlo.dot"(%[[B]]#1, %[[W]])
  // CHECK: %[[Z:.*]] = "stablehlo.broadcast_in_dim"{{.*}} -> tensor<1x1xi32>
  // CHECK: "stablehlo.return"(%[[Y]], %[[B]]#0, %{{.*}}, %{{.*}}, %[[Z]], %{{.*}})
  // CHECK: approx_act.quantize_split
  // CHECK: "stablehlo.maximum"
  // CHECK: "stablehlo.return"
  // CHECK: -> (tensor<16x16xf32>, tensor<8x1x16xi8>, tensor<1x1xf32>, tensor<1x1xf32>
  %f:3 = "stablehlo.case"(%n) ({
    %a = "stablehlo.dot"(%x, %w) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %t = "stablehlo.tanh"(%a) : (tensor<16x16xf32>) -> tensor<16x16xf32>
    %y = "stablehlo.dot"(%t, %w) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %none = "stablehlo.constant"() <{value = dense<0.0> : tensor<16x16xf32>}> : () -> tensor<16x16xf32>
    "stablehlo.return"(%y, %t, %none) : (tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>) -> ()
  }, {
    %a = "stablehlo.dot"(%x, %w) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<16x16xf32>}> : () -> tensor<16x16xf32>
    %y = "stablehlo.maximum"(%a, %zero) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    "stablehlo.return"(%y, %zero, %a) : (tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>) -> ()
  }) : (tensor<i32>) -> (tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>)
  %loss = "stablehlo.dot_general"(%f#0, %w) <{dot_dimension_numbers = #all}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  // CHECK: %[[G:.*]] = "stablehlo.dot"(%[[X]], %[[X]])
  // CHECK: "stablehlo.case"(%[[N]])
  // CHECK: %[[C:.*]] = "stablehlo.dot"(%[[G]], %[[W]])
  // CHECK: %[[R:.*]]:4 = approx_act.barrier %[[F]]#1, %[[F]]#2, %[[F]]#3, %[[C]]
  // CHECK: approx_act.unpack %[[R]]#0
  // CHECK: %[[D:.*]] = approx_act.dequantize
  // CHECK: "stablehlo.multiply"(%[[R]]#3, %[[D]])
  // CHECK: "stablehlo.return"
  // CHECK: approx_act.side
  // CHECK: "stablehlo.select"
  // CHECK-NOT: approx_act.iteration
  %b = "stablehlo.case"(%n) ({
    %c = "stablehlo.dot"(%g, %w) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %t2 = "stablehlo.multiply"(%f#1, %f#1) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %p = "stablehlo.multiply"(%c, %t2) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %d = "stablehlo.subtract"(%c, %p) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    "stablehlo.return"(%d) : (tensor<16x16xf32>) -> ()
  }, {
    %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<16x16xf32>}> : () -> tensor<16x16xf32>
    %m = "stablehlo.compare"(%f#2, %zero) <{comparison_direction = #gt}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xi1>
    %d = "stablehlo.select"(%m, %g, %zero) : (tensor<16x16xi1>, tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %e = "stablehlo.multiply"(%d, %f#2) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    "stablehlo.return"(%e) : (tensor<16x16xf32>) -> ()
  }) : (tensor<i32>) -> tensor<16x16xf32>
  return %loss, %b : tensor<f32>, tensor<16x16xf32>
}

// A value from outside that both branches compute from is stored once, outside,
// and what JAX made the branches return of it is computed again in the branches
// of the backward pass. `stablehlo.if` is understood like `case`.

// CHECK-LABEL: func @captured
func.func @captured(%x: tensor<16x16xf32>, %w: tensor<16x16xf32>, %p: tensor<i1>) -> (tensor<f32>, tensor<16x16xf32>) {
  // CHECK: %[[H:.*]] = "stablehlo.dot"
  // CHECK: %[[Q:.*]] = approx_act.quantize %[[H]]
  // CHECK: approx_act.barrier {{.*}}, %[[H]]
  // CHECK: %{{[^:]*}} = "stablehlo.if"
  // CHECK-NOT: approx_act
  // CHECK: -> tensor<16x16xf32>
  %h = "stablehlo.dot"(%x, %w) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %f:2 = "stablehlo.if"(%p) ({
    %t = "stablehlo.tanh"(%h) : (tensor<16x16xf32>) -> tensor<16x16xf32>
    %t2 = "stablehlo.multiply"(%t, %t) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    "stablehlo.return"(%t, %t2) : (tensor<16x16xf32>, tensor<16x16xf32>) -> ()
  }, {
    %s = "stablehlo.multiply"(%h, %h) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    "stablehlo.return"(%s, %h) : (tensor<16x16xf32>, tensor<16x16xf32>) -> ()
  }) : (tensor<i1>) -> (tensor<16x16xf32>, tensor<16x16xf32>)
  %loss = "stablehlo.dot_general"(%f#0, %w) <{dot_dimension_numbers = #all}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  // CHECK: "stablehlo.if"
  // CHECK: %[[R:.*]] = approx_act.dequantize
  // CHECK: "stablehlo.tanh"(%[[R]])
  // CHECK: "stablehlo.return"
  // CHECK: %[[S:.*]] = approx_act.dequantize
  // CHECK: "stablehlo.multiply"(%{{.*}}, %[[S]])
  %b = "stablehlo.if"(%p) ({
    %m = "stablehlo.multiply"(%g, %f#1) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    "stablehlo.return"(%m) : (tensor<16x16xf32>) -> ()
  }, {
    %m = "stablehlo.multiply"(%g, %f#1) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    "stablehlo.return"(%m) : (tensor<16x16xf32>) -> ()
  }) : (tensor<i1>) -> tensor<16x16xf32>
  return %loss, %b : tensor<f32>, tensor<16x16xf32>
}

// What the branches return is read by the backward pass too. It is computed
// again, by branches, of what is stored of the value before them.

// CHECK-LABEL: func @again
func.func @again(%x: tensor<16x16xf32>, %w: tensor<16x16xf32>, %n: tensor<i32>) -> (tensor<f32>, tensor<16x16xf32>) {
  // CHECK: %[[H:.*]] = "stablehlo.dot"
  // CHECK: approx_act.quantize %[[H]]
  // CHECK: "stablehlo.case"
  // CHECK-NOT: approx_act.quantize
  // CHECK: %[[C:.*]] = "stablehlo.dot"
  // CHECK: %[[Y:.*]] = "stablehlo.case"
  // CHECK: %[[R:.*]] = approx_act.dequantize
  // CHECK: %[[T:.*]] = "stablehlo.tanh"(%[[R]])
  // CHECK: "stablehlo.return"(%[[T]])
  // CHECK: %[[S:.*]] = approx_act.dequantize
  // CHECK: "stablehlo.return"(%[[S]])
  // CHECK: "stablehlo.dot"(%[[Y]]
  %h = "stablehlo.dot"(%x, %w) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %y = "stablehlo.case"(%n) ({
    %t = "stablehlo.tanh"(%h) : (tensor<16x16xf32>) -> tensor<16x16xf32>
    "stablehlo.return"(%t) : (tensor<16x16xf32>) -> ()
  }, {
    "stablehlo.return"(%h) : (tensor<16x16xf32>) -> ()
  }) : (tensor<i32>) -> tensor<16x16xf32>
  %loss = "stablehlo.dot_general"(%y, %y) <{dot_dimension_numbers = #all}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<f32>
  %c = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %g0 = "stablehlo.dot"(%y, %c) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %g = "stablehlo.dot"(%h, %g0) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  return %loss, %g : tensor<f32>, tensor<16x16xf32>
}

// Choices in choices: the inner ones are a pair in the step that the outer
// branches make, and their codes are handed through both.

// CHECK-LABEL: func @nested
func.func @nested(%x: tensor<16x16xf32>, %w: tensor<16x16xf32>, %n: tensor<i32>, %m: tensor<i32>) -> (tensor<f32>, tensor<16x16xf32>) {
  // CHECK: %[[F:.*]]:4 = "stablehlo.case"(%[[N:.*]]) ({
  // CHECK: %[[I:.*]]:4 = "stablehlo.case"(%[[M:.*]]) ({
  // CHECK: approx_act.quantize
  // CHECK: "stablehlo.return"(%[[I]]#0, %[[I]]#1, %[[I]]#2, %[[I]]#3)
  // CHECK: "stablehlo.case"(%[[N]])
  // CHECK: "stablehlo.case"(%[[M]])
  // CHECK: approx_act.barrier %[[F]]#1, %[[F]]#2, %[[F]]#3
  // CHECK: approx_act.dequantize
  %f:2 = "stablehlo.case"(%n) ({
    %i:2 = "stablehlo.case"(%m) ({
      %a = "stablehlo.dot"(%x, %w) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
      %t = "stablehlo.tanh"(%a) : (tensor<16x16xf32>) -> tensor<16x16xf32>
      %y = "stablehlo.dot"(%t, %w) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
      "stablehlo.return"(%y, %t) : (tensor<16x16xf32>, tensor<16x16xf32>) -> ()
    }, {
      "stablehlo.return"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> ()
    }) : (tensor<i32>) -> (tensor<16x16xf32>, tensor<16x16xf32>)
    "stablehlo.return"(%i#0, %i#1) : (tensor<16x16xf32>, tensor<16x16xf32>) -> ()
  }, {
    "stablehlo.return"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> ()
  }) : (tensor<i32>) -> (tensor<16x16xf32>, tensor<16x16xf32>)
  %loss = "stablehlo.dot_general"(%f#0, %w) <{dot_dimension_numbers = #all}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %b = "stablehlo.case"(%n) ({
    %j = "stablehlo.case"(%m) ({
      %p = "stablehlo.multiply"(%g, %f#1) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
      "stablehlo.return"(%p) : (tensor<16x16xf32>) -> ()
    }, {
      "stablehlo.return"(%g) : (tensor<16x16xf32>) -> ()
    }) : (tensor<i32>) -> tensor<16x16xf32>
    "stablehlo.return"(%j) : (tensor<16x16xf32>) -> ()
  }, {
    "stablehlo.return"(%g) : (tensor<16x16xf32>) -> ()
  }) : (tensor<i32>) -> tensor<16x16xf32>
  return %loss, %b : tensor<f32>, tensor<16x16xf32>
}

// Branches in a scan: they are a pair in the step that the bodies of the loops
// make, though what the loop arranged for its stack read all their results. The
// codes are made in the branch and stacked.

#lt = #stablehlo<comparison_direction LT>

// CHECK-LABEL: func @in_a_loop
func.func @in_a_loop(%x: tensor<16x16xf32>, %w: tensor<16x16xf32>, %n: tensor<i32>) -> (tensor<f32>, tensor<16x16xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
  %empty = "stablehlo.constant"() <{value = dense<0.0> : tensor<4x16x16xf32>}> : () -> tensor<4x16x16xf32>
  // CHECK: "stablehlo.while"
  // CHECK: %[[C:.*]]:4 = "stablehlo.case"
  // CHECK: approx_act.quantize
  // CHECK: -> (tensor<16x16xf32>, tensor<8x1x16xi8>, tensor<1x1xf32>, tensor<1x1xf32>)
  // CHECK: %[[R:.*]] = "stablehlo.reshape"(%[[C]]#1)
  // CHECK: "stablehlo.dynamic_update_slice"({{.*}}, %[[R]]
  %f:3 = "stablehlo.while"(%zero, %x, %empty) ({
  ^bb0(%i: tensor<i32>, %h: tensor<16x16xf32>, %s: tensor<4x16x16xf32>):
    %four = "stablehlo.constant"() <{value = dense<4> : tensor<i32>}> : () -> tensor<i32>
    %c = "stablehlo.compare"(%i, %four) <{comparison_direction = #lt}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%i: tensor<i32>, %h: tensor<16x16xf32>, %s: tensor<4x16x16xf32>):
    %z = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
    %one = "stablehlo.constant"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
    %y:2 = "stablehlo.case"(%n) ({
      %a = "stablehlo.dot"(%h, %w) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
      %t = "stablehlo.tanh"(%a) : (tensor<16x16xf32>) -> tensor<16x16xf32>
      %b = "stablehlo.dot"(%t, %w) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
      "stablehlo.return"(%b, %t) : (tensor<16x16xf32>, tensor<16x16xf32>) -> ()
    }, {
      "stablehlo.return"(%h, %h) : (tensor<16x16xf32>, tensor<16x16xf32>) -> ()
    }) : (tensor<i32>) -> (tensor<16x16xf32>, tensor<16x16xf32>)
    %e = "stablehlo.broadcast_in_dim"(%y#1) <{broadcast_dimensions = array<i64: 1, 2>}> : (tensor<16x16xf32>) -> tensor<1x16x16xf32>
    %s1 = "stablehlo.dynamic_update_slice"(%s, %e, %i, %z, %z) : (tensor<4x16x16xf32>, tensor<1x16x16xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<4x16x16xf32>
    %i1 = "stablehlo.add"(%i, %one) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    "stablehlo.return"(%i1, %y#0, %s1) : (tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>) -> ()
  }) : (tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>) -> (tensor<i32>, tensor<16x16xf32>, tensor<4x16x16xf32>)
  %loss = "stablehlo.dot_general"(%f#1, %w) <{dot_dimension_numbers = #all}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<f32>
  %g0 = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  // CHECK: "stablehlo.while"
  // CHECK: %[[E:.*]] = "stablehlo.dynamic_slice"
  // CHECK: %[[W:.*]] = "stablehlo.reshape"(%[[E]])
  // CHECK: "stablehlo.case"
  // CHECK: approx_act.barrier %[[W]],
  // CHECK: approx_act.dequantize
  %b:3 = "stablehlo.while"(%f#2, %zero, %g0) ({
  ^bb0(%s: tensor<4x16x16xf32>, %i: tensor<i32>, %g: tensor<16x16xf32>):
    %four = "stablehlo.constant"() <{value = dense<4> : tensor<i32>}> : () -> tensor<i32>
    %c = "stablehlo.compare"(%i, %four) <{comparison_direction = #lt}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%s: tensor<4x16x16xf32>, %i: tensor<i32>, %g: tensor<16x16xf32>):
    %z = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
    %one = "stablehlo.constant"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
    %last = "stablehlo.constant"() <{value = dense<3> : tensor<i32>}> : () -> tensor<i32>
    %j = "stablehlo.subtract"(%last, %i) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %e = "stablehlo.dynamic_slice"(%s, %j, %z, %z) <{slice_sizes = array<i64: 1, 16, 16>}> : (tensor<4x16x16xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<1x16x16xf32>
    %t = "stablehlo.reshape"(%e) : (tensor<1x16x16xf32>) -> tensor<16x16xf32>
    %d = "stablehlo.case"(%n) ({
      %p = "stablehlo.multiply"(%g, %t) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
      "stablehlo.return"(%p) : (tensor<16x16xf32>) -> ()
    }, {
      "stablehlo.return"(%g) : (tensor<16x16xf32>) -> ()
    }) : (tensor<i32>) -> tensor<16x16xf32>
    %i1 = "stablehlo.add"(%i, %one) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    "stablehlo.return"(%s, %i1, %d) : (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>) -> ()
  }) : (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>) -> (tensor<4x16x16xf32>, tensor<i32>, tensor<16x16xf32>)
  return %loss, %b#2 : tensor<f32>, tensor<16x16xf32>
}
