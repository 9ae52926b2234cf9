// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-inline --approx-act-factor-sums | FileCheck %s

// What is computed is compared by running it, in test/Integration. Here is how
// many sums over activations are left.

func.func private @loss(%x: tensor<64x8xf32>) -> tensor<f32> {
  %0 = "stablehlo.dot_general"(%x, %x) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [0, 1]>}> : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<f32>
  return %0 : tensor<f32>
}
func.func private @sum(%x: tensor<64x8xf32>) -> tensor<8xf32> {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %0 = "stablehlo.reduce"(%x, %zero) <{dimensions = array<i64: 0>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<64x8xf32>, tensor<f32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
func.func private @repeat(%x: tensor<8xf32>) -> tensor<64x8xf32> {
  %0 = "stablehlo.broadcast_in_dim"(%x) <{broadcast_dimensions = array<i64: 1>}> : (tensor<8xf32>) -> tensor<64x8xf32>
  return %0 : tensor<64x8xf32>
}

// The sum of a product with a repeated factor is the factor times the sum that
// is there.

// CHECK-LABEL: func @shared
func.func @shared(%x: tensor<64x8xf32>, %w: tensor<8x8xf32>, %s: tensor<8xf32>) -> (tensor<f32>, tensor<8xf32>, tensor<8xf32>) {
  // CHECK: %[[G:.*]] = "stablehlo.dot"(%{{.*}}, %{{.*}}) : (tensor<64x8xf32>, tensor<8x8xf32>)
  // CHECK: %[[SUM:.*]] = "stablehlo.reduce"
  // CHECK: %[[PRODUCT:.*]] = arith.mulf {{.*}} : tensor<8xf32>
  // CHECK: return %{{.*}}, %[[SUM]], %[[PRODUCT]]
  %loss = call @loss(%x) : (tensor<64x8xf32>) -> tensor<f32>
  %l = "stablehlo.broadcast_in_dim"(%loss) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<64x8xf32>
  %g = "stablehlo.dot"(%l, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %0 = call @sum(%g) : (tensor<64x8xf32>) -> tensor<8xf32>
  %r = call @repeat(%s) : (tensor<8xf32>) -> tensor<64x8xf32>
  %p = "stablehlo.multiply"(%g, %r) : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<64x8xf32>
  %1 = call @sum(%p) : (tensor<64x8xf32>) -> tensor<8xf32>
  return %loss, %0, %1 : tensor<f32>, tensor<8xf32>, tensor<8xf32>
}

// The forward pass is not touched, or the loss would not be exact.

// CHECK-LABEL: func @forward
func.func @forward(%x: tensor<64x8xf32>, %s: tensor<8xf32>) -> tensor<f32> {
  // CHECK-NOT: arith
  // CHECK: return
  %0 = call @sum(%x) : (tensor<64x8xf32>) -> tensor<8xf32>
  %r = call @repeat(%s) : (tensor<8xf32>) -> tensor<64x8xf32>
  %p = "stablehlo.multiply"(%x, %r) : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<64x8xf32>
  %1 = call @sum(%p) : (tensor<64x8xf32>) -> tensor<8xf32>
  %loss = "stablehlo.dot"(%0, %1) : (tensor<8xf32>, tensor<8xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// A factor that varies along the sum stays inside of it.

// CHECK-LABEL: func @varies
func.func @varies(%x: tensor<64x8xf32>, %w: tensor<8x8xf32>, %y: tensor<64x8xf32>) -> (tensor<f32>, tensor<8xf32>, tensor<8xf32>) {
  // CHECK: %[[A:.*]] = "stablehlo.reduce"
  // CHECK: %[[P:.*]] = "stablehlo.multiply"
  // CHECK: %[[B:.*]] = "stablehlo.reduce"(%[[P]]
  // CHECK: return %{{.*}}, %[[A]], %[[B]]
  %loss = call @loss(%x) : (tensor<64x8xf32>) -> tensor<f32>
  %l = "stablehlo.broadcast_in_dim"(%loss) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<64x8xf32>
  %g = "stablehlo.dot"(%l, %w) : (tensor<64x8xf32>, tensor<8x8xf32>) -> tensor<64x8xf32>
  %0 = call @sum(%g) : (tensor<64x8xf32>) -> tensor<8xf32>
  %p = "stablehlo.multiply"(%g, %y) : (tensor<64x8xf32>, tensor<64x8xf32>) -> tensor<64x8xf32>
  %1 = call @sum(%p) : (tensor<64x8xf32>) -> tensor<8xf32>
  return %loss, %0, %1 : tensor<f32>, tensor<8xf32>, tensor<8xf32>
}
