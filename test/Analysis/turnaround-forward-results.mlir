// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-print-turnaround="forward-results=2" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,ONE
// RUN: approx-act-opt %s --approx-act-print-turnaround="forward-results=2,1" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,TWO

// Further results that have to be exact are forward with all that they need.

// CHECK-LABEL: turnaround of 'step':
// ONE-SAME: 1 forward, 2 derived, 2 backward ops
// TWO-SAME: 4 forward, 0 derived, 1 backward ops
func.func @step(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<f32>, tensor<8xf32>) {
  %h = "stablehlo.tanh"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  %other = "stablehlo.negate"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  %metric0 = "stablehlo.negate"(%other) : (tensor<8xf32>) -> tensor<8xf32>
  %metric = "stablehlo.dot"(%metric0, %x) : (tensor<8xf32>, tensor<8xf32>) -> tensor<f32>
  return %other, %metric, %h : tensor<8xf32>, tensor<f32>, tensor<8xf32>
}
