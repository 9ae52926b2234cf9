//===- StableHLOModels.cpp - Interfaces of StableHLO ops ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StableHLOModels.h"
#include "approx-act/Dialect/StableHLO/StableHLO.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::approx_act;

namespace {
/// What is known of an op by its name.
struct OpFacts {
  ScalarFunction function = ScalarFunction::Other;
  Recompute recompute = Recompute::Never;
  /// The demand on the first operand, the second, and all further ones.
  Demand demands[3] = {Demand::Exact, Demand::Exact, Demand::Exact};
};
} // namespace

static const llvm::StringMap<OpFacts> &getFactsTable() {
  using F = ScalarFunction;
  constexpr Recompute cheap = Recompute::Cheap;
  constexpr Recompute never = Recompute::Never;
  constexpr Demand approximate = Demand::Approximate;
  constexpr Demand exact = Demand::Exact;
  constexpr Demand side = Demand::Side;
  static const llvm::StringMap<OpFacts> table = {
      {"constant", {F::Constant, cheap, {}}},
      {"iota", {F::Other, cheap, {}}},

      // Linear in every operand, or Lipschitz with constant 1.
      {"add", {F::Add, cheap, {approximate, approximate, exact}}},
      {"subtract", {F::Subtract, cheap, {approximate, approximate, exact}}},
      {"multiply", {F::Multiply, cheap, {approximate, approximate, exact}}},
      {"negate", {F::Negate, cheap, {approximate, exact, exact}}},
      {"abs", {F::Other, cheap, {approximate, exact, exact}}},
      {"maximum", {F::Maximum, cheap, {approximate, approximate, exact}}},
      {"minimum", {F::Minimum, cheap, {approximate, approximate, exact}}},
      {"convert", {F::Convert, cheap, {approximate, exact, exact}}},
      {"reduce_precision", {F::Other, cheap, {approximate, exact, exact}}},
      {"select", {F::Select, cheap, {exact, approximate, approximate}}},
      {"clamp", {F::Other, cheap, {exact, approximate, exact}}},
      {"divide", {F::Divide, cheap, {approximate, exact, exact}}},

      // Smooth with a bounded derivative.
      {"tanh", {F::Other, cheap, {approximate, exact, exact}}},
      {"logistic", {F::Other, cheap, {approximate, exact, exact}}},
      {"sine", {F::Other, cheap, {exact, exact, exact}}},
      {"cosine", {F::Other, cheap, {exact, exact, exact}}},

      // Not bounded, or steep near a point of the domain. (An exponential
      // turns an absolute error into a relative one of any size.)
      {"exponential", {F::Exponential, cheap, {exact, exact, exact}}},
      {"exponential_minus_one", {F::Other, cheap, {exact, exact, exact}}},
      {"log", {F::Other, cheap, {exact, exact, exact}}},
      {"log_plus_one", {F::Other, cheap, {exact, exact, exact}}},
      {"sqrt", {F::Sqrt, cheap, {exact, exact, exact}}},
      {"rsqrt", {F::Rsqrt, cheap, {exact, exact, exact}}},
      {"cbrt", {F::Other, cheap, {exact, exact, exact}}},
      {"power", {F::Power, cheap, {exact, exact, exact}}},

      // Steps.
      {"compare", {F::Compare, cheap, {side, side, exact}}},
      {"sign", {F::Other, cheap, {exact, exact, exact}}},
      {"floor", {F::Other, cheap, {exact, exact, exact}}},
      {"ceil", {F::Other, cheap, {exact, exact, exact}}},
      {"round_nearest_even", {F::Other, cheap, {exact, exact, exact}}},
      {"round_nearest_afz", {F::Other, cheap, {exact, exact, exact}}},
      {"is_finite", {F::Other, cheap, {exact, exact, exact}}},
      {"remainder", {F::Other, cheap, {exact, exact, exact}}},
      {"and", {F::Other, cheap, {exact, exact, exact}}},
      {"or", {F::Other, cheap, {exact, exact, exact}}},
      {"xor", {F::Other, cheap, {exact, exact, exact}}},
      {"not", {F::Other, cheap, {exact, exact, exact}}},

      // Views.
      {"broadcast_in_dim", {F::Broadcast, cheap, {approximate, exact, exact}}},
      {"reshape", {F::Reshape, cheap, {approximate, exact, exact}}},
      {"transpose", {F::Transpose, cheap, {approximate, exact, exact}}},
      // Of Shardy: where the value is, not what it is.
      {"sharding_constraint", {F::Reshape, cheap, {approximate, exact, exact}}},
      {"dynamic_slice", {F::Other, cheap, {approximate, exact, exact}}},
      {"slice", {F::Other, cheap, {approximate, exact, exact}}},
      {"reverse", {F::Other, cheap, {approximate, exact, exact}}},
      {"pad", {F::Other, cheap, {approximate, approximate, exact}}},
      {"concatenate",
       {F::Other, cheap, {approximate, approximate, approximate}}},

      // Parts of complex numbers.
      {"real", {F::Other, cheap, {approximate, exact, exact}}},
      {"imag", {F::Other, cheap, {approximate, exact, exact}}},
      {"complex", {F::Other, cheap, {approximate, approximate, exact}}},

      // Only the type is read.
      {"get_dimension_size", {F::Other, cheap, {Demand::None, exact, exact}}},

      // Linear, but work that a consumer cannot absorb.
      {"dot_general", {F::Other, never, {approximate, approximate, exact}}},
      {"dot", {F::Other, never, {approximate, approximate, exact}}},
      {"convolution", {F::Other, never, {approximate, approximate, exact}}},
      {"fft", {F::Other, never, {approximate, exact, exact}}},

      // Moves of data: whatever reads the result decides, and is not asked. A
      // barrier of jax.checkpoint leads to the whole block computed again.
      {"gather", {F::Other, never, {exact, exact, exact}}},
      {"dynamic_update_slice", {F::Other, never, {exact, exact, exact}}},
      {"optimization_barrier", {F::Other, never, {exact, exact, exact}}},
  };
  return table;
}

