// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --approx-act-legalize-types %s | FileCheck %s

// Signs go, from results, from arguments of blocks and from functions; casts that
// change nothing any more go with them, others stay. The indices of a scatter are
// read as numbers still.

// CHECK-LABEL: func @main
// CHECK-SAME: (%[[X:.*]]: tensor<3xi8>, %{{.*}}: tensor<f32>) -> (tensor<3xi8>, tensor<f32>)
// CHECK-NOT: unrealized_conversion_cast
// CHECK: %[[Y:.*]] = arith.addi %[[X]], %[[X]]
// CHECK: %[[I:.*]] = "stablehlo.iota"() {{.*}} -> tensor<4xi32>
// CHECK: %[[WIDE:.*]] = arith.extui %[[I]] : tensor<4xi32> to tensor<4xi64>
// CHECK: "stablehlo.scatter"(%[[I]], %[[WIDE]], %[[I]])
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

// The numbers of a constant are the same.
// CHECK-LABEL: func @constants
// CHECK: arith.constant dense<[1, -56]> : tensor<2xi8>
// CHECK: arith.constant dense<-1> : tensor<2x3xi32>
// CHECK: arith.constant dense_resource<{{.*}}> : tensor<2xi16>
func.func @constants() -> (tensor<2xui8>, tensor<2x3xui32>, tensor<2xui16>) {
  %0 = arith.constant dense<[1, 200]> : tensor<2xui8>
  %1 = arith.constant dense<4294967295> : tensor<2x3xui32>
  %2 = arith.constant dense_resource<numbers> : tensor<2xui16>
  return %0, %1, %2 : tensor<2xui8>, tensor<2x3xui32>, tensor<2xui16>
}

{-#
  dialect_resources: {
    builtin: {
      numbers: "0x040000000100FFFF"
    }
  }
#-}
