// Barriers and shared memory: a sum in a tree, in a block of two dimensions. The
// order of the additions is that of the kernel, so that the sum is exact to the
// bit.

// RUN: %lower-gpu %s -o %t.mlir
// RUN: %arrays save %t.x.npy "rng.standard_normal((6, 256), dtype=float32)"
// RUN: approx-act-runner %t.mlir --strict --poison --input=%t.x.npy --output=%t.y.npy
// RUN: approx-act-runner %t.mlir --strict --reverse-threads --input=%t.x.npy --output=%t.reverse.npy
// RUN: %arrays compare %t.y.npy "[x := x[:, :n] + x[:, n:] for n in (128, 64, 32, 16, 8, 4, 2, 1)][-1][:, 0]" x=%t.x.npy \
// RUN:   , compare %t.reverse.npy "y" y=%t.y.npy

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @sum(%x: memref<6x256xf32>, %y: memref<6xf32>)
        workgroup(%partial: memref<256xf32, #gpu.address_space<workgroup>>) kernel {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      %c128 = arith.constant 128 : index
      %row = gpu.block_id x
      %tx = gpu.thread_id x
      %ty = gpu.thread_id y
      %first = arith.muli %ty, %c16 : index
      %i = arith.addi %first, %tx : index
      %v = memref.load %x[%row, %i] : memref<6x256xf32>
      memref.store %v, %partial[%i] : memref<256xf32, #gpu.address_space<workgroup>>
      gpu.barrier
      %end = scf.while (%n = %c128) : (index) -> (index) {
        %more = arith.cmpi ugt, %n, %c0 : index
        scf.condition(%more) %n : index
      } do {
      ^bb0(%n: index):
        %works = arith.cmpi ult, %i, %n : index
        scf.if %works {
          %j = arith.addi %i, %n : index
          %a = memref.load %partial[%i] : memref<256xf32, #gpu.address_space<workgroup>>
          %b = memref.load %partial[%j] : memref<256xf32, #gpu.address_space<workgroup>>
          %s = arith.addf %a, %b : f32
          memref.store %s, %partial[%i] : memref<256xf32, #gpu.address_space<workgroup>>
        }
        gpu.barrier
        %half = arith.shrui %n, %c1 : index
        scf.yield %half : index
      }
      %is_first = arith.cmpi eq, %i, %c0 : index
      scf.if %is_first {
        %s = memref.load %partial[%c0] : memref<256xf32, #gpu.address_space<workgroup>>
        memref.store %s, %y[%row] : memref<6xf32>
      }
      gpu.return
    }
  }
  func.func @main(%x: memref<6x256xf32>, %y: memref<6xf32>) attributes {
      llvm.emit_c_interface,
      approx_act.arguments = [memref<6x256xf32>],
      approx_act.results = [memref<6xf32>]} {
    %c1 = arith.constant 1 : index
    %c6 = arith.constant 6 : index
    %c16 = arith.constant 16 : index
    gpu.launch_func @kernels::@sum blocks in (%c6, %c1, %c1) threads in (%c16, %c16, %c1)
        args(%x: memref<6x256xf32>, %y: memref<6xf32>)
    return
  }
}
