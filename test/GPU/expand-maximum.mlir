// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --pass-pipeline="builtin.module(approx-act-attach-target{chips=sm_75,sm_90},gpu.module(approx-act-expand-maximum))" %s | FileCheck %s
// RUN: approx-act-opt --pass-pipeline="builtin.module(approx-act-attach-target{chips=sm_80},gpu.module(approx-act-expand-maximum))" %s | FileCheck %s --check-prefix=NEW
// RUN: approx-act-opt --pass-pipeline="builtin.module(gpu.module(approx-act-expand-maximum))" %s | FileCheck %s --check-prefix=NEW

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @relu
  // CHECK: %[[C:.+]] = arith.cmpf ugt, %[[X:.+]], %[[Z:.+]] : vector<4xf32>
  // CHECK: arith.select %[[C]], %[[X]], %[[Z]]
  // NEW-LABEL: gpu.func @relu
  // NEW: arith.maximumf
  gpu.func @relu(%x: vector<4xf32>, %out: memref<128xf32>, %i: index) kernel {
    %zero = arith.constant dense<0.0> : vector<4xf32>
    %y = arith.maximumf %x, %zero : vector<4xf32>
    vector.store %y, %out[%i] : memref<128xf32>, vector<4xf32>
    gpu.return
  }

  // CHECK-LABEL: gpu.func @cap
  // CHECK: arith.cmpf ult
  gpu.func @cap(%x: f32, %out: memref<128xf32>, %i: index) kernel {
    %six = arith.constant 6.0 : f32
    %y = arith.minimumf %x, %six : f32
    memref.store %y, %out[%i] : memref<128xf32>
    gpu.return
  }

  // -0 is less than +0, though a comparison calls them equal.
  // CHECK-LABEL: gpu.func @left_alone
  // CHECK: arith.maximumf
  // CHECK: arith.minimumf
  // CHECK: arith.maximumf
  // CHECK: arith.maximumf
  gpu.func @left_alone(%x: f32, %z: f32, %out: memref<128xf32>, %i: index) kernel {
    %minus = arith.constant -0.0 : f32
    %plus = arith.constant 0.0 : f32
    %nan = arith.constant 0x7FC00000 : f32
    %a = arith.maximumf %x, %minus : f32
    %b = arith.minimumf %a, %plus : f32
    %c = arith.maximumf %b, %nan : f32
    %d = arith.maximumf %c, %z : f32
    memref.store %d, %out[%i] : memref<128xf32>
    gpu.return
  }
}
