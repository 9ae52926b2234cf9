// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --approx-act-to-gpu="format=gpu" %s | FileCheck %s --check-prefix=GPU
// RUN: approx-act-opt --approx-act-to-gpu="format=llvm chip=sm_90" %s | FileCheck %s --check-prefixes=HOST,LLVM
// RUN: approx-act-opt --approx-act-to-gpu="format=isa" %s | FileCheck %s --check-prefixes=HOST,ISA
// RUN: approx-act-opt --approx-act-to-gpu="format=gpu print-plan" %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=PLAN
// RUN: not approx-act-opt --approx-act-to-gpu="chip=sm_37" %s 2>&1 | FileCheck %s --check-prefix=OLD

// The whole way. Codes are made with the value that is computed from the same,
// and restored in the kernel that reads them.

// The reciprocals of steps, once per channel.
// GPU: gpu.func @select_0
// GPU: gpu.func @save_exp_1
// GPU: gpu.func @restore_mulf_2
// GPU: func.func public @main
// GPU-NOT: memref.alloc
// GPU: gpu.launch_func @kernels::@select_0
// GPU: gpu.launch_func @kernels::@save_exp_1
// GPU: gpu.launch_func @kernels::@restore_mulf_2
// GPU-NOT: gpu.launch_func

// HOST-NOT: unrealized_conversion_cast
// LLVM: gpu.binary @kernels {{.*}}#nvvm.target<O = 3, chip = "sm_90">, offload = "BC
// ISA: gpu.binary @kernels {{.*}}chip = "sm_80"{{.*}}assembly = "
// ISA-SAME: .target sm_80
// ISA-SAME: .visible .entry save
// Two accesses of 128 bits for the eight elements.
// ISA-SAME: ld.global.nc.v4
// HOST: llvm.func @main
// HOST-SAME: approx_act.arguments = [memref<8x16xf32>, memref<1x16xf32>, memref<1x16xf32>]
// HOST: gpu.launch_func
// HOST: llvm.func @_mlir_ciface_main

// PLAN: buffer,type,bytes,offset,first,last
// PLAN: # peak 320 bytes, lower bound 128 bytes

// OLD: error: chip 'sm_37' is older than sm_75, the first that CUDA 13 supports

#id = affine_map<(d0, d1) -> (d0, d1)>
func.func public @main(%x: tensor<8x16xf32>, %lo: tensor<1x16xf32>, %step: tensor<1x16xf32>)
    -> (tensor<8x16xf32>, tensor<8x16xf32>) {
  %e = tensor.empty() : tensor<8x16xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<8x16xf32>
  %q = approx_act.quantize %x, %lo, %step : tensor<8x16xf32>, tensor<1x16xf32> -> tensor<8x16xi4>
  %w = approx_act.pack %q {dim = 1 : i64} : tensor<8x16xi4> -> tensor<8x8xi8>
  %b:2 = approx_act.barrier %w, %y : tensor<8x8xi8>, tensor<8x16xf32>
  %u = approx_act.unpack %b#0 {dim = 1 : i64} : tensor<8x8xi8> -> tensor<8x16xi4>
  %r = approx_act.dequantize %u, %lo, %step : tensor<8x16xi4>, tensor<1x16xf32> -> tensor<8x16xf32>
  %z = arith.mulf %r, %b#1 : tensor<8x16xf32>
  return %b#1, %z : tensor<8x16xf32>, tensor<8x16xf32>
}
