//===- StoragePlan.cpp - What to store of the forward pass ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Analysis/StoragePlan.h"
#include "approx-act/Analysis/CaptureDemands.h"
#include "approx-act/Analysis/MinimumCut.h"
#include "approx-act/Dialect/StableHLO/Windows.h"

using namespace mlir;
using namespace mlir::approx_act;

//===----------------------------------------------------------------------===//
// The graph
//===----------------------------------------------------------------------===//

namespace {
/// How good a value has to be in the backward pass. Every value has up to one
/// pair of nodes per layer.
enum Layer : unsigned { Approximate = 0, Function = 1, Exact = 2 };
constexpr unsigned kNumLayers = 3;

struct Node {
  unsigned in = 0;
  unsigned out = 0;
};
} // namespace

static Layer getLayer(Demand demand, Type type) {
  if (demand == Demand::Exact || !isApproximable(type))
    return Exact;
  return demand == Demand::Function ? Function : Approximate;
}

static bool isBoolean(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getElementType().isInteger(1);
}

/// Whether `value` is an exponential, or what multiplying, dividing and adding
/// make of exponentials and constants that are not negative: nowhere negative
/// itself, and spread over orders of magnitude.
static bool isExponential(Value value, unsigned depth = 0) {
  constexpr unsigned kMaxDepth = 8;
  auto op = dyn_cast_or_null<ResidualOpInterface>(value.getDefiningOp());
  // (Of complex numbers, exponentials have any sign.)
  if (!op || depth == kMaxDepth || !isApproximable(value.getType()))
    return false;
  auto isOperand = [&](unsigned index) {
    Value operand = op->getOperand(index);
    return getSplatValue(operand).value_or(-1.0) >= 0.0 ||
           isExponential(operand, depth + 1);
  };
  switch (op.getScalarFunction()) {
  case ScalarFunction::Exponential:
    return true;
  case ScalarFunction::Convert:
  case ScalarFunction::Broadcast:
  case ScalarFunction::Reshape:
  case ScalarFunction::Transpose:
    return isOperand(0);
  // Adds its second operand to the sums.
  case ScalarFunction::ReduceAdd:
  case ScalarFunction::Add:
  case ScalarFunction::Multiply:
  case ScalarFunction::Divide:
    return isOperand(0) && isOperand(1);
  case ScalarFunction::Select:
    return isOperand(1) && isOperand(2);
  default:
    return false;
  }
}

/// Whether `value` is a prefix sum to be computed again. A gradient is often a
/// difference of such sums that are nearly equal: errors of their codes are as
/// large as that, and those of sums of codes are nearly equal too. (Not sums of
/// an outer product, which has many times the elements of what it is made of:
/// they take a seventh of a step's time.)
static bool isRunningSum(Value value) {
  Operation *sum = value.getDefiningOp();
  if (!isApproximable(value.getType()) || !isPrefixSum(sum))
    return false;
  int64_t size = cast<RankedTensorType>(value.getType()).getNumElements();
  SmallVector<Value> worklist = {sum->getOperand(0)};
  llvm::DenseSet<Value> visited;
  while (!worklist.empty()) {
    Value term = worklist.pop_back_val();
    auto type = dyn_cast<RankedTensorType>(term.getType());
    if (!type || !type.hasStaticShape() || type.getNumElements() < size ||
        !visited.insert(term).second)
      continue;
    if (!isCheap(term.getDefiningOp()))
      return true;
    llvm::append_range(worklist, term.getDefiningOp()->getOperands());
  }
  return false;
}

class StoragePlan::Builder {
public:
  Builder(StoragePlan &plan, const NormalisationAnalysis &normalisation,
          const StorageOptions &options)
      : plan(plan), turnaround(plan.turnaround), normalisation(normalisation),
        options(options), exactness(turnaround.getFunction().getBody().front()),
        source(graph.addNode()), sink(graph.addNode()) {}

