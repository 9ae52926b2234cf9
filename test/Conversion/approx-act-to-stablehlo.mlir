// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --convert-approx-act-to-stablehlo --split-input-file | FileCheck %s
// RUN: approx-act-opt %s --convert-approx-act-to-stablehlo --split-input-file \
// RUN:   | FileCheck %s --check-prefix=GONE

// What the ops compute is compared with docs/semantics.md by running them, in
// test/Integration/semantics.py. Here is what a compiler has to be able to fuse,
// and how types meet.

// GONE-NOT: {{approx_act|arith|tensor}}.{{[a-z]}}

// A normalised grid looks at no element [S2].

// CHECK-LABEL: func @normalised
// CHECK-SAME: (%{{.*}}, %[[MEAN:.*]]: tensor<1x4xf32>, %[[RSTD:.*]]: tensor<1x4xf32>)
func.func @normalised(%x: tensor<8x4xf32>, %mean: tensor<1x4xf32>, %rstd: tensor<1x4xf32>)
    -> (tensor<1x4xf32>, tensor<1x4xf32>) {
  // CHECK-DAG: %[[SIGMA:.*]] = "stablehlo.constant"() <{value = dense<4.000000e+00> :
  // CHECK-DAG: %[[REACH:.*]] = "stablehlo.divide"(%[[SIGMA]], %[[RSTD]])
  // CHECK-DAG: %[[LO:.*]] = "stablehlo.subtract"(%[[MEAN]], %[[REACH]])
  // CHECK-DAG: %[[CELL:.*]] = "stablehlo.constant"() <{value = dense<5.000000e-01> :
  // CHECK-DAG: %[[STEP:.*]] = "stablehlo.divide"(%[[CELL]], %[[RSTD]])
  // CHECK: return %[[LO]], %[[STEP]]
  %lo, %step = approx_act.grid %x mean %mean : tensor<1x4xf32> rstd %rstd : tensor<1x4xf32> {
      bits = 4 : i32, granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<normalised, sigma = 4.0>} : tensor<8x4xf32> -> tensor<1x4xf32>
  return %lo, %step : tensor<1x4xf32>, tensor<1x4xf32>
}

// -----

// Extremes are found in the type of the activation, over the dimensions of a
// block only, and are then converted. 255 steps lie between their centres.

// CHECK-LABEL: func @minmax_channel
func.func @minmax_channel(%x: tensor<8x6x4xbf16>) -> (tensor<8x1x4xf32>, tensor<8x1x4xf32>) {
  // CHECK: "stablehlo.reduce"(%arg0, %{{.*}}) <{dimensions = array<i64: 1>}>
  // CHECK: "stablehlo.minimum"
  // CHECK: (tensor<8x6x4xbf16>, tensor<bf16>) -> tensor<8x4xbf16>
  // CHECK: "stablehlo.reshape"(%{{.*}}) : (tensor<8x4xbf16>) -> tensor<8x1x4xbf16>
  // CHECK: "stablehlo.convert"(%{{.*}}) : (tensor<8x1x4xbf16>) -> tensor<8x1x4xf32>
  // CHECK: "stablehlo.reduce"
  // CHECK: "stablehlo.maximum"
  // CHECK: dense<0.00392156886>
  // CHECK: %[[STEP:.*]] = "stablehlo.maximum"
  // CHECK: %[[LO:.*]] = "stablehlo.select"
  // CHECK: return %[[LO]], %[[STEP]]
  %lo, %step = approx_act.grid %x {
      bits = 8 : i32, granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<minmax>} : tensor<8x6x4xbf16> -> tensor<8x1x4xf32>
  return %lo, %step : tensor<8x1x4xf32>, tensor<8x1x4xf32>
}

// -----

