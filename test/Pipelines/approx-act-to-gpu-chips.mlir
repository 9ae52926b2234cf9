// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// REQUIRES: cuda-toolkit
// RUN: approx-act-opt --approx-act-to-gpu="format=bin toolkit=%cuda_toolkit chip=sm_75,sm_80,sm_86,sm_89,sm_90,sm_100,sm_120" %s | FileCheck %s
// RUN: approx-act-opt --approx-act-to-gpu="format=fatbin toolkit=%cuda_toolkit chip=sm_90" %s | FileCheck %s --check-prefix=FATBIN

// ptxas accepts the kernels for all chips, in one binary.

// CHECK: gpu.binary @kernels
// CHECK-SAME: chip = "sm_75">, {{[^#]*}}"\7FELF
// CHECK-SAME: chip = "sm_80">, {{[^#]*}}"\7FELF
// CHECK-SAME: chip = "sm_86">, {{[^#]*}}"\7FELF
// CHECK-SAME: chip = "sm_89">, {{[^#]*}}"\7FELF
// CHECK-SAME: chip = "sm_90">, {{[^#]*}}"\7FELF
// CHECK-SAME: chip = "sm_100">, {{[^#]*}}"\7FELF
// CHECK-SAME: chip = "sm_120">, {{[^#]*}}"\7FELF
// FATBIN: gpu.binary {{.*}}chip = "sm_90">, {{.*}}"P\EDU\BA

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
