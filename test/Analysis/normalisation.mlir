// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-inline --approx-act-print-storage-plan --mlir-disable-threading -o /dev/null 2>&1 \
// RUN:   | FileCheck %s --implicit-check-not="bits, moments known"

// Values whose moments the program has computed get a grid at no cost. Statistics
// are of 256 rows and 32 columns.

func.func private @loss(%x: tensor<256x32xf32>) -> tensor<f32> {
  %0 = "stablehlo.dot_general"(%x, %x) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [0, 1]>}> : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<f32>
  return %0 : tensor<f32>
}
func.func private @gradient(%x: tensor<256x32xf32>) -> tensor<32x32xf32> {
  %0 = "stablehlo.dot_general"(%x, %x) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0], rhs_contracting_dimensions = [0]>}> : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<32x32xf32>
  return %0 : tensor<32x32xf32>
}

// Over the rows.
func.func private @sum(%x: tensor<256x32xf32>) -> tensor<32xf32> {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %0 = "stablehlo.reduce"(%x, %zero) <{dimensions = array<i64: 0>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<256x32xf32>, tensor<f32>) -> tensor<32xf32>
  return %0 : tensor<32xf32>
}
func.func private @mean(%x: tensor<256x32xf32>) -> tensor<32xf32> {
  %n = "stablehlo.constant"() <{value = dense<256.0> : tensor<32xf32>}> : () -> tensor<32xf32>
  %0 = func.call @sum(%x) : (tensor<256x32xf32>) -> tensor<32xf32>
  %1 = "stablehlo.divide"(%0, %n) : (tensor<32xf32>, tensor<32xf32>) -> tensor<32xf32>
  return %1 : tensor<32xf32>
}
func.func private @repeat(%x: tensor<32xf32>) -> tensor<256x32xf32> {
  %0 = "stablehlo.broadcast_in_dim"(%x) <{broadcast_dimensions = array<i64: 1>}> : (tensor<32xf32>) -> tensor<256x32xf32>
  return %0 : tensor<256x32xf32>
}
func.func private @centre(%x: tensor<256x32xf32>) -> tensor<256x32xf32> {
  %mean = func.call @mean(%x) : (tensor<256x32xf32>) -> tensor<32xf32>
  %means = func.call @repeat(%mean) : (tensor<32xf32>) -> tensor<256x32xf32>
  %0 = "stablehlo.subtract"(%x, %means) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  return %0 : tensor<256x32xf32>
}
func.func private @plus_epsilon(%v: tensor<32xf32>) -> tensor<32xf32> {
  %epsilon = "stablehlo.constant"() <{value = dense<1.0e-5> : tensor<32xf32>}> : () -> tensor<32xf32>
  %0 = "stablehlo.add"(%v, %epsilon) : (tensor<32xf32>, tensor<32xf32>) -> tensor<32xf32>
  return %0 : tensor<32xf32>
}

// Over the columns.
func.func private @sum_of_row(%x: tensor<256x32xf32>) -> tensor<256xf32> {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %0 = "stablehlo.reduce"(%x, %zero) <{dimensions = array<i64: 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<256x32xf32>, tensor<f32>) -> tensor<256xf32>
  return %0 : tensor<256xf32>
}
func.func private @mean_of_row(%x: tensor<256x32xf32>) -> tensor<256x1xf32> {
  %n = "stablehlo.constant"() <{value = dense<32.0> : tensor<256x1xf32>}> : () -> tensor<256x1xf32>
  %0 = func.call @sum_of_row(%x) : (tensor<256x32xf32>) -> tensor<256xf32>
  %1 = "stablehlo.reshape"(%0) : (tensor<256xf32>) -> tensor<256x1xf32>
  %2 = "stablehlo.divide"(%1, %n) : (tensor<256x1xf32>, tensor<256x1xf32>) -> tensor<256x1xf32>
  return %2 : tensor<256x1xf32>
}
func.func private @repeat_row(%x: tensor<256x1xf32>) -> tensor<256x32xf32> {
  %0 = "stablehlo.broadcast_in_dim"(%x) <{broadcast_dimensions = array<i64: 0, 1>}> : (tensor<256x1xf32>) -> tensor<256x32xf32>
  return %0 : tensor<256x32xf32>
}

