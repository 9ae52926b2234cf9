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
