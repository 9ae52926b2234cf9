// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --convert-stablehlo-to-linalg --split-input-file %s | FileCheck %s

// That sums are right is shown by test/Integration/kernels.py.

// The batch is one loop of operand and updates, not two. What is no position is
// found with all bits of the index.
// CHECK-LABEL: func @labels
// CHECK: linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "parallel", "reduction"]
// CHECK-SAME: outs(%arg0 : tensor<6x10xf32>)
// CHECK: %[[WIDE:.+]] = arith.extsi %{{.+}} : i32 to i64
// CHECK: arith.cmpi ule, %[[WIDE]], %{{.+}} : i64
// CHECK: scf.if
// CHECK: %[[UPDATE:.+]] = tensor.extract %arg2
// CHECK: arith.addf %{{.+}}, %[[UPDATE]]
func.func @labels(%x: tensor<6x10xf32>, %i: tensor<6x1x1xi32>, %u: tensor<6x1xf32>) -> tensor<6x10xf32> {
  %0 = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<inserted_window_dims = [1], input_batching_dims = [0], scatter_indices_batching_dims = [0], scatter_dims_to_operand_dims = [1], index_vector_dim = 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %e = tensor.empty() : tensor<f32>
    %s = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
        ins(%a, %b : tensor<f32>, tensor<f32>) outs(%e : tensor<f32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %r = arith.addf %p, %q : f32
      linalg.yield %r : f32
    } -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<6x10xf32>, tensor<6x1x1xi32>, tensor<6x1xf32>) -> tensor<6x10xf32>
  return %0 : tensor<6x10xf32>
}

// -----

// Many rows are put in order first, those out of bounds before all others. Each
// element then combines the updates of its row, from the first of them on.
// CHECK-LABEL: func @rows
// CHECK: %[[ROWS:.+]] = linalg.generic {{.*}} ins(%arg1 : tensor<20x15x1xi32>)
// CHECK: arith.cmpi ult
// CHECK: arith.select %{{.+}}, %{{.+}}, %c-1
// CHECK: %[[FLAT:.+]] = tensor.collapse_shape %[[ROWS]] {{.*}} into tensor<300xi32>
// CHECK: %[[POSITIONS:.+]] = linalg.generic
// CHECK: %[[RUNS:.+]]:2 = linalg.generic
// CHECK: tensor.extract %[[FLAT]]
// CHECK: tensor.extract %[[POSITIONS]]
// CHECK-COUNT-5: = linalg.generic
// CHECK: %[[SORTED:.+]]:2 = linalg.generic
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]} outs(%arg0 : tensor<6x10xf32>)
// CHECK: %[[FIRST:.+]]:2 = scf.while
// CHECK: tensor.extract %[[SORTED]]#0
// CHECK: scf.while ({{.*}} = %[[FIRST]]#0, {{.*}} = %{{.+}})
// CHECK: tensor.extract %[[SORTED]]#0
// CHECK: scf.condition
// CHECK: %[[POSITION:.+]] = tensor.extract %[[SORTED]]#1
// CHECK: %[[UPDATE:.+]] = tensor.extract %arg2
// CHECK: arith.addf %{{.+}}, %[[UPDATE]]
func.func @rows(%x: tensor<6x10xf32>, %i: tensor<20x15x1xi32>, %u: tensor<20x15x10xf32>) -> tensor<6x10xf32> {
  %0 = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [2], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %e = tensor.empty() : tensor<f32>
    %s = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
        ins(%a, %b : tensor<f32>, tensor<f32>) outs(%e : tensor<f32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %r = arith.addf %p, %q : f32
      linalg.yield %r : f32
    } -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<6x10xf32>, tensor<20x15x1xi32>, tensor<20x15x10xf32>) -> tensor<6x10xf32>
  return %0 : tensor<6x10xf32>
}

// -----

