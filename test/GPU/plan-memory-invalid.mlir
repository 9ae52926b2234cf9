// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: not approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-plan-memory{alignment=48}))" %s 2>&1 | FileCheck %s
// RUN: not approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-plan-memory{alignment=8}))" %s 2>&1 | FileCheck %s --check-prefix=SMALL

// CHECK: error: alignment must be a power of 2, 16 or more, but is 48
// SMALL: error: alignment must be a power of 2, 16 or more, but is 8
func.func @main() {
  return
}
