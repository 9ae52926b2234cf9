// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --approx-act-split-complex --canonicalize --split-input-file %s | FileCheck %s

#map = affine_map<(d0) -> (d0)>

// Callers have parts in turn, kernels each by itself.
// CHECK-DAG: #[[$RE:.*]] = affine_map<(d0) -> (d0, 0)>
// CHECK-DAG: #[[$IM:.*]] = affine_map<(d0) -> (d0, 1)>
// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<8x2xf32> {approx_act.complex, jax.buffer_donor = true}, %[[Y:.*]]: tensor<8xf32>) -> (tensor<8x2xf32> {approx_act.complex})
// CHECK: %[[PARTS:.*]]:2 = linalg.generic {indexing_maps = [#[[$RE]], #[[$IM]], {{.*}}ins(%[[X]], %[[X]] :
// CHECK: %[[P:.*]]:2 = linalg.generic {{.*}}ins(%[[PARTS]]#0, %[[PARTS]]#1, %[[Y]] :
// CHECK-NEXT: ^bb0(%[[A:[^:]*]]: f32, %[[B:[^:]*]]: f32, %[[C:[^:]*]]: f32
// CHECK-DAG: %[[AC:.*]] = arith.mulf %[[A]], %[[C]]
// CHECK-DAG: %[[BC:.*]] = arith.mulf %[[B]], %[[C]]
// CHECK: %[[R:.*]] = arith.subf %[[AC]], %[[BC]]
// CHECK: linalg.yield %[[R]], %{{.*}} : f32, f32
// CHECK: linalg.generic {{.*}}ins(%[[P]]#0, %[[P]]#1 : {{.*}} outs(%{{.*}} : tensor<8x2xf32>)
// CHECK: linalg.index 1
// CHECK-NOT: complex<
func.func @main(%x: tensor<8xcomplex<f32>> {jax.buffer_donor = true}, %y: tensor<8xf32>) -> tensor<8xcomplex<f32>> {
  %e = tensor.empty() : tensor<8xcomplex<f32>>
  %0 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]}
      ins(%x, %y : tensor<8xcomplex<f32>>, tensor<8xf32>) outs(%e : tensor<8xcomplex<f32>>) {
  ^bb0(%a: complex<f32>, %b: f32, %out: complex<f32>):
    %c = complex.create %b, %b : complex<f32>
    %1 = complex.mul %a, %c : complex<f32>
    linalg.yield %1 : complex<f32>
  } -> tensor<8xcomplex<f32>>
  return %0 : tensor<8xcomplex<f32>>
}

// -----

#in = affine_map<(d0, d1) -> (d0, d1)>
#out = affine_map<(d0, d1) -> (d0)>

// Each part of a sum is a sum, so that long ones can be divided.
// CHECK-LABEL: func @sum
// CHECK: %[[PARTS:.*]]:2 = linalg.generic
// CHECK: linalg.fill ins(%{{.*}} : f32) outs(%{{.*}} : tensor<4xf32>)
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}}"reduction"{{.*}}
// CHECK-NOT: "reduction"
func.func @sum(%x: tensor<4x9xcomplex<f32>>) -> tensor<4xf32> {
  %z = complex.constant [0.0 : f32, 1.0 : f32] : complex<f32>
  %e = tensor.empty() : tensor<4xcomplex<f32>>
  %f = linalg.fill ins(%z : complex<f32>) outs(%e : tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>>
  %0 = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x9xcomplex<f32>>) outs(%f : tensor<4xcomplex<f32>>) {
  ^bb0(%a: complex<f32>, %acc: complex<f32>):
    %1 = complex.add %acc, %a : complex<f32>
    linalg.yield %1 : complex<f32>
  } -> tensor<4xcomplex<f32>>
  %r = tensor.empty() : tensor<4xf32>
  %2 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%0 : tensor<4xcomplex<f32>>) outs(%r : tensor<4xf32>) {
  ^bb0(%a: complex<f32>, %o: f32):
    %im = complex.im %a : complex<f32>
    linalg.yield %im : f32
  } -> tensor<4xf32>
  return %2 : tensor<4xf32>
}

// -----

