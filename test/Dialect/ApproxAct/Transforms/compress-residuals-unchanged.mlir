// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: rm -rf %t && split-file %s %t
// RUN: approx-act-opt %t/step.mlir --mlir-print-debuginfo > %t/before
// RUN: approx-act-opt %t/step.mlir --mlir-print-debuginfo --approx-act-compress-residuals \
// RUN:   --remark-format=yaml --remarks-output-file=%t/remarks --remarks-filter=approx-act --mlir-disable-threading > %t/after
// RUN: diff %t/before %t/after
// RUN: FileCheck %s --input-file=%t/remarks --implicit-check-not=Name:

// What is left alone comes out to the byte, and a remark says why; where
// something was left undone it is a missed one.

// CHECK: --- !Analysis
// CHECK-NEXT: Pass: approx-act
// CHECK-NEXT: Name: unchanged
// CHECK: Function: inference
// CHECK: reason: {{.*}}nothing crosses from forward to backward

// CHECK: --- !Missed
// CHECK: Name: unchanged
// CHECK: Function: loop
// CHECK: reason: {{.*}}nothing crosses from forward to backward; a step inside a loop has to be approximated there

// CHECK: --- !Missed
// CHECK: Name: kept-exact
// CHECK: --- !Missed
// CHECK: Name: unchanged
// CHECK: Function: exact
// CHECK: reason: {{.*}}every residual stays exact

// CHECK: --- !Analysis
// CHECK: Name: unchanged
// CHECK: Function: late_loss

// CHECK: --- !Missed
// CHECK: Name: unchanged
// CHECK: Function: helper
// CHECK: reason: {{.*}}private

// CHECK: --- !Missed
// CHECK: Name: unchanged
// CHECK: Function: two_blocks
// CHECK: reason: {{.*}}more than one block

// CHECK: --- !Missed
// CHECK: Name: unchanged
// CHECK: Function: regrouped

// CHECK: --- !Missed
// CHECK: Name: unchanged
// CHECK: Function: predict
// CHECK: reason: {{.*}}which of its results is the loss is not known, and another function is a step

//--- step.mlir
func.func @inference(%x: tensor<8x8xf32>) -> (tensor<f32>, tensor<8x8xf32>) {
  %0 = "stablehlo.tanh"(%x) : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = "stablehlo.dot"(%x, %0) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %2 = "stablehlo.custom_call"(%1) <{call_target_name = "f"}> : (tensor<8x8xf32>) -> tensor<f32>
  return %2, %1 : tensor<f32>, tensor<8x8xf32>
}

func.func @loop(%x: tensor<8xf32>, %n: tensor<f32>) -> (tensor<f32>, tensor<8xf32>) {
  %0:2 = "stablehlo.while"(%n, %x) ({
  ^bb0(%a: tensor<f32>, %b: tensor<8xf32>):
    %c = "stablehlo.compare"(%a, %n) <{comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<f32>, tensor<f32>) -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<8xf32>):
    "stablehlo.return"(%a, %b) : (tensor<f32>, tensor<8xf32>) -> ()
  }) : (tensor<f32>, tensor<8xf32>) -> (tensor<f32>, tensor<8xf32>)
  return %0#0, %0#1 : tensor<f32>, tensor<8xf32>
}

func.func @exact(%x: tensor<8x8xf32>) -> (tensor<f32>, tensor<8x8xf32>) {
  %0 = "stablehlo.dot"(%x, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = "stablehlo.custom_call"(%0) <{call_target_name = "f"}> : (tensor<8x8xf32>) -> tensor<f32>
  %2 = "stablehlo.custom_call"(%0) <{call_target_name = "g"}> : (tensor<8x8xf32>) -> tensor<8x8xf32>
  return %1, %2 : tensor<f32>, tensor<8x8xf32>
}

func.func @late_loss(%x: tensor<8xf32>) -> (tensor<f32>, tensor<8xf32>) {
  %0 = "stablehlo.dot"(%x, %x) : (tensor<8xf32>, tensor<8xf32>) -> tensor<f32>
  %g = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<8xf32>) -> tensor<8xf32>
  %loss = "stablehlo.negate"(%0) : (tensor<f32>) -> tensor<f32>
  return %loss, %g : tensor<f32>, tensor<8xf32>
}

func.func private @helper(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %0 = "stablehlo.tanh"(%x) : (tensor<8x8xf32>) -> tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}

func.func @two_blocks(%x: tensor<8xf32>) -> tensor<f32> {
  "stablehlo.branch"()[^next] : () -> ()
^next:
  %0 = "stablehlo.dot"(%x, %x) : (tensor<8xf32>, tensor<8xf32>) -> tensor<f32>
  return %0 : tensor<f32>
}

func.func @regrouped(%x: tensor<8xf32>, %n: tensor<f32>) -> (tensor<f32>, tensor<8xf32>) {
  %0 = "stablehlo.reshape"(%x) : (tensor<8xf32>) -> tensor<2x4xf32>
  %1 = "stablehlo.reshape"(%0) : (tensor<2x4xf32>) -> tensor<8xf32>
  %2:2 = "stablehlo.while"(%n, %1) ({
  ^bb0(%a: tensor<f32>, %b: tensor<8xf32>):
    %c = "stablehlo.compare"(%a, %n) <{comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<f32>, tensor<f32>) -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<8xf32>):
    "stablehlo.return"(%a, %b) : (tensor<f32>, tensor<8xf32>) -> ()
  }) : (tensor<f32>, tensor<8xf32>) -> (tensor<f32>, tensor<8xf32>)
  return %2#0, %2#1 : tensor<f32>, tensor<8xf32>
}

func.func @predict(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %0 = "stablehlo.dot"(%x, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}
