// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-compress-residuals | FileCheck %s

#all = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [0, 1]>
#rows = #stablehlo.dot<lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]>

// The gradient that a layer adds to stays in memory, so the layer's activation
// waits for it rather than for what the layer's scale makes of it. That is read
// from memory twice, the second time when the activation is gone.

// CHECK-LABEL: func @skip
func.func @skip(%x: tensor<64x8xf32>, %w: tensor<8x8xf32>, %s: tensor<64x8xf32>) -> (tensor<f32>, tensor<8x8xf32>, tensor<64x8xf32>) {
  // CHECK: %[[LOSS:.*]] = "stablehlo.dot_general"
  // CHECK: %[[G:.*]] = "stablehlo.dot"
  // CHECK: %[[F:.*]]:2 = approx_act.barrier %[[G]], %
  // CHECK: %[[D:.*]] = "stablehlo.multiply"(%[[F]]#0, %arg2)
  // CHECK: %[[B:.*]]:4 = approx_act.barrier {{.*}}, %[[F]]#0 :
  // CHECK: %[[DW:.*]] = "stablehlo.dot_general"(%{{.*}}, %[[D]])
  // CHECK: %[[E:.*]]:4 = approx_act.barrier %[[DW]], %[[B]]#3, %[[D]], %[[F]]#1 :
  // CHECK: %[[DX:.*]] = "stablehlo.dot"(%[[E]]#2, %arg1)
  // CHECK: %[[SUM:.*]] = "stablehlo.add"(%[[E]]#1, %[[DX]])
  // CHECK: return %[[E]]#3, %[[E]]#0, %[[SUM]]
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%h, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %d = "stablehlo.multiply"(%g, %s) : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<64x8xf32>
  %dw = "stablehlo.dot_general"(%h, %d) <{dot_dimension_numbers = #rows}> : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<8x8xf32>
  %dx = "stablehlo.dot"(%d, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %sum = "stablehlo.add"(%g, %dx) : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<64x8xf32>
  return %loss, %dw, %sum : tensor<f32>, tensor<8x8xf32>, tensor<64x8xf32>
}

// Arithmetic may compute the scaled gradient again.

// CHECK-LABEL: func @not_from_memory
func.func @not_from_memory(%x: tensor<64x8xf32>, %w: tensor<8x8xf32>, %s: tensor<64x8xf32>) -> (tensor<f32>, tensor<8x8xf32>, tensor<64x8xf32>) {
  // CHECK: %[[D:.*]] = "stablehlo.multiply"(%[[G:.*]]#0, %arg2)
  // CHECK: %[[B:.*]]:4 = approx_act.barrier {{.*}}, %[[G]]#0 :
  // CHECK: %[[DW:.*]] = "stablehlo.dot_general"(%{{.*}}, %[[D]])
  // CHECK: %[[E:.*]]:3 = approx_act.barrier %[[DW]], %[[B]]#3, %[[G]]#1 :
  // CHECK: "stablehlo.add"(%[[E]]#1, %[[D]])
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%h, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %d = "stablehlo.multiply"(%g, %s) : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<64x8xf32>
  %dw = "stablehlo.dot_general"(%h, %d) <{dot_dimension_numbers = #rows}> : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<8x8xf32>
  %sum = "stablehlo.add"(%g, %d) : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<64x8xf32>
  return %loss, %dw, %sum : tensor<f32>, tensor<8x8xf32>, tensor<64x8xf32>
}

// A gradient of which only the scaled one is read need not stay.

// CHECK-LABEL: func @scaled_only
func.func @scaled_only(%x: tensor<64x8xf32>, %w: tensor<8x8xf32>, %s: tensor<64x8xf32>) -> (tensor<f32>, tensor<8x8xf32>, tensor<64x8xf32>) {
  // CHECK: %[[D:.*]] = "stablehlo.multiply"(%{{.*}}, %arg2)
  // CHECK: %[[B:.*]]:4 = approx_act.barrier {{.*}}, %[[D]] :
  // CHECK: %[[DW:.*]] = "stablehlo.dot_general"(%{{.*}}, %[[B]]#3)
  // CHECK: %[[E:.*]]:2 = approx_act.barrier %[[DW]], %[[B]]#3 :
  // CHECK: "stablehlo.dot"(%[[E]]#1, %arg1)
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%h, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %d = "stablehlo.multiply"(%g, %s) : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<64x8xf32>
  %dw = "stablehlo.dot_general"(%h, %d) <{dot_dimension_numbers = #rows}> : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<8x8xf32>
  %dx = "stablehlo.dot"(%d, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  return %loss, %dw, %dx : tensor<f32>, tensor<8x8xf32>, tensor<64x8xf32>
}

// Two contractions restore for the same gradient, one after the other; what
// follows from the first waits for both.

// CHECK-LABEL: func @one_gradient
func.func @one_gradient(%x: tensor<64x8xf32>, %w: tensor<8x8xf32>) -> (tensor<f32>, tensor<8x8xf32>, tensor<8x8xf32>) {
  // CHECK: %[[B:.*]]:4 = approx_act.barrier {{.*}}, %[[G:.*]]#0 :
  // CHECK: %[[DW:.*]] = "stablehlo.dot_general"(%{{.*}}, %[[B]]#3)
  // CHECK: %[[E:.*]]:3 = approx_act.barrier %[[DW]], %[[B]]#3, %[[G]]#1 :
  // CHECK: %[[C:.*]]:4 = approx_act.barrier {{.*}}, %[[E]]#1 :
  // CHECK: %[[DV:.*]] = "stablehlo.dot_general"(%{{.*}}, %[[C]]#3)
  // CHECK: %[[F:.*]]:4 = approx_act.barrier %[[DV]], %[[C]]#3, %[[E]]#0, %[[E]]#2 :
  // CHECK: %[[DX:.*]] = "stablehlo.dot"(%[[F]]#2, %arg1)
  // CHECK: return %[[F]]#3, %[[F]]#0, %[[DX]]
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %i = "stablehlo.dot"(%h, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %loss = "stablehlo.dot_general"(%i, %i) <{dot_dimension_numbers = #all}> : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%i, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %dw = "stablehlo.dot_general"(%i, %g) <{dot_dimension_numbers = #rows}> : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<8x8xf32>
  %dv = "stablehlo.dot_general"(%h, %g) <{dot_dimension_numbers = #rows}> : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<8x8xf32>
  %dx = "stablehlo.dot"(%dw, %w) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  return %loss, %dv, %dx : tensor<f32>, tensor<8x8xf32>, tensor<8x8xf32>
}

// What repeats a gradient is not written for a barrier: what it repeats is there
// before. Of several gradients any may be the last to come.

// CHECK-LABEL: func @repeated
func.func @repeated(%x: tensor<64x8xf32>, %w: tensor<8x8xf32>, %u: tensor<8xf32>) -> (tensor<f32>, tensor<8x8xf32>, tensor<8x8xf32>) {
  // CHECK: %[[D:.*]] = "stablehlo.broadcast_in_dim"(%[[V:.*]]#0)
  // CHECK: approx_act.barrier {{.*}}, %[[V]]#0 : {{.*}}, tensor<64xf32>
  // CHECK: "stablehlo.dot_general"(%{{.*}}, %[[D]])
  // CHECK: %[[S:.*]] = "stablehlo.select"
  // CHECK: approx_act.barrier {{.*}}, %[[S]] :
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<f32>
  %v = "stablehlo.dot"(%h, %u) : (tensor<64x8xf32>, tensor<8xf32>) -> tensor<64xf32>
  %d = "stablehlo.broadcast_in_dim"(%v) <{broadcast_dimensions = array<i64: 0>}> : (tensor<64xf32>) -> tensor<64x8xf32>
  %dw = "stablehlo.dot_general"(%h, %d) <{dot_dimension_numbers = #rows}> : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<8x8xf32>
  %g = "stablehlo.dot"(%h, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %p = "stablehlo.compare"(%d, %d) <{comparison_direction = #stablehlo<comparison_direction EQ>}> : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<64x8xi1>
  %s = "stablehlo.select"(%p, %g, %g) : (tensor<64x8xi1>, tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<64x8xf32>
  %dv = "stablehlo.dot_general"(%h, %s) <{dot_dimension_numbers = #rows}> : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<8x8xf32>
  return %loss, %dw, %dv : tensor<f32>, tensor<8x8xf32>, tensor<8x8xf32>
}

// An argument that may be copied, into another layout, waits for the gradient
// that it is multiplied with. What is computed of another gradient, which may be
// written over the argument, waits until it has been read; so do its views. A
// transpose stays with its contraction, which can write the result that way.

// CHECK-LABEL: func @argument
func.func @argument(%x: tensor<64x128xf32>, %w: tensor<128x128xf32>) -> (tensor<f32>, tensor<16384xf32>, tensor<64x128xf32>) {
  // CHECK: %[[B:.*]]:4 = approx_act.barrier {{.*}}, %[[G:.*]]#0 :
  // CHECK: %[[DW:.*]] = "stablehlo.dot_general"(%{{.*}}, %[[B]]#3)
  // CHECK: %[[DWT:.*]] = "stablehlo.transpose"(%[[DW]])
  // CHECK: %[[E:.*]]:{{.*}} = approx_act.barrier %[[DWT]], %[[B]]#3
  // CHECK: %[[W:.*]]:2 = approx_act.barrier %arg1, %[[E]]#1
  // CHECK: %[[DX:.*]] = "stablehlo.dot"(%[[W]]#1, %[[W]]#0)
  // CHECK: %[[F:.*]]:{{.*}} = approx_act.barrier %[[DX]], %[[W]]#1, %[[E]]#0
  // CHECK: %[[R:.*]] = "stablehlo.reshape"(%[[F]]#2)
  // CHECK: %[[N:.*]]:2 = approx_act.barrier %arg1, %[[R]] :
  // CHECK: "stablehlo.add"(%{{.*}}, %[[N]]#1)
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x128xf32>, tensor<128x128xf32>) -> tensor<64x128xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%h, %w) : (tensor<64x128xf32>, tensor<128x128xf32>) -> tensor<64x128xf32>
  %dw = "stablehlo.dot_general"(%h, %g) <{dot_dimension_numbers = #rows}> : (tensor<64x128xf32>, tensor<64x128xf32>) -> tensor<128x128xf32>
  %t = "stablehlo.transpose"(%dw) <{permutation = array<i64: 1, 0>}> : (tensor<128x128xf32>) -> tensor<128x128xf32>
  %dx = "stablehlo.dot"(%g, %w) : (tensor<64x128xf32>, tensor<128x128xf32>) -> tensor<64x128xf32>
  %r = "stablehlo.reshape"(%t) : (tensor<128x128xf32>) -> tensor<16384xf32>
  %v = "stablehlo.reshape"(%w) : (tensor<128x128xf32>) -> tensor<16384xf32>
  %new = "stablehlo.add"(%v, %r) : (tensor<16384xf32>, tensor<16384xf32>) -> tensor<16384xf32>
  return %loss, %new, %dx : tensor<f32>, tensor<16384xf32>, tensor<64x128xf32>
}

// A small one may be copied at any time.

// CHECK-LABEL: func @small_argument
func.func @small_argument(%x: tensor<64x8xf32>, %w: tensor<8x8xf32>) -> (tensor<f32>, tensor<64x8xf32>, tensor<64x8xf32>) {
  // CHECK: approx_act.barrier
  // CHECK-NOT: approx_act.barrier {{.*}}%arg1
  // CHECK: return
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%h, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %dx = "stablehlo.dot"(%g, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  return %loss, %g, %dx : tensor<f32>, tensor<64x8xf32>, tensor<64x8xf32>
}
