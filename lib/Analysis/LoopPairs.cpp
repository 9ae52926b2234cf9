//===- LoopPairs.cpp - Loops of the forward and the backward pass ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Analysis/LoopPairs.h"
#include "approx-act/Interfaces/ResidualOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace mlir::approx_act;

/// The stack that argument `index` of a forward loop is, as far as that loop
/// says, and the index at which it is written.
static std::optional<std::pair<Stack, Value>>
matchWrittenStack(const Loop &loop, unsigned index) {
  Operation *write = loop.getYielded(index).getDefiningOp();
  std::optional<StackAccess> access =
      write ? StackAccess::matchWrite(write) : std::nullopt;
  if (!access || access->stack != loop.getArgument(index) ||
      !access->stack.hasOneUse() || !write->hasOneUse() ||
      !loop.getCondition().getArgument(index).use_empty())
    return std::nullopt;
  auto type = cast<RankedTensorType>(access->stack.getType());
  if (type.getDimSize(0) != loop.getTripCount() ||
      !loop.visitsAll(access->index))
    return std::nullopt;
  Stack stack;
  stack.forwardArgument = index;
  stack.element = access->element;
  return std::pair(std::move(stack), access->index);
}

/// Completes `stack` by what a backward loop says that takes it as argument
/// `index`, and gives the index at which it is read.
static std::optional<Value> matchReads(const Loop &loop, unsigned index,
                                       Stack &stack) {
  stack.backwardArgument = index;
  BlockArgument argument = loop.getArgument(index);
  if (!loop.isInvariant(index) ||
      !loop.getCondition().getArgument(index).use_empty())
    return std::nullopt;
  Value readIndex;
  for (Operation *user : argument.getUsers()) {
    if (user == loop.getBody().getTerminator())
      continue;
    std::optional<StackAccess> access = StackAccess::matchRead(user);
    if (!access || user->getBlock() != &loop.getBody() ||
        (readIndex && access->index != readIndex))
      return std::nullopt;
    readIndex = access->index;
    stack.reads.push_back(user);
  }
  if (!readIndex)
    return std::nullopt;
  return readIndex;
}

/// The backward loop that reads a stack of `forward`, where it is one only.
static std::optional<Loop> findBackwardLoop(const Turnaround &turnaround,
                                            const Loop &forward) {
  std::optional<Loop> found;
  for (OpResult result : forward.getOperation()->getResults()) {
    if (!matchWrittenStack(forward, result.getResultNumber()))
      continue;
    for (OpOperand &use : result.getUses()) {
      Operation *user = use.getOwner();
      std::optional<Loop> loop = Loop::match(user);
      Stack stack;
      if (!loop || turnaround.getPhase(user) != Phase::Backward ||
          user->getBlock() != forward.getOperation()->getBlock() ||
          !matchReads(*loop, use.getOperandNumber(), stack))
        continue;
      if (found && found->getOperation() != user)
        return std::nullopt;
      found = loop;
    }
  }
  return found;
}

/// Adds the stacks that both loops of `pair` read, and that live for the sake
/// of the backward loop only.
static void addSources(const Turnaround &turnaround, LoopPair &pair) {
  const Loop &forward = pair.forward;
  const Loop &backward = pair.backward;
  for (unsigned i = 0, e = backward.getNumArguments(); i < e; ++i) {
    Value value = backward.getInit(i);
    Stack stack;
    if (turnaround.getPhase(value) != Phase::Forward ||
        !backward.getOperation()->getResult(i).use_empty() ||
        llvm::any_of(value.getUsers(),
                     [&](Operation *user) {
                       return user != backward.getOperation() &&
                              turnaround.getPhase(user) != Phase::Forward;
                     }) ||
        matchReads(backward, i, stack) != pair.readIndex ||
        isCheapOfArguments(value))
      continue;
    for (unsigned j = 0, f = forward.getNumArguments(); j < f; ++j) {
      if (forward.getInit(j) != value || !forward.isInvariant(j))
        continue;
      for (Operation *user : forward.getArgument(j).getUsers()) {
        std::optional<StackAccess> access = StackAccess::matchRead(user);
        if (!access || access->index != pair.writeIndex ||
            user->getBlock() != &forward.getBody())
          continue;
        stack.forwardArgument = j;
        stack.element = access->element;
        stack.isSource = stack.isUsedElsewhere = true;
      }
    }
    if (stack.isSource)
      pair.stacks.push_back(std::move(stack));
  }
}

static LoopPair makePair(const Loop &forward, const Loop &backward) {
  LoopPair pair{forward, backward, *forward.getTripCount(), {}, {}, {}};
  for (OpResult result : forward.getOperation()->getResults()) {
    auto written = matchWrittenStack(forward, result.getResultNumber());
    if (!written)
      continue;
    auto &[stack, writeIndex] = *written;
    if (pair.writeIndex && writeIndex != pair.writeIndex)
      continue;
    for (OpOperand &use : result.getUses()) {
      unsigned operand = use.getOperandNumber();
      Stack candidate = stack;
      std::optional<Value> readIndex;
      if (use.getOwner() == backward.getOperation() && stack.reads.empty() &&
          backward.getOperation()->getResult(operand).use_empty())
        readIndex = matchReads(backward, operand, candidate);
      if (!readIndex || (pair.readIndex && *readIndex != pair.readIndex) ||
          readIndex->getType() != writeIndex.getType()) {
        stack.isUsedElsewhere = true;
        continue;
      }
      candidate.isUsedElsewhere = stack.isUsedElsewhere;
      stack = std::move(candidate);
      pair.readIndex = *readIndex;
    }
    if (stack.reads.empty())
      continue;
    pair.writeIndex = writeIndex;
    pair.stacks.push_back(std::move(stack));
  }
  return pair;
}

SmallVector<LoopPair> approx_act::findLoopPairs(const Turnaround &turnaround) {
  SmallVector<LoopPair> pairs;
  llvm::DenseSet<Operation *> paired;
  for (Operation &op : turnaround.getFunction().getBody().front()) {
    std::optional<Loop> forward = Loop::match(&op);
    if (!forward || turnaround.getPhase(&op) != Phase::Forward)
      continue;
    std::optional<Loop> backward = findBackwardLoop(turnaround, *forward);
    if (!backward || !paired.insert(backward->getOperation()).second)
      continue;
    LoopPair pair = makePair(*forward, *backward);
    if (pair.stacks.empty())
      continue;
    addSources(turnaround, pair);
    pairs.push_back(std::move(pair));
  }
  return pairs;
}
