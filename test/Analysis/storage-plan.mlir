// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-print-storage-plan --mlir-disable-threading -o /dev/null 2>&1 | FileCheck %s

#all = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [0, 1]>

// Of a family of values that follow from each other, one is stored.

// CHECK-LABEL: storage plan of 'family'
// CHECK-SAME: 1 stored, 3 recomputed
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.dot: codes of 4 bits
func.func @family(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %a = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %b = "stablehlo.tanh"(%a) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = "stablehlo.add"(%a, %b) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %d = "stablehlo.multiply"(%c, %a) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%d, %d) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%a, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = "stablehlo.dot"(%b, %0) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %2 = "stablehlo.dot"(%c, %1) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %3 = "stablehlo.dot"(%d, %2) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %3 : tensor<f32>, tensor<64x64xf32>
}

// Of two ancestors and the one value made of both, the one.

// CHECK-LABEL: storage plan of 'meeting'
// CHECK-SAME: 1 stored
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.multiply: codes of 4 bits
func.func @meeting(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %a = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %b = "stablehlo.dot"(%w, %x) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = "stablehlo.multiply"(%a, %b) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%c, %c) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%c, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %0 : tensor<f32>, tensor<64x64xf32>
}

// A narrow value that a wide one repeats is the cheaper one.

// CHECK-LABEL: storage plan of 'repeated'
// CHECK-SAME: 1 stored
// CHECK-NEXT: tensor<64xf32> of stablehlo.dot:
func.func @repeated(%x: tensor<64x64xf32>, %v: tensor<64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %a = "stablehlo.dot"(%x, %v) : (tensor<64x64xf32>, tensor<64xf32>) -> tensor<64xf32>
  %b = "stablehlo.broadcast_in_dim"(%a) <{broadcast_dimensions = array<i64: 1>}> : (tensor<64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%b, %b) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%b, %x) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %0 : tensor<f32>, tensor<64x64xf32>
}

// Functions of arguments alone are computed again, whatever they cost to keep.

// CHECK-LABEL: storage plan of 'of_arguments'
// CHECK-SAME: 0 stored, 2 recomputed
func.func @of_arguments(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %t = "stablehlo.transpose"(%w) <{permutation = array<i64: 1, 0>}> : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %e = "stablehlo.exponential"(%t) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%e, %x) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%e, %x) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = "stablehlo.dot"(%t, %0) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %1 : tensor<f32>, tensor<64x64xf32>
}

// A value that the step returns is there anyway, and so is what follows from it.

// CHECK-LABEL: storage plan of 'returned'
// CHECK-SAME: 0 stored, 1 recomputed
func.func @returned(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>, tensor<64x64xf32>) {
  %a = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %b = "stablehlo.log"(%a) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%b, %a) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%b, %x) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %0, %a : tensor<f32>, tensor<64x64xf32>, tensor<64x64xf32>
}

// What is demanded exactly is stored so, and once: the exact value serves who
// would take an approximation. A logarithm asks for its operand, but its result
// bears codes.

