// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --convert-approx-act-kernels-to-gpu --canonicalize --split-input-file %s | FileCheck %s
// RUN: approx-act-opt --convert-approx-act-kernels-to-gpu="block-size=32" --split-input-file %s | FileCheck %s --check-prefix=SMALL

#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>

// Four neighbours a thread, in one access of 128 bits; the parameter too. The
// division of the position is by 16, and nothing is divided to address x.
// CHECK-LABEL: gpu.module @kernels attributes {dlti.dl_spec = #dlti.dl_spec<index = 32 : i32>}
// CHECK: gpu.func @scale_0(%[[X:[^:]+]]: memref<1024xf32> {llvm.align = 16 : i64, llvm.noalias, llvm.readonly}
// CHECK-SAME: %[[P:[^:]+]]: memref<16xf32>
// CHECK-SAME: known_block_size = array<i32: 128, 1, 1>
// CHECK: %[[I:.+]] = arith.muli %{{.+}}, %c4
// CHECK: vector.load %[[X]][%[[I]]] {alignment = 16 : i64} : memref<1024xf32>, vector<4xf32>
// CHECK: %[[C:.+]] = arith.remui %[[I]], %c16
// CHECK: vector.load %[[P]][%[[C]]] {alignment = 16 : i64}
// CHECK: arith.mulf {{.*}} : vector<4xf32>
// CHECK: vector.store {{.*}}[%[[I]]] {alignment = 16 : i64}
// One function for the two; results that take the place of an operand alias it.
// CHECK-NOT: gpu.func @scale_1
// CHECK: gpu.func @in_place_2(%{{[^:]+}}: memref<1024xf32> {llvm.align = 16 : i64, llvm.readonly}, %{{[^:]+}}: memref<1024xf32> {llvm.align = 16 : i64})
// CHECK-LABEL: func @main
// CHECK: gpu.launch_func @kernels::@scale_0 blocks in (%c2, %c1, %c1) threads in (%c128, %c1, %c1)
// CHECK: gpu.launch_func @kernels::@scale_0
// CHECK: gpu.launch_func @kernels::@in_place_2
// SMALL: known_block_size = array<i32: 32, 1, 1>
func.func @main(%x: memref<64x16xf32>, %p: memref<16xf32>, %r: memref<64x16xf32>, %s: memref<64x16xf32>) {
  approx_act.kernel "scale" ins(%x, %p : memref<64x16xf32>, memref<16xf32>) outs(%r : memref<64x16xf32>) {
  ^bb0(%a: tensor<64x16xf32>, %b: tensor<16xf32>):
    %e = tensor.empty() : tensor<64x16xf32>
    %0 = linalg.generic {indexing_maps = [#id, #columns, #id], iterator_types = ["parallel", "parallel"]} ins(%a, %b : tensor<64x16xf32>, tensor<16xf32>) outs(%e : tensor<64x16xf32>) {
    ^bb0(%in: f32, %q: f32, %o: f32):
      %1 = arith.mulf %in, %q : f32
      linalg.yield %1 : f32
    } -> tensor<64x16xf32>
    approx_act.yield %0 : tensor<64x16xf32>
  }
  approx_act.kernel "scale" ins(%r, %p : memref<64x16xf32>, memref<16xf32>) outs(%s : memref<64x16xf32>) {
  ^bb0(%a: tensor<64x16xf32>, %b: tensor<16xf32>):
    %e = tensor.empty() : tensor<64x16xf32>
    %0 = linalg.generic {indexing_maps = [#id, #columns, #id], iterator_types = ["parallel", "parallel"]} ins(%a, %b : tensor<64x16xf32>, tensor<16xf32>) outs(%e : tensor<64x16xf32>) {
    ^bb0(%in: f32, %q: f32, %o: f32):
      %1 = arith.mulf %in, %q : f32
      linalg.yield %1 : f32
    } -> tensor<64x16xf32>
    approx_act.yield %0 : tensor<64x16xf32>
  }
  approx_act.kernel "in_place" ins(%s : memref<64x16xf32>) outs(%s : memref<64x16xf32>) {
  ^bb0(%a: tensor<64x16xf32>):
    approx_act.yield %a : tensor<64x16xf32>
  }
  return
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// Both codes of a word, and both activations: each element of x is read once.
// CHECK: gpu.func @save_0(%[[X:[^:]+]]: memref<256xf32>
// CHECK-COUNT-2: vector.load %[[X]]
// CHECK-NOT: vector.load
// CHECK-COUNT-2: vector.store {{.*}} : memref<256xf32>, vector<8xf32>
// CHECK: vector.store {{.*}} {alignment = 8 : i64} : memref<128xi8>, vector<8xi8>
// CHECK-NOT: vector.store
func.func @save(%x: memref<8x32xf32>, %y: memref<8x32xf32>, %w: memref<8x16xi8>) {
  approx_act.kernel "save" ins(%x : memref<8x32xf32>) outs(%y, %w : memref<8x32xf32>, memref<8x16xi8>) {
  ^bb0(%a: tensor<8x32xf32>):
    %e = tensor.empty() : tensor<8x32xf32>
    %f = tensor.empty() : tensor<8x32xi4>
    %r:2 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<8x32xf32>) outs(%e, %f : tensor<8x32xf32>, tensor<8x32xi4>) {
    ^bb0(%in: f32, %o: f32, %p: i4):
      %0 = arith.addf %in, %in : f32
      %1 = arith.fptosi %in : f32 to i4
      linalg.yield %0, %1 : f32, i4
    } -> (tensor<8x32xf32>, tensor<8x32xi4>)
    %q0 = tensor.extract_slice %r#1[0, 0] [8, 16] [1, 1] : tensor<8x32xi4> to tensor<8x16xi4>
    %q1 = tensor.extract_slice %r#1[0, 16] [8, 16] [1, 1] : tensor<8x32xi4> to tensor<8x16xi4>
    %g = tensor.empty() : tensor<8x16xi8>
    %words = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%q0, %q1 : tensor<8x16xi4>, tensor<8x16xi4>) outs(%g : tensor<8x16xi8>) {
    ^bb0(%c: i4, %d: i4, %o: i8):
      %0 = arith.extui %c : i4 to i8
      %1 = arith.extui %d : i4 to i8
      %2 = arith.ori %0, %1 : i8
      linalg.yield %2 : i8
    } -> tensor<8x16xi8>
    approx_act.yield %r#0, %words : tensor<8x32xf32>, tensor<8x16xi8>
  }
  return
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>

// Two sums over the same loops are one loop; three channels are no vector.
// CHECK: gpu.func @sums_0
// CHECK: scf.if
// CHECK: scf.for unsigned {{.*}} iter_args(%{{.+}} = {{.+}}, %{{.+}} = {{.+}}) -> (f32, f32)
// CHECK-NOT: scf.for
// CHECK-COUNT-2: memref.store
func.func @sums(%x: memref<8x3xf32>, %s: memref<3xf32>, %t: memref<3xf32>) {
  approx_act.kernel "sums" ins(%x : memref<8x3xf32>) outs(%s, %t : memref<3xf32>, memref<3xf32>) {
  ^bb0(%a: tensor<8x3xf32>):
    %c = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<3xf32>
    %z = linalg.fill ins(%c : f32) outs(%e : tensor<3xf32>) -> tensor<3xf32>
    %0 = linalg.generic {indexing_maps = [#id, #columns], iterator_types = ["reduction", "parallel"]} ins(%a : tensor<8x3xf32>) outs(%z : tensor<3xf32>) {
    ^bb0(%in: f32, %o: f32):
      %1 = arith.addf %o, %in : f32
      linalg.yield %1 : f32
    } -> tensor<3xf32>
    %2 = linalg.generic {indexing_maps = [#id, #columns], iterator_types = ["reduction", "parallel"]} ins(%a : tensor<8x3xf32>) outs(%z : tensor<3xf32>) {
    ^bb0(%in: f32, %o: f32):
      %1 = arith.maximumf %o, %in : f32
      linalg.yield %1 : f32
    } -> tensor<3xf32>
    approx_act.yield %0, %2 : tensor<3xf32>, tensor<3xf32>
  }
  return
}

// -----

// Nothing to compute is no launch.
// CHECK-LABEL: func @nothing
// CHECK-NOT: gpu.launch_func
// CHECK: return
func.func @nothing(%x: memref<0x3xf32>, %r: memref<0x3xf32>) {
  approx_act.kernel "nothing" ins(%x : memref<0x3xf32>) outs(%r : memref<0x3xf32>) {
  ^bb0(%a: tensor<0x3xf32>):
    approx_act.yield %a : tensor<0x3xf32>
  }
  return
}

// -----

// Past 2^31 elements, positions have 64 bits.
// CHECK: gpu.module @kernels {
// CHECK: gpu.func @large_0
func.func @large(%x: memref<65536x65536xi8>, %r: memref<65536x65536xi8>) {
  approx_act.kernel "large" ins(%x : memref<65536x65536xi8>) outs(%r : memref<65536x65536xi8>) {
  ^bb0(%a: tensor<65536x65536xi8>):
    approx_act.yield %a : tensor<65536x65536xi8>
  }
  return
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>

// With threads enough, each has four rows, and loads its parameters once. Rows
// are as far apart as there are threads, so only the place in x and r moves.
// CHECK: gpu.func @rows_0(%[[X:[^:]+]]: memref<1048576xf32> {{.*}} %[[P:[^:]+]]: memref<64xf32>
// CHECK: vector.load %[[P]]
// CHECK: scf.for unsigned %[[ROW:.+]] = %c0 to %c4
// CHECK-NOT: %[[P]]
// CHECK-NEXT: %[[OFFSET:.+]] = arith.muli %[[ROW]], %c262144
// CHECK-NEXT: %[[PLACE:.+]] = arith.addi {{.*}}%[[OFFSET]]
// CHECK-NEXT: vector.load %[[X]][%[[PLACE]]]
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: vector.store {{.*}}[%[[PLACE]]]
// CHECK-NEXT: loop_annotation
// CHECK: blocks in (%c512, %c1, %c1) threads in (%c128, %c1, %c1)
func.func @rows(%x: memref<16384x64xf32>, %p: memref<64xf32>, %r: memref<16384x64xf32>) {
  approx_act.kernel "rows" ins(%x, %p : memref<16384x64xf32>, memref<64xf32>) outs(%r : memref<16384x64xf32>) {
  ^bb0(%a: tensor<16384x64xf32>, %b: tensor<64xf32>):
    %e = tensor.empty() : tensor<16384x64xf32>
    %0 = linalg.generic {indexing_maps = [#id, #columns, #id], iterator_types = ["parallel", "parallel"]} ins(%a, %b : tensor<16384x64xf32>, tensor<64xf32>) outs(%e : tensor<16384x64xf32>) {
    ^bb0(%in: f32, %q: f32, %o: f32):
      %1 = arith.mulf %in, %q : f32
      linalg.yield %1 : f32
    } -> tensor<16384x64xf32>
    approx_act.yield %0 : tensor<16384x64xf32>
  }
  return
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#words = affine_map<(d0, d1) -> (d0, d1 mod 16)>

// A word that is read belongs to one thread, which restores all of its codes.
// CHECK: gpu.func @restore_0(%[[W:[^:]+]]: memref<128xi8>
// CHECK: vector.load %[[W]]
// CHECK-NOT: vector.load
// CHECK-COUNT-2: vector.store {{.*}} vector<8xf32>
// CHECK-NOT: vector.store
// CHECK: blocks in (%c1, %c1, %c1) threads in (%c32, %c1, %c1)
func.func @restore(%w: memref<8x16xi8>, %r: memref<8x32xf32>) {
  approx_act.kernel "restore" ins(%w : memref<8x16xi8>) outs(%r : memref<8x32xf32>) {
  ^bb0(%a: tensor<8x16xi8>):
    %e = tensor.empty() : tensor<8x32xf32>
    %0 = linalg.generic {indexing_maps = [#words, #id], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<8x16xi8>) outs(%e : tensor<8x32xf32>) {
    ^bb0(%in: i8, %o: f32):
      %i = linalg.index 1 : index
      %p = affine.apply affine_map<(d0) -> ((d0 floordiv 16) * 4)>(%i)
      %s = arith.index_castui %p : index to i8
      %1 = arith.shrui %in, %s : i8
      %2 = arith.trunci %1 : i8 to i4
      %3 = arith.uitofp %2 : i4 to f32
      linalg.yield %3 : f32
    } -> tensor<8x32xf32>
    approx_act.yield %0 : tensor<8x32xf32>
  }
  return
}

// -----

#id = affine_map<(d0) -> (d0)>

// A thread searches for one element, and bytes are no exception.
// CHECK: gpu.func @search_0(%[[X:[^:]+]]: memref<1024xi8>
// CHECK: scf.for
// CHECK: memref.load %[[X]]
// CHECK-NOT: scf.for
// CHECK: memref.store
// CHECK-NOT: memref.store
// CHECK: blocks in (%c8, %c1, %c1) threads in (%c128, %c1, %c1)
func.func @search(%x: memref<1024xi8>, %r: memref<1024xi8>) {
  approx_act.kernel "search" ins(%x : memref<1024xi8>) outs(%r : memref<1024xi8>) {
  ^bb0(%a: tensor<1024xi8>):
    %c1 = arith.constant 1 : index
    %e = tensor.empty() : tensor<1024xi8>
    %0 = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%e : tensor<1024xi8>) {
    ^bb0(%o: i8):
      %i = linalg.index 0 : index
      %c0 = arith.constant 0 : index
      %z = arith.constant 0 : i8
      %s = scf.for %j = %c0 to %i step %c1 iter_args(%t = %z) -> (i8) {
        %v = tensor.extract %a[%j] : tensor<1024xi8>
        %m = arith.maxsi %t, %v : i8
        scf.yield %m : i8
      }
      linalg.yield %s : i8
    } -> tensor<1024xi8>
    approx_act.yield %0 : tensor<1024xi8>
  }
  return
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#swap = affine_map<(d0, d1) -> (d1, d0)>

// What has been subtracted from may be negative, and is divided so that it is
// rounded down.
// CHECK: gpu.func @padded_0(%[[X:[^:]+]]: memref<15xf32>
// CHECK: %[[P:.+]] = arith.addi %{{.+}}, %c-5 overflow<nsw>
// CHECK: %[[NEGATIVE:.+]] = arith.cmpi slt, %[[P]], %c0
// CHECK: %[[BITS:.+]] = arith.select %[[NEGATIVE]], %c-1, %c0
// CHECK: %[[DIVIDEND:.+]] = arith.xori %[[P]], %[[BITS]]
// CHECK: %[[QUOTIENT:.+]] = arith.divui %[[DIVIDEND]], %c3
// CHECK: arith.xori %[[QUOTIENT]], %[[BITS]]
// CHECK: memref.load %[[X]]
func.func @padded(%x: memref<3x5xf32>, %r: memref<24xf32>) {
  approx_act.kernel "padded" ins(%x : memref<3x5xf32>) outs(%r : memref<24xf32>) {
  ^bb0(%a: tensor<3x5xf32>):
    %c = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<5x3xf32>
    %t = linalg.generic {indexing_maps = [#swap, #id], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<3x5xf32>) outs(%e : tensor<5x3xf32>) {
    ^bb0(%in: f32, %o: f32):
      linalg.yield %in : f32
    } -> tensor<5x3xf32>
    %l = tensor.collapse_shape %t [[0, 1]] : tensor<5x3xf32> into tensor<15xf32>
    %p = tensor.pad %l low[5] high[4] {
    ^bb0(%i: index):
      tensor.yield %c : f32
    } : tensor<15xf32> to tensor<24xf32>
    approx_act.yield %p : tensor<24xf32>
  }
  return
}

// -----

// A reverse is never negative: it needs no division.
// CHECK: gpu.func @reversed_0
// CHECK-NOT: arith.cmpi slt
// CHECK-NOT: arith.xori
// CHECK: gpu.return
func.func @reversed(%x: memref<4x4xf32>, %r: memref<16xf32>) {
  approx_act.kernel "reversed" ins(%x : memref<4x4xf32>) outs(%r : memref<16xf32>) {
  ^bb0(%a: tensor<4x4xf32>):
    %e = tensor.empty() : tensor<4x4xf32>
    %t = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, 3 - d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
    ^bb0(%in: f32, %o: f32):
      linalg.yield %in : f32
    } -> tensor<4x4xf32>
    %l = tensor.collapse_shape %t [[0, 1]] : tensor<4x4xf32> into tensor<16xf32>
    approx_act.yield %l : tensor<16xf32>
  }
  return
}

// -----

// Tensors that are nowhere in memory have positions too.
// CHECK: gpu.module @kernels {
// CHECK: gpu.func @slice_0
func.func @slice(%x: memref<i8>, %r: memref<8xi8>) {
  approx_act.kernel "slice" ins(%x : memref<i8>) outs(%r : memref<8xi8>) {
  ^bb0(%a: tensor<i8>):
    %e = tensor.empty() : tensor<65536x65536xi8>
    %b = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> ()>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<i8>) outs(%e : tensor<65536x65536xi8>) {
    ^bb0(%in: i8, %o: i8):
      linalg.yield %in : i8
    } -> tensor<65536x65536xi8>
    %s = tensor.extract_slice %b[65535, 65528] [1, 8] [1, 1] : tensor<65536x65536xi8> to tensor<8xi8>
    approx_act.yield %s : tensor<8xi8>
  }
  return
}
