// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-pipeline="target=approx_act" | FileCheck %s --check-prefixes=CHECK,OWN
// RUN: approx-act-opt %s --approx-act-pipeline="bits=8 target=stablehlo" | FileCheck %s --check-prefixes=CHECK,STABLEHLO
// RUN: approx-act-opt %s --approx-act-pipeline | FileCheck %s --check-prefixes=CHECK,STABLEHLO

// RUN: approx-act-opt %s --approx-act-pipeline --mlir-print-debuginfo > %t.first
// RUN: approx-act-opt %s --approx-act-pipeline --mlir-print-debuginfo > %t.second
// RUN: diff %t.first %t.second

// RUN: approx-act-opt %s --approx-act-pipeline="bits=0 target=approx_act" | FileCheck %s --check-prefixes=CHECK,EXACT

// RUN: not approx-act-opt %s --approx-act-pipeline="target=linalg" 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: target

// Calls are inlined and what was called is gone, equal masks are one, and the
// signature of the step is as it was. Nothing merges ops after the rewrite: the
// restored ReLU is a copy on purpose.

// CHECK: module @jit_step
// CHECK-SAME: mhlo.num_partitions = 1
// CHECK-NOT: func.func private
// CHECK: func.func public @main(%{{.*}}: tensor<64x64xf32> {jax.buffer_donor = true}, %{{.*}}: tensor<64x64xf32>) -> (tensor<f32> {jax.result_info = "[0]"}, tensor<64x64xf32> {jax.result_info = "[1]"})
// OWN: approx_act.pack
// OWN-NOT: approx_act.pack
// OWN: "stablehlo.dot_general"
// OWN: approx_act.unpack
// OWN: "stablehlo.maximum"
// STABLEHLO-NOT: approx_act.
// STABLEHLO: "stablehlo.dot_general"
// STABLEHLO: "stablehlo.optimization_barrier"
// STABLEHLO-NOT: approx_act.
// EXACT-NOT: approx_act.
// EXACT: "stablehlo.compare"
// EXACT-NOT: "stablehlo.compare"
// EXACT-NOT: approx_act.
// CHECK-NOT: func.func private
module @jit_step attributes {mhlo.num_partitions = 1 : i32} {
  func.func public @main(%w: tensor<64x64xf32> {jax.buffer_donor = true}, %x: tensor<64x64xf32>)
      -> (tensor<f32> {jax.result_info = "[0]"}, tensor<64x64xf32> {jax.result_info = "[1]"}) {
    %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x64xf32>}> : () -> tensor<64x64xf32>
    %z = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
    %h = call @relu(%z) : (tensor<64x64xf32>) -> tensor<64x64xf32>
    %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [0, 1]>}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
    %m = "stablehlo.compare"(%z, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xi1>
    %m1 = "stablehlo.compare"(%z, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xi1>
    %0 = "stablehlo.dot"(%h, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
    %1 = "stablehlo.select"(%m, %0, %zero) : (tensor<64x64xi1>, tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
    %2 = "stablehlo.dot"(%x, %1) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
    %g = "stablehlo.select"(%m1, %2, %zero) : (tensor<64x64xi1>, tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
    return %loss, %g : tensor<f32>, tensor<64x64xf32>
  }
  func.func private @relu(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
    %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x64xf32>}> : () -> tensor<64x64xf32>
    %0 = "stablehlo.maximum"(%x, %zero) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
    return %0 : tensor<64x64xf32>
  }
}
