// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-match-contractions))" %s --remark-format=yaml --remarks-output-file=%t.yaml '--remarks-filter=approx-act.*' | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t.yaml

// What the runtime does not do is left to kernels.

// REMARK: --- !Missed
// REMARK: Name: {{ *}}contraction
// REMARK: Function: {{ *}}double
// REMARK: op: {{ *}}linalg.matmul
// REMARK: Reason: {{ *}}its elements are f64, not f32
// CHECK-LABEL: func @double
// CHECK: linalg.matmul
func.func @double(%a: tensor<32x64xf64>, %b: tensor<64x10xf64>) -> tensor<32x10xf64> {
  %zero = arith.constant 0.0 : f64
  %f = tensor.empty() : tensor<32x10xf64>
  %z = linalg.fill ins(%zero : f64) outs(%f : tensor<32x10xf64>) -> tensor<32x10xf64>
  %c = linalg.matmul ins(%a, %b : tensor<32x64xf64>, tensor<64x10xf64>) outs(%z : tensor<32x10xf64>) -> tensor<32x10xf64>
  return %c : tensor<32x10xf64>
}

// REMARK: --- !Missed
// REMARK: Function: {{ *}}added
// REMARK: Reason: {{ *}}it does not start from zero
// CHECK-LABEL: func @added
// CHECK: linalg.matmul
func.func @added(%a: tensor<32x64xf32>, %b: tensor<64x10xf32>, %c: tensor<32x10xf32>) -> tensor<32x10xf32> {
  %d = linalg.matmul ins(%a, %b : tensor<32x64xf32>, tensor<64x10xf32>) outs(%c : tensor<32x10xf32>) -> tensor<32x10xf32>
  return %d : tensor<32x10xf32>
}

// Four spatial dimensions.
// REMARK: --- !Missed
// REMARK: Function: {{ *}}four
// REMARK: Reason: {{ *}}its indices are those of no product or convolution that the runtime knows
// CHECK-LABEL: func @four
// CHECK: linalg.generic
func.func @four(%x: tensor<4x4x4x4x3xf32>, %w: tensor<2x2x2x2x3xf32>) -> tensor<3x3x3x3xf32> {
  %zero = arith.constant 0.0 : f32
  %f = tensor.empty() : tensor<3x3x3x3xf32>
  %z = linalg.fill ins(%zero : f32) outs(%f : tensor<3x3x3x3xf32>) -> tensor<3x3x3x3xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(a, b, c, d, i, j, k, l, n) -> (a + i, b + j, c + k, d + l, n)>, affine_map<(a, b, c, d, i, j, k, l, n) -> (i, j, k, l, n)>, affine_map<(a, b, c, d, i, j, k, l, n) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction", "reduction", "reduction"]} ins(%x, %w : tensor<4x4x4x4x3xf32>, tensor<2x2x2x2x3xf32>) outs(%z : tensor<3x3x3x3xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<3x3x3x3xf32>
  return %y : tensor<3x3x3x3xf32>
}

// A sum of products is a reduction, and nobody's contraction.
// REMARK-NOT: !Missed
// CHECK-LABEL: func @dot
// CHECK: linalg.generic
func.func @dot(%a: tensor<5x7xf32>) -> tensor<5xf32> {
  %zero = arith.constant 0.0 : f32
  %f = tensor.empty() : tensor<5xf32>
  %z = linalg.fill ins(%zero : f32) outs(%f : tensor<5xf32>) -> tensor<5xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%a, %a : tensor<5x7xf32>, tensor<5x7xf32>) outs(%z : tensor<5xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<5xf32>
  return %s : tensor<5xf32>
}

// A loop that is in two indices of one tensor is none of a window.
// REMARK: --- !Missed
// REMARK: Function: {{ *}}diagonal
// CHECK-LABEL: func @diagonal
// CHECK: linalg.generic
func.func @diagonal(%x: tensor<8xf32>, %w: tensor<3x3xf32>) -> tensor<6xf32> {
  %zero = arith.constant 0.0 : f32
  %f = tensor.empty() : tensor<6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%f : tensor<6xf32>) -> tensor<6xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i + j)>, affine_map<(i, j) -> (j, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%x, %w : tensor<8xf32>, tensor<3x3xf32>) outs(%z : tensor<6xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<6xf32>
  return %s : tensor<6xf32>
}

// REMARK: --- !Missed
// REMARK: Function: {{ *}}twice
// CHECK-LABEL: func @twice
// CHECK: linalg.generic
func.func @twice(%x: tensor<8x6xf32>, %w: tensor<3xf32>) -> tensor<6xf32> {
  %zero = arith.constant 0.0 : f32
  %f = tensor.empty() : tensor<6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%f : tensor<6xf32>) -> tensor<6xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i + j, i)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%x, %w : tensor<8x6xf32>, tensor<3xf32>) outs(%z : tensor<6xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<6xf32>
  return %s : tensor<6xf32>
}
