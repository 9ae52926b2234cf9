// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --inline --cse --mlir-disable-threading | FileCheck %s

// What upstream passes may do to ops that they know only through the shim.

// CHECK-LABEL: func @equal_ops
func.func @equal_ops(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK: %[[Y:.*]] = "stablehlo.tanh"
  // CHECK-NOT: stablehlo
  // CHECK: return %[[Y]], %[[Y]]
  %0 = "stablehlo.tanh"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = "stablehlo.tanh"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// Attributes distinguish, though opaque.

// CHECK-LABEL: func @directions
func.func @directions(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xi1>, tensor<4xi1>) {
  // CHECK: "stablehlo.compare"{{.*}}comparison_direction GT
  // CHECK: "stablehlo.compare"{{.*}}comparison_direction LT
  %0 = "stablehlo.compare"(%x, %y) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %1 = "stablehlo.compare"(%x, %y) <{comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  return %0, %1 : tensor<4xi1>, tensor<4xi1>
}

// Regions distinguish.

// CHECK-LABEL: func @combiners
func.func @combiners(%x: tensor<4xf32>, %i: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  // CHECK: %[[SUM:.*]] = "stablehlo.reduce"
  // CHECK: %[[MAX:.*]] = "stablehlo.reduce"
  // CHECK-NOT: "stablehlo.reduce"
  // CHECK: return %[[SUM]], %[[MAX]], %[[SUM]]
  %0 = "stablehlo.reduce"(%x, %i) <{dimensions = array<i64: 0>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
  %1 = "stablehlo.reduce"(%x, %i) <{dimensions = array<i64: 0>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.maximum"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
  %2 = "stablehlo.reduce"(%x, %i) <{dimensions = array<i64: 0>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
  return %0, %1, %2 : tensor<f32>, tensor<f32>, tensor<f32>
}

// Calls to the outside, random numbers without a state, loops and ops that
// nobody knows stay as many as they are, used or not.

// CHECK-LABEL: func @effects
func.func @effects(%x: tensor<4xf32>, %t: !stablehlo.token, %s: tensor<1xi64>) {
  // CHECK-COUNT-2: "stablehlo.custom_call"
  // CHECK-COUNT-2: "stablehlo.rng"
  // CHECK-COUNT-2: "stablehlo.infeed"
  // CHECK-COUNT-2: "stablehlo.later"
  %0 = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<4xf32>) -> tensor<4xf32>
  %1 = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<4xf32>) -> tensor<4xf32>
  %2 = "stablehlo.rng"(%x, %x, %s) : (tensor<4xf32>, tensor<4xf32>, tensor<1xi64>) -> tensor<4xf32>
  %3 = "stablehlo.rng"(%x, %x, %s) : (tensor<4xf32>, tensor<4xf32>, tensor<1xi64>) -> tensor<4xf32>
  %4 = "stablehlo.infeed"(%t) : (!stablehlo.token) -> !stablehlo.token
  %5 = "stablehlo.infeed"(%t) : (!stablehlo.token) -> !stablehlo.token
  %6 = "stablehlo.later"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %7 = "stablehlo.later"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// CHECK-LABEL: func @caller
func.func @caller(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK-NOT: call
  // CHECK: "stablehlo.maximum"
  %0 = func.call @relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func private @relu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<4xf32>}> : () -> tensor<4xf32>
  %0 = "stablehlo.maximum"(%x, %zero) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
