// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// An index that starts anew within a block: threads 0, 4, 8, ... read the same
// element, which no load of consecutive elements gives.

// RUN: %lower-gpu %s -o %t.mlir
// RUN: %arrays save %t.x.npy "arange(40, dtype=float32)"
// RUN: approx-act-runner %t.mlir --strict --poison --input=%t.x.npy --output=%t.y.npy
// RUN: approx-act-runner %t.mlir --input=%t.x.npy --output=%t.fast.npy
// RUN: %arrays compare %t.y.npy "tile(x.reshape(10, 1, 4), (1, 32, 1)).reshape(-1)" x=%t.x.npy \
// RUN:   , compare %t.fast.npy "y" y=%t.y.npy

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @repeat(%x: memref<40xf32>, %y: memref<1280xf32>) kernel {
      %c2 = arith.constant 2 : i32
      %c3 = arith.constant 3 : i32
      %block = gpu.block_id x
      %thread = gpu.thread_id x
      %threads = gpu.block_dim x
      %first = arith.muli %block, %threads : index
      %i = arith.addi %first, %thread : index
      %row = arith.index_cast %block : index to i32
      %thread32 = arith.index_cast %thread : index to i32
      %start = arith.shli %row, %c2 : i32
      %column = arith.andi %thread32, %c3 : i32
      %from32 = arith.ori %start, %column : i32
      %from = arith.index_castui %from32 : i32 to index
      %v = memref.load %x[%from] : memref<40xf32>
      memref.store %v, %y[%i] : memref<1280xf32>
      gpu.return
    }
  }
  func.func @main(%x: memref<40xf32>, %y: memref<1280xf32>) attributes {
      llvm.emit_c_interface,
      approx_act.arguments = [memref<40xf32>],
      approx_act.results = [memref<1280xf32>]} {
    %c1 = arith.constant 1 : index
    %c10 = arith.constant 10 : index
    %c128 = arith.constant 128 : index
    gpu.launch_func @kernels::@repeat blocks in (%c10, %c1, %c1) threads in (%c128, %c1, %c1)
        args(%x: memref<40xf32>, %y: memref<1280xf32>)
    return
  }
}
