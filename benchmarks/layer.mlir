// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One layer's kernels, of the shape for which gpu.py compiles reference.cu: the
// normalised activation, its ReLU, and 4-bit codes of what was centred; and what
// the ReLU gave from the codes again.

#all = affine_map<(n, h, w, c) -> (n, h, w, c)>
#channel = affine_map<(n, h, w, c) -> (0, 0, 0, c)>

func.func @save(%x: tensor<32x32x32x64xf32>, %mean: tensor<1x1x1x64xf32>, %rstd: tensor<1x1x1x64xf32>,
    %gamma: tensor<1x1x1x64xf32>, %beta: tensor<1x1x1x64xf32>, %edge: tensor<1x1x1x64xf32>,
    %below: tensor<1x1x1x64xf32>, %above: tensor<1x1x1x64xf32>, %split: tensor<1x1x1x64xi32>)
    -> (tensor<32x32x32x64xf32>, tensor<32x32x16x64xi8>) {
  %f = tensor.empty() : tensor<32x32x32x64xf32>
  %b = tensor.empty() : tensor<32x32x32x64xi1>
  %r:3 = linalg.generic {
      indexing_maps = [#all, #channel, #channel, #channel, #channel, #all, #all, #all],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %mean, %rstd, %gamma, %beta : tensor<32x32x32x64xf32>, tensor<1x1x1x64xf32>, tensor<1x1x1x64xf32>, tensor<1x1x1x64xf32>, tensor<1x1x1x64xf32>)
      outs(%f, %f, %b : tensor<32x32x32x64xf32>, tensor<32x32x32x64xf32>, tensor<32x32x32x64xi1>) {
  ^bb0(%in: f32, %m: f32, %d: f32, %g: f32, %o: f32, %e0: f32, %e1: f32, %e2: i1):
    %zero = arith.constant 0.0 : f32
    %centred = arith.subf %in, %m : f32
    %normed = arith.mulf %centred, %d : f32
    %scaled = arith.mulf %normed, %g : f32
    %z = arith.addf %scaled, %o : f32
    %y = arith.maximumf %z, %zero : f32
    %mask = arith.cmpf ogt, %z, %zero : f32
    linalg.yield %y, %centred, %mask : f32, f32, i1
  } -> (tensor<32x32x32x64xf32>, tensor<32x32x32x64xf32>, tensor<32x32x32x64xi1>)
  %q = approx_act.quantize_split %r#1, %edge, %below, %above, %split, %r#2
      : tensor<32x32x32x64xf32>, tensor<1x1x1x64xf32>, tensor<1x1x1x64xi32>, tensor<32x32x32x64xi1> -> tensor<32x32x32x64xi4>
  %words = approx_act.pack %q {dim = 2 : i64} : tensor<32x32x32x64xi4> -> tensor<32x32x16x64xi8>
  return %r#0, %words : tensor<32x32x32x64xf32>, tensor<32x32x16x64xi8>
}

func.func @restore(%words: tensor<32x32x16x64xi8>, %edge: tensor<1x1x1x64xf32>, %below: tensor<1x1x1x64xf32>,
    %above: tensor<1x1x1x64xf32>, %split: tensor<1x1x1x64xi32>, %rstd: tensor<1x1x1x64xf32>,
    %gamma: tensor<1x1x1x64xf32>, %beta: tensor<1x1x1x64xf32>) -> tensor<32x32x32x64xf32> {
  %q = approx_act.unpack %words {dim = 2 : i64} : tensor<32x32x16x64xi8> -> tensor<32x32x32x64xi4>
  %x = approx_act.dequantize_split %q, %edge, %below, %above, %split
      : tensor<32x32x32x64xi4>, tensor<1x1x1x64xf32>, tensor<1x1x1x64xi32> -> tensor<32x32x32x64xf32>
  %f = tensor.empty() : tensor<32x32x32x64xf32>
  %y = linalg.generic {
      indexing_maps = [#all, #channel, #channel, #channel, #all],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %rstd, %gamma, %beta : tensor<32x32x32x64xf32>, tensor<1x1x1x64xf32>, tensor<1x1x1x64xf32>, tensor<1x1x1x64xf32>)
      outs(%f : tensor<32x32x32x64xf32>) {
  ^bb0(%in: f32, %d: f32, %g: f32, %o: f32, %e: f32):
    %zero = arith.constant 0.0 : f32
    %normed = arith.mulf %in, %d : f32
    %scaled = arith.mulf %normed, %g : f32
    %z = arith.addf %scaled, %o : f32
    %y = arith.maximumf %z, %zero : f32
    linalg.yield %y : f32
  } -> tensor<32x32x32x64xf32>
  return %y : tensor<32x32x32x64xf32>
}
