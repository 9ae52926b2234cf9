//===- SharedLibrary.h - Libraries that may not be there --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNTIME_SHAREDLIBRARY_H
#define APPROX_ACT_LIB_RUNTIME_SHAREDLIBRARY_H

#include "Support.h"
#include "llvm/ADT/ArrayRef.h"
#include <dlfcn.h>
#include <string>

namespace mlir::approx_act::runtime {

/// A library that is loaded when the program runs, and stays.
class SharedLibrary {
public:
  /// Loads the first of `names` that is there.
  explicit SharedLibrary(llvm::ArrayRef<const char *> names) {
    for (const char *name : names) {
      handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
      if (handle)
        return;
      if (error.empty())
        error = getError();
    }
  }

  explicit operator bool() const { return handle; }
  /// Why it could not be loaded.
  const std::string &getLoadError() const { return error; }

  /// Makes `function` that of the library; fails when there is none.
  template <typename Function>
  void find(Function *&function, const char *symbol) const {
    void *address = dlsym(handle, symbol);
    if (!address)
      fail("a library of CUDA is of another version than expected: " +
           llvm::Twine(getError()));
    function = reinterpret_cast<Function *>(address);
  }

private:
  static const char *getError() {
    const char *text = dlerror();
    return text ? text : "unknown error";
  }

  void *handle = nullptr;
  std::string error;
};

} // namespace mlir::approx_act::runtime

#endif // APPROX_ACT_LIB_RUNTIME_SHAREDLIBRARY_H
