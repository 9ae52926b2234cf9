// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --convert-approx-act-to-linalg --split-input-file %s | FileCheck %s

// What is computed is compared in test/Integration/semantics.py; here, what is
// done per parameter and what per element, and how parameters are read.

// CHECK-DAG: #[[$PARAMETER:.+]] = affine_map<(d0, d1) -> (0, d1)>
// CHECK-LABEL: func @quantize
// The division, of 64 elements.
// CHECK: %[[INVERSE:.+]] = linalg.generic {{.*}} ins(%arg2 : tensor<1x64xf32>)
// CHECK: arith.divf
// CHECK: linalg.generic {indexing_maps = [{{.*}}, #[[$PARAMETER]], #[[$PARAMETER]], {{.*}}]
// CHECK-SAME: ins(%arg0, %arg1, %[[INVERSE]] :
// No product is an operand of a sum on the way to a code.
// CHECK: arith.subf
// CHECK-NEXT: arith.mulf
// CHECK-NOT: arith.addf
// CHECK: arith.fptosi {{.*}} to i32
// CHECK-NEXT: arith.trunci {{.*}} : i32 to i4
func.func @quantize(%x: tensor<8x64xf32>, %lo: tensor<1x64xf32>, %step: tensor<1x64xf32>) -> tensor<8x64xi4> {
  %q = approx_act.quantize %x, %lo, %step : tensor<8x64xf32>, tensor<1x64xf32> -> tensor<8x64xi4>
  return %q : tensor<8x64xi4>
}

// -----

// Groups of 16 neighbours share a parameter.
// CHECK-DAG: #[[$GROUP:.+]] = affine_map<(d0, d1) -> (d0, d1 floordiv 16)>
// CHECK-LABEL: func @groups
// CHECK: linalg.generic {indexing_maps = [{{.*}}, #[[$GROUP]], #[[$GROUP]], {{.*}}]
func.func @groups(%q: tensor<8x64xi4>, %lo: tensor<8x4xf32>, %step: tensor<8x4xf32>) -> tensor<8x64xbf16> {
  %x = approx_act.dequantize %q, %lo, %step : tensor<8x64xi4>, tensor<8x4xf32> -> tensor<8x64xbf16>
  return %x : tensor<8x64xbf16>
}

// -----

// CHECK-LABEL: func @least_and_greatest
// CHECK: %[[X:.+]] = tensor.expand_shape %arg0 {{\[\[}}0], [1, 2]] {{.*}} into tensor<8x4x16xf32>
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]{{.*}} ins(%[[X]] :
// CHECK: arith.minimumf
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]
// CHECK: arith.maximumf
func.func @least_and_greatest(%x: tensor<8x64xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
  %lo, %step = approx_act.grid %x {bits = 4 : i32, granularity = #approx_act.granularity<group, size = 16>,
    range = #approx_act.range<minmax>} : tensor<8x64xf32> -> tensor<8x4xf32>
  return %lo, %step : tensor<8x4xf32>, tensor<8x4xf32>
}

// -----

// Nine bits become two words: the codes of the second end after one.
// CHECK-LABEL: func @odd
// CHECK: tensor.pad {{.*}} high[7]
// CHECK-COUNT-8: tensor.extract_slice {{.*}} [2] [1] : tensor<16xi1> to tensor<2xi1>
// CHECK: linalg.generic
// CHECK-SAME: approx_act.stores
// CHECK: linalg.generic
// CHECK-SAME: approx_act.restores
func.func @odd(%m: tensor<9xi1>) -> tensor<9xi1> {
  %w = approx_act.pack %m {dim = 0 : i64} : tensor<9xi1> -> tensor<2xi8>
  %b = approx_act.barrier %w : tensor<2xi8>
  %u = approx_act.unpack %b {dim = 0 : i64} : tensor<2xi8> -> tensor<9xi1>
  return %u : tensor<9xi1>
}

// -----

// Barriers are for those who make kernels.
// CHECK-LABEL: func @barrier
// CHECK: approx_act.barrier
func.func @barrier(%x: tensor<9xf32>) -> tensor<9xf32> {
  %b = approx_act.barrier %x : tensor<9xf32>
  return %b : tensor<9xf32>
}