// CHECK-LABEL: func @others
// CHECK-NOT: stablehlo
// CHECK-NOT: sdy
// CHECK: approx_act.barrier %arg0, %arg1
// CHECK: linalg.fill
"sdy.mesh"() <{mesh = #sdy.mesh<["data"=8]>, sym_name = "mesh"}> : () -> ()
func.func @others(
    %x: tensor<4xf32> {sdy.sharding = #sdy.sharding<@mesh, [{"data"}]>},
    %n: tensor<0x3xf32>, %init: tensor<f32>)
    -> (tensor<4xf32>, tensor<3xf32> {sdy.sharding = #sdy.sharding<@mesh, [{}]>}) {
  %y = tensor.empty() {sdy.sharding = #sdy.sharding_per_value<[<@mesh, [{"data"}]>]>} : tensor<4xf32>
  %b:2 = "stablehlo.optimization_barrier"(%x, %n) : (tensor<4xf32>, tensor<0x3xf32>) -> (tensor<4xf32>, tensor<0x3xf32>)
  %s = "stablehlo.reduce"(%n, %init) <{dimensions = array<i64: 0>}> ({
  ^bb0(%p: tensor<f32>, %q: tensor<f32>):
    "stablehlo.return"(%p) : (tensor<f32>) -> ()
  }) : (tensor<0x3xf32>, tensor<f32>) -> tensor<3xf32>
  return %b#0, %s : tensor<4xf32>, tensor<3xf32>
}

// -----

// A counted loop becomes its steps: the counter is a constant in each, and what
// else is carried goes from one to the next.
// CHECK-LABEL: func.func @counted_loop(
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>)
// CHECK-NOT: stablehlo.while
// CHECK: %[[ONE:.*]] = arith.constant dense<1> : tensor<i32>
// CHECK: %[[A:.*]] = linalg.add ins(%[[X]], %[[X]] :
// CHECK: %[[TWO:.*]] = arith.constant dense<2> : tensor<i32>
// CHECK: %[[B:.*]] = linalg.add ins(%[[A]], %[[A]] :
// CHECK: %[[THREE:.*]] = arith.constant dense<3> : tensor<i32>
// CHECK-NOT: linalg.add
// CHECK: return %[[THREE]], %[[B]]
func.func @counted_loop(%x: tensor<4xf32>) -> (tensor<i32>, tensor<4xf32>) {
  %start = arith.constant dense<1> : tensor<i32>
  %r:2 = "stablehlo.while"(%start, %x) ({
  ^bb0(%i: tensor<i32>, %a: tensor<4xf32>):
    %e = tensor.empty() : tensor<i1>
    %c3 = arith.constant 3 : i32
    %c = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []} ins(%i : tensor<i32>) outs(%e : tensor<i1>) {
    ^bb0(%in: i32, %out: i1):
      %lt = arith.cmpi slt, %in, %c3 : i32
      linalg.yield %lt : i1
    } -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%i: tensor<i32>, %a: tensor<4xf32>):
    %e = tensor.empty() : tensor<4xf32>
    %sum = linalg.add ins(%a, %a : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %ei = tensor.empty() : tensor<i32>
    %c1 = arith.constant 1 : i32
    %n = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []} ins(%i : tensor<i32>) outs(%ei : tensor<i32>) {
    ^bb0(%in: i32, %out: i32):
      %add = arith.addi %in, %c1 : i32
      linalg.yield %add : i32
    } -> tensor<i32>
    "stablehlo.return"(%n, %sum) : (tensor<i32>, tensor<4xf32>) -> ()
  }) : (tensor<i32>, tensor<4xf32>) -> (tensor<i32>, tensor<4xf32>)
  return %r#0, %r#1 : tensor<i32>, tensor<4xf32>
}

// -----

// Where there is no branch of the number, the last is taken.
// CHECK-LABEL: func.func @branches(
// CHECK-SAME: %[[I:.*]]: tensor<i32>, %[[X:.*]]: tensor<4xf32>)
// CHECK: %[[N:.*]] = tensor.extract %[[I]][] : tensor<i32>
// CHECK: %[[ZERO:.*]] = arith.constant 0 : i32
// CHECK: %[[FIRST:.*]] = arith.cmpi eq, %[[N]], %[[ZERO]]
// CHECK: %[[R:.*]] = scf.if %[[FIRST]] -> (tensor<4xf32>) {
// CHECK: scf.yield %[[X]]
// CHECK: } else {
// CHECK: %[[ONE:.*]] = arith.constant 1 : i32
// CHECK: %[[SECOND:.*]] = arith.cmpi eq, %[[N]], %[[ONE]]
// CHECK: %[[S:.*]] = scf.if %[[SECOND]]
// CHECK: linalg.exp
// CHECK: } else {
// CHECK: linalg.negf
// CHECK: }
// CHECK: scf.yield %[[S]]
// CHECK: return %[[R]]
func.func @branches(%i: tensor<i32>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "stablehlo.case"(%i) ({
    "stablehlo.return"(%x) : (tensor<4xf32>) -> ()
  }, {
    %e = tensor.empty() : tensor<4xf32>
    %r = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    "stablehlo.return"(%r) : (tensor<4xf32>) -> ()
  }, {
    %e = tensor.empty() : tensor<4xf32>
    %r = linalg.negf ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    "stablehlo.return"(%r) : (tensor<4xf32>) -> ()
  }) : (tensor<i32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// The first branch of an `if` is that of true.
// CHECK-LABEL: func.func @if(
// CHECK: %[[P:.*]] = tensor.extract
// CHECK: %[[TRUE:.*]] = arith.constant true
// CHECK: %[[C:.*]] = arith.cmpi eq, %[[P]], %[[TRUE]]
// CHECK: scf.if %[[C]]
// CHECK: scf.yield %arg1
// CHECK: scf.yield %arg2
func.func @if(%p: tensor<i1>, %x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "stablehlo.if"(%p) ({
    "stablehlo.return"(%x) : (tensor<4xf32>) -> ()
  }, {
    "stablehlo.return"(%y) : (tensor<4xf32>) -> ()
  }) : (tensor<i1>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// Runs of 8 are sorted by counting, and merged to one of 16 and the one that is
// left, and to all. Only the key is compared. That elements end where they
// belong is shown by test/Integration/kernels.py.
// CHECK-LABEL: func.func @sort(
// CHECK-SAME: %[[KEYS:.*]]: tensor<3x17xi32>, %[[VALUES:.*]]: tensor<3x17xf32>)
// CHECK: %[[RUNS:.*]]:2 = linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "parallel"]
// CHECK: %[[ROW:.*]] = linalg.index 0
// CHECK: %[[PLACE:.*]] = linalg.index 1
// CHECK: %[[FROM:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %[[PLACE]])
// CHECK: scf.for
// CHECK: %[[A:.*]] = tensor.extract %[[KEYS]][%[[ROW]],
// CHECK: %[[B:.*]] = tensor.extract %[[KEYS]][%[[ROW]],
// CHECK-NOT: tensor.extract
// CHECK: arith.cmpi ult, %[[A]], %[[B]]
// CHECK: tensor.extract %[[KEYS]][%[[ROW]], %[[FROM]]]
// CHECK: tensor.extract %[[VALUES]][%[[ROW]], %[[FROM]]]
// CHECK: %[[PAIRS:.*]]:2 = linalg.generic
// CHECK: scf.while
// CHECK: tensor.extract %[[RUNS]]#0
// CHECK: arith.cmpi ult
// CHECK: scf.if
// CHECK: tensor.extract %[[RUNS]]#0
// CHECK: arith.cmpi ult
// CHECK: tensor.extract %[[RUNS]]#1
// CHECK: %[[ALL:.*]]:2 = linalg.generic
// CHECK: tensor.extract %[[PAIRS]]#1
// CHECK-NOT: linalg.generic
// CHECK: return %[[ALL]]#0, %[[ALL]]#1
func.func @sort(%k: tensor<3x17xi32>, %v: tensor<3x17xf32>) -> (tensor<3x17xi32>, tensor<3x17xf32>) {
  %0:2 = "stablehlo.sort"(%k, %v) <{dimension = 1 : i64, is_stable = true}> ({
  ^bb0(%a: tensor<i32>, %b: tensor<i32>, %c: tensor<f32>, %d: tensor<f32>):
    %e = tensor.empty() : tensor<i1>
    %r = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
        ins(%a, %b : tensor<i32>, tensor<i32>) outs(%e : tensor<i1>) {
    ^bb0(%p: i32, %q: i32, %o: i1):
      %l = arith.cmpi ult, %p, %q : i32
      linalg.yield %l : i1
    } -> tensor<i1>
    "stablehlo.return"(%r) : (tensor<i1>) -> ()
  }) : (tensor<3x17xi32>, tensor<3x17xf32>) -> (tensor<3x17xi32>, tensor<3x17xf32>)
  return %0#0, %0#1 : tensor<3x17xi32>, tensor<3x17xf32>
}

// -----

// A comparator may use constants of its own, of rank 0 or scalars, and values
// from outside.
// CHECK-LABEL: func.func @comparator(
// CHECK-SAME: %[[X:.*]]: tensor<5xf32>, %[[Y:.*]]: tensor<f32>)
// CHECK: linalg.generic
// CHECK: %[[OUTSIDE:.*]] = tensor.extract %[[Y]][]
// CHECK: %[[SUM:.*]] = arith.addf %{{.*}}, %[[OUTSIDE]]
// CHECK: %[[SCALED:.*]] = arith.mulf %[[SUM]], %{{.*}}
// CHECK: %[[LESS:.*]] = arith.subf %[[SCALED]], %{{.*}}
// CHECK: arith.cmpf olt, %[[LESS]],
func.func @comparator(%x: tensor<5xf32>, %y: tensor<f32>) -> tensor<5xf32> {
  %0 = "stablehlo.sort"(%x) <{dimension = 0 : i64}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %two = arith.constant 2.0 : f32
    %three = arith.constant dense<3.0> : tensor<f32>
    %e = tensor.empty() : tensor<f32>
    %s = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
        ins(%a, %y, %three : tensor<f32>, tensor<f32>, tensor<f32>) outs(%e : tensor<f32>) {
    ^bb0(%p: f32, %q: f32, %t: f32, %o: f32):
      %sum = arith.addf %p, %q : f32
      %scaled = arith.mulf %sum, %two : f32
      %more = arith.subf %scaled, %t : f32
      linalg.yield %more : f32
    } -> tensor<f32>
    %f = tensor.empty() : tensor<i1>
    %r = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
        ins(%s, %b : tensor<f32>, tensor<f32>) outs(%f : tensor<i1>) {
    ^bb0(%p: f32, %q: f32, %o: i1):
      %l = arith.cmpf olt, %p, %q : f32
      linalg.yield %l : i1
    } -> tensor<i1>
    "stablehlo.return"(%r) : (tensor<i1>) -> ()
  }) : (tensor<5xf32>) -> tensor<5xf32>
  return %0 : tensor<5xf32>
}

// -----

// What has one element, or none, is in order.
// CHECK-LABEL: func.func @in_order(
// CHECK-NEXT: return %arg0, %arg1
func.func @in_order(%x: tensor<3x1xf32>, %y: tensor<0x9xf32>) -> (tensor<3x1xf32>, tensor<0x9xf32>) {
  %0 = "stablehlo.sort"(%x) <{dimension = 1 : i64}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = arith.constant dense<true> : tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }) : (tensor<3x1xf32>) -> tensor<3x1xf32>
  %1 = "stablehlo.sort"(%y) <{dimension = 1 : i64}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = arith.constant dense<true> : tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }) : (tensor<0x9xf32>) -> tensor<0x9xf32>
  return %0, %1 : tensor<3x1xf32>, tensor<0x9xf32>
}

