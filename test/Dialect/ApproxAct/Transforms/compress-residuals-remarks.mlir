// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-compress-residuals -o /dev/null \
// RUN:   --remark-format=yaml --remarks-output-file=%t --remarks-filter=approx-act
// RUN: FileCheck %s --input-file=%t --implicit-check-not=Name:

// One remark for each residual and for what is stored in its stead, with the
// user's own line, innermost. The two parameters of a grid are bytes as well.

// CHECK: --- !Passed
// CHECK-NEXT: Pass: approx-act
// CHECK-NEXT: Name: quantized
// CHECK: Function: step
// CHECK-NEXT: Args:
// CHECK-NEXT: - value: 'tensor<64x64xf32>'
// CHECK-NEXT: - source: 'model.py:3'
// CHECK-NEXT: - op: stablehlo.dot
// CHECK-NEXT: - bits: '4'
// CHECK-NEXT: - bytes_before: '16384'
// CHECK-NEXT: - bytes_after: '2056'
// CHECK-NEXT: - reason:

// CHECK: --- !Passed
// CHECK: Name: recomputed
// CHECK: - source: 'layers.py:7'
// CHECK-NEXT: - op: stablehlo.tanh
// CHECK-NEXT: - bits: '0'
// CHECK-NEXT: - bytes_before: '16384'
// CHECK-NEXT: - bytes_after: '0'

// CHECK: --- !Passed
// CHECK: Name: packed-mask
// CHECK: - value: 'tensor<64x64xi1>'
// CHECK-NEXT: - source: 'model.py:5'
// CHECK: - bits: '1'
// CHECK-NEXT: - bytes_before: '4096'
// CHECK-NEXT: - bytes_after: '512'

// CHECK: --- !Missed
// CHECK: Name: kept-exact
// CHECK: - source: unknown
// CHECK: - bits: '32'
// CHECK-NEXT: - bytes_before: '16384'
// CHECK-NEXT: - bytes_after: '16384'
// CHECK-NEXT: - reason: demanded exactly by stablehlo.custom_call
func.func @step(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %a = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32> loc(#named)
  %b = "stablehlo.tanh"(%a) : (tensor<64x64xf32>) -> tensor<64x64xf32> loc(callsite("layers.py":7:1 at "model.py":4:1))
  %m = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<64x64xf32>) -> tensor<64x64xi1> loc(fused[unknown, "model.py":5:1])
  %c = "stablehlo.dot"(%b, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32> loc(unknown)
  %loss = "stablehlo.custom_call"(%b, %m, %c) <{call_target_name = "f"}> : (tensor<64x64xf32>, tensor<64x64xi1>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%c, %m) <{call_target_name = "f"}> : (tensor<64x64xf32>, tensor<64x64xi1>) -> tensor<64x64xf32>
  %1 = "stablehlo.dot"(%a, %0) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %2 = "stablehlo.multiply"(%1, %b) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %2 : tensor<f32>, tensor<64x64xf32>
}
#named = loc("jit(step)/dot"("model.py":3:1))
