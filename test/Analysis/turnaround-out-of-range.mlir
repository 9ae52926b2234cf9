// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-compress-residuals="forward-results=0,2" --verify-diagnostics
// RUN: approx-act-opt %s --approx-act-print-residuals="forward-results=0,2" --verify-diagnostics

// expected-error @below {{forward result 2 is out of range: 'step' has 2 results}}
func.func @step(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  return %x, %x : tensor<f32>, tensor<f32>
}
