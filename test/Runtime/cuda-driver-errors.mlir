// What goes wrong on a CUDA device is an error that says what to do; tried with a
// stand-in for the driver.

// REQUIRES: cuda-toolkit, numpy
// RUN: mkdir -p %t
// RUN: %clang -shared -fPIC %S/Inputs/cuda_driver.c -o %t/libcuda.so.1
// DEFINE: %{run} = env LD_LIBRARY_PATH=%t approx-act-runner

// RUN: mlir-opt --gpu-lower-to-nvvm-pipeline="cubin-chip=sm_80 cubin-features=+ptx70 cubin-format=fatbin" %s -o %t/fatbin.mlir
// RUN: mlir-opt --gpu-lower-to-nvvm-pipeline="cubin-chip=sm_80 cubin-features=+ptx70 cubin-format=isa" %s -o %t/isa.mlir
// RUN: %arrays save %t/x.npy "arange(1024, dtype=float32)"

// RUN: %{run} %t/fatbin.mlir --input=%t/x.npy --output=%t/y.npy --repeat=2 --peak-memory | FileCheck %s --check-prefix=PEAK
// RUN: %arrays compare %t/y.npy "arange(1024, dtype=float32)"
// RUN: %{run} %t/isa.mlir --input=%t/x.npy
// RUN: env FAKE_CUDA=no-device not %{run} %t/fatbin.mlir 2>&1 | FileCheck %s --check-prefix=DEVICE
// RUN: env FAKE_CUDA=no-binary not %{run} %t/fatbin.mlir 2>&1 | FileCheck %s --check-prefixes=BINARY,DATA
// RUN: env FAKE_CUDA=no-binary not %{run} %t/isa.mlir 2>&1 | FileCheck %s --check-prefixes=BINARY,EX
// RUN: env FAKE_CUDA=no-memory not %{run} %t/fatbin.mlir 2>&1 | FileCheck %s --check-prefix=MEMORY

// PEAK: peak of device memory: 8192 bytes
// DEVICE: error: the program has kernels in a fatbin, and the CUDA driver finds no device
// BINARY: error: the kernels cannot run on this device; compile them with chip=sm_87
// DATA-SAME: (cuModuleLoadData: no image)
// EX-SAME: (cuModuleLoadDataEx: no image)
// MEMORY: error: out of device memory: cannot allocate 4096 bytes

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k() kernel {
      gpu.return
    }
  }
  func.func @main(%x: memref<1024xf32>, %y: memref<1024xf32>) attributes {
      llvm.emit_c_interface,
      approx_act.arguments = [memref<1024xf32>],
      approx_act.results = [memref<1024xf32>]} {
    %c1 = arith.constant 1 : index
    %t0 = gpu.wait async
    %t1 = gpu.memcpy async [%t0] %y, %x : memref<1024xf32>, memref<1024xf32>
    gpu.wait [%t1]
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
    return
  }
}