  void run();

private:
  void findFactors();
  void addDemands();
  /// Makes the nodes of a value and of what it can be computed from.
  void require(Value value, Layer layer, Operation *demander);
  bool canRecompute(Value value);
  /// What a value that can be recomputed is computed from, and how exact that
  /// has to be.
  struct Need {
    Value operand;
    Layer layer;
    /// Whether the op itself takes an approximation, so that it is an exact
    /// result for which the operand has to be exact.
    bool isForResult = false;
  };
  const std::optional<SmoothFunction> &getFunction(Value value, Layer layer);
  SmallVector<Need> getNeeds(Value value, Layer layer);
  int64_t getCapacity(Value value, Layer layer) const;
  bool isEligible(Value value) const;
  bool isStatistic(Value value) const;
  bool isImage(Value value) const;
  const std::optional<Moments> &getMoments(Value value) const;
  void readCut();
  Storage describe(Value value, Layer layer);
  void placeMasks();
  bool foldIntoCodes(Value mask);
  void evenOutGrids();
  bool isApproximated(Value value) const;

  StoragePlan &plan;
  const Turnaround &turnaround;
  const NormalisationAnalysis &normalisation;
  const StorageOptions &options;
  ExactnessAnalysis exactness;

  FlowGraph graph;
  unsigned source;
  unsigned sink;
  llvm::MapVector<std::pair<Value, unsigned>, Node> nodes;
  /// The op for whose sake a value is demanded exactly.
  llvm::DenseMap<Value, Operation *> demanders;
  mutable llvm::DenseMap<Value, std::optional<Moments>> moments;
  mutable llvm::DenseMap<Value, bool> statistics;
  mutable llvm::DenseMap<Value, bool> approximated;
  llvm::DenseMap<std::pair<Value, unsigned>, std::optional<SmoothFunction>>
      functions;
  /// Of what safe denominators are computed from.
  llvm::DenseMap<Value, SmoothFunction> factors;
};

bool StoragePlan::Builder::isStatistic(Value value) const {
  // Sums over many elements, and what is computed from sums alone.
  auto type = dyn_cast<RankedTensorType>(value.getType());
  auto op = dyn_cast_or_null<ResidualOpInterface>(value.getDefiningOp());
  if (!op || !type || !type.hasStaticShape())
    return false;
  auto it = statistics.find(value);
  if (it != statistics.end())
    return it->second;

  bool result = false;
  constexpr int64_t kManyElements = 16;
  if (op.getScalarFunction() == ScalarFunction::ReduceAdd) {
    auto operand = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
    result = operand && operand.hasStaticShape() &&
             operand.getNumElements() >= kManyElements * type.getNumElements();
  } else if (isCheap(op)) {
    bool isAny = false;
    bool isAll = true;
    for (Value operand : op->getOperands()) {
      // A predicate says which of the others the result is.
      if (plan.isFree(operand) || getSplatValue(operand) ||
          isBoolean(operand.getType()))
        continue;
      auto operandType = dyn_cast<RankedTensorType>(operand.getType());
      isAny = true;
      isAll &= operandType && operandType.hasStaticShape() &&
               operandType.getNumElements() >= type.getNumElements() &&
               isStatistic(operand);
    }
    result = isAny && isAll;
  }
  statistics[value] = result;
  return result;
}

bool StoragePlan::Builder::isEligible(Value value) const {
  auto type = cast<RankedTensorType>(value.getType());
  if (plan.isOutside(value))
    return isApproximable(type) && type.getElementTypeBitWidth() > options.bits;
  return plan.isLarge(value) && type.getElementTypeBitWidth() > options.bits &&
         !isStatistic(value) && (!options.requireMoments || getMoments(value));
}