// -----

// A reduction over no dimensions combines each element with the initial value.
// CHECK-LABEL: func.func @no_dimensions(
// CHECK-SAME: %[[X:.*]]: tensor<3xf32>, %[[INIT:.*]]: tensor<f32>)
// CHECK: %[[SUM:.*]] = linalg.generic
// CHECK-SAME: ins(%[[X]], %[[INIT]] : tensor<3xf32>, tensor<f32>)
// CHECK-NEXT: ^bb0(%[[ELEMENT:.*]]: f32, %[[START:.*]]: f32, %{{.*}}: f32):
// CHECK: arith.subf %[[START]], %[[ELEMENT]]
// CHECK: return %[[SUM]]
func.func @no_dimensions(%x: tensor<3xf32>, %init: tensor<f32>) -> tensor<3xf32> {
  %s = "stablehlo.reduce"(%x, %init) <{dimensions = array<i64>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %e = tensor.empty() : tensor<f32>
    %r = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
        ins(%a, %b : tensor<f32>, tensor<f32>) outs(%e : tensor<f32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %d = arith.subf %p, %q : f32
      linalg.yield %d : f32
    } -> tensor<f32>
    "stablehlo.return"(%r) : (tensor<f32>) -> ()
  }) : (tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
  return %s : tensor<3xf32>
}

