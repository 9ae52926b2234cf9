// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --convert-approx-act-kernels-to-gpu --split-input-file --verify-diagnostics %s
// RUN: not approx-act-opt --convert-approx-act-kernels-to-gpu="block-size=100" --split-input-file %s 2>&1 | FileCheck %s

// CHECK: error: block-size must be a multiple of 32 up to 1024, but is 100
func.func @tensors(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  // expected-error @+1 {{expected a kernel on memory, but it has an operand of type 'tensor<4xf32>'; run approx-act-bufferize before}}
  %0 = approx_act.kernel "copy" ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: tensor<4xf32>):
    approx_act.yield %a : tensor<4xf32>
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// Complex numbers are no kernel's, and the host cannot read the device's memory.
func.func @host(%x: memref<4xcomplex<f32>>, %r: memref<4xcomplex<f32>>) {
  // expected-error @+1 {{has no kernel: its shapes are not static, its elements are not integers or floats, or its loops}}
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : memref<4xcomplex<f32>>) outs(%r : memref<4xcomplex<f32>>) {
  ^bb0(%in: complex<f32>, %out: complex<f32>):
    linalg.yield %in : complex<f32>
  }
  return
}

// -----

// Elements of a result that no step of the loops is for, or several, or another
// than of the first result.
func.func @column(%x: memref<4xf32>, %r: memref<4x3xf32>) {
  // expected-error @+1 {{or its loops do not say which element of a result they make}}
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0, 0)>], iterator_types = ["parallel"]}
      ins(%x : memref<4xf32>) outs(%r : memref<4x3xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  }
  return
}
