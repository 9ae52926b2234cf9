// A program without kernels of its own runs on the device that it was compiled for:
// where there is none that is an error. So is a library that is missing, each time.

// REQUIRES: cuda-toolkit, jax
// UNSUPPORTED: cuda-driver
// RUN: approx-act-opt --approx-act-to-gpu="chip=sm_80" %s -o %t.product.mlir
// RUN: approx-act-opt --approx-act-to-gpu="format=llvm" %s -o %t.cpu.mlir
// RUN: not approx-act-runner %t.product.mlir 2>&1 | FileCheck %s --check-prefix=DRIVER
// DRIVER: error: the program is compiled for CUDA devices, and there is no CUDA driver: libcuda.so.1

// RUN: mkdir -p %t
// RUN: %clang -shared -fPIC %S/Inputs/cuda_driver.c -o %t/libcuda.so.1
// RUN: touch %t/libcublas.so.12 %t/libcublas.so.13
// RUN: env LD_LIBRARY_PATH=%t %python %S/Inputs/sessions.py %t.product.mlir thread %t.product.mlir thread %t.cpu.mlir | FileCheck %s --check-prefix=LIBRARY
// LIBRARY:      product: products of matrices need cuBLAS: {{.*}}/libcublas.so.13: file too short
// LIBRARY-NEXT: product: products of matrices need cuBLAS: {{.*}}/libcublas.so.13: file too short
// LIBRARY-NEXT: cpu: runs

func.func @main(%a: tensor<4x4xf32>, %b: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x4xf32>) -> tensor<4x4xf32>
  %c = linalg.matmul ins(%a, %b : tensor<4x4xf32>, tensor<4x4xf32>) outs(%init : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %c : tensor<4x4xf32>
}
