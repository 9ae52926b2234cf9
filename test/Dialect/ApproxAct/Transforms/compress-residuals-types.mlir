// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-pipeline="target=approx_act min-fraction=0" | FileCheck %s
// RUN: approx-act-opt %s --approx-act-pipeline="target=approx_act min-fraction=0 bits=8" -o /dev/null
// RUN: approx-act-opt %s --approx-act-pipeline="min-fraction=0" -o /dev/null
// RUN: approx-act-opt %s --approx-act-pipeline="min-fraction=0 bits=1 granularity=group group-size=1" -o /dev/null

// One value of each type crosses; the verifiers say whether it is stored well.

// Parameters of narrow types are of f32.

// CHECK-LABEL: func @bf16
func.func @bf16(%x: tensor<16x8xbf16>, %y: tensor<16x8xbf16>) -> (tensor<f32>, tensor<16x8xbf16>) {
  // CHECK: approx_act.grid {{.*}} : tensor<16x8xbf16> -> tensor<{{.*}}xf32>
  // CHECK: approx_act.dequantize {{.*}} -> tensor<16x8xbf16>
  %h = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<16x8xbf16>) -> tensor<16x8xbf16>
  %loss = "stablehlo.custom_call"(%h) <{call_target_name = "loss"}> : (tensor<16x8xbf16>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%y) <{call_target_name = "cotangent"}> : (tensor<16x8xbf16>) -> tensor<16x8xbf16>
  %g = "stablehlo.multiply"(%0, %h) : (tensor<16x8xbf16>, tensor<16x8xbf16>) -> tensor<16x8xbf16>
  return %loss, %g : tensor<f32>, tensor<16x8xbf16>
}

// CHECK-LABEL: func @f16
func.func @f16(%x: tensor<16x8xf16>, %y: tensor<16x8xf16>) -> (tensor<f32>, tensor<16x8xf16>) {
  // CHECK: approx_act.grid {{.*}} : tensor<16x8xf16> -> tensor<{{.*}}xf32>
  // CHECK: approx_act.dequantize {{.*}} -> tensor<16x8xf16>
  %h = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<16x8xf16>) -> tensor<16x8xf16>
  %loss = "stablehlo.custom_call"(%h) <{call_target_name = "loss"}> : (tensor<16x8xf16>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%y) <{call_target_name = "cotangent"}> : (tensor<16x8xf16>) -> tensor<16x8xf16>
  %g = "stablehlo.multiply"(%0, %h) : (tensor<16x8xf16>, tensor<16x8xf16>) -> tensor<16x8xf16>
  return %loss, %g : tensor<f32>, tensor<16x8xf16>
}

// CHECK-LABEL: func @f64
func.func @f64(%x: tensor<16x8xf64>, %y: tensor<16x8xf64>) -> (tensor<f32>, tensor<16x8xf64>) {
  // CHECK: approx_act.grid {{.*}} : tensor<16x8xf64> -> tensor<{{.*}}xf64>
  // CHECK: approx_act.dequantize {{.*}} -> tensor<16x8xf64>
  %h = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<16x8xf64>) -> tensor<16x8xf64>
  %loss = "stablehlo.custom_call"(%h) <{call_target_name = "loss"}> : (tensor<16x8xf64>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%y) <{call_target_name = "cotangent"}> : (tensor<16x8xf64>) -> tensor<16x8xf64>
  %g = "stablehlo.multiply"(%0, %h) : (tensor<16x8xf64>, tensor<16x8xf64>) -> tensor<16x8xf64>
  return %loss, %g : tensor<f32>, tensor<16x8xf64>
}

// Extents that no word divides.

// CHECK-LABEL: func @odd_channels
func.func @odd_channels(%x: tensor<4x4x3xf32>, %y: tensor<4x4x3xf32>) -> (tensor<f32>, tensor<4x4x3xf32>) {
  // CHECK: approx_act.quantize {{.*}} -> tensor<4x4x3xi4>
  // CHECK: approx_act.pack
  // CHECK: approx_act.unpack {{.*}} -> tensor<4x4x3xi4>
  // CHECK: approx_act.dequantize
  %h = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<4x4x3xf32>) -> tensor<4x4x3xf32>
  %loss = "stablehlo.custom_call"(%h) <{call_target_name = "loss"}> : (tensor<4x4x3xf32>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%y) <{call_target_name = "cotangent"}> : (tensor<4x4x3xf32>) -> tensor<4x4x3xf32>
  %g = "stablehlo.multiply"(%0, %h) : (tensor<4x4x3xf32>, tensor<4x4x3xf32>) -> tensor<4x4x3xf32>
  return %loss, %g : tensor<f32>, tensor<4x4x3xf32>
}

