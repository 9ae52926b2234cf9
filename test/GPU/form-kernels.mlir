// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-form-kernels))" --split-input-file %s | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>
#rows = affine_map<(d0, d1) -> (d0)>
#left = affine_map<(d0, d1, d2) -> (d0, d2)>
#right = affine_map<(d0, d1, d2) -> (d2, d1)>
#out = affine_map<(d0, d1, d2) -> (d0, d1)>

// An activation and its words come out of one kernel, which reads what both are
// made of once; what is between is not in memory. Barriers are gone.
// CHECK-LABEL: func @save
// CHECK: %[[K:.+]]:2 = approx_act.kernel "save_{{[a-z_]*}}" ins(%arg0 : tensor<8x16xf32>)
// CHECK-SAME: outs({{.*}} : tensor<8x16xf32>, tensor<8x8xi8>)
// CHECK: approx_act.yield
// CHECK-NOT: approx_act.kernel
// CHECK: return %[[K]]#0, %[[K]]#1
func.func @save(%x: tensor<8x16xf32>) -> (tensor<8x16xf32>, tensor<8x8xi8>) {
  %e = tensor.empty() : tensor<8x16xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%in: f32, %o: f32):
    %0 = arith.addf %in, %in : f32
    linalg.yield %0 : f32
  } -> tensor<8x16xf32>
  %f = tensor.empty() : tensor<8x16xi4>
  %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x16xf32>) outs(%f : tensor<8x16xi4>) {
  ^bb0(%in: f32, %o: i4):
    %0 = arith.fptosi %in : f32 to i4
    linalg.yield %0 : i4
  } -> tensor<8x16xi4>
  %q0 = tensor.extract_slice %q[0, 0] [8, 8] [1, 1] : tensor<8x16xi4> to tensor<8x8xi4>
  %q1 = tensor.extract_slice %q[0, 8] [8, 8] [1, 1] : tensor<8x16xi4> to tensor<8x8xi4>
  %g = tensor.empty() : tensor<8x8xi8>
  %w = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%q0, %q1 : tensor<8x8xi4>, tensor<8x8xi4>) outs(%g : tensor<8x8xi8>) attrs = {approx_act.stores} {
  ^bb0(%a: i4, %b: i4, %o: i8):
    %0 = arith.extui %a : i4 to i8
    %1 = arith.extui %b : i4 to i8
    %2 = arith.ori %0, %1 : i8
    linalg.yield %2 : i8
  } -> tensor<8x8xi8>
  %b:2 = approx_act.barrier %y, %w : tensor<8x16xf32>, tensor<8x8xi8>
  return %b#0, %b#1 : tensor<8x16xf32>, tensor<8x8xi8>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>
#left = affine_map<(d0, d1, d2) -> (d0, d2)>
#right = affine_map<(d0, d1, d2) -> (d2, d1)>
#out = affine_map<(d0, d1, d2) -> (d0, d1)>
#vector = affine_map<(d0) -> (d0)>

