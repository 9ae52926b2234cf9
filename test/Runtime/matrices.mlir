// Products of matrices in the registers of a warp: f16 by way of shared memory,
// from which the right operand is transposed, and tf32, which reads 19 bits of
// every number.

// RUN: %lower-gpu %s -o %t.mlir
// RUN: %arrays save %t.x.npz "rng.standard_normal((16, 16)).astype(float16), rng.standard_normal((16, 8)).astype(float16), rng.standard_normal((16, 8), dtype=float32), rng.standard_normal((8, 8), dtype=float32)"
// RUN: approx-act-runner %t.mlir --strict --poison --input=%t.x.npz --output=%t.half.npy --output=%t.tf32.npy
// RUN: %arrays compare %t.half.npy "x[0].astype(float64) @ x[1] + 1" x=%t.x.npz --rtol=1e-6 --atol=1e-6 \
// RUN:   , compare %t.tf32.npy "(x[2].view(uint32) & 0xFFFFE000).view(float32).astype(float64) @ (x[3].view(uint32) & 0xFFFFE000).view(float32)" x=%t.x.npz --rtol=1e-6 --atol=1e-6

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @half(%a: memref<16x16xf16>, %b: memref<16x8xf16>, %y: memref<16x8xf32>)
        workgroup(%sa: memref<16x16xf16, 3>, %sb: memref<16x8xf16, 3>) kernel {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %c4 = arith.constant 4 : index
      %c8 = arith.constant 8 : index
      %c16 = arith.constant 16 : index
      %one = arith.constant 1.0 : f32
      %lane = gpu.thread_id x
      // Half a row of each lane, and half a row of the right operand.
      %row = arith.remui %lane, %c16 : index
      %half = arith.divui %lane, %c16 : index
      %first = arith.muli %half, %c8 : index
      %va = vector.load %a[%row, %first] {alignment = 16 : i64} : memref<16x16xf16>, vector<8xf16>
      vector.store %va, %sa[%row, %first] {alignment = 16 : i64} : memref<16x16xf16, 3>, vector<8xf16>
      %quarter = arith.muli %half, %c4 : index
      %vb = vector.load %b[%row, %quarter] {alignment = 8 : i64} : memref<16x8xf16>, vector<4xf16>
      vector.store %vb, %sb[%row, %quarter] {alignment = 8 : i64} : memref<16x8xf16, 3>, vector<4xf16>
      gpu.barrier
      // Lane 8 m + r has row r of matrix m: the upper, then the lower half of the
      // left columns, then the same of the right ones.
      %pa = memref.extract_aligned_pointer_as_index %sa : memref<16x16xf16, 3> -> index
      %c32 = arith.constant 32 : index
      %oa = arith.muli %row, %c32 : index
      %ob = arith.muli %first, %c2 : index
      %qa = arith.addi %pa, %oa : index
      %ra = arith.addi %qa, %ob : index
      %ia = arith.index_cast %ra : index to i64
      %address_a = llvm.inttoptr %ia : i64 to !llvm.ptr<3>
      %ma = nvvm.ldmatrix %address_a {num = 4 : i32, layout = #nvvm.mma_layout<row>,
          shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>}
          : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
      %pb = memref.extract_aligned_pointer_as_index %sb : memref<16x8xf16, 3> -> index
      %oc = arith.muli %row, %c16 : index
      %qb = arith.addi %pb, %oc : index
      %ib = arith.index_cast %qb : index to i64
      %address_b = llvm.inttoptr %ib : i64 to !llvm.ptr<3>
      %mb = nvvm.ldmatrix %address_b {num = 2 : i32, layout = #nvvm.mma_layout<col>,
          shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>}
          : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32)>
      %a0 = llvm.extractvalue %ma[0] : !llvm.struct<(i32, i32, i32, i32)>
      %a1 = llvm.extractvalue %ma[1] : !llvm.struct<(i32, i32, i32, i32)>
      %a2 = llvm.extractvalue %ma[2] : !llvm.struct<(i32, i32, i32, i32)>
      %a3 = llvm.extractvalue %ma[3] : !llvm.struct<(i32, i32, i32, i32)>
      %b0 = llvm.extractvalue %mb[0] : !llvm.struct<(i32, i32)>
      %b1 = llvm.extractvalue %mb[1] : !llvm.struct<(i32, i32)>
      %h0 = llvm.bitcast %a0 : i32 to vector<2xf16>
      %h1 = llvm.bitcast %a1 : i32 to vector<2xf16>
      %h2 = llvm.bitcast %a2 : i32 to vector<2xf16>
      %h3 = llvm.bitcast %a3 : i32 to vector<2xf16>
      %g0 = llvm.bitcast %b0 : i32 to vector<2xf16>
      %g1 = llvm.bitcast %b1 : i32 to vector<2xf16>
      %d = nvvm.mma.sync A[%h0, %h1, %h2, %h3] B[%g0, %g1] C[%one, %one, %one, %one]
          {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, shape = #nvvm.shape<m = 16, n = 8, k = 16>}
          : (vector<2xf16>, vector<2xf16>, f32) -> !llvm.struct<(f32, f32, f32, f32)>
      %d0 = llvm.extractvalue %d[0] : !llvm.struct<(f32, f32, f32, f32)>
      %d1 = llvm.extractvalue %d[1] : !llvm.struct<(f32, f32, f32, f32)>
      %d2 = llvm.extractvalue %d[2] : !llvm.struct<(f32, f32, f32, f32)>
      %d3 = llvm.extractvalue %d[3] : !llvm.struct<(f32, f32, f32, f32)>
      %upper = arith.divui %lane, %c4 : index
      %lower = arith.addi %upper, %c8 : index
      %part = arith.remui %lane, %c4 : index
      %left = arith.muli %part, %c2 : index
      %right = arith.addi %left, %c1 : index
      memref.store %d0, %y[%upper, %left] : memref<16x8xf32>
      memref.store %d1, %y[%upper, %right] : memref<16x8xf32>
      memref.store %d2, %y[%lower, %left] : memref<16x8xf32>
      memref.store %d3, %y[%lower, %right] : memref<16x8xf32>
      gpu.return
    }
    gpu.func @tf32(%a: memref<16x8xi32>, %b: memref<8x8xi32>, %y: memref<16x8xf32>) kernel {
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %c4 = arith.constant 4 : index
      %c8 = arith.constant 8 : index
      %zero = arith.constant 0.0 : f32
      %lane = gpu.thread_id x
      %upper = arith.divui %lane, %c4 : index
      %lower = arith.addi %upper, %c8 : index
      %near = arith.remui %lane, %c4 : index
      %far = arith.addi %near, %c4 : index
      %a0 = memref.load %a[%upper, %near] : memref<16x8xi32>
      %a1 = memref.load %a[%lower, %near] : memref<16x8xi32>
      %a2 = memref.load %a[%upper, %far] : memref<16x8xi32>
      %a3 = memref.load %a[%lower, %far] : memref<16x8xi32>
      %b0 = memref.load %b[%near, %upper] : memref<8x8xi32>
      %b1 = memref.load %b[%far, %upper] : memref<8x8xi32>
      %d = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b0, %b1] C[%zero, %zero, %zero, %zero]
          {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, multiplicandAPtxType = #nvvm.mma_type<tf32>,
           multiplicandBPtxType = #nvvm.mma_type<tf32>, shape = #nvvm.shape<m = 16, n = 8, k = 8>}
          : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
      %d0 = llvm.extractvalue %d[0] : !llvm.struct<(f32, f32, f32, f32)>
      %d1 = llvm.extractvalue %d[1] : !llvm.struct<(f32, f32, f32, f32)>
      %d2 = llvm.extractvalue %d[2] : !llvm.struct<(f32, f32, f32, f32)>
      %d3 = llvm.extractvalue %d[3] : !llvm.struct<(f32, f32, f32, f32)>
      %left = arith.muli %near, %c2 : index
      %right = arith.addi %left, %c1 : index
      memref.store %d0, %y[%upper, %left] : memref<16x8xf32>
      memref.store %d1, %y[%upper, %right] : memref<16x8xf32>
      memref.store %d2, %y[%lower, %left] : memref<16x8xf32>
      memref.store %d3, %y[%lower, %right] : memref<16x8xf32>
      gpu.return
    }
  }
  func.func @main(%a: memref<16x16xf16>, %b: memref<16x8xf16>, %c: memref<16x8xi32>, %d: memref<8x8xi32>,
                  %y: memref<16x8xf32>, %z: memref<16x8xf32>) attributes {
      llvm.emit_c_interface,
      approx_act.arguments = [memref<16x16xf16>, memref<16x8xf16>, memref<16x8xf32>, memref<8x8xf32>],
      approx_act.results = [memref<16x8xf32>, memref<16x8xf32>]} {
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    gpu.launch_func @kernels::@half blocks in (%c1, %c1, %c1) threads in (%c32, %c1, %c1)
        args(%a: memref<16x16xf16>, %b: memref<16x8xf16>, %y: memref<16x8xf32>)
    gpu.launch_func @kernels::@tf32 blocks in (%c1, %c1, %c1) threads in (%c32, %c1, %c1)
        args(%c: memref<16x8xi32>, %d: memref<8x8xi32>, %z: memref<16x8xf32>)
    return
  }
}