/// The operands that the analyses read of an op that computes `function`.
static unsigned getNumOperands(ScalarFunction function) {
  switch (function) {
  case ScalarFunction::Other:
  case ScalarFunction::Constant:
    return 0;
  case ScalarFunction::Negate:
  case ScalarFunction::Convert:
  case ScalarFunction::Exponential:
  case ScalarFunction::Sqrt:
  case ScalarFunction::Rsqrt:
  case ScalarFunction::Broadcast:
  case ScalarFunction::Reshape:
  case ScalarFunction::Transpose:
    return 1;
  case ScalarFunction::Add:
  case ScalarFunction::Subtract:
  case ScalarFunction::Multiply:
  case ScalarFunction::Divide:
  case ScalarFunction::Maximum:
  case ScalarFunction::Minimum:
  case ScalarFunction::Compare:
  case ScalarFunction::Power:
  case ScalarFunction::ReduceAdd:
    return 2;
  case ScalarFunction::Select:
    return 3;
  }
  llvm_unreachable("all functions are listed");
}

/// Whether the body of a reduction adds its two arguments and returns that.
static bool isSum(Operation *reduce) {
  return reduce->getNumRegions() == 1 &&
         isStableHLOOp(getCombiner(reduce->getRegion(0)), "add");
}

static OpFacts getFacts(Operation *op) {
  StringRef name = op->getName().stripDialect();
  const llvm::StringMap<OpFacts> &table = getFactsTable();
  OpFacts facts;
  if (auto it = table.find(name); it != table.end())
    facts = it->second;
  else if (name == "reduce" && isSum(op))
    // Sums are linear; other reductions look at the order of the elements.
    facts = {ScalarFunction::ReduceAdd,
             Recompute::Never,
             {Demand::Approximate, Demand::Approximate, Demand::Exact}};
  if (facts.function == ScalarFunction::Other)
    return facts;

  // The shim takes any op; what the analyses read of these is checked here.
  if (op->getNumOperands() < getNumOperands(facts.function) ||
      op->getNumResults() != 1)
    return {};
  auto isStatic = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.hasStaticShape();
  };
  if (!llvm::all_of(op->getOperandTypes(), isStatic) ||
      !isStatic(op->getResult(0).getType()))
    facts.function = ScalarFunction::Other;
  return facts;
}

//===----------------------------------------------------------------------===//
// Memory effects
//===----------------------------------------------------------------------===//

