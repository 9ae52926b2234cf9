// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-index-windows | FileCheck %s
// RUN: approx-act-opt %s --mlir-disable-threading --approx-act-index-windows --approx-act-print-storage-plan=min-fraction=0 -o /dev/null 2>&1 | FileCheck %s --check-prefix=PLAN

// That the winners are right, also of equal elements and NaN, is shown by
// running, in test/Integration/windows.py.

#all = #stablehlo.dot<lhs_contracting_dimensions = [0, 1], rhs_contracting_dimensions = [0, 1]>

// Windows that divide the operand: three comparisons make two bits, and each
// element asks whether it won.

// CHECK-LABEL: func @partition
// PLAN-LABEL: storage plan of 'partition': 2 stored
// PLAN-NEXT: tensor<4x4xi1> of stablehlo.or: mask
// PLAN-NEXT: tensor<4x4xi1> of stablehlo.or: mask
// PLAN-LABEL: storage plan of 'overlapping': 4 stored
func.func @partition(%x: tensor<8x8xf32>, %w: tensor<8x8xf32>, %c: tensor<4x4xf32>) -> (tensor<f32>, tensor<8x8xf32>) {
  // CHECK: %[[Z:.*]] = "stablehlo.dot"(%arg0
  // CHECK: %[[G:.*]] = "stablehlo.dot"(%{{.*}}, %arg2)
  // CHECK: %[[C0:.*]] = "stablehlo.slice"(%[[Z]]) <{limit_indices = array<i64: 7, 7>, start_indices = array<i64: 0, 0>, strides = array<i64: 2, 2>}>
  // CHECK: %[[C1:.*]] = "stablehlo.slice"(%[[Z]]) <{limit_indices = array<i64: 7, 8>, start_indices = array<i64: 0, 1>
  // CHECK: "stablehlo.compare"(%[[C0]], %[[C1]]) <{comparison_direction = #stablehlo<comparison_direction GE>}>
  // CHECK-COUNT-2: direction GE
  // CHECK-NOT: direction GE
  // CHECK: %[[WON:.*]] = "stablehlo.compare"{{.*}} : (tensor<4x2x4x2xi32>, tensor<4x2x4x2xi32>)
  // CHECK: %[[SPREAD:.*]] = "stablehlo.broadcast_in_dim"(%[[G]]) <{broadcast_dimensions = array<i64: 0, 2>}>
  // CHECK: %[[S:.*]] = "stablehlo.select"(%[[WON]], %[[SPREAD]], %{{.*}})
  // CHECK: "stablehlo.reshape"(%[[S]]) : (tensor<4x2x4x2xf32>) -> tensor<8x8xf32>
  // CHECK-NOT: select_and_scatter
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %z = "stablehlo.dot"(%x, %w) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %loss = "stablehlo.dot_general"(%z, %z) <{dot_dimension_numbers = #all}> : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<f32>
  %l = "stablehlo.broadcast_in_dim"(%loss) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<4x4xf32>
  %g = "stablehlo.dot"(%l, %c) : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %d = "stablehlo.select_and_scatter"(%z, %g, %zero) <{padding = dense<0> : tensor<2x2xi64>, window_dimensions = array<i64: 2, 2>, window_strides = array<i64: 2, 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.compare"(%a, %b) <{comparison_direction = #stablehlo<comparison_direction GE>}> : (tensor<f32>, tensor<f32>) -> tensor<i1>
    "stablehlo.return"(%s) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<8x8xf32>, tensor<4x4xf32>, tensor<f32>) -> tensor<8x8xf32>
  return %loss, %d : tensor<f32>, tensor<8x8xf32>
}

// Windows that overlap: a term for each of their places.

// CHECK-LABEL: func @overlapping
func.func @overlapping(%x: tensor<7x7xf32>, %w: tensor<7x7xf32>, %c: tensor<3x3xf32>) -> (tensor<f32>, tensor<7x7xf32>) {
  // CHECK-COUNT-8: direction GE
  // CHECK-NOT: direction GE
  // CHECK: "stablehlo.pad"{{.*}} <{edge_padding_high = array<i64: 2, 2>, edge_padding_low = array<i64: 0, 0>, interior_padding = array<i64: 1, 1>}>
  // CHECK: "stablehlo.pad"{{.*}} <{edge_padding_high = array<i64: 2, 1>, edge_padding_low = array<i64: 0, 1>
  // CHECK-COUNT-7: "stablehlo.pad"
  // CHECK-NOT: select_and_scatter
  // CHECK: return
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %z = "stablehlo.dot"(%x, %w) : (tensor<7x7xf32>, tensor<7x7xf32>) -> tensor<7x7xf32>
  %loss = "stablehlo.dot_general"(%z, %z) <{dot_dimension_numbers = #all}> : (tensor<7x7xf32>, tensor<7x7xf32>) -> tensor<f32>
  %l = "stablehlo.broadcast_in_dim"(%loss) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<3x3xf32>
  %g = "stablehlo.dot"(%l, %c) : (tensor<3x3xf32>, tensor<3x3xf32>) -> tensor<3x3xf32>
  %d = "stablehlo.select_and_scatter"(%z, %g, %zero) <{window_dimensions = array<i64: 3, 3>, window_strides = array<i64: 2, 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.compare"(%a, %b) <{comparison_direction = #stablehlo<comparison_direction GE>}> : (tensor<f32>, tensor<f32>) -> tensor<i1>
    "stablehlo.return"(%s) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<7x7xf32>, tensor<3x3xf32>, tensor<f32>) -> tensor<7x7xf32>
  return %loss, %d : tensor<f32>, tensor<7x7xf32>
}

// Not a maximum, not a sum, padded, or too many elements to compare one by one:
// left alone.

// CHECK-LABEL: func @others
func.func @others(%x: tensor<72x8xf32>, %w: tensor<8x8xf32>, %c: tensor<4x8xf32>) -> (tensor<f32>, tensor<72x8xf32>, tensor<72x8xf32>, tensor<72x8xf32>, tensor<72x8xf32>) {
  // CHECK-COUNT-4: "stablehlo.select_and_scatter"
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %z = "stablehlo.dot"(%x, %w) : (tensor<72x8xf32>, tensor<8x8xf32>) -> tensor<72x8xf32>
  %loss = "stablehlo.dot_general"(%z, %z) <{dot_dimension_numbers = #all}> : (tensor<72x8xf32>, tensor<72x8xf32>) -> tensor<f32>
  %l = "stablehlo.broadcast_in_dim"(%loss) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<36x4xf32>
  %g = "stablehlo.dot"(%l, %c) : (tensor<36x4xf32>, tensor<4x8xf32>) -> tensor<36x8xf32>
  %d0 = "stablehlo.select_and_scatter"(%z, %g, %zero) <{window_dimensions = array<i64: 2, 1>, window_strides = array<i64: 2, 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.compare"(%a, %b) <{comparison_direction = #stablehlo<comparison_direction LE>}> : (tensor<f32>, tensor<f32>) -> tensor<i1>
    "stablehlo.return"(%s) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<72x8xf32>, tensor<36x8xf32>, tensor<f32>) -> tensor<72x8xf32>
  %d1 = "stablehlo.select_and_scatter"(%z, %g, %zero) <{window_dimensions = array<i64: 2, 1>, window_strides = array<i64: 2, 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.compare"(%a, %b) <{comparison_direction = #stablehlo<comparison_direction GE>}> : (tensor<f32>, tensor<f32>) -> tensor<i1>
    "stablehlo.return"(%s) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.multiply"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<72x8xf32>, tensor<36x8xf32>, tensor<f32>) -> tensor<72x8xf32>
  %l2 = "stablehlo.slice"(%l) <{limit_indices = array<i64: 35, 4>, start_indices = array<i64: 0, 0>, strides = array<i64: 1, 1>}> : (tensor<36x4xf32>) -> tensor<35x4xf32>
  %g2 = "stablehlo.dot"(%l2, %c) : (tensor<35x4xf32>, tensor<4x8xf32>) -> tensor<35x8xf32>
  %d2 = "stablehlo.select_and_scatter"(%z, %g2, %zero) <{padding = dense<[[-1, -1], [0, 0]]> : tensor<2x2xi64>, window_dimensions = array<i64: 2, 1>, window_strides = array<i64: 2, 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.compare"(%a, %b) <{comparison_direction = #stablehlo<comparison_direction GE>}> : (tensor<f32>, tensor<f32>) -> tensor<i1>
    "stablehlo.return"(%s) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<72x8xf32>, tensor<35x8xf32>, tensor<f32>) -> tensor<72x8xf32>
  %l3 = "stablehlo.slice"(%l) <{limit_indices = array<i64: 1, 4>, start_indices = array<i64: 0, 0>, strides = array<i64: 1, 1>}> : (tensor<36x4xf32>) -> tensor<1x4xf32>
  %g3 = "stablehlo.dot"(%l3, %c) : (tensor<1x4xf32>, tensor<4x8xf32>) -> tensor<1x8xf32>
  %d3 = "stablehlo.select_and_scatter"(%z, %g3, %zero) <{window_dimensions = array<i64: 72, 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.compare"(%a, %b) <{comparison_direction = #stablehlo<comparison_direction GE>}> : (tensor<f32>, tensor<f32>) -> tensor<i1>
    "stablehlo.return"(%s) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<72x8xf32>, tensor<1x8xf32>, tensor<f32>) -> tensor<72x8xf32>
  return %loss, %d0, %d1, %d2, %d3 : tensor<f32>, tensor<72x8xf32>, tensor<72x8xf32>, tensor<72x8xf32>, tensor<72x8xf32>
}

// In the total order, -0 is less than 0, and what is left is not this.

// CHECK-LABEL: func @total_order
// PLAN-LABEL: storage plan of 'total_order'
func.func @total_order(%x: tensor<8x8xf32>, %w: tensor<8x8xf32>, %c: tensor<4x4xf32>) -> (tensor<f32>, tensor<8x8xf32>) {
  // CHECK: select_and_scatter
  // CHECK: comparison_type TOTALORDER
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %z = "stablehlo.dot"(%x, %w) : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %loss = "stablehlo.dot_general"(%z, %z) <{dot_dimension_numbers = #all}> : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<f32>
  %l = "stablehlo.broadcast_in_dim"(%loss) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<4x4xf32>
  %g = "stablehlo.dot"(%l, %c) : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %d = "stablehlo.select_and_scatter"(%z, %g, %zero) <{padding = dense<0> : tensor<2x2xi64>, window_dimensions = array<i64: 2, 2>, window_strides = array<i64: 2, 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.compare"(%a, %b) <{compare_type = #stablehlo<comparison_type TOTALORDER>, comparison_direction = #stablehlo<comparison_direction GE>}> : (tensor<f32>, tensor<f32>) -> tensor<i1>
    "stablehlo.return"(%s) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %s = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<8x8xf32>, tensor<4x4xf32>, tensor<f32>) -> tensor<8x8xf32>
  return %loss, %d : tensor<f32>, tensor<8x8xf32>
}
