// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-match-contractions),canonicalize)" --split-input-file %s | FileCheck %s

// That these are the right numbers is shown by Integration/kernels.py, which runs
// such programs.

// CHECK-LABEL: func @transposed
// CHECK-SAME: (%[[A:.+]]: tensor<32x64xf32>, %[[B:.+]]: tensor<10x64xf32>)
// CHECK-NEXT: %[[E:.+]] = tensor.empty() : tensor<32x10xf32>
// CHECK-NEXT: %[[C:.+]] = approx_act.gemm ins(%[[A]], %[[B]] : tensor<32x64xf32>, tensor<10x64xf32>) outs(%[[E]]
// CHECK-SAME: lhs_strides = array<i64: 1, 64, 1>
// CHECK-SAME: out_strides = array<i64: 1, 10, 1>
// CHECK-SAME: rhs_strides = array<i64: 1, 1, 64>
// CHECK-SAME: sizes = array<i64: 1, 32, 10, 64>
// CHECK-NEXT: return %[[C]]
#id = affine_map<(d0, d1) -> (d0, d1)>
#flip = affine_map<(d0, d1) -> (d1, d0)>
func.func @transposed(%a: tensor<32x64xf32>, %b: tensor<10x64xf32>) -> tensor<32x10xf32> {
  %e = tensor.empty() : tensor<64x10xf32>
  %t = linalg.generic {indexing_maps = [#flip, #id], iterator_types = ["parallel", "parallel"]} ins(%b : tensor<10x64xf32>) outs(%e : tensor<64x10xf32>) {
  ^bb0(%in: f32, %o: f32):
    linalg.yield %in : f32
  } -> tensor<64x10xf32>
  %zero = arith.constant 0.0 : f32
  %f = tensor.empty() : tensor<32x10xf32>
  %z = linalg.fill ins(%zero : f32) outs(%f : tensor<32x10xf32>) -> tensor<32x10xf32>
  %c = linalg.matmul ins(%a, %t : tensor<32x64xf32>, tensor<64x10xf32>) outs(%z : tensor<32x10xf32>) -> tensor<32x10xf32>
  return %c : tensor<32x10xf32>
}

// -----

// Batch and heads are not one in memory of the operands: both are copied, to
// batch, head, row, column.
// CHECK-LABEL: func @attention
// CHECK-SAME: (%[[Q:.+]]: tensor<2x5x3x4xf32>, %[[K:.+]]: tensor<2x6x3x4xf32>)
// CHECK: %[[QT:.+]] = linalg.generic {{.*}} ins(%[[Q]] : tensor<2x5x3x4xf32>) outs(%{{.*}} : tensor<2x3x5x4xf32>)
// CHECK: %[[KT:.+]] = linalg.generic {{.*}} ins(%[[K]] : tensor<2x6x3x4xf32>) outs(%{{.*}} : tensor<2x3x4x6xf32>)
// CHECK: approx_act.gemm ins(%[[QT]], %[[KT]]
// CHECK-SAME: lhs_strides = array<i64: 20, 4, 1>
// CHECK-SAME: out_strides = array<i64: 30, 6, 1>
// CHECK-SAME: rhs_strides = array<i64: 24, 6, 1>
// CHECK-SAME: sizes = array<i64: 6, 5, 6, 4>
#q = affine_map<(d0, d1, d2, d3, d4) -> (d0, d2, d1, d4)>
#k = affine_map<(d0, d1, d2, d3, d4) -> (d0, d3, d1, d4)>
#s = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3)>
func.func @attention(%q: tensor<2x5x3x4xf32>, %k: tensor<2x6x3x4xf32>) -> tensor<2x3x5x6xf32> {
  %zero = arith.constant 0.0 : f32
  %f = tensor.empty() : tensor<2x3x5x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%f : tensor<2x3x5x6xf32>) -> tensor<2x3x5x6xf32>
  %c = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%q, %k : tensor<2x5x3x4xf32>, tensor<2x6x3x4xf32>) outs(%z : tensor<2x3x5x6xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<2x3x5x6xf32>
  return %c : tensor<2x3x5x6xf32>
}

// -----

