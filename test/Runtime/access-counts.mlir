// The bytes of global memory that a kernel loads and stores: every thread loads
// 16 bytes and stores 4, atomics do both, shared memory does not count, and of
// masked vectors, which end with the row of three, what the mask lets through.
// The trace shows launches and memory.

// RUN: %lower-gpu %s -o %t.mlir
// RUN: approx-act-runner %t.mlir --strict --count-accesses --timings --repeat=2 --trace=%t.json > %t.csv
// RUN: FileCheck %s < %t.csv
// RUN: %python -c "import json, sys; [print(e['name'], e['ph'], e.get('cat'), e.get('args')) for e in json.load(open(sys.argv[1]))['traceEvents'] if e['ts'] >= 0]" %t.json | FileCheck %s --check-prefix=TRACE

// CHECK:      run,microseconds
// CHECK-NEXT: 0,{{[0-9.]+}}
// CHECK-NEXT: 1,{{[0-9.]+}}
// CHECK-NEXT: kernel,launches,microseconds,compile microseconds,bytes loaded,bytes stored
// CHECK-NEXT: pack,2,{{[0-9.]+}},{{[0-9.]+}},1024,256
// CHECK-NEXT: add,2,{{[0-9.]+}},{{[0-9.]+}},128,128
// CHECK-NEXT: mask,2,{{[0-9.]+}},{{[0-9.]+}},96,96

// TRACE-DAG: pack X compile
// TRACE-DAG: pack X kernel
// TRACE-DAG: add X kernel
// TRACE-DAG: device memory C None {'bytes': 640}

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @pack(%x: memref<32x4xf32>, %y: memref<32xf32>) kernel {
      %c0 = arith.constant 0 : index
      %i = gpu.thread_id x
      %v = vector.load %x[%i, %c0] {alignment = 16 : i64} : memref<32x4xf32>, vector<4xf32>
      %s = vector.reduction <add>, %v : vector<4xf32> into f32
      memref.store %s, %y[%i] : memref<32xf32>
      gpu.return
    }
    gpu.func @add(%x: memref<32x4xf32>, %y: memref<32xf32>)
        workgroup(%s: memref<32xf32, #gpu.address_space<workgroup>>) kernel {
      %one = arith.constant 1.0 : f32
      %c1 = arith.constant 1 : index
      %i = gpu.thread_id x
      %j = arith.xori %i, %c1 : index
      memref.store %one, %s[%i] : memref<32xf32, #gpu.address_space<workgroup>>
      gpu.barrier
      %v = memref.load %s[%j] : memref<32xf32, #gpu.address_space<workgroup>>
      %is_even = arith.cmpi ult, %i, %j : index
      scf.if %is_even {
        %0 = memref.atomic_rmw addf %v, %y[%i] : (f32, memref<32xf32>) -> f32
      }
      gpu.return
    }
    gpu.func @mask(%x: memref<32x4xf32>) kernel {
      %c3 = arith.constant 3 : index
      %c0 = arith.constant 0 : index
      %zero = arith.constant dense<0.0> : vector<4xf32>
      %i = gpu.thread_id x
      %size = arith.minui %i, %c3 : index
      %size32 = arith.index_cast %size : index to i32
      %sizes = vector.broadcast %size32 : i32 to vector<4xi32>
      %columns = arith.constant dense<[0, 1, 2, 3]> : vector<4xi32>
      %m = arith.cmpi ult, %columns, %sizes : vector<4xi32>
      %v = vector.maskedload %x[%i, %c0], %m, %zero : memref<32x4xf32>, vector<4xi1>, vector<4xf32> into vector<4xf32>
      %w = arith.negf %v : vector<4xf32>
      vector.maskedstore %x[%i, %c0], %m, %w : memref<32x4xf32>, vector<4xi1>, vector<4xf32>
      gpu.return
    }
  }
  func.func @main(%x: memref<32x4xf32>, %y: memref<32xf32>) attributes {
      llvm.emit_c_interface,
      approx_act.arguments = [],
      approx_act.results = [memref<32x4xf32>, memref<32xf32>]} {
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    gpu.launch_func @kernels::@pack blocks in (%c1, %c1, %c1) threads in (%c32, %c1, %c1)
        args(%x: memref<32x4xf32>, %y: memref<32xf32>)
    gpu.launch_func @kernels::@add blocks in (%c1, %c1, %c1) threads in (%c32, %c1, %c1)
        args(%x: memref<32x4xf32>, %y: memref<32xf32>)
    %c6 = arith.constant 6 : index
    gpu.launch_func @kernels::@mask blocks in (%c1, %c1, %c1) threads in (%c6, %c1, %c1)
        args(%x: memref<32x4xf32>)
    return
  }
}
