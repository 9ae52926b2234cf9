// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-split-reductions))" --split-input-file %s | FileCheck %s
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-split-reductions{max-part=8 max-whole=8}))" --split-input-file %s | FileCheck %s --check-prefix=SHORT

#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>
#rows = affine_map<(d0, d1) -> (d0)>

// 512 elements a block, 64 apart; then 64 results.
// CHECK-LABEL: func @columns
// CHECK: %[[X:.+]] = tensor.expand_shape %arg0 {{\[\[}}0, 1], [2]] output_shape [512, 64, 64]
// CHECK: %[[PARTS:.+]] = linalg.generic
// CHECK-SAME: iterator_types = ["reduction", "parallel", "parallel"]
// CHECK-SAME: ins(%[[X]] : tensor<512x64x64xf32>) outs({{.*}} : tensor<64x64xf32>)
// CHECK: linalg.generic
// CHECK-SAME: iterator_types = ["reduction", "parallel"]
// CHECK-SAME: ins(%[[PARTS]] : tensor<64x64xf32>) outs(%arg1 : tensor<64xf32>)
func.func @columns(%x: tensor<32768x64xf32>, %init: tensor<64xf32>) -> tensor<64xf32> {
  %s = linalg.generic {indexing_maps = [#id, #columns], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<32768x64xf32>) outs(%init : tensor<64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %out, %in : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  return %s : tensor<64xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#rows = affine_map<(d0, d1) -> (d0)>

// A maximum starts from -inf in each part; neighbouring parts, and so threads,
// have neighbouring elements.
// CHECK-LABEL: func @rows
// CHECK: tensor.expand_shape %arg0 {{\[\[}}0], [1, 2]] output_shape [9, 500, 8]
// CHECK: arith.constant 0xFF800000
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction", "parallel"]{{.*}} outs({{.*}} : tensor<9x8xf32>)
func.func @rows(%x: tensor<9x4000xf32>, %init: tensor<9xf32>) -> tensor<9xf32> {
  %s = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<9x4000xf32>) outs(%init : tensor<9xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.maximumf %in, %out : f32
    linalg.yield %0 : f32
  } -> tensor<9xf32>
  return %s : tensor<9xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>

// Short enough for one block, unless options say otherwise.
// CHECK-LABEL: func @short
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT: linalg.generic
// SHORT-LABEL: func @short
// SHORT-COUNT-2: linalg.generic
func.func @short(%x: tensor<64xf32>, %init: tensor<f32>) -> tensor<f32> {
  %s = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]}
      ins(%x : tensor<64xf32>) outs(%init : tensor<f32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %out, %in : f32
    linalg.yield %0 : f32
  } -> tensor<f32>
  return %s : tensor<f32>
}

// -----

#id = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>

// A difference is not associative.
// CHECK-LABEL: func @unknown
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT: linalg.generic
// SHORT-LABEL: func @unknown
func.func @unknown(%x: tensor<4096xf32>, %init: tensor<f32>) -> tensor<f32> {
  %s = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]}
      ins(%x : tensor<4096xf32>) outs(%init : tensor<f32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.subf %out, %in : f32
    linalg.yield %0 : f32
  } -> tensor<f32>
  return %s : tensor<f32>
}

// -----

#id = affine_map<(d0) -> (d0)>
#none = affine_map<(d0) -> ()>

// A prime number of elements has no parts.
// CHECK-LABEL: func @prime
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT: linalg.generic
func.func @prime(%x: tensor<2503xf32>, %init: tensor<f32>) -> tensor<f32> {
  %s = linalg.generic {indexing_maps = [#id, #none], iterator_types = ["reduction"]}
      ins(%x : tensor<2503xf32>) outs(%init : tensor<f32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %out, %in : f32
    linalg.yield %0 : f32
  } -> tensor<f32>
  return %s : tensor<f32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#rows = affine_map<(d0, d1) -> (d0)>

// With so many results, there are blocks enough as it is.
// CHECK-LABEL: func @many
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT: linalg.generic
func.func @many(%x: tensor<8192x4096xf32>, %init: tensor<8192xf32>) -> tensor<8192xf32> {
  %s = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<8192x4096xf32>) outs(%init : tensor<8192xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %out, %in : f32
    linalg.yield %0 : f32
  } -> tensor<8192xf32>
  return %s : tensor<8192xf32>
}

// -----

#id = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#last = affine_map<(d0, d1, d2) -> (d2)>

// A sum of one element each is that element.
// CHECK-LABEL: func @of_one
// CHECK-NOT: linalg.generic
// CHECK: tensor.collapse_shape %arg0 {{\[\[}}0, 1, 2]] : tensor<1x1x8xf32> into tensor<8xf32>
func.func @of_one(%x: tensor<1x1x8xf32>) -> tensor<8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %s = linalg.generic {indexing_maps = [#id, #last], iterator_types = ["reduction", "reduction", "parallel"]}
      ins(%x : tensor<1x1x8xf32>) outs(%init : tensor<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %out, %in : f32
    linalg.yield %0 : f32
  } -> tensor<8xf32>
  return %s : tensor<8xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#last = affine_map<(d0, d1) -> (d1)>

// Not where it starts from something else, or changes the element.
// CHECK-LABEL: func @not_of_one
// CHECK-COUNT-2: linalg.generic
func.func @not_of_one(%x: tensor<1x8xf32>, %init: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %s = linalg.generic {indexing_maps = [#id, #last], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<1x8xf32>) outs(%init : tensor<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %out, %in : f32
    linalg.yield %0 : f32
  } -> tensor<8xf32>
  %t = linalg.generic {indexing_maps = [#id, #last], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<1x8xf32>) outs(%zeros : tensor<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.mulf %in, %in : f32
    %1 = arith.addf %out, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<8xf32>
  return %s, %t : tensor<8xf32>, tensor<8xf32>
}

// -----

#id = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#rows = affine_map<(d0, d1, d2) -> (d0)>

// There is nothing to split in a dimension of 1.
// CHECK-LABEL: func @one
// CHECK: tensor.expand_shape %arg0 {{\[\[}}0], [1], [2, 3]] output_shape [9, 1, 500, 8]
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction", "reduction", "parallel"]{{.*}} outs({{.*}} : tensor<9x8xf32>)
func.func @one(%x: tensor<9x1x4000xf32>, %init: tensor<9xf32>) -> tensor<9xf32> {
  %s = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "reduction", "reduction"]}
      ins(%x : tensor<9x1x4000xf32>) outs(%init : tensor<9xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %out, %in : f32
    linalg.yield %0 : f32
  } -> tensor<9xf32>
  return %s : tensor<9xf32>
}