// An operand of a contraction is computed once, in a kernel before it: in the
// inner loop it would be computed 32 times.
// CHECK-LABEL: func @operand
// CHECK: %[[E:.+]] = approx_act.kernel
// CHECK: math.exp
// CHECK: %[[C:.+]] = approx_act.kernel {{.*}} ins(%[[E]], %arg1
// CHECK-NOT: math.exp
// CHECK: return %[[C]]
func.func @operand(%x: tensor<8x16xf32>, %w: tensor<16x32xf32>, %init: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %e = tensor.empty() : tensor<8x16xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%in: f32, %o: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<8x16xf32>
  %c = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]} ins(%y, %w : tensor<8x16xf32>, tensor<16x32xf32>) outs(%init : tensor<8x32xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<8x32xf32>
  return %c : tensor<8x32xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>
#vector = affine_map<(d0) -> (d0)>

// A parameter that takes a division is computed once per channel; the centring
// of what is summed is not in memory.
// CHECK-LABEL: func @parameter
// CHECK: %[[SUM:.+]] = approx_act.kernel {{.*}} : tensor<8x16xf32>, tensor<16xf32>, tensor<16xf32>)
// CHECK: arith.subf
// CHECK: arith.divf
// CHECK: approx_act.yield %{{.+}} : tensor<16xf32>
// CHECK: approx_act.kernel {{.*}} ins(%arg0, %[[SUM]] :
// CHECK-NOT: arith.divf
// CHECK: return
func.func @parameter(%x: tensor<8x16xf32>, %mean: tensor<16xf32>, %init: tensor<16xf32>) -> tensor<8x16xf32> {
  %e = tensor.empty() : tensor<8x16xf32>
  %c = linalg.generic {indexing_maps = [#id, #columns, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %mean : tensor<8x16xf32>, tensor<16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%a: f32, %m: f32, %o: f32):
    %0 = arith.subf %a, %m : f32
    linalg.yield %0 : f32
  } -> tensor<8x16xf32>
  %s = linalg.generic {indexing_maps = [#id, #columns], iterator_types = ["reduction", "parallel"]} ins(%c : tensor<8x16xf32>) outs(%init : tensor<16xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a : f32
    linalg.yield %0 : f32
  } -> tensor<16xf32>
  %f = tensor.empty() : tensor<16xf32>
  %r = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%s : tensor<16xf32>) outs(%f : tensor<16xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.divf %a, %a : f32
    linalg.yield %0 : f32
  } -> tensor<16xf32>
  %y = linalg.generic {indexing_maps = [#id, #columns, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %r : tensor<8x16xf32>, tensor<16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%a: f32, %m: f32, %o: f32):
    %0 = arith.mulf %a, %m : f32
    linalg.yield %0 : f32
  } -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

// -----

// An op of another dialect reads memory, and what it gives is read from there.
// CHECK-LABEL: func @other
// CHECK: %[[A:.+]] = approx_act.kernel
// CHECK: %[[F:.+]] = "sdy.unknown"(%[[A]])
// CHECK: approx_act.kernel {{.*}} ins(%[[F]]
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @other(%x: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %e = tensor.empty() : tensor<8x16xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%in: f32, %o: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  } -> tensor<8x16xf32>
  %f = "sdy.unknown"(%y) : (tensor<8x16xf32>) -> tensor<8x16xf32>
  %z = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%f : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%in: f32, %o: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  } -> tensor<8x16xf32>
  return %z : tensor<8x16xf32>
}

// -----

// A contraction of the runtime reads memory too; what it overwrites is no value
// that somebody computes.
// CHECK-LABEL: func @contraction
// CHECK: %[[A:.+]] = approx_act.kernel
// CHECK: %[[E:.+]] = tensor.empty() : tensor<8x8xf32>
// CHECK: %[[C:.+]] = approx_act.gemm ins(%[[A]], %{{.*}}) outs(%[[E]]
// CHECK: approx_act.kernel {{.*}} ins(%[[C]]
// CHECK-NOT: approx_act.kernel
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @contraction(%x: tensor<8x16xf32>, %w: tensor<16x8xf32>) -> tensor<8x8xf32> {
  %e = tensor.empty() : tensor<8x16xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%in: f32, %o: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  } -> tensor<8x16xf32>
  %f = tensor.empty() : tensor<8x8xf32>
  %c = approx_act.gemm ins(%y, %w : tensor<8x16xf32>, tensor<16x8xf32>) outs(%f : tensor<8x8xf32>) {
      sizes = array<i64: 1, 8, 8, 16>, lhs_strides = array<i64: 1, 16, 1>,
      rhs_strides = array<i64: 1, 8, 1>, out_strides = array<i64: 1, 8, 1>} -> tensor<8x8xf32>
  %z = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%c : tensor<8x8xf32>) outs(%f : tensor<8x8xf32>) {
  ^bb0(%in: f32, %o: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  } -> tensor<8x8xf32>
  return %z : tensor<8x8xf32>
}

// -----

// A cotangent that takes hardly more to compute than it is does not have to be
// in memory because codes wait for it; the codes have to.
// CHECK-LABEL: func @tied
// CHECK-SAME: (%[[X:.+]]: tensor<8x16xf32>, %[[G:.+]]: tensor<8x16xf32>)
// CHECK: %[[Q:.+]] = approx_act.kernel {{.*}} ins(%[[X]] :
// CHECK-NOT: approx_act.kernel
// CHECK: approx_act.kernel {{.*}} ins(%[[Q]], %[[G]] :
// CHECK-NOT: approx_act.kernel
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @tied(%x: tensor<8x16xf32>, %g: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %e = tensor.empty() : tensor<8x16xf32>
  %i = tensor.empty() : tensor<8x16xi8>
  %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x16xf32>) outs(%i : tensor<8x16xi8>) {
  ^bb0(%in: f32, %o: i8):
    %0 = arith.fptosi %in : f32 to i8
    linalg.yield %0 : i8
  } -> tensor<8x16xi8>
  %h = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%g : tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%in: f32, %o: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  } -> tensor<8x16xf32>
  %b:2 = approx_act.barrier %q, %h : tensor<8x16xi8>, tensor<8x16xf32>
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%b#0, %b#1 : tensor<8x16xi8>, tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%a: i8, %c: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.mulf %0, %c : f32
    linalg.yield %1 : f32
  } -> tensor<8x16xf32>
  return %r : tensor<8x16xf32>
}

