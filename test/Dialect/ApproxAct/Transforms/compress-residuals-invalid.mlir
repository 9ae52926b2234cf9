// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: not approx-act-opt %s --approx-act-compress-residuals="bits=3" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,bits
// RUN: not approx-act-opt %s --approx-act-compress-residuals="bits=16" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,bits
// RUN: not approx-act-opt %s --approx-act-compress-residuals="bits=0" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,bits
// RUN: not approx-act-opt %s --approx-act-compress-residuals="range=wide" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,range
// RUN: not approx-act-opt %s --approx-act-compress-residuals="sigma=-1" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,sigma
// RUN: not approx-act-opt %s --approx-act-compress-residuals="sigma=nan" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,sigma
// RUN: not approx-act-opt %s --approx-act-compress-residuals="sigma=inf" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,sigma
// RUN: not approx-act-opt %s --approx-act-compress-residuals="granularity=row" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,granularity
// RUN: not approx-act-opt %s --approx-act-compress-residuals="group-size=0" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,group-size
// RUN: not approx-act-opt %s --approx-act-compress-residuals="group-size=-4" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,group-size
// RUN: not approx-act-opt %s --approx-act-compress-residuals="rounding=up" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,rounding
// RUN: not approx-act-opt %s --approx-act-compress-residuals="min-fraction=2" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,min-fraction
// RUN: not approx-act-opt %s --approx-act-compress-residuals="min-fraction=-0.1" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,min-fraction
// RUN: not approx-act-opt %s --approx-act-print-storage-plan="bits=77" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,bits
// RUN: not approx-act-opt %s --approx-act-print-storage-plan="min-fraction=-3" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,min-fraction
// RUN: not approx-act-opt %s --approx-act-pipeline="bits=3" -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,bits

// A value that an option does not have is an error at the function, and the
// message says which values it has.

// CHECK: compress-residuals-invalid.mlir:[[@LINE+8]]:1: error: option
// bits-SAME: bits is '{{3|16|0|77}}', but has to be 8, 4, 2 or 1
// range-SAME: range is 'wide', but has to be auto, normalised, minmax or absmax
// sigma-SAME: sigma is '{{.*}}', but has to be positive and finite, or 0 to choose by bits
// granularity-SAME: granularity is 'row', but has to be auto, tensor, channel or group
// group-size-SAME: group-size is '{{0|-4}}', but has to be at least 1
// rounding-SAME: rounding is 'up', but has to be nearest or stochastic
// min-fraction-SAME: min-fraction is '{{.*}}', but has to be from 0 to 1
func.func @step(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}