// The centred form, times the reciprocal root.

// CHECK-LABEL: storage plan of 'centred'
// CHECK: codes of 4 bits, moments known
func.func @centred(%a: tensor<256x32xf32>, %w: tensor<32x32xf32>) -> (tensor<f32>, tensor<32x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<256x32xf32>, tensor<32x32xf32>) -> tensor<256x32xf32>
  %c = func.call @centre(%x) : (tensor<256x32xf32>) -> tensor<256x32xf32>
  %square = "stablehlo.multiply"(%c, %c) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %variance = func.call @mean(%square) : (tensor<256x32xf32>) -> tensor<32xf32>
  %sum = func.call @plus_epsilon(%variance) : (tensor<32xf32>) -> tensor<32xf32>
  %rstd = "stablehlo.rsqrt"(%sum) : (tensor<32xf32>) -> tensor<32xf32>
  %r = func.call @repeat(%rstd) : (tensor<32xf32>) -> tensor<256x32xf32>
  %y = "stablehlo.multiply"(%c, %r) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %loss = func.call @loss(%y) : (tensor<256x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%y) : (tensor<256x32xf32>) -> tensor<32x32xf32>
  return %loss, %g : tensor<f32>, tensor<32x32xf32>
}

// E[x²] − E[x]², kept from falling below zero; the normalised value is not the
// program's own, but the deviation is known.

// CHECK-LABEL: storage plan of 'difference_of_squares'
// CHECK: codes of 4 bits, moments known
func.func @difference_of_squares(%a: tensor<256x32xf32>, %w: tensor<32x32xf32>, %gamma: tensor<32xf32>) -> (tensor<f32>, tensor<32x32xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<32xf32>}> : () -> tensor<32xf32>
  %x = "stablehlo.dot"(%a, %w) : (tensor<256x32xf32>, tensor<32x32xf32>) -> tensor<256x32xf32>
  %mean = func.call @mean(%x) : (tensor<256x32xf32>) -> tensor<32xf32>
  %square = "stablehlo.multiply"(%x, %x) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %squares = func.call @mean(%square) : (tensor<256x32xf32>) -> tensor<32xf32>
  %mean2 = "stablehlo.multiply"(%mean, %mean) : (tensor<32xf32>, tensor<32xf32>) -> tensor<32xf32>
  %difference = "stablehlo.subtract"(%squares, %mean2) : (tensor<32xf32>, tensor<32xf32>) -> tensor<32xf32>
  %variance = "stablehlo.maximum"(%zero, %difference) : (tensor<32xf32>, tensor<32xf32>) -> tensor<32xf32>
  %sum = func.call @plus_epsilon(%variance) : (tensor<32xf32>) -> tensor<32xf32>
  %rstd = "stablehlo.rsqrt"(%sum) : (tensor<32xf32>) -> tensor<32xf32>
  %scale = "stablehlo.multiply"(%rstd, %gamma) : (tensor<32xf32>, tensor<32xf32>) -> tensor<32xf32>
  %means = func.call @repeat(%mean) : (tensor<32xf32>) -> tensor<256x32xf32>
  %c = "stablehlo.subtract"(%x, %means) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %r = func.call @repeat(%scale) : (tensor<32xf32>) -> tensor<256x32xf32>
  %y = "stablehlo.multiply"(%c, %r) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %loss = func.call @loss(%y) : (tensor<256x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%y) : (tensor<256x32xf32>) -> tensor<32x32xf32>
  return %loss, %g : tensor<f32>, tensor<32x32xf32>
}

// A product with 1/n, an unbiased variance by power, a division by the root.

