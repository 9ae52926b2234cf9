// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --convert-approx-act-kernels-to-gpu --canonicalize --cse --split-input-file %s | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>

// Eight threads next to each other have 32 channels of a row, 64 of these have 64
// rows. A warp has four rows, which are combined from the first on; then come
// the warps, and at last what the sum starts with. One thread of each writes.
// CHECK: gpu.func @columns_0(%[[X:[^:]+]]: memref<131072xf32>
// CHECK-SAME: %[[INIT:[^:]+]]: memref<64xf32>
// CHECK-SAME: workgroup(%[[SHARED:.+]] : memref<512xf32, #gpu.address_space<workgroup>>)
// CHECK-SAME: known_block_size = array<i32: 512, 1, 1>
// CHECK: %[[SUM:.+]] = scf.for unsigned {{.*}} = %c0 to %c32 {{.*}} -> (vector<4xf32>)
// CHECK: vector.load %[[X]]{{.*}} vector<4xf32>
// CHECK: arith.addf
// CHECK: scf.yield
// CHECK: gpu.shuffle down %{{.+}}, %c16_i32, %c32_i32
// CHECK: arith.addf %[[SUM]]
// CHECK: gpu.shuffle down %{{.+}}, %c8_i32, %c32_i32
// CHECK-NOT: gpu.shuffle down %{{.+}}, %c4_i32
// CHECK: scf.if
// CHECK: memref.store %{{.+}}, %[[SHARED]]
// CHECK: gpu.barrier
// CHECK: memref.load %[[SHARED]]
// CHECK-NOT: gpu.barrier
// CHECK: vector.load %[[INIT]]
// CHECK: scf.if
// CHECK-NEXT: vector.store
// CHECK: blocks in (%c2, %c1, %c1) threads in (%c512, %c1, %c1)
func.func @columns(%x: memref<2048x64xf32>, %init: memref<64xf32>, %r: memref<64xf32>) {
  approx_act.kernel "columns" ins(%x, %init : memref<2048x64xf32>, memref<64xf32>) outs(%r : memref<64xf32>) {
  ^bb0(%a: tensor<2048x64xf32>, %b: tensor<64xf32>):
    %0 = linalg.generic {indexing_maps = [#id, #columns], iterator_types = ["reduction", "parallel"]} ins(%a : tensor<2048x64xf32>) outs(%b : tensor<64xf32>) {
    ^bb0(%in: f32, %o: f32):
      %1 = arith.addf %o, %in : f32
      linalg.yield %1 : f32
    } -> tensor<64xf32>
    approx_act.yield %0 : tensor<64xf32>
  }
  return
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#rows = affine_map<(d0, d1) -> (d0)>

// Of a row, a warp reads 128 neighbours at a time; 250 fours are not a multiple of
// 32. The second reduction reads the first, which so is there for all threads.
// The last block has three rows too few: the last one again, which nobody writes.
// CHECK: gpu.func @rows_0(%[[X:[^:]+]]: memref<101000xf32>
// CHECK-NOT: workgroup
// CHECK: %[[NUMBER:.+]] = arith.minui %{{.+}}, %c100
// CHECK: arith.select %{{.+}}, %c8, %c7
// CHECK: %[[MAX:.+]] = scf.for
// CHECK: vector.load %[[X]]{{.*}} vector<4xf32>
// CHECK: arith.maximumf %{{.+}} : vector<4xf32>
// CHECK-COUNT-3: vector.extract
// CHECK: gpu.shuffle down %{{.+}}, %c16_i32
// CHECK: gpu.shuffle down %{{.+}}, %c1_i32
// CHECK: %[[ALL:.+]], %{{.+}} = gpu.shuffle idx
// CHECK: vector.broadcast %[[ALL]]
// CHECK: scf.for
// CHECK: arith.subf
// CHECK: math.exp
// CHECK: gpu.shuffle idx
// CHECK: scf.if
// CHECK-COUNT-2: memref.store
// CHECK: blocks in (%c26, %c1, %c1) threads in (%c128, %c1, %c1)
func.func @rows(%x: memref<101x1000xf32>, %m: memref<101xf32>, %r: memref<101xf32>) {
  approx_act.kernel "rows" ins(%x : memref<101x1000xf32>) outs(%m, %r : memref<101xf32>, memref<101xf32>) {
  ^bb0(%a: tensor<101x1000xf32>):
    %c = arith.constant 0xFF800000 : f32
    %z = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<101xf32>
    %i = linalg.fill ins(%c : f32) outs(%e : tensor<101xf32>) -> tensor<101xf32>
    %j = linalg.fill ins(%z : f32) outs(%e : tensor<101xf32>) -> tensor<101xf32>
    %0 = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "reduction"]} ins(%a : tensor<101x1000xf32>) outs(%i : tensor<101xf32>) {
    ^bb0(%in: f32, %o: f32):
      %1 = arith.maximumf %o, %in : f32
      linalg.yield %1 : f32
    } -> tensor<101xf32>
    %2 = linalg.generic {indexing_maps = [#id, #rows, #rows], iterator_types = ["parallel", "reduction"]} ins(%a, %0 : tensor<101x1000xf32>, tensor<101xf32>) outs(%j : tensor<101xf32>) {
    ^bb0(%in: f32, %greatest: f32, %o: f32):
      %3 = arith.subf %in, %greatest : f32
      %4 = math.exp %3 : f32
      %5 = arith.addf %o, %4 : f32
      linalg.yield %5 : f32
    } -> tensor<101xf32>
    approx_act.yield %0, %2 : tensor<101xf32>, tensor<101xf32>
  }
  return
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#rows = affine_map<(d0, d1) -> (d0)>

// What one thread overwrites has been read by all.
// CHECK: gpu.func @in_place_0
// CHECK: memref.load %[[P:.+]][%{{.+}}] : memref<64xf32>
// CHECK: gpu.barrier
// CHECK-NEXT: scf.if
// CHECK-NEXT: memref.store
func.func @in_place(%x: memref<64x128xf32>, %p: memref<64xf32>) {
  approx_act.kernel "in_place" ins(%x, %p : memref<64x128xf32>, memref<64xf32>) outs(%p : memref<64xf32>) {
  ^bb0(%a: tensor<64x128xf32>, %b: tensor<64xf32>):
    %0 = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "reduction"]} ins(%a : tensor<64x128xf32>) outs(%b : tensor<64xf32>) {
    ^bb0(%in: f32, %o: f32):
      %1 = arith.addf %o, %in : f32
      linalg.yield %1 : f32
    } -> tensor<64xf32>
    approx_act.yield %0 : tensor<64xf32>
  }
  return
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#rows = affine_map<(d0, d1) -> (d0)>

// 16-bit numbers are shuffled as integers of 32 bits, 64-bit ones as two.
// CHECK: gpu.func @narrow_0
// CHECK: arith.bitcast %{{.+}} : bf16 to i16
// CHECK: arith.extui %{{.+}} : i16 to i32
// CHECK: gpu.shuffle down %{{.+}} : i32
// CHECK: arith.trunci %{{.+}} : i32 to i16
// CHECK: gpu.func @wide_1
// CHECK: arith.bitcast %{{.+}} : f64 to i64
// CHECK-COUNT-2: gpu.shuffle down %{{.+}}, %c8_i32, %c32_i32 : i32
// A subtraction has no neutral element: it stays a loop of one thread.
// CHECK: gpu.func @unknown_2
// CHECK-NOT: gpu.shuffle
func.func @types(%x: memref<64x128xbf16>, %r: memref<64xbf16>, %y: memref<64x128xf64>, %s: memref<64xf64>) {
  approx_act.kernel "narrow" ins(%x : memref<64x128xbf16>) outs(%r : memref<64xbf16>) {
  ^bb0(%a: tensor<64x128xbf16>):
    %c = arith.constant 0.0 : bf16
    %e = tensor.empty() : tensor<64xbf16>
    %i = linalg.fill ins(%c : bf16) outs(%e : tensor<64xbf16>) -> tensor<64xbf16>
    %0 = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "reduction"]} ins(%a : tensor<64x128xbf16>) outs(%i : tensor<64xbf16>) {
    ^bb0(%in: bf16, %o: bf16):
      %1 = arith.addf %o, %in : bf16
      linalg.yield %1 : bf16
    } -> tensor<64xbf16>
    approx_act.yield %0 : tensor<64xbf16>
  }
  approx_act.kernel "wide" ins(%y : memref<64x128xf64>) outs(%s : memref<64xf64>) {
  ^bb0(%a: tensor<64x128xf64>):
    %c = arith.constant 0.0 : f64
    %e = tensor.empty() : tensor<64xf64>
    %i = linalg.fill ins(%c : f64) outs(%e : tensor<64xf64>) -> tensor<64xf64>
    %0 = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "reduction"]} ins(%a : tensor<64x128xf64>) outs(%i : tensor<64xf64>) {
    ^bb0(%in: f64, %o: f64):
      %1 = arith.addf %o, %in : f64
      linalg.yield %1 : f64
    } -> tensor<64xf64>
    approx_act.yield %0 : tensor<64xf64>
  }
  approx_act.kernel "unknown" ins(%y : memref<64x128xf64>) outs(%s : memref<64xf64>) {
  ^bb0(%a: tensor<64x128xf64>):
    %c = arith.constant 0.0 : f64
    %e = tensor.empty() : tensor<64xf64>
    %i = linalg.fill ins(%c : f64) outs(%e : tensor<64xf64>) -> tensor<64xf64>
    %0 = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "reduction"]} ins(%a : tensor<64x128xf64>) outs(%i : tensor<64xf64>) {
    ^bb0(%in: f64, %o: f64):
      %1 = arith.subf %o, %in : f64
      linalg.yield %1 : f64
    } -> tensor<64xf64>
    approx_act.yield %0 : tensor<64xf64>
  }
  return
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>

