// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-print-turnaround --mlir-disable-threading -o /dev/null 2>&1 | FileCheck %s

// A derivative is derived: cheap, from forward values and arguments alone. The
// cotangents and the terminator are backward.

// CHECK: turnaround of 'phases': 2 forward, 3 derived, 3 backward ops
// CHECK-NEXT: last forward op: stablehlo.dot at
func.func @phases(%x: tensor<8xf32>, %w: tensor<8x8xf32>) -> (tensor<f32>, tensor<8x8xf32>) {
  %h = "stablehlo.tanh"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  %loss = "stablehlo.dot"(%h, %h) : (tensor<8xf32>, tensor<8xf32>) -> tensor<f32>
  %one = "stablehlo.constant"() <{value = dense<1.0> : tensor<8xf32>}> : () -> tensor<8xf32>
  %square = "stablehlo.multiply"(%h, %h) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %slope = "stablehlo.subtract"(%one, %square) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %g = "stablehlo.dot"(%slope, %w) : (tensor<8xf32>, tensor<8x8xf32>) -> tensor<8xf32>
  %g1 = "stablehlo.broadcast_in_dim"(%g) <{broadcast_dimensions = array<i64: 0>}> : (tensor<8xf32>) -> tensor<8x8xf32>
  return %loss, %g1 : tensor<f32>, tensor<8x8xf32>
}

// The only scalar is the loss, wherever it stands.

// CHECK: turnaround of 'loss_is_second': 1 forward, 0 derived, 2 backward ops
func.func @loss_is_second(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<f32>, tensor<i32>) {
  %loss = "stablehlo.dot"(%x, %x) : (tensor<8xf32>, tensor<8xf32>) -> tensor<f32>
  %g:2 = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<8xf32>) -> (tensor<8xf32>, tensor<i32>)
  return %g#0, %loss, %g#1 : tensor<8xf32>, tensor<f32>, tensor<i32>
}

// Result 0 is the loss before all other scalars.

// CHECK: turnaround of 'loss_is_first': 1 forward, 1 derived, 1 backward ops
// CHECK-NEXT: last forward op: stablehlo.tanh
func.func @loss_is_first(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %loss = "stablehlo.tanh"(%x) : (tensor<f32>) -> tensor<f32>
  %other = "stablehlo.negate"(%x) : (tensor<f32>) -> tensor<f32>
  return %loss, %other : tensor<f32>, tensor<f32>
}

// The step may return an argument as its loss: nothing is forward.

// CHECK: turnaround of 'loss_is_argument': 0 forward, 1 derived, 1 backward ops
// CHECK-NOT: last forward op
func.func @loss_is_argument(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %other = "stablehlo.negate"(%x) : (tensor<f32>) -> tensor<f32>
  return %x, %other : tensor<f32>, tensor<f32>
}

// What an op's regions capture is an operand of it.

// CHECK: turnaround of 'captures': 3 forward, 0 derived, 1 backward ops
func.func @captures(%x: tensor<f32>, %c: tensor<i1>) -> tensor<f32> {
  %a = "stablehlo.tanh"(%x) : (tensor<f32>) -> tensor<f32>
  %b = "stablehlo.negate"(%x) : (tensor<f32>) -> tensor<f32>
  %loss = "stablehlo.if"(%c) ({
    "stablehlo.return"(%a) : (tensor<f32>) -> ()
  }, {
    "stablehlo.return"(%b) : (tensor<f32>) -> ()
  }) : (tensor<i1>) -> tensor<f32>
  return %loss : tensor<f32>
}

// Nothing is said of what is not a step.

// CHECK-NOT: turnaround of
func.func private @helper(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}
func.func private @declared(tensor<f32>) -> tensor<f32>
func.func @no_results(%x: tensor<f32>) {
  return
}
func.func @two_blocks(%x: tensor<f32>) -> tensor<f32> {
  "stablehlo.branch"()[^next] : () -> ()
^next:
  return %x : tensor<f32>
}

// What ops with effects read belongs to the forward pass, wherever they stand,
// and they with it: `mean` is read by no forward result. What they are told of
// a gradient is of the backward pass.

