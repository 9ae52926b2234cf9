// What is undefined on a GPU is an error in strict mode, which names the kernel,
// the block and, where threads are not a loop, the thread.

// RUN: split-file %s %t

//--- divergent-barrier.mlir
// Odd threads wait at another barrier.
// RUN: %lower-gpu %t/divergent-barrier.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir --strict 2>&1 | FileCheck %s --check-prefix=BARRIER
// BARRIER: error: kernel 'diverge', block (0, 0, 0), thread ({{[0-9]+}}, 0, 0): barrier divergence: thread (0, 0, 0) waits at barrier 0, collective {{[01]}} of the kernel, thread (1, 0, 0) waits at barrier 0, collective {{[01]}} of the kernel
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @diverge(%x: memref<64xf32>) kernel {
      %c1 = arith.constant 1 : index
      %i = gpu.thread_id x
      %odd = arith.andi %i, %c1 : index
      %is_odd = arith.cmpi eq, %odd, %c1 : index
      scf.if %is_odd {
        %one = arith.constant 1.0 : f32
        memref.store %one, %x[%i] : memref<64xf32>
        gpu.barrier
      } else {
        gpu.barrier
        %two = arith.constant 2.0 : f32
        memref.store %two, %x[%i] : memref<64xf32>
      }
      gpu.return
    }
  }
  func.func @main(%x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func @kernels::@diverge blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1) args(%x: memref<64xf32>)
    return
  }
}

//--- returned.mlir
// Threads that have returned never come to the barrier.
// RUN: %lower-gpu %t/returned.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir --strict 2>&1 | FileCheck %s --check-prefix=RETURNED
// RETURNED: error: kernel 'leave', block (0, 0, 0), {{.*}}: barrier divergence: thread (0, 0, 0) waits at barrier 0, collective 0 of the kernel, thread (40, 0, 0) has returned
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @leave(%x: memref<64xf32>) kernel {
      %c40 = arith.constant 40 : index
      %i = gpu.thread_id x
      %stays = arith.cmpi ult, %i, %c40 : index
      scf.if %stays {
        gpu.barrier
      }
      gpu.return
    }
  }
  func.func @main(%x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func @kernels::@leave blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1) args(%x: memref<64xf32>)
    return
  }
}

//--- mask.mlir
// Half of the warp shuffles with all lanes.
// RUN: %lower-gpu %t/mask.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir --strict 2>&1 | FileCheck %s --check-prefix=MASK
// MASK: error: kernel 'shuffle', block (0, 0, 0), {{.*}}: divergent collective: thread ({{[0-9]+}}, 0, 0) {{.*}}, thread ({{[0-9]+}}, 0, 0)
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @shuffle(%x: memref<64xf32>) kernel {
      %c16 = arith.constant 16 : index
      %i1 = arith.constant 1 : i32
      %i32 = arith.constant 32 : i32
      %i = gpu.thread_id x
      %v = memref.load %x[%i] : memref<64xf32>
      %works = arith.cmpi ult, %i, %c16 : index
      scf.if %works {
        %s, %p = gpu.shuffle xor %v, %i1, %i32 : f32
        memref.store %s, %x[%i] : memref<64xf32>
      }
      gpu.return
    }
  }
  func.func @main(%x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func @kernels::@shuffle blocks in (%c1, %c1, %c1) threads in (%c32, %c1, %c1) args(%x: memref<64xf32>)
    return
  }
}

//--- misaligned.mlir
// The kernel says 16 bytes, and starts at the second float.
// RUN: %lower-gpu %t/misaligned.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir --strict 2>&1 | FileCheck %s --check-prefix=MISALIGNED
// MISALIGNED: error: kernel 'load', block (0, 0, 0): misaligned access: an address that must be a multiple of 16 is only one of 4
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @load(%x: memref<64xf32>) kernel {
      %c1 = arith.constant 1 : index
      %v = vector.load %x[%c1] {alignment = 16 : i64} : memref<64xf32>, vector<4xf32>
      %c33 = arith.constant 33 : index
      vector.store %v, %x[%c33] {alignment = 4 : i64} : memref<64xf32>, vector<4xf32>
      gpu.return
    }
  }
  func.func @main(%x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func @kernels::@load blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%x: memref<64xf32>)
    return
  }
}

//--- out-of-bounds.mlir
// The third block has no elements.
// RUN: %lower-gpu %t/out-of-bounds.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir --strict 2>&1 | FileCheck %s --check-prefix=BOUNDS
// BOUNDS: error: kernel 'fill', block (2, 0, 0): accesses memory 0 bytes beyond the end of an allocation of 256 bytes
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @fill(%x: memref<64xf32>) kernel {
      %one = arith.constant 1.0 : f32
      %c32 = arith.constant 32 : index
      %b = gpu.block_id x
      %t = gpu.thread_id x
      %first = arith.muli %b, %c32 : index
      %i = arith.addi %first, %t : index
      memref.store %one, %x[%i] : memref<64xf32>
      gpu.return
    }
  }
  func.func @main(%x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func @kernels::@fill blocks in (%c32, %c1, %c1) threads in (%c32, %c1, %c1) args(%x: memref<64xf32>)
    return
  }
}

