// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-plan-memory))" --split-input-file %s | FileCheck %s
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-plan-memory{print in-place=false alignment=16}))" --split-input-file %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=PLAN
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-plan-memory))" --split-input-file %s -o /dev/null --remark-format=yaml --remarks-output-file=%t.yaml '--remarks-filter=approx-act.*'
// RUN: FileCheck %s --check-prefix=REMARK < %t.yaml

#id = affine_map<(d0) -> (d0)>

// Each element of the second is computed from the same element of the first,
// which nobody reads later: it is overwritten. The third lives with both ends.
// CHECK-LABEL: func @chain
// CHECK: %[[ARENA:.+]] = gpu.alloc () : memref<4096xi8>
// CHECK: %[[ZERO:.+]] = arith.constant 0 : index
// CHECK: %[[A:.+]] = memref.view %[[ARENA]][%[[ZERO]]][] : memref<4096xi8> to memref<1024xf32>
// CHECK: %[[B:.+]] = memref.view %[[ARENA]][%{{.+}}][] : memref<4096xi8> to memref<1024xf32>
// CHECK: approx_act.kernel "b" ins(%[[A]] : memref<1024xf32>) outs(%[[B]]
// CHECK: gpu.dealloc %[[ARENA]]
// Without that there are two, in the order of first use.
// PLAN: buffer,type,bytes,offset,first,last
// PLAN-NEXT: 0,memref<1024xf32>,4096,0,{{[0-9]+}},{{[0-9]+}}
// PLAN-NEXT: 1,memref<1024xf32>,4096,4096,
// PLAN-NEXT: # peak 8192 bytes, lower bound 8192 bytes
// REMARK: --- !Analysis
// REMARK: Name: {{ *}}memory-plan
// REMARK: Function: {{ *}}views
// REMARK: buffers: {{ *}}'3'
// REMARK: peak_bytes: {{ *}}'288'
// REMARK: lower_bound_bytes: {{ *}}'64'
func.func @chain(%x: memref<1024xf32>, %r: memref<1024xf32>) {
  %a = memref.alloc() : memref<1024xf32>
  approx_act.kernel "a" ins(%x : memref<1024xf32>) outs(%a : memref<1024xf32>) {
  ^bb0(%t: tensor<1024xf32>):
    approx_act.yield %t : tensor<1024xf32>
  }
  %b = memref.alloc() : memref<1024xf32>
  approx_act.kernel "b" ins(%a : memref<1024xf32>) outs(%b : memref<1024xf32>) {
  ^bb0(%t: tensor<1024xf32>):
    %e = tensor.empty() : tensor<1024xf32>
    %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%t : tensor<1024xf32>) outs(%e : tensor<1024xf32>) {
    ^bb0(%in: f32, %o: f32):
      %1 = arith.negf %in : f32
      linalg.yield %1 : f32
    } -> tensor<1024xf32>
    approx_act.yield %0 : tensor<1024xf32>
  }
  approx_act.kernel "c" ins(%b : memref<1024xf32>) outs(%r : memref<1024xf32>) {
  ^bb0(%t: tensor<1024xf32>):
    approx_act.yield %t : tensor<1024xf32>
  }
  return
}

// -----

#transpose = affine_map<(d0, d1) -> (d1, d0)>
#id = affine_map<(d0, d1) -> (d0, d1)>