// Of a product of all numbers both parts are needed in each step.
#in = affine_map<(d0, d1) -> (d0, d1)>
#out = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func @product
// CHECK: linalg.generic {{.*}}"reduction"{{.*}} outs(%{{.*}}, %{{.*}} : tensor<4xf64>, tensor<4xf64>)
// CHECK: linalg.yield %{{.*}}, %{{.*}} : f64, f64
func.func @product(%x: tensor<4x9xcomplex<f64>>) -> tensor<4xcomplex<f64>> {
  %f = arith.constant dense<(1.0, 0.0)> : tensor<4xcomplex<f64>>
  %0 = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x9xcomplex<f64>>) outs(%f : tensor<4xcomplex<f64>>) {
  ^bb0(%a: complex<f64>, %acc: complex<f64>):
    %1 = complex.mul %acc, %a : complex<f64>
    linalg.yield %1 : complex<f64>
  } -> tensor<4xcomplex<f64>>
  return %0 : tensor<4xcomplex<f64>>
}

// -----

// A product of matrices is four, which libraries have.
// CHECK-LABEL: func @matmul
// CHECK-SAME: (%[[X:.*]]: tensor<4x9x2xf32> {approx_act.complex}, %[[Y:.*]]: tensor<9x5x2xf32> {approx_act.complex})
// CHECK-DAG: %[[A:.*]]:2 = linalg.generic {{.*}}ins(%[[X]], %[[X]] :
// CHECK-DAG: %[[B:.*]]:2 = linalg.generic {{.*}}ins(%[[Y]], %[[Y]] :
// CHECK: %[[RR:.*]] = linalg.generic {{.*}}"reduction"{{.*}}ins(%[[A]]#0, %[[B]]#0 :
// CHECK: %[[II:.*]] = linalg.generic {{.*}}"reduction"{{.*}}ins(%[[A]]#1, %[[B]]#1 :
// CHECK: %[[RI:.*]] = linalg.generic {{.*}}"reduction"{{.*}}ins(%[[A]]#0, %[[B]]#1 :
// CHECK: %[[IR:.*]] = linalg.generic {{.*}}"reduction"{{.*}}ins(%[[A]]#1, %[[B]]#0 :
// CHECK: linalg.generic {{.*}}ins(%{{.*}}, %[[RR]], %[[II]] :
// CHECK: arith.subf
// CHECK: linalg.generic {{.*}}ins(%{{.*}}, %[[RI]], %[[IR]] :
// CHECK: arith.addf
func.func @matmul(%x: tensor<4x9xcomplex<f32>>, %y: tensor<9x5xcomplex<f32>>) -> tensor<4x5xcomplex<f32>> {
  %z = complex.constant [0.0 : f32, 0.0 : f32] : complex<f32>
  %e = tensor.empty() : tensor<4x5xcomplex<f32>>
  %f = linalg.fill ins(%z : complex<f32>) outs(%e : tensor<4x5xcomplex<f32>>) -> tensor<4x5xcomplex<f32>>
  %0 = linalg.matmul ins(%x, %y : tensor<4x9xcomplex<f32>>, tensor<9x5xcomplex<f32>>) outs(%f : tensor<4x5xcomplex<f32>>) -> tensor<4x5xcomplex<f32>>
  return %0 : tensor<4x5xcomplex<f32>>
}

// -----