// CHECK-LABEL: storage plan of 'exactly'
// CHECK-SAME: 5 stored
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.dot: exact (demanded exactly by stablehlo.divide)
// CHECK-NEXT: tensor<64x64xi32> of stablehlo.custom_call: exact (demanded exactly by stablehlo.gather)
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.tanh: exact (demanded exactly by stablehlo.custom_call)
// CHECK-NEXT: tensor<64x64xi1> of stablehlo.custom_call: mask
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.log: codes of 4 bits
func.func @exactly(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %denominator = "stablehlo.dot"(%w, %x) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %indices = "stablehlo.custom_call"(%w) <{call_target_name = "f"}> : (tensor<64x64xf32>) -> tensor<64x64xi32>
  %a = "stablehlo.dot"(%w, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %b = "stablehlo.dot"(%x, %x) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %unknown = "stablehlo.tanh"(%b) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %mask = "stablehlo.custom_call"(%w) <{call_target_name = "f"}> : (tensor<64x64xf32>) -> tensor<64x64xi1>
  %loss = "stablehlo.custom_call"(%denominator, %indices, %unknown, %a, %mask) <{call_target_name = "f"}>
      : (tensor<64x64xf32>, tensor<64x64xi32>, tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xi1>) -> tensor<f32>
  %log = "stablehlo.log"(%a) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %0 = "stablehlo.dot"(%log, %denominator) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = "stablehlo.divide"(%0, %denominator) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %2 = "stablehlo.gather"(%1, %indices) <{dimension_numbers = #stablehlo.gather<offset_dims = [1], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 2>, slice_sizes = array<i64: 1, 64>}>
      : (tensor<64x64xf32>, tensor<64x64xi32>) -> tensor<64x64xf32>
  %3 = "stablehlo.custom_call"(%2, %unknown) <{call_target_name = "f"}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %4 = "stablehlo.select"(%mask, %3, %0) : (tensor<64x64xi1>, tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %4 : tensor<f32>, tensor<64x64xf32>
}

// What says why is the op that needs it, not those between.

// CHECK-LABEL: storage plan of 'behind_views'
// CHECK-SAME: 1 stored, 1 recomputed
// CHECK-NEXT: tensor<64xf32> of stablehlo.dot: exact (demanded exactly by stablehlo.divide)
func.func @behind_views(%x: tensor<64x64xf32>, %w: tensor<64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %a = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64xf32>) -> tensor<64xf32>
  %b = "stablehlo.broadcast_in_dim"(%a) <{broadcast_dimensions = array<i64: 0>}> : (tensor<64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%b, %x) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%x, %x) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %0 = "stablehlo.divide"(%g, %b) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %0 : tensor<f32>, tensor<64x64xf32>
}

// A function of what is stored exactly is exact, and need not be stored.

// CHECK-LABEL: storage plan of 'exact_function'
// CHECK-SAME: 1 stored, 1 recomputed
// CHECK-NEXT: of stablehlo.dot: exact (demanded exactly by
func.func @exact_function(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %a = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %b = "stablehlo.tanh"(%a) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%b, %b) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.custom_call"(%b, %a) <{call_target_name = "f"}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %0 : tensor<f32>, tensor<64x64xf32>
}

// The small stays exact: 256 bytes of 33,024 are less than a five-hundredth,
// 16 KiB are not. So do sums over many elements and what follows from them,
// whatever their size.