// -----

// Where positions have 32 bits, none is added up to more.
// CHECK-LABEL: func.func @sort_many(
// CHECK: arith.constant 1073741824 : index
// CHECK-NOT: arith.constant 2147483648
// CHECK: return
func.func @sort_many(%x: tensor<1500000000xi8>) -> tensor<1500000000xi8> {
  %0 = "stablehlo.sort"(%x) <{dimension = 0 : i64}> ({
  ^bb0(%a: tensor<i8>, %b: tensor<i8>):
    %e = tensor.empty() : tensor<i1>
    %r = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
        ins(%a, %b : tensor<i8>, tensor<i8>) outs(%e : tensor<i1>) {
    ^bb0(%p: i8, %q: i8, %o: i1):
      %l = arith.cmpi ult, %p, %q : i8
      linalg.yield %l : i1
    } -> tensor<i1>
    "stablehlo.return"(%r) : (tensor<i1>) -> ()
  }) : (tensor<1500000000xi8>) -> tensor<1500000000xi8>
  return %0 : tensor<1500000000xi8>
}

// -----

// What is selected stays if the comparison says so; the first of a window has
// nothing to be compared with. Windows overlap in the second dimension.
// CHECK-DAG: #[[$POSITION:.+]] = affine_map<(d0, d1, d2, d3) -> (d0 * 2 + d2, d1 * 2 + d3)>
// CHECK-DAG: #[[$WINDOW:.+]] = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
// CHECK-LABEL: func.func @select_and_scatter(
// CHECK-SAME: %[[X:.*]]: tensor<8x9xf32>, %[[Y:.*]]: tensor<4x4xf32>, %[[I:.*]]: tensor<f32>)
// CHECK: %[[SELECTED:.*]]:2 = linalg.generic
// CHECK-SAME: indexing_maps = [#[[$POSITION]], #[[$WINDOW]],
// CHECK-SAME: ["parallel", "parallel", "reduction", "reduction"]
// CHECK-SAME: ins(%[[X]], %{{.*}} : tensor<8x9xf32>, tensor<2x3xf32>)
// CHECK: ^bb0(%[[CANDIDATE:.*]]: f32, %{{.*}}: f32, %[[VALUE:.*]]: f32, %[[NUMBER:.*]]: i8):
// CHECK: %[[GE:.*]] = arith.cmpf oge, %[[VALUE]], %[[CANDIDATE]]
// CHECK: %[[SOME:.*]] = arith.cmpi ne, %[[NUMBER]], %{{.*}} : i8
// CHECK: %[[KEPT:.*]] = arith.andi %[[SOME]], %[[GE]]
// CHECK: arith.select %[[KEPT]], %[[VALUE]], %[[CANDIDATE]]
// CHECK: arith.select %[[KEPT]], %[[NUMBER]],
// CHECK: linalg.generic
// CHECK-SAME: ["parallel", "parallel"]
// CHECK-SAME: ins(%[[I]] : tensor<f32>)
// CHECK: scf.for
// CHECK-NOT: scf.for
// CHECK: %[[THEIRS:.*]] = tensor.extract %[[SELECTED]]#1
// CHECK: %[[IS_OWN:.*]] = arith.cmpi eq, %[[THEIRS]],
// CHECK: scf.if %[[IS_OWN]]
// CHECK: %[[E:.*]] = tensor.extract %[[Y]]
// CHECK: arith.addf %{{.*}}, %[[E]]
func.func @select_and_scatter(%x: tensor<8x9xf32>, %y: tensor<4x4xf32>, %i: tensor<f32>) -> tensor<8x9xf32> {
  %0 = "stablehlo.select_and_scatter"(%x, %y, %i) <{window_dimensions = array<i64: 2, 3>, window_strides = array<i64: 2, 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %e = tensor.empty() : tensor<i1>
    %s = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
        ins(%a, %b : tensor<f32>, tensor<f32>) outs(%e : tensor<i1>) {
    ^bb0(%p: f32, %q: f32, %o: i1):
      %r = arith.cmpf oge, %p, %q : f32
      linalg.yield %r : i1
    } -> tensor<i1>
    "stablehlo.return"(%s) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %e = tensor.empty() : tensor<f32>
    %s = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
        ins(%a, %b : tensor<f32>, tensor<f32>) outs(%e : tensor<f32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %r = arith.addf %p, %q : f32
      linalg.yield %r : f32
    } -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<8x9xf32>, tensor<4x4xf32>, tensor<f32>) -> tensor<8x9xf32>
  return %0 : tensor<8x9xf32>
}

