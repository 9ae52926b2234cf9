// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --approx-act-bufferize --split-input-file %s | FileCheck %s

#id = affine_map<(d0) -> (d0)>

// The body stays on tensors; the result goes where the caller wants it, and what
// is returned again or is an argument is copied.
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.+]]: memref<8xf32>, %[[R0:.+]]: memref<8xf32> {jax.result_info = "loss"}, %[[R1:.+]]: memref<8xf32>, %[[R2:.+]]: memref<8xf32>)
// CHECK-SAME: approx_act.arguments = [memref<8xf32>]
// CHECK-SAME: approx_act.results = [memref<8xf32>, memref<8xf32>, memref<8xf32>]
// CHECK-SAME: llvm.emit_c_interface
// CHECK: approx_act.kernel "twice" ins(%[[X]] : memref<8xf32>) outs(%[[R0]] : memref<8xf32>)
// CHECK: ^bb0(%{{.+}}: tensor<8xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.+}} : tensor<8xf32>)
// CHECK-DAG: memref.copy %[[R0]], %[[R1]]
// CHECK-DAG: memref.copy %[[X]], %[[R2]]
// CHECK: return
func.func @main(%x: tensor<8xf32>) -> (tensor<8xf32> {jax.result_info = "loss"}, tensor<8xf32>, tensor<8xf32>) {
  %e = tensor.empty() : tensor<8xf32>
  %k = approx_act.kernel "twice" ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: tensor<8xf32>):
    %f = tensor.empty() : tensor<8xf32>
    %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%a : tensor<8xf32>) outs(%f : tensor<8xf32>) {
    ^bb0(%in: f32, %o: f32):
      %1 = arith.addf %in, %in : f32
      linalg.yield %1 : f32
    } -> tensor<8xf32>
    approx_act.yield %0 : tensor<8xf32>
  } -> tensor<8xf32>
  return %k, %k, %x : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>
}

// -----

// Constants are the host's; kernels read a copy.
// CHECK: memref.global
// CHECK-LABEL: func @constant
// CHECK: %[[HOST:.+]] = memref.get_global
// CHECK: %[[COPY:.+]] = memref.alloc() : memref<3xf32>
// CHECK: memref.copy %[[HOST]], %[[COPY]]
// CHECK: approx_act.kernel "read" ins(%[[COPY]]
func.func @constant() -> tensor<3xf32> {
  %c = arith.constant dense<[1.0, 2.0, 4.0]> : tensor<3xf32>
  %e = tensor.empty() : tensor<3xf32>
  %k = approx_act.kernel "read" ins(%c : tensor<3xf32>) outs(%e : tensor<3xf32>) {
  ^bb0(%a: tensor<3xf32>):
    approx_act.yield %a : tensor<3xf32>
  } -> tensor<3xf32>
  return %k : tensor<3xf32>
}

// -----

// CHECK-LABEL: func @contraction
// CHECK-SAME: (%[[A:.+]]: memref<2x3xf32>, %[[B:.+]]: memref<3x4xf32>, %[[R:.+]]: memref<2x4xf32>)
// CHECK-NEXT: approx_act.gemm ins(%[[A]], %[[B]] : memref<2x3xf32>, memref<3x4xf32>) outs(%[[R]] : memref<2x4xf32>)
// CHECK-SAME: sizes = array<i64: 1, 2, 4, 3>}
// CHECK-NEXT: return
func.func @contraction(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>) -> tensor<2x4xf32> {
  %e = tensor.empty() : tensor<2x4xf32>
  %c = approx_act.gemm ins(%a, %b : tensor<2x3xf32>, tensor<3x4xf32>) outs(%e : tensor<2x4xf32>) {
      sizes = array<i64: 1, 2, 4, 3>, lhs_strides = array<i64: 1, 3, 1>,
      rhs_strides = array<i64: 1, 4, 1>, out_strides = array<i64: 1, 4, 1>} -> tensor<2x4xf32>
  return %c : tensor<2x4xf32>
}

// -----

// The host copies the one element that it reads.
// CHECK-LABEL: func @element
// CHECK-SAME: (%[[X:.+]]: memref<8x4xf32>, %[[I:.+]]: index,
// CHECK: approx_act.kernel "extract" ins(%[[X]], %[[I]], %{{.+}} : memref<8x4xf32>, index, index) outs(%[[E:.+]] : memref<f32>)
// CHECK: ^bb0(%[[T:.+]]: tensor<8x4xf32>, %[[A:.+]]: index, %[[B:.+]]: index)
// CHECK: %[[V:.+]] = tensor.extract %[[T]][%[[A]], %[[B]]]
// CHECK: tensor.from_elements %[[V]] : tensor<f32>
// CHECK-NOT: memref.copy %[[X]]
// CHECK: memref.copy %[[E]], %[[HOST:.+]] : memref<f32> to memref<f32>
// CHECK: memref.load %[[HOST]][]
func.func @element(%x: tensor<8x4xf32>, %i: index, %y: tensor<4xf32>) -> tensor<4xf32> {
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f32
  %v = tensor.extract %x[%i, %c3] : tensor<8x4xf32>
  %c = arith.cmpf ogt, %v, %zero : f32
  %e = tensor.empty() : tensor<4xf32>
  %r = scf.if %c -> tensor<4xf32> {
    scf.yield %y : tensor<4xf32>
  } else {
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %f : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}
