// Atomics on global and on shared memory, and shared memory whose size the
// launch says.

// RUN: %lower-gpu %s -o %t.mlir
// RUN: %arrays save %t.x.npy "rng.integers(0, 16, 512, dtype=int32)"
// RUN: approx-act-runner %t.mlir --strict --poison --input=%t.x.npy --output=%t.y.npy --output=%t.sum.npy
// RUN: %arrays compare %t.y.npy "bincount(x, minlength=16).astype(int32)" x=%t.x.npy \
// RUN:   , compare %t.sum.npy "[x.sum(), x.max()]" x=%t.x.npy --atol=0.5

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @histogram(%x: memref<512xi32>, %counts: memref<16xi32>, %sum: memref<2xf32>) kernel {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      %c128 = arith.constant 128 : index
      %zero = arith.constant 0 : i32
      %one = arith.constant 1 : i32
      %shared = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
      %bins = memref.view %shared[%c0][] : memref<?xi8, #gpu.address_space<workgroup>> to memref<16xi32, #gpu.address_space<workgroup>>
      %block = gpu.block_id x
      %thread = gpu.thread_id x
      %is_bin = arith.cmpi ult, %thread, %c16 : index
      scf.if %is_bin {
        memref.store %zero, %bins[%thread] : memref<16xi32, #gpu.address_space<workgroup>>
      }
      gpu.barrier
      %first = arith.muli %block, %c128 : index
      %i = arith.addi %first, %thread : index
      %v = memref.load %x[%i] : memref<512xi32>
      %bin = arith.index_cast %v : i32 to index
      %0 = memref.atomic_rmw addi %one, %bins[%bin] : (i32, memref<16xi32, #gpu.address_space<workgroup>>) -> i32
      %f = arith.sitofp %v : i32 to f32
      %1 = memref.atomic_rmw addf %f, %sum[%c0] : (f32, memref<2xf32>) -> f32
      %2 = memref.atomic_rmw maximumf %f, %sum[%c1] : (f32, memref<2xf32>) -> f32
      gpu.barrier
      scf.if %is_bin {
        %count = memref.load %bins[%thread] : memref<16xi32, #gpu.address_space<workgroup>>
        %3 = memref.atomic_rmw addi %count, %counts[%thread] : (i32, memref<16xi32>) -> i32
      }
      gpu.return
    }
  }
  func.func @main(%x: memref<512xi32>, %counts: memref<16xi32>, %sum: memref<2xf32>) attributes {
      llvm.emit_c_interface,
      approx_act.arguments = [memref<512xi32>],
      approx_act.results = [memref<16xi32>, memref<2xf32>]} {
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %c128 = arith.constant 128 : index
    %bytes = arith.constant 64 : i32
    %zero = arith.constant 0 : i32
    %zerof = arith.constant 0.0 : f32
    %t0 = gpu.wait async
    %t1 = gpu.memset async [%t0] %counts, %zero : memref<16xi32>, i32
    %t2 = gpu.memset async [%t1] %sum, %zerof : memref<2xf32>, f32
    %t3 = gpu.launch_func async [%t2] @kernels::@histogram blocks in (%c4, %c1, %c1) threads in (%c128, %c1, %c1)
        dynamic_shared_memory_size %bytes
        args(%x: memref<512xi32>, %counts: memref<16xi32>, %sum: memref<2xf32>)
    gpu.wait [%t3]
    return
  }
}