// CHECK-LABEL: storage plan of 'divided_by_root'
// CHECK: codes of 4 bits, moments known
func.func @divided_by_root(%a: tensor<256x32xf32>, %w: tensor<32x32xf32>) -> (tensor<f32>, tensor<32x32xf32>) {
  %n = "stablehlo.constant"() <{value = dense<0.00390625> : tensor<32xf32>}> : () -> tensor<32xf32>
  %m = "stablehlo.constant"() <{value = dense<255.0> : tensor<32xf32>}> : () -> tensor<32xf32>
  %two = "stablehlo.constant"() <{value = dense<2.0> : tensor<256x32xf32>}> : () -> tensor<256x32xf32>
  %x = "stablehlo.dot"(%a, %w) : (tensor<256x32xf32>, tensor<32x32xf32>) -> tensor<256x32xf32>
  %total = func.call @sum(%x) : (tensor<256x32xf32>) -> tensor<32xf32>
  %mean = "stablehlo.multiply"(%n, %total) : (tensor<32xf32>, tensor<32xf32>) -> tensor<32xf32>
  %means = func.call @repeat(%mean) : (tensor<32xf32>) -> tensor<256x32xf32>
  %c = "stablehlo.subtract"(%x, %means) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %square = "stablehlo.power"(%c, %two) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %squares = func.call @sum(%square) : (tensor<256x32xf32>) -> tensor<32xf32>
  %variance = "stablehlo.divide"(%squares, %m) : (tensor<32xf32>, tensor<32xf32>) -> tensor<32xf32>
  %std = "stablehlo.sqrt"(%variance) : (tensor<32xf32>) -> tensor<32xf32>
  %stds = func.call @repeat(%std) : (tensor<32xf32>) -> tensor<256x32xf32>
  %y = "stablehlo.divide"(%c, %stds) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %loss = func.call @loss(%y) : (tensor<256x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%y) : (tensor<256x32xf32>) -> tensor<32x32xf32>
  return %loss, %g : tensor<f32>, tensor<32x32xf32>
}

// About zero.

// CHECK-LABEL: storage plan of 'root_mean_square'
// CHECK: codes of 4 bits, moments known
func.func @root_mean_square(%a: tensor<256x32xf32>, %w: tensor<32x32xf32>) -> (tensor<f32>, tensor<32x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<256x32xf32>, tensor<32x32xf32>) -> tensor<256x32xf32>
  %square = "stablehlo.multiply"(%x, %x) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %squares = func.call @mean_of_row(%square) : (tensor<256x32xf32>) -> tensor<256x1xf32>
  %rms = "stablehlo.rsqrt"(%squares) : (tensor<256x1xf32>) -> tensor<256x1xf32>
  %r = func.call @repeat_row(%rms) : (tensor<256x1xf32>) -> tensor<256x32xf32>
  %y = "stablehlo.multiply"(%r, %x) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %loss = func.call @loss(%y) : (tensor<256x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%y) : (tensor<256x32xf32>) -> tensor<32x32xf32>
  return %loss, %g : tensor<f32>, tensor<32x32xf32>
}

// Over the last dimension, kept with size 1.

// CHECK-LABEL: storage plan of 'of_rows'
// CHECK: codes of 4 bits, moments known
func.func @of_rows(%a: tensor<256x32xf32>, %w: tensor<32x32xf32>) -> (tensor<f32>, tensor<32x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<256x32xf32>, tensor<32x32xf32>) -> tensor<256x32xf32>
  %mean = func.call @mean_of_row(%x) : (tensor<256x32xf32>) -> tensor<256x1xf32>
  %means = func.call @repeat_row(%mean) : (tensor<256x1xf32>) -> tensor<256x32xf32>
  %c = "stablehlo.subtract"(%x, %means) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %square = "stablehlo.multiply"(%c, %c) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %variance = func.call @mean_of_row(%square) : (tensor<256x32xf32>) -> tensor<256x1xf32>
  %rstd = "stablehlo.rsqrt"(%variance) : (tensor<256x1xf32>) -> tensor<256x1xf32>
  %r = func.call @repeat_row(%rstd) : (tensor<256x1xf32>) -> tensor<256x32xf32>
  %y = "stablehlo.multiply"(%c, %r) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %loss = func.call @loss(%y) : (tensor<256x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%y) : (tensor<256x32xf32>) -> tensor<32x32xf32>
  return %loss, %g : tensor<f32>, tensor<32x32xf32>
}

