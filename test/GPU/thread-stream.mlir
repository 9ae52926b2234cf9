// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --approx-act-thread-stream --split-input-file %s | FileCheck %s

// CHECK: llvm.func @mgpuStreamSynchronize(!llvm.ptr)
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.+]]: memref<64xf32>, %[[N:.+]]: index)
// CHECK: %[[S:.+]] = gpu.wait async
// CHECK-NOT: gpu.wait
// CHECK: %[[A:.+]], %{{.+}} = gpu.alloc async [%[[S]]] () : memref<64xf32>
// CHECK: scf.for
// CHECK: gpu.memcpy async [%[[S]]] %[[A]], %[[X]]
// CHECK: approx_act.gemm async[%[[S]]]
// CHECK: gpu.memcpy async [%[[S]]] %[[HOST:.+]], %[[X]]
// CHECK: %[[P:.+]] = builtin.unrealized_conversion_cast %[[S]] : !gpu.async.token to !llvm.ptr
// CHECK: llvm.call @mgpuStreamSynchronize(%[[P]])
// CHECK: memref.load %[[HOST]]
// CHECK: scf.if
// CHECK: gpu.memcpy async [%[[S]]] %[[X]], %[[A]]
// CHECK-NOT: gpu.wait
// CHECK: gpu.dealloc async [%[[S]]] %[[A]]
// CHECK: gpu.wait [%[[S]]]
// CHECK: return
func.func @main(%x: memref<64xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %host = memref.alloca() : memref<64xf32>
  %a = gpu.alloc () : memref<64xf32>
  %m = memref.expand_shape %a [[0, 1]] output_shape [8, 8] : memref<64xf32> into memref<8x8xf32>
  scf.for %i = %c0 to %n step %c1 {
    gpu.memcpy %a, %x : memref<64xf32>, memref<64xf32>
    approx_act.gemm ins(%m, %m : memref<8x8xf32>, memref<8x8xf32>) outs(%m : memref<8x8xf32>) {
      sizes = array<i64: 1, 8, 8, 8>, lhs_strides = array<i64: 1, 8, 1>,
      rhs_strides = array<i64: 1, 8, 1>, out_strides = array<i64: 1, 8, 1>}
    gpu.memcpy %host, %x : memref<64xf32>, memref<64xf32>
    %v = memref.load %host[%c0] : memref<64xf32>
    %p = arith.cmpf olt, %v, %zero : f32
    scf.if %p {
      gpu.memcpy %x, %a : memref<64xf32>, memref<64xf32>
    }
  }
  gpu.dealloc %a : memref<64xf32>
  return
}

// -----

// Nothing to do needs no stream.
// CHECK-LABEL: func @empty
// CHECK-NEXT: return
func.func @empty() {
  return
}
