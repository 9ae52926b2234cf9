//===- FactorSums.cpp - Take factors out of sums --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SmallTensors.h"
#include "TrainingStep.h"
#include "approx-act/Analysis/Normalisation.h"
#include "approx-act/Analysis/Turnaround.h"
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h"
#include "approx-act/Interfaces/ResidualOpInterface.h"
#include <map>

namespace mlir::approx_act {
#define GEN_PASS_DEF_FACTORSUMS
#include "approx-act/Dialect/ApproxAct/Transforms/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

namespace {
/// A factor that does not vary along the dimensions of a sum.
struct Coefficient {
  Value value;
  bool isDivisor = false;
};

/// `scale · Π coefficients · Π factors`, where only the factors vary along the
/// dimensions of the sum.
struct Term {
  double scale = 1.0;
  SmallVector<Coefficient, 2> coefficients;
  SmallVector<Value, 2> factors;
};

/// The sums over activations of one function.
class SumFactoring {
public:
  explicit SumFactoring(const Turnaround &turnaround)
      : turnaround(turnaround), normalisation(turnaround.getFunction()) {}

  void run();

  unsigned numReplaced = 0;
  unsigned numCreated = 0;

private:
  /// A sum as a key: its dimensions, and the numbers of its factors, ascending.
  using Key = std::pair<SmallVector<int64_t>, SmallVector<unsigned>>;

  Term expand(Value value, ArrayRef<int64_t> reduced, bool isSummed,
              unsigned depth = 0) const;
  std::optional<Coefficient> getCoefficient(Value value,
                                            ArrayRef<int64_t> reduced) const;
  bool sumsToZero(const Term &term, ArrayRef<int64_t> reduced) const;
  Key getKey(const Term &term, ArrayRef<int64_t> reduced);
  void visitSum(ResidualOpInterface sum);
  Value createSum(Operation *like, const Term &term);
  Value scaleSum(Operation *like, const Term &term, Value sum) const;

