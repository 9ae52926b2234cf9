// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-form-kernels),approx-act-bufferize)" --split-input-file %s | FileCheck %s
// RUN: approx-act-opt --approx-act-to-gpu=format=llvm --split-input-file %s | FileCheck %s --check-prefix=HOST

// What a choice depends on is copied to the host; its results are in one place,
// whichever branch there is.
// CHECK-LABEL: func @choice
// CHECK-SAME: (%[[P:[a-z0-9]+]]: memref<i1>, %[[X:[a-z0-9]+]]: memref<64xf32>, %[[R:[a-z0-9]+]]: memref<64xf32>)
// CHECK: %[[COPY:.+]] = memref.alloca() : memref<i1>
// CHECK: memref.copy %[[P]], %[[COPY]]
// CHECK: %[[TAKEN:.+]] = memref.load %[[COPY]][] : memref<i1>
// CHECK: scf.if %[[TAKEN]] {
// CHECK: approx_act.kernel "exp" ins(%[[X]] : memref<64xf32>) outs(%[[E:.+]] : memref<64xf32>)
// CHECK: memref.copy %[[E]], %[[PLACE:.+]] : memref<64xf32> to memref<64xf32>
// CHECK: } else {
// CHECK: memref.copy %[[X]], %[[PLACE]]
// CHECK: }
// CHECK: approx_act.kernel "negf" ins(%[[PLACE]] : memref<64xf32>) outs(%[[R]]
// HOST-LABEL: llvm.func @choice
// HOST: llvm.call @mgpuMemcpy
// HOST: llvm.call @mgpuStreamSynchronize
// HOST: llvm.cond_br
func.func @choice(%p: tensor<i1>, %x: tensor<64xf32>) -> tensor<64xf32> {
  %taken = tensor.extract %p[] : tensor<i1>
  %e = tensor.empty() : tensor<64xf32>
  %y = scf.if %taken -> tensor<64xf32> {
    %0 = linalg.exp ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
    scf.yield %0 : tensor<64xf32>
  } else {
    scf.yield %x : tensor<64xf32>
  }
  %z = linalg.negf ins(%y : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  return %z : tensor<64xf32>
}

// -----

#scalar = affine_map<() -> ()>

// The condition's kernel is in the loop; what is not read in a step, and has been
// left out of what is handed on, stays where it is.
// CHECK-LABEL: func @loop
// CHECK: %[[COPY:.+]] = memref.alloca() : memref<i1>
// CHECK: scf.while : () -> () {
// CHECK: approx_act.kernel "cmpf" {{.*}} outs(%[[LESS:.+]] : memref<i1>)
// CHECK: memref.copy %[[LESS]], %[[COPY]]
// CHECK: memref.load %[[COPY]]
// CHECK: scf.condition
// CHECK: approx_act.kernel "exp"
// HOST-LABEL: llvm.func @loop
func.func @loop(%x: tensor<f32>) -> tensor<f32> {
  %c1 = arith.constant 1.0 : f32
  %r = scf.while (%a = %x) : (tensor<f32>) -> tensor<f32> {
    %e = tensor.empty() : tensor<i1>
    %less = linalg.generic {indexing_maps = [#scalar, #scalar], iterator_types = []} ins(%a : tensor<f32>) outs(%e : tensor<i1>) {
    ^bb0(%in: f32, %o: i1):
      %0 = arith.cmpf olt, %in, %c1 : f32
      linalg.yield %0 : i1
    } -> tensor<i1>
    %goes = tensor.extract %less[] : tensor<i1>
    scf.condition(%goes) %a : tensor<f32>
  } do {
  ^bb0(%a: tensor<f32>):
    %e = tensor.empty() : tensor<f32>
    %0 = linalg.exp ins(%a : tensor<f32>) outs(%e : tensor<f32>) -> tensor<f32>
    scf.yield %0 : tensor<f32>
  }
  return %r : tensor<f32>
}