// -----

// Both sums of a normalisation's gradient are one kernel, though the codes that
// one of them restores wait for the gradient: what the first reads, the second
// reads as well. What comes of the sums is a part of it too. The gradient of the
// input, which is large, waits.
// CHECK-LABEL: func @sums
// CHECK-SAME: (%[[Q:.+]]: tensor<128x64xi8>, %[[G:.+]]: tensor<128x64xf32>, %[[S:.+]]: tensor<64xf32>
// CHECK: %[[K:.+]]:3 = approx_act.kernel {{.*}} ins({{.*}}%[[G]]{{.*}}) outs({{.*}} : tensor<64xf32>, tensor<64xf32>, tensor<64xf32>)
// CHECK: arith.sitofp
// CHECK: arith.divf
// CHECK: approx_act.yield
// CHECK: approx_act.kernel {{.*}} ins({{.*}}%[[K]]#2
// CHECK-NOT: approx_act.kernel
// CHECK: return %[[K]]#0, %[[K]]#1
#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>
#vector = affine_map<(d0) -> (d0)>
func.func @sums(%q: tensor<128x64xi8>, %g: tensor<128x64xf32>, %s: tensor<64xf32>, %init: tensor<64xf32>) -> (tensor<64xf32>, tensor<64xf32>, tensor<128x64xf32>) {
  %beta = linalg.generic {indexing_maps = [#id, #columns], iterator_types = ["reduction", "parallel"]} ins(%g : tensor<128x64xf32>) outs(%init : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %b:2 = approx_act.barrier %q, %g : tensor<128x64xi8>, tensor<128x64xf32>
  %gamma = linalg.generic {indexing_maps = [#id, #id, #columns], iterator_types = ["reduction", "parallel"]} ins(%b#0, %b#1 : tensor<128x64xi8>, tensor<128x64xf32>) outs(%init : tensor<64xf32>) {
  ^bb0(%a: i8, %c: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.mulf %0, %c : f32
    %2 = arith.addf %o, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<64xf32>
  %c:2 = approx_act.barrier %s, %b#1 : tensor<64xf32>, tensor<128x64xf32>
  %e = tensor.empty() : tensor<64xf32>
  %mean = linalg.generic {indexing_maps = [#vector, #vector, #vector, #vector], iterator_types = ["parallel"]} ins(%gamma, %beta, %c#0 : tensor<64xf32>, tensor<64xf32>, tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32, %o: f32):
    %0 = arith.divf %x, %z : f32
    %1 = arith.addf %0, %y : f32
    linalg.yield %1 : f32
  } -> tensor<64xf32>
  %f = tensor.empty() : tensor<128x64xf32>
  %dx = linalg.generic {indexing_maps = [#id, #columns, #id], iterator_types = ["parallel", "parallel"]} ins(%c#1, %mean : tensor<128x64xf32>, tensor<64xf32>) outs(%f : tensor<128x64xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %0 = arith.subf %x, %y : f32
    linalg.yield %0 : f32
  } -> tensor<128x64xf32>
  return %beta, %gamma, %dx : tensor<64xf32>, tensor<64xf32>, tensor<128x64xf32>
}

// -----

// A sum of something large does not wait behind a barrier for another sum,
// though both are small: it would keep what it reads.
// CHECK-LABEL: func @large_waits
// CHECK: approx_act.kernel {{.*}} ins(%arg0
// CHECK: approx_act.kernel {{.*}} ins(%arg1
// CHECK: return
#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>
func.func @large_waits(%g: tensor<128x64xf32>, %h: tensor<128x64xf32>, %init: tensor<64xf32>) -> (tensor<64xf32>, tensor<64xf32>) {
  %first = linalg.generic {indexing_maps = [#id, #columns], iterator_types = ["reduction", "parallel"]} ins(%g : tensor<128x64xf32>) outs(%init : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %b:2 = approx_act.barrier %first, %h : tensor<64xf32>, tensor<128x64xf32>
  %second = linalg.generic {indexing_maps = [#id, #columns], iterator_types = ["reduction", "parallel"]} ins(%b#1 : tensor<128x64xf32>) outs(%init : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  return %b#0, %second : tensor<64xf32>, tensor<64xf32>
}

// -----

// What restores an activation waits for the gradient, though a gradient before
// the barrier reads the same codes: neither of them is small.
// CHECK-LABEL: func @restore_waits
// CHECK: approx_act.kernel
// CHECK: approx_act.kernel
// CHECK: return
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @restore_waits(%q: tensor<128x64xi8>, %g: tensor<128x64xf32>) -> (tensor<128x64xf32>, tensor<128x64xf32>) {
  %e = tensor.empty() : tensor<128x64xf32>
  %x = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%q, %g : tensor<128x64xi8>, tensor<128x64xf32>) outs(%e : tensor<128x64xf32>) {
  ^bb0(%a: i8, %c: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.mulf %0, %c : f32
    linalg.yield %1 : f32
  } -> tensor<128x64xf32>
  %b:2 = approx_act.barrier %q, %x : tensor<128x64xi8>, tensor<128x64xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%b#0 : tensor<128x64xi8>) outs(%e : tensor<128x64xf32>) {
  ^bb0(%a: i8, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    linalg.yield %0 : f32
  } -> tensor<128x64xf32>
  return %b#1, %y : tensor<128x64xf32>, tensor<128x64xf32>
}

// -----

// A masked gradient that codes wait for does not have to be in memory: that a
// parameter of the mask is read as well does not count.
// CHECK-LABEL: func @mask
// CHECK: %[[K:.+]] = approx_act.kernel {{.*}} outs({{.*}} : tensor<128x64xf32>)
// CHECK-NOT: approx_act.kernel
// CHECK: return %[[K]]
#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>
func.func @mask(%q: tensor<128x64xi8>, %edge: tensor<64xi8>, %g: tensor<128x64xf32>) -> tensor<128x64xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<128x64xf32>
  %m = linalg.generic {indexing_maps = [#id, #columns, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%q, %edge, %g : tensor<128x64xi8>, tensor<64xi8>, tensor<128x64xf32>) outs(%e : tensor<128x64xf32>) {
  ^bb0(%a: i8, %x: i8, %c: f32, %o: f32):
    %0 = arith.cmpi sge, %a, %x : i8
    %1 = arith.select %0, %c, %zero : f32
    linalg.yield %1 : f32
  } -> tensor<128x64xf32>
  %b:2 = approx_act.barrier %q, %m : tensor<128x64xi8>, tensor<128x64xf32>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%b#0, %b#1 : tensor<128x64xi8>, tensor<128x64xf32>) outs(%e : tensor<128x64xf32>) {
  ^bb0(%a: i8, %c: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.mulf %0, %c : f32
    linalg.yield %1 : f32
  } -> tensor<128x64xf32>
  return %y : tensor<128x64xf32>
}

// -----

// Twice as many elements in one dimension may be codes of words, or what else is
// small. Where the threads of a block share a reduction, it has to be the smaller.
// CHECK-LABEL: func @shapes
// CHECK: approx_act.kernel {{.*}} outs({{.*}} : tensor<64xf32>, tensor<128xf32>)
// CHECK: approx_act.kernel {{.*}} outs({{.*}} : tensor<32xf32>)
// CHECK: return
#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>
#vector = affine_map<(d0) -> (d0)>
func.func @shapes(%x: tensor<32x64xf32>, %y: tensor<128xf32>, %u: tensor<32xf32>, %init: tensor<64xf32>) -> (tensor<64xf32>, tensor<128xf32>, tensor<32xf32>) {
  %s = linalg.generic {indexing_maps = [#id, #columns], iterator_types = ["reduction", "parallel"]} ins(%x : tensor<32x64xf32>) outs(%init : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %e = tensor.empty() : tensor<128xf32>
  %z = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%y : tensor<128xf32>) outs(%e : tensor<128xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.negf %a : f32
    linalg.yield %0 : f32
  } -> tensor<128xf32>
  %f = tensor.empty() : tensor<32xf32>
  %v = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%u : tensor<32xf32>) outs(%f : tensor<32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.negf %a : f32
    linalg.yield %0 : f32
  } -> tensor<32xf32>
  return %s, %z, %v : tensor<64xf32>, tensor<128xf32>, tensor<32xf32>
}

// -----

// Nor may the longer one read the reduction, of which it wants other elements.
// CHECK-LABEL: func @longer_reader
// CHECK: %[[S:.+]] = approx_act.kernel
// CHECK: approx_act.kernel {{.*}} ins({{.*}}%[[S]]
// CHECK: return
#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>
func.func @longer_reader(%x: tensor<32x64xf32>, %init: tensor<64xf32>) -> (tensor<64xf32>, tensor<128xf32>) {
  %s = linalg.generic {indexing_maps = [#id, #columns], iterator_types = ["reduction", "parallel"]} ins(%x : tensor<32x64xf32>) outs(%init : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %t = tensor.concat dim(0) %s, %s : (tensor<64xf32>, tensor<64xf32>) -> tensor<128xf32>
  return %s, %t : tensor<64xf32>, tensor<128xf32>
}

// -----

// No result has more than eight times as many elements as another.
// CHECK-LABEL: func @lengths
// CHECK: approx_act.kernel {{.*}} outs({{.*}} : tensor<256xf32>, tensor<64xf32>)
// CHECK: approx_act.kernel {{.*}} outs({{.*}} : tensor<16xf32>)
// CHECK: return
#vector = affine_map<(d0) -> (d0)>
func.func @lengths(%x: tensor<256xf32>, %y: tensor<64xf32>, %z: tensor<16xf32>) -> (tensor<256xf32>, tensor<64xf32>, tensor<16xf32>) {
  %e = tensor.empty() : tensor<256xf32>
  %a = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%x : tensor<256xf32>) outs(%e : tensor<256xf32>) {
  ^bb0(%i: f32, %o: f32):
    %0 = arith.negf %i : f32
    linalg.yield %0 : f32
  } -> tensor<256xf32>
  %f = tensor.empty() : tensor<64xf32>
  %b = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%y : tensor<64xf32>) outs(%f : tensor<64xf32>) {
  ^bb0(%i: f32, %o: f32):
    %0 = arith.negf %i : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %g = tensor.empty() : tensor<16xf32>
  %c = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]} ins(%z : tensor<16xf32>) outs(%g : tensor<16xf32>) {
  ^bb0(%i: f32, %o: f32):
    %0 = arith.negf %i : f32
    linalg.yield %0 : f32
  } -> tensor<16xf32>
  return %a, %b, %c : tensor<256xf32>, tensor<64xf32>, tensor<16xf32>
}

// -----

// A sum does not wait behind a barrier for another one of the same elements where
// something large is computed from it before.
// CHECK-LABEL: func @reader_waits
// CHECK: %[[S:.+]] = approx_act.kernel {{.*}} outs({{.*}} : tensor<64xf32>)
// CHECK: approx_act.kernel {{.*}}%[[S]]{{.*}} outs({{.*}} : tensor<128x64xf32>)
// CHECK: approx_act.kernel {{.*}} outs({{.*}} : tensor<64xf32>)
// CHECK: return
#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>
func.func @reader_waits(%q: tensor<128x64xi8>, %g: tensor<128x64xf32>, %init: tensor<64xf32>) -> (tensor<128x64xf32>, tensor<64xf32>) {
  %e = tensor.empty() : tensor<128x64xf32>
  %s = linalg.generic {indexing_maps = [#id, #columns], iterator_types = ["reduction", "parallel"]} ins(%g : tensor<128x64xf32>) outs(%init : tensor<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %y = linalg.generic {indexing_maps = [#id, #columns, #id], iterator_types = ["parallel", "parallel"]} ins(%g, %s : tensor<128x64xf32>, tensor<64xf32>) outs(%e : tensor<128x64xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %0 = arith.mulf %a, %c : f32
    linalg.yield %0 : f32
  } -> tensor<128x64xf32>
  %b:2 = approx_act.barrier %q, %y : tensor<128x64xi8>, tensor<128x64xf32>
  %t = linalg.generic {indexing_maps = [#id, #id, #columns], iterator_types = ["reduction", "parallel"]} ins(%b#0, %g : tensor<128x64xi8>, tensor<128x64xf32>) outs(%init : tensor<64xf32>) {
  ^bb0(%a: i8, %c: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.mulf %0, %c : f32
    %2 = arith.addf %o, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<64xf32>
  return %b#1, %t : tensor<128x64xf32>, tensor<64xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// The second has half as many columns as the first, as words have, and the third
// half as many rows as the second: there is no loop for all three.
// CHECK-LABEL: func @halves
// CHECK: approx_act.kernel {{.*}} outs({{.*}} : tensor<8x16xf32>, tensor<8x8xf32>)
// CHECK: approx_act.kernel {{.*}} outs({{.*}} : tensor<4x8xf32>)
func.func @halves(%x: tensor<8x16xf32>, %y: tensor<8x8xf32>, %z: tensor<4x8xf32>) -> (tensor<8x16xf32>, tensor<8x8xf32>, tensor<4x8xf32>) {
  %ex = tensor.empty() : tensor<8x16xf32>
  %rx = linalg.exp ins(%x : tensor<8x16xf32>) outs(%ex : tensor<8x16xf32>) -> tensor<8x16xf32>
  %ey = tensor.empty() : tensor<8x8xf32>
  %ry = linalg.exp ins(%y : tensor<8x8xf32>) outs(%ey : tensor<8x8xf32>) -> tensor<8x8xf32>
  %ez = tensor.empty() : tensor<4x8xf32>
  %rz = linalg.exp ins(%z : tensor<4x8xf32>) outs(%ez : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %rx, %ry, %rz : tensor<8x16xf32>, tensor<8x8xf32>, tensor<4x8xf32>
}

// -----

// What elements are searched in is in memory before the kernel that searches:
// neither computed for each that is looked at, nor written by the same kernel
// although it is small. That goes for what is read behind the loop, too, and
// not for the numbers of elements, which take nothing to compute.
// CHECK-LABEL: func @search
// CHECK: %[[A:.+]] = approx_act.kernel {{.*}} ins(%arg0 : tensor<16xf32>)
// CHECK: math.sin
// CHECK: %[[B:.+]]:2 = approx_act.kernel {{.*}} ins(%[[A]] : tensor<16xf32>)
// CHECK: linalg.index
// CHECK: scf.for
// CHECK: %[[C:.+]] = approx_act.kernel {{.*}} ins(%[[B]]#0, %[[B]]#1 :
// CHECK: scf.for
// CHECK-NOT: approx_act.kernel
// CHECK: return %[[C]]
#id = affine_map<(d0) -> (d0)>
func.func @search(%x: tensor<16xf32>) -> tensor<16xi32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %e = tensor.empty() : tensor<16xf32>
  %f = tensor.empty() : tensor<16xi32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<16xf32>) outs(%e : tensor<16xf32>) {
  ^bb0(%in: f32, %o: f32):
    %0 = math.sin %in : f32
    linalg.yield %0 : f32
  } -> tensor<16xf32>
  %n = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%f : tensor<16xi32>) {
  ^bb0(%o: i32):
    %0 = linalg.index 0 : index
    %1 = arith.index_cast %0 : index to i32
    linalg.yield %1 : i32
  } -> tensor<16xi32>
  %s:2 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} outs(%e, %f : tensor<16xf32>, tensor<16xi32>) {
  ^bb0(%o: f32, %p: i32):
    %i = linalg.index 0 : index
    %first = tensor.extract %y[%i] : tensor<16xf32>
    %r = scf.for %j = %c0 to %c16 step %c1 iter_args(%a = %i) -> (index) {
      %v = tensor.extract %y[%j] : tensor<16xf32>
      %l = arith.cmpf olt, %v, %first : f32
      %b = arith.select %l, %j, %a : index
      scf.yield %b : index
    }
    %u = tensor.extract %y[%r] : tensor<16xf32>
    %w = tensor.extract %n[%r] : tensor<16xi32>
    linalg.yield %u, %w : f32, i32
  } -> (tensor<16xf32>, tensor<16xi32>)
  %t = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%f : tensor<16xi32>) {
  ^bb0(%o: i32):
    %i = linalg.index 0 : index
    %r = scf.for %j = %c0 to %c16 step %c1 iter_args(%a = %i) -> (index) {
      %v = tensor.extract %s#0[%j] : tensor<16xf32>
      %w = tensor.extract %s#0[%a] : tensor<16xf32>
      %l = arith.cmpf olt, %v, %w : f32
      %b = arith.select %l, %j, %a : index
      scf.yield %b : index
    }
    %u = tensor.extract %s#1[%r] : tensor<16xi32>
    linalg.yield %u : i32
  } -> tensor<16xi32>
  return %t : tensor<16xi32>
}

// -----

#matrix = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>

// The sums of 10 are one kernel, for which those of 33 that it reads come before
// it. Others of 33 read what is computed from it, by sums that were before all of
// 33: they cannot be of that same kernel.
// CHECK-LABEL: func @merged_before
// CHECK: %[[EARLY:.+]] = approx_act.kernel {{.*}} ins(%arg1 : tensor<33x10xf32>)
// CHECK: %[[MERGED:.+]]:2 = approx_act.kernel {{.*}} ins(%arg0, %arg2, %[[EARLY]] :
// CHECK: %[[BETWEEN:.+]] = approx_act.kernel {{.*}} ins(%arg3, %[[MERGED]]#0 :
// CHECK: %[[LATE:.+]] = approx_act.kernel {{.*}} ins(%arg4, %[[BETWEEN]] :
// CHECK: return %[[MERGED]]#1, %[[LATE]]
func.func @merged_before(%x: tensor<10x7xf32>, %y: tensor<33x10xf32>, %z: tensor<10x33xf32>, %v: tensor<7x10xf32>, %w: tensor<33x7xf32>) -> (tensor<10xf32>, tensor<33xf32>) {
  %zero = arith.constant 0.0 : f32
  %e10 = tensor.empty() : tensor<10xf32>
  %e7 = tensor.empty() : tensor<7xf32>
  %e33 = tensor.empty() : tensor<33xf32>
  %f10 = linalg.fill ins(%zero : f32) outs(%e10 : tensor<10xf32>) -> tensor<10xf32>
  %f7 = linalg.fill ins(%zero : f32) outs(%e7 : tensor<7xf32>) -> tensor<7xf32>
  %f33 = linalg.fill ins(%zero : f32) outs(%e33 : tensor<33xf32>) -> tensor<33xf32>
  %first = linalg.generic {indexing_maps = [#matrix, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<10x7xf32>) outs(%f10 : tensor<10xf32>) {
  ^bb0(%in: f32, %o: f32):
    %0 = arith.addf %in, %o : f32
    linalg.yield %0 : f32
  } -> tensor<10xf32>
  %between = linalg.generic {indexing_maps = [#matrix, #column, #row], iterator_types = ["parallel", "reduction"]} ins(%v, %first : tensor<7x10xf32>, tensor<10xf32>) outs(%f7 : tensor<7xf32>) {
  ^bb0(%in: f32, %f: f32, %o: f32):
    %0 = arith.maximumf %in, %f : f32
    %1 = arith.addf %0, %o : f32
    linalg.yield %1 : f32
  } -> tensor<7xf32>
  %early = linalg.generic {indexing_maps = [#matrix, #row], iterator_types = ["parallel", "reduction"]} ins(%y : tensor<33x10xf32>) outs(%f33 : tensor<33xf32>) {
  ^bb0(%in: f32, %o: f32):
    %0 = arith.addf %in, %o : f32
    linalg.yield %0 : f32
  } -> tensor<33xf32>
  %second = linalg.generic {indexing_maps = [#matrix, #column, #row], iterator_types = ["parallel", "reduction"]} ins(%z, %early : tensor<10x33xf32>, tensor<33xf32>) outs(%f10 : tensor<10xf32>) {
  ^bb0(%in: f32, %f: f32, %o: f32):
    %0 = arith.maximumf %in, %f : f32
    %1 = arith.addf %0, %o : f32
    linalg.yield %1 : f32
  } -> tensor<10xf32>
  %late = linalg.generic {indexing_maps = [#matrix, #column, #row], iterator_types = ["parallel", "reduction"]} ins(%w, %between : tensor<33x7xf32>, tensor<7xf32>) outs(%f33 : tensor<33xf32>) {
  ^bb0(%in: f32, %f: f32, %o: f32):
    %0 = arith.maximumf %in, %f : f32
    %1 = arith.addf %0, %o : f32
    linalg.yield %1 : f32
  } -> tensor<33xf32>
  return %second, %late : tensor<10xf32>, tensor<33xf32>
}
