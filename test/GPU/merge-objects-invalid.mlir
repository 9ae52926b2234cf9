// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --approx-act-merge-objects -split-input-file -verify-diagnostics %s

// expected-error @+1 {{only objects in format fatbin can be for several chips, but here are 2 in format bin}}
gpu.binary @kernels [
  #gpu.object<#nvvm.target<chip = "sm_80">, bin = "a">,
  #gpu.object<#nvvm.target<chip = "sm_90">, bin = "b">]

// -----

// Of the format by name alone: too short, another version, cut off.
// expected-error @+1 {{only objects in format fatbin}}
gpu.binary @kernels [
  #gpu.object<#nvvm.target<chip = "sm_80">, "P\EDU\BA">,
  #gpu.object<#nvvm.target<chip = "sm_90">, "P\EDU\BA">]

// -----

// expected-error @+1 {{only objects in format fatbin}}
gpu.binary @kernels [
  #gpu.object<#nvvm.target<chip = "sm_80">, "P\EDU\BA\02\00\10\00\01\00\00\00\00\00\00\00a">,
  #gpu.object<#nvvm.target<chip = "sm_90">, "P\EDU\BA\02\00\10\00\01\00\00\00\00\00\00\00b">]

// -----

// expected-error @+1 {{only objects in format fatbin}}
gpu.binary @kernels [
  #gpu.object<#nvvm.target<chip = "sm_80">, "P\EDU\BA\01\00\10\00\05\00\00\00\00\00\00\00a">,
  #gpu.object<#nvvm.target<chip = "sm_90">, "P\EDU\BA\01\00\10\00\05\00\00\00\00\00\00\00b">]