// CHECK-LABEL: func @one_channel
func.func @one_channel(%x: tensor<17x1xf32>, %y: tensor<17x1xf32>) -> (tensor<f32>, tensor<17x1xf32>) {
  // CHECK: approx_act.pack
  // CHECK: approx_act.unpack {{.*}} -> tensor<17x1xi4>
  // CHECK: approx_act.dequantize
  %h = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<17x1xf32>) -> tensor<17x1xf32>
  %loss = "stablehlo.custom_call"(%h) <{call_target_name = "loss"}> : (tensor<17x1xf32>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%y) <{call_target_name = "cotangent"}> : (tensor<17x1xf32>) -> tensor<17x1xf32>
  %g = "stablehlo.multiply"(%0, %h) : (tensor<17x1xf32>, tensor<17x1xf32>) -> tensor<17x1xf32>
  return %loss, %g : tensor<f32>, tensor<17x1xf32>
}

// CHECK-LABEL: func @seventeen
func.func @seventeen(%x: tensor<17xf32>, %y: tensor<17xf32>) -> (tensor<f32>, tensor<17xf32>) {
  // CHECK: approx_act.pack {{.*}} -> tensor<9xi8>
  // CHECK: approx_act.unpack {{.*}} -> tensor<17xi4>
  // CHECK: approx_act.dequantize
  %h = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<17xf32>) -> tensor<17xf32>
  %loss = "stablehlo.custom_call"(%h) <{call_target_name = "loss"}> : (tensor<17xf32>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%y) <{call_target_name = "cotangent"}> : (tensor<17xf32>) -> tensor<17xf32>
  %g = "stablehlo.multiply"(%0, %h) : (tensor<17xf32>, tensor<17xf32>) -> tensor<17xf32>
  return %loss, %g : tensor<f32>, tensor<17xf32>
}

// CHECK-LABEL: func @high_rank
func.func @high_rank(%x: tensor<2x1x3x1x2x5xf32>, %y: tensor<2x1x3x1x2x5xf32>) -> (tensor<f32>, tensor<2x1x3x1x2x5xf32>) {
  // CHECK: approx_act.dequantize {{.*}} -> tensor<2x1x3x1x2x5xf32>
  %h = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<2x1x3x1x2x5xf32>) -> tensor<2x1x3x1x2x5xf32>
  %loss = "stablehlo.custom_call"(%h) <{call_target_name = "loss"}> : (tensor<2x1x3x1x2x5xf32>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%y) <{call_target_name = "cotangent"}> : (tensor<2x1x3x1x2x5xf32>) -> tensor<2x1x3x1x2x5xf32>
  %g = "stablehlo.multiply"(%0, %h) : (tensor<2x1x3x1x2x5xf32>, tensor<2x1x3x1x2x5xf32>) -> tensor<2x1x3x1x2x5xf32>
  return %loss, %g : tensor<f32>, tensor<2x1x3x1x2x5xf32>
}

// What cannot be approximated, or is nothing, stays as it is.

// CHECK-LABEL: func @rank_0
func.func @rank_0(%x: tensor<f32>, %y: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  // CHECK-NOT: approx_act
  // CHECK: return
  %h = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<f32>) -> tensor<f32>
  %loss = "stablehlo.custom_call"(%h) <{call_target_name = "loss"}> : (tensor<f32>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%y) <{call_target_name = "cotangent"}> : (tensor<f32>) -> tensor<f32>
  %g = "stablehlo.multiply"(%0, %h) : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %loss, %g : tensor<f32>, tensor<f32>
}

// CHECK-LABEL: func @empty
func.func @empty(%x: tensor<0x8xf32>, %y: tensor<0x8xf32>) -> (tensor<f32>, tensor<0x8xf32>) {
  // CHECK-NOT: approx_act
  // CHECK: return
  %h = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<0x8xf32>) -> tensor<0x8xf32>
  %loss = "stablehlo.custom_call"(%h) <{call_target_name = "loss"}> : (tensor<0x8xf32>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%y) <{call_target_name = "cotangent"}> : (tensor<0x8xf32>) -> tensor<0x8xf32>
  %g = "stablehlo.multiply"(%0, %h) : (tensor<0x8xf32>, tensor<0x8xf32>) -> tensor<0x8xf32>
  return %loss, %g : tensor<f32>, tensor<0x8xf32>
}

// CHECK-LABEL: func @integer
func.func @integer(%x: tensor<16x8xi32>, %y: tensor<16x8xi32>) -> (tensor<f32>, tensor<16x8xi32>) {
  // CHECK-NOT: approx_act
  // CHECK: return
  %h = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<16x8xi32>) -> tensor<16x8xi32>
  %loss = "stablehlo.custom_call"(%h) <{call_target_name = "loss"}> : (tensor<16x8xi32>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%y) <{call_target_name = "cotangent"}> : (tensor<16x8xi32>) -> tensor<16x8xi32>
  %g = "stablehlo.multiply"(%0, %h) : (tensor<16x8xi32>, tensor<16x8xi32>) -> tensor<16x8xi32>
  return %loss, %g : tensor<f32>, tensor<16x8xi32>
}

