// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-keep-small))" --split-input-file %s | FileCheck %s
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-keep-small{max-elements=32}))" --split-input-file %s | FileCheck %s --check-prefix=NONE

// A parameter that the backward pass computes again, behind a barrier, from what
// the forward pass has computed it from, is that of the forward pass; so is what
// is computed from it. Where an op writes to is no matter.
// CHECK-LABEL: func @parameter
// CHECK: math.rsqrt
// CHECK: } -> tensor<64xf32>
// CHECK: %[[S:.+]] = linalg.generic
// CHECK: arith.mulf
// CHECK: approx_act.barrier
// CHECK-NOT: linalg.generic
// CHECK: return %[[S]], %[[S]]
// NONE-LABEL: func @parameter
// NONE-COUNT-2: math.rsqrt
#vector = affine_map<(d0) -> (d0)>
func.func @parameter(%v: tensor<64xf32>, %g: tensor<32x64xf32>) -> (tensor<64xf32>, tensor<64xf32>, tensor<32x64xf32>) {
  %two = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<64xf32>
  %r = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%v : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.rsqrt %a : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %s = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%r : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %two : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %b:2 = approx_act.barrier %v, %g : tensor<64xf32>, tensor<32x64xf32>
  %c:2 = approx_act.barrier %b#0, %b#1 : tensor<64xf32>, tensor<32x64xf32>
  %f = tensor.empty() : tensor<64xf32>
  %t = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%c#0 : tensor<64xf32>) outs(%f : tensor<64xf32>) attrs = {approx_act.restores} {
  ^bb0(%a: f32, %o: f32):
    %0 = math.rsqrt %a : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %u = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%t : tensor<64xf32>) outs(%f : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %two : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  return %s, %u, %c#1 : tensor<64xf32>, tensor<64xf32>, tensor<32x64xf32>
}

// -----

// An activation is not kept, though it is computed from the same parameter: here
// numbers that are drawn again.
// CHECK-LABEL: func @large
// CHECK: linalg.generic
// CHECK: approx_act.barrier
// CHECK: linalg.generic
// CHECK: return
// NONE-LABEL: func @large
#columns = affine_map<(d0, d1) -> (d1)>
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @large(%v: tensor<64xf32>, %g: tensor<128x64xf32>) -> (tensor<128x64xf32>, tensor<128x64xf32>, tensor<128x64xf32>) {
  %e = tensor.empty() : tensor<128x64xf32>
  %r = linalg.generic {indexing_maps = [#columns, #id], iterator_types = ["parallel", "parallel"]} ins(%v : tensor<64xf32>) outs(%e : tensor<128x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.sin %a : f32
    linalg.yield %0 : f32
  } -> tensor<128x64xf32>
  %b:2 = approx_act.barrier %v, %g : tensor<64xf32>, tensor<128x64xf32>
  %s = linalg.generic {indexing_maps = [#columns, #id], iterator_types = ["parallel", "parallel"]} ins(%b#0 : tensor<64xf32>) outs(%e : tensor<128x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.sin %a : f32
    linalg.yield %0 : f32
  } -> tensor<128x64xf32>
  return %r, %s, %b#1 : tensor<128x64xf32>, tensor<128x64xf32>, tensor<128x64xf32>
}

// -----

// What is little is a matter of what else there is: 64 elements are not, where
// no more than 512 wait.
// CHECK-LABEL: func @relative
// CHECK-COUNT-2: math.rsqrt
// CHECK: return
// NONE-LABEL: func @relative
#vector = affine_map<(d0) -> (d0)>
func.func @relative(%v: tensor<64xf32>, %g: tensor<8x64xf32>) -> (tensor<64xf32>, tensor<64xf32>, tensor<8x64xf32>) {
  %e = tensor.empty() : tensor<64xf32>
  %r = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%v : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.rsqrt %a : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %b:2 = approx_act.barrier %v, %g : tensor<64xf32>, tensor<8x64xf32>
  %s = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%b#0 : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.rsqrt %a : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  return %r, %s, %b#1 : tensor<64xf32>, tensor<64xf32>, tensor<8x64xf32>
}

// -----

// Other bodies, other operands, and other constants in the body are other
// values, and so is what starts from other values.
// CHECK-LABEL: func @others
// CHECK-COUNT-5: linalg.generic
// CHECK: return
// NONE-LABEL: func @others
#vector = affine_map<(d0) -> (d0)>
func.func @others(%v: tensor<64xf32>, %w: tensor<64xf32>, %g: tensor<32x64xf32>) -> (tensor<32x64xf32>, tensor<64xf32>, tensor<64xf32>, tensor<64xf32>, tensor<64xf32>, tensor<64xf32>) {
  %two = arith.constant 2.0 : f32
  %three = arith.constant 3.0 : f32
  %e = tensor.empty() : tensor<64xf32>
  %b:3 = approx_act.barrier %v, %w, %g : tensor<64xf32>, tensor<64xf32>, tensor<32x64xf32>
  %r = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%v : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %two : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %s = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%b#0 : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %three : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %t = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%b#1 : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %two : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %u = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%b#0 : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %two : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %x = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%v : tensor<64xf32>) outs(%w : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %two : f32
    %1 = arith.addf %0, %o : f32
    linalg.yield %1 : f32
  } -> tensor<64xf32>
  return %b#2, %r, %s, %t, %u, %x : tensor<32x64xf32>, tensor<64xf32>, tensor<64xf32>, tensor<64xf32>, tensor<64xf32>, tensor<64xf32>
}

// -----

// The places that ops write to stay
// apart: one of them is written while the other is needed.
// CHECK-LABEL: func @places
// CHECK-COUNT-2: tensor.empty
// CHECK: return
// NONE-LABEL: func @places
func.func @places(%a: tensor<8x16xf32>, %w: tensor<16x8xf32>, %x: tensor<16x8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>) {
  %e = tensor.empty() : tensor<8x8xf32>
  %c = approx_act.gemm ins(%a, %w : tensor<8x16xf32>, tensor<16x8xf32>) outs(%e : tensor<8x8xf32>) {
      sizes = array<i64: 1, 8, 8, 16>, lhs_strides = array<i64: 1, 16, 1>,
      rhs_strides = array<i64: 1, 8, 1>, out_strides = array<i64: 1, 8, 1>} -> tensor<8x8xf32>
  %f = tensor.empty() : tensor<8x8xf32>
  %d = approx_act.gemm ins(%a, %x : tensor<8x16xf32>, tensor<16x8xf32>) outs(%f : tensor<8x8xf32>) {
      sizes = array<i64: 1, 8, 8, 16>, lhs_strides = array<i64: 1, 16, 1>,
      rhs_strides = array<i64: 1, 8, 1>, out_strides = array<i64: 1, 8, 1>} -> tensor<8x8xf32>
  return %c, %d : tensor<8x8xf32>, tensor<8x8xf32>
}
