// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-compress-residuals=min-fraction=0 | FileCheck %s

// Along which dimension codes are packed: one between the first and the last if
// that takes little padding, then neighbours along the first, then the last.

// CHECK-LABEL: func @packing
func.func @packing(%x: tensor<8xf32>) -> (tensor<f32>, tensor<16x3x17x17xf32>, tensor<8x2x2xf32>, tensor<7x64xf32>, tensor<100xf32>) {
  // CHECK: pack %{{[^ ]*}} {dim = 2 : i64} : tensor<16x3x17x17xi4> -> tensor<16x3x9x17xi8>
  // CHECK: pack %{{[^ ]*}} {dim = 1 : i64} : tensor<8x2x2xi4> -> tensor<8x1x2xi8>
  // CHECK: pack %{{[^ ]*}} {dim = 1 : i64} : tensor<7x64xi4> -> tensor<7x32xi8>
  // CHECK: pack %{{[^ ]*}} {dim = 0 : i64} : tensor<100xi4> -> tensor<50xi8>
  // CHECK: pack %{{[^ ]*}} {dim = 1 : i64} : tensor<1x8x1x3xi1> -> tensor<1x1x1x3xi8>
  %a = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<8xf32>) -> tensor<16x3x17x17xf32>
  %b = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<8xf32>) -> tensor<8x2x2xf32>
  %c = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<8xf32>) -> tensor<7x64xf32>
  %d = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<8xf32>) -> tensor<100xf32>
  %m = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<8xf32>) -> tensor<8x1x3xi1>
  %loss = "stablehlo.custom_call"(%a, %b, %c, %d, %m) <{call_target_name = "f"}> : (tensor<16x3x17x17xf32>, tensor<8x2x2xf32>, tensor<7x64xf32>, tensor<100xf32>, tensor<8x1x3xi1>) -> tensor<f32>
  %w = "stablehlo.dot"(%x, %x) : (tensor<8xf32>, tensor<8xf32>) -> tensor<f32>
  %0 = "stablehlo.broadcast_in_dim"(%loss) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<1xf32>
  %1 = "stablehlo.dot"(%0, %0) : (tensor<1xf32>, tensor<1xf32>) -> tensor<f32>
  %ca = "stablehlo.broadcast_in_dim"(%1) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<16x3x17x17xf32>
  %cb = "stablehlo.broadcast_in_dim"(%1) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x2x2xf32>
  %cc = "stablehlo.broadcast_in_dim"(%1) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<7x64xf32>
  %cd = "stablehlo.broadcast_in_dim"(%1) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<100xf32>
  %cm = "stablehlo.broadcast_in_dim"(%1) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<8x1x3xf32>
  %ga = "stablehlo.multiply"(%ca, %a) : (tensor<16x3x17x17xf32>, tensor<16x3x17x17xf32>) -> tensor<16x3x17x17xf32>
  %gb = "stablehlo.multiply"(%cb, %b) : (tensor<8x2x2xf32>, tensor<8x2x2xf32>) -> tensor<8x2x2xf32>
  %gc = "stablehlo.multiply"(%cc, %c) : (tensor<7x64xf32>, tensor<7x64xf32>) -> tensor<7x64xf32>
  %gm = "stablehlo.select"(%m, %cm, %cm) : (tensor<8x1x3xi1>, tensor<8x1x3xf32>, tensor<8x1x3xf32>) -> tensor<8x1x3xf32>
  %s = "stablehlo.custom_call"(%gm) <{call_target_name = "f"}> : (tensor<8x1x3xf32>) -> tensor<100xf32>
  %e = "stablehlo.multiply"(%cd, %d) : (tensor<100xf32>, tensor<100xf32>) -> tensor<100xf32>
  %gd = "stablehlo.add"(%e, %s) : (tensor<100xf32>, tensor<100xf32>) -> tensor<100xf32>
  return %loss, %ga, %gb, %gc, %gd : tensor<f32>, tensor<16x3x17x17xf32>, tensor<8x2x2xf32>, tensor<7x64xf32>, tensor<100xf32>
}
