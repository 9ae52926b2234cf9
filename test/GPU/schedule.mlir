// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-schedule))" --remark-format=yaml --remarks-output-file=%t.yaml '--remarks-filter=approx-act.*' %s | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t.yaml

// What is restored waits for the product that reads it, and the update, which is
// returned, follows its gradient; so the two restored activations are never live
// at the same time.
// CHECK-LABEL: func @main
// CHECK: approx_act.kernel "restore1"
// CHECK: approx_act.gemm
// CHECK: approx_act.kernel "update1"
// CHECK: approx_act.kernel "restore2"
// CHECK: approx_act.gemm
// CHECK: approx_act.kernel "update2"
// CHECK: return
// REMARK: Name: {{ *}}schedule
// REMARK: Function: {{ *}}main
// REMARK: live_bytes_before: {{ *}}'36864'
// REMARK: live_bytes_after: {{ *}}'20480'
func.func @main(%c1: tensor<64x64xi8>, %c2: tensor<64x64xi8>, %g: tensor<64x16xf32>, %p: tensor<64x16xf32>) -> (tensor<64x16xf32>, tensor<64x16xf32>) {
  %e = tensor.empty() : tensor<64x64xf32>
  %f = tensor.empty() : tensor<64x16xf32>
  %x1 = approx_act.kernel "restore1" ins(%c1 : tensor<64x64xi8>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%a: tensor<64x64xi8>):
    %0 = tensor.empty() : tensor<64x64xf32>
    approx_act.yield %0 : tensor<64x64xf32>
  } -> tensor<64x64xf32>
  %x2 = approx_act.kernel "restore2" ins(%c2 : tensor<64x64xi8>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%a: tensor<64x64xi8>):
    %0 = tensor.empty() : tensor<64x64xf32>
    approx_act.yield %0 : tensor<64x64xf32>
  } -> tensor<64x64xf32>
  %w1 = approx_act.gemm ins(%x1, %g : tensor<64x64xf32>, tensor<64x16xf32>) outs(%f : tensor<64x16xf32>) {
      sizes = array<i64: 1, 64, 16, 64>, lhs_strides = array<i64: 1, 64, 1>,
      rhs_strides = array<i64: 1, 16, 1>, out_strides = array<i64: 1, 16, 1>} -> tensor<64x16xf32>
  %w2 = approx_act.gemm ins(%x2, %g : tensor<64x64xf32>, tensor<64x16xf32>) outs(%f : tensor<64x16xf32>) {
      sizes = array<i64: 1, 64, 16, 64>, lhs_strides = array<i64: 1, 64, 1>,
      rhs_strides = array<i64: 1, 16, 1>, out_strides = array<i64: 1, 16, 1>} -> tensor<64x16xf32>
  %p1 = approx_act.kernel "update1" ins(%p, %w1 : tensor<64x16xf32>, tensor<64x16xf32>) outs(%f : tensor<64x16xf32>) {
  ^bb0(%a: tensor<64x16xf32>, %b: tensor<64x16xf32>):
    approx_act.yield %b : tensor<64x16xf32>
  } -> tensor<64x16xf32>
  %p2 = approx_act.kernel "update2" ins(%p, %w2 : tensor<64x16xf32>, tensor<64x16xf32>) outs(%f : tensor<64x16xf32>) {
  ^bb0(%a: tensor<64x16xf32>, %b: tensor<64x16xf32>):
    approx_act.yield %b : tensor<64x16xf32>
  } -> tensor<64x16xf32>
  return %p1, %p2 : tensor<64x16xf32>, tensor<64x16xf32>
}

// What uses up as much as it makes stays, and so does what has an effect.
// CHECK-LABEL: func @stays
// CHECK: approx_act.kernel "a"
// CHECK: "sdy.unknown"
// CHECK: approx_act.kernel "b"
func.func @stays(%x: tensor<64xf32>, %y: tensor<64xf32>) -> tensor<64xf32> {
  %e = tensor.empty() : tensor<64xf32>
  %a = approx_act.kernel "a" ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%t: tensor<64xf32>):
    approx_act.yield %t : tensor<64xf32>
  } -> tensor<64xf32>
  "sdy.unknown"(%a) : (tensor<64xf32>) -> ()
  %b = approx_act.kernel "b" ins(%y : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%t: tensor<64xf32>):
    approx_act.yield %t : tensor<64xf32>
  } -> tensor<64xf32>
  return %b : tensor<64xf32>
}