// The padding becomes the description's. What reaches past the last window of a
// strided convolution is left out.
// CHECK-LABEL: func @forward
// CHECK-SAME: (%[[X:.+]]: tensor<2x8x8x3xf32>, %[[W:.+]]: tensor<3x3x3x16xf32>)
// CHECK-NOT: tensor.pad
// CHECK: approx_act.convolution forward ins(%[[X]], %[[W]] : {{.*}}) outs
// CHECK-SAME: batch_size = 2 : i64
// CHECK-SAME: filter_dilations = array<i64: 1, 1>
// CHECK-SAME: filter_sizes = array<i64: 3, 3>
// CHECK-SAME: filter_strides = array<i64: 1, 16, 144, 48>
// CHECK-SAME: groups = 1 : i64
// CHECK-SAME: input_channels = 3 : i64
// CHECK-SAME: input_dilations = array<i64: 1, 1>
// CHECK-SAME: input_sizes = array<i64: 8, 8>
// CHECK-SAME: input_strides = array<i64: 192, 1, 24, 3>
// CHECK-SAME: output_channels = 16 : i64
// CHECK-SAME: output_strides = array<i64: 256, 1, 64, 16>
// CHECK-SAME: padding_high = array<i64: 0, 0>
// CHECK-SAME: padding_low = array<i64: 1, 1>
// CHECK-SAME: window_strides = array<i64: 2, 2>
func.func @forward(%x: tensor<2x8x8x3xf32>, %w: tensor<3x3x3x16xf32>) -> tensor<2x4x4x16xf32> {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<2x8x8x3xf32> to tensor<2x10x10x3xf32>
  %f = tensor.empty() : tensor<2x4x4x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%f : tensor<2x4x4x16xf32>) -> tensor<2x4x4x16xf32>
  %y = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>} ins(%p, %w : tensor<2x10x10x3xf32>, tensor<3x3x3x16xf32>) outs(%z : tensor<2x4x4x16xf32>) -> tensor<2x4x4x16xf32>
  return %y : tensor<2x4x4x16xf32>
}

// -----

// Padding with something else stays.
// CHECK-LABEL: func @padded_with_one
// CHECK: %[[P:.+]] = tensor.pad
// CHECK: approx_act.convolution forward ins(%[[P]]
// CHECK-SAME: padding_low = array<i64: 0>
func.func @padded_with_one(%x: tensor<2x8x3xf32>, %w: tensor<3x3x16xf32>) -> tensor<2x8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %p = tensor.pad %x low[0, 1, 0] high[0, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index):
    tensor.yield %one : f32
  } : tensor<2x8x3xf32> to tensor<2x10x3xf32>
  %f = tensor.empty() : tensor<2x8x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%f : tensor<2x8x16xf32>) -> tensor<2x8x16xf32>
  %y = linalg.conv_1d_nwc_wcf ins(%p, %w : tensor<2x10x3xf32>, tensor<3x3x16xf32>) outs(%z : tensor<2x8x16xf32>) -> tensor<2x8x16xf32>
  return %y : tensor<2x8x16xf32>
}

// -----

// As JAX writes the gradients of a convolution with a stride of 2: with respect
// to the filter, the output's gradient is dilated,
// CHECK-LABEL: func @filter_gradient
// CHECK-SAME: (%[[X:.+]]: tensor<2x8x3xf32>, %[[DY:.+]]: tensor<2x4x16xf32>)
// CHECK-NOT: tensor.insert_slice
// CHECK: approx_act.convolution filter_gradient ins(%[[X]], %[[DY]] : tensor<2x8x3xf32>, tensor<2x4x16xf32>) outs(%{{.*}} : tensor<3x3x16xf32>)
// CHECK-SAME: batch_size = 2 : i64
// CHECK-SAME: filter_sizes = array<i64: 3>
// CHECK-SAME: input_channels = 3 : i64
// CHECK-SAME: input_sizes = array<i64: 8>
// CHECK-SAME: output_channels = 16 : i64
// CHECK-SAME: padding_high = array<i64: 0>
// CHECK-SAME: padding_low = array<i64: 1>
// CHECK-SAME: window_strides = array<i64: 2>
func.func @filter_gradient(%x: tensor<2x8x3xf32>, %dy: tensor<2x4x16xf32>) -> tensor<3x3x16xf32> {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 1, 0] high[0, 0, 0] {
  ^bb0(%i: index, %j: index, %k: index):
    tensor.yield %zero : f32
  } : tensor<2x8x3xf32> to tensor<2x9x3xf32>
  %e = tensor.empty() : tensor<2x7x16xf32>
  %g = linalg.fill ins(%zero : f32) outs(%e : tensor<2x7x16xf32>) -> tensor<2x7x16xf32>
  %d = tensor.insert_slice %dy into %g[0, 0, 0] [2, 4, 16] [1, 2, 1] : tensor<2x4x16xf32> into tensor<2x7x16xf32>
  %f = tensor.empty() : tensor<3x3x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%f : tensor<3x3x16xf32>) -> tensor<3x3x16xf32>
  %dw = linalg.generic {indexing_maps = [affine_map<(n, o, y, k, c) -> (n, k + y, c)>, affine_map<(n, o, y, k, c) -> (n, y, o)>, affine_map<(n, o, y, k, c) -> (k, c, o)>], iterator_types = ["reduction", "parallel", "reduction", "parallel", "parallel"]} ins(%p, %d : tensor<2x9x3xf32>, tensor<2x7x16xf32>) outs(%z : tensor<3x3x16xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %0, %o : f32
    linalg.yield %1 : f32
  } -> tensor<3x3x16xf32>
  return %dw : tensor<3x3x16xf32>
}

// -----

