// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --approx-act-to-gpu="format=gpu" %s | FileCheck %s --check-prefix=GPU
// RUN: approx-act-opt --approx-act-to-gpu="format=llvm" %s | FileCheck %s
// RUN: approx-act-opt --approx-act-to-gpu="format=llvm contractions=kernels" %s | FileCheck %s --check-prefix=KERNELS

// Calls are on the stream of the launches, in the order of the program; equal
// contractions have one description.

// GPU: approx_act.gemm ins(%{{.*}}, %{{.*}} : memref<32x64xf32>, memref<64x64xf32>) outs(%{{.*}} : memref<32x64xf32>)
// GPU: gpu.launch_func
// GPU: approx_act.gemm

// CHECK: llvm.mlir.global internal constant @[[D:gemm_1_32_64_64_1_64_1_1_64_1_1_64_1]](dense<[1, 32, 64, 64, 1, 64, 1, 1, 64, 1, 1, 64, 1]> : tensor<13xi64>)
// CHECK-NOT: llvm.mlir.global
// CHECK: llvm.func @main
// CHECK-NOT: approx_act.gemm
// CHECK: %[[P:.+]] = llvm.mlir.addressof @[[D]]
// CHECK: %[[S:.+]] = llvm.call @mgpuStreamCreate()
// CHECK: %[[M:.+]] = llvm.call @mgpuMemAlloc(%{{.*}}, %[[S]], %{{.*}})
// CHECK: llvm.call @approxActGemmF32(%[[M]], %[[A:.+]], %[[B:.+]], %[[P]], %[[S]])
// CHECK: gpu.launch_func <%[[S]] : !llvm.ptr>
// CHECK: llvm.call @approxActGemmF32(%{{.*}}, %{{.*}}, %[[B]], %[[P]], %[[S]])
// CHECK: llvm.call @mgpuStreamSynchronize(%[[S]])
// CHECK-NOT: mgpuStreamCreate
// CHECK: llvm.return

// KERNELS-NOT: approxActGemm
// KERNELS-COUNT-3: gpu.launch_func
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @main(%a: tensor<32x64xf32>, %b: tensor<64x64xf32>) -> tensor<32x64xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<32x64xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<32x64xf32>) -> tensor<32x64xf32>
  %c = linalg.matmul ins(%a, %b : tensor<32x64xf32>, tensor<64x64xf32>) outs(%z : tensor<32x64xf32>) -> tensor<32x64xf32>
  %d = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%c : tensor<32x64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%in: f32, %o: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  %f = linalg.matmul ins(%d, %b : tensor<32x64xf32>, tensor<64x64xf32>) outs(%z : tensor<32x64xf32>) -> tensor<32x64xf32>
  return %f : tensor<32x64xf32>
}