// CHECK-LABEL: storage plan of 'small'
// CHECK-SAME: 4 stored
// CHECK-NEXT: tensor<1024x1024xf32> of stablehlo.dot: codes of 4 bits
// CHECK-NEXT: tensor<64xf32> of stablehlo.dot: exact (small against all residuals)
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.dot: codes of 4 bits
// CHECK-NEXT: tensor<1024xf32> of stablehlo.tanh: exact (a statistic of many elements)
func.func @small(%x: tensor<1024x1024xf32>, %w: tensor<64x64xf32>, %v: tensor<64xf32>) -> (tensor<f32>, tensor<1024x1024xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %a = "stablehlo.dot"(%x, %x) : (tensor<1024x1024xf32>, tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
  %b = "stablehlo.dot"(%w, %v) : (tensor<64x64xf32>, tensor<64xf32>) -> tensor<64xf32>
  %c = "stablehlo.dot"(%w, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %d = "stablehlo.reduce"(%x, %zero) <{dimensions = array<i64: 0>}> ({
  ^bb0(%e: tensor<f32>, %f: tensor<f32>):
    %s = "stablehlo.add"(%e, %f) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<1024x1024xf32>, tensor<f32>) -> tensor<1024xf32>
  %t = "stablehlo.tanh"(%d) : (tensor<1024xf32>) -> tensor<1024xf32>
  %loss = "stablehlo.custom_call"(%a, %b, %c, %t) <{call_target_name = "f"}> : (tensor<1024x1024xf32>, tensor<64xf32>, tensor<64x64xf32>, tensor<1024xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%a, %t) : (tensor<1024x1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
  %1 = "stablehlo.dot"(%c, %b) : (tensor<64x64xf32>, tensor<64xf32>) -> tensor<64xf32>
  %2 = "stablehlo.custom_call"(%0, %1) <{call_target_name = "f"}> : (tensor<1024xf32>, tensor<64xf32>) -> tensor<1024x1024xf32>
  return %loss, %2 : tensor<f32>, tensor<1024x1024xf32>
}

// A softplus and its derivative are smooth, though a logarithm demands
// exactness: the argument is stored, once.

// CHECK-LABEL: storage plan of 'softplus'
// CHECK-SAME: 1 stored, 2 recomputed
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.dot: codes of 4 bits
func.func @softplus(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %one = "stablehlo.constant"() <{value = dense<1.0> : tensor<64x64xf32>}> : () -> tensor<64x64xf32>
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x64xf32>}> : () -> tensor<64x64xf32>
  %a = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %m = "stablehlo.abs"(%a) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %n = "stablehlo.negate"(%m) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %e = "stablehlo.exponential"(%n) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %l = "stablehlo.log_plus_one"(%e) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %r = "stablehlo.maximum"(%a, %zero) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %y = "stablehlo.add"(%r, %l) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%y, %y) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %d0 = "stablehlo.subtract"(%a, %y) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %d = "stablehlo.exponential"(%d0) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %0 = "stablehlo.dot"(%y, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = "stablehlo.multiply"(%0, %d) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %1 : tensor<f32>, tensor<64x64xf32>
}

// The reciprocal of 1 + |x| is smooth in x, that of |x| is not. What is stored
// is x, not the denominator.

// CHECK-LABEL: storage plan of 'denominators'
// CHECK-SAME: 2 stored
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.dot: codes of 4 bits
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.abs: exact (demanded exactly by stablehlo.divide)
func.func @denominators(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %one = "stablehlo.constant"() <{value = dense<1.0> : tensor<64x64xf32>}> : () -> tensor<64x64xf32>
  %a = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %m = "stablehlo.abs"(%a) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %d = "stablehlo.add"(%m, %one) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %b = "stablehlo.dot"(%w, %d) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %n = "stablehlo.abs"(%b) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%n, %n) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %g = "stablehlo.broadcast_in_dim"(%loss) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<64x64xf32>
  %0 = "stablehlo.dot"(%g, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = "stablehlo.divide"(%0, %d) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %2 = "stablehlo.divide"(%1, %n) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %2 : tensor<f32>, tensor<64x64xf32>
}

// A sigmoid's denominator and the exponential in it are of any order of
// magnitude, while their quotients are smooth: all are computed again from the
// argument.

// CHECK-LABEL: storage plan of 'sigmoid'
// CHECK-SAME: 1 stored
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.dot: codes of 4 bits
func.func @sigmoid(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %one = "stablehlo.constant"() <{value = dense<1.0> : tensor<64x64xf32>}> : () -> tensor<64x64xf32>
  %a = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %n = "stablehlo.negate"(%a) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %e = "stablehlo.exponential"(%n) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %d = "stablehlo.add"(%e, %one) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %y = "stablehlo.divide"(%one, %d) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%y, %y) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %q = "stablehlo.multiply"(%d, %d) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %g = "stablehlo.broadcast_in_dim"(%loss) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<64x64xf32>
  %0 = "stablehlo.dot"(%g, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = "stablehlo.divide"(%0, %q) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %2 = "stablehlo.multiply"(%1, %e) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %3 = "stablehlo.dot"(%x, %2) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %3 : tensor<f32>, tensor<64x64xf32>
}

// A step is a step however small it is: its side is in no code of the argument.

// CHECK-LABEL: storage plan of 'small_step'
// CHECK-SAME: 2 stored
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.dot: codes of 4 bits
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.multiply: codes of 4 bits
func.func @small_step(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %small = "stablehlo.constant"() <{value = dense<0.01> : tensor<64x64xf32>}> : () -> tensor<64x64xf32>
  %a = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %s = "stablehlo.sign"(%a) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %y = "stablehlo.multiply"(%s, %small) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%y, %y) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %g = "stablehlo.broadcast_in_dim"(%loss) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<64x64xf32>
  %0 = "stablehlo.dot"(%y, %g) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = "stablehlo.dot"(%a, %0) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %1 : tensor<f32>, tensor<64x64xf32>
}

// A sum of exponentials has a root unless it starts below zero, which nobody
// knows of an argument.

// CHECK-LABEL: storage plan of 'sum_of_exponentials'
// CHECK-SAME: 1 stored
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.reduce: codes of 4 bits, of the root
// CHECK-LABEL: storage plan of 'sum_from_anywhere'
// CHECK-SAME: 1 stored
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.reduce: codes of 4 bits (
func.func @sum_of_exponentials(%x: tensor<64x64x8xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %e = "stablehlo.exponential"(%x) : (tensor<64x64x8xf32>) -> tensor<64x64x8xf32>
  %s = "stablehlo.reduce"(%e, %zero) <{dimensions = array<i64: 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %sum = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%sum) : (tensor<f32>) -> ()
  }) : (tensor<64x64x8xf32>, tensor<f32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%s, %w) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %g = "stablehlo.broadcast_in_dim"(%loss) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<64x64xf32>
  %0 = "stablehlo.dot"(%s, %g) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %0 : tensor<f32>, tensor<64x64xf32>
}
func.func @sum_from_anywhere(%x: tensor<64x64x8xf32>, %w: tensor<64x64xf32>, %init: tensor<f32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %e = "stablehlo.exponential"(%x) : (tensor<64x64x8xf32>) -> tensor<64x64x8xf32>
  %s = "stablehlo.reduce"(%e, %init) <{dimensions = array<i64: 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %sum = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%sum) : (tensor<f32>) -> ()
  }) : (tensor<64x64x8xf32>, tensor<f32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%s, %w) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %g = "stablehlo.broadcast_in_dim"(%loss) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<64x64xf32>
  %0 = "stablehlo.dot"(%s, %g) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %0 : tensor<f32>, tensor<64x64xf32>
}

