// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --approx-act-attach-target="chips=sm_75,sm_90a" %s | FileCheck %s
// RUN: not approx-act-opt --approx-act-attach-target="chips=sm_70" %s 2>&1 | FileCheck %s --check-prefix=OLD
// RUN: not approx-act-opt --approx-act-attach-target="chips=sm_99" %s 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not approx-act-opt --approx-act-attach-target="chips=gfx90a" %s 2>&1 | FileCheck %s --check-prefix=OTHER
// RUN: not approx-act-opt --approx-act-attach-target="chips=sm_80,sm_80" %s 2>&1 | FileCheck %s --check-prefix=TWICE
// RUN: not approx-act-opt --approx-act-attach-target %s 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not approx-act-opt --approx-act-attach-target="chips=sm_80 opt-level=4" %s 2>&1 | FileCheck %s --check-prefix=LEVEL

// A wrong chip would stop the process in the backend.

// CHECK: module attributes {approx_act.device = "cuda"}
// CHECK: gpu.module @kernels [#nvvm.target<O = 3, chip = "sm_75">, #nvvm.target<O = 3, chip = "sm_90a">]
// OLD: error: chip 'sm_70' is older than sm_75, the first that CUDA 13 supports
// UNKNOWN: error: LLVM does not know the chip 'sm_99'
// OTHER: error: expected a chip such as sm_90 or sm_90a, but found 'gfx90a'
// TWICE: error: chip 'sm_80' is named twice
// NONE: error: expected at least one chip
// LEVEL: error: opt-level must be 0 to 3, but is 4
gpu.module @kernels {
}