// A transposed element is another thread's.
// CHECK-LABEL: func @transpose
// CHECK: gpu.alloc () : memref<8192xi8>
// PLAN: # peak 8192 bytes
func.func @transpose(%x: memref<32x32xf32>, %r: memref<32x32xf32>) {
  %a = memref.alloc() : memref<32x32xf32>
  approx_act.kernel "a" ins(%x : memref<32x32xf32>) outs(%a : memref<32x32xf32>) {
  ^bb0(%t: tensor<32x32xf32>):
    approx_act.yield %t : tensor<32x32xf32>
  }
  %b = memref.alloc() : memref<32x32xf32>
  approx_act.kernel "b" ins(%a : memref<32x32xf32>) outs(%b : memref<32x32xf32>) {
  ^bb0(%t: tensor<32x32xf32>):
    %e = tensor.empty() : tensor<32x32xf32>
    %0 = linalg.generic {indexing_maps = [#transpose, #id], iterator_types = ["parallel", "parallel"]} ins(%t : tensor<32x32xf32>) outs(%e : tensor<32x32xf32>) {
    ^bb0(%in: f32, %o: f32):
      linalg.yield %in : f32
    } -> tensor<32x32xf32>
    approx_act.yield %0 : tensor<32x32xf32>
  }
  approx_act.kernel "c" ins(%b : memref<32x32xf32>) outs(%r : memref<32x32xf32>) {
  ^bb0(%t: tensor<32x32xf32>):
    approx_act.yield %t : tensor<32x32xf32>
  }
  return
}

// -----

#id = affine_map<(d0) -> (d0)>

// A gather may read any element of what it takes from, but overwrites the
// element of another tensor that the same thread has read.
// CHECK-LABEL: func @gather
// CHECK: %[[X:.+]] = memref.view {{.*}} to memref<8xf32>
// CHECK: %[[I:.+]] = memref.view %{{.+}}[%{{.+}}][] : {{.*}} to memref<8xi32>
// CHECK: %[[SAME:.+]] = arith.constant 256 : index
// CHECK: %[[R:.+]] = memref.view %{{.+}}[%[[SAME]]][] : memref<288xi8> to memref<8xf32>
// CHECK: approx_act.kernel "c" ins(%[[X]], %[[I]] : {{.*}}) outs(%[[R]] :
// PLAN: # peak 96 bytes
func.func @gather(%x: memref<8xf32>, %r: memref<8xf32>) {
  %a = memref.alloc() : memref<8xf32>
  approx_act.kernel "a" ins(%x : memref<8xf32>) outs(%a : memref<8xf32>) {
  ^bb0(%t: tensor<8xf32>):
    approx_act.yield %t : tensor<8xf32>
  }
  %b = memref.alloc() : memref<8xi32>
  approx_act.kernel "b" ins(%x : memref<8xf32>) outs(%b : memref<8xi32>) {
  ^bb0(%t: tensor<8xf32>):
    %e = tensor.empty() : tensor<8xi32>
    %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%t : tensor<8xf32>) outs(%e : tensor<8xi32>) {
    ^bb0(%in: f32, %o: i32):
      %1 = arith.bitcast %in : f32 to i32
      linalg.yield %1 : i32
    } -> tensor<8xi32>
    approx_act.yield %0 : tensor<8xi32>
  }
  %c = memref.alloc() : memref<8xf32>
  approx_act.kernel "c" ins(%a, %b : memref<8xf32>, memref<8xi32>) outs(%c : memref<8xf32>) {
  ^bb0(%t: tensor<8xf32>, %i: tensor<8xi32>):
    %e = tensor.empty() : tensor<8xf32>
    %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%i : tensor<8xi32>) outs(%e : tensor<8xf32>) {
    ^bb0(%in: i32, %o: f32):
      %1 = arith.index_castui %in : i32 to index
      %2 = tensor.extract %t[%1] : tensor<8xf32>
      linalg.yield %2 : f32
    } -> tensor<8xf32>
    approx_act.yield %0 : tensor<8xf32>
  }
  memref.copy %c, %r : memref<8xf32> to memref<8xf32>
  return
}

// -----

#transpose = affine_map<(d0, d1) -> (d1, d0)>
#id = affine_map<(d0, d1) -> (d0, d1)>

// A view keeps its buffer alive, and the third takes the place of the first.
// CHECK-LABEL: func @views
// CHECK: gpu.alloc () : memref<288xi8>
// PLAN: 0,memref<8xf32>,32,0,{{[0-9]+}},[[LAST:[0-9]+]]
// PLAN-NEXT: 1,memref<8xf32>,32,32,
// PLAN-NEXT: 2,memref<8xf32>,32,0,
func.func @views(%x: memref<8xf32>, %r: memref<8xf32>) {
  %a = memref.alloc() : memref<8xf32>
  %v = memref.expand_shape %a [[0, 1]] output_shape [2, 4] : memref<8xf32> into memref<2x4xf32>
  // CHECK: gpu.memcpy
  memref.copy %x, %a : memref<8xf32> to memref<8xf32>
  %b = memref.alloc() : memref<8xf32>
  %w = memref.expand_shape %b [[0, 1]] output_shape [4, 2] : memref<8xf32> into memref<4x2xf32>
  approx_act.kernel "b" ins(%v : memref<2x4xf32>) outs(%w : memref<4x2xf32>) {
  ^bb0(%t: tensor<2x4xf32>):
    %e = tensor.empty() : tensor<4x2xf32>
    %0 = linalg.generic {indexing_maps = [#transpose, #id], iterator_types = ["parallel", "parallel"]} ins(%t : tensor<2x4xf32>) outs(%e : tensor<4x2xf32>) {
    ^bb0(%in: f32, %o: f32):
      linalg.yield %in : f32
    } -> tensor<4x2xf32>
    approx_act.yield %0 : tensor<4x2xf32>
  }
  %c = memref.alloc() : memref<8xf32>
  %u = memref.expand_shape %c [[0, 1]] output_shape [2, 4] : memref<8xf32> into memref<2x4xf32>
  approx_act.kernel "c" ins(%w : memref<4x2xf32>) outs(%u : memref<2x4xf32>) {
  ^bb0(%t: tensor<4x2xf32>):
    %e = tensor.empty() : tensor<2x4xf32>
    %0 = linalg.generic {indexing_maps = [#transpose, #id], iterator_types = ["parallel", "parallel"]} ins(%t : tensor<4x2xf32>) outs(%e : tensor<2x4xf32>) {
    ^bb0(%in: f32, %o: f32):
      linalg.yield %in : f32
    } -> tensor<2x4xf32>
    approx_act.yield %0 : tensor<2x4xf32>
  }
  // CHECK: gpu.memcpy
  memref.copy %c, %r : memref<8xf32> to memref<8xf32>
  return
}
