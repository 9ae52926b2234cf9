// After an error of one program, others of the process run, and again it.

// REQUIRES: jax
// RUN: split-file %s %t
// DEFINE: %{sessions} = %python %S/Inputs/sessions.py

//--- barrier.mlir
// A program in which nothing is wrong.
// RUN: %lower-gpu %t/barrier.mlir -o %t/good.mlir
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>) kernel {
      %one = arith.constant 1.0 : f32
      %i = gpu.thread_id x
      gpu.barrier
      memref.store %one, %x[%i] : memref<64xf32>
      gpu.return
    }
  }
  func.func @main(%x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1) args(%x: memref<64xf32>)
    return
  }
}

//--- local.mlir
// The stacks of its threads, with 64 MB of local variables each, do not fit into
// memory: threads of later kernels have none before they ask for some.
// RUN: %lower-gpu %t/local.mlir -o %t/large.mlir
// RUN: %{sessions} %t/good.mlir limit %t/large.mlir %t/good.mlir %t/large.mlir | FileCheck %s --check-prefix=STACKS
// STACKS: good: runs
// STACKS-NEXT: large: out of memory for the stacks of 64 threads
// STACKS-NEXT: good: runs
// STACKS-NEXT: large: runs
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>, %n: memref<i64>) kernel {
      %one = arith.constant 1.0 : f32
      %i = gpu.thread_id x
      %m = memref.load %n[] : memref<i64>
      %j = arith.index_cast %m : i64 to index
      %local = memref.alloca() : memref<16777216xf32>
      memref.store %one, %local[%j] : memref<16777216xf32>
      gpu.barrier
      %v = memref.load %local[%i] : memref<16777216xf32>
      memref.store %v, %x[%i] : memref<64xf32>
      gpu.return
    }
  }
  func.func @main(%n: memref<i64>, %x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [memref<i64>], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1) args(%x: memref<64xf32>, %n: memref<i64>)
    return
  }
}

//--- deep.mlir
// A thread needs 2 kB more than its stack of 36 kB, which is found in any thread of
// the host.
// RUN: %lower-gpu %t/deep.mlir -o %t/overflow.mlir
// RUN: %{sessions} %t/overflow.mlir thread %t/overflow.mlir thread %t/good.mlir | FileCheck %s --check-prefix=OVERFLOW
// OVERFLOW: overflow: kernel 'k', block (0, 0, 0), thread (0, 0, 0): the local variables of the thread need more than its stack
// OVERFLOW-NEXT: overflow: kernel 'k', block (0, 0, 0), thread (0, 0, 0): the local variables of the thread need more than its stack
// OVERFLOW-NEXT: good: runs
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>, %n: memref<i64>) kernel {
      %c0 = arith.constant 0 : index
      %one = arith.constant 1.0 : f32
      %kilobytes = arith.constant 38 : i64
      %floats = arith.constant 256 : i64
      %i = gpu.thread_id x
      %m = memref.load %n[] : memref<i64>
      %more = arith.addi %m, %kilobytes : i64
      %size = arith.muli %more, %floats : i64
      %count = arith.index_cast %size : i64 to index
      %local = memref.alloca(%count) : memref<?xf32>
      memref.store %one, %local[%c0] : memref<?xf32>
      gpu.barrier
      %v = memref.load %local[%i] : memref<?xf32>
      memref.store %v, %x[%i] : memref<64xf32>
      gpu.return
    }
  }
  func.func @main(%n: memref<i64>, %x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [memref<i64>], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1) args(%x: memref<64xf32>, %n: memref<i64>)
    return
  }
}