/// Whether the value is an affine function of one large value with small
/// coefficients: with a bias added, or scaled.
bool StoragePlan::Builder::isImage(Value value) const {
  // A bias is near; long chains of views are not looked through for each.
  constexpr unsigned kMaxViews = 8;
  auto op = value.getDefiningOp<ResidualOpInterface>();
  for (unsigned i = 0; i < kMaxViews && isCheap(op); ++i) {
    ScalarFunction function = op.getScalarFunction();
    if (function != ScalarFunction::Reshape &&
        function != ScalarFunction::Transpose)
      break;
    op = op->getOperand(0).getDefiningOp<ResidualOpInterface>();
  }
  if (!isCheap(op))
    return false;
  // What a coefficient is repeated from is small beside the value.
  constexpr int64_t kMinRepetitions = 16;
  auto isSpread = [&](Value operand) {
    auto spread =
        dyn_cast_or_null<ResidualOpInterface>(operand.getDefiningOp());
    if (!spread || spread.getScalarFunction() != ScalarFunction::Broadcast)
      return false;
    auto to = cast<RankedTensorType>(operand.getType());
    auto from = cast<RankedTensorType>(spread->getOperand(0).getType());
    return to.getNumElements() >= kMinRepetitions * from.getNumElements();
  };
  switch (op.getScalarFunction()) {
  case ScalarFunction::Add:
  case ScalarFunction::Subtract:
  case ScalarFunction::Multiply:
  case ScalarFunction::Divide:
  case ScalarFunction::Negate:
  case ScalarFunction::Convert:
    return llvm::count_if(op->getOperands(), [&](Value operand) {
             return plan.isLarge(operand) && !isSpread(operand);
           }) == 1;
  default:
    return false;
  }
}

const std::optional<Moments> &
StoragePlan::Builder::getMoments(Value value) const {
  auto [it, inserted] = moments.try_emplace(value);
  if (!inserted || !options.useMoments)
    return it->second;
  // The forward pass computes the grid.
  std::optional<Moments> found = normalisation.lookup(value);
  auto isReady = [&](const std::optional<Broadcast> &moment) {
    return !moment || turnaround.isPrimal(moment->value);
  };
  if (found && isReady(found->mean) && isReady(found->deviation))
    it->second = std::move(found);
  return it->second;
}

int64_t StoragePlan::Builder::getCapacity(Value value, Layer layer) const {
  // In sixteenths of a bit, so that preferences can break ties.
  constexpr int64_t kScale = 16;
  std::optional<int64_t> bytes = getByteSize(value.getType());
  if (!bytes)
    return int64_t(1) << 50;
  int64_t elements = cast<RankedTensorType>(value.getType()).getNumElements();
  if (isBoolean(value.getType()))
    return elements * kScale;
  if (layer != Approximate || !isEligible(value))
    return *bytes * 8 * kScale;
  int64_t capacity = elements * options.bits * kScale;
  // Others may read it too.
  if (plan.isOutside(value))
    return capacity;
  // A grid without known moments reads the whole value once more, and fits
  // outliers instead of the bulk. The root of an exponential has fewer. And
  // what adds a bias to a value that is in memory is written for its grid
  // alone.
  if (getMoments(value))
    return capacity;
  if (isExponential(value))
    return capacity + capacity / 16;
  return capacity + capacity / (isImage(value) ? 7 : 8);
}

bool StoragePlan::Builder::canRecompute(Value value) {
  if (isCheap(value.getDefiningOp()) || plan.getBranchResult(value))
    return true;
  if (isRunningSum(value))
    return true;
  std::optional<BranchResult> result = BranchResult::match(value);
  if (result)
    plan.branchResults.try_emplace(value, std::move(*result));
  return result.has_value();
}

void StoragePlan::Builder::findFactors() {
  for (Operation &op : turnaround.getFunction().getBody().front()) {
    auto division = dyn_cast<ResidualOpInterface>(op);
    if (!division || division.getScalarFunction() != ScalarFunction::Divide ||
        getDemand(&op, 1) != Demand::Function)
      continue;
    const auto &function = getFunction(op.getOperand(1), Function);
    for (SmoothFunction &factor : findSafeFactors(*function))
      factors.try_emplace(factor.ops.back()->getResult(0), std::move(factor));
  }
}

/// As a function of what the value is computed again for a layer, if not from
/// its operands.
const std::optional<SmoothFunction> &
StoragePlan::Builder::getFunction(Value value, Layer layer) {
  auto [it, inserted] = functions.try_emplace({value, layer});
  if (!inserted || layer == Exact)
    return it->second;
  if (layer == Function)
    return it->second = findSafeDenominator(value);
  if (exactness.isDemandedNear(value))
    it->second = findSmoothFunction(value);
  if (!it->second && factors.contains(value))
    it->second = factors.at(value);
  return it->second;
}

