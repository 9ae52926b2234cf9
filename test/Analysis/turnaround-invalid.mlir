// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-print-turnaround --split-input-file --verify-diagnostics
// RUN: approx-act-opt %s --approx-act-compress-residuals --split-input-file --verify-diagnostics
// RUN: approx-act-opt %s --approx-act-factor-sums --split-input-file --verify-diagnostics

// Which result is the loss is never guessed.

// expected-error @below {{cannot tell which result of 'no_scalar' is the loss: none is a floating-point scalar}}
// expected-note @below {{name it with the option forward-results=<index>}}
func.func @no_scalar(%x: tensor<1xf32>, %i: tensor<i32>) -> (tensor<1xf32>, tensor<i32>) {
  return %x, %i : tensor<1xf32>, tensor<i32>
}

// -----

// expected-error @below {{cannot tell which result of 'two_scalars' is the loss: more than one is a floating-point scalar}}
// expected-note @below {{name it with the option forward-results=<index>}}
func.func @two_scalars(%x: tensor<8xf32>, %a: tensor<f32>) -> (tensor<8xf32>, tensor<f32>, tensor<f32>) {
  return %x, %a, %a : tensor<8xf32>, tensor<f32>, tensor<f32>
}

// -----

// Nor is a complex number a loss.

// expected-error @below {{none is a floating-point scalar}}
// expected-note @below {{name it}}
func.func @complex(%x: tensor<complex<f32>>) -> tensor<complex<f32>> {
  return %x : tensor<complex<f32>>
}

// -----

// A function beside the step may be anything.

func.func @step(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}
func.func @predict(%x: tensor<8xf32>) -> tensor<8xf32> {
  return %x : tensor<8xf32>
}
