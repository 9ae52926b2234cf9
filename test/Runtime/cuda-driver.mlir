// Modules for CUDA devices, where there is no driver, are an error that says what
// to do. The programs themselves link and start.

// REQUIRES: cuda-toolkit
// UNSUPPORTED: cuda-driver

// RUN: mlir-opt --gpu-lower-to-nvvm-pipeline="cubin-chip=sm_80 cubin-features=+ptx70 cubin-format=bin" %s -o %t.bin.mlir
// RUN: not approx-act-runner %t.bin.mlir 2>&1 | FileCheck %s --check-prefixes=CHECK,BIN
// RUN: mlir-opt --gpu-lower-to-nvvm-pipeline="cubin-chip=sm_80 cubin-features=+ptx70 cubin-format=fatbin" %s -o %t.fatbin.mlir
// RUN: not approx-act-runner %t.fatbin.mlir 2>&1 | FileCheck %s --check-prefixes=CHECK,FATBIN
// RUN: mlir-opt --gpu-lower-to-nvvm-pipeline="cubin-chip=sm_80 cubin-features=+ptx70 cubin-format=isa" %s -o %t.isa.mlir
// RUN: not approx-act-runner %t.isa.mlir 2>&1 | FileCheck %s --check-prefixes=CHECK,ISA

// BIN: error: the program has kernels in a cubin, and there is no CUDA driver
// FATBIN: error: the program has kernels in a fatbin, and there is no CUDA driver
// ISA: error: the program has kernels in PTX, and there is no CUDA driver
// CHECK-SAME: : libcuda.so.1: {{.*}}; with format=llvm it runs on the CPU

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k() kernel {
      gpu.return
    }
  }
  func.func @main() attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = []} {
    %c1 = arith.constant 1 : index
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
    return
  }
}
