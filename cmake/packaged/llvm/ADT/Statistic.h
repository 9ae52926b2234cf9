//===- Statistic.h - As the packaged LLVM was built -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Found before LLVM's own header, which it includes. The packaged LLVM is
/// built without assertions and ours are on; the layout of a statistic, and so
/// of every pass, depends on that, and has to be the one that the library's
/// constructors know.
///
//===----------------------------------------------------------------------===//

#ifdef NDEBUG
#include_next "llvm/ADT/Statistic.h"
#else
#define NDEBUG
#include_next "llvm/ADT/Statistic.h"
#undef NDEBUG
#include <cassert>
#endif
