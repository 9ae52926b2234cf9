// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --pass-pipeline="builtin.module(func.func(approx-act-form-kernels))" --split-input-file %s | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#columns = affine_map<(d0, d1) -> (d1)>

// In a path is what the op is called and whether it belongs to a gradient; the
// layer is the innermost function, not who calls it.
#relu_line = loc("layers.py":3:1)
#step_line = loc("train.py":9:1)
#relu = loc("relu_layer"(#relu_line))
#step = loc("train.<locals>.<lambda>"(#step_line))
#called = loc(callsite(#relu at #step))
#forward = loc("jit(step)/jvp()/max"(#called))
#backward = loc("jit(step)/transpose(jvp())/reduce_sum"(#called))
// CHECK-LABEL: func @functions
// CHECK: approx_act.kernel "relu_layer_max"
// CHECK: approx_act.kernel "relu_layer_reduce_sum_gradient"
func.func @functions(%x: tensor<8x32xf32>) -> (tensor<8x32xf32>, tensor<32xf32>) {
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x32xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x32xf32>) outs(%e : tensor<8x32xf32>) {
  ^bb0(%in: f32, %o: f32):
    %1 = arith.maximumf %in, %c : f32
    linalg.yield %1 : f32
  } -> tensor<8x32xf32> loc(#forward)
  %f = tensor.empty() : tensor<32xf32>
  %z = linalg.fill ins(%c : f32) outs(%f : tensor<32xf32>) -> tensor<32xf32>
  %s = linalg.generic {indexing_maps = [#id, #columns], iterator_types = ["reduction", "parallel"]} ins(%y : tensor<8x32xf32>) outs(%z : tensor<32xf32>) {
  ^bb0(%in: f32, %o: f32):
    %1 = arith.addf %in, %o : f32
    linalg.yield %1 : f32
  } -> tensor<32xf32> loc(#backward)
  return %y, %s : tensor<8x32xf32>, tensor<32xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// A scope, of which equal layers have numbers, says more than a function; what
// JAX calls in between is neither. Of an inlined function, the op has the name
// and the caller the path. Without either, the arithmetic has to do.
#line = loc("layers.py":3:1)
#function = loc("__call__"(#line))
#scoped = loc("jit(step)/transpose(jvp(Model))/Block_12/jit(_where)/select_n"(#function))
#callee = loc("max")
#caller = loc("jit(step)/jvp(Model)/Dense_3/jit(relu)"(#function))
#inlined = loc(callsite(#callee at #caller))
// CHECK-LABEL: func @scopes
// CHECK: approx_act.kernel "Block_select_n_gradient"
// CHECK: approx_act.kernel "Dense_max"
// CHECK: approx_act.kernel "mulf"
func.func @scopes(%x: tensor<8x32xf32>, %y: tensor<4x4xf32>, %z: tensor<2x2xf32>)
    -> (tensor<8x32xf32>, tensor<4x4xf32>, tensor<2x2xf32>) {
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x32xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x32xf32>) outs(%e : tensor<8x32xf32>) {
  ^bb0(%in: f32, %o: f32):
    %1 = arith.addf %in, %c : f32
    linalg.yield %1 : f32
  } -> tensor<8x32xf32> loc(#scoped)
  %f = tensor.empty() : tensor<4x4xf32>
  %s = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<4x4xf32>) outs(%f : tensor<4x4xf32>) {
  ^bb0(%in: f32, %o: f32):
    %1 = arith.maximumf %in, %c : f32
    linalg.yield %1 : f32
  } -> tensor<4x4xf32> loc(#inlined)
  %g = tensor.empty() : tensor<2x2xf32>
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%z : tensor<2x2xf32>) outs(%g : tensor<2x2xf32>) {
  ^bb0(%in: f32, %o: f32):
    %1 = arith.mulf %in, %in : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  return %r, %s, %t : tensor<8x32xf32>, tensor<4x4xf32>, tensor<2x2xf32>
}
