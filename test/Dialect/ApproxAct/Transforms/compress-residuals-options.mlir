// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-compress-residuals="bits=8" | FileCheck %s --check-prefix=BITS8
// RUN: approx-act-opt %s --approx-act-compress-residuals="bits=4" | FileCheck %s --check-prefix=BITS4
// RUN: approx-act-opt %s --approx-act-compress-residuals="bits=2" | FileCheck %s --check-prefix=BITS2
// RUN: approx-act-opt %s --approx-act-compress-residuals="bits=1" | FileCheck %s --check-prefix=BITS1
// RUN: approx-act-opt %s --approx-act-compress-residuals="range=minmax" | FileCheck %s --check-prefix=MINMAX
// RUN: approx-act-opt %s --approx-act-compress-residuals="range=absmax" | FileCheck %s --check-prefix=ABSMAX
// RUN: approx-act-opt %s --approx-act-compress-residuals="range=normalised sigma=2.5" | FileCheck %s --check-prefix=SIGMA
// RUN: approx-act-opt %s --approx-act-compress-residuals="granularity=tensor" | FileCheck %s --check-prefix=TENSOR
// RUN: approx-act-opt %s --approx-act-compress-residuals="granularity=channel" | FileCheck %s --check-prefix=CHANNEL
// RUN: approx-act-opt %s --approx-act-compress-residuals="granularity=group group-size=16" | FileCheck %s --check-prefix=GROUP
// RUN: approx-act-opt %s --approx-act-compress-residuals="granularity=group group-size=48" --remark-format=yaml --remarks-output-file=%t --remarks-filter=approx-act --mlir-disable-threading | FileCheck %s --check-prefix=TENSOR
// RUN: FileCheck %s --check-prefix=UNDIVIDED --input-file=%t
// RUN: approx-act-opt %s --approx-act-compress-residuals="rounding=stochastic seed=7" | FileCheck %s --check-prefix=STOCHASTIC
// RUN: approx-act-opt %s --approx-act-compress-residuals="min-fraction=1" | FileCheck %s --check-prefix=EXACT --implicit-check-not=approx_act

// Every option has its effect. Of the two values that cross, %a has no known
// moments and %b is divided by its root of the mean of squares.

// BITS8-COUNT-2: approx_act.quantize {{.*}} -> tensor<64x64xi8>
// BITS4-COUNT-2: approx_act.quantize {{.*}} -> tensor<64x64xi4>
// BITS2-COUNT-2: approx_act.quantize {{.*}} -> tensor<64x64xi2>
// BITS1-COUNT-2: approx_act.quantize {{.*}} -> tensor<64x64xi1>

// MINMAX-COUNT-2: range = #approx_act.range<minmax>
// ABSMAX-COUNT-2: range = #approx_act.range<absmax>

// SIGMA: range = #approx_act.range<normalised, sigma = 2.5
// SIGMA-NOT: approx_act.grid

// TENSOR: granularity<tensor>, range = #approx_act.range<minmax>{{.*}} -> tensor<1x1xf32>
// CHANNEL: granularity<channel>, range = #approx_act.range<minmax>{{.*}} -> tensor<1x64xf32>
// UNDIVIDED-COUNT-1: on one grid, as group-size does not divide its last dimension of 64
// UNDIVIDED-NOT: on one grid
// GROUP: granularity<group, size = 16>, range = #approx_act.range<minmax>{{.*}} -> tensor<64x4xf32>

// Each value has noise of its own.
// STOCHASTIC: rounding<stochastic, seed = [[SEED:[0-9]+]]>
// STOCHASTIC-NOT: rounding<stochastic, seed = [[SEED]]>
// STOCHASTIC: rounding<stochastic, seed =

// EXACT: return
func.func @step(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> (tensor<f32>, tensor<64x64xf32>) {
  %zero = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
  %n = "stablehlo.constant"() <{value = dense<64.0> : tensor<64xf32>}> : () -> tensor<64xf32>
  %a = "stablehlo.dot"(%x, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = "stablehlo.dot"(%a, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %square = "stablehlo.multiply"(%c, %c) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %sum = "stablehlo.reduce"(%square, %zero) <{dimensions = array<i64: 0>}> ({
  ^bb0(%d: tensor<f32>, %e: tensor<f32>):
    %s = "stablehlo.add"(%d, %e) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%s) : (tensor<f32>) -> ()
  }) : (tensor<64x64xf32>, tensor<f32>) -> tensor<64xf32>
  %mean = "stablehlo.divide"(%sum, %n) : (tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32>
  %r = "stablehlo.rsqrt"(%mean) : (tensor<64xf32>) -> tensor<64xf32>
  %rs = "stablehlo.broadcast_in_dim"(%r) <{broadcast_dimensions = array<i64: 1>}> : (tensor<64xf32>) -> tensor<64x64xf32>
  %b = "stablehlo.multiply"(%c, %rs) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %loss = "stablehlo.custom_call"(%b) <{call_target_name = "f"}> : (tensor<64x64xf32>) -> tensor<f32>
  %0 = "stablehlo.dot"(%b, %w) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %g = "stablehlo.dot"(%0, %a) : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %loss, %g : tensor<f32>, tensor<64x64xf32>
}
