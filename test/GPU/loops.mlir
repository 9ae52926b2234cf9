// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-form-kernels))" %s | FileCheck %s --check-prefix=KERNELS
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-form-kernels,approx-act-schedule),approx-act-bufferize)" %s | FileCheck %s --check-prefix=MEMORY
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-form-kernels,approx-act-schedule),approx-act-bufferize,func.func(approx-act-plan-memory),canonicalize,cse)" %s | FileCheck %s --check-prefix=PLAN
// RUN: approx-act-opt --approx-act-to-gpu=format=llvm %s | FileCheck %s --check-prefix=HOST

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>

// Constants are computed where a kernel of the loop reads them; what the loop
// reads of the rest is in memory before it. The two kernels of a step are one,
// and the stack is written outside of it, as the host knows the place.
// KERNELS-LABEL: func @scan
// KERNELS-SAME: (%[[X:.+]]: tensor<500x8xf32>, %[[B:.+]]: tensor<8xf32>, %[[H:.+]]: tensor<1x8xf32>)
// KERNELS: %[[TWICE:.+]] = approx_act.kernel {{.*}} ins(%[[B]] : tensor<8xf32>)
// KERNELS: scf.for %[[I:.+]] = {{.*}} iter_args(%[[S:.+]] = %[[H]], %[[Y:.+]] = %{{.+}})
// KERNELS-NOT: approx_act.kernel
// KERNELS: %[[K:.+]] = approx_act.kernel {{.*}} ins({{.*}} : tensor<
// KERNELS: arith.constant 2.000000e+00
// KERNELS: } -> tensor<1x8xf32>
// KERNELS-NOT: approx_act.kernel
// KERNELS: %[[W:.+]] = tensor.insert_slice %[[K]] into %[[Y]][%[[I]], 0] [1, 8] [1, 1]
// KERNELS: scf.yield %[[K]], %[[W]]

// The caller's arrays are not written: the state starts as a copy of one. The
// loop carries no memory, as each step has it in the same place.
// MEMORY-LABEL: func @scan
// MEMORY-SAME: (%{{.+}}: memref<500x8xf32>, %{{.+}}: memref<8xf32>, %[[H:[a-z0-9]+]]: memref<1x8xf32>
// MEMORY-DAG: %[[S:.+]] = memref.alloc() {{.*}} : memref<1x8xf32>
// MEMORY-DAG: memref.copy %[[H]], %[[S]]
// MEMORY-DAG: %[[Y:.+]] = memref.alloc() {{.*}} : memref<500x8xf32>
// MEMORY: scf.for %[[I:.+]] = %{{.+}} to %{{.+}} step %{{.+}} {
// MEMORY: %[[K:.+]] = memref.alloc() {{.*}} : memref<1x8xf32>
// MEMORY: approx_act.kernel {{.*}} outs(%[[K]] : memref<1x8xf32>)
// MEMORY: %[[PLACE:.+]] = memref.subview %[[Y]][%[[I]], 0] [1, 8] [1, 1]
// MEMORY: memref.copy %[[K]], %[[PLACE]]
// MEMORY: memref.copy %[[K]], %[[S]]

// The kernel writes its row of the stack, which is 32 bytes, and the state is
// copied from there.
// PLAN-LABEL: func @scan
// PLAN-DAG: %[[ROW:.+]] = arith.constant 32 : index
// PLAN-DAG: %[[ARENA:.+]] = gpu.alloc
// PLAN-DAG: %[[S:.+]] = memref.view %[[ARENA]][%{{.+}}][] : memref<{{.+}}xi8> to memref<1x8xf32>
// PLAN: scf.for %[[I:.+]] =
// PLAN-NEXT: %[[SHIFT:.+]] = arith.muli %[[I]], %[[ROW]] : index
// PLAN-NEXT: %[[PLACE:.+]] = memref.view %[[ARENA]][%[[SHIFT]]][] : memref<{{.+}}xi8> to memref<1x8xf32>
// PLAN-NEXT: approx_act.kernel {{.*}} outs(%[[PLACE]] : memref<1x8xf32>)
// PLAN: gpu.memcpy %[[S]], %[[PLACE]]
// PLAN-NEXT: }

// HOST-LABEL: llvm.func @scan
// HOST: llvm.cond_br
// HOST: gpu.launch_func
func.func @scan(%x: tensor<500x8xf32>, %b: tensor<8xf32>, %h: tensor<1x8xf32>) -> (tensor<1x8xf32>, tensor<500x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 500 : index
  %two = arith.constant 2.0 : f32
  %e8 = tensor.empty() : tensor<8xf32>
  %twice = linalg.exp ins(%b : tensor<8xf32>) outs(%e8 : tensor<8xf32>) -> tensor<8xf32>
  %zeros = tensor.empty() : tensor<500x8xf32>
  %r:2 = scf.for %i = %c0 to %n step %c1 iter_args(%s = %h, %y = %zeros) -> (tensor<1x8xf32>, tensor<500x8xf32>) {
    %row = tensor.extract_slice %x[%i, 0] [1, 8] [1, 1] : tensor<500x8xf32> to tensor<1x8xf32>
    %e = tensor.empty() : tensor<1x8xf32>
    %scaled = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%row, %s : tensor<1x8xf32>, tensor<1x8xf32>) outs(%e : tensor<1x8xf32>) {
    ^bb0(%in: f32, %state: f32, %o: f32):
      %0 = arith.mulf %in, %two : f32
      %1 = arith.addf %0, %state : f32
      linalg.yield %1 : f32
    } -> tensor<1x8xf32>
    %next = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
        ins(%scaled, %twice : tensor<1x8xf32>, tensor<8xf32>) outs(%e : tensor<1x8xf32>) {
    ^bb0(%in: f32, %bias: f32, %o: f32):
      %0 = arith.addf %in, %bias : f32
      linalg.yield %0 : f32
    } -> tensor<1x8xf32>
    %w = tensor.insert_slice %next into %y[%i, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<500x8xf32>
    scf.yield %next, %w : tensor<1x8xf32>, tensor<500x8xf32>
  }
  return %r#0, %r#1 : tensor<1x8xf32>, tensor<500x8xf32>
}