SmallVector<StoragePlan::Builder::Need>
StoragePlan::Builder::getNeeds(Value value, Layer layer) {
  SmallVector<Need> needs;
  auto add = [&](Value operand, Demand demand) {
    if (demand == Demand::None || plan.isFree(operand))
      return;
    Need need{operand, getLayer(demand, operand.getType())};
    // A function of something exact is exact only if all of it is, but for the
    // side of a threshold, which codes can carry.
    if (layer == Exact && demand != Demand::Side) {
      need.isForResult = need.layer == Approximate;
      need.layer = Exact;
    }
    needs.push_back(need);
  };
  if (const BranchResult *result = plan.getBranchResult(value)) {
    for (auto [source, demand] : result->getSources())
      add(source, demand);
    return needs;
  }
  if (const auto &function = getFunction(value, layer)) {
    add(function->argument, Demand::Approximate);
    return needs;
  }
  Operation *op = value.getDefiningOp();
  bool isSum = isRunningSum(value);
  for (auto [index, operand] : llvm::enumerate(op->getOperands()))
    add(operand, isSum ? Demand::Approximate : getDemand(op, index));
  return needs;
}

void StoragePlan::Builder::require(Value root, Layer rootLayer,
                                   Operation *rootDemander) {
  SmallVector<std::tuple<Value, Layer, Operation *>> worklist = {
      {root, rootLayer, rootDemander}};
  while (!worklist.empty()) {
    auto [value, layer, demander] = worklist.pop_back_val();
    if (plan.isFree(value) || nodes.contains({value, layer}))
      continue;
    Node node{graph.addNode(), graph.addNode()};
    nodes[{value, layer}] = node;
    if (layer != Approximate)
      demanders.try_emplace(value, demander);
    graph.addEdge(node.in, node.out, getCapacity(value, layer));
    Operation *op = value.getDefiningOp();
    if (!canRecompute(value)) {
      graph.addEdge(source, node.in, FlowGraph::kUnbounded);
      continue;
    }
    for (const Need &need : getNeeds(value, layer))
      worklist.push_back(
          {need.operand, need.layer, need.isForResult ? demander : op});
  }
}

void StoragePlan::Builder::addDemands() {
  Block &block = turnaround.getFunction().getBody().front();
  llvm::SetVector<std::pair<Value, unsigned>> demands;
  CaptureDemands captures(turnaround);
  for (Operation &op : block.without_terminator()) {
    if (turnaround.getPhase(&op) != Phase::Backward)
      continue;
    for (auto [index, value] : llvm::enumerate(getOperandsAndCaptures(&op))) {
      if (!turnaround.isPrimal(value) || plan.isFree(value))
        continue;
      Demand demand = index < op.getNumOperands()
                          ? getDemand(&op, index)
                          : captures.getCaptureDemand(&op, value);
      if (demand == Demand::None)
        continue;
      Layer layer = getLayer(demand, value.getType());
      require(value, layer, &op);
      demands.insert({value, layer});
    }
  }

  // The nodes are complete; now the edges among them.
  for (auto &[key, node] : nodes) {
    auto [value, layer] = key;
    if (!canRecompute(value))
      continue;
    for (const Need &need : getNeeds(value, static_cast<Layer>(layer)))
      graph.addEdge(nodes[{need.operand, need.layer}].out, node.in,
                    FlowGraph::kUnbounded);
  }
  for (auto [value, layer] : demands)
    graph.addEdge(nodes[{value, layer}].out, sink, FlowGraph::kUnbounded);
}

//===----------------------------------------------------------------------===//
// The decision
//===----------------------------------------------------------------------===//

Storage StoragePlan::Builder::describe(Value value, Layer layer) {
  Storage storage;
  Type type = value.getType();
  storage.isOutside = plan.isOutside(value);
  if (storage.isOutside) {
    storage.reason = "decided outside";
    return storage;
  }
  if (isBoolean(type) && plan.isLarge(value)) {
    storage.kind = StorageKind::Mask;
    storage.bits = 1;
    storage.reason = "a boolean, stored exactly in one bit";
    return storage;
  }
  if (layer == Approximate && isEligible(value)) {
    storage.kind = StorageKind::Codes;
    storage.bits = options.bits;
    storage.moments = getMoments(value);
    storage.isOfRoot = !storage.moments && isExponential(value);
    storage.reason = "read linearly";
    if (storage.moments)
      storage.reason += ", with moments known to the program";
    if (storage.isOfRoot)
      storage.reason += "; an exponential, stored as its square root";
    return storage;
  }
  if (auto tensor = dyn_cast<RankedTensorType>(type);
      tensor && tensor.hasStaticShape() &&
      tensor.getElementType().isIntOrFloat())
    storage.bits = tensor.getElementTypeBitWidth();
  llvm::raw_string_ostream reason(storage.reason);
  if (layer == Approximate) {
    reason << (isStatistic(value) ? "a statistic of many elements"
                                  : "small against all residuals");
    return storage;
  }
  if (Operation *demander = demanders.lookup(value))
    reason << "demanded exactly by " << demander->getName();
  return storage;
}

