// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt %s | FileCheck %s
// RUN: approx-act-opt %s --emit-bytecode | approx-act-opt | FileCheck %s

// Every attribute in every form; what is at its default is not printed.

module attributes {
  // CHECK: test.granularity_channel = #approx_act.granularity<channel>
  test.granularity_channel = #approx_act.granularity<channel>,
  // CHECK-SAME: test.granularity_group = #approx_act.granularity<group, size = 64>
  test.granularity_group = #approx_act.granularity<group, size = 64>,
  // CHECK-SAME: test.granularity_tensor = #approx_act.granularity<tensor>
  test.granularity_tensor = #approx_act.granularity<tensor, size = 0>,
  // CHECK-SAME: test.range_absmax = #approx_act.range<absmax>
  test.range_absmax = #approx_act.range<absmax, sigma = 0.0>,
  // CHECK-SAME: test.range_minmax = #approx_act.range<minmax>
  test.range_minmax = #approx_act.range<minmax>,
  // A sigma that six digits cannot hold keeps all of its bits.
  // CHECK-SAME: test.range_normalised = #approx_act.range<normalised, sigma = 3.1415926535897931>
  test.range_normalised = #approx_act.range<normalised, sigma = 3.141592653589793>,
  // CHECK-SAME: test.rounding_nearest = #approx_act.rounding<nearest>
  test.rounding_nearest = #approx_act.rounding<nearest>,
  // CHECK-SAME: test.rounding_seed = #approx_act.rounding<stochastic, seed = 4294967295>
  test.rounding_seed = #approx_act.rounding<stochastic, seed = 4294967295>,
  // CHECK-SAME: test.rounding_stochastic = #approx_act.rounding<stochastic>
  test.rounding_stochastic = #approx_act.rounding<stochastic, seed = 0>
} {}
