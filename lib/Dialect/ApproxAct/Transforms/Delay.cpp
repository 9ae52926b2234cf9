//===- Delay.cpp - Values that wait ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Delay.h"
#include "approx-act/Analysis/Residuals.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"

using namespace mlir;
using namespace mlir::approx_act;

int64_t approx_act::getBytes(Value value) {
  return getByteSize(value.getType()).value_or(0);
}

bool approx_act::isConstant(Value value) {
  auto op = dyn_cast_or_null<ResidualOpInterface>(value.getDefiningOp());
  return op && op.getScalarFunction() == ScalarFunction::Constant;
}

std::optional<unsigned>
approx_act::delayInBlocks(func::FuncOp func,
                          llvm::function_ref<unsigned(Block &)> delay) {
  bool isRewritten =
      func.walk([](BarrierOp) { return WalkResult::interrupt(); })
          .wasInterrupted();
  if (!isRewritten)
    return std::nullopt;
  SmallVector<Block *> blocks;
  func.walk([&](Block *block) { blocks.push_back(block); });
  unsigned count = 0;
  for (Block *block : blocks)
    count += delay(*block);
  return count;
}
