// Arrays from files and back: both formats, element types of each kind, shapes of
// no dimension and of no elements, and runs that continue earlier ones.

// RUN: %lower-gpu %s -o %t.mlir
// RUN: %arrays save %t.0.npy "array(2.5, float32)" , save %t.1.npy "arange(6, dtype=uint8).reshape(2, 3)" \
// RUN:   , save %t.2.npy "zeros((0, 4))" , save %t.3.npy "array([True, False])" \
// RUN:   , save %t.in.npz "a, b, c, d" a=%t.0.npy b=%t.1.npy c=%t.2.npy d=%t.3.npy
// RUN: approx-act-runner %t.mlir --strict --input=%t.0.npy --input=%t.1.npy --input=%t.2.npy --input=%t.3.npy --output=%t.out.npz
// RUN: approx-act-runner %t.mlir --strict --input=%t.in.npz --output=%t.o0.npy --output=%t.o1.npy --output=%t.o2.npy --output=%t.o3.npy

// Runs before those that are measured are runs, too.
// RUN: approx-act-runner %t.mlir --strict --repeat=5 --warmup=2 --feed=0:0,1:1 --input=%t.in.npz --output=%t.seventh.npy

// Each result is an argument; of the first, one more.
// RUN: %arrays compare %t.o0.npy "array(3.5, float32)" , compare %t.o1.npy "x.astype(int8)" x=%t.1.npy \
// RUN:   , compare %t.o2.npy "x" x=%t.2.npy , compare %t.o3.npy "x" x=%t.3.npy \
// RUN:   , compare %t.o0.npy "o[0]" o=%t.out.npz , compare %t.o1.npy "o[1]" o=%t.out.npz \
// RUN:   , compare %t.o2.npy "o[2]" o=%t.out.npz , compare %t.o3.npy "o[3]" o=%t.out.npz \
// RUN:   , compare %t.seventh.npy "array(9.5, float32)"

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @increment(%x: memref<f32>, %y: memref<f32>) kernel {
      %one = arith.constant 1.0 : f32
      %v = memref.load %x[] : memref<f32>
      %s = arith.addf %v, %one : f32
      memref.store %s, %y[] : memref<f32>
      gpu.return
    }
  }
  func.func @main(%a: memref<f32>, %b: memref<2x3xi8>, %c: memref<0x4xf64>, %d: memref<2xi1>,
                  %e: memref<f32>, %f: memref<2x3xi8>, %g: memref<0x4xf64>, %h: memref<2xi1>) attributes {
      llvm.emit_c_interface,
      approx_act.arguments = [memref<f32>, memref<2x3xi8>, memref<0x4xf64>, memref<2xi1>],
      approx_act.results = [memref<f32>, memref<2x3xi8>, memref<0x4xf64>, memref<2xi1>]} {
    %c1 = arith.constant 1 : index
    %t0 = gpu.wait async
    %t1 = gpu.launch_func async [%t0] @kernels::@increment blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
        args(%a: memref<f32>, %e: memref<f32>)
    %t2 = gpu.memcpy async [%t1] %f, %b : memref<2x3xi8>, memref<2x3xi8>
    %t3 = gpu.memcpy async [%t2] %g, %c : memref<0x4xf64>, memref<0x4xf64>
    %t4 = gpu.memcpy async [%t3] %h, %d : memref<2xi1>, memref<2xi1>
    gpu.wait [%t4]
    return
  }
}