// CHECK: turnaround of 'effects': 5 forward, 0 derived, 5 backward ops
// CHECK-NEXT: last forward op: stablehlo.outfeed
func.func @effects(%x: tensor<8xf32>, %t: !stablehlo.token) -> (tensor<f32>, tensor<8x8xf32>) {
  %h = "stablehlo.tanh"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  %mean = "stablehlo.custom_call"(%h) <{call_target_name = "mean"}> : (tensor<8xf32>) -> tensor<f32>
  "stablehlo.custom_call"(%mean) <{call_target_name = "print", has_side_effect = true}> : (tensor<f32>) -> ()
  %loss = "stablehlo.dot"(%h, %h) : (tensor<8xf32>, tensor<8xf32>) -> tensor<f32>
  %g = "stablehlo.custom_call"(%h) <{call_target_name = "gradient"}> : (tensor<8xf32>) -> tensor<8x8xf32>
  %t1 = "stablehlo.outfeed"(%h, %t) : (tensor<8xf32>, !stablehlo.token) -> !stablehlo.token
  %norm = "stablehlo.custom_call"(%g) <{call_target_name = "norm"}> : (tensor<8x8xf32>) -> tensor<f32>
  "stablehlo.custom_call"(%norm) <{call_target_name = "print", has_side_effect = true}> : (tensor<f32>) -> ()
  "stablehlo.custom_call"(%loss) <{call_target_name = "print", has_side_effect = true}> : (tensor<f32>) -> ()
  return %loss, %g : tensor<f32>, tensor<8x8xf32>
}

// Metrics may be computed behind the loss, and be returned too.

// CHECK: turnaround of 'metric': 4 forward, 0 derived, 2 backward ops
func.func @metric(%x: tensor<8xf32>) -> (tensor<f32>, tensor<f32>, tensor<8x8xf32>) {
  %h = "stablehlo.tanh"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  %loss = "stablehlo.dot"(%h, %h) : (tensor<8xf32>, tensor<8xf32>) -> tensor<f32>
  %mean = "stablehlo.custom_call"(%h) <{call_target_name = "mean"}> : (tensor<8xf32>) -> tensor<f32>
  "stablehlo.custom_call"(%mean) <{call_target_name = "print", has_side_effect = true}> : (tensor<f32>) -> ()
  %g = "stablehlo.custom_call"(%h) <{call_target_name = "gradient"}> : (tensor<8xf32>) -> tensor<8x8xf32>
  return %loss, %mean, %g : tensor<f32>, tensor<f32>, tensor<8x8xf32>
}

// An op with regions has the effects of what is in it. One that keeps its place
// behind one of the backward pass is of that, but what it reads is not.

// CHECK: turnaround of 'effects_in_branches': 4 forward, 0 derived, 4 backward ops
func.func @effects_in_branches(%x: tensor<8xf32>, %c: tensor<i1>) -> (tensor<f32>, tensor<8xf32>) {
  %h = "stablehlo.tanh"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  %loss = "stablehlo.dot"(%h, %h) : (tensor<8xf32>, tensor<8xf32>) -> tensor<f32>
  "stablehlo.if"(%c) ({
    "stablehlo.custom_call"(%h) <{call_target_name = "print", has_side_effect = true}> : (tensor<8xf32>) -> ()
    "stablehlo.return"() : () -> ()
  }, {
    "stablehlo.return"() : () -> ()
  }) : (tensor<i1>) -> ()
  %g = "stablehlo.custom_call"(%h) <{call_target_name = "gradient"}> : (tensor<8xf32>) -> tensor<8xf32>
  "stablehlo.custom_call"(%g) <{call_target_name = "print", has_side_effect = true}> : (tensor<8xf32>) -> ()
  %mean = "stablehlo.custom_call"(%h) <{call_target_name = "mean"}> : (tensor<8xf32>) -> tensor<f32>
  "stablehlo.custom_call"(%mean) <{call_target_name = "print", has_side_effect = true}> : (tensor<f32>) -> ()
  return %loss, %g : tensor<f32>, tensor<8xf32>
}
