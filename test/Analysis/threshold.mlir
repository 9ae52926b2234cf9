// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-inline --approx-act-print-storage-plan --mlir-disable-threading -o /dev/null 2>&1 | FileCheck %s

// Which masks the codes of %x carry. Every function has one mask of a value that
// follows from %x; the gradient reads both.

func.func private @gradient(%x: tensor<64x32xf32>, %mask: tensor<64x32xi1>, %w: tensor<32x32xf32>) -> tensor<64x32xf32> {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %0 = "stablehlo.dot"(%x, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %1 = "stablehlo.select"(%mask, %0, %zero) : (tensor<64x32xi1>, tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  return %1 : tensor<64x32xf32>
}
func.func private @loss(%x: tensor<64x32xf32>) -> tensor<f32> {
  %0 = "stablehlo.dot_general"(%x, %x) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [0, 1]>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<f32>
  return %0 : tensor<f32>
}
func.func private @repeat(%x: tensor<32xf32>) -> tensor<64x32xf32> {
  %0 = "stablehlo.broadcast_in_dim"(%x) <{broadcast_dimensions = array<i64: 1>}> : (tensor<32xf32>) -> tensor<64x32xf32>
  return %0 : tensor<64x32xf32>
}

// Directions.

// CHECK-LABEL: storage plan of 'gt': 1 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits, carries a mask
func.func @gt(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%x, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%x, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// CHECK-LABEL: storage plan of 'ge': 1 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits, carries a mask
func.func @ge(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%x, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%x, %zero) <{comparison_direction = #stablehlo<comparison_direction GE>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// CHECK-LABEL: storage plan of 'lt': 1 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits, carries a mask
func.func @lt(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%x, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%x, %zero) <{comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// CHECK-LABEL: storage plan of 'le': 1 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits, carries a mask
func.func @le(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%x, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%x, %zero) <{comparison_direction = #stablehlo<comparison_direction LE>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// The constant on the left.

// CHECK-LABEL: storage plan of 'constant_on_the_left': 1 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits, carries a mask
func.func @constant_on_the_left(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%x, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%zero, %x) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// Another constant.

// CHECK-LABEL: storage plan of 'at_one': 1 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits, carries a mask
func.func @at_one(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %one = "stablehlo.constant"() <{value = dense<1.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%x, %one) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%x, %one) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// How the gradient of a maximum asks, from both sides, and its opposite.

// CHECK-LABEL: storage plan of 'equals_maximum': 1 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits, carries a mask
func.func @equals_maximum(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%x, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%x, %y) <{comparison_direction = #stablehlo<comparison_direction EQ>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// CHECK-LABEL: storage plan of 'maximum_equals': 1 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits, carries a mask
func.func @maximum_equals(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%zero, %x) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%y, %x) <{comparison_direction = #stablehlo<comparison_direction EQ>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// CHECK-LABEL: storage plan of 'differs_from_maximum': 1 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits, carries a mask
func.func @differs_from_maximum(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%x, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%x, %y) <{comparison_direction = #stablehlo<comparison_direction NE>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// Asked of the result of the ReLU.

// CHECK-LABEL: storage plan of 'of_the_result': 1 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits, carries a mask
func.func @of_the_result(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%x, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%y, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// CHECK-LABEL: storage plan of 'result_is_not_zero': 1 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits, carries a mask
func.func @result_is_not_zero(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%x, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%y, %zero) <{comparison_direction = #stablehlo<comparison_direction NE>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// max(x, 0) >= 0 is always true: not a mask of x.

// CHECK-LABEL: storage plan of 'always': 2 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits (
// CHECK-NEXT: mask (
func.func @always(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%x, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%y, %zero) <{comparison_direction = #stablehlo<comparison_direction GE>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// Affine in between: a scale and a shift per channel, constants, a negative slope,
// what is subtracted from a constant.

// CHECK-LABEL: storage plan of 'scale_and_shift': 1 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits, carries a mask
func.func @scale_and_shift(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %gammas = func.call @repeat(%gamma) : (tensor<32xf32>) -> tensor<64x32xf32>
  %betas = func.call @repeat(%beta) : (tensor<32xf32>) -> tensor<64x32xf32>
  %s = "stablehlo.multiply"(%x, %gammas) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %t = "stablehlo.add"(%betas, %s) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%t, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%t, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// CHECK-LABEL: storage plan of 'constants': 1 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits, carries a mask
func.func @constants(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %c = "stablehlo.constant"() <{value = dense<-0.5> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %gammas = func.call @repeat(%gamma) : (tensor<32xf32>) -> tensor<64x32xf32>
  %betas = func.call @repeat(%beta) : (tensor<32xf32>) -> tensor<64x32xf32>
  %n = "stablehlo.negate"(%x) : (tensor<64x32xf32>) -> tensor<64x32xf32>
  %m = "stablehlo.multiply"(%n, %c) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %d = "stablehlo.divide"(%m, %gammas) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %t = "stablehlo.subtract"(%c, %d) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%t, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%t, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// Not affine: another function, the value itself as a coefficient, a coefficient
// as large as the value, the value in a denominator.

// CHECK-LABEL: storage plan of 'not_affine': 2 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits (
// CHECK-NEXT: mask (
func.func @not_affine(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %t = "stablehlo.tanh"(%x) : (tensor<64x32xf32>) -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%t, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%t, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// CHECK-LABEL: storage plan of 'square': 2 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits (
// CHECK-NEXT: mask (
func.func @square(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %t = "stablehlo.multiply"(%x, %x) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%t, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%t, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// CHECK-LABEL: storage plan of 'full_size_coefficient': 2 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits (
// CHECK-NEXT: mask (
func.func @full_size_coefficient(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %t = "stablehlo.add"(%x, %other) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%t, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%t, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// CHECK-LABEL: storage plan of 'denominator': 2 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits (
// CHECK-NEXT: mask (
func.func @denominator(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %gammas = func.call @repeat(%gamma) : (tensor<32xf32>) -> tensor<64x32xf32>
  %t = "stablehlo.divide"(%gammas, %x) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%t, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%t, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// Coefficients per row are as good, but not together with coefficients per
// channel: a grid has one shape.

// CHECK-LABEL: storage plan of 'rows': 1 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits, carries a mask
func.func @rows(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %r = "stablehlo.slice"(%other) <{start_indices = array<i64: 0, 0>, limit_indices = array<i64: 64, 1>, strides = array<i64: 1, 1>}> : (tensor<64x32xf32>) -> tensor<64x1xf32>
  %rows = "stablehlo.broadcast_in_dim"(%r) <{broadcast_dimensions = array<i64: 0, 1>}> : (tensor<64x1xf32>) -> tensor<64x32xf32>
  %t = "stablehlo.add"(%x, %rows) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%t, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%t, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// CHECK-LABEL: storage plan of 'rows_and_channels': 2 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits (
// CHECK-NEXT: mask (
func.func @rows_and_channels(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %r = "stablehlo.slice"(%other) <{start_indices = array<i64: 0, 0>, limit_indices = array<i64: 64, 1>, strides = array<i64: 1, 1>}> : (tensor<64x32xf32>) -> tensor<64x1xf32>
  %rows = "stablehlo.broadcast_in_dim"(%r) <{broadcast_dimensions = array<i64: 0, 1>}> : (tensor<64x1xf32>) -> tensor<64x32xf32>
  %gammas = func.call @repeat(%gamma) : (tensor<32xf32>) -> tensor<64x32xf32>
  %s = "stablehlo.multiply"(%x, %gammas) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %t = "stablehlo.add"(%s, %rows) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%t, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%t, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// Compared with another value, or for equality.

// CHECK-LABEL: storage plan of 'not_a_constant': 2 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits (
// CHECK-NEXT: mask (
func.func @not_a_constant(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%x, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%x, %other) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// CHECK-LABEL: storage plan of 'equal_to_zero': 2 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits (
// CHECK-NEXT: mask (
func.func @equal_to_zero(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %y = "stablehlo.maximum"(%x, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %mask = "stablehlo.compare"(%x, %zero) <{comparison_direction = #stablehlo<comparison_direction EQ>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}

// Codes carry one mask; a second one of the same value has its own bit.

// CHECK-LABEL: storage plan of 'both_ends': 2 stored
// CHECK-NEXT: of stablehlo.dot: codes of 4 bits, carries a mask
// CHECK-NEXT: mask (
func.func @both_ends(%a: tensor<64x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>, %beta: tensor<32xf32>, %other: tensor<64x32xf32>) -> (tensor<f32>, tensor<64x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %six = "stablehlo.constant"() <{value = dense<6.0> : tensor<64x32xf32>}> : () -> tensor<64x32xf32>
  %r = "stablehlo.maximum"(%x, %zero) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %y = "stablehlo.minimum"(%r, %six) : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xf32>
  %above = "stablehlo.compare"(%x, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %below = "stablehlo.compare"(%x, %six) <{comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<64x32xf32>, tensor<64x32xf32>) -> tensor<64x32xi1>
  %mask = "stablehlo.and"(%above, %below) : (tensor<64x32xi1>, tensor<64x32xi1>) -> tensor<64x32xi1>
  %loss = func.call @loss(%y) : (tensor<64x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%x, %mask, %w) : (tensor<64x32xf32>, tensor<64x32xi1>, tensor<32x32xf32>) -> tensor<64x32xf32>
  return %loss, %g : tensor<f32>, tensor<64x32xf32>
}