// There are no columns to sum.
// CHECK-LABEL: func @nothing
// CHECK-NOT: gpu.launch_func
// CHECK: return
func.func @nothing(%x: memref<64x0xf32>, %r: memref<0xf32>) {
  approx_act.kernel "nothing" ins(%x : memref<64x0xf32>) outs(%r : memref<0xf32>) {
  ^bb0(%a: tensor<64x0xf32>):
    %c = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<0xf32>
    %z = linalg.fill ins(%c : f32) outs(%e : tensor<0xf32>) -> tensor<0xf32>
    %0 = linalg.generic {indexing_maps = [#id, #columns], iterator_types = ["reduction", "parallel"]} ins(%a : tensor<64x0xf32>) outs(%z : tensor<0xf32>) {
    ^bb0(%in: f32, %o: f32):
      %1 = arith.addf %o, %in : f32
      linalg.yield %1 : f32
    } -> tensor<0xf32>
    approx_act.yield %0 : tensor<0xf32>
  }
  return
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>
#vector = affine_map<(d0) -> (d0)>

// A result of twice as many elements, which no reduction is part of, is written
// by the threads that write the reduction, two elements by each.
// CHECK: gpu.func @beside_0(
// CHECK-SAME: workgroup
// CHECK: gpu.shuffle down
// CHECK: gpu.barrier
// CHECK-COUNT-2: math.exp
// CHECK: scf.if
// CHECK-COUNT-3: vector.store
func.func @beside(%x: memref<2048x64xf32>, %y: memref<128xf32>, %init: memref<64xf32>, %r: memref<64xf32>, %s: memref<128xf32>) {
  approx_act.kernel "beside" ins(%x, %y, %init : memref<2048x64xf32>, memref<128xf32>, memref<64xf32>) outs(%r, %s : memref<64xf32>, memref<128xf32>) {
  ^bb0(%a: tensor<2048x64xf32>, %c: tensor<128xf32>, %b: tensor<64xf32>):
    %0 = linalg.generic {indexing_maps = [#id, #columns], iterator_types = ["reduction", "parallel"]} ins(%a : tensor<2048x64xf32>) outs(%b : tensor<64xf32>) {
    ^bb0(%in: f32, %o: f32):
      %1 = arith.addf %o, %in : f32
      linalg.yield %1 : f32
    } -> tensor<64xf32>
    %e = tensor.empty() : tensor<128xf32>
    %2 = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%c : tensor<128xf32>) outs(%e : tensor<128xf32>) {
    ^bb0(%in: f32, %o: f32):
      %3 = math.exp %in : f32
      linalg.yield %3 : f32
    } -> tensor<128xf32>
    approx_act.yield %0, %2 : tensor<64xf32>, tensor<128xf32>
  }
  return
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>

// Where it reads the reduction, each thread computes what it reads: not all of a
// block would come to a barrier for the same element.
// CHECK: gpu.func @readers_0(
// CHECK-NOT: gpu.shuffle
// CHECK-NOT: gpu.barrier
// CHECK: gpu.return
func.func @readers(%x: memref<2048x64xf32>, %init: memref<64xf32>, %r: memref<64xf32>, %s: memref<128xf32>) {
  approx_act.kernel "readers" ins(%x, %init : memref<2048x64xf32>, memref<64xf32>) outs(%r, %s : memref<64xf32>, memref<128xf32>) {
  ^bb0(%a: tensor<2048x64xf32>, %b: tensor<64xf32>):
    %0 = linalg.generic {indexing_maps = [#id, #columns], iterator_types = ["reduction", "parallel"]} ins(%a : tensor<2048x64xf32>) outs(%b : tensor<64xf32>) {
    ^bb0(%in: f32, %o: f32):
      %1 = arith.addf %o, %in : f32
      linalg.yield %1 : f32
    } -> tensor<64xf32>
    %2 = tensor.concat dim(0) %0, %0 : (tensor<64xf32>, tensor<64xf32>) -> tensor<128xf32>
    approx_act.yield %0, %2 : tensor<64xf32>, tensor<128xf32>
  }
  return
}
