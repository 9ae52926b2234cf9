//===- Options.cpp - How kernels run --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "approx-act/Runtime/Runtime.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringSwitch.h"
#include <cstdlib>

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

/// The options named in the environment.
static Options parseEnvironment() {
  Options options;
  const char *text = std::getenv("APPROX_ACT_RUNTIME");
  if (!text)
    return options;
  SmallVector<StringRef> names;
  StringRef(text).split(names, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef name : names) {
    bool *option = StringSwitch<bool *>(name.trim())
                       .Case("strict", &options.strict)
                       .Case("reverse-threads", &options.reverseThreads)
                       .Case("poison", &options.poison)
                       .Case("count-accesses", &options.countAccesses)
                       .Case("record", &options.record)
                       .Default(nullptr);
    if (!option)
      fail("APPROX_ACT_RUNTIME: unknown option '" + name + "'");
    *option = true;
  }
  return options;
}

static Options &getMutableOptions() {
  static Options options = parseEnvironment();
  return options;
}

const Options &runtime::getOptions() { return getMutableOptions(); }

void runtime::setOptions(const Options &options) {
  getMutableOptions() = options;
}
