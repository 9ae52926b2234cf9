//===- InlineCalls.cpp - Inline calls in linear time ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h"
#include "mlir/Analysis/CallGraph.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/SCCIterator.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_INLINECALLS
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

/// The functions of one block that do not call themselves, not even by way of
/// others.
static llvm::DenseSet<Operation *> findInlinable(ModuleOp module) {
  CallGraph graph(module);
  // Also of functions that are not called, but referred to.
  for (CallGraphNode *node : graph)
    graph.getExternalCallerNode()->addAbstractEdge(node);
  llvm::DenseSet<Operation *> inlinable;
  for (auto it = llvm::scc_begin<const CallGraph *>(&graph); !it.isAtEnd();
       ++it) {
    CallGraphNode *node = it->front();
    if (it.hasCycle() || node->isExternal() ||
        !node->getCallableRegion()->hasOneBlock())
      continue;
    inlinable.insert(node->getCallableRegion()->getParentOp());
  }
  return inlinable;
}

/// Replaces `call` by the body of `callee`, and adds the calls in it to
/// `calls`.
static void inlineCall(func::CallOp call, func::FuncOp callee,
                       SmallVectorImpl<func::CallOp> &calls) {
  OpBuilder builder(call);
  IRMapping mapping;
  Block &body = callee.getBody().front();
  mapping.map(body.getArguments(), call.getOperands());
  for (Operation &op : body.without_terminator()) {
    Operation *copy = builder.clone(op, mapping);
    copy->walk([&](Operation *inner) {
      inner->setLoc(CallSiteLoc::get(inner->getLoc(), call.getLoc()));
      if (auto innerCall = dyn_cast<func::CallOp>(inner))
        calls.push_back(innerCall);
    });
  }
  for (auto [result, value] :
       llvm::zip_equal(call.getResults(), body.getTerminator()->getOperands()))
    result.replaceAllUsesWith(mapping.lookupOrDefault(value));
  call.erase();
}

namespace {
struct InlineCalls : approx_act::impl::InlineCallsBase<InlineCalls> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    llvm::DenseSet<Operation *> inlinable = findInlinable(module);

    // Only into what is there in the end, so that each body is copied once for
    // each time that it runs, and not for each level of calls besides.
    llvm::SetVector<func::FuncOp> needed;
    for (Operation &op : module.getOps()) {
      auto func = dyn_cast<func::FuncOp>(op);
      if (!func)
        addReferenced(&op, symbols, needed);
      else if (func.isPublic())
        needed.insert(func);
    }
    for (unsigned i = 0; i < needed.size(); ++i) {
      func::FuncOp func = needed[i];
      SmallVector<func::CallOp> calls;
      func.walk([&](func::CallOp call) { calls.push_back(call); });
      while (!calls.empty()) {
        func::CallOp call = calls.pop_back_val();
        auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
        if (callee && inlinable.contains(callee))
          inlineCall(call, callee, calls);
      }
      addReferenced(func, symbols, needed);
    }
    for (func::FuncOp func :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (func.isPrivate() && !needed.contains(func))
        func.erase();
  }

private:
  /// Adds the functions that `op` refers to. (Upstream's uses of symbols are
  /// not those in properties of ops without a definition, which StableHLO's
  /// are: the decomposition of a composite, the computations of a custom call.)
  static void addReferenced(Operation *op, const SymbolTable &symbols,
                            llvm::SetVector<func::FuncOp> &functions) {
    auto add = [&](SymbolRefAttr symbol) {
      if (auto func = symbols.lookup<func::FuncOp>(symbol.getRootReference()))
        functions.insert(func);
    };
    op->walk([&](Operation *inner) {
      inner->getDiscardableAttrDictionary().walk(add);
      if (Attribute properties = inner->getPropertiesAsAttribute())
        properties.walk(add);
    });
  }
};
} // namespace
