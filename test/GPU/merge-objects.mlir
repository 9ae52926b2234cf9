// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --approx-act-merge-objects %s | FileCheck %s

// Images of all chips follow one header, which counts their bytes; what follows an
// image in its object is not taken along. Times are no part of the output.

// CHECK: gpu.binary @kernels
// CHECK-SAME: [#gpu.object<#nvvm.target<chip = "sm_80">, properties = {O = 3 : i32}, "P\EDU\BA\01\00\10\00\06\00\00\00\00\00\00\00abcdef">]
gpu.binary @kernels [
  #gpu.object<#nvvm.target<chip = "sm_80">, properties = {LLVMIRToISATimeInMs = 7 : i64, O = 3 : i32}, "P\EDU\BA\01\00\10\00\03\00\00\00\00\00\00\00abc">,
  #gpu.object<#nvvm.target<chip = "sm_90">, "P\EDU\BA\01\00\10\00\03\00\00\00\00\00\00\00def?">]

// One object stays what it is.
// CHECK: gpu.binary @one
// CHECK-SAME: [#gpu.object<#nvvm.target<chip = "sm_80">, bin = "anything">]
gpu.binary @one [#gpu.object<#nvvm.target<chip = "sm_80">, properties = {ISAToBinaryTimeInMs = 7 : i64}, bin = "anything">]
