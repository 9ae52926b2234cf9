// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --mlir-print-op-generic | FileCheck %s
// RUN: approx-act-opt %s --mlir-print-op-generic | approx-act-opt --mlir-print-op-generic | FileCheck %s
// RUN: approx-act-opt %s --emit-bytecode | approx-act-opt --mlir-print-op-generic | FileCheck %s

// What the real library wrote comes back to the letter, or it would not parse
// there again.

// CHECK: "sdy.mesh"() <{mesh = #sdy.mesh<["data"=4, "model"=2]>, sym_name = "mesh"}> : () -> ()
"sdy.mesh"() <{mesh = #sdy.mesh<["data"=4, "model"=2]>, sym_name = "mesh"}> : () -> ()

// CHECK: arg_attrs = [{mhlo.sharding = "{replicated}", sdy.sharding = #sdy.sharding<@mesh, [{"data", ?}p1, {}], replicated={"model"}>}, {}]
// CHECK: res_attrs = [{jax.result_info = "result[0]"}]
// CHECK: sym_name = "convolution"
func.func @convolution(
    %x: tensor<1x8x8x3xf32> {mhlo.sharding = "{replicated}", sdy.sharding = #sdy.sharding<@mesh, [{"data", ?}p1, {}], replicated={"model"}>},
    %w: tensor<3x3x3x4xf32>) -> (tensor<1x8x8x4xf32> {jax.result_info = "result[0]"}) {
  // CHECK: batch_group_count = 1 : i64, dimension_numbers = #stablehlo.conv<[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]>, feature_group_count = 1 : i64, padding = dense<1> : tensor<2x2xi64>, precision_config = [#stablehlo<precision DEFAULT>, #stablehlo<precision DEFAULT>]
  %y = "stablehlo.convolution"(%x, %w) <{batch_group_count = 1 : i64,
      dimension_numbers = #stablehlo.conv<[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]>,
      feature_group_count = 1 : i64, padding = dense<1> : tensor<2x2xi64>,
      precision_config = [#stablehlo<precision DEFAULT>, #stablehlo<precision DEFAULT>],
      rhs_dilation = array<i64: 1, 1>, window_strides = array<i64: 1, 1>}>
      : (tensor<1x8x8x3xf32>, tensor<3x3x3x4xf32>) -> tensor<1x8x8x4xf32>
  // CHECK: "sdy.sharding_constraint"(%{{.*}}) <{sharding = #sdy.sharding<@mesh, [{"data"}, {}, {}, {"model"}]>}>
  %z = "sdy.sharding_constraint"(%y) <{sharding = #sdy.sharding<@mesh, [{"data"}, {}, {}, {"model"}]>}>
      : (tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xf32>
  return %z : tensor<1x8x8x4xf32>
}

// Attributes inside of attributes, quotes, brackets that do not pair, types.

// CHECK: sym_name = "others"
func.func @others(%x: tensor<2x?xf32, #stablehlo.bounds<?, 4>>, %t: !stablehlo.token) -> !stablehlo.token {
  // CHECK: "stablehlo.custom_call"(%{{.*}}, %{{.*}}) <{backend_config = "{\22a\22: [1, \22>\22]}"
  // CHECK-SAME: output_operand_aliases = [#stablehlo.output_operand_alias<output_tuple_indices = [], operand_index = 0, operand_tuple_indices = []>]
  // CHECK-SAME: {mhlo.frontend_attributes = {kind = "host>"}}
  // CHECK-SAME: (tensor<2x?xf32, #stablehlo.bounds<?, 4>>, !stablehlo.token) -> !stablehlo.token
  %u = "stablehlo.custom_call"(%x, %t) <{backend_config = "{\22a\22: [1, \22>\22]}", call_target_name = "f",
      output_operand_aliases = [#stablehlo.output_operand_alias<output_tuple_indices = [], operand_index = 0, operand_tuple_indices = []>]}>
      {mhlo.frontend_attributes = {kind = "host>"}}
      : (tensor<2x?xf32, #stablehlo.bounds<?, 4>>, !stablehlo.token) -> !stablehlo.token
  // CHECK: "stablehlo.create_token"() : () -> !stablehlo.token
  %v = "stablehlo.create_token"() : () -> !stablehlo.token
  // CHECK: "stablehlo.after_all"(%{{.*}}, %{{.*}})
  %w = "stablehlo.after_all"(%u, %v) : (!stablehlo.token, !stablehlo.token) -> !stablehlo.token
  return %w : !stablehlo.token
}

// Ops and attributes that no release of StableHLO has yet are kept too.

// CHECK: sym_name = "unknown"
func.func @unknown(%x: tensor<2xf32>) -> tensor<2xf32> {
  // CHECK: "stablehlo.later"(%{{.*}}) <{mode = #stablehlo<mode FAST>}> : (tensor<2xf32>) -> tensor<2xf32>
  %y = "stablehlo.later"(%x) <{mode = #stablehlo<mode FAST>}> : (tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}
