// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-inline | FileCheck %s
// RUN: approx-act-opt %s --approx-act-inline --mlir-print-debuginfo | FileCheck %s --check-prefix=LOC

// Callees of callees first, two results, a result that is an argument.

// CHECK-LABEL: func @nested
// CHECK-SAME: (%[[X:.*]]: tensor<f32>)
// LOC-LABEL: func @nested
func.func @nested(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  // CHECK-NEXT: %[[A:.*]] = "stablehlo.tanh"(%[[X]])
  // CHECK-NEXT: %[[B:.*]] = "stablehlo.negate"(%[[A]])
  // CHECK-NEXT: %[[C:.*]] = "stablehlo.tanh"(%[[B]])
  // CHECK-NEXT: return %[[B]], %[[X]], %[[C]]
  // LOC: "stablehlo.tanh"(%{{.*}}) : (tensor<f32>) -> tensor<f32> loc(#[[TANH:.*]])
  %0:2 = call @outer(%x) : (tensor<f32>) -> (tensor<f32>, tensor<f32>)
  %1 = call @inner(%0#0) : (tensor<f32>) -> tensor<f32>
  return %0#0, %0#1, %1 : tensor<f32>, tensor<f32>, tensor<f32>
}
func.func private @outer(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %0 = call @inner(%x) : (tensor<f32>) -> tensor<f32>
  %1 = "stablehlo.negate"(%0) : (tensor<f32>) -> tensor<f32>
  return %1, %x : tensor<f32>, tensor<f32>
}
func.func private @inner(%x: tensor<f32>) -> tensor<f32> {
  %0 = "stablehlo.tanh"(%x) : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// A call in a body, and a body in a callee.

// CHECK-LABEL: func @bodies
func.func @bodies(%x: tensor<f32>, %c: tensor<i1>) -> tensor<f32> {
  // CHECK: "stablehlo.if"
  // CHECK: %[[T:.*]] = "stablehlo.tanh"
  // CHECK: "stablehlo.return"(%[[T]])
  // CHECK-NOT: call
  %0 = call @with_body(%x, %c) : (tensor<f32>, tensor<i1>) -> tensor<f32>
  return %0 : tensor<f32>
}
// CHECK-NOT: func private @with_body
func.func private @with_body(%x: tensor<f32>, %c: tensor<i1>) -> tensor<f32> {
  %0 = "stablehlo.if"(%c) ({
    %1 = func.call @inner(%x) : (tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%1) : (tensor<f32>) -> ()
  }, {
    "stablehlo.return"(%x) : (tensor<f32>) -> ()
  }) : (tensor<i1>) -> tensor<f32>
  return %0 : tensor<f32>
}

// Left as they are: a function without a body, one of two blocks, recursion,
// direct and by way of another.

// CHECK-LABEL: func @others
func.func @others(%x: tensor<f32>) -> tensor<f32> {
  // CHECK: call @declared
  // CHECK: call @blocks
  // CHECK: call @recursive
  // CHECK: call @{{even|odd}}
  %0 = call @declared(%x) : (tensor<f32>) -> tensor<f32>
  %1 = call @blocks(%0) : (tensor<f32>) -> tensor<f32>
  %2 = call @recursive(%1) : (tensor<f32>) -> tensor<f32>
  %3 = call @even(%2) : (tensor<f32>) -> tensor<f32>
  return %3 : tensor<f32>
}
func.func private @declared(tensor<f32>) -> tensor<f32>
func.func private @blocks(%x: tensor<f32>) -> tensor<f32> {
  "stablehlo.branch"()[^next] : () -> ()
^next:
  return %x : tensor<f32>
}
func.func private @recursive(%x: tensor<f32>) -> tensor<f32> {
  %0 = call @recursive(%x) : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}
func.func private @even(%x: tensor<f32>) -> tensor<f32> {
  %0 = call @odd(%x) : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}
func.func private @odd(%x: tensor<f32>) -> tensor<f32> {
  %0 = call @even(%x) : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// What a function of the module is needed for besides calls, it is needed for
// with its own calls inlined; recursive ones, too.

// CHECK-LABEL: func @referenced
func.func @referenced(%x: tensor<f32>) -> tensor<f32> {
  // CHECK: "stablehlo.custom_call"
  %0 = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> {called_computations = [@target]} : (tensor<f32>) -> tensor<f32>
  // CHECK: "stablehlo.composite"
  %1 = "stablehlo.composite"(%0) <{decomposition = @parts, name = "g"}> : (tensor<f32>) -> tensor<f32>
  %2 = call @countdown(%1) : (tensor<f32>) -> tensor<f32>
  return %2 : tensor<f32>
}
// CHECK-LABEL: func private @parts
func.func private @parts(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}
// CHECK-LABEL: func private @target
func.func private @target(%x: tensor<f32>) -> tensor<f32> {
  // CHECK-NEXT: "stablehlo.negate"
  %0 = call @only_there(%x) : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}
func.func private @only_there(%x: tensor<f32>) -> tensor<f32> {
  %0 = "stablehlo.negate"(%x) : (tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}
// CHECK-LABEL: func private @countdown
func.func private @countdown(%x: tensor<f32>) -> tensor<f32> {
  // CHECK-NEXT: "stablehlo.tanh"
  // CHECK-NEXT: call @countdown
  %0 = call @inner(%x) : (tensor<f32>) -> tensor<f32>
  %1 = call @countdown(%0) : (tensor<f32>) -> tensor<f32>
  return %1 : tensor<f32>
}

// Locations say where from.

// LOC: #[[TANH]] = loc(callsite(