bool approx_act::isPureStableHLOOp(StringRef name) {
  if (getFactsTable().contains(name))
    return true;
  return llvm::StringSwitch<bool>(name)
      .Cases({"reduce",
              "reduce_window",
              "select_and_scatter",
              "scatter",
              "sort",
              "rng_bit_generator",
              "get_tuple_element",
              "tuple",
              "atan2",
              "tan",
              "popcnt",
              "count_leading_zeros",
              "shift_left",
              "shift_right_arithmetic",
              "shift_right_logical",
              "bitcast_convert",
              "cholesky",
              "triangular_solve",
              "map",
              "batch_norm_training",
              "batch_norm_grad",
              "batch_norm_inference",
              "return"},
             true)
      .Default(false);
}

bool StableHLOEffectsModel::classof(Operation *op) {
  return isPureStableHLOOp(op->getName().stripDialect());
}

//===----------------------------------------------------------------------===//
// ResidualOpInterface
//===----------------------------------------------------------------------===//

bool StableHLOResidualModel::classof(Operation *) { return true; }

ScalarFunction StableHLOResidualModel::getScalarFunction(Operation *op) const {
  return getFacts(op).function;
}

Recompute StableHLOResidualModel::getRecompute(Operation *op) const {
  return getFacts(op).recompute;
}

/// Whether the values of `type` can be approximated: real floating point.
static bool isFloat(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  return shaped && isa<FloatType>(shaped.getElementType());
}

Demand StableHLOResidualModel::getDemand(Operation *op, unsigned index) const {
  OpFacts facts = getFacts(op);
  Demand demand = facts.demands[std::min(index, 2U)];
  // A step in the values: what is converted to an integer must be exact.
  bool intoStep = facts.function == ScalarFunction::Convert &&
                  !isFloat(op->getResult(0).getType());
  return intoStep ? Demand::Exact : demand;
}

std::optional<Comparison>
StableHLOResidualModel::getComparison(Operation *op) const {
  auto direction = op->getAttrOfType<OpaqueAttr>("comparison_direction");
  if (!direction || getFacts(op).function != ScalarFunction::Compare)
    return std::nullopt;
  return llvm::StringSwitch<std::optional<Comparison>>(
             direction.getAttrData().rsplit(' ').second.rtrim('>'))
      .Case("EQ", Comparison::EQ)
      .Case("NE", Comparison::NE)
      .Case("GE", Comparison::GE)
      .Case("GT", Comparison::GT)
      .Case("LE", Comparison::LE)
      .Case("LT", Comparison::LT)
      .Default(std::nullopt);
}

SmallVector<int64_t>
StableHLOResidualModel::getDimensions(Operation *op) const {
  StringRef name;
  switch (getFacts(op).function) {
  case ScalarFunction::Broadcast:
    name = "broadcast_dimensions";
    break;
  case ScalarFunction::Transpose:
    name = "permutation";
    break;
  case ScalarFunction::ReduceAdd:
    name = "dimensions";
    break;
  default:
    return {};
  }
  auto dims = op->getAttrOfType<DenseI64ArrayAttr>(name);
  return dims ? SmallVector<int64_t>(dims.asArrayRef())
              : SmallVector<int64_t>();
}

std::optional<double>
StableHLOResidualModel::getSplatValue(Operation *op) const {
  auto elements = op->getAttrOfType<DenseElementsAttr>("value");
  if (getFacts(op).function != ScalarFunction::Constant || !elements ||
      !elements.isSplat())
    return std::nullopt;
  if (isa<FloatType>(elements.getElementType())) {
    APFloat value = elements.getSplatValue<APFloat>();
    bool losesInfo = false;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
    return value.convertToDouble();
  }
  if (elements.getElementType().isInteger(1))
    return elements.getSplatValue<bool>() ? 1.0 : 0.0;
  // Signless integers are signed.
  if (elements.getElementType().isIntOrIndex())
    return elements.getSplatValue<APInt>().roundToDouble(
        !elements.getElementType().isUnsignedInteger());
  return std::nullopt;
}

namespace {
struct ArithmeticOp {
  unsigned numOperands;
  Evaluator evaluator;
};
} // namespace

