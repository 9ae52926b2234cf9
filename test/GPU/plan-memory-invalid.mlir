// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: not approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-plan-memory{alignment=48}))" %s 2>&1 | FileCheck %s

// CHECK: error: alignment must be a power of 2, but is 48
func.func @main() {
  return
}