// The argument of a sine may span many periods; the sine does not.

// CHECK-LABEL: storage plan of 'periodic'
// CHECK-SAME: 2 stored, 0 recomputed
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.sine: codes of 4 bits
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.cosine: codes of 4 bits
func.func @periodic(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %a = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %s = "stablehlo.sine"(%a) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = "stablehlo.cosine"(%a) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%s, %s) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%s, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = "stablehlo.multiply"(%0, %c) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %1 : tensor<f32>, tensor<64x64xf32>
}

// What branches compute cheaply of a value before them is recomputed from that.

// CHECK-LABEL: storage plan of 'branches'
// CHECK-SAME: 1 stored, 1 recomputed
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.dot: codes of 4 bits
func.func @branches(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>, %n: tensor<i32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %y = "stablehlo.case"(%n) ({
    %t = "stablehlo.tanh"(%h) : (tensor<64x64xf32>) -> tensor<64x64xf32>
    "stablehlo.return"(%t) : (tensor<64x64xf32>) -> ()
  }, {
    "stablehlo.return"(%h) : (tensor<64x64xf32>) -> ()
  }) : (tensor<i32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%y, %y) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%y, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = "stablehlo.dot"(%h, %0) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %1 : tensor<f32>, tensor<64x64xf32>
}

// But not of an approximation where a branch takes the exponential of it, or its
// side of a threshold.

