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
#include "mlir/Interfaces/SideEffectInterfaces.h"
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

  SmallVector<Term> expand(Value value, ArrayRef<int64_t> reduced);
  std::optional<Coefficient> getCoefficient(Value value,
                                            ArrayRef<int64_t> reduced) const;
  unsigned getNumber(Value value);
  Key getKey(const Term &term, ArrayRef<int64_t> reduced);
  void visitSum(ResidualOpInterface sum);
  Value createSum(Operation *like, const Term &term);
  Value combine(Operation *sum, ArrayRef<Term> terms, ArrayRef<Value> sums);

  const Turnaround &turnaround;
  NormalisationAnalysis normalisation;
  llvm::DenseMap<Value, unsigned> numbers;
  std::map<Key, Value> known;
};
} // namespace

/// More terms than differentiation of a normalisation gives.
static constexpr size_t kMaxTerms = 4;

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
    if (type.getDimSize(dim) != 1 &&
        varies == llvm::is_contained(reduced, dim))
      return std::nullopt;
  }
  return Coefficient{source.value};
}

SmallVector<Term> SumFactoring::expand(Value value,
                                       ArrayRef<int64_t> reduced) {
  Term leaf{1.0, {}, {value}};
  if (std::optional<double> splat = getSplatValue(value))
    return {Term{*splat, {}, {}}};
  if (std::optional<Coefficient> coefficient = getCoefficient(value, reduced))
    return {Term{1.0, {*coefficient}, {}}};
  auto op = dyn_cast_or_null<ResidualOpInterface>(value.getDefiningOp());
  if (!op)
    return {leaf};
  auto operand = [&](unsigned index) {
    return expand(op->getOperand(index), reduced);
  };

  // A sum of cotangents may be taken apart; a forward difference, such as a
  // centred value, cancels, and is better summed as it is.
  bool isBackward = turnaround.getPhase(value) == Phase::Backward;
  switch (op.getScalarFunction()) {
  case ScalarFunction::Negate: {
    SmallVector<Term> terms = operand(0);
    for (Term &term : terms)
      term.scale = -term.scale;
    return terms;
  }
  case ScalarFunction::Add:
  case ScalarFunction::Subtract: {
    if (!isBackward)
      return {leaf};
    SmallVector<Term> terms = operand(0);
    SmallVector<Term> others = operand(1);
    if (terms.size() + others.size() > kMaxTerms)
      return {leaf};
    for (Term &term : others) {
      if (op.getScalarFunction() == ScalarFunction::Subtract)
        term.scale = -term.scale;
      terms.push_back(std::move(term));
    }
    return terms;
  }
  case ScalarFunction::Multiply: {
    SmallVector<Term> lhs = operand(0);
    SmallVector<Term> rhs = operand(1);
    if (lhs.size() * rhs.size() > kMaxTerms)
      return {leaf};
    SmallVector<Term> terms;
    for (const Term &a : lhs) {
      for (const Term &b : rhs) {
        Term term = a;
        term.scale *= b.scale;
        llvm::append_range(term.coefficients, b.coefficients);
        llvm::append_range(term.factors, b.factors);
        terms.push_back(std::move(term));
      }
    }
    return terms;
  }
  case ScalarFunction::Divide: {
    std::optional<double> splat = getSplatValue(op->getOperand(1));
    std::optional<Coefficient> divisor =
        getCoefficient(op->getOperand(1), reduced);
    if (!divisor || splat == 0.0)
      return {leaf};
    SmallVector<Term> terms = operand(0);
    for (Term &term : terms) {
      if (splat)
        term.scale /= *splat;
      else
        term.coefficients.push_back({divisor->value, /*isDivisor=*/true});
    }
    return terms;
  }
  default:
    return {leaf};
  }
}

unsigned SumFactoring::getNumber(Value value) {
  return numbers.try_emplace(value, numbers.size()).first->second;
}

