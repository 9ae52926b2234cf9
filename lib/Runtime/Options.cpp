//===- Options.cpp - How kernels run --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Session.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringSwitch.h"
#include <cstdlib>

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

Expected<Options> runtime::parseOptions(StringRef text) {
  Options options;
  SmallVector<StringRef> names;
  text.split(names, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef name : names) {
    bool *option = StringSwitch<bool *>(name.trim())
                       .Case("strict", &options.strict)
                       .Case("reverse-threads", &options.reverseThreads)
                       .Case("poison", &options.poison)
                       .Case("count-accesses", &options.countAccesses)
                       .Case("record", &options.record)
                       .Default(nullptr);
    if (!option)
      return createStringError("unknown option '" + name + "'");
    *option = true;
  }
  return options;
}

Expected<Options> runtime::parseEnvironment() {
  const char *text = std::getenv("APPROX_ACT_RUNTIME");
  Expected<Options> options = parseOptions(text ? text : "");
  if (!options)
    return createStringError("APPROX_ACT_RUNTIME: " +
                             toString(options.takeError()));
  return options;
}

const Options &runtime::getOptions() { return getSession().options; }
