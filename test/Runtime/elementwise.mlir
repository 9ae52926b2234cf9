// A kernel without barriers, whose threads are a loop. The last block has threads
// without an element.

// RUN: %lower-gpu %s -o %t.mlir
// RUN: %arrays save %t.x.npy "concatenate([linspace(-90, 90, 995), [inf, -inf, nan, 0, -0.0]]).astype(float32)"
// RUN: approx-act-runner %t.mlir --strict --poison --input=%t.x.npy --output=%t.y.npy
// RUN: approx-act-runner %t.mlir --strict --reverse-threads --input=%t.x.npy --output=%t.reverse.npy
// RUN: approx-act-runner %t.mlir --input=%t.x.npy --output=%t.fast.npy

// Without libdevice the host's functions take its place.
// RUN: env CUDA_ROOT=%t.none CUDA_HOME=%t.none CUDA_PATH=%t.none %lower-gpu %s -o %t.plain.mlir
// RUN: approx-act-runner %t.plain.mlir --strict --input=%t.x.npy --output=%t.plain.npy

// Threads do not depend on their order, nor on the checks.
// RUN: %arrays compare %t.y.npy "exp(x.astype(float64)).astype(float32)" x=%t.x.npy --rtol=3e-7 --atol=1e-38 \
// RUN:   , compare %t.reverse.npy "y" y=%t.y.npy , compare %t.fast.npy "y" y=%t.y.npy \
// RUN:   , compare %t.plain.npy "exp(x.astype(float64)).astype(float32)" x=%t.x.npy --rtol=3e-7 --atol=1e-38

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @exp(%x: memref<1000xf32>, %y: memref<1000xf32>) kernel {
      %size = arith.constant 1000 : index
      %block = gpu.block_id x
      %thread = gpu.thread_id x
      %threads = gpu.block_dim x
      %first = arith.muli %block, %threads : index
      %i = arith.addi %first, %thread : index
      %is_inside = arith.cmpi ult, %i, %size : index
      scf.if %is_inside {
        %v = memref.load %x[%i] : memref<1000xf32>
        %e = math.exp %v : f32
        memref.store %e, %y[%i] : memref<1000xf32>
      }
      gpu.return
    }
  }
  func.func @main(%x: memref<1000xf32>, %y: memref<1000xf32>) attributes {
      llvm.emit_c_interface,
      approx_act.arguments = [memref<1000xf32>],
      approx_act.results = [memref<1000xf32>]} {
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %c128 = arith.constant 128 : index
    gpu.launch_func @kernels::@exp blocks in (%c8, %c1, %c1) threads in (%c128, %c1, %c1)
        args(%x: memref<1000xf32>, %y: memref<1000xf32>)
    return
  }
}