// The count is written as a difference, and NaN stands for the variance of
// nothing, as jnp.var does it.

// CHECK-LABEL: storage plan of 'guarded'
// CHECK: codes of 4 bits, moments known
func.func @guarded(%a: tensor<256x32xf32>, %w: tensor<32x32xf32>) -> (tensor<f32>, tensor<32x32xf32>) {
  %0 = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
  %zero = "stablehlo.convert"(%0) : (tensor<i32>) -> tensor<f32>
  %all = "stablehlo.constant"() <{value = dense<256.0> : tensor<f32>}> : () -> tensor<f32>
  %n = "stablehlo.subtract"(%all, %zero) : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %ns = "stablehlo.broadcast_in_dim"(%n) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<32xf32>
  %nan = "stablehlo.constant"() <{value = dense<0x7FC00000> : tensor<32xf32>}> : () -> tensor<32xf32>
  %is_any = "stablehlo.compare"(%n, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<f32>, tensor<f32>) -> tensor<i1>
  %x = "stablehlo.dot"(%a, %w) : (tensor<256x32xf32>, tensor<32x32xf32>) -> tensor<256x32xf32>
  %c = func.call @centre(%x) : (tensor<256x32xf32>) -> tensor<256x32xf32>
  %square = "stablehlo.multiply"(%c, %c) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %squares = func.call @sum(%square) : (tensor<256x32xf32>) -> tensor<32xf32>
  %quotient = "stablehlo.divide"(%squares, %ns) : (tensor<32xf32>, tensor<32xf32>) -> tensor<32xf32>
  %variance = "stablehlo.select"(%is_any, %quotient, %nan) : (tensor<i1>, tensor<32xf32>, tensor<32xf32>) -> tensor<32xf32>
  %rstd = "stablehlo.rsqrt"(%variance) : (tensor<32xf32>) -> tensor<32xf32>
  %r = func.call @repeat(%rstd) : (tensor<32xf32>) -> tensor<256x32xf32>
  %y = "stablehlo.multiply"(%c, %r) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %loss = func.call @loss(%y) : (tensor<256x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%y) : (tensor<256x32xf32>) -> tensor<32x32xf32>
  return %loss, %g : tensor<f32>, tensor<32x32xf32>
}

// From here on, what only looks like it.

// Means of columns, deviations of rows.

// CHECK-LABEL: storage plan of 'different_dimensions'
// CHECK: codes of 4 bits (
func.func @different_dimensions(%a: tensor<256x32xf32>, %w: tensor<32x32xf32>) -> (tensor<f32>, tensor<32x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<256x32xf32>, tensor<32x32xf32>) -> tensor<256x32xf32>
  %c = func.call @centre(%x) : (tensor<256x32xf32>) -> tensor<256x32xf32>
  %mean = func.call @mean_of_row(%x) : (tensor<256x32xf32>) -> tensor<256x1xf32>
  %mean2 = "stablehlo.multiply"(%mean, %mean) : (tensor<256x1xf32>, tensor<256x1xf32>) -> tensor<256x1xf32>
  %square = "stablehlo.multiply"(%x, %x) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %squares = func.call @mean_of_row(%square) : (tensor<256x32xf32>) -> tensor<256x1xf32>
  %variance = "stablehlo.subtract"(%squares, %mean2) : (tensor<256x1xf32>, tensor<256x1xf32>) -> tensor<256x1xf32>
  %rstd = "stablehlo.rsqrt"(%variance) : (tensor<256x1xf32>) -> tensor<256x1xf32>
  %r = func.call @repeat_row(%rstd) : (tensor<256x1xf32>) -> tensor<256x32xf32>
  %y = "stablehlo.multiply"(%c, %r) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %loss = func.call @loss(%y) : (tensor<256x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%y) : (tensor<256x32xf32>) -> tensor<32x32xf32>
  return %loss, %g : tensor<f32>, tensor<32x32xf32>
}

// A sum divided by something else than the number of its terms.