// CHECK-LABEL: storage plan of 'branches_of_exact'
// CHECK-SAME: 2 stored, 0 recomputed
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.dot: codes of 4 bits
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.case: codes of 4 bits
// CHECK-LABEL: storage plan of 'branches_of_masks'
// CHECK-SAME: 2 stored, 0 recomputed
func.func @branches_of_exact(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>, %n: tensor<i32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %y = "stablehlo.case"(%n) ({
    %m = "stablehlo.negate"(%h) : (tensor<64x64xf32>) -> tensor<64x64xf32>
    %t = "stablehlo.exponential"(%m) : (tensor<64x64xf32>) -> tensor<64x64xf32>
    "stablehlo.return"(%t) : (tensor<64x64xf32>) -> ()
  }, {
    "stablehlo.return"(%h) : (tensor<64x64xf32>) -> ()
  }) : (tensor<i32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%y, %y) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%y, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = "stablehlo.dot"(%h, %0) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %1 : tensor<f32>, tensor<64x64xf32>
}
func.func @branches_of_masks(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>, %n: tensor<i32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %y = "stablehlo.case"(%n) ({
    %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<64x64xf32>}> : () -> tensor<64x64xf32>
    %m = "stablehlo.compare"(%h, %zero) <{comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xi1>
    %t = "stablehlo.select"(%m, %x, %zero) : (tensor<64x64xi1>, tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
    "stablehlo.return"(%t) : (tensor<64x64xf32>) -> ()
  }, {
    "stablehlo.return"(%h) : (tensor<64x64xf32>) -> ()
  }) : (tensor<i32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%y, %y) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%y, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = "stablehlo.dot"(%h, %0) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %1 : tensor<f32>, tensor<64x64xf32>
}

// Complex numbers are made of their parts again, and parts and conjugates of
// complex numbers. They have no codes, nor has what they are made of.

// CHECK-LABEL: storage plan of 'complex_weights'
// CHECK-SAME: 0 stored, 1 recomputed
func.func @complex_weights(%x: tensor<64x64xcomplex<f32>>, %re: tensor<64x64xf32>, %im: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xcomplex<f32>>) {
  %w = "stablehlo.complex"(%re, %im) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xcomplex<f32>>
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x64xcomplex<f32>>, tensor<64x64xcomplex<f32>>) -> tensor<64x64xcomplex<f32>>
  %r = "stablehlo.real"(%h) : (tensor<64x64xcomplex<f32>>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%r, %re) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%w, %x) : (tensor<64x64xcomplex<f32>>, tensor<64x64xcomplex<f32>>) -> tensor<64x64xcomplex<f32>>
  return %loss, %0 : tensor<f32>, tensor<64x64xcomplex<f32>>
}
// CHECK-LABEL: storage plan of 'conjugate'
// CHECK-SAME: 1 stored, 4 recomputed
// CHECK-NEXT: tensor<64x64xcomplex<f32>> of stablehlo.dot: exact (demanded exactly by stablehlo.{{real|imag}})
func.func @conjugate(%x: tensor<64x64xcomplex<f32>>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xcomplex<f32>>, tensor<64x64xf32>) {
  %h = "stablehlo.dot"(%x, %x) : (tensor<64x64xcomplex<f32>>, tensor<64x64xcomplex<f32>>) -> tensor<64x64xcomplex<f32>>
  %re = "stablehlo.real"(%h) : (tensor<64x64xcomplex<f32>>) -> tensor<64x64xf32>
  %im = "stablehlo.imag"(%h) : (tensor<64x64xcomplex<f32>>) -> tensor<64x64xf32>
  %n = "stablehlo.negate"(%im) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = "stablehlo.complex"(%re, %n) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xcomplex<f32>>
  %p = "stablehlo.multiply"(%c, %h) : (tensor<64x64xcomplex<f32>>, tensor<64x64xcomplex<f32>>) -> tensor<64x64xcomplex<f32>>
  %a = "stablehlo.real"(%p) : (tensor<64x64xcomplex<f32>>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%a, %w) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%c, %x) : (tensor<64x64xcomplex<f32>>, tensor<64x64xcomplex<f32>>) -> tensor<64x64xcomplex<f32>>
  %1 = "stablehlo.dot"(%re, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %0, %1 : tensor<f32>, tensor<64x64xcomplex<f32>>, tensor<64x64xf32>
}

// A transform is linear in real numbers too, and is not computed again.

