// What threads of a warp and of a block do together.

// RUN: %lower-gpu %s -o %t.mlir
// RUN: %arrays save %t.x.npy "rng.integers(-100, 100, (2, 64), dtype=int32)"
// RUN: approx-act-runner %t.mlir --strict --poison --input=%t.x.npy --output=%t.shuffled.npy --output=%t.sums.npy --output=%t.votes.npy
// RUN: approx-act-runner %t.mlir --strict --reverse-threads --input=%t.x.npy --output=%t.r0.npy --output=%t.r1.npy --output=%t.r2.npy
// RUN: %arrays compare %t.shuffled.npy "[[r[i ^ 5], r[maximum(i - 3, i & 32)], r[i + 7] if i % 32 < 25 else r[i], r[i // 8 * 8 + 2]] for r in x for i in range(64)]" x=%t.x.npy --atol=0.5 \
// RUN:   , compare %t.sums.npy "[[r.sum(), r[i & 32:][:32].sum(), r[i & 32:][:32].max()] for r in x for i in range(64)]" x=%t.x.npy --atol=0.5 \
// RUN:   , compare %t.votes.npy "[[dot(r[i & 32:][:32] < 0, 2.0 ** arange(32)), (r[i & 32:][:32] < 99).all(), (r[i & 32:][:32] > 95).any()] for r in x for i in range(64)]" x=%t.x.npy --atol=0.5 \
// RUN:   , compare %t.r0.npy "y" y=%t.shuffled.npy \
// RUN:   , compare %t.r1.npy "y" y=%t.sums.npy \
// RUN:   , compare %t.r2.npy "y" y=%t.votes.npy

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @together(%x: memref<2x64xi32>, %shuffled: memref<128x4xi32>, %sums: memref<128x3xi32>,
                       %votes: memref<128x3xi64>) kernel {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %c3 = arith.constant 3 : index
      %c64 = arith.constant 64 : index
      %i2 = arith.constant 2 : i32
      %i3 = arith.constant 3 : i32
      %i5 = arith.constant 5 : i32
      %mask = arith.constant -1 : i32
      %i7 = arith.constant 7 : i32
      %i32 = arith.constant 32 : i32
      %row = gpu.block_id x
      %i = gpu.thread_id x
      %first = arith.muli %row, %c64 : index
      %out = arith.addi %first, %i : index
      %v = memref.load %x[%row, %i] : memref<2x64xi32>

      %xor, %p0 = gpu.shuffle xor %v, %i5, %i32 : i32
      %up, %p1 = gpu.shuffle up %v, %i3, %i32 : i32
      %down, %p2 = gpu.shuffle down %v, %i7, %i32 : i32
      // In segments of eight lanes.
      %segments = arith.constant 0x181f : i32
      %idx = nvvm.shfl.sync idx %mask, %v, %i2, %segments : i32 -> i32
      // Without a lane 3 below, the first of the warp.
      %lane = gpu.lane_id
      %at_start = arith.cmpi ult, %lane, %c3 : index
      %zero = arith.constant 0 : i32
      %start, %p4 = gpu.shuffle idx %v, %zero, %i32 : i32
      %above = arith.select %at_start, %start, %up : i32
      memref.store %xor, %shuffled[%out, %c0] : memref<128x4xi32>
      memref.store %above, %shuffled[%out, %c1] : memref<128x4xi32>
      memref.store %down, %shuffled[%out, %c2] : memref<128x4xi32>
      memref.store %idx, %shuffled[%out, %c3] : memref<128x4xi32>

      %all = gpu.all_reduce add %v uniform {} : (i32) -> i32
      %sum = nvvm.redux.sync add %v, %mask : i32 -> i32
      %max = nvvm.redux.sync max %v, %mask : i32 -> i32
      memref.store %all, %sums[%out, %c0] : memref<128x3xi32>
      memref.store %sum, %sums[%out, %c1] : memref<128x3xi32>
      memref.store %max, %sums[%out, %c2] : memref<128x3xi32>

      %i95 = arith.constant 95 : i32
      %i99 = arith.constant 99 : i32
      %is_negative = arith.cmpi slt, %v, %zero : i32
      %is_below = arith.cmpi slt, %v, %i99 : i32
      %is_above = arith.cmpi sgt, %v, %i95 : i32
      %ballot = nvvm.vote.sync ballot %mask, %is_negative -> i32
      %everyone = nvvm.vote.sync all %mask, %is_below -> i1
      %someone = nvvm.vote.sync any %mask, %is_above -> i1
      %b = arith.extui %ballot : i32 to i64
      %e = arith.extui %everyone : i1 to i64
      %s = arith.extui %someone : i1 to i64
      memref.store %b, %votes[%out, %c0] : memref<128x3xi64>
      memref.store %e, %votes[%out, %c1] : memref<128x3xi64>
      memref.store %s, %votes[%out, %c2] : memref<128x3xi64>
      gpu.return
    }
  }
  func.func @main(%x: memref<2x64xi32>, %shuffled: memref<128x4xi32>, %sums: memref<128x3xi32>,
                  %votes: memref<128x3xi64>) attributes {
      llvm.emit_c_interface,
      approx_act.arguments = [memref<2x64xi32>],
      approx_act.results = [memref<128x4xi32>, memref<128x3xi32>, memref<128x3xi64>]} {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c64 = arith.constant 64 : index
    gpu.launch_func @kernels::@together blocks in (%c2, %c1, %c1) threads in (%c64, %c1, %c1)
        args(%x: memref<2x64xi32>, %shuffled: memref<128x4xi32>, %sums: memref<128x3xi32>,
             %votes: memref<128x3xi64>)
    return
  }
}
