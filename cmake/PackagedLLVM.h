//===- PackagedLLVM.h - LLVM's headers as the package was built -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Included before everything. The packaged LLVM is built without assertions
/// and ours are on; the layout of a statistic, and so of every pass, depends on
/// that, and has to be the one that the library's constructors know.
///
//===----------------------------------------------------------------------===//

#ifndef NDEBUG
#define NDEBUG
#include "llvm/ADT/Statistic.h"
#undef NDEBUG
#include <cassert>
#endif
