// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: sed 's/NARROW/i16/' %s | approx-act-opt --approx-act-compress-residuals | FileCheck %s --check-prefix=CODES
// RUN: sed 's/NARROW/ui8/' %s | approx-act-opt --approx-act-compress-residuals | FileCheck %s --check-prefix=CODES
// RUN: sed 's/NARROW/i8/' %s | approx-act-opt --approx-act-compress-residuals | FileCheck %s --check-prefix=EXACT
// RUN: sed 's/NARROW/f16/' %s | approx-act-opt --approx-act-compress-residuals | FileCheck %s --check-prefix=EXACT
// RUN: sed 's/NARROW/ui8/; s/i32/ui8/g' %s | approx-act-opt --approx-act-compress-residuals | FileCheck %s --check-prefix=CODES

// A loop writes each of 200 elements if the index of the write is its counter,
// whatever types it has been converted to, as long as they have the number 199.

// CODES: -> tensor<200x8x1x16xi8>
// CODES: "stablehlo.dynamic_slice"{{.*}} : (tensor<200x8x1x16xi8>
// EXACT-NOT: approx_act
// EXACT: "stablehlo.dynamic_slice"{{.*}} : (tensor<200x16x16xf32>
func.func @step(%x: tensor<16x16xf32>, %w: tensor<16x16xf32>) -> (tensor<f32>, tensor<16x16xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
  %one = "stablehlo.constant"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
  %n = "stablehlo.constant"() <{value = dense<200> : tensor<i32>}> : () -> tensor<i32>
  %last = "stablehlo.constant"() <{value = dense<199> : tensor<i32>}> : () -> tensor<i32>
  %half = "stablehlo.constant"() <{value = dense<0.5> : tensor<200x16x16xf32>}> : () -> tensor<200x16x16xf32>
  %f:3 = "stablehlo.while"(%zero, %x, %half) ({
  ^bb0(%i: tensor<i32>, %h: tensor<16x16xf32>, %s: tensor<200x16x16xf32>):
    %c = "stablehlo.compare"(%i, %n) <{comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%i: tensor<i32>, %h: tensor<16x16xf32>, %s: tensor<200x16x16xf32>):
    %a = "stablehlo.dot"(%h, %w) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %t = "stablehlo.tanh"(%a) : (tensor<16x16xf32>) -> tensor<16x16xf32>
    %e = "stablehlo.reshape"(%t) : (tensor<16x16xf32>) -> tensor<1x16x16xf32>
    %narrow = "stablehlo.convert"(%i) : (tensor<i32>) -> tensor<NARROW>
    %index = "stablehlo.convert"(%narrow) : (tensor<NARROW>) -> tensor<i32>
    %s1 = "stablehlo.dynamic_update_slice"(%s, %e, %index, %zero, %zero) : (tensor<200x16x16xf32>, tensor<1x16x16xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<200x16x16xf32>
    %i1 = "stablehlo.add"(%i, %one) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    "stablehlo.return"(%i1, %t, %s1) : (tensor<i32>, tensor<16x16xf32>, tensor<200x16x16xf32>) -> ()
  }) : (tensor<i32>, tensor<16x16xf32>, tensor<200x16x16xf32>) -> (tensor<i32>, tensor<16x16xf32>, tensor<200x16x16xf32>)
  %loss = "stablehlo.dot_general"(%f#1, %f#1) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [0, 1]>}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<f32>
  %g0 = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %b:3 = "stablehlo.while"(%zero, %g0, %f#2) ({
  ^bb0(%i: tensor<i32>, %g: tensor<16x16xf32>, %s: tensor<200x16x16xf32>):
    %c = "stablehlo.compare"(%i, %n) <{comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%i: tensor<i32>, %g: tensor<16x16xf32>, %s: tensor<200x16x16xf32>):
    %j = "stablehlo.subtract"(%last, %i) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %e = "stablehlo.dynamic_slice"(%s, %j, %zero, %zero) <{slice_sizes = array<i64: 1, 16, 16>}> : (tensor<200x16x16xf32>, tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<1x16x16xf32>
    %t = "stablehlo.reshape"(%e) : (tensor<1x16x16xf32>) -> tensor<16x16xf32>
    %p = "stablehlo.multiply"(%g, %t) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %g1 = "stablehlo.dot"(%p, %w) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %i1 = "stablehlo.add"(%i, %one) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    "stablehlo.return"(%i1, %g1, %s) : (tensor<i32>, tensor<16x16xf32>, tensor<200x16x16xf32>) -> ()
  }) : (tensor<i32>, tensor<16x16xf32>, tensor<200x16x16xf32>) -> (tensor<i32>, tensor<16x16xf32>, tensor<200x16x16xf32>)
  return %loss, %b#1 : tensor<f32>, tensor<16x16xf32>
}