// CHECK-LABEL: func @absmax_group
func.func @absmax_group(%x: tensor<8x64xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
  // CHECK: "stablehlo.abs"
  // CHECK: "stablehlo.reshape"(%{{.*}}) : (tensor<8x64xf32>) -> tensor<8x4x16xf32>
  // CHECK: "stablehlo.reduce"(%{{.*}}) <{dimensions = array<i64: 2>}>
  %lo, %step = approx_act.grid %x {
      bits = 8 : i32, granularity = #approx_act.granularity<group, size = 16>,
      range = #approx_act.range<absmax>} : tensor<8x64xf32> -> tensor<8x4xf32>
  return %lo, %step : tensor<8x4xf32>, tensor<8x4xf32>
}

// -----

// The least root is the root of the least, so only codes read the roots.

// CHECK-LABEL: func @minmax_of_root
func.func @minmax_of_root(%x: tensor<8x64xf32>) -> (tensor<1x1xf32>, tensor<8x64xi8>) {
  // CHECK: %[[ROOT:.*]] = "stablehlo.sqrt"(%arg0)
  // CHECK: %[[LEAST:.*]] = "stablehlo.reduce"(%arg0, %{{.*}}) <{dimensions = array<i64: 0, 1>}>
  // CHECK: "stablehlo.minimum"
  // CHECK: %[[LEAST1:.*]] = "stablehlo.reshape"(%[[LEAST]])
  // CHECK: %[[A:.*]] = "stablehlo.sqrt"(%[[LEAST1]]) : (tensor<1x1xf32>)
  // CHECK: %[[GREATEST:.*]] = "stablehlo.reduce"(%arg0, %{{.*}}) <{dimensions = array<i64: 0, 1>}>
  // CHECK: "stablehlo.maximum"
  // CHECK: %[[GREATEST1:.*]] = "stablehlo.reshape"(%[[GREATEST]])
  // CHECK: %[[B:.*]] = "stablehlo.sqrt"(%[[GREATEST1]]) : (tensor<1x1xf32>)
  // CHECK: "stablehlo.subtract"(%[[B]], %[[A]])
  // CHECK: "stablehlo.subtract"(%[[ROOT]], %{{.*}}) : (tensor<8x64xf32>
  %root = math.sqrt %x : tensor<8x64xf32>
  %lo, %step = approx_act.grid %root {
      bits = 8 : i32, granularity = #approx_act.granularity<tensor>,
      range = #approx_act.range<minmax>} : tensor<8x64xf32> -> tensor<1x1xf32>
  %q = approx_act.quantize %root, %lo, %step
      : tensor<8x64xf32>, tensor<1x1xf32> -> tensor<8x64xi8>
  return %lo, %q : tensor<1x1xf32>, tensor<8x64xi8>
}

// -----

// No element, no extreme [S9].

// CHECK-LABEL: func @minmax_of_nothing
func.func @minmax_of_nothing(%x: tensor<0x4xf32>) -> (tensor<1x4xf32>, tensor<1x4xf32>) {
  // CHECK-NEXT: %[[ZERO:.*]] = "stablehlo.constant"() <{value = dense<0.000000e+00> : tensor<1x4xf32>}>
  // CHECK-NEXT: return %[[ZERO]], %[[ZERO]]
  %lo, %step = approx_act.grid %x {
      bits = 8 : i32, granularity = #approx_act.granularity<channel>,
      range = #approx_act.range<minmax>} : tensor<0x4xf32> -> tensor<1x4xf32>
  return %lo, %step : tensor<1x4xf32>, tensor<1x4xf32>
}

// -----

// One division for each element of the parameter, none for each element of the
// activation; a code leaves as ui8, and crosses to the function's result with its
// bits as they are [S4].

// CHECK-LABEL: func @quantize
// CHECK-SAME: (%[[X:.*]]: tensor<8x4xf32>, %[[LO:.*]]: tensor<1x4xf32>, %[[STEP:.*]]: tensor<1x4xf32>)
func.func @quantize(%x: tensor<8x4xf32>, %lo: tensor<1x4xf32>, %step: tensor<1x4xf32>)
    -> tensor<8x4xi4> {
  // CHECK: "stablehlo.divide"(%{{.*}}, %[[STEP]]) : (tensor<1x4xf32>, tensor<1x4xf32>)
  // CHECK: %[[INVERSE:.*]] = "stablehlo.select"
  // CHECK-DAG: %[[LOS:.*]] = "stablehlo.broadcast_in_dim"(%[[LO]]) <{broadcast_dimensions = array<i64: 0, 1>}>
  // CHECK-DAG: %[[INVERSES:.*]] = "stablehlo.broadcast_in_dim"(%[[INVERSE]])
  // CHECK: %[[DISTANCE:.*]] = "stablehlo.subtract"(%[[X]], %[[LOS]])
  // CHECK: %[[U:.*]] = "stablehlo.multiply"(%[[DISTANCE]], %[[INVERSES]])
  // CHECK-NOT: "stablehlo.divide"
  // CHECK: "stablehlo.convert"(%{{.*}}) : (tensor<8x4xf32>) -> tensor<8x4xui8>
  // CHECK: "stablehlo.convert"(%{{.*}}) : (tensor<8x4xui8>) -> tensor<8x4xui4>
  // CHECK: "stablehlo.bitcast_convert"(%{{.*}}) : (tensor<8x4xui4>) -> tensor<8x4xi4>
  %q = approx_act.quantize %x, %lo, %step : tensor<8x4xf32>, tensor<1x4xf32> -> tensor<8x4xi4>
  return %q : tensor<8x4xi4>
}

// -----

// The hash of the seed is a constant; positions are sums over dimensions, so that
// a divided tensor needs no communication.

// CHECK-LABEL: func @stochastic
func.func @stochastic(%x: tensor<8x4xf32>, %p: tensor<1x1xf32>) -> tensor<8x4xi1> {
  // CHECK: "stablehlo.iota"() <{iota_dimension = 1 : i64}> : () -> tensor<8x4xui32>
  // CHECK: "stablehlo.iota"() <{iota_dimension = 0 : i64}> : () -> tensor<8x4xui32>
  // CHECK: %[[KEY:.*]] = "stablehlo.constant"() <{value = dense<1071229915> :
  // CHECK-NEXT: "stablehlo.xor"(%{{.*}}, %[[KEY]])
  %q = approx_act.quantize %x, %p, %p {rounding = #approx_act.rounding<stochastic, seed = 7>}
      : tensor<8x4xf32>, tensor<1x1xf32> -> tensor<8x4xi1>
  return %q : tensor<8x4xi1>
}

// -----

// All arithmetic of a split grid is on parameters: nothing has the size of an
// activation. `split` is the count of cells as an integer, with the sign of the
// slope [S3].

// CHECK-LABEL: func @split_grid
// CHECK-SAME: (%[[LO:.*]]: tensor<1x4xf64>, %[[STEP:.*]]: tensor<1x4xf64>, %[[SLOPE:.*]]: tensor<1x4xf64>, %[[OFFSET:.*]]: tensor<1x4xf64>)
func.func @split_grid(%lo: tensor<1x4xf64>, %step: tensor<1x4xf64>,
                      %slope: tensor<1x4xf64>, %offset: tensor<1x4xf64>)
    -> (tensor<1x4xf64>, tensor<1x4xf64>, tensor<1x4xf64>, tensor<1x4xi32>) {
  // CHECK: %[[FALLS:.*]] = "stablehlo.compare"(%[[SLOPE]], %{{.*}}) <{comparison_direction = #stablehlo<comparison_direction LT>}>
  // CHECK: %[[ABS:.*]] = "stablehlo.abs"(%[[SLOPE]])
  // CHECK: %[[DIVISOR:.*]] = "stablehlo.select"(%[[FALLS]], %[[SLOPE]], %[[ABS]])
  // CHECK: %[[NEGATED:.*]] = "stablehlo.negate"(%[[OFFSET]])
  // CHECK: "stablehlo.divide"(%[[NEGATED]], %[[DIVISOR]])
  // CHECK: %[[RATIO:.*]] = "stablehlo.constant"() <{value = dense<2.500000e-01> :
  // CHECK: "stablehlo.multiply"(%{{.*}}, %[[RATIO]])
  // CHECK: %[[COUNT:.*]] = "stablehlo.convert"(%{{.*}}) : (tensor<1x4xf64>) -> tensor<1x4xi32>
  // CHECK: %[[NEGATIVE:.*]] = "stablehlo.negate"(%[[COUNT]])
  // CHECK: %[[SPLIT:.*]] = "stablehlo.select"(%[[FALLS]], %[[NEGATIVE]], %[[COUNT]])
  // CHECK: return %{{.*}}, %[[SPLIT]] :
  %edge, %below, %above, %split = approx_act.split_grid %lo, %step, %slope, %offset
      {bits = 4 : i32, ratio = 0.25 : f32} : tensor<1x4xf64> -> tensor<1x4xi32>
  return %edge, %below, %above, %split
      : tensor<1x4xf64>, tensor<1x4xf64>, tensor<1x4xf64>, tensor<1x4xi32>
}

// -----

// The mask chooses the side, and with it the width and the limit; each width is
// inverted once, and no element divides [S5].

// CHECK-LABEL: func @quantize_split
// CHECK-SAME: (%[[X:.*]]: tensor<8x4xbf16>, %[[EDGE:.*]]: tensor<1x4xf32>, %[[BELOW:.*]]: tensor<1x4xf32>, %[[ABOVE:.*]]: tensor<1x4xf32>, %{{.*}}: tensor<1x1xi32>, %[[MASK:.*]]: tensor<8x4xi1>)
func.func @quantize_split(%x: tensor<8x4xbf16>, %edge: tensor<1x4xf32>,
                          %below: tensor<1x4xf32>, %above: tensor<1x4xf32>,
                          %split: tensor<1x1xi32>, %mask: tensor<8x4xi1>) -> tensor<8x4xi4> {
  // CHECK-DAG: %[[UPPER:.*]] = "stablehlo.xor"(%[[MASK]], %{{.*}}) : (tensor<8x4xi1>, tensor<8x4xi1>)
  // CHECK-DAG: %[[X32:.*]] = "stablehlo.convert"(%[[X]]) : (tensor<8x4xbf16>) -> tensor<8x4xf32>
  // CHECK-DAG: %[[EDGES:.*]] = "stablehlo.broadcast_in_dim"(%[[EDGE]]) <{broadcast_dimensions = array<i64: 0, 1>}>
  // CHECK-DAG: "stablehlo.divide"(%{{.*}}, %[[ABOVE]]) : (tensor<1x4xf32>, tensor<1x4xf32>)
  // CHECK-DAG: "stablehlo.divide"(%{{.*}}, %[[BELOW]]) : (tensor<1x4xf32>, tensor<1x4xf32>)
  // CHECK: %[[UP:.*]] = "stablehlo.subtract"(%[[X32]], %[[EDGES]])
  // CHECK: %[[DOWN:.*]] = "stablehlo.negate"(%[[UP]])
  // CHECK: %[[DISTANCE:.*]] = "stablehlo.select"(%[[UPPER]], %[[UP]], %[[DOWN]])
  // CHECK: %[[INVERSE:.*]] = "stablehlo.select"(%[[UPPER]], %{{.*}}) : (tensor<8x4xi1>, tensor<8x4xf32>, tensor<8x4xf32>)
  // CHECK: %[[U:.*]] = "stablehlo.multiply"(%[[DISTANCE]], %[[INVERSE]])
  // CHECK-NOT: "stablehlo.divide"
  // CHECK: %[[LIMIT:.*]] = "stablehlo.select"(%[[UPPER]], %{{.*}}) : (tensor<8x4xi1>, tensor<8x4xf32>, tensor<8x4xf32>)
  // CHECK: "stablehlo.minimum"(%[[U]], %[[LIMIT]])
  // CHECK: "stablehlo.convert"(%{{.*}}) : (tensor<8x4xf32>) -> tensor<8x4xui8>
  // CHECK: %[[Q:.*]] = "stablehlo.select"(%[[UPPER]], %{{.*}}) : (tensor<8x4xi1>, tensor<8x4xui8>, tensor<8x4xui8>)
  // CHECK: "stablehlo.convert"(%[[Q]]) : (tensor<8x4xui8>) -> tensor<8x4xui4>
  // CHECK: "stablehlo.bitcast_convert"(%{{.*}}) : (tensor<8x4xui4>) -> tensor<8x4xi4>
  %q = approx_act.quantize_split %x, %edge, %below, %above, %split, %mask
      : tensor<8x4xbf16>, tensor<1x4xf32>, tensor<1x1xi32>, tensor<8x4xi1> -> tensor<8x4xi4>
  return %q : tensor<8x4xi4>
}

// -----

// A restored value costs an addition, a choice of widths, a product and a sum,
// and its mask a comparison of the code [S5], [S6].

// CHECK-LABEL: func @restore_split
// CHECK-SAME: (%[[Q:.*]]: tensor<8x4xi8>, %[[EDGE:.*]]: tensor<1x4xf32>, %[[BELOW:.*]]: tensor<1x4xf32>, %[[ABOVE:.*]]: tensor<1x4xf32>, %[[SPLIT:.*]]: tensor<1x4xi32>)
func.func @restore_split(%q: tensor<8x4xi8>, %edge: tensor<1x4xf32>, %below: tensor<1x4xf32>,
                         %above: tensor<1x4xf32>, %split: tensor<1x4xi32>)
    -> (tensor<8x4xbf16>, tensor<8x4xi1>) {
  // CHECK: %[[CODES:.*]] = "stablehlo.bitcast_convert"(%[[Q]]) : (tensor<8x4xi8>) -> tensor<8x4xui8>
  // CHECK-DAG: %[[EDGES:.*]] = "stablehlo.broadcast_in_dim"(%[[EDGE]])
  // CHECK-DAG: %[[ABOVES:.*]] = "stablehlo.broadcast_in_dim"(%[[ABOVE]])
  // CHECK-DAG: %[[BELOWS:.*]] = "stablehlo.broadcast_in_dim"(%[[BELOW]])
  // CHECK-DAG: %[[CELL:.*]] = "stablehlo.convert"(%[[CODES]]) : (tensor<8x4xui8>) -> tensor<8x4xf32>
  // CHECK: %[[CELLS:.*]] = "stablehlo.add"(%[[CELL]], %{{.*}}) : (tensor<8x4xf32>, tensor<8x4xf32>)
  // CHECK: %[[WIDTH:.*]] = "stablehlo.select"(%{{.*}}, %[[ABOVES]], %[[BELOWS]])
  // CHECK: %[[DISTANCE:.*]] = "stablehlo.multiply"(%[[CELLS]], %[[WIDTH]])
  // CHECK: %[[X32:.*]] = "stablehlo.add"(%[[EDGES]], %[[DISTANCE]])
  // CHECK: %[[X:.*]] = "stablehlo.convert"(%[[X32]]) : (tensor<8x4xf32>) -> tensor<8x4xbf16>
  %x = approx_act.dequantize_split %q, %edge, %below, %above, %split
      : tensor<8x4xi8>, tensor<1x4xf32>, tensor<1x4xi32> -> tensor<8x4xbf16>
  // CHECK: %[[BELOW_EDGE:.*]] = "stablehlo.compare"(%[[SPLIT]], %{{.*}}) <{comparison_direction = #stablehlo<comparison_direction LT>}>
  // CHECK: %[[UPPER:.*]] = "stablehlo.compare"(%[[CODES]], %{{.*}}) <{comparison_direction = #stablehlo<comparison_direction GE>}> : (tensor<8x4xui8>, tensor<8x4xui8>)
  // CHECK: %[[FLIPS:.*]] = "stablehlo.broadcast_in_dim"(%[[BELOW_EDGE]])
  // CHECK: %[[M:.*]] = "stablehlo.xor"(%[[UPPER]], %[[FLIPS]])
  // CHECK: return %[[X]], %[[M]]
  %m = approx_act.side %q, %split : tensor<8x4xi8>, tensor<1x4xi32> -> tensor<8x4xi1>
  return %x, %m : tensor<8x4xbf16>, tensor<8x4xi1>
}

// -----

// Parameters of groups are spread by a broadcast and a reshape [S1]; f16 is
// restored through f32 [S6].

// CHECK-LABEL: func @dequantize_group
func.func @dequantize_group(%q: tensor<8x64xi8>, %p: tensor<8x4xf32>) -> tensor<8x64xf16> {
  // CHECK: "stablehlo.bitcast_convert"(%{{.*}}) : (tensor<8x64xi8>) -> tensor<8x64xui8>
  // CHECK: "stablehlo.broadcast_in_dim"(%{{.*}}) <{broadcast_dimensions = array<i64: 0, 1>}> : (tensor<8x4xf32>) -> tensor<8x4x16xf32>
  // CHECK-NEXT: "stablehlo.reshape"(%{{.*}}) : (tensor<8x4x16xf32>) -> tensor<8x64xf32>
  // CHECK: "stablehlo.convert"(%{{.*}}) : (tensor<8x64xf32>) -> tensor<8x64xf16>
  %x = approx_act.dequantize %q, %p, %p : tensor<8x64xi8>, tensor<8x4xf32> -> tensor<8x64xf16>
  return %x : tensor<8x64xf16>
}

// -----

// Packing is slices, shifts and ors. Of nine bits in two words, the last words of
// a part beyond the end are zeros, and parts that are wholly beyond it are not
// there [S7].

// CHECK-LABEL: func @pack
func.func @pack(%m: tensor<4x9xi1>) -> tensor<4x2xi8> {
  // CHECK-NOT: {{concatenate|reduce|gather}}
  // CHECK: "stablehlo.slice"(%{{.*}}) <{limit_indices = array<i64: 4, 2>, start_indices = array<i64: 0, 0>
  // CHECK: "stablehlo.slice"(%{{.*}}) <{limit_indices = array<i64: 4, 4>, start_indices = array<i64: 0, 2>
  // CHECK: "stablehlo.slice"(%{{.*}}) <{limit_indices = array<i64: 4, 6>, start_indices = array<i64: 0, 4>
  // CHECK: "stablehlo.slice"(%{{.*}}) <{limit_indices = array<i64: 4, 8>, start_indices = array<i64: 0, 6>
  // CHECK: "stablehlo.slice"(%{{.*}}) <{limit_indices = array<i64: 4, 9>, start_indices = array<i64: 0, 8>
  // CHECK: "stablehlo.pad"(%{{.*}}) <{edge_padding_high = array<i64: 0, 1>
  // CHECK-NOT: {{concatenate|reduce|gather|slice}}
  // CHECK: "stablehlo.bitcast_convert"(%{{.*}}) : (tensor<4x2xui8>) -> tensor<4x2xi8>
  %w = approx_act.pack %m {dim = 1 : i64} : tensor<4x9xi1> -> tensor<4x2xi8>
  return %w : tensor<4x2xi8>
}

// -----

// CHECK-LABEL: func @unpack
func.func @unpack(%w: tensor<4x2xi8>) -> tensor<4x9xi1> {
  // CHECK: "stablehlo.broadcast_in_dim"(%{{.*}}) <{broadcast_dimensions = array<i64: 0, 2>}> : (tensor<4x2xui8>) -> tensor<4x8x2xui8>
  // CHECK: "stablehlo.iota"() <{iota_dimension = 1 : i64}>
  // CHECK: "stablehlo.shift_right_logical"
  // CHECK: "stablehlo.and"
  // CHECK: "stablehlo.reshape"(%{{.*}}) : (tensor<4x8x2xui8>) -> tensor<4x16xui8>
  // CHECK: "stablehlo.slice"(%{{.*}}) <{limit_indices = array<i64: 4, 9>
  // CHECK: "stablehlo.convert"(%{{.*}}) : (tensor<4x9xui8>) -> tensor<4x9xi1>
  %m = approx_act.unpack %w {dim = 1 : i64} : tensor<4x2xi8> -> tensor<4x9xi1>
  return %m : tensor<4x9xi1>
}

// -----

// A word of 8 bits is a code: nothing to do.

// CHECK-LABEL: func @whole_words
func.func @whole_words(%x: tensor<4x9xf32>, %p: tensor<1x1xf32>, %g: tensor<f32>)
    -> (tensor<4x9xf32>, tensor<f32>) {
  // CHECK: %[[Q:.*]] = "stablehlo.convert"(%{{.*}}) : (tensor<4x9xf32>) -> tensor<4x9xui8>
  // CHECK-NEXT: %[[TIED:.*]]:2 = "stablehlo.optimization_barrier"(%[[Q]], %{{.*}}) : (tensor<4x9xui8>, tensor<f32>) -> (tensor<4x9xui8>, tensor<f32>)
  // CHECK: "stablehlo.convert"(%[[TIED]]#0) : (tensor<4x9xui8>) -> tensor<4x9xf32>
  // CHECK: return %{{.*}}, %[[TIED]]#1
  %q = approx_act.quantize %x, %p, %p : tensor<4x9xf32>, tensor<1x1xf32> -> tensor<4x9xi8>
  %w = approx_act.pack %q {dim = 0 : i64} : tensor<4x9xi8> -> tensor<4x9xi8>
  %w1, %g1 = approx_act.barrier %w, %g : tensor<4x9xi8>, tensor<f32>
  %q1 = approx_act.unpack %w1 {dim = 0 : i64} : tensor<4x9xi8> -> tensor<4x9xi8>
  %y = approx_act.dequantize %q1, %p, %p : tensor<4x9xi8>, tensor<1x1xf32> -> tensor<4x9xf32>
  return %y, %g1 : tensor<4x9xf32>, tensor<f32>
}

// -----

// Words that a loop carries keep their type there; only at the border to other
// ops are the bits read as another type. The program's own i8 values pass a
// barrier in the same way.

// CHECK-LABEL: func @loop
func.func @loop(%m: tensor<16xi1>, %own: tensor<16xi8>) -> (tensor<16xi1>, tensor<16xi8>) {
  // CHECK: %[[W:.*]] = "stablehlo.bitcast_convert"(%{{.*}}) : (tensor<2xui8>) -> tensor<2xi8>
  // CHECK: %[[LOOP:.*]] = "stablehlo.while"(%[[W]])
  // CHECK: ^{{.*}}(%[[CARRIED:.*]]: tensor<2xi8>):
  // CHECK: ^{{.*}}(%[[CARRIED1:.*]]: tensor<2xi8>):
  // CHECK-NEXT: %[[IN:.*]] = "stablehlo.bitcast_convert"(%[[CARRIED1]]) : (tensor<2xi8>) -> tensor<2xui8>
  // CHECK-NEXT: %[[OUT:.*]] = "stablehlo.optimization_barrier"(%[[IN]])
  // CHECK-NEXT: %[[NEXT:.*]] = "stablehlo.bitcast_convert"(%[[OUT]]) : (tensor<2xui8>) -> tensor<2xi8>
  // CHECK-NEXT: "stablehlo.return"(%[[NEXT]])
  // CHECK: "stablehlo.bitcast_convert"(%[[LOOP]]) : (tensor<2xi8>) -> tensor<2xui8>
  %w = approx_act.pack %m {dim = 0 : i64} : tensor<16xi1> -> tensor<2xi8>
  %r = "stablehlo.while"(%w) ({
  ^bb0(%a: tensor<2xi8>):
    %true = "stablehlo.constant"() <{value = dense<true> : tensor<i1>}> : () -> tensor<i1>
    "stablehlo.return"(%true) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<2xi8>):
    %b = approx_act.barrier %a : tensor<2xi8>
    "stablehlo.return"(%b) : (tensor<2xi8>) -> ()
  }) : (tensor<2xi8>) -> tensor<2xi8>
  %m1 = approx_act.unpack %r {dim = 0 : i64} : tensor<2xi8> -> tensor<16xi1>
  %own1 = approx_act.barrier %own : tensor<16xi8>
  return %m1, %own1 : tensor<16xi1>, tensor<16xi8>
}

// -----

// What other passes compute of parameters goes along.

// CHECK-LABEL: func @parameters
func.func @parameters(%p: tensor<4xf32>, %d: tensor<4xf64>, %s: tensor<1x4xf32>)
    -> (tensor<1x4xf32>, tensor<4xf64>, tensor<4xf16>, tensor<4xf32>) {
  // CHECK: %[[C:.*]] = "stablehlo.constant"() <{value = dense<[1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]> : tensor<4xf32>}>
  // CHECK: "stablehlo.add"
  // CHECK: "stablehlo.subtract"
  // CHECK: "stablehlo.multiply"
  // CHECK: "stablehlo.divide"
  // CHECK: "stablehlo.negate"
  // CHECK: "stablehlo.reshape"(%{{.*}}) : (tensor<4xf32>) -> tensor<1x4xf32>
  // CHECK: "stablehlo.convert"(%{{.*}}) : (tensor<4xf32>) -> tensor<4xf64>
  // CHECK: "stablehlo.convert"(%{{.*}}) : (tensor<4xf64>) -> tensor<4xf16>
  // CHECK: "stablehlo.reshape"(%{{.*}}) : (tensor<1x4xf32>) -> tensor<4xf32>
  %c = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %0 = arith.addf %p, %c : tensor<4xf32>
  %1 = arith.subf %0, %p : tensor<4xf32>
  %2 = arith.mulf %1, %p : tensor<4xf32>
  %3 = arith.divf %2, %p : tensor<4xf32>
  %4 = arith.negf %3 : tensor<4xf32>
  %5 = tensor.expand_shape %4 [[0, 1]] output_shape [1, 4] : tensor<4xf32> into tensor<1x4xf32>
  %6 = arith.extf %p : tensor<4xf32> to tensor<4xf64>
  %7 = arith.truncf %d : tensor<4xf64> to tensor<4xf16>
  %8 = tensor.collapse_shape %s [[0, 1]] : tensor<1x4xf32> into tensor<4xf32>
  return %5, %6, %7, %8 : tensor<1x4xf32>, tensor<4xf64>, tensor<4xf16>, tensor<4xf32>
}