// -----

// Padding is not selected. 300 elements have no numbers of 8 bits.
// CHECK-LABEL: func.func @padded_windows(
// CHECK: tensor.pad %{{.*}} low[2] high[3]
// CHECK: %[[INSIDE:.*]] = arith.cmpi ult
// CHECK: arith.select %[[INSIDE]], %{{.*}} : f32
// CHECK: arith.select %[[INSIDE]], %{{.*}} : i16
func.func @padded_windows(%x: tensor<300xf32>, %y: tensor<2xf32>, %i: tensor<f32>) -> tensor<300xf32> {
  %0 = "stablehlo.select_and_scatter"(%x, %y, %i) <{padding = dense<[[2, 4]]> : tensor<1x2xi64>, window_dimensions = array<i64: 300>, window_strides = array<i64: 5>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %e = tensor.empty() : tensor<i1>
    %s = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
        ins(%a, %b : tensor<f32>, tensor<f32>) outs(%e : tensor<i1>) {
    ^bb0(%p: f32, %q: f32, %o: i1):
      %r = arith.cmpf oge, %p, %q : f32
      linalg.yield %r : i1
    } -> tensor<i1>
    "stablehlo.return"(%s) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %e = tensor.empty() : tensor<f32>
    %s = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
        ins(%a, %b : tensor<f32>, tensor<f32>) outs(%e : tensor<f32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %r = arith.addf %p, %q : f32
      linalg.yield %r : f32
    } -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<300xf32>, tensor<2xf32>, tensor<f32>) -> tensor<300xf32>
  return %0 : tensor<300xf32>
}

// -----

// CHECK-LABEL: func.func @reduce_two_over_no_dimensions(
// CHECK: linalg.generic
// CHECK: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: i32, %[[P:.*]]: f32, %[[Q:.*]]: i32, %{{.*}}: f32, %{{.*}}: i32):
// CHECK: linalg.yield %[[A]], %[[Q]] : f32, i32
func.func @reduce_two_over_no_dimensions(%x: tensor<4xf32>, %y: tensor<4xi32>, %p: tensor<f32>, %q: tensor<i32>) -> (tensor<4xf32>, tensor<4xi32>) {
  %0:2 = "stablehlo.reduce"(%x, %y, %p, %q) <{dimensions = array<i64>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<i32>, %c: tensor<f32>, %d: tensor<i32>):
    "stablehlo.return"(%c, %b) : (tensor<f32>, tensor<i32>) -> ()
  }) : (tensor<4xf32>, tensor<4xi32>, tensor<f32>, tensor<i32>) -> (tensor<4xf32>, tensor<4xi32>)
  return %0#0, %0#1 : tensor<4xf32>, tensor<4xi32>
}
