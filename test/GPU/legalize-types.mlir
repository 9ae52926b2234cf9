// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --approx-act-legalize-types %s | FileCheck %s

// Signs go, from results, from arguments of blocks and from functions; casts that
// change nothing any more go with them, others stay.

// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<3xi8>, %{{.*}}: tensor<f32>) -> (tensor<3xi8>, tensor<f32>)
// CHECK-NOT: unrealized_conversion_cast
// CHECK: %[[Y:.*]] = arith.addi %[[X]], %[[X]]
// CHECK: "stablehlo.scatter"
// CHECK-NEXT: ^bb0(%{{.*}}: tensor<i32>, %{{.*}}: tensor<i32>):
// CHECK: unrealized_conversion_cast {{.*}} : tensor<3xi8> to tensor<3xi16>
// CHECK: return %[[Y]]
func.func @main(%x: tensor<3xui8>, %s: tensor<f32>) -> (tensor<3xui8>, tensor<f32>) {
  %0 = builtin.unrealized_conversion_cast %x : tensor<3xui8> to tensor<3xi8>
  %1 = arith.addi %0, %0 : tensor<3xi8>
  %2 = builtin.unrealized_conversion_cast %1 : tensor<3xi8> to tensor<3xui8>
  %3 = "stablehlo.iota"() {iota_dimension = 0 : i64} : () -> tensor<4xui32>
  %4 = "stablehlo.scatter"(%3, %3, %3) ({
  ^bb0(%a: tensor<ui32>, %b: tensor<ui32>):
    "stablehlo.return"(%a) : (tensor<ui32>) -> ()
  }) : (tensor<4xui32>, tensor<4xui32>, tensor<4xui32>) -> tensor<4xui32>
  %5 = builtin.unrealized_conversion_cast %x : tensor<3xui8> to tensor<3xi16>
  return %2, %s : tensor<3xui8>, tensor<f32>
}