// CHECK-LABEL: storage plan of 'transform'
// CHECK-SAME: 1 stored
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.dot: codes of 4 bits
func.func @transform(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x33xcomplex<f32>>) {
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.fft"(%h) <{fft_type = #stablehlo<fft_type RFFT>, fft_length = array<i64: 64>}> : (tensor<64x64xf32>) -> tensor<64x33xcomplex<f32>>
  return %loss, %0 : tensor<f32>, tensor<64x33xcomplex<f32>>
}
// CHECK-LABEL: storage plan of 'complex_transform'
// CHECK-SAME: 1 stored, 1 recomputed
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.dot: exact (demanded exactly by stablehlo.fft)
func.func @complex_transform(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xcomplex<f32>>) {
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.complex"(%h, %x) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xcomplex<f32>>
  %1 = "stablehlo.fft"(%0) <{fft_type = #stablehlo<fft_type FFT>, fft_length = array<i64: 64>}> : (tensor<64x64xcomplex<f32>>) -> tensor<64x64xcomplex<f32>>
  return %loss, %1 : tensor<f32>, tensor<64x64xcomplex<f32>>
}
// CHECK-LABEL: storage plan of 'transformed'
// CHECK-SAME: 1 stored, 0 recomputed
// CHECK-NEXT: tensor<64x33xcomplex<f32>> of stablehlo.fft: exact (demanded exactly by stablehlo.dot)
func.func @transformed(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>, %v: tensor<33x64xcomplex<f32>>) -> (tensor<f32>, tensor<64x64xcomplex<f32>>) {
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %f = "stablehlo.fft"(%h) <{fft_type = #stablehlo<fft_type RFFT>, fft_length = array<i64: 64>}> : (tensor<64x64xf32>) -> tensor<64x33xcomplex<f32>>
  %a = "stablehlo.abs"(%f) : (tensor<64x33xcomplex<f32>>) -> tensor<64x33xf32>
  %loss = "stablehlo.dot_general"(%a, %a) <{dot_dimension_numbers = #all}> : (tensor<64x33xf32>, tensor<64x33xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%f, %v) : (tensor<64x33xcomplex<f32>>, tensor<33x64xcomplex<f32>>) -> tensor<64x64xcomplex<f32>>
  return %loss, %0 : tensor<f32>, tensor<64x64xcomplex<f32>>
}

// A prefix sum is computed again from codes of what it sums, where these are
// stored: gradients are differences of its elements. Alone it is stored itself.

// CHECK-LABEL: storage plan of 'prefix_sum'
// CHECK-SAME: 1 stored, 2 recomputed
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.dot: codes of 4 bits
func.func @prefix_sum(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %s = "stablehlo.reduce_window"(%h, %zero) <{padding = dense<[[63, 0], [0, 0]]> : tensor<2x2xi64>, window_dimensions = array<i64: 64, 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%c) : (tensor<f32>) -> ()
  }) : (tensor<64x64xf32>, tensor<f32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%s, %s) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%s, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = "stablehlo.dot"(%h, %0) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %1 : tensor<f32>, tensor<64x64xf32>
}
// CHECK-LABEL: storage plan of 'suffix_sum'
// CHECK-SAME: 1 stored, 3 recomputed
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.dot: codes of 4 bits
func.func @suffix_sum(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %t = "stablehlo.tanh"(%h) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %s = "stablehlo.reduce_window"(%t, %zero) <{padding = dense<[[0, 0], [0, 63]]> : tensor<2x2xi64>, window_dimensions = array<i64: 1, 64>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%c) : (tensor<f32>) -> ()
  }) : (tensor<64x64xf32>, tensor<f32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%s, %s) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%s, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = "stablehlo.dot"(%h, %0) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %1 : tensor<f32>, tensor<64x64xf32>
}
// CHECK-LABEL: storage plan of 'prefix_sum_alone'
// CHECK-SAME: 1 stored, 0 recomputed
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.reduce_window: codes of 4 bits
func.func @prefix_sum_alone(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %s = "stablehlo.reduce_window"(%h, %zero) <{padding = dense<[[63, 0], [0, 0]]> : tensor<2x2xi64>, window_dimensions = array<i64: 64, 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%c) : (tensor<f32>) -> ()
  }) : (tensor<64x64xf32>, tensor<f32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%s, %s) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%s, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %0 : tensor<f32>, tensor<64x64xf32>
}

// Not of an outer product: there are more sums than terms.

// CHECK-LABEL: storage plan of 'outer_product_sum'
// CHECK-SAME: 2 stored
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.dot: codes of 4 bits
// CHECK-NEXT: tensor<64x64x64xf32> of stablehlo.reduce_window: codes of 4 bits
func.func @outer_product_sum(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64x64xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %k = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %rows = "stablehlo.broadcast_in_dim"(%k) <{broadcast_dimensions = array<i64: 0, 1>}> : (tensor<64x64xf32>) -> tensor<64x64x64xf32>
  %columns = "stablehlo.broadcast_in_dim"(%k) <{broadcast_dimensions = array<i64: 0, 2>}> : (tensor<64x64xf32>) -> tensor<64x64x64xf32>
  %kv = "stablehlo.multiply"(%rows, %columns) : (tensor<64x64x64xf32>, tensor<64x64x64xf32>) -> tensor<64x64x64xf32>
  %s = "stablehlo.reduce_window"(%kv, %zero) <{padding = dense<[[63, 0], [0, 0], [0, 0]]> : tensor<3x2xi64>, window_dimensions = array<i64: 64, 1, 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%c) : (tensor<f32>) -> ()
  }) : (tensor<64x64x64xf32>, tensor<f32>) -> tensor<64x64x64xf32>
  %loss = "stablehlo.dot_general"(%s, %s) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [0, 1, 2], rhs_contracting_dimensions = [0, 1, 2]>}> : (tensor<64x64x64xf32>, tensor<64x64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%s, %w) : (tensor<64x64x64xf32>, tensor<64x64xf32>) -> tensor<64x64x64xf32>
  %1 = "stablehlo.dot"(%0, %k) : (tensor<64x64x64xf32>, tensor<64x64xf32>) -> tensor<64x64x64xf32>
  return %loss, %1 : tensor<f32>, tensor<64x64x64xf32>
}

