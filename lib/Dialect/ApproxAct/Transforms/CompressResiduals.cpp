//===- CompressResiduals.cpp - Store residuals as codes -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BranchBodies.h"
#include "LoopBodies.h"
#include "PassOptions.h"
#include "ResidualRewriter.h"
#include "TrainingStep.h"
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include <cmath>

namespace mlir::approx_act {
#define GEN_PASS_DEF_COMPRESSRESIDUALS
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

static constexpr StringLiteral kCategory = "approx-act";
static constexpr StringLiteral kNothingCrosses =
    "nothing crosses from forward to backward";

/// The first source line in a location, innermost call first.
static std::optional<std::string> findSource(Location loc) {
  if (auto file = dyn_cast<FileLineColRange>(loc))
    return (file.getFilename().getValue() + ":" + Twine(file.getStartLine()))
        .str();
  if (auto name = dyn_cast<NameLoc>(loc))
    return findSource(name.getChildLoc());
  if (auto site = dyn_cast<CallSiteLoc>(loc)) {
    std::optional<std::string> callee = findSource(site.getCallee());
    return callee ? callee : findSource(site.getCaller());
  }
  if (auto fused = dyn_cast<FusedLoc>(loc))
    for (Location part : fused.getLocations())
      if (std::optional<std::string> source = findSource(part))
        return source;
  return std::nullopt;
}

/// The half width of a normalised interval that gives the smallest gradient
/// error: wide enough not to clip at 8 bits, narrower as cells grow.
static double getDefaultSigma(unsigned bits) {
  switch (bits) {
  case 8:
    return 5.0;
  case 4:
    return 3.0;
  case 2:
    return 2.0;
  default:
    return 1.6;
  }
}

/// Whether an op of the step holds a body of its own (a loop, a branch, a
/// computation per device) in which something may cross unseen.
static bool hasOpaqueBody(func::FuncOp func) {
  return llvm::any_of(func.getBody().front(), [](Operation &op) {
    auto residualOp = dyn_cast<ResidualOpInterface>(op);
    bool isSum = residualOp &&
                 residualOp.getScalarFunction() == ScalarFunction::ReduceAdd;
    return op.getNumRegions() > 0 && !isSum && !isMemoryEffectFree(&op);
  });
}

static bool hasLoop(func::FuncOp func) {
  return llvm::any_of(func.getBody().front(), [](Operation &op) {
    return isStableHLOOp(&op, "while");
  });
}

namespace {
struct CompressResiduals
    : approx_act::impl::CompressResidualsBase<CompressResiduals> {
  using CompressResidualsBase::CompressResidualsBase;

  void runOnOperation() override;

private:
  /// A step, or a body of a loop or a branch as one.
  struct Step {
    func::FuncOp func;
    SmallVector<unsigned> forwardResults;
    /// See Turnaround.
    Value anchor;
    std::optional<unsigned> numForwardEffects;
    /// How many of each residual there are at a time.
    int64_t copies = 1;
    /// See StorageOptions.
    bool keepsResults = true;
    /// Of a branch: what it captures of the forward pass around it.
    IterationOp captures = {};
  };

  LogicalResult readOptions();
  /// Whether the step has changed; otherwise gives the reason.
  bool compress(Step step, std::string &reason);
  bool compressLoops(Step step);
  bool compressBranches(const Step &step);
  void report(const Turnaround &turnaround, const ResidualAnalysis &residuals,
              const StoragePlan &plan, int64_t copies);
  void reportOne(Value value, int64_t before, const StoragePlan &plan,
                 int64_t copies);

  StorageOptions storageOptions;
  GridOptions gridOptions;
  /// What loops and branches hand over, which has been decided on.
  llvm::DenseSet<Value> decided;
};
} // namespace

LogicalResult CompressResiduals::readOptions() {
  GridOptions &grid = gridOptions;
  func::FuncOp func = getOperation();
  auto error = [&](StringRef option, const auto &value, StringRef allowed) {
    return emitOptionError(func, option, value, allowed);
  };
  FailureOr<StorageOptions> storage =
      readStorageOptions(func, bits, minFraction);
  if (failed(storage))
    return failure();
  storageOptions = *storage;

  if (range != "auto" && range != "normalised" && range != "minmax" &&
      range != "absmax")
    return error("range", range.getValue(),
                 "auto, normalised, minmax or absmax");
  grid.isDistributed = isDistributed(func);
  // At 8 bits, what a normalised interval clips is the larger error. But on
  // many devices extremes have to be exchanged, where moments have been
  // already.
  storageOptions.useMoments =
      range == "normalised" ||
      (range == "auto" && (bits < kWordBits || grid.isDistributed));
  storageOptions.requireMoments = range == "normalised";
  grid.fallback = range == "absmax" ? RangeRule::AbsMax : RangeRule::MinMax;
  if (!(sigma >= 0.0 && std::isfinite(sigma)))
    return error("sigma", sigma.getValue(),
                 "positive and finite, or 0 to choose by bits");
  // Equal to 1 where every cell is needed for the mask.
  grid.ratio = bits >= 4 ? 4.0 : 1.0;
  grid.sigma = sigma > 0.0 ? sigma : getDefaultSigma(bits);

  if (granularity != "auto") {
    grid.granularity = symbolizeGranularityKind(granularity.getValue());
    if (!grid.granularity)
      return error("granularity", granularity.getValue(),
                   "auto, tensor, channel or group");
  }
  if (groupSize < 1)
    return error("group-size", groupSize.getValue(), "at least 1");
  grid.groupSize = groupSize;

  std::optional<RoundingMode> mode = symbolizeRoundingMode(rounding.getValue());
  if (!mode)
    return error("rounding", rounding.getValue(), "nearest or stochastic");
  grid.rounding = *mode;
  grid.seed = *mode == RoundingMode::Stochastic ? seed : 0;
  return success();
}

void CompressResiduals::reportOne(Value value, int64_t before,
                                  const StoragePlan &plan, int64_t copies) {
  Operation *op = value.getDefiningOp();
  StringRef name = "recomputed";
  std::string reason = "computed again from what is stored";
  int64_t after = 0;
  unsigned storedBits = 0;
  bool isStored = true;
  if (const Storage *storage = plan.lookup(value)) {
    reason = storage->reason;
    storedBits = storage->bits;
    auto type = dyn_cast<RankedTensorType>(value.getType());
    switch (storage->kind) {
    case StorageKind::Exact:
      name = "kept-exact";
      isStored = false;
      after = getByteSize(value.getType()).value_or(0);
      ++numExact;
      break;
    case StorageKind::Mask:
      name = "packed-mask";
      ++numMasks;
      break;
    case StorageKind::Codes:
      name = "quantized";
      ++numCodes;
      break;
    }
    if (storage->kind != StorageKind::Exact) {
      auto codes = type.clone(IntegerType::get(value.getContext(), storedBits));
      after = choosePacking(codes)->getWordsType().getNumElements();
      if (storage->kind == StorageKind::Codes)
        after += getGridBytes(type, *storage, gridOptions);
      if (isLeftWithoutGroups(type, *storage, gridOptions))
        reason += "; on one grid, as group-size does not divide its last "
                  "dimension of " +
                  std::to_string(type.getShape().back());
    }
  } else if (plan.getCarrier(value)) {
    name = "packed-mask";
    reason = "carried by the codes of the value whose sign it is";
    ++numCarried;
  }
  before *= copies;
  after *= copies;
  bytesBefore += before;
  bytesAfter += after;

  auto opts = remark::RemarkOpts::name(name).category(kCategory).function(
      getOperation().getName());
  remark::detail::InFlightRemark remark =
      isStored ? remark::passed(op->getLoc(), opts)
               : remark::missed(op->getLoc(), opts);
  using remark::detail::Remark;
  remark << Remark::Arg("value", value.getType())
         << Remark::Arg("source", findSource(op->getLoc()).value_or("unknown"))
         << Remark::Arg("op", op->getName().getStringRef())
         << Remark::Arg("bits", storedBits)
         << Remark::Arg("bytes_before", before)
         << Remark::Arg("bytes_after", after) << Remark::Arg("reason", reason);
}

void CompressResiduals::report(const Turnaround &turnaround,
                               const ResidualAnalysis &residuals,
                               const StoragePlan &plan, int64_t copies) {
  for (Operation &op : turnaround.getFunction().getBody().front()) {
    for (Value value : op.getResults()) {
      // What the forward pass leaves, and what is stored in its stead.
      const Residual *residual = residuals.lookup(value);
      if (decided.contains(value) || plan.isOutside(value))
        continue;
      if (residual || plan.lookup(value) || plan.getCarrier(value))
        reportOne(value, residual ? residual->bytes.value_or(0) : 0, plan,
                  copies);
    }
  }
}

/// The operands of loops that are reshaped twice or more and have the type of
/// the value that is, which comes with each.
static SmallVector<std::pair<OpOperand *, Value>>
findRegrouped(func::FuncOp func) {
  SmallVector<std::pair<OpOperand *, Value>> regrouped;
  for (Operation &op : func.getBody().front()) {
    if (!Loop::match(&op))
      continue;
    for (OpOperand &operand : op.getOpOperands()) {
      Value source = operand.get();
      while (computes(source.getDefiningOp(), ScalarFunction::Reshape))
        source = source.getDefiningOp()->getOperand(0);
      if (source != operand.get() &&
          source.getType() == operand.get().getType())
        regrouped.push_back({&operand, source});
    }
  }
  return regrouped;
}

/// Hands stacks directly from loop to loop. (What an unrolled scan has stacked
/// by groups of iterations is regrouped twice on the way.)
static void undoReshapes(func::FuncOp func) {
  for (auto [operand, source] : findRegrouped(func)) {
    Operation *dead = operand->get().getDefiningOp();
    operand->set(source);
    while (dead && dead->use_empty() && dead != source.getDefiningOp()) {
      Operation *before = dead->getOperand(0).getDefiningOp();
      dead->erase();
      dead = before;
    }
  }
}

bool CompressResiduals::compressLoops(Step step) {
  undoReshapes(step.func);
  Turnaround turnaround(step.func, step.forwardResults, step.anchor,
                        step.numForwardEffects);
  SmallVector<LoopPair> pairs = findLoopPairs(turnaround);
  llvm::DenseSet<Operation *> paired;
  for (const LoopPair &pair : pairs)
    paired.insert(pair.forward.getOperation());

  bool isChanged = false;
  std::string reason;
  for (Operation &op : step.func.getBody().front()) {
    std::optional<Loop> loop = Loop::match(&op);
    if (!loop || paired.contains(&op) ||
        turnaround.getPhase(&op) != Phase::Forward)
      continue;
    StepBody body(*loop);
    SmallVector<unsigned> results = body.findForwardResults(turnaround);
    if (results.empty())
      continue;
    Step inner{body.makeStep(), results, {}, {}, step.copies};
    if (!compress(inner, reason))
      continue;
    body.replaceBody();
    isChanged = true;
  }

  for (LoopPair &pair : pairs) {
    int64_t copies = step.copies * pair.tripCount;
    PairedBodies loops(std::move(pair));
    const TwoBodies &bodies = loops.getBodies();
    Step inner{loops.getStep(),
               bodies.getForwardResults(),
               bodies.getAnchor(),
               bodies.numForwardEffects,
               copies,
               /*keepsResults=*/false};
    if (!compress(inner, reason))
      continue;
    FailureOr<SmallVector<Value>> made = loops.replaceLoops();
    if (failed(made))
      continue;
    decided.insert_range(*made);
    isChanged = true;
  }
  return isChanged;
}

bool CompressResiduals::compressBranches(const Step &step) {
  Turnaround turnaround(step.func, step.forwardResults, step.anchor,
                        step.numForwardEffects);
  bool isChanged = false;
  std::string reason;
  for (const BranchPair &pair : findBranchPairs(turnaround)) {
    PairedBranches branches(turnaround, pair);
    bool isAnyChanged = false;
    for (PairedBranches::Part &part : branches.getParts()) {
      Step inner{*part.step,
                 part.bodies.getForwardResults(),
                 part.bodies.getAnchor(),
                 part.bodies.numForwardEffects,
                 step.copies,
                 /*keepsResults=*/false,
                 part.forwardEntry};
      if (compress(inner, reason))
        isAnyChanged = true;
      else
        PairedBranches::leaveAsMade(part);
    }
    if (!isAnyChanged)
      continue;
    FailureOr<PairedBranches::Replacement> made = branches.replaceBranches();
    if (failed(made))
      continue;
    turnaround.setPhase(made->forward, Phase::Forward);
    turnaround.setPhase(made->backward, Phase::Backward);
    decided.insert_range(made->crossing);
    isChanged = true;
  }
  return isChanged;
}

bool CompressResiduals::compress(Step step, std::string &reason) {
  bool isChanged = compressLoops(step);
  isChanged |= compressBranches(step);
  Turnaround turnaround(step.func, step.forwardResults, step.anchor,
                        step.numForwardEffects);
  ResidualAnalysis residuals(turnaround);
  NormalisationAnalysis normalisation(step.func);
  StorageOptions options = storageOptions;
  Operation *terminator = step.func.getBody().front().getTerminator();
  options.keepsResults = step.keepsResults;
  if (step.captures) {
    options.outside.insert_range(step.captures->getResults());
    for (unsigned index : step.forwardResults)
      options.outside.insert(terminator->getOperand(index));
  }
  StoragePlan plan(turnaround, residuals, normalisation, options);
  bool isAnyStored = llvm::any_of(plan.getStored(), [](const auto &entry) {
    return entry.second.kind != StorageKind::Exact || entry.second.isOutside;
  });
  report(turnaround, residuals, plan, step.copies);
  if (!isAnyStored && !isChanged) {
    reason = residuals.getResiduals().empty()
                 ? kNothingCrosses.str()
                 : std::string("every residual stays exact");
    return false;
  }
  turnaround.sortByPhase();
  if (isAnyStored)
    ResidualRewriter(turnaround, plan, gridOptions).run();
  // What only the backward pass read of the forward pass is dead now.
  eraseDeadOps(step.func.getBody().front());
  return true;
}

void CompressResiduals::runOnOperation() {
  func::FuncOp func = getOperation();
  decided.clear();
  if (failed(readOptions()))
    return signalPassFailure();
  std::string reason;
  FailureOr<TrainingStep> step = getTrainingStep(func, forwardResults, reason);
  if (failed(step))
    return signalPassFailure();
  // As it was, where what is done to find pairs of loops may be for nothing.
  OwningOpRef<func::FuncOp> original;
  if (!step->forwardResults.empty()) {
    if (!findRegrouped(func).empty())
      original = func.clone();
    if (compress({func, step->forwardResults, {}, {}}, reason))
      return;
  }

  // Nothing to do is information; something left undone is a miss.
  bool isNothingToDo = reason == kNothingCrosses && !hasOpaqueBody(func);
  // The loss of the last step of a loop comes from the gradients of the others.
  if (!isNothingToDo && hasLoop(func))
    reason += "; a step inside a loop has to be approximated there";
  auto opts = remark::RemarkOpts::name("unchanged")
                  .category(kCategory)
                  .function(func.getName());
  (isNothingToDo ? remark::analysis(func.getLoc(), opts)
                 : remark::missed(func.getLoc(), opts))
      << remark::detail::Remark::Arg("reason", reason);
  if (original)
    func.getBody().takeBody(original->getBody());
  else
    markAllAnalysesPreserved();
}