void StoragePlan::Builder::readCut() {
  llvm::BitVector sinkSide = graph.findSinkSide(source, sink);
  struct Choice {
    bool isStored = false;
    bool isRecomputed = false;
  };
  llvm::DenseMap<Value, std::array<Choice, kNumLayers>> choices;
  for (auto &[key, node] : nodes) {
    if (!sinkSide.test(node.out))
      continue;
    Choice &choice = choices[key.first][key.second];
    choice.isStored = !sinkSide.test(node.in);
    choice.isRecomputed = !choice.isStored;
  }

  for (Operation &op : turnaround.getFunction().getBody().front()) {
    for (Value value : op.getResults()) {
      auto it = choices.find(value);
      if (it == choices.end())
        continue;
      auto [approximate, function, exact] = it->second;
      auto recompute = [&](Layer layer) {
        plan.recomputed.insert(value);
        if (const auto &function = getFunction(value, layer))
          plan.functions[value] = *function;
      };
      // What serves the strictest reader serves all.
      if (exact.isStored)
        plan.stored[value] = describe(value, Exact);
      else if (exact.isRecomputed)
        recompute(Exact);
      else if (function.isStored)
        plan.stored[value] = describe(value, Function);
      else if (function.isRecomputed)
        recompute(Function);
      else if (approximate.isRecomputed)
        recompute(Approximate);
      else if (approximate.isStored)
        plan.stored[value] = describe(value, Approximate);
    }
  }
}

bool StoragePlan::Builder::isApproximated(Value value) const {
  if (const Storage *storage = plan.lookup(value))
    return storage->kind == StorageKind::Codes ||
           (storage->isOutside && isApproximable(value.getType()));
  if (!plan.isRecomputed(value))
    return false;
  auto [it, inserted] = approximated.try_emplace(value, false);
  if (!inserted)
    return it->second;
  bool result = llvm::any_of(plan.getSources(value),
                             [&](Value v) { return isApproximated(v); });
  approximated[value] = result;
  return result;
}

bool StoragePlan::Builder::foldIntoCodes(Value mask) {
  std::optional<Threshold> threshold = getThreshold(mask.getDefiningOp());
  if (!threshold)
    return false;
  std::optional<AffineChain> chain =
      traceAffine(threshold->value, [&](Value value) {
        const Storage *storage = plan.lookup(value);
        return storage && storage->kind == StorageKind::Codes;
      });
  if (!chain)
    return false;
  Storage &storage = plan.stored.find(chain->root)->second;
  if (storage.side || storage.isOfRoot ||
      cast<ShapedType>(chain->root.getType()).getShape() !=
          cast<ShapedType>(mask.getType()).getShape())
    return false;
  // One grid serves both, so the coefficients and the moments must vary along
  // the same dimensions where there are both.
  bool hasMoments =
      storage.moments && (storage.moments->mean || storage.moments->deviation);
  if (hasMoments && chain->shape && storage.moments->shape != *chain->shape)
    return false;
  // The forward pass computes the grid.
  if (llvm::any_of(chain->steps, [&](const AffineStep &step) {
        return step.coefficient &&
               !turnaround.isPrimal(step.coefficient->value);
      }))
    return false;
  storage.side =
      SideMask{mask, std::move(*chain), threshold->cut, threshold->isAbove};
  plan.carriers[mask] = storage.side->chain.root;
  plan.recomputed.erase(mask);
  return true;
}

