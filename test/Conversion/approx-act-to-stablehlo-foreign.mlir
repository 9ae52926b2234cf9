// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --convert-approx-act-to-stablehlo --mlir-print-debuginfo \
// RUN:   | FileCheck %s

// What StableHLO has no static type for stays, and so does what has no codes;
// lowered ops keep the location of what they were.

// CHECK-LABEL: func @left_alone
func.func @left_alone(%d: tensor<?xf32>, %s: f32, %i: tensor<4xi32>)
    -> (tensor<?xf32>, f32, tensor<4xi32>) {
  // CHECK: arith.addf %{{.*}} : tensor<?xf32>
  %0 = arith.addf %d, %d : tensor<?xf32>
  // CHECK: arith.mulf %{{.*}} : f32
  %1 = arith.mulf %s, %s : f32
  // CHECK: arith.addi
  %2 = arith.addi %i, %i : tensor<4xi32>
  return %0, %1, %2 : tensor<?xf32>, f32, tensor<4xi32>
}

// CHECK-LABEL: func @location
func.func @location(%x: tensor<?xf32>) -> tensor<?xf32> {
  // CHECK: "stablehlo.optimization_barrier"(%{{.*}}) : (tensor<?xf32>) -> tensor<?xf32> loc(#[[LOC:.*]])
  %0 = approx_act.barrier %x : tensor<?xf32> loc("step.py":12:3)
  return %0 : tensor<?xf32>
}

// CHECK: #[[LOC]] = loc("step.py":12:3)
