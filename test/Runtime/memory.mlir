// Memory and streams of a program: asynchronous allocation, copies and fills,
// memory that host and device share.

// RUN: %lower-gpu %s -o %t.mlir
// RUN: %arrays save %t.x.npy "arange(10, dtype=float32)"
// RUN: approx-act-runner %t.mlir --strict --poison --repeat=3 --peak-memory --input=%t.x.npy --output=%t.y.npy --output=%t.z.npy | FileCheck %s
// RUN: %arrays compare %t.y.npy "x" x=%t.x.npy \
// RUN:   , compare %t.z.npy "full(3, 1.5, float16)"

// Two results and one argument, then the buffer %m.
// CHECK: peak of device memory: 126 bytes

module attributes {gpu.container_module} {
  func.func @main(%x: memref<10xf32>, %y: memref<10xf32>, %z: memref<3xf16>) attributes {
      llvm.emit_c_interface,
      approx_act.arguments = [memref<10xf32>],
      approx_act.results = [memref<10xf32>, memref<3xf16>]} {
    %t0 = gpu.wait async
    %m, %t1 = gpu.alloc async [%t0] () : memref<10xf32>
    %t2 = gpu.memcpy async [%t1] %m, %x : memref<10xf32>, memref<10xf32>
    %t3 = gpu.memcpy async [%t2] %y, %m : memref<10xf32>, memref<10xf32>
    %t4 = gpu.dealloc async [%t3] %m : memref<10xf32>
    %half = arith.constant 1.5 : f16
    %t5 = gpu.wait async
    %t6 = gpu.wait async [%t5, %t4]
    %t7 = gpu.memset async [%t6] %z, %half : memref<3xf16>, f16
    gpu.wait [%t7]
    return
  }
}