// and with respect to the input, the filter is reversed besides.
// CHECK-LABEL: func @input_gradient
// CHECK-SAME: (%[[DY:.+]]: tensor<2x4x16xf32>, %[[W:.+]]: tensor<3x3x16xf32>)
// CHECK-NOT: linalg.generic
// CHECK: approx_act.convolution input_gradient ins(%[[DY]], %[[W]] : tensor<2x4x16xf32>, tensor<3x3x16xf32>) outs(%{{.*}} : tensor<2x8x3xf32>)
// CHECK-SAME: filter_sizes = array<i64: 3>
// CHECK-SAME: filter_strides = array<i64: 1, 16, 48>
// CHECK-SAME: input_channels = 3 : i64
// CHECK-SAME: input_dilations = array<i64: 1>
// CHECK-SAME: input_sizes = array<i64: 8>
// CHECK-SAME: output_channels = 16 : i64
// CHECK-SAME: padding_high = array<i64: 0>
// CHECK-SAME: padding_low = array<i64: 1>
// CHECK-SAME: window_strides = array<i64: 2>
#reverse = affine_map<(d0, d1, d2) -> (-d0 + 2, d1, d2)>
#id = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
func.func @input_gradient(%dy: tensor<2x4x16xf32>, %w: tensor<3x3x16xf32>) -> tensor<2x8x3xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x10x16xf32>
  %g = linalg.fill ins(%zero : f32) outs(%e : tensor<2x10x16xf32>) -> tensor<2x10x16xf32>
  %d = tensor.insert_slice %dy into %g[0, 1, 0] [2, 4, 16] [1, 2, 1] : tensor<2x4x16xf32> into tensor<2x10x16xf32>
  %h = tensor.empty() : tensor<3x3x16xf32>
  %r = linalg.generic {indexing_maps = [#reverse, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%w : tensor<3x3x16xf32>) outs(%h : tensor<3x3x16xf32>) {
  ^bb0(%in: f32, %o: f32):
    linalg.yield %in : f32
  } -> tensor<3x3x16xf32>
  %f = tensor.empty() : tensor<2x8x3xf32>
  %z = linalg.fill ins(%zero : f32) outs(%f : tensor<2x8x3xf32>) -> tensor<2x8x3xf32>
  %dx = linalg.generic {indexing_maps = [affine_map<(n, c, x, k, o) -> (n, x + k, o)>, affine_map<(n, c, x, k, o) -> (k, c, o)>, affine_map<(n, c, x, k, o) -> (n, x, c)>], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]} ins(%d, %r : tensor<2x10x16xf32>, tensor<3x3x16xf32>) outs(%z : tensor<2x8x3xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<2x8x3xf32>
  return %dx : tensor<2x8x3xf32>
}

// -----

// A loop of all three tensors is one of groups.
// CHECK-LABEL: func @depthwise
// CHECK: approx_act.convolution forward
// CHECK-SAME: filter_strides = array<i64: 1, 1, 4>
// CHECK-SAME: groups = 4 : i64
// CHECK-SAME: input_channels = 4 : i64
// CHECK-SAME: output_channels = 4 : i64
func.func @depthwise(%x: tensor<2x8x4xf32>, %w: tensor<3x4xf32>) -> tensor<2x6x4xf32> {
  %zero = arith.constant 0.0 : f32
  %f = tensor.empty() : tensor<2x6x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%f : tensor<2x6x4xf32>) -> tensor<2x6x4xf32>
  %y = linalg.depthwise_conv_1d_nwc_wc ins(%x, %w : tensor<2x8x4xf32>, tensor<3x4xf32>) outs(%z : tensor<2x6x4xf32>) -> tensor<2x6x4xf32>
  return %y : tensor<2x6x4xf32>
}

// -----

// What has been cut off is not there again where zeros are put in its place: the
// slice is memory of its own.
// CHECK-LABEL: func @cropped
// CHECK-SAME: (%[[X:.+]]: tensor<1x8x1xf32>, %[[W:.+]]: tensor<3x1x1xf32>)
// CHECK: %[[S:.+]] = tensor.extract_slice %[[X]]
// CHECK: approx_act.convolution forward
// CHECK-SAME: ins(%[[S]], %[[W]] : tensor<1x4x1xf32>, tensor<3x1x1xf32>)
func.func @cropped(%x: tensor<1x8x1xf32>, %w: tensor<3x1x1xf32>) -> tensor<1x4x1xf32> {
  %zero = arith.constant 0.0 : f32
  %s = tensor.extract_slice %x[0, 2, 0] [1, 4, 1] [1, 1, 1] : tensor<1x8x1xf32> to tensor<1x4x1xf32>
  %p = tensor.pad %s low[0, 1, 0] high[0, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index):
    tensor.yield %zero : f32
  } : tensor<1x4x1xf32> to tensor<1x6x1xf32>
  %f = tensor.empty() : tensor<1x4x1xf32>
  %z = linalg.fill ins(%zero : f32) outs(%f : tensor<1x4x1xf32>) -> tensor<1x4x1xf32>
  %y = linalg.conv_1d_nwc_wcf {dilations = dense<1> : tensor<1xi64>, strides = dense<1> : tensor<1xi64>} ins(%p, %w : tensor<1x6x1xf32>, tensor<3x1x1xf32>) outs(%z : tensor<1x4x1xf32>) -> tensor<1x4x1xf32>
  return %y : tensor<1x4x1xf32>
}
