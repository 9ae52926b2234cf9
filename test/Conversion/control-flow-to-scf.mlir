// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --convert-stablehlo-to-linalg --canonicalize --split-input-file %s | FileCheck %s

#scalar = affine_map<() -> ()>

// What counts, and where rows are read and written, follows from the number of
// the step: only the sum is carried, and the stack, which starts from nothing
// as all of it is written. The last of the counters is what it is in the end.
// CHECK-LABEL: func.func @scan(
// CHECK-SAME: %[[X:.*]]: tensor<1500x4xf32>, %[[SUM:.*]]: tensor<1x4xf32>)
// CHECK-DAG: %[[N:.*]] = arith.constant 1500 : index
// CHECK-DAG: %[[LAST:.*]] = arith.constant 1499 : index
// CHECK-DAG: %[[END:.*]] = arith.constant dense<1500> : tensor<i32>
// CHECK-DAG: %[[STACK:.*]] = tensor.empty() : tensor<1500x4xf32>
// CHECK: %[[LOOP:.*]]:2 = scf.for %[[I:.*]] = %{{.*}} to %[[N]] step %{{.*}} iter_args(%[[S:.*]] = %[[SUM]], %[[Y:.*]] = %[[STACK]])
// CHECK: %[[PLACE:.*]] = arith.subi %[[LAST]], %[[I]] : index
// CHECK: %[[ROW:.*]] = tensor.extract_slice %[[X]][%[[PLACE]], 0] [1, 4] [1, 1]
// CHECK: %[[NEXT:.*]] = linalg.add ins(%[[S]], %[[ROW]] :
// CHECK: %[[W:.*]] = tensor.insert_slice %[[NEXT]] into %[[Y]][%[[PLACE]], 0] [1, 4] [1, 1]
// CHECK: scf.yield %[[NEXT]], %[[W]]
// CHECK: return %[[END]], %[[LOOP]]#0, %[[LOOP]]#1
func.func @scan(%x: tensor<1500x4xf32>, %sum: tensor<1x4xf32>) -> (tensor<i32>, tensor<1x4xf32>, tensor<1500x4xf32>) {
  %start = arith.constant dense<0> : tensor<i32>
  %zeros = arith.constant dense<0.0> : tensor<1500x4xf32>
  %r:3 = "stablehlo.while"(%start, %sum, %zeros) ({
  ^bb0(%i: tensor<i32>, %s: tensor<1x4xf32>, %y: tensor<1500x4xf32>):
    %e = tensor.empty() : tensor<i1>
    %n = arith.constant 1500 : i32
    %c = linalg.generic {indexing_maps = [#scalar, #scalar], iterator_types = []} ins(%i : tensor<i32>) outs(%e : tensor<i1>) {
    ^bb0(%in: i32, %out: i1):
      %lt = arith.cmpi slt, %in, %n : i32
      linalg.yield %lt : i1
    } -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%i: tensor<i32>, %s: tensor<1x4xf32>, %y: tensor<1500x4xf32>):
    %ei = tensor.empty() : tensor<i32>
    %last = arith.constant 1499 : i32
    %back = linalg.generic {indexing_maps = [#scalar, #scalar], iterator_types = []} ins(%i : tensor<i32>) outs(%ei : tensor<i32>) {
    ^bb0(%in: i32, %out: i32):
      %sub = arith.subi %last, %in : i32
      linalg.yield %sub : i32
    } -> tensor<i32>
    %element = tensor.extract %back[] : tensor<i32>
    %index = arith.index_cast %element : i32 to index
    %c0 = arith.constant 0 : index
    %c1499 = arith.constant 1499 : index
    %low = arith.maxsi %index, %c0 : index
    %place = arith.minsi %low, %c1499 : index
    %row = tensor.extract_slice %x[%place, 0] [1, 4] [1, 1] : tensor<1500x4xf32> to tensor<1x4xf32>
    %es = tensor.empty() : tensor<1x4xf32>
    %next = linalg.add ins(%s, %row : tensor<1x4xf32>, tensor<1x4xf32>) outs(%es : tensor<1x4xf32>) -> tensor<1x4xf32>
    %w = tensor.insert_slice %next into %y[%place, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<1500x4xf32>
    %one = arith.constant 1 : i32
    %n = linalg.generic {indexing_maps = [#scalar, #scalar], iterator_types = []} ins(%i : tensor<i32>) outs(%ei : tensor<i32>) {
    ^bb0(%in: i32, %out: i32):
      %add = arith.addi %in, %one : i32
      linalg.yield %add : i32
    } -> tensor<i32>
    "stablehlo.return"(%n, %next, %w) : (tensor<i32>, tensor<1x4xf32>, tensor<1500x4xf32>) -> ()
  }) : (tensor<i32>, tensor<1x4xf32>, tensor<1500x4xf32>) -> (tensor<i32>, tensor<1x4xf32>, tensor<1500x4xf32>)
  return %r#0, %r#1, %r#2 : tensor<i32>, tensor<1x4xf32>, tensor<1500x4xf32>
}

// -----

#scalar = affine_map<() -> ()>

// Rows 0 to 999 of 1001 are written, so the last is from before the loop. What
// is known but on no line, such as a number that doubles modulo 1021, is carried
// and computed in each step.
// CHECK-LABEL: func.func @carried(
// CHECK: %[[ZEROS:.*]] = arith.constant dense<0.000000e+00> : tensor<1001x4xf32>
// CHECK: scf.for {{.*}} iter_args(%[[Y:.*]] = %[[ZEROS]], %[[K:.*]] = %{{.*}}) -> (tensor<1001x4xf32>, tensor<i32>)
// CHECK: linalg.generic {{.*}} ins(%[[K]] : tensor<i32>)
// CHECK: arith.remsi
func.func @carried(%row: tensor<1x4xf32>) -> (tensor<1001x4xf32>, tensor<i32>) {
  %start = arith.constant dense<0> : tensor<i32>
  %first = arith.constant dense<3> : tensor<i32>
  %zeros = arith.constant dense<0.0> : tensor<1001x4xf32>
  %r:3 = "stablehlo.while"(%start, %zeros, %first) ({
  ^bb0(%i: tensor<i32>, %y: tensor<1001x4xf32>, %k: tensor<i32>):
    %e = tensor.empty() : tensor<i1>
    %n = arith.constant 1000 : i32
    %c = linalg.generic {indexing_maps = [#scalar, #scalar], iterator_types = []} ins(%i : tensor<i32>) outs(%e : tensor<i1>) {
    ^bb0(%in: i32, %out: i1):
      %lt = arith.cmpi slt, %in, %n : i32
      linalg.yield %lt : i1
    } -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%i: tensor<i32>, %y: tensor<1001x4xf32>, %k: tensor<i32>):
    %element = tensor.extract %i[] : tensor<i32>
    %place = arith.index_cast %element : i32 to index
    %w = tensor.insert_slice %row into %y[%place, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<1001x4xf32>
    %ei = tensor.empty() : tensor<i32>
    %one = arith.constant 1 : i32
    %n = linalg.generic {indexing_maps = [#scalar, #scalar], iterator_types = []} ins(%i : tensor<i32>) outs(%ei : tensor<i32>) {
    ^bb0(%in: i32, %out: i32):
      %add = arith.addi %in, %one : i32
      linalg.yield %add : i32
    } -> tensor<i32>
    %two = arith.constant 2 : i32
    %prime = arith.constant 1021 : i32
    %next = linalg.generic {indexing_maps = [#scalar, #scalar], iterator_types = []} ins(%k : tensor<i32>) outs(%ei : tensor<i32>) {
    ^bb0(%in: i32, %out: i32):
      %double = arith.muli %in, %two : i32
      %rest = arith.remsi %double, %prime : i32
      linalg.yield %rest : i32
    } -> tensor<i32>
    "stablehlo.return"(%n, %w, %next) : (tensor<i32>, tensor<1001x4xf32>, tensor<i32>) -> ()
  }) : (tensor<i32>, tensor<1001x4xf32>, tensor<i32>) -> (tensor<i32>, tensor<1001x4xf32>, tensor<i32>)
  return %r#1, %r#2 : tensor<1001x4xf32>, tensor<i32>
}

// -----

#scalar = affine_map<() -> ()>

// How often it runs depends on data: the host reads the condition in each step.
// CHECK-LABEL: func.func @uncounted(
// CHECK-SAME: %[[X:.*]]: tensor<i32>, %[[LIMIT:.*]]: tensor<i32>)
// CHECK: %[[LOOP:.*]] = scf.while (%[[A:.*]] = %[[X]]) : (tensor<i32>) -> tensor<i32> {
// CHECK: %[[LESS:.*]] = linalg.generic {{.*}} ins(%[[A]], %[[LIMIT]] :
// CHECK: %[[GOES:.*]] = tensor.extract %[[LESS]][] : tensor<i1>
// CHECK: scf.condition(%[[GOES]]) %[[A]]
// CHECK: ^bb0(%[[B:.*]]: tensor<i32>):
// CHECK: %[[SUM:.*]] = linalg.add ins(%[[B]], %[[B]] :
// CHECK: scf.yield %[[SUM]]
// CHECK: return %[[LOOP]]
func.func @uncounted(%x: tensor<i32>, %limit: tensor<i32>) -> tensor<i32> {
  %0 = "stablehlo.while"(%x) ({
  ^bb0(%a: tensor<i32>):
    %e = tensor.empty() : tensor<i1>
    %c = linalg.generic {indexing_maps = [#scalar, #scalar, #scalar], iterator_types = []} ins(%a, %limit : tensor<i32>, tensor<i32>) outs(%e : tensor<i1>) {
    ^bb0(%in: i32, %n: i32, %out: i1):
      %lt = arith.cmpi slt, %in, %n : i32
      linalg.yield %lt : i1
    } -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<i32>):
    %e = tensor.empty() : tensor<i32>
    %sum = linalg.add ins(%a, %a : tensor<i32>, tensor<i32>) outs(%e : tensor<i32>) -> tensor<i32>
    "stablehlo.return"(%sum) : (tensor<i32>) -> ()
  }) : (tensor<i32>) -> tensor<i32>
  return %0 : tensor<i32>
}

// -----

// It can be seen to have no end, so nothing is counted.
// CHECK-LABEL: func.func @endless
// CHECK: scf.while
func.func @endless(%x: tensor<i32>) -> tensor<i32> {
  %0 = "stablehlo.while"(%x) ({
  ^bb0(%a: tensor<i32>):
    %c = arith.constant dense<true> : tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<i32>):
    %e = tensor.empty() : tensor<i32>
    %sum = linalg.add ins(%a, %a : tensor<i32>, tensor<i32>) outs(%e : tensor<i32>) -> tensor<i32>
    "stablehlo.return"(%sum) : (tensor<i32>) -> ()
  }) : (tensor<i32>) -> tensor<i32>
  return %0 : tensor<i32>
}
