// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --approx-act-legalize-types -split-input-file -verify-diagnostics %s

// expected-error @+1 {{argument 1 of 'main' has elements of type 'i4'; kernels take integers and floats of whole bytes, i1, and complex numbers of f32 or f64}}
func.func @main(%x: tensor<2xi1>, %y: tensor<2xi4>) {
  return
}

// -----

func.func @main(%x: tensor<2xf16>) -> tensor<2xcomplex<f16>> {
  // expected-error @+1 {{result 0 of 'main' has elements of type 'complex<f16>'; kernels take}}
  %0 = "stablehlo.complex"(%x, %x) : (tensor<2xf16>, tensor<2xf16>) -> tensor<2xcomplex<f16>>
  return %0 : tensor<2xcomplex<f16>>
}

// -----

// expected-error @+1 {{argument 0 of 'main' must be a tensor of static shape, but is 'tensor<?xf32>'}}
func.func @main(%x: tensor<?xf32>) {
  return
}

// -----

// expected-error @+1 {{argument 0 of 'main' must be a tensor of static shape, but is 'tensor<*xf32>'}}
func.func @main(%x: tensor<*xf32>) {
  return
}

// -----

// A token of an ordered effect is left to those who know the op.
func.func @main(%x: !stablehlo.token) -> !stablehlo.token {
  return %x : !stablehlo.token
}

// -----

// Private functions may have what they like, if it is gone when kernels are formed.
func.func private @helper(%x: tensor<?xi4>) {
  return
}

// -----

func.func @main(%x: tensor<f32>) {
  // No size is computed that does not fit: an empty tensor is small.
  %0 = tensor.empty() : tensor<1099511627776x0x1099511627776xf32>
  %1 = tensor.empty() : tensor<1099511627776x65536xf32>
  // expected-error @+1 {{makes a tensor of 'tensor<1099511627776x8388608xf32>', the size of which is no number of 64 bits}}
  %2 = tensor.empty() : tensor<1099511627776x8388608xf32>
  return
}

// -----

// expected-error @+1 {{expected a tensor the size of which is a number of 64 bits, but found 'tensor<1099511627776x8388608xf32>'}}
func.func @main(%x: tensor<1099511627776x8388608xf32>) {
  return
}
