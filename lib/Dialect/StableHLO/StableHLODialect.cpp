//===- StableHLODialect.cpp - StableHLO in generic form -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StableHLOModels.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/InliningUtils.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::approx_act;

//===----------------------------------------------------------------------===//
// OpaqueDialect
//===----------------------------------------------------------------------===//

OpaqueDialect::OpaqueDialect(StringRef name, MLIRContext *context, TypeID id)
    : Dialect(name, context, id) {
  allowUnknownOperations();
  allowUnknownTypes();
}

Attribute OpaqueDialect::parseAttribute(DialectAsmParser &parser,
                                        Type type) const {
  return OpaqueAttr::get(StringAttr::get(getContext(), getNamespace()),
                         parser.getFullSymbolSpec(),
                         type ? type : NoneType::get(getContext()));
}

Type OpaqueDialect::parseType(DialectAsmParser &parser) const {
  return OpaqueType::get(StringAttr::get(getContext(), getNamespace()),
                         parser.getFullSymbolSpec());
}

//===----------------------------------------------------------------------===//
// StableHLODialect
//===----------------------------------------------------------------------===//

namespace {
/// Lets functions of StableHLO ops be inlined.
struct StableHLOInliner : public DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;

  bool isLegalToInline(Operation *, Operation *, bool) const final {
    return true;
  }
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
  bool isLegalToInline(Region *, Region *, bool, IRMapping &) const final {
    return true;
  }
};
} // namespace

/// The models, alive as long as the dialect.
class ModelledDialect::Models {
public:
  StableHLOEffectsModel effects;
  StableHLOResidualModel residual;
};

ModelledDialect::ModelledDialect(StringRef name, MLIRContext *context,
                                 TypeID id)
    : OpaqueDialect(name, context, id), models(std::make_unique<Models>()) {
  addInterfaces<StableHLOInliner>();
}

ModelledDialect::~ModelledDialect() = default;

void *ModelledDialect::getRegisteredInterfaceForOp(TypeID interfaceId,
                                                   OperationName name) {
  if (interfaceId == TypeID::get<ResidualOpInterface>())
    return &models->residual;
  if (interfaceId == TypeID::get<MemoryEffectOpInterface>() &&
      isPureStableHLOOp(name.stripDialect()))
    return &models->effects;
  return nullptr;
}

StableHLODialect::StableHLODialect(MLIRContext *context)
    : ModelledDialect(getDialectNamespace(), context,
                      TypeID::get<StableHLODialect>()) {}

bool approx_act::isStableHLOOp(Operation *op, StringRef name) {
  return op && op->getName().stripDialect() == name &&
         op->getName().getDialectNamespace() ==
             StableHLODialect::getDialectNamespace();
}

static bool hasOwnSideEffects(Operation *op) {
  if (isStableHLOOp(op, "custom_call")) {
    auto flag = op->getAttrOfType<BoolAttr>("has_side_effect");
    return flag && flag.getValue();
  }
  if (llvm::any_of(ArrayRef<StringRef>{"infeed", "outfeed", "send", "recv"},
                   [&](StringRef name) { return isStableHLOOp(op, name); }))
    return true;
  auto effects = dyn_cast<MemoryEffectOpInterface>(op);
  return effects && !effects.hasNoEffect();
}

bool approx_act::hasSideEffects(Operation *op) {
  return op
      ->walk([](Operation *inner) {
        return hasOwnSideEffects(inner) ? WalkResult::interrupt()
                                        : WalkResult::advance();
      })
      .wasInterrupted();
}

OperationState approx_act::makeStateLike(Operation *op, ValueRange operands,
                                         TypeRange results) {
  OperationState state(op->getLoc(), op->getName(), operands, results);
  for (NamedAttribute attribute : op->getDiscardableAttrs())
    if (attribute.getNameDialect() == nullptr ||
        attribute.getNameDialect()->getNamespace() !=
            ShardyDialect::getDialectNamespace())
      state.addAttribute(attribute.getName(), attribute.getValue());
  for (unsigned i = 0; i < op->getNumRegions(); ++i)
    state.addRegion();
  return state;
}

SmallVector<int64_t> approx_act::parseDimensions(StringRef text,
                                                 StringRef name) {
  SmallVector<int64_t> numbers;
  size_t at = 0;
  std::string key = (name + " = [").str();
  // Not the end of a longer name.
  while ((at = text.find(key, at)) != StringRef::npos && at > 0 &&
         text[at - 1] != '<' && text[at - 1] != ' ')
    at += key.size();
  if (at == StringRef::npos)
    return numbers;
  StringRef list = text.substr(at + key.size());
  list = list.take_until([](char c) { return c == ']'; });
  for (StringRef part : llvm::split(list, ',')) {
    int64_t number;
    if (!part.trim().getAsInteger(10, number))
      numbers.push_back(number);
  }
  return numbers;
}

Operation *approx_act::getCombiner(Region &region) {
  if (!region.hasOneBlock() || region.front().getNumArguments() != 2 ||
      !llvm::hasNItems(region.front(), 2))
    return nullptr;
  Block &block = region.front();
  Operation *op = &block.front();
  bool isAll = op->getOperands() == ValueRange(block.getArguments()) &&
               block.back().getOperands() == ValueRange(op->getResults());
  return isAll ? op : nullptr;
}

//===----------------------------------------------------------------------===//
// Companions
//===----------------------------------------------------------------------===//

ShardyDialect::ShardyDialect(MLIRContext *context)
    : ModelledDialect(getDialectNamespace(), context,
                      TypeID::get<ShardyDialect>()) {}

MhloDialect::MhloDialect(MLIRContext *context)
    : OpaqueDialect(getDialectNamespace(), context,
                    TypeID::get<MhloDialect>()) {}

JaxDialect::JaxDialect(MLIRContext *context)
    : OpaqueDialect(getDialectNamespace(), context, TypeID::get<JaxDialect>()) {
}

void approx_act::registerStableHLODialects(DialectRegistry &registry) {
  registry.insert<StableHLODialect, ShardyDialect, MhloDialect, JaxDialect>();
}