  const Turnaround &turnaround;
  NormalisationAnalysis normalisation;
  llvm::DenseMap<Value, unsigned> numbers;
  std::map<Key, Value> known;
};
} // namespace

/// How far to look through arithmetic: as far as differentiating a
/// normalisation takes it.
static constexpr unsigned kMaxDepth = 8;

std::optional<Coefficient>
SumFactoring::getCoefficient(Value value, ArrayRef<int64_t> reduced) const {
  Broadcast source = traceBroadcast(value);
  auto type = cast<RankedTensorType>(value.getType());
  if (!source.isOrdered())
    return std::nullopt;
  if (getSplatValue(value))
    return Coefficient{source.value};
  // As large as the sum in every dimension that stays.
  for (int64_t dim : llvm::seq<int64_t>(0, type.getRank())) {
    bool varies = llvm::is_contained(source.dims, dim);
    if (type.getDimSize(dim) != 1 && varies == llvm::is_contained(reduced, dim))
      return std::nullopt;
  }
  return Coefficient{source.value};
}

bool SumFactoring::sumsToZero(const Term &term,
                              ArrayRef<int64_t> reduced) const {
  return term.factors.size() == 1 &&
         normalisation.isCentred(term.factors.front(), reduced);
}

/// `value` as a term. With `isSummed`, the term has the same sum as `value`,
/// but may differ from it element by element.
Term SumFactoring::expand(Value value, ArrayRef<int64_t> reduced, bool isSummed,
                          unsigned depth) const {
  Term leaf{1.0, {}, {value}};
  if (std::optional<double> splat = getSplatValue(value))
    return Term{*splat, {}, {}};
  if (std::optional<Coefficient> coefficient = getCoefficient(value, reduced))
    return Term{1.0, {*coefficient}, {}};
  auto op = dyn_cast_or_null<ResidualOpInterface>(value.getDefiningOp());
  if (!op || depth == kMaxDepth)
    return leaf;
  auto operand = [&](unsigned index, bool isOperandSummed) {
    return expand(op->getOperand(index), reduced, isOperandSummed, depth + 1);
  };

  switch (op.getScalarFunction()) {
  case ScalarFunction::Negate: {
    Term term = operand(0, isSummed);
    term.scale = -term.scale;
    return term;
  }
  case ScalarFunction::Add:
  case ScalarFunction::Subtract: {
    // Two sums would lose the digits that cancel between them; but one of them
    // may be known to be zero.
    if (!isSummed)
      return leaf;
    Term lhs = operand(0, isSummed);
    Term rhs = operand(1, isSummed);
    if (op.getScalarFunction() == ScalarFunction::Subtract)
      rhs.scale = -rhs.scale;
    if (sumsToZero(rhs, reduced))
      return lhs;
    return sumsToZero(lhs, reduced) ? rhs : leaf;
  }
  case ScalarFunction::Multiply: {
    // Only a factor that does not vary leaves the sum of the other what it is.
    auto isConstant = [&](unsigned index) {
      return getCoefficient(op->getOperand(index), reduced).has_value();
    };
    Term term = operand(0, isSummed && isConstant(1));
    Term other = operand(1, isSummed && isConstant(0));
    term.scale *= other.scale;
    llvm::append_range(term.coefficients, other.coefficients);
    llvm::append_range(term.factors, other.factors);
    return term;
  }
  case ScalarFunction::Divide: {
    std::optional<double> splat = getSplatValue(op->getOperand(1));
    std::optional<Coefficient> divisor =
        getCoefficient(op->getOperand(1), reduced);
    if (!divisor || splat == 0.0)
      return leaf;
    Term term = operand(0, isSummed);
    if (splat)
      term.scale /= *splat;
    else
      term.coefficients.push_back({divisor->value, /*isDivisor=*/true});
    return term;
  }
  default:
    return leaf;
  }
}

SumFactoring::Key SumFactoring::getKey(const Term &term,
                                       ArrayRef<int64_t> reduced) {
  Key key{SmallVector<int64_t>(reduced), {}};
  for (Value factor : term.factors)
    key.second.push_back(
        numbers.try_emplace(factor, numbers.size()).first->second);
  llvm::sort(key.second);
  return key;
}

Value SumFactoring::createSum(Operation *like, const Term &term) {
  OpBuilder builder(like);
  Value product = term.factors.front();
  for (Value factor : ArrayRef(term.factors).drop_front())
    product = arith::MulFOp::create(builder, like->getLoc(), product, factor);
  Operation *sum = builder.clone(*like);
  sum->setOperand(0, product);
  ++numCreated;
  return sum->getResult(0);
}

Value SumFactoring::scaleSum(Operation *like, const Term &term,
                             Value sum) const {
  OpBuilder builder(like);
  Location loc = like->getLoc();
  auto type = cast<RankedTensorType>(like->getResult(0).getType());
  if (term.scale != 1.0)
    sum = arith::MulFOp::create(builder, loc, sum,
                                makeSplat(builder, loc, type, term.scale));
  for (const Coefficient &coefficient : term.coefficients) {
    Value factor = makeSmall(builder, loc, coefficient.value, type);
    if (coefficient.isDivisor)
      sum = arith::DivFOp::create(builder, loc, sum, factor);
    else
      sum = arith::MulFOp::create(builder, loc, sum, factor);
  }
  return sum;
}

void SumFactoring::visitSum(ResidualOpInterface sum) {
  Value value = sum->getOperand(0);
  Value result = sum->getResult(0);
  SmallVector<int64_t> reduced = sum.getDimensions();
  llvm::sort(reduced);
  auto type = dyn_cast<RankedTensorType>(value.getType());
  auto resultType = dyn_cast<RankedTensorType>(result.getType());
  if (!type || !resultType || !type.hasStaticShape() ||
      type.getNumElements() == resultType.getNumElements() ||
      !isa<Float32Type, Float64Type>(type.getElementType()) ||
      getSplatValue(sum->getOperand(1)) != 0.0)
    return;

  if (turnaround.getPhase(sum) != Phase::Backward) {
    known.try_emplace(getKey(Term{1.0, {}, {value}}, reduced), result);
    return;
  }
  Term term = expand(value, reduced, /*isSummed=*/true);
  if (term.factors.empty())
    return;
  if (sumsToZero(term, reduced)) {
    OpBuilder builder(sum);
    result.replaceAllUsesWith(
        makeSplat(builder, sum->getLoc(), resultType, 0.0));
    ++numReplaced;
    return;
  }
  Value &found = known[getKey(term, reduced)];
  bool isPlain = term.scale == 1.0 && term.coefficients.empty() &&
                 (term.factors.size() > 1 || term.factors.front() == value);
  if (!found && isPlain) {
    found = result;
    return;
  }
  if (!found)
    found = createSum(sum, term);
  result.replaceAllUsesWith(scaleSum(sum, term, found));
  ++numReplaced;
}

void SumFactoring::run() {
  Block &block = turnaround.getFunction().getBody().front();
  SmallVector<Operation *> sums;
  for (Operation &op : block)
    if (auto residualOp = dyn_cast<ResidualOpInterface>(op);
        residualOp &&
        residualOp.getScalarFunction() == ScalarFunction::ReduceAdd)
      sums.push_back(&op);
  for (Operation *op : sums)
    visitSum(cast<ResidualOpInterface>(op));
  eraseDeadOps(block);
}

namespace {
struct FactorSums : approx_act::impl::FactorSumsBase<FactorSums> {
  using FactorSumsBase::FactorSumsBase;

  void runOnOperation() override {
    std::string reason;
    FailureOr<TrainingStep> step =
        getTrainingStep(getOperation(), forwardResults, reason);
    if (failed(step))
      return signalPassFailure();
    if (step->forwardResults.empty())
      return markAllAnalysesPreserved();
    Turnaround turnaround(getOperation(), step->forwardResults);
    turnaround.sortByPhase();
    SumFactoring factoring(turnaround);
    factoring.run();
    numReplaced += factoring.numReplaced;
    numCreated += factoring.numCreated;
  }
};
} // namespace
