// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --convert-stablehlo-to-linalg --split-input-file %s | FileCheck %s

// That sums are right is shown by test/Integration/kernels.py.

// The batch is one loop of operand and updates, not two.
// CHECK-LABEL: func @labels
// CHECK: linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "parallel", "reduction"]
// CHECK-SAME: outs(%arg0 : tensor<6x10xf32>)
// CHECK: scf.if
// CHECK: %[[UPDATE:.+]] = tensor.extract %arg2
// CHECK: arith.addf %{{.+}}, %[[UPDATE]]
func.func @labels(%x: tensor<6x10xf32>, %i: tensor<6x1x1xi32>, %u: tensor<6x1xf32>) -> tensor<6x10xf32> {
  %0 = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<inserted_window_dims = [1], input_batching_dims = [0], scatter_indices_batching_dims = [0], scatter_dims_to_operand_dims = [1], index_vector_dim = 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %e = tensor.empty() : tensor<f32>
    %s = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
        ins(%a, %b : tensor<f32>, tensor<f32>) outs(%e : tensor<f32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %r = arith.addf %p, %q : f32
      linalg.yield %r : f32
    } -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<6x10xf32>, tensor<6x1x1xi32>, tensor<6x1xf32>) -> tensor<6x10xf32>
  return %0 : tensor<6x10xf32>
}

// -----

// CHECK-LABEL: func @others
// CHECK-NOT: stablehlo
// CHECK-NOT: sdy
// CHECK: approx_act.barrier %arg0, %arg1
// CHECK: linalg.fill
"sdy.mesh"() <{mesh = #sdy.mesh<["data"=8]>, sym_name = "mesh"}> : () -> ()
func.func @others(%x: tensor<4xf32>, %n: tensor<0x3xf32>, %init: tensor<f32>) -> (tensor<4xf32>, tensor<3xf32>) {
  %b:2 = "stablehlo.optimization_barrier"(%x, %n) : (tensor<4xf32>, tensor<0x3xf32>) -> (tensor<4xf32>, tensor<0x3xf32>)
  %s = "stablehlo.reduce"(%n, %init) <{dimensions = array<i64: 0>}> ({
  ^bb0(%p: tensor<f32>, %q: tensor<f32>):
    "stablehlo.return"(%p) : (tensor<f32>) -> ()
  }) : (tensor<0x3xf32>, tensor<f32>) -> tensor<3xf32>
  return %b#0, %s : tensor<4xf32>, tensor<3xf32>
}
