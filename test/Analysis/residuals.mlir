// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-print-residuals --mlir-disable-threading -o /dev/null 2>&1 | FileCheck %s

// Three uses: last forward, first backward, in program order.

// CHECK: 1 residuals, 256 bytes
// CHECK-NEXT: tensor<8x8xf32> of stablehlo.dot: 256 bytes, demand approximate, last forward use stablehlo.negate, first backward use stablehlo.tanh
func.func @uses(%x: tensor<8x8xf32>) -> (tensor<f32>, tensor<8x8xf32>) {
  %h = "stablehlo.dot"(%x, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %a = "stablehlo.abs"(%h) : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %b = "stablehlo.negate"(%h) : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %loss = "stablehlo.custom_call"(%a, %b) <{call_target_name = "f"}> : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<f32>
  %d = "stablehlo.tanh"(%h) : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %g = "stablehlo.dot"(%d, %h) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  return %loss, %g : tensor<f32>, tensor<8x8xf32>
}

// Arguments and constants cost nothing, results of the step are live anyway.

// CHECK: 0 residuals, 0 bytes
func.func @free(%x: tensor<8xf32>) -> (tensor<f32>, tensor<8xf32>, tensor<8xf32>) {
  %one = "stablehlo.constant"() <{value = dense<1.0> : tensor<8xf32>}> : () -> tensor<8xf32>
  %h = "stablehlo.dot"(%x, %one) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %loss = "stablehlo.dot"(%h, %one) : (tensor<8xf32>, tensor<8xf32>) -> tensor<f32>
  %g = "stablehlo.multiply"(%x, %one) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %loss, %g, %h : tensor<f32>, tensor<8xf32>, tensor<8xf32>
}

// Each op's demand on each of its operands, and the strictest wins.

// CHECK: 11 residuals
// CHECK-NEXT: f32> of stablehlo.dot: 32 bytes, demand approximate, last forward use stablehlo.custom_call, first backward use stablehlo.logistic
// CHECK-NEXT: demand exact, last forward use stablehlo.custom_call, first backward use stablehlo.log
// CHECK-NEXT: demand exact, last forward use stablehlo.custom_call, first backward use stablehlo.exponential
// CHECK-NEXT: demand approximate, last forward use stablehlo.custom_call, first backward use stablehlo.divide
// CHECK-NEXT: demand exact, last forward use stablehlo.custom_call, first backward use stablehlo.divide
// CHECK-NEXT: demand side, last forward use stablehlo.custom_call, first backward use stablehlo.compare
// CHECK-NEXT: demand exact, last forward use stablehlo.custom_call, first backward use stablehlo.compare
// CHECK-NEXT: demand exact, last forward use stablehlo.custom_call, first backward use stablehlo.floor
// CHECK-NEXT: demand exact, last forward use stablehlo.custom_call, first backward use stablehlo.custom_call
// CHECK-NEXT: demand exact, last forward use stablehlo.custom_call, first backward use stablehlo.logistic
// CHECK-NEXT: tensor<8xi1> of stablehlo.compare: 8 bytes, demand exact, last forward use stablehlo.custom_call, first backward use stablehlo.select
func.func @demands(%x: tensor<8x8xf32>, %v: tensor<8xf32>) -> (tensor<f32>, tensor<8xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<8xf32>}> : () -> tensor<8xf32>
  %linear = "stablehlo.dot"(%x, %v) : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %log = "stablehlo.dot"(%x, %v) : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %exponential = "stablehlo.dot"(%x, %v) : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %numerator = "stablehlo.dot"(%x, %v) : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %denominator = "stablehlo.dot"(%x, %v) : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %side = "stablehlo.dot"(%x, %v) : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %compared = "stablehlo.dot"(%x, %v) : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %step = "stablehlo.dot"(%x, %v) : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %unknown = "stablehlo.dot"(%x, %v) : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %both = "stablehlo.dot"(%x, %v) : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %mask = "stablehlo.compare"(%linear, %v) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  %loss = "stablehlo.custom_call"(%linear, %log, %exponential, %numerator, %denominator, %side, %compared, %step, %unknown, %both, %mask) <{call_target_name = "f"}>
      : (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xi1>) -> tensor<f32>
  %0 = "stablehlo.logistic"(%linear) : (tensor<8xf32>) -> tensor<8xf32>
  %1 = "stablehlo.log"(%log) : (tensor<8xf32>) -> tensor<8xf32>
  %2 = "stablehlo.exponential"(%exponential) : (tensor<8xf32>) -> tensor<8xf32>
  %3 = "stablehlo.divide"(%numerator, %denominator) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %4 = "stablehlo.compare"(%side, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  %5 = "stablehlo.compare"(%compared, %v) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
  %6 = "stablehlo.floor"(%step) : (tensor<8xf32>) -> tensor<8xf32>
  %7 = "stablehlo.custom_call"(%unknown) <{call_target_name = "f"}> : (tensor<8xf32>) -> tensor<8xf32>
  %8 = "stablehlo.logistic"(%both) : (tensor<8xf32>) -> tensor<8xf32>
  %9 = "stablehlo.log"(%both) : (tensor<8xf32>) -> tensor<8xf32>
  %10 = "stablehlo.select"(%mask, %0, %1) : (tensor<8xi1>, tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %loss, %10 : tensor<f32>, tensor<8xf32>
}

// Only real floating-point tensors of static shape are ever approximated, and
// sizes are whole bytes per element.

// CHECK: 5 residuals, 68 bytes
// CHECK-NEXT: tensor<8xi32> of stablehlo.custom_call: 32 bytes, demand exact
// CHECK-NEXT: tensor<4xcomplex<f32>> of stablehlo.custom_call: 32 bytes, demand exact
// CHECK-NEXT: tensor<?xf32> of stablehlo.custom_call: demand exact
// CHECK-NEXT: tensor<4xi4> of stablehlo.custom_call: 4 bytes, demand exact
// CHECK-NEXT: tensor<0x4xf32> of stablehlo.custom_call: 0 bytes, demand approximate
func.func @types(%x: tensor<f32>) -> (tensor<f32>, tensor<8xi32>) {
  %f:6 = "stablehlo.custom_call"(%x) <{call_target_name = "f"}> : (tensor<f32>)
      -> (tensor<8xi32>, tensor<4xcomplex<f32>>, tensor<?xf32>, tensor<4xi4>, tensor<0x4xf32>, tensor<f32>)
  %0 = "stablehlo.add"(%f#0, %f#0) : (tensor<8xi32>, tensor<8xi32>) -> tensor<8xi32>
  %1 = "stablehlo.add"(%f#1, %f#1) : (tensor<4xcomplex<f32>>, tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>>
  %2 = "stablehlo.add"(%f#2, %f#2) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %3 = "stablehlo.add"(%f#3, %f#3) : (tensor<4xi4>, tensor<4xi4>) -> tensor<4xi4>
  %4 = "stablehlo.add"(%f#4, %f#4) : (tensor<0x4xf32>, tensor<0x4xf32>) -> tensor<0x4xf32>
  return %f#5, %0 : tensor<f32>, tensor<8xi32>
}

// What a region captures is demanded exactly.

// CHECK: 1 residuals, 32 bytes
// CHECK-NEXT: demand exact, last forward use stablehlo.dot, first backward use stablehlo.while
func.func @captured(%x: tensor<8x8xf32>, %v: tensor<8xf32>) -> (tensor<f32>, tensor<8xf32>) {
  %h = "stablehlo.dot"(%x, %v) : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %loss = "stablehlo.dot"(%h, %h) : (tensor<8xf32>, tensor<8xf32>) -> tensor<f32>
  %g = "stablehlo.while"(%v) ({
  ^bb0(%a: tensor<8xf32>):
    %c = "stablehlo.custom_call"(%a) <{call_target_name = "f"}> : (tensor<8xf32>) -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<8xf32>):
    %c = "stablehlo.add"(%a, %h) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
    "stablehlo.return"(%c) : (tensor<8xf32>) -> ()
  }) : (tensor<8xf32>) -> tensor<8xf32>
  return %loss, %g : tensor<f32>, tensor<8xf32>
}

// What a branch captures is demanded as it is used inside, in branches of branches
// too, and what is computed from it inside counts. A side is demanded exactly, and
// so is what is returned as it is.

// CHECK: 6 residuals
// CHECK-NEXT: demand approximate, last forward use stablehlo.custom_call, first backward use stablehlo.case
// CHECK-NEXT: demand exact
// CHECK-NEXT: demand approximate
// CHECK-NEXT: demand exact
// CHECK-NEXT: demand exact
// CHECK-NEXT: demand none
func.func @captures(%x: tensor<8x8xf32>, %n: tensor<i32>) -> (tensor<f32>, tensor<8x8xf32>) {
  %product = "stablehlo.dot"(%x, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %log = "stablehlo.dot"(%x, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %inner = "stablehlo.dot"(%x, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %side = "stablehlo.dot"(%x, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %returned = "stablehlo.dot"(%x, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %unread = "stablehlo.dot"(%x, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %loss = "stablehlo.custom_call"(%product, %log, %inner, %side, %returned, %unread) <{call_target_name = "f"}> : (tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%x, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %b = "stablehlo.case"(%n) ({
    %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<8x8xf32>}> : () -> tensor<8x8xf32>
    %m = "stablehlo.compare"(%side, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xi1>
    %abs = "stablehlo.abs"(%log) : (tensor<8x8xf32>) -> tensor<8x8xf32>
    %l = "stablehlo.log"(%abs) : (tensor<8x8xf32>) -> tensor<8x8xf32>
    %dead = "stablehlo.negate"(%unread) : (tensor<8x8xf32>) -> tensor<8x8xf32>
    %0 = "stablehlo.multiply"(%g, %product) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
    %1 = "stablehlo.multiply"(%0, %l) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
    %2 = "stablehlo.case"(%n) ({
      %3 = "stablehlo.multiply"(%1, %inner) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
      "stablehlo.return"(%3) : (tensor<8x8xf32>) -> ()
    }) : (tensor<i32>) -> tensor<8x8xf32>
    %4 = "stablehlo.select"(%m, %2, %zero) : (tensor<8x8xi1>, tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
    "stablehlo.return"(%4) : (tensor<8x8xf32>) -> ()
  }, {
    "stablehlo.return"(%returned) : (tensor<8x8xf32>) -> ()
  }) : (tensor<i32>) -> tensor<8x8xf32>
  return %loss, %b : tensor<f32>, tensor<8x8xf32>
}

// Arithmetic inside a branch is judged by the function it computes, of the value
// that the branch captures: softsign divides by something that is not zero.

// CHECK: 1 residuals
// CHECK-NEXT: demand approximate, last forward use stablehlo.custom_call, first backward use stablehlo.case
func.func @function_of_a_capture(%x: tensor<8x8xf32>, %n: tensor<i32>) -> (tensor<f32>, tensor<8x8xf32>) {
  %h = "stablehlo.dot"(%x, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %loss = "stablehlo.custom_call"(%h) <{call_target_name = "f"}> : (tensor<8x8xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%x, %x) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %b = "stablehlo.case"(%n) ({
    %one = "stablehlo.constant"() <{value = dense<1.0> : tensor<8x8xf32>}> : () -> tensor<8x8xf32>
    %abs = "stablehlo.abs"(%h) : (tensor<8x8xf32>) -> tensor<8x8xf32>
    %d = "stablehlo.add"(%one, %abs) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
    %s = "stablehlo.divide"(%h, %d) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
    %0 = "stablehlo.multiply"(%g, %s) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
    "stablehlo.return"(%0) : (tensor<8x8xf32>) -> ()
  }) : (tensor<i32>) -> tensor<8x8xf32>
  return %loss, %b : tensor<f32>, tensor<8x8xf32>
}
