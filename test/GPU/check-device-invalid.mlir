// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --approx-act-check-device="toolkit=%S needs-toolkit=true" -split-input-file -verify-diagnostics %s
// RUN: not approx-act-opt --approx-act-check-device="toolkit=%t.none" %s 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: the CUDA toolkit '{{.*}}.none' is not a directory

// The most that a device takes is no error, one more is.
module attributes {gpu.container_module} {
  gpu.module @kernels {
    llvm.func @k() attributes {gpu.kernel, nvvm.kernel} {
      llvm.return
    }
  }
  func.func @main() {
    %c1 = llvm.mlir.constant(1 : i64) : i64
    %most = llvm.mlir.constant(2147483647 : i64) : i64
    %more = llvm.mlir.constant(2147483648 : i64) : i64
    gpu.launch_func @kernels::@k blocks in (%most, %c1, %c1) threads in (%c1, %c1, %c1) : i64
    // expected-error @+1 {{kernel 'k' needs 2147483648 blocks; a launch has at most 2147483647}}
    gpu.launch_func @kernels::@k blocks in (%more, %c1, %c1) threads in (%c1, %c1, %c1) : i64
    // expected-error @+1 {{kernel 'k' needs 2147483647 blocks; a launch has at most 65535}}
    gpu.launch_func @kernels::@k blocks in (%c1, %most, %c1) threads in (%c1, %c1, %c1) : i64
    return
  }
}

// -----

// A toolkit without libdevice, as this folder is.
gpu.module @kernels {
  llvm.func @__nv_expf(f32) -> f32
  llvm.func @other(f32) -> f32
  llvm.func @k(%x: f32) {
    %0 = llvm.call @other(%x) : (f32) -> f32
    // expected-error @+1 {{needs '__nv_expf' of libdevice, and there is no file}}
    %1 = llvm.call @__nv_expf(%x) : (f32) -> f32
    llvm.return
  }
}

// -----

// Floats of 8 bits can be moved, but nothing can be computed with them.
gpu.module @floats {
  llvm.func @moves(%p: !llvm.ptr) {
    %0 = llvm.load %p : !llvm.ptr -> vector<4xi8>
    llvm.store %0, %p : vector<4xi8>, !llvm.ptr
    llvm.return
  }
  llvm.func @computes(%p: !llvm.ptr) {
    %0 = llvm.load %p : !llvm.ptr -> vector<4xi8>
    // expected-error @+1 {{kernels cannot compute with elements of type 'f8E4M3FN'}}
    %1 = builtin.unrealized_conversion_cast %0 : vector<4xi8> to vector<4xf8E4M3FN>
    %2 = builtin.unrealized_conversion_cast %1 : vector<4xf8E4M3FN> to vector<4xi8>
    llvm.store %2, %p : vector<4xi8>, !llvm.ptr
    llvm.return
  }
}
