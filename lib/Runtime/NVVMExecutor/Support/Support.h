//===- Support.h - For code that is linked into kernels ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Sources of this folder are compiled to LLVM bitcode, which the executor
/// carries and links into kernels. They include nothing else.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_SUPPORT_SUPPORT_H
#define APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_SUPPORT_SUPPORT_H

#include <stdint.h>

/// A function that a kernel calls by its name.
#define INTRINSIC extern "C"
/// Address spaces of NVVM.
#define GLOBAL __attribute__((address_space(1)))
#define SHARED __attribute__((address_space(3)))

#endif // APPROX_ACT_LIB_RUNTIME_NVVMEXECUTOR_SUPPORT_SUPPORT_H
