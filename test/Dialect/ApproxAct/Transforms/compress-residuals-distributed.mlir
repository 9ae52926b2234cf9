// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-compress-residuals | FileCheck %s --check-prefixes=CHECK,DEVICES
// RUN: sed 's/num_partitions = 8/num_partitions = 1/' %s | approx-act-opt --approx-act-compress-residuals | FileCheck %s --check-prefixes=CHECK,ONE

#weight = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [0, 1]>
#all = #stablehlo.dot<lhs_contracting_dimensions = [0, 1, 2, 3], rhs_contracting_dimensions = [0, 1, 2, 3]>

module attributes {mhlo.num_partitions = 8 : i32} {

// On one device, what follows waits for the gradient of a weight, which reads
// what is restored. On many it does not, so that the gradients of all layers can
// be exchanged at once.

// Blocks are of one channel, head and example, and have the threshold of their
// channel, so that nothing has to be exchanged for them.

// CHECK-LABEL: func @main
func.func @main(%x: tensor<64x256x4x16xf32>, %b: tensor<4x16xf32>) -> (tensor<f32>, tensor<4x16x4x16xf32>, tensor<64x256x4x16xf32>) {
  // CHECK: %[[LO:.*]], %{{.*}} = approx_act.grid {{.*}}range<minmax>{{.*}} -> tensor<64x1x4x16xf32>
  // CHECK: "stablehlo.broadcast_in_dim"({{.*}} : (tensor<1x1x4x16xf32>) -> tensor<64x1x4x16xf32>
  // CHECK: split_grid %[[LO]], {{.*}} : tensor<64x1x4x16xf32>
  // CHECK: %[[G:.*]] = "stablehlo.dot_general"({{.*}} -> tensor<4x16x4x16xf32>
  // DEVICES-NOT: approx_act.barrier %[[G]]
  // ONE: approx_act.barrier %[[G]]
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x256x4x16xf32>}> : () -> tensor<64x256x4x16xf32>
  %h = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<64x256x4x16xf32>) -> tensor<64x256x4x16xf32>
  %s = "stablehlo.broadcast_in_dim"(%b) <{broadcast_dimensions = array<i64: 2, 3>}> : (tensor<4x16xf32>) -> tensor<64x256x4x16xf32>
  %z = "stablehlo.add"(%h, %s) : (tensor<64x256x4x16xf32>, tensor<64x256x4x16xf32>) -> tensor<64x256x4x16xf32>
  %r = "stablehlo.maximum"(%z, %zero) : (tensor<64x256x4x16xf32>, tensor<64x256x4x16xf32>) -> tensor<64x256x4x16xf32>
  %m = "stablehlo.compare"(%z, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x256x4x16xf32>, tensor<64x256x4x16xf32>) -> tensor<64x256x4x16xi1>
  %loss = "stablehlo.dot_general"(%r, %r) <{dot_dimension_numbers = #all}> : (tensor<64x256x4x16xf32>, tensor<64x256x4x16xf32>) -> tensor<f32>
  %l = "stablehlo.broadcast_in_dim"(%loss) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<64x256x4x16xf32>
  %c = "stablehlo.custom_call"(%l) <{call_target_name = "f"}> : (tensor<64x256x4x16xf32>) -> tensor<64x256x4x16xf32>
  %g = "stablehlo.dot_general"(%r, %c) <{dot_dimension_numbers = #weight}> : (tensor<64x256x4x16xf32>, tensor<64x256x4x16xf32>) -> tensor<4x16x4x16xf32>
  %d = "stablehlo.select"(%m, %c, %zero) : (tensor<64x256x4x16xi1>, tensor<64x256x4x16xf32>, tensor<64x256x4x16xf32>) -> tensor<64x256x4x16xf32>
  return %loss, %g, %d : tensor<f32>, tensor<4x16x4x16xf32>, tensor<64x256x4x16xf32>
}
}
