// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --approx-act-bufferize --split-input-file --verify-diagnostics %s

func.func @unknown(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @+1 {{op was not bufferized}}
  %0 = "stablehlo.sort"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// expected-error @+1 {{expected results to be tensors, but result 1 has type 'index'}}
func.func @number(%x: tensor<8xf32>) -> (tensor<8xf32>, index) {
  %c = arith.constant 0 : index
  return %x, %c : tensor<8xf32>, index
}

// -----

func.func @condition_computes(%x: tensor<f32>, %p: i1) -> tensor<f32> {
  // expected-error @+1 {{hands on what its condition computes, which no kernel can read}}
  %r = scf.while (%a = %x) : (tensor<f32>) -> tensor<f32> {
    %e = tensor.empty() : tensor<f32>
    %0 = linalg.exp ins(%a : tensor<f32>) outs(%e : tensor<f32>) -> tensor<f32>
    scf.condition(%p) %0 : tensor<f32>
  } do {
  ^bb0(%a: tensor<f32>):
    scf.yield %a : tensor<f32>
  }
  return %r : tensor<f32>
}
