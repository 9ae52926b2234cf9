// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// REQUIRES: cuda-toolkit
// RUN: approx-act-opt --approx-act-to-gpu="format=fatbin toolkit=%cuda_toolkit chip=sm_75,sm_80,sm_86,sm_89,sm_90,sm_100,sm_120" %s -o %t.all.mlir
// RUN: FileCheck %s < %t.all.mlir
// RUN: approx-act-opt --approx-act-to-gpu="format=bin toolkit=%cuda_toolkit chip=sm_90a" %s | FileCheck %s --check-prefix=BIN
// RUN: not approx-act-opt --approx-act-to-gpu="format=isa chip=sm_80,sm_90" %s 2>&1 | FileCheck %s --check-prefix=ISA
// RUN: approx-act-opt --approx-act-to-gpu="format=fatbin toolkit=%cuda_toolkit chip=sm_75,sm_80,sm_86,sm_89,sm_90,sm_100,sm_120" %s | cmp - %t.all.mlir

// ptxas accepts the kernels for all chips, in one binary, which is the same every
// time.

// CHECK: gpu.binary @kernels
// CHECK-SAME: [#gpu.object<#nvvm.target<O = 3, chip = "sm_75">, {{[^#]*}}"P\EDU\BA\01\00\10\00
// CHECK-NOT: #gpu.object
// BIN: gpu.binary @kernels
// BIN-SAME: [#gpu.object<#nvvm.target<O = 3, chip = "sm_90a">, {{[^#]*}}"\7FELF
// ISA: error: only objects in format fatbin can be for several chips, but here are 2 in format assembly

#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>
func.func public @main(%x: tensor<64x32xf32>, %init: tensor<32xf32>) -> (tensor<64x32xf32>, tensor<32xf32>) {
  %e = tensor.empty() : tensor<64x32xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.tanh %in : f32
    linalg.yield %0 : f32
  } -> tensor<64x32xf32>
  %s = linalg.generic {indexing_maps = [#id, #columns], iterator_types = ["reduction", "parallel"]}
      ins(%y : tensor<64x32xf32>) outs(%init : tensor<32xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %out : f32
    linalg.yield %0 : f32
  } -> tensor<32xf32>
  return %y, %s : tensor<64x32xf32>, tensor<32xf32>
}