void StoragePlan::Builder::placeMasks() {
  // Recomputing a threshold from an approximation would flip bits. The codes
  // carry the mask where they can; else it has its own bit.
  for (Operation &op : turnaround.getFunction().getBody().front()) {
    if (op.getNumResults() != 1 || !plan.isRecomputed(op.getResult(0)) ||
        !isBoolean(op.getResult(0).getType()))
      continue;
    Value mask = op.getResult(0);
    bool isSafe = llvm::none_of(op.getOperands(),
                                [&](Value v) { return isApproximated(v); });
    if (isSafe || foldIntoCodes(mask))
      continue;
    plan.recomputed.erase(mask);
    plan.stored[mask] = describe(mask, Exact);
  }
}

/// Finds the codes that functions of both sides of a mask are computed from.
void StoragePlan::Builder::evenOutGrids() {
  llvm::SetVector<Value> read;
  for (auto &[value, function] : plan.functions)
    read.insert(function.argument);
  for (unsigned i = 0; i < read.size(); ++i) {
    Value value = read[i];
    if (auto *it = plan.stored.find(value); it != plan.stored.end()) {
      if (it->second.side)
        it->second.side->isEven = true;
    } else if (const SmoothFunction *function = plan.getFunction(value)) {
      read.insert(function->argument);
    } else if (plan.isRecomputed(value)) {
      read.insert_range(plan.getSources(value));
    }
  }
}

void StoragePlan::Builder::run() {
  findFactors();
  addDemands();
  readCut();
  placeMasks();
  evenOutGrids();
}

//===----------------------------------------------------------------------===//
// StoragePlan
//===----------------------------------------------------------------------===//

StoragePlan::StoragePlan(const Turnaround &turnaround,
                         const ResidualAnalysis &residuals,
                         const NormalisationAnalysis &normalisation,
                         const StorageOptions &options)
    : turnaround(turnaround),
      smallBytes(residuals.getSmallBytes(options.minFraction)),
      outside(options.outside) {
  Operation *terminator =
      turnaround.getFunction().getBody().front().getTerminator();
  if (options.keepsResults)
    for (Value value : terminator->getOperands())
      if (turnaround.isPrimal(value))
        returned.insert(value);
  Builder(*this, normalisation, options).run();
}

bool StoragePlan::isFree(Value value) const {
  return isa<BlockArgument>(value) || returned.contains(value);
}

const BranchResult *StoragePlan::getBranchResult(Value value) const {
  auto it = branchResults.find(value);
  return it == branchResults.end() ? nullptr : &it->second;
}

SmallVector<Value> StoragePlan::getSources(Value value) const {
  if (const SmoothFunction *function = getFunction(value))
    return {function->argument};
  if (const BranchResult *result = getBranchResult(value))
    return llvm::map_to_vector(result->getSources(),
                               [](const auto &entry) { return entry.first; });
  return llvm::to_vector(value.getDefiningOp()->getOperands());
}

bool StoragePlan::isLarge(Value value) const {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  std::optional<int64_t> bytes = getByteSize(value.getType());
  return bytes && type.getRank() > 0 && *bytes > smallBytes;
}

const Storage *StoragePlan::lookup(Value value) const {
  const auto *it = stored.find(value);
  return it == stored.end() ? nullptr : &it->second;
}

const SmoothFunction *StoragePlan::getFunction(Value value) const {
  auto it = functions.find(value);
  return it == functions.end() ? nullptr : &it->second;
}

void StoragePlan::print(raw_ostream &os) const {
  os << "storage plan of '" << turnaround.getFunction().getName()
     << "': " << stored.size() << " stored, " << recomputed.size()
     << " recomputed, " << carriers.size() << " masks carried by codes\n";
  for (auto &[value, storage] : stored) {
    os << "  " << value.getType() << " of " << value.getDefiningOp()->getName()
       << ": ";
    switch (storage.kind) {
    case StorageKind::Exact:
      os << "exact";
      break;
    case StorageKind::Mask:
      os << "mask";
      break;
    case StorageKind::Codes:
      os << "codes of " << storage.bits << " bits"
         << (storage.moments ? ", moments known" : "")
         << (storage.isOfRoot ? ", of the root" : "")
         << (storage.side ? ", carries a mask" : "");
      break;
    }
    os << " (" << storage.reason << ")\n";
  }
}
