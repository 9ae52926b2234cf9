// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-plan-memory))" --split-input-file %s | FileCheck %s

// A row of 12 bytes is no place for a kernel's pointer: it is copied there.
// CHECK-LABEL: func @unaligned
// CHECK: scf.for %[[I:.+]] =
// CHECK: %[[ROW:.+]] = memref.view %{{.+}}[%{{.+}}][] : memref<{{.+}}xi8> to memref<1x3xf32>
// CHECK: approx_act.kernel "row" {{.*}} outs(%[[ROW]] : memref<1x3xf32>)
// CHECK: arith.muli %[[I]], %{{.+}} : index
// CHECK: %[[PLACE:.+]] = memref.view %{{.+}}[%{{.+}}][] : memref<{{.+}}xi8> to memref<1x3xf32>
// CHECK: gpu.memcpy %[[PLACE]], %[[ROW]]
func.func @unaligned(%x: memref<1x3xf32>, %r: memref<9x3xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %stack = memref.alloc() : memref<9x3xf32>
  scf.for %i = %c0 to %c9 step %c1 {
    %row = memref.alloc() : memref<1x3xf32>
    approx_act.kernel "row" ins(%x : memref<1x3xf32>) outs(%row : memref<1x3xf32>) {
    ^bb0(%t: tensor<1x3xf32>):
      approx_act.yield %t : tensor<1x3xf32>
    }
    %place = memref.subview %stack[%i, 0] [1, 3] [1, 1] : memref<9x3xf32> to memref<1x3xf32, strided<[3, 1], offset: ?>>
    memref.copy %row, %place : memref<1x3xf32> to memref<1x3xf32, strided<[3, 1], offset: ?>>
  }
  memref.copy %stack, %r : memref<9x3xf32> to memref<9x3xf32>
  return
}

// -----

#transpose = affine_map<(d0, d1) -> (d1, d0)>
#id = affine_map<(d0, d1) -> (d0, d1)>

// Between the result and its copy to where the next step reads it, this step
// reads that once more; and what is in memory before a loop is there in each of
// its steps.
// CHECK-LABEL: func @read_later
// CHECK: gpu.alloc () : memref<832xi8>
// CHECK: scf.for
// CHECK: gpu.memcpy
func.func @read_later(%x: memref<4x4xf32>, %r: memref<4x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %before = memref.alloc() : memref<4x4xf32>
  memref.copy %x, %before : memref<4x4xf32> to memref<4x4xf32>
  %carried = memref.alloc() : memref<4x4xf32>
  memref.copy %x, %carried : memref<4x4xf32> to memref<4x4xf32>
  scf.for %i = %c0 to %c9 step %c1 {
    %next = memref.alloc() : memref<4x4xf32>
    approx_act.kernel "next" ins(%carried : memref<4x4xf32>) outs(%next : memref<4x4xf32>) {
    ^bb0(%t: tensor<4x4xf32>):
      %e = tensor.empty() : tensor<4x4xf32>
      %0 = linalg.generic {indexing_maps = [#transpose, #id], iterator_types = ["parallel", "parallel"]} ins(%t : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
      ^bb0(%in: f32, %o: f32):
        linalg.yield %in : f32
      } -> tensor<4x4xf32>
      approx_act.yield %0 : tensor<4x4xf32>
    }
    %other = memref.alloc() : memref<4x4xf32>
    approx_act.kernel "other" ins(%before, %carried : memref<4x4xf32>, memref<4x4xf32>) outs(%other : memref<4x4xf32>) {
    ^bb0(%t: tensor<4x4xf32>, %u: tensor<4x4xf32>):
      approx_act.yield %u : tensor<4x4xf32>
    }
    approx_act.kernel "out" ins(%other : memref<4x4xf32>) outs(%r : memref<4x4xf32>) {
    ^bb0(%t: tensor<4x4xf32>):
      approx_act.yield %t : tensor<4x4xf32>
    }
    memref.copy %next, %carried : memref<4x4xf32> to memref<4x4xf32>
  }
  return
}