// Sums that are demanded exactly need exact terms.

// CHECK-LABEL: storage plan of 'exact_prefix_sum'
// CHECK-SAME: 1 stored
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.dot: exact (demanded exactly by stablehlo.divide)
func.func @exact_prefix_sum(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %s = "stablehlo.reduce_window"(%h, %zero) <{padding = dense<[[63, 0], [0, 0]]> : tensor<2x2xi64>, window_dimensions = array<i64: 64, 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%c) : (tensor<f32>) -> ()
  }) : (tensor<64x64xf32>, tensor<f32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%s, %s) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %g = "stablehlo.dot"(%w, %x) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %q = "stablehlo.divide"(%g, %s) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %r = "stablehlo.divide"(%q, %h) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %0 = "stablehlo.dot"(%r, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = "stablehlo.dot"(%h, %0) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %1 : tensor<f32>, tensor<64x64xf32>
}

// Sums of other windows, and other than sums, are as they were.

// CHECK-LABEL: storage plan of 'other_windows'
// CHECK-SAME: 5 stored
// CHECK-NEXT: of stablehlo.dot: codes
// CHECK-NEXT: of stablehlo.reduce_window: codes
// CHECK-NEXT: of stablehlo.reduce_window: codes
// CHECK-NEXT: of stablehlo.reduce_window: codes
// CHECK-NEXT: of stablehlo.reduce_window: codes
func.func @other_windows(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %max = "stablehlo.reduce_window"(%h, %zero) <{padding = dense<[[63, 0], [0, 0]]> : tensor<2x2xi64>, window_dimensions = array<i64: 64, 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = "stablehlo.maximum"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%c) : (tensor<f32>) -> ()
  }) : (tensor<64x64xf32>, tensor<f32>) -> tensor<64x64xf32>
  %short = "stablehlo.reduce_window"(%max, %zero) <{padding = dense<[[31, 0], [0, 0]]> : tensor<2x2xi64>, window_dimensions = array<i64: 32, 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%c) : (tensor<f32>) -> ()
  }) : (tensor<64x64xf32>, tensor<f32>) -> tensor<64x64xf32>
  %both = "stablehlo.reduce_window"(%short, %zero) <{padding = dense<[[63, 0], [63, 0]]> : tensor<2x2xi64>, window_dimensions = array<i64: 64, 64>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%c) : (tensor<f32>) -> ()
  }) : (tensor<64x64xf32>, tensor<f32>) -> tensor<64x64xf32>
  %wide = "stablehlo.reduce_window"(%both, %zero) <{padding = dense<[[63, 63], [0, 0]]> : tensor<2x2xi64>, window_dimensions = array<i64: 127, 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%c) : (tensor<f32>) -> ()
  }) : (tensor<64x64xf32>, tensor<f32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%wide, %wide) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%wide, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = "stablehlo.dot"(%both, %0) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %2 = "stablehlo.dot"(%short, %1) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %3 = "stablehlo.dot"(%max, %2) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %4 = "stablehlo.dot"(%h, %3) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %4 : tensor<f32>, tensor<64x64xf32>
}

// Sums that the backward pass makes itself, of cotangents, are of exact terms.

// CHECK-LABEL: storage plan of 'backward_sum'
// CHECK-SAME: 1 stored
// CHECK-NEXT: tensor<64x64xf32> of stablehlo.dot: exact (demanded exactly by stablehlo.reduce_window)
func.func @backward_sum(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %h = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%h, %h) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.reduce_window"(%h, %zero) <{padding = dense<[[0, 63], [0, 0]]> : tensor<2x2xi64>, window_dimensions = array<i64: 64, 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%c) : (tensor<f32>) -> ()
  }) : (tensor<64x64xf32>, tensor<f32>) -> tensor<64x64xf32>
  return %loss, %0 : tensor<f32>, tensor<64x64xf32>
}

// An op with too few operands, which no importer lets through, is no function.

// CHECK-LABEL: storage plan of 'malformed'
// CHECK-SAME: 1 stored, 0 recomputed
func.func @malformed(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %a = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %b = "stablehlo.power"(%a) : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.dot_general"(%b, %b) <{dot_dimension_numbers = #all}> : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%b, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %0 : tensor<f32>, tensor<64x64xf32>
}