static const llvm::StringMap<ArithmeticOp> &getArithmeticOps() {
  using X = ArrayRef<double>;
  static const llvm::StringMap<ArithmeticOp> table = {
      {"add", {2, [](X x) { return x[0] + x[1]; }}},
      {"subtract", {2, [](X x) { return x[0] - x[1]; }}},
      {"multiply", {2, [](X x) { return x[0] * x[1]; }}},
      {"divide", {2, [](X x) { return x[0] / x[1]; }}},
      {"negate", {1, [](X x) { return -x[0]; }}},
      {"abs", {1, [](X x) { return std::abs(x[0]); }}},
      {"maximum", {2, [](X x) { return std::max(x[0], x[1]); }}},
      {"minimum", {2, [](X x) { return std::min(x[0], x[1]); }}},
      {"clamp", {3, [](X x) { return std::min(std::max(x[1], x[0]), x[2]); }}},
      {"select", {3, [](X x) { return x[0] != 0.0 ? x[1] : x[2]; }}},
      {"convert", {1, [](X x) { return x[0]; }}},
      {"reduce_precision", {1, [](X x) { return x[0]; }}},
      {"sign", {1, [](X x) { return double((x[0] > 0.0) - (x[0] < 0.0)); }}},
      {"tanh", {1, [](X x) { return std::tanh(x[0]); }}},
      {"logistic", {1, [](X x) { return 1.0 / (1.0 + std::exp(-x[0])); }}},
      {"sine", {1, [](X x) { return std::sin(x[0]); }}},
      {"cosine", {1, [](X x) { return std::cos(x[0]); }}},
      {"exponential", {1, [](X x) { return std::exp(x[0]); }}},
      {"exponential_minus_one", {1, [](X x) { return std::expm1(x[0]); }}},
      {"log", {1, [](X x) { return std::log(x[0]); }}},
      {"log_plus_one", {1, [](X x) { return std::log1p(x[0]); }}},
      {"sqrt", {1, [](X x) { return std::sqrt(x[0]); }}},
      {"rsqrt", {1, [](X x) { return 1.0 / std::sqrt(x[0]); }}},
      {"cbrt", {1, [](X x) { return std::cbrt(x[0]); }}},
      {"power", {2, [](X x) { return std::pow(x[0], x[1]); }}},
      {"and", {2, [](X x) { return double(x[0] != 0.0 && x[1] != 0.0); }}},
      {"or", {2, [](X x) { return double(x[0] != 0.0 || x[1] != 0.0); }}},
      {"xor", {2, [](X x) { return double((x[0] != 0.0) != (x[1] != 0.0)); }}},
      {"not", {1, [](X x) { return double(x[0] == 0.0); }}},
  };
  return table;
}

static Evaluator getEvaluatorOf(Comparison comparison) {
  using X = ArrayRef<double>;
  switch (comparison) {
  case Comparison::EQ:
    return [](X x) { return double(x[0] == x[1]); };
  case Comparison::NE:
    return [](X x) { return double(x[0] != x[1]); };
  case Comparison::GE:
    return [](X x) { return double(x[0] >= x[1]); };
  case Comparison::GT:
    return [](X x) { return double(x[0] > x[1]); };
  case Comparison::LE:
    return [](X x) { return double(x[0] <= x[1]); };
  case Comparison::LT:
    return [](X x) { return double(x[0] < x[1]); };
  }
  llvm_unreachable("all comparisons are listed");
}

Evaluator StableHLOResidualModel::getEvaluator(Operation *op) const {
  // Integers wrap, and complex numbers are none of this.
  auto isRealOrBoolean = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && (isa<FloatType>(tensor.getElementType()) ||
                      tensor.getElementType().isInteger(1));
  };
  if (op->getNumResults() != 1 ||
      !isRealOrBoolean(op->getResult(0).getType()) ||
      !llvm::all_of(op->getOperandTypes(), isRealOrBoolean))
    return nullptr;
  // The shim takes any number of operands.
  if (std::optional<Comparison> comparison = getComparison(op))
    return op->getNumOperands() == 2 ? getEvaluatorOf(*comparison) : nullptr;
  StringRef name = op->getName().stripDialect();
  auto it = getArithmeticOps().find(name);
  if (it == getArithmeticOps().end() ||
      it->second.numOperands != op->getNumOperands())
    return nullptr;
  // What becomes a boolean is whether it is zero.
  if (name == "convert" && !isFloat(op->getResult(0).getType()))
    return [](ArrayRef<double> x) { return double(x[0] != 0.0); };
  return it->second.evaluator;
}