SumFactoring::Key SumFactoring::getKey(const Term &term,
                                       ArrayRef<int64_t> reduced) {
  Key key{SmallVector<int64_t>(reduced), {}};
  for (Value factor : term.factors)
    key.second.push_back(getNumber(factor));
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

Value SumFactoring::combine(Operation *sum, ArrayRef<Term> terms,
                            ArrayRef<Value> sums) {
  OpBuilder builder(sum);
  Location loc = sum->getLoc();
  auto type = cast<RankedTensorType>(sum->getResult(0).getType());
  int64_t count =
      cast<RankedTensorType>(sum->getOperand(0).getType()).getNumElements() /
      type.getNumElements();

  Value total;
  for (auto [term, value] : llvm::zip_equal(terms, sums)) {
    double scale = term.factors.empty()
                       ? term.scale * static_cast<double>(count)
                       : term.scale;
    // A term without a value is zero.
    if (!value && !term.factors.empty())
      continue;
    Value product = value;
    auto multiply = [&](Value factor) {
      product = product ? arith::MulFOp::create(builder, loc, product, factor)
                              .getResult()
                        : factor;
    };
    if (scale != 1.0 || !product)
      multiply(makeSplat(builder, loc, type, scale));
    for (const Coefficient &coefficient : term.coefficients) {
      Value factor = makeSmall(builder, loc, coefficient.value, type);
      if (coefficient.isDivisor)
        product = arith::DivFOp::create(builder, loc, product, factor);
      else
        multiply(factor);
    }
    total = total ? arith::AddFOp::create(builder, loc, total, product)
                        .getResult()
                  : product;
  }
  return total ? total : makeSplat(builder, loc, type, 0.0);
}

void SumFactoring::visitSum(ResidualOpInterface sum) {
  Value value = sum->getOperand(0);
  SmallVector<int64_t> reduced = sum.getDimensions();
  llvm::sort(reduced);
  auto type = cast<RankedTensorType>(value.getType());
  auto resultType = cast<RankedTensorType>(sum->getResult(0).getType());
  if (!type.hasStaticShape() || type.getNumElements() == 0 ||
      type.getNumElements() == resultType.getNumElements() ||
      !isa<Float32Type, Float64Type>(type.getElementType()) ||
      getSplatValue(sum->getOperand(1)) != 0.0)
    return;

  bool isBackward = turnaround.getPhase(sum) == Phase::Backward;
  SmallVector<Term> terms =
      isBackward ? expand(value, reduced)
                 : SmallVector<Term>{Term{1.0, {}, {value}}};
  bool isPlain = terms.size() == 1 && terms[0].scale == 1.0 &&
                 terms[0].coefficients.empty() && !terms[0].factors.empty();

  SmallVector<Value> sums;
  const Term *missing = nullptr;
  unsigned numMissing = 0;
  for (const Term &term : terms) {
    Value found;
    bool isZero =
        term.factors.size() == 1 &&
        normalisation.isCentred(term.factors.front(), reduced);
    if (!term.factors.empty() && !isZero) {
      auto it = known.find(getKey(term, reduced));
      if (it != known.end()) {
        found = it->second;
      } else if (!missing ||
                 getKey(*missing, reduced) != getKey(term, reduced)) {
        missing = &term;
        ++numMissing;
      }
    }
    sums.push_back(found);
  }
  if (isPlain && (numMissing == 1 || !isBackward)) {
    known.try_emplace(getKey(terms[0], reduced), sum->getResult(0));
    return;
  }
  if (numMissing > 1)
    return;
  if (missing)
    known[getKey(*missing, reduced)] = createSum(sum, *missing);
  for (auto [term, found] : llvm::zip_equal(terms, sums))
    if (!found && !term.factors.empty())
      if (auto it = known.find(getKey(term, reduced)); it != known.end())
        found = it->second;
  Value total = combine(sum, terms, sums);
  sum->getResult(0).replaceAllUsesWith(total);
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
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
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
