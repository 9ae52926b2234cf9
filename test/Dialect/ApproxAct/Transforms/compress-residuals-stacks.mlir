// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-compress-residuals | FileCheck %s --check-prefixes=CHECK,ONE
// RUN: sed 's/num_partitions = 1/num_partitions = 8/' %s | approx-act-opt --approx-act-compress-residuals | FileCheck %s --check-prefixes=CHECK,APART
// RUN: approx-act-opt %s --approx-act-compress-residuals="bits=8 rounding=stochastic seed=5" | FileCheck %s --check-prefix=STOCHASTIC

module attributes {mhlo.num_partitions = 1 : i32} {

// Small values of one type that leave the forward pass together are stored as
// one, each with a grid of its own, and read one by one. (Not on many devices.)

// CHECK-LABEL: func @small
// STOCHASTIC-LABEL: func @small
func.func @small(%x: tensor<16x64xf32>) -> (tensor<f32>, tensor<16x64xf32>, tensor<16x64xf32>) {
  // ONE: %[[A:.*]] = "stablehlo.custom_call"(%arg0)
  // ONE: %[[B:.*]] = "stablehlo.custom_call"(%arg0)
  // ONE: %[[P:.*]] = "stablehlo.multiply"(%[[A]], %[[B]])
  // ONE: %[[A1:.*]] = "stablehlo.reshape"(%[[A]]) {{.*}} -> tensor<1x16x64xf32>
  // ONE: %[[B1:.*]] = "stablehlo.reshape"(%[[B]]) {{.*}} -> tensor<1x16x64xf32>
  // ONE: %[[AB:.*]] = "stablehlo.concatenate"(%[[A1]], %[[B1]]) {{.*}} -> tensor<2x16x64xf32>
  // ONE: %[[LO:.*]], %[[STEP:.*]] = approx_act.grid %[[AB]] {{.*}} -> tensor<2x1x1xf32>
  // ONE: %[[Q:.*]] = approx_act.quantize %[[AB]], %[[LO]], %[[STEP]] : {{.*}} -> tensor<2x16x64xi4>
  // ONE: %[[V:.*]] = tensor.expand_shape %[[Q]] {{\[\[}}0], [1, 2], [3]] {{.*}} into tensor<2x8x2x64xi4>
  // ONE: %[[W:.*]] = approx_act.pack %[[V]] {dim = 2 : i64} : tensor<2x8x2x64xi4> -> tensor<2x8x1x64xi8>
  // ONE: %[[T:.*]]:2 = approx_act.barrier %[[W]], %[[P]] :
  // ONE: %[[C:.*]] = "stablehlo.custom_call"(%{{.*}}) <{call_target_name = "g"}>
  // ONE: %[[R:.*]]:4 = approx_act.barrier %[[T]]#0, %[[LO]], %[[STEP]], %[[C]] :
  // ONE: %[[RW:.*]] = "stablehlo.slice"(%[[R]]#0) <{limit_indices = array<i64: 2, 8, 1, 64>, start_indices = array<i64: 1, 0, 0, 0>
  // ONE: %[[BW:.*]] = "stablehlo.reshape"(%[[RW]]) {{.*}} -> tensor<8x1x64xi8>
  // ONE: %[[RLO:.*]] = "stablehlo.slice"(%[[R]]#1) <{limit_indices = array<i64: 2, 1, 1>, start_indices = array<i64: 1, 0, 0>
  // ONE: %[[BLO:.*]] = "stablehlo.reshape"(%[[RLO]]) {{.*}} -> tensor<1x1xf32>
  // ONE: %[[BV:.*]] = approx_act.unpack %[[BW]] {dim = 1 : i64}
  // ONE: %[[BQ:.*]] = tensor.collapse_shape %[[BV]] {{\[\[}}0, 1], [2]]
  // ONE: approx_act.dequantize %[[BQ]], %[[BLO]], {{.*}} -> tensor<16x64xf32>
  // APART-COUNT-2: approx_act.grid {{.*}} -> tensor<1x1xf32>
  // APART-NOT: stablehlo.concatenate
  // STOCHASTIC: approx_act.quantize {{.*}}stochastic{{.*}} -> tensor<2x16x64xi8>
  // STOCHASTIC-NOT: approx_act.quantize
  // STOCHASTIC-COUNT-2: approx_act.dequantize {{.*}} -> tensor<16x64xf32>
  %a = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<16x64xf32>) -> tensor<16x64xf32>
  %b = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<16x64xf32>) -> tensor<16x64xf32>
  %p = "stablehlo.multiply"(%a, %b) : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  %loss = "stablehlo.custom_call"(%p) <{call_target_name = "f"}> : (tensor<16x64xf32>) -> tensor<f32>
  %g = "stablehlo.custom_call"(%loss) <{call_target_name = "g"}> : (tensor<f32>) -> tensor<16x64xf32>
  %ga = "stablehlo.multiply"(%g, %b) : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  %gb = "stablehlo.multiply"(%g, %a) : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<16x64xf32>
  return %loss, %ga, %gb : tensor<f32>, tensor<16x64xf32>, tensor<16x64xf32>
}

// Large ones are not copied for that.

// CHECK-LABEL: func @large
func.func @large(%x: tensor<64x512xf32>) -> (tensor<f32>, tensor<64x512xf32>, tensor<64x512xf32>) {
  // CHECK-COUNT-2: approx_act.grid {{.*}} : tensor<64x512xf32>
  // CHECK-NOT: stablehlo.concatenate
  // CHECK: return
  %a = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<64x512xf32>) -> tensor<64x512xf32>
  %b = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<64x512xf32>) -> tensor<64x512xf32>
  %p = "stablehlo.multiply"(%a, %b) : (tensor<64x512xf32>, tensor<64x512xf32>) -> tensor<64x512xf32>
  %loss = "stablehlo.custom_call"(%p) <{call_target_name = "f"}> : (tensor<64x512xf32>) -> tensor<f32>
  %g = "stablehlo.custom_call"(%loss) <{call_target_name = "g"}> : (tensor<f32>) -> tensor<64x512xf32>
  %ga = "stablehlo.multiply"(%g, %b) : (tensor<64x512xf32>, tensor<64x512xf32>) -> tensor<64x512xf32>
  %gb = "stablehlo.multiply"(%g, %a) : (tensor<64x512xf32>, tensor<64x512xf32>) -> tensor<64x512xf32>
  return %loss, %ga, %gb : tensor<f32>, tensor<64x512xf32>, tensor<64x512xf32>
}

}
