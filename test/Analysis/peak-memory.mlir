// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-print-peak-memory --mlir-disable-threading -o /dev/null 2>&1 | FileCheck %s

// A value lives from the op that computes it to the last that reads it; what is
// returned is not counted, nor are arguments.

// CHECK: {{^}}index,op,bytes{{$}}
// CHECK-NEXT: {{^}}0,stablehlo.dot,256{{$}}
// CHECK-NEXT: {{^}}1,stablehlo.dot,512{{$}}
// CHECK-NEXT: {{^}}2,stablehlo.dot,512{{$}}
// CHECK-NEXT: {{^}}3,stablehlo.custom_call,256{{$}}
// CHECK-NEXT: {{^}}4,func.return,0{{$}}
// CHECK-NEXT: {{^}}# peak 512 bytes at op 1{{$}}
func.func @lives(%x: tensor<8x8xf32>) -> tensor<f32> {
  %a = "stablehlo.dot"(%x, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %b = "stablehlo.dot"(%a, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %c = "stablehlo.dot"(%b, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %loss = "stablehlo.custom_call"(%c) <{call_target_name = "f"}> : (tensor<8x8xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// Arithmetic is computed where it is read: %b takes no memory, but keeps %a, and
// a contraction reads %c from memory.

// CHECK: {{^}}0,stablehlo.dot,256{{$}}
// CHECK-NEXT: {{^}}1,stablehlo.tanh,256{{$}}
// CHECK-NEXT: {{^}}2,stablehlo.negate,512{{$}}
// CHECK-NEXT: {{^}}3,stablehlo.dot,512{{$}}
// CHECK-NEXT: {{^}}4,stablehlo.custom_call,256{{$}}
func.func @fused(%x: tensor<8x8xf32>) -> tensor<f32> {
  %a = "stablehlo.dot"(%x, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %b = "stablehlo.tanh"(%a) : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %c = "stablehlo.negate"(%b) : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %d = "stablehlo.dot"(%c, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %loss = "stablehlo.custom_call"(%d) <{call_target_name = "f"}> : (tensor<8x8xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// Codes are an eighth of what they stand for, and restored values are fused into
// their readers; a barrier is its operands.

// CHECK: {{^}}0,stablehlo.dot,256{{$}}
// CHECK: ,approx_act.pack,288{{$}}
// CHECK-NEXT: ,stablehlo.custom_call,288{{$}}
// CHECK-NEXT: ,approx_act.barrier,32{{$}}
// CHECK-NEXT: ,approx_act.unpack,32{{$}}
// CHECK-NEXT: ,approx_act.dequantize,32{{$}}
// CHECK-NEXT: ,stablehlo.reduce,32{{$}}
func.func @codes(%x: tensor<8x8xf32>, %lo: tensor<1x1xf32>) -> (tensor<f32>, tensor<8xf32>) {
  %a = "stablehlo.dot"(%x, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %q = approx_act.quantize %a, %lo, %lo : tensor<8x8xf32>, tensor<1x1xf32> -> tensor<8x8xi4>
  %w = approx_act.pack %q {dim = 1 : i64} : tensor<8x8xi4> -> tensor<8x4xi8>
  %loss = "stablehlo.custom_call"(%a) <{call_target_name = "f"}> : (tensor<8x8xf32>) -> tensor<f32>
  %w1 = approx_act.barrier %w : tensor<8x4xi8>
  %q1 = approx_act.unpack %w1 {dim = 1 : i64} : tensor<8x4xi8> -> tensor<8x8xi4>
  %b = approx_act.dequantize %q1, %lo, %lo : tensor<8x8xi4>, tensor<1x1xf32> -> tensor<8x8xf32>
  %g = "stablehlo.reduce"(%b, %loss) <{dimensions = array<i64: 0>}> ({
  ^bb0(%c: tensor<f32>, %d: tensor<f32>):
    %s = "stablehlo.add"(%c, %d) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<8x8xf32>, tensor<f32>) -> tensor<8xf32>
  return %loss, %g : tensor<f32>, tensor<8xf32>
}

// A step without ops: the terminator alone.

// CHECK: {{^}}index,op,bytes{{$}}
// CHECK-NEXT: {{^}}0,func.return,0{{$}}
// CHECK-NEXT: {{^}}# peak 0 bytes at op 0{{$}}
func.func @nothing(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}