// CHECK-LABEL: storage plan of 'different_count'
// CHECK: codes of 4 bits (
func.func @different_count(%a: tensor<256x32xf32>, %w: tensor<32x32xf32>) -> (tensor<f32>, tensor<32x32xf32>) {
  %n = "stablehlo.constant"() <{value = dense<100.0> : tensor<32xf32>}> : () -> tensor<32xf32>
  %x = "stablehlo.dot"(%a, %w) : (tensor<256x32xf32>, tensor<32x32xf32>) -> tensor<256x32xf32>
  %square = "stablehlo.multiply"(%x, %x) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %total = func.call @sum(%square) : (tensor<256x32xf32>) -> tensor<32xf32>
  %squares = "stablehlo.divide"(%total, %n) : (tensor<32xf32>, tensor<32xf32>) -> tensor<32xf32>
  %rms = "stablehlo.rsqrt"(%squares) : (tensor<32xf32>) -> tensor<32xf32>
  %r = func.call @repeat(%rms) : (tensor<32xf32>) -> tensor<256x32xf32>
  %y = "stablehlo.multiply"(%x, %r) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %loss = func.call @loss(%y) : (tensor<256x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%y) : (tensor<256x32xf32>) -> tensor<32x32xf32>
  return %loss, %g : tensor<f32>, tensor<32x32xf32>
}

// The deviation of another value.

// CHECK-LABEL: storage plan of 'different_value'
// CHECK: codes of 4 bits (
func.func @different_value(%a: tensor<256x32xf32>, %w: tensor<32x32xf32>) -> (tensor<f32>, tensor<32x32xf32>) {
  %x = "stablehlo.dot"(%a, %w) : (tensor<256x32xf32>, tensor<32x32xf32>) -> tensor<256x32xf32>
  %square = "stablehlo.multiply"(%a, %a) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %squares = func.call @mean(%square) : (tensor<256x32xf32>) -> tensor<32xf32>
  %rms = "stablehlo.rsqrt"(%squares) : (tensor<32xf32>) -> tensor<32xf32>
  %r = func.call @repeat(%rms) : (tensor<32xf32>) -> tensor<256x32xf32>
  %y = "stablehlo.multiply"(%x, %r) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %loss = func.call @loss(%y) : (tensor<256x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%y) : (tensor<256x32xf32>) -> tensor<32x32xf32>
  return %loss, %g : tensor<f32>, tensor<32x32xf32>
}

// A reduction by something else than a sum.

// CHECK-LABEL: storage plan of 'maximum'
// CHECK: codes of 4 bits (
func.func @maximum(%a: tensor<256x32xf32>, %w: tensor<32x32xf32>) -> (tensor<f32>, tensor<32x32xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %n = "stablehlo.constant"() <{value = dense<256.0> : tensor<32xf32>}> : () -> tensor<32xf32>
  %x = "stablehlo.dot"(%a, %w) : (tensor<256x32xf32>, tensor<32x32xf32>) -> tensor<256x32xf32>
  %square = "stablehlo.multiply"(%x, %x) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %total = "stablehlo.reduce"(%square, %zero) <{dimensions = array<i64: 0>}> ({
  ^bb0(%b: tensor<f32>, %c: tensor<f32>):
    %s = "stablehlo.maximum"(%b, %c) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<256x32xf32>, tensor<f32>) -> tensor<32xf32>
  %squares = "stablehlo.divide"(%total, %n) : (tensor<32xf32>, tensor<32xf32>) -> tensor<32xf32>
  %rms = "stablehlo.rsqrt"(%squares) : (tensor<32xf32>) -> tensor<32xf32>
  %r = func.call @repeat(%rms) : (tensor<32xf32>) -> tensor<256x32xf32>
  %y = "stablehlo.multiply"(%x, %r) : (tensor<256x32xf32>, tensor<256x32xf32>) -> tensor<256x32xf32>
  %loss = func.call @loss(%y) : (tensor<256x32xf32>) -> tensor<f32>
  %g = func.call @gradient(%y) : (tensor<256x32xf32>) -> tensor<32x32xf32>
  return %loss, %g : tensor<f32>, tensor<32x32xf32>
}