//--- maxntid.mlir
// RUN: %lower-gpu %t/maxntid.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir --strict 2>&1 | FileCheck %s --check-prefix=MAXNTID
// MAXNTID: error: launch of kernel 'small': a block of (64, 1, 1) threads; the kernel is compiled for at most 32 (maxntid)
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @small(%x: memref<64xf32>) kernel attributes {known_block_size = array<i32: 32, 1, 1>} {
      %one = arith.constant 1.0 : f32
      %i = gpu.thread_id x
      memref.store %one, %x[%i] : memref<64xf32>
      gpu.return
    }
  }
  func.func @main(%x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func @kernels::@small blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1) args(%x: memref<64xf32>)
    return
  }
}

//--- block-size.mlir
// RUN: %lower-gpu %t/block-size.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir 2>&1 | FileCheck %s --check-prefix=SIZE
// SIZE: error: launch of kernel 'k': a block of 4096 threads; there can be 1024
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>) kernel {
      gpu.return
    }
  }
  func.func @main(%x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c64, %c64, %c1) args(%x: memref<64xf32>)
    return
  }
}

//--- host-pointer.mlir
// RUN: %lower-gpu %t/host-pointer.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir --strict 2>&1 | FileCheck %s --check-prefix=POINTER
// POINTER: error: launch of kernel 'k': argument 0 does not point to device memory
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>) kernel {
      gpu.return
    }
  }
  func.func @main(%x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %h = memref.alloca() : memref<64xf32>
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1) args(%h: memref<64xf32>)
    return
  }
}

//--- host-access.mlir
// RUN: %lower-gpu %t/host-access.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir --strict 2>&1 | FileCheck %s --check-prefix=HOST
// HOST: error: code of the host touches device memory, in an allocation of 256 bytes
module attributes {gpu.container_module} {
  gpu.module @kernels {

  }
  func.func @main(%x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %one = arith.constant 1.0 : f32
    memref.store %one, %x[%c1] : memref<64xf32>
    return
  }
}

//--- deadlock.mlir
// Two halves of the block wait for different numbers of threads, too few of which
// there are. This is an error without strict mode, too.
// RUN: %lower-gpu %t/deadlock.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir 2>&1 | FileCheck %s --check-prefix=DEADLOCK
// DEADLOCK: error: kernel 'wait', block (0, 0, 0), {{.*}}: deadlock: thread (0, 0, 0) waits at barrier 1, collective 0 of the kernel
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @wait(%x: memref<64xf32>) kernel {
      %id = arith.constant 1 : i32
      %count = arith.constant 128 : i32
      nvvm.barrier id = %id number_of_threads = %count
      gpu.return
    }
  }
  func.func @main(%x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func @kernels::@wait blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1) args(%x: memref<64xf32>)
    return
  }
}

//--- trap.mlir
// RUN: %lower-gpu %t/trap.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir 2>&1 | FileCheck %s --check-prefix=TRAP
// TRAP: error: kernel 'check', block (0, 0, 0): assertion failed: too large at {{.*}}trap.mlir:
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @check(%x: memref<64xf32>) kernel {
      %c40 = arith.constant 40 : index
      %i = gpu.thread_id x
      %is_small = arith.cmpi ult, %i, %c40 : index
      cf.assert %is_small, "too large"
      gpu.return
    }
  }
  func.func @main(%x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func @kernels::@check blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1) args(%x: memref<64xf32>)
    return
  }
}

//--- unknown.mlir
// RUN: %lower-gpu %t/unknown.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: error: kernel 'k': 'llvm.nvvm.mbarrier.init.shared' is not known to the executor of the CPU
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>) workgroup(%s: memref<1xi64, 3>) kernel {
      %count = arith.constant 1 : i32
      %i = memref.extract_aligned_pointer_as_index %s : memref<1xi64, 3> -> index
      %j = arith.index_cast %i : index to i64
      %p = llvm.inttoptr %j : i64 to !llvm.ptr<3>
      nvvm.mbarrier.init %p, %count : !llvm.ptr<3>, i32
      gpu.return
    }
  }
  func.func @main(%x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1) args(%x: memref<64xf32>)
    return
  }
}

