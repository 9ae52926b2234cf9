// What a program that is not right depends on can be seen: the order of threads and
// blocks, and memory that nothing was written to. The options may be in the
// environment.

// RUN: %lower-gpu %s -o %t.mlir
// RUN: approx-act-runner %t.mlir --strict --poison --output=%t.last.npy --output=%t.shared.npy --output=%t.unwritten.npy
// RUN: env APPROX_ACT_RUNTIME=reverse-threads,poison approx-act-runner %t.mlir --output=%t.first.npy
// RUN: %arrays compare %t.last.npy "array([255, 252, 255], int32)" , compare %t.first.npy "array([0, 3, 0], int32)" \
// RUN:   , compare %t.shared.npy "full(4, -1, int32)" , compare %t.unwritten.npy "full(5, nan, float32)"

// RUN: env APPROX_ACT_RUNTIME=strict,stricter not approx-act-runner %t.mlir 2>&1 | FileCheck %s
// CHECK: error: APPROX_ACT_RUNTIME: unknown option 'stricter'

module attributes {gpu.container_module} {
  gpu.module @kernels {
    // The last to write wins: of all threads, of those that take a branch, and of
    // fibers.
    gpu.func @write(%x: memref<3xi32>) kernel {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c60 = arith.constant 60 : index
      %c64 = arith.constant 64 : index
      %block = gpu.block_id x
      %thread = gpu.thread_id x
      %first = arith.muli %block, %c64 : index
      %i = arith.addi %first, %thread : index
      %v = arith.index_cast %i : index to i32
      memref.store %v, %x[%c0] : memref<3xi32>
      %is_chosen = arith.cmpi eq, %thread, %c60 : index
      %c3 = arith.constant 3 : index
      %is_third = arith.cmpi eq, %thread, %c3 : index
      %any = arith.ori %is_chosen, %is_third : i1
      scf.if %any {
        memref.store %v, %x[%c1] : memref<3xi32>
      }
      gpu.return
    }
    gpu.func @wait(%x: memref<3xi32>, %y: memref<4xi32>)
        workgroup(%s: memref<4xi32, #gpu.address_space<workgroup>>) kernel {
      %c2 = arith.constant 2 : index
      %c3 = arith.constant 3 : index
      %c64 = arith.constant 64 : index
      %block = gpu.block_id x
      %thread = gpu.thread_id x
      %first = arith.muli %block, %c64 : index
      %i = arith.addi %first, %thread : index
      %v = arith.index_cast %i : index to i32
      gpu.barrier
      memref.store %v, %x[%c2] : memref<3xi32>
      %j = arith.minui %thread, %c3 : index
      %u = memref.load %s[%j] : memref<4xi32, #gpu.address_space<workgroup>>
      memref.store %u, %y[%j] : memref<4xi32>
      gpu.return
    }
  }
  func.func @main(%x: memref<3xi32>, %y: memref<4xi32>, %z: memref<5xf32>) attributes {
      llvm.emit_c_interface,
      approx_act.arguments = [],
      approx_act.results = [memref<3xi32>, memref<4xi32>, memref<5xf32>]} {
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func @kernels::@write blocks in (%c4, %c1, %c1) threads in (%c64, %c1, %c1)
        args(%x: memref<3xi32>)
    gpu.launch_func @kernels::@wait blocks in (%c4, %c1, %c1) threads in (%c64, %c1, %c1)
        args(%x: memref<3xi32>, %y: memref<4xi32>)
    return
  }
}