// What does the same to both parts, a barrier, and a loop.
// CHECK-LABEL: func @moves
// CHECK-DAG: %[[RE:.*]] = arith.constant dense<[1.000000e+00, 3.000000e+00]> : tensor<2xf32>
// CHECK-DAG: %[[IM:.*]] = arith.constant dense<[2.000000e+00, 4.000000e+00]> : tensor<2xf32>
// CHECK-DAG: %[[TWO:.*]] = arith.constant 2.0
// CHECK-DAG: %[[MINUS:.*]] = arith.constant -1.0
// CHECK: %[[BARRIER:.*]]:3 = approx_act.barrier
// CHECK: %[[LOOP:.*]]:2 = scf.for {{.*}} iter_args(%[[A:.*]] = %[[BARRIER]]#0, %[[B:.*]] = %[[BARRIER]]#1)
// CHECK: tensor.extract_slice %[[A]]
// CHECK: tensor.extract_slice %[[B]]
// CHECK: tensor.insert_slice %[[RE]] into %[[A]]
// CHECK: tensor.insert_slice %[[IM]] into %[[B]]
// CHECK: tensor.pad %[[LOOP]]#0
// CHECK: tensor.yield %[[TWO]]
// CHECK: tensor.pad %[[LOOP]]#1
// CHECK: tensor.yield %[[MINUS]]
func.func @moves(%x: tensor<4x6xcomplex<f32>>, %n: index, %m: tensor<2xf32>) -> tensor<5x7xcomplex<f32>> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %z = complex.constant [2.0 : f32, -1.0 : f32] : complex<f32>
  %k = arith.constant dense<[(1.0, 2.0), (3.0, 4.0)]> : tensor<2xcomplex<f32>>
  %b:2 = approx_act.barrier %x, %m : tensor<4x6xcomplex<f32>>, tensor<2xf32>
  %l = scf.for %i = %c0 to %n step %c1 iter_args(%a = %b#0) -> tensor<4x6xcomplex<f32>> {
    %s = tensor.extract_slice %a[0, 0] [1, 2] [1, 1] : tensor<4x6xcomplex<f32>> to tensor<2xcomplex<f32>>
    %w = tensor.insert_slice %k into %a[1, 0] [1, 2] [1, 1] : tensor<2xcomplex<f32>> into tensor<4x6xcomplex<f32>>
    %w2 = tensor.insert_slice %s into %w[2, 0] [1, 2] [1, 1] : tensor<2xcomplex<f32>> into tensor<4x6xcomplex<f32>>
    scf.yield %w2 : tensor<4x6xcomplex<f32>>
  }
  %p = tensor.pad %l low[0, 1] high[1, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %z : complex<f32>
  } : tensor<4x6xcomplex<f32>> to tensor<5x7xcomplex<f32>>
  return %p : tensor<5x7xcomplex<f32>>
}

// -----

// Sums of an unknown number stay as they are.
#in = affine_map<(d0) -> (d0)>
#out = affine_map<(d0) -> ()>
// CHECK-LABEL: func @dynamic
// CHECK: linalg.generic {{.*}}"reduction"{{.*}} ins(%{{.*}}, %{{.*}} : tensor<?xf32>, tensor<?xf32>) outs(%{{.*}}, %{{.*}} : tensor<f32>, tensor<f32>)
func.func @dynamic(%re: tensor<?xf32>, %im: tensor<?xf32>, %n: index, %init: tensor<complex<f32>>) -> tensor<complex<f32>> {
  %e = tensor.empty(%n) : tensor<?xcomplex<f32>>
  %x = linalg.generic {indexing_maps = [#in, #in, #in], iterator_types = ["parallel"]}
      ins(%re, %im : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xcomplex<f32>>) {
  ^bb0(%a: f32, %b: f32, %o: complex<f32>):
    %0 = complex.create %a, %b : complex<f32>
    linalg.yield %0 : complex<f32>
  } -> tensor<?xcomplex<f32>>
  %1 = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["reduction"]}
      ins(%x : tensor<?xcomplex<f32>>) outs(%init : tensor<complex<f32>>) {
  ^bb0(%a: complex<f32>, %acc: complex<f32>):
    %2 = complex.add %acc, %a : complex<f32>
    linalg.yield %2 : complex<f32>
  } -> tensor<complex<f32>>
  return %1 : tensor<complex<f32>>
}

// -----

// Numbers that the host has, and a choice of them.
// CHECK-LABEL: func @scalars
// CHECK: %[[C:.*]]:2 = scf.if %{{.*}} -> (f32, f32)
// CHECK: tensor.extract
// CHECK: tensor.extract
// CHECK: tensor.from_elements %[[C]]#0
// CHECK: tensor.from_elements %[[C]]#1
func.func @scalars(%x: tensor<3xcomplex<f32>>, %i: index, %p: i1) -> tensor<1xcomplex<f32>> {
  %z = complex.constant [0.0 : f32, 1.0 : f32] : complex<f32>
  %0 = scf.if %p -> complex<f32> {
    %1 = tensor.extract %x[%i] : tensor<3xcomplex<f32>>
    scf.yield %1 : complex<f32>
  } else {
    scf.yield %z : complex<f32>
  }
  %2 = tensor.from_elements %0 : tensor<1xcomplex<f32>>
  return %2 : tensor<1xcomplex<f32>>
}