// CHECK-LABEL: func @complex
func.func @complex(%x: tensor<16x8xcomplex<f32>>, %y: tensor<16x8xcomplex<f32>>) -> (tensor<f32>, tensor<16x8xcomplex<f32>>) {
  // CHECK-NOT: approx_act
  // CHECK: return
  %h = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<16x8xcomplex<f32>>) -> tensor<16x8xcomplex<f32>>
  %loss = "stablehlo.custom_call"(%h) <{call_target_name = "loss"}> : (tensor<16x8xcomplex<f32>>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%y) <{call_target_name = "cotangent"}> : (tensor<16x8xcomplex<f32>>) -> tensor<16x8xcomplex<f32>>
  %g = "stablehlo.multiply"(%0, %h) : (tensor<16x8xcomplex<f32>>, tensor<16x8xcomplex<f32>>) -> tensor<16x8xcomplex<f32>>
  return %loss, %g : tensor<f32>, tensor<16x8xcomplex<f32>>
}

// CHECK-LABEL: func @small_float
func.func @small_float(%x: tensor<16x8xf8E4M3FN>, %y: tensor<16x8xf8E4M3FN>) -> (tensor<f32>, tensor<16x8xf8E4M3FN>) {
  // CHECK-NOT: approx_act
  // CHECK: return
  %h = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<16x8xf8E4M3FN>) -> tensor<16x8xf8E4M3FN>
  %loss = "stablehlo.custom_call"(%h) <{call_target_name = "loss"}> : (tensor<16x8xf8E4M3FN>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%y) <{call_target_name = "cotangent"}> : (tensor<16x8xf8E4M3FN>) -> tensor<16x8xf8E4M3FN>
  %g = "stablehlo.multiply"(%0, %h) : (tensor<16x8xf8E4M3FN>, tensor<16x8xf8E4M3FN>) -> tensor<16x8xf8E4M3FN>
  return %loss, %g : tensor<f32>, tensor<16x8xf8E4M3FN>
}

// CHECK-LABEL: func @dynamic
func.func @dynamic(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> (tensor<f32>, tensor<?x8xf32>) {
  // CHECK-NOT: approx_act
  // CHECK: return
  %h = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %loss = "stablehlo.custom_call"(%h) <{call_target_name = "loss"}> : (tensor<?x8xf32>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%y) <{call_target_name = "cotangent"}> : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %g = "stablehlo.multiply"(%0, %h) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %loss, %g : tensor<f32>, tensor<?x8xf32>
}

// CHECK-LABEL: func @unranked
func.func @unranked(%x: tensor<*xf32>, %y: tensor<*xf32>) -> (tensor<f32>, tensor<*xf32>) {
  // CHECK-NOT: approx_act
  // CHECK: return
  %h = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<*xf32>) -> tensor<*xf32>
  %loss = "stablehlo.custom_call"(%h) <{call_target_name = "loss"}> : (tensor<*xf32>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%y) <{call_target_name = "cotangent"}> : (tensor<*xf32>) -> tensor<*xf32>
  %g = "stablehlo.multiply"(%0, %h) : (tensor<*xf32>, tensor<*xf32>) -> tensor<*xf32>
  return %loss, %g : tensor<f32>, tensor<*xf32>
}

// Its bits are exact, so a boolean is packed whatever reads it.

// CHECK-LABEL: func @boolean
func.func @boolean(%x: tensor<5x9xi1>) -> (tensor<f32>, tensor<5x9xi1>) {
  // CHECK: approx_act.pack
  // CHECK: %[[R:.*]] = approx_act.unpack {{.*}} -> tensor<5x9xi1>
  // CHECK: "stablehlo.custom_call"(%[[R]])
  %h = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<5x9xi1>) -> tensor<5x9xi1>
  %loss = "stablehlo.custom_call"(%h) <{call_target_name = "loss"}> : (tensor<5x9xi1>) -> tensor<f32>
  %g = "stablehlo.custom_call"(%h) <{call_target_name = "gradient"}> : (tensor<5x9xi1>) -> tensor<5x9xi1>
  return %loss, %g : tensor<f32>, tensor<5x9xi1>
}

// Shapes that are known on one side of an op only.

// CHECK-LABEL: func @partly_dynamic
func.func @partly_dynamic(%x: tensor<?x8xf32>, %y: tensor<8xf32>) -> (tensor<f32>, tensor<8xf32>) {
  // CHECK: "stablehlo.reduce"
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %n = "stablehlo.constant"() <{value = dense<16.0> : tensor<8xf32>}> : () -> tensor<8xf32>
  %h = "stablehlo.reduce"(%x, %zero) <{dimensions = array<i64: 0>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<?x8xf32>, tensor<f32>) -> tensor<8xf32>
  %m = "stablehlo.divide"(%h, %n) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %loss = "stablehlo.custom_call"(%m) <{call_target_name = "loss"}> : (tensor<8xf32>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%y) <{call_target_name = "cotangent"}> : (tensor<8xf32>) -> tensor<8xf32>
  %g = "stablehlo.multiply"(%0, %m) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %loss, %g : tensor<f32>, tensor<8xf32>
}