//--- assembly.mlir
// RUN: %lower-gpu %t/assembly.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir 2>&1 | FileCheck %s --check-prefix=ASSEMBLY
// ASSEMBLY: error: kernel 'k': inline assembly 'nanosleep.u32 5;' does not run on the CPU
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>) kernel {
      llvm.inline_asm has_side_effects "nanosleep.u32 5;", "" : () -> ()
      gpu.return
    }
  }
  func.func @main(%x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1) args(%x: memref<64xf32>)
    return
  }
}

//--- gemm.mlir
// The description says more rows than there are.
// RUN: %lower-gpu %t/gemm.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir --strict 2>&1 | FileCheck %s --check-prefix=GEMM
// GEMM: error: gemm 1x100x2x2: c is not 800 bytes of device memory
module {
  llvm.func @approxActGemmF32(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr)
  memref.global constant @description : memref<13xi64> = dense<[1, 100, 2, 2, 4, 2, 1, 4, 2, 1, 4, 2, 1]>
  func.func @main(%x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<64xf32>]} {
    %d = memref.get_global @description : memref<13xi64>
    %i = memref.extract_aligned_pointer_as_index %d : memref<13xi64> -> index
    %j = arith.index_cast %i : index to i64
    %p = llvm.inttoptr %j : i64 to !llvm.ptr
    %k = memref.extract_aligned_pointer_as_index %x : memref<64xf32> -> index
    %l = arith.index_cast %k : index to i64
    %q = llvm.inttoptr %l : i64 to !llvm.ptr
    %stream = llvm.mlir.zero : !llvm.ptr
    llvm.call @approxActGemmF32(%q, %q, %q, %p, %stream) : (!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> ()
    return
  }
}

//--- null.mlir
// Without strict mode what the processor notices is an error, too.
// RUN: %lower-gpu %t/null.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir 2>&1 | FileCheck %s --check-prefix=NULL
// NULL: error: kernel 'k', block (0, 0, 0): accesses memory that is not the device's, or that is misaligned; strict mode tells more
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>) kernel {
      %far = arith.constant 1000000000000 : index
      %one = arith.constant 1.0 : f32
      memref.store %one, %x[%far] : memref<64xf32>
      gpu.return
    }
  }
  func.func @main(%x: memref<64xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<64xf32>]} {
    %c1 = arith.constant 1 : index
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%x: memref<64xf32>)
    return
  }
}

//--- out-of-memory.mlir
// RUN: %lower-gpu %t/out-of-memory.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir 2>&1 | FileCheck %s --check-prefix=MEMORY
// RUN: not approx-act-runner %t/lowered.mlir --strict 2>&1 | FileCheck %s --check-prefix=MEMORY
// MEMORY: error: out of device memory: cannot allocate 4503599627370496 bytes
module {
  func.func @main(%x: memref<1125899906842624xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<1125899906842624xf32>]} {
    return
  }
}

//--- freed.mlir
// RUN: %lower-gpu %t/freed.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir --strict 2>&1 | FileCheck %s --check-prefix=FREED
// FREED: error: launch of kernel 'k': argument 0 does not point to device memory
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<64xf32>) kernel {
      gpu.return
    }
  }
  func.func @main() attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = []} {
    %c1 = arith.constant 1 : index
    %t0 = gpu.wait async
    %m, %t1 = gpu.alloc async [%t0] () : memref<64xf32>
    %t2 = gpu.dealloc async [%t1] %m : memref<64xf32>
    %t3 = gpu.launch_func async [%t2] @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%m: memref<64xf32>)
    gpu.wait [%t3]
    return
  }
}

//--- twice.mlir
// RUN: %lower-gpu %t/twice.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir --strict 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: error: an allocation of 256 bytes is freed twice
module {
  func.func @main() attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = []} {
    %t0 = gpu.wait async
    %m, %t1 = gpu.alloc async [%t0] () : memref<64xf32>
    %t2 = gpu.dealloc async [%t1] %m : memref<64xf32>
    %t3 = gpu.dealloc async [%t2] %m : memref<64xf32>
    gpu.wait [%t3]
    return
  }
}

//--- margin.mlir
// A write that stays short of the page that traps is found when memory is freed.
// RUN: %lower-gpu %t/margin.mlir -o %t/lowered.mlir
// RUN: not approx-act-runner %t/lowered.mlir --strict 2>&1 | FileCheck %s --check-prefix=MARGIN
// MARGIN: error: a kernel wrote beyond the end of an allocation of 20 bytes
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<5xf32>) kernel {
      %one = arith.constant 1.0 : f32
      %i = gpu.thread_id x
      memref.store %one, %x[%i] : memref<5xf32>
      gpu.return
    }
  }
  func.func @main(%x: memref<5xf32>) attributes {
      llvm.emit_c_interface, approx_act.arguments = [], approx_act.results = [memref<5xf32>]} {
    %c1 = arith.constant 1 : index
    %c6 = arith.constant 6 : index
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c6, %c1, %c1) args(%x: memref<5xf32>)
    return
  }
}
