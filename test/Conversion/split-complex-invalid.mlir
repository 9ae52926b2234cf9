// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --approx-act-split-complex --split-input-file --verify-diagnostics %s

func.func @bits(%x: tensor<4xcomplex<f32>>) -> tensor<4xi64> {
  %e = tensor.empty() : tensor<4xi64>
  %0 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : tensor<4xcomplex<f32>>) outs(%e : tensor<4xi64>) {
  ^bb0(%a: complex<f32>, %out: i64):
    // expected-error @+1 {{'complex.bitcast' of complex numbers has no kernel}}
    %1 = complex.bitcast %a : complex<f32> to i64
    linalg.yield %1 : i64
  } -> tensor<4xi64>
  return %0 : tensor<4xi64>
}

// -----

// expected-error @+1 {{'func.func' of complex numbers has no kernel}}
func.func private @f(tensor<4xcomplex<f32>>) -> tensor<4xf32>

func.func @call(%x: tensor<4xcomplex<f32>>) -> tensor<4xf32> {
  // expected-error @+1 {{'func.call' of complex numbers has no kernel}}
  %0 = call @f(%x) : (tensor<4xcomplex<f32>>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @padding(%x: tensor<4xcomplex<f32>>, %y: tensor<6xcomplex<f32>>) -> tensor<6xcomplex<f32>> {
  // expected-error @+1 {{'tensor.pad' of complex numbers has no kernel}}
  %0 = tensor.pad %x low[1] high[1] {
  ^bb0(%i: index):
    %1 = tensor.extract %y[%i] : tensor<6xcomplex<f32>>
    tensor.yield %1 : complex<f32>
  } : tensor<4xcomplex<f32>> to tensor<6xcomplex<f32>>
  return %0 : tensor<6xcomplex<f32>>
}

// -----

// expected-error @+1 {{'func.func' of complex numbers has no kernel}}
func.func @dynamic(%x: tensor<?xcomplex<f32>>) -> tensor<?xcomplex<f32>> {
  return %x : tensor<?xcomplex<f32>>
}

// -----

func.func @integers(%x: tensor<f32>) -> tensor<4xcomplex<i32>> {
  // expected-error @+1 {{'tensor.empty' of complex numbers has no kernel}}
  %0 = tensor.empty() : tensor<4xcomplex<i32>>
  // expected-error @+1 {{'func.return' of complex numbers has no kernel}}
  return %0 : tensor<4xcomplex<i32>>
}
