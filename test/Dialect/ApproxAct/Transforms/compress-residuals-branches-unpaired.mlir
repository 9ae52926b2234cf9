// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-compress-residuals | FileCheck %s
// RUN: approx-act-opt %s --approx-act-compress-residuals -o /dev/null \
// RUN:   --remark-format=yaml --remarks-output-file=%t --remarks-filter=approx-act
// RUN: FileCheck %s --input-file=%t --check-prefix=REMARK

// Branches of both passes that are no pair, or demand what they capture exactly,
// leave it exact, and a remark says what that costs.

#all = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [0, 1]>
#gt = #stablehlo<comparison_direction GT>

// Another selector may choose another branch. What is multiplied there can be
// approximated all the same; what is compared cannot, since no codes made outside
// know of the comparison.

// CHECK-LABEL: func @selector
// CHECK: %[[F:.*]]:3 = "stablehlo.case"
// CHECK: approx_act.quantize %[[F]]#1
// CHECK-NOT: approx_act.quantize
// CHECK: "stablehlo.case"
// CHECK: approx_act.dequantize
// CHECK: "stablehlo.multiply"
// CHECK: "stablehlo.compare"(%[[F]]#2
// REMARK: Name: quantized
// REMARK: Function: selector
// REMARK: Name: kept-exact
// REMARK: Function: selector
// REMARK: reason: demanded exactly by stablehlo.case
func.func @selector(%x: tensor<16x16xf32>, %n: tensor<i32>, %m: tensor<i32>) -> (tensor<f32>, tensor<16x16xf32>) {
  %f:3 = "stablehlo.case"(%n) ({
    %a = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %b = "stablehlo.dot"(%a, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    "stablehlo.return"(%x, %a, %b) : (tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>) -> ()
  }) : (tensor<i32>) -> (tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>)
  %loss = "stablehlo.dot_general"(%f#0, %f#1) <{dot_dimension_numbers = #all}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %b = "stablehlo.case"(%m) ({
    %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<16x16xf32>}> : () -> tensor<16x16xf32>
    %p = "stablehlo.multiply"(%g, %f#1) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %c = "stablehlo.compare"(%f#2, %zero) <{comparison_direction = #gt}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xi1>
    %s = "stablehlo.select"(%c, %p, %zero) : (tensor<16x16xi1>, tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    "stablehlo.return"(%s) : (tensor<16x16xf32>) -> ()
  }) : (tensor<i32>) -> tensor<16x16xf32>
  return %loss, %b : tensor<f32>, tensor<16x16xf32>
}

// A logarithm inside, of an argument that is computed there.

// CHECK-LABEL: func @exact
// CHECK-NOT: approx_act
// CHECK: {{^}}    return
// REMARK: Name: kept-exact
// REMARK: Function: exact
// REMARK: reason: demanded exactly by stablehlo.case
func.func @exact(%x: tensor<16x16xf32>, %n: tensor<i32>) -> (tensor<f32>, tensor<16x16xf32>) {
  %h = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %b = "stablehlo.case"(%n) ({
    %a = "stablehlo.abs"(%h) : (tensor<16x16xf32>) -> tensor<16x16xf32>
    %l = "stablehlo.log"(%a) : (tensor<16x16xf32>) -> tensor<16x16xf32>
    %p = "stablehlo.multiply"(%g, %l) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    "stablehlo.return"(%p) : (tensor<16x16xf32>) -> ()
  }) : (tensor<i32>) -> tensor<16x16xf32>
  return %loss, %b : tensor<f32>, tensor<16x16xf32>
}

// Inside a region of a branch that is no branch itself.

// CHECK-LABEL: func @region
// CHECK-NOT: approx_act
// CHECK: {{^}}    return
// REMARK: Name: kept-exact
// REMARK: Function: region
// REMARK: reason: demanded exactly by stablehlo.case
func.func @region(%x: tensor<16x16xf32>, %n: tensor<i32>) -> (tensor<f32>, tensor<16x16xf32>) {
  %h = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %b = "stablehlo.case"(%n) ({
    %p = "stablehlo.while"(%g) ({
    ^bb0(%i: tensor<16x16xf32>):
      %no = "stablehlo.constant"() <{value = dense<false> : tensor<i1>}> : () -> tensor<i1>
      "stablehlo.return"(%no) : (tensor<i1>) -> ()
    }, {
    ^bb0(%i: tensor<16x16xf32>):
      %q = "stablehlo.multiply"(%i, %h) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
      "stablehlo.return"(%q) : (tensor<16x16xf32>) -> ()
    }) : (tensor<16x16xf32>) -> tensor<16x16xf32>
    "stablehlo.return"(%p) : (tensor<16x16xf32>) -> ()
  }) : (tensor<i32>) -> tensor<16x16xf32>
  return %loss, %b : tensor<f32>, tensor<16x16xf32>
}

// The shim accepts an op that StableHLO would not: a branch with an argument, or
// one that returns less than it should. It is no choice to the passes.

// CHECK-LABEL: func @malformed
// CHECK-NOT: approx_act
// CHECK: {{^}}    return
// REMARK: Name: kept-exact
// REMARK: Function: malformed
// REMARK: reason: demanded exactly by stablehlo.case
func.func @malformed(%x: tensor<16x16xf32>, %n: tensor<i32>) -> (tensor<f32>, tensor<16x16xf32>) {
  %f:2 = "stablehlo.case"(%n) ({
    %a = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    "stablehlo.return"(%a) : (tensor<16x16xf32>) -> ()
  }) : (tensor<i32>) -> (tensor<16x16xf32>, tensor<16x16xf32>)
  %loss = "stablehlo.dot_general"(%f#0, %x) <{dot_dimension_numbers = #all}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %b = "stablehlo.case"(%n) ({
  ^bb0(%i: tensor<16x16xf32>):
    %p = "stablehlo.multiply"(%g, %f#1) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    "stablehlo.return"(%p) : (tensor<16x16xf32>) -> ()
  }) : (tensor<i32>) -> tensor<16x16xf32>
  return %loss, %b : tensor<f32>, tensor<16x16xf32>
}

// What crosses has no size that another branch could fill. The branches return
// what they did, and codes are made outside, once.

// CHECK-LABEL: func @dynamic
// CHECK: %[[D:.*]]:3 = "stablehlo.case"
// CHECK-NOT: approx_act.quantize
// CHECK: approx_act.quantize %[[D]]#1
// CHECK: "stablehlo.case"
// CHECK: approx_act.dequantize
// CHECK: "stablehlo.custom_call"({{.*}}, %[[D]]#2)
// REMARK: Name: quantized
// REMARK: Function: dynamic
// REMARK-NOT: Name: quantized
func.func @dynamic(%x: tensor<16x16xf32>, %n: tensor<i32>) -> (tensor<f32>, tensor<16x16xf32>) {
  %f:3 = "stablehlo.case"(%n) ({
    %a = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %c = "stablehlo.custom_call"(%a) <{call_target_name = "f"}> : (tensor<16x16xf32>) -> tensor<?xf32>
    %y = "stablehlo.custom_call"(%a, %c) <{call_target_name = "f"}> : (tensor<16x16xf32>, tensor<?xf32>) -> tensor<16x16xf32>
    "stablehlo.return"(%y, %a, %c) : (tensor<16x16xf32>, tensor<16x16xf32>, tensor<?xf32>) -> ()
  }) : (tensor<i32>) -> (tensor<16x16xf32>, tensor<16x16xf32>, tensor<?xf32>)
  %loss = "stablehlo.dot_general"(%f#0, %x) <{dot_dimension_numbers = #all}> : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%x, %x) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %b = "stablehlo.case"(%n) ({
    %p = "stablehlo.multiply"(%g, %f#1) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %q = "stablehlo.custom_call"(%p, %f#2) <{call_target_name = "f"}> : (tensor<16x16xf32>, tensor<?xf32>) -> tensor<16x16xf32>
    "stablehlo.return"(%q) : (tensor<16x16xf32>) -> ()
  }) : (tensor<i32>) -> tensor<16x16xf32>
  return %loss, %b : tensor<f32>, tensor<16x16xf32>
}
