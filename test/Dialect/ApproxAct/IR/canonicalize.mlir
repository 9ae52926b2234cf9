// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --canonicalize --split-input-file | FileCheck %s

// Unpacking what was packed gives the codes, padded or not.

// CHECK-LABEL: func @unpack_of_pack
// CHECK-SAME: (%[[Q:.*]]: tensor<3x5xi4>)
func.func @unpack_of_pack(%q: tensor<3x5xi4>) -> tensor<3x5xi4> {
  // CHECK-NEXT: return %[[Q]]
  %w = approx_act.pack %q {dim = 1 : i64} : tensor<3x5xi4> -> tensor<3x3xi8>
  %q1 = approx_act.unpack %w {dim = 1 : i64} : tensor<3x3xi8> -> tensor<3x5xi4>
  return %q1 : tensor<3x5xi4>
}

// -----

// The same words hold other codes along another dimension, of another width, or
// of another length.

// CHECK-LABEL: func @unpack_otherwise
func.func @unpack_otherwise(%q: tensor<4x4xi4>)
    -> (tensor<2x8xi4>, tensor<8x4xi2>, tensor<3x4xi4>) {
  // CHECK-COUNT-3: approx_act.unpack
  %w = approx_act.pack %q {dim = 0 : i64} : tensor<4x4xi4> -> tensor<2x4xi8>
  %dim = approx_act.unpack %w {dim = 1 : i64} : tensor<2x4xi8> -> tensor<2x8xi4>
  %width = approx_act.unpack %w {dim = 0 : i64} : tensor<2x4xi8> -> tensor<8x4xi2>
  %length = approx_act.unpack %w {dim = 0 : i64} : tensor<2x4xi8> -> tensor<3x4xi4>
  return %dim, %width, %length : tensor<2x8xi4>, tensor<8x4xi2>, tensor<3x4xi4>
}

// -----

// Packing what was unpacked gives the words, unless bits of the padding could
// differ.

// CHECK-LABEL: func @pack_of_unpack
// CHECK-SAME: (%[[W:.*]]: tensor<3x3xi8>)
func.func @pack_of_unpack(%w: tensor<3x3xi8>) -> (tensor<3x3xi8>, tensor<3x3xi8>) {
  // CHECK: %[[Q:.*]] = approx_act.unpack
  // CHECK: %[[PADDED:.*]] = approx_act.pack %[[Q]]
  // CHECK: return %[[W]], %[[PADDED]]
  %q = approx_act.unpack %w {dim = 1 : i64} : tensor<3x3xi8> -> tensor<3x6xi4>
  %whole = approx_act.pack %q {dim = 1 : i64} : tensor<3x6xi4> -> tensor<3x3xi8>
  %p = approx_act.unpack %w {dim = 1 : i64} : tensor<3x3xi8> -> tensor<3x5xi4>
  %padded = approx_act.pack %p {dim = 1 : i64} : tensor<3x5xi4> -> tensor<3x3xi8>
  return %whole, %padded : tensor<3x3xi8>, tensor<3x3xi8>
}

// -----

// A barrier stays [S8], also between a pack and its unpack; what nobody uses
// goes.

// CHECK-LABEL: func @barrier
func.func @barrier(%q: tensor<8xi4>, %x: tensor<8xf32>, %p: tensor<1xf32>) -> tensor<8xi4> {
  // CHECK: approx_act.pack
  // CHECK: approx_act.barrier
  // CHECK: approx_act.unpack
  // CHECK-NOT: approx_act
  %w = approx_act.pack %q {dim = 0 : i64} : tensor<8xi4> -> tensor<4xi8>
  %w1, %x1 = approx_act.barrier %w, %x : tensor<4xi8>, tensor<8xf32>
  %q1 = approx_act.unpack %w1 {dim = 0 : i64} : tensor<4xi8> -> tensor<8xi4>
  %unused = approx_act.quantize %x, %p, %p : tensor<8xf32>, tensor<1xf32> -> tensor<8xi4>
  return %q1 : tensor<8xi4>
}
