// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the toolkit lacks is an error at the op that needs it, or says what to do.

// No toolkit, and none in the environment.
// DEFINE: %{opt} = env CUDA_ROOT= CUDA_HOME= CUDA_PATH= PATH=/nowhere approx-act-opt
// RUN: not %{opt} --approx-act-to-gpu="format=isa" %s 2>&1 | FileCheck %s --check-prefixes=ERROR,NONE
// RUN: not %{opt} --approx-act-to-gpu="format=fatbin" %s 2>&1 | FileCheck %s --check-prefixes=ERROR,NONE
// A toolkit without libdevice.
// RUN: mkdir -p %t.empty
// RUN: not %{opt} --approx-act-to-gpu="format=bin toolkit=%t.empty" %s 2>&1 | FileCheck %s --check-prefixes=ERROR,FILE
// RUN: not env CUDA_ROOT=%t.empty approx-act-opt --approx-act-to-gpu="format=isa" %s 2>&1 | FileCheck %s --check-prefixes=ERROR,FILE
// Without ptxas; libdevice is not needed.
// RUN: sed -e s/math.exp/arith.negf/ %s > %t.mlir
// RUN: not %{opt} --approx-act-to-gpu="format=bin" %t.mlir 2>&1 | FileCheck %s --check-prefix=PTXAS
// PTX of these kernels can be made of nothing.
// RUN: %{opt} --approx-act-to-gpu="format=isa" %t.mlir | FileCheck %s --check-prefix=ISA
// The CPU has its own functions in place of libdevice.
// RUN: %{opt} --approx-act-to-gpu="format=llvm" %s | FileCheck %s --check-prefix=LLVM
// RUN: not %{opt} --approx-act-to-gpu="format=llvm toolkit=%t.none" %s 2>&1 | FileCheck %s --check-prefix=FOLDER

// ERROR: toolkit.mlir:[[# @LINE + 13]]:{{[0-9]+}}: error: needs '__nv_expf' of libdevice, and there is no
// NONE-SAME: CUDA toolkit; name one with the option toolkit or the variable CUDA_ROOT, or take format=llvm
// FILE-SAME: file {{.*}}.empty/nvvm/libdevice/libdevice.10.bc
// PTXAS: error: Couldn't find the `ptxas` binary. Please specify the toolkit path
// ISA: .visible .entry
// LLVM: gpu.binary @kernels
// FOLDER: error: the CUDA toolkit '{{.*}}.none' is not a directory
#id = affine_map<(d0) -> (d0)>
func.func public @main(%x: tensor<64xf32>) -> tensor<64xf32> {
  %e = tensor.empty() : tensor<64xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  return %y : tensor<64xf32>
}
