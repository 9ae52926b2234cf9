// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s --approx-act-delay-draws | FileCheck %s

// The bits wait for the product that they meet; what reads them later, and the
// arithmetic on them, follows. Positions, which others read, stay.

// CHECK-LABEL: func @dropout
func.func @dropout(%key: tensor<2xui32>, %x: tensor<128x256xf32>, %w: tensor<256x256xf32>, %bias: tensor<256xf32>) -> (tensor<128x256xf32>, tensor<128x256xui32>, tensor<128x256xi1>) {
  // CHECK: %[[IOTA:.*]] = "stablehlo.iota"
  // CHECK-NOT: stablehlo.while
  // CHECK: %[[H:.*]] = "stablehlo.dot"(%arg1, %arg2)
  // CHECK: approx_act.barrier %{{.*}} : tensor<128x128xi8>
  // CHECK: %[[TIED:.*]]:2 = approx_act.barrier %arg0, %[[H]] : tensor<2xui32>, tensor<128x256xf32>
  // CHECK: %[[POSITIONS:.*]] = "stablehlo.iota"
  // CHECK: %[[ADD:.*]] = "stablehlo.add"(%[[POSITIONS]]
  // CHECK: %[[BITS:.*]]:3 = "stablehlo.while"(%{{.*}}, %[[ADD]], %[[TIED]]#0)
  // CHECK: %[[MASK:.*]] = "stablehlo.compare"(%[[BITS]]#1
  // CHECK: "stablehlo.select"(%[[MASK]]
  // CHECK: return %{{.*}}, %[[IOTA]], %[[MASK]]
  %zero = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
  %half = "stablehlo.constant"() <{value = dense<2147483648> : tensor<128x256xui32>}> : () -> tensor<128x256xui32>
  %none = "stablehlo.constant"() <{value = dense<0.0> : tensor<128x256xf32>}> : () -> tensor<128x256xf32>
  %iota = "stablehlo.iota"() <{iota_dimension = 0 : i64}> : () -> tensor<128x256xui32>
  %start = "stablehlo.add"(%iota, %half) : (tensor<128x256xui32>, tensor<128x256xui32>) -> tensor<128x256xui32>
  %bits:3 = "stablehlo.while"(%zero, %start, %key) ({
  ^bb0(%i: tensor<i32>, %b: tensor<128x256xui32>, %k: tensor<2xui32>):
    %five = "stablehlo.constant"() <{value = dense<5> : tensor<i32>}> : () -> tensor<i32>
    %c = "stablehlo.compare"(%i, %five) <{comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%i: tensor<i32>, %b: tensor<128x256xui32>, %k: tensor<2xui32>):
    %one = "stablehlo.constant"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
    %j = "stablehlo.add"(%i, %one) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %k0 = "stablehlo.slice"(%k) <{limit_indices = array<i64: 1>, start_indices = array<i64: 0>, strides = array<i64: 1>}> : (tensor<2xui32>) -> tensor<1xui32>
    %ks = "stablehlo.broadcast_in_dim"(%k0) <{broadcast_dimensions = array<i64: 1>}> : (tensor<1xui32>) -> tensor<128x256xui32>
    %n = "stablehlo.xor"(%b, %ks) : (tensor<128x256xui32>, tensor<128x256xui32>) -> tensor<128x256xui32>
    "stablehlo.return"(%j, %n, %k) : (tensor<i32>, tensor<128x256xui32>, tensor<2xui32>) -> ()
  }) : (tensor<i32>, tensor<128x256xui32>, tensor<2xui32>) -> (tensor<i32>, tensor<128x256xui32>, tensor<2xui32>)
  %mask = "stablehlo.compare"(%bits#1, %half) <{comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<128x256xui32>, tensor<128x256xui32>) -> tensor<128x256xi1>
  %h = "stablehlo.dot"(%x, %w) : (tensor<128x256xf32>, tensor<256x256xf32>) -> tensor<128x256xf32>
  %words = "stablehlo.custom_call"(%h) <{call_target_name = "f"}> : (tensor<128x256xf32>) -> tensor<128x128xi8>
  %tied = approx_act.barrier %words : tensor<128x128xi8>
  %b = "stablehlo.broadcast_in_dim"(%bias) <{broadcast_dimensions = array<i64: 1>}> : (tensor<256xf32>) -> tensor<128x256xf32>
  %z = "stablehlo.add"(%h, %b) : (tensor<128x256xf32>, tensor<128x256xf32>) -> tensor<128x256xf32>
  %d = "stablehlo.select"(%mask, %z, %none) : (tensor<128x256xi1>, tensor<128x256xf32>, tensor<128x256xf32>) -> tensor<128x256xf32>
  return %d, %iota, %mask : tensor<128x256xf32>, tensor<128x256xui32>, tensor<128x256xi1>
}

// What meets an argument has nothing to wait for, and a draw that something
// else reads before stays in front of that.

// CHECK-LABEL: func @nothing_to_wait_for
func.func @nothing_to_wait_for(%key: tensor<2xui64>, %x: tensor<128x256xf32>, %w: tensor<256x256xf32>) -> (tensor<128x256xf32>, tensor<128x256xf32>) {
  // CHECK: rng_bit_generator
  // CHECK: %[[N:.*]] = "stablehlo.convert"
  // CHECK: "stablehlo.add"(%arg1, %[[N]])
  // CHECK: "stablehlo.dot"
  // CHECK: "stablehlo.multiply"(%{{.*}}, %[[N]])
  // CHECK: approx_act.barrier %arg0
  // CHECK-NOT: approx_act.barrier
  %state, %bits = "stablehlo.rng_bit_generator"(%key) <{rng_algorithm = #stablehlo<rng_algorithm THREE_FRY>}> : (tensor<2xui64>) -> (tensor<2xui64>, tensor<128x256xui32>)
  %noise = "stablehlo.convert"(%bits) : (tensor<128x256xui32>) -> tensor<128x256xf32>
  %y = "stablehlo.add"(%x, %noise) : (tensor<128x256xf32>, tensor<128x256xf32>) -> tensor<128x256xf32>
  %h = "stablehlo.dot"(%y, %w) : (tensor<128x256xf32>, tensor<256x256xf32>) -> tensor<128x256xf32>
  %m = "stablehlo.multiply"(%h, %noise) : (tensor<128x256xf32>, tensor<128x256xf32>) -> tensor<128x256xf32>
  %tied = approx_act.barrier %key : tensor<2xui64>
  return %m, %noise : tensor<128x256xf32>, tensor<128x256xf32>
}

// A step that has not been rewritten stays as it is.

// CHECK-LABEL: func @not_rewritten
func.func @not_rewritten(%key: tensor<2xui64>, %x: tensor<128x256xf32>, %w: tensor<256x256xf32>) -> tensor<128x256xf32> {
  // CHECK: rng_bit_generator
  // CHECK: stablehlo.dot
  // CHECK-NOT: approx_act.barrier
  %state, %bits = "stablehlo.rng_bit_generator"(%key) <{rng_algorithm = #stablehlo<rng_algorithm THREE_FRY>}> : (tensor<2xui64>) -> (tensor<2xui64>, tensor<128x256xui32>)
  %noise = "stablehlo.convert"(%bits) : (tensor<128x256xui32>) -> tensor<128x256xf32>
  %h = "stablehlo.dot"(%x, %w) : (tensor<128x256xf32>, tensor<256x256xf32>) -> tensor<128x256xf32>
  %y = "stablehlo.add"(%h, %noise) : (tensor<128x256xf32>, tensor<128x256xf32>) -> tensor<128x256xf32>
  return %y : tensor<128x256xf32>
}
