//===- ContractionMatch.cpp - Products and convolutions in loops ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ContractionMatch.h"
#include "KernelBody.h"
#include "mlir/Analysis/FlatLinearValueConstraints.h"

using namespace mlir;
using namespace mlir::approx_act;

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

namespace {
/// An index of a tensor: a sum of loops, and what it is an index of.
struct IndexedDim {
  struct Term {
    unsigned loop;
    int64_t factor;
  };
  ViewDim dim;
  SmallVector<Term, 2> terms;
  int64_t constant = 0;
};

/// A tensor of a contraction.
struct IndexedTensor {
  Value base;
  SmallVector<IndexedDim> dims;
  /// Per loop, how far apart in memory two iterations are; of loops that an
  /// index of their own, which is in memory as a whole.
  DenseMap<unsigned, int64_t> strides;
  /// The dimensions that have none: those of a window.
  SmallVector<unsigned> rest;

  bool has(unsigned loop) const {
    return llvm::any_of(dims, [&](const IndexedDim &dim) {
      return llvm::any_of(dim.terms, [&](const IndexedDim::Term &term) {
        return term.loop == loop;
      });
    });
  }
};
} // namespace

/// A tensor with `map` from loops to its indices; `std::nullopt` when an index
/// is no sum of loops. Loops of one iteration are left out if `dropsUnit`.
static std::optional<IndexedTensor> getIndexedTensor(const OperandView &view,
                                                     AffineMap map,
                                                     ArrayRef<int64_t> ranges,
                                                     bool dropsUnit) {
  IndexedTensor tensor;
  tensor.base = view.base;
  for (auto [dim, expr] : llvm::zip_equal(view.dims, map.getResults())) {
    IndexedDim indexed;
    indexed.dim = dim;
    SmallVector<int64_t> factors;
    if (failed(getFlattenedAffineExpr(expr, map.getNumDims(), 0, &factors)) ||
        factors.size() != map.getNumDims() + 1)
      return std::nullopt;
    indexed.constant = factors.pop_back_val();
    for (auto [loop, factor] : llvm::enumerate(factors))
      if (factor != 0 && !(dropsUnit && ranges[loop] == 1))
        indexed.terms.push_back({static_cast<unsigned>(loop), factor});
    tensor.dims.push_back(indexed);
  }
  for (auto [index, indexed] : llvm::enumerate(tensor.dims)) {
    const ViewDim &dim = indexed.dim;
    std::optional<int64_t> stride = dim.getStride();
    if (!stride || indexed.terms.size() > 2)
      return std::nullopt;
    int64_t first = indexed.constant - dim.low;
    if (indexed.terms.empty()) {
      if (first != 0)
        return std::nullopt;
      continue;
    }
    IndexedDim::Term term = indexed.terms.front();
    bool isOwn = indexed.terms.size() == 1 && first == 0 && dim.step == 1 &&
                 *stride > 0 && term.factor > 0 &&
                 (ranges[term.loop] - 1) * term.factor < dim.getCount();
    if (isOwn)
      tensor.strides[term.loop] += term.factor * *stride;
    else
      tensor.rest.push_back(index);
  }
  return tensor;
}

/// The loops in `tensors` but in none of `others`, outermost first in memory of
/// the first.
static Loops getLoops(ArrayRef<int64_t> ranges,
                      ArrayRef<const IndexedTensor *> tensors,
                      ArrayRef<const IndexedTensor *> others) {
  Loops loops;
  for (unsigned loop = 0; loop < ranges.size(); ++loop) {
    auto isIn = [&](const IndexedTensor *tensor) { return tensor->has(loop); };
    auto isOwn = [&](const IndexedTensor *tensor) {
      return tensor->strides.contains(loop);
    };
    if (llvm::all_of(tensors, isOwn) && llvm::none_of(others, isIn))
      loops.push_back(loop);
  }
  const DenseMap<unsigned, int64_t> &strides = tensors.front()->strides;
  llvm::sort(loops, [&](unsigned lhs, unsigned rhs) {
    return std::pair(-strides.at(lhs), lhs) < std::pair(-strides.at(rhs), rhs);
  });
  return loops;
}

static int64_t getSize(ArrayRef<int64_t> ranges, const Loops &loops) {
  return getProduct(
      llvm::map_to_vector(loops, [&](unsigned loop) { return ranges[loop]; }));
}

/// The stride of `loops` as one, if that is what they are in memory of
/// `tensor`.
static std::optional<int64_t> getStride(ArrayRef<int64_t> ranges,
                                        const IndexedTensor &tensor,
                                        const Loops &loops) {
  ViewDim dim;
  for (unsigned loop : loops)
    dim.factors.push_back({ranges[loop], tensor.strides.at(loop)});
  return dim.getStride();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

std::optional<Gemm> approx_act::matchGemm(const Contraction &contraction,
                                          const OperandView &lhsView,
                                          const OperandView &rhsView) {
  ArrayRef<int64_t> ranges = contraction.ranges;
  auto lhs = getIndexedTensor(lhsView, contraction.lhsMap, ranges, true);
  auto rhs = getIndexedTensor(rhsView, contraction.rhsMap, ranges, true);
  auto out = getIndexedTensor(getOwnView(contraction.result),
                              contraction.outMap, ranges, true);
  if (!lhs || !rhs || !out || !lhs->rest.empty() || !rhs->rest.empty() ||
      !out->rest.empty())
    return std::nullopt;
  Loops batch = getLoops(ranges, {&*out, &*lhs, &*rhs}, {});
  Loops rows = getLoops(ranges, {&*out, &*lhs}, {&*rhs});
  Loops columns = getLoops(ranges, {&*out, &*rhs}, {&*lhs});
  Loops summed = getLoops(ranges, {&*lhs, &*rhs}, {&*out});
  size_t count = batch.size() + rows.size() + columns.size() + summed.size();
  if (count != static_cast<size_t>(llvm::count_if(
                   ranges, [](int64_t range) { return range != 1; })))
    return std::nullopt;

  Gemm gemm;
  gemm.lhs = lhs->base;
  gemm.rhs = rhs->base;
  gemm.sizes = {getSize(ranges, batch), getSize(ranges, rows),
                getSize(ranges, columns), getSize(ranges, summed)};
  // The strides of a tensor; true where it has to be copied.
  auto describe = [&](const IndexedTensor &tensor, const Loops &major,
                      const Loops &minor, SmallVector<int64_t> &strides,
                      Loops &order) {
    auto first = getStride(ranges, tensor, batch);
    auto second = getStride(ranges, tensor, major);
    auto third = getStride(ranges, tensor, minor);
    order = batch;
    order.append(major);
    order.append(minor);
    bool isStrided = first && second && third;
    if (isStrided)
      strides = {*first, *second, *third};
    else
      strides = {getSize(ranges, major) * getSize(ranges, minor),
                 getSize(ranges, minor), 1};
    return !isStrided;
  };
  gemm.copiesLhs = describe(*lhs, rows, summed, gemm.lhsStrides, gemm.lhsOrder);
  gemm.copiesRhs =
      describe(*rhs, summed, columns, gemm.rhsStrides, gemm.rhsOrder);
  gemm.copiesOut =
      describe(*out, rows, columns, gemm.outStrides, gemm.outOrder);
  return gemm;
}

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

namespace {
/// A spatial dimension: index `a` of the tensor with windows, loop `p` over the
/// result and index `j` of the other tensor meet where
/// `step * a = factor * p + windowFactor * j + constant`.
struct Spatial {
  int64_t step, factor, windowFactor, constant;
  /// How many indices there are.
  int64_t count, resultCount, windowCount;
  /// Strides of the three tensors.
  int64_t stride, resultStride, windowStride;
};
} // namespace

/// Adds a spatial dimension to the description.
static void addSpatial(Convolution &c, const Spatial &s) {
  // Which index is which depends on what is computed.
  struct Axis {
    int64_t size, stride, factor;
  };
  Axis own{s.count, s.stride, s.step};
  Axis result{s.resultCount, s.resultStride, s.factor};
  Axis window{s.windowCount, s.windowStride, s.windowFactor};
  Axis input = own, output = result, filter = window;
  int64_t low = -s.constant;
  if (c.kind == ConvolutionKind::FilterGradient)
    std::swap(output, filter);
  if (c.kind == ConvolutionKind::InputGradient) {
    std::swap(input, output);
    filter.factor = -filter.factor;
    low = s.constant;
  }
  // Of one element it does not matter.
  if (filter.size == 1)
    filter.factor = 1;
  if (output.size == 1)
    output.factor = 1;
  c.inputSizes.push_back(input.size);
  c.filterSizes.push_back(filter.size);
  c.windowStrides.push_back(output.factor);
  c.inputDilations.push_back(input.factor);
  c.filterDilations.push_back(filter.factor);
  c.inputStrides.push_back(input.stride);
  c.filterStrides.push_back(filter.stride);
  c.outputStrides.push_back(output.stride);
  // The input reaches as far as the last window, and may go on for less than a
  // stride: not at all is best.
  int64_t least = output.factor * (output.size - 1) +
                  filter.factor * (filter.size - 1) -
                  input.factor * (input.size - 1) - low;
  c.paddingLow.push_back(low);
  c.paddingHigh.push_back(
      std::max(least, std::min<int64_t>(0, least + output.factor - 1)));
}

/// Reads how a dimension of `tensor` is made of two loops.
static std::optional<Spatial> matchSpatial(const Contraction &contraction,
                                           const IndexedDim &indexed,
                                           const IndexedTensor &other,
                                           const IndexedTensor &out) {
  if (indexed.terms.size() != 2)
    return std::nullopt;
  IndexedDim::Term result = indexed.terms[0], window = indexed.terms[1];
  if (!out.has(result.loop))
    std::swap(result, window);
  auto resultStride = out.strides.find(result.loop);
  if (resultStride == out.strides.end() || other.has(result.loop) ||
      out.has(window.loop))
    return std::nullopt;
  const auto *isWindow = llvm::find_if(other.dims, [&](const IndexedDim &dim) {
    return dim.terms.size() == 1 && dim.terms.front().loop == window.loop;
  });
  if (isWindow == other.dims.end() || isWindow->terms.front().factor != 1 ||
      isWindow->constant != 0)
    return std::nullopt;
  const ViewDim &windowDim = isWindow->dim;
  Spatial spatial;
  spatial.step = indexed.dim.step;
  spatial.count = indexed.dim.getCount();
  spatial.resultCount = contraction.ranges[result.loop];
  spatial.windowCount = windowDim.getCount();
  spatial.stride = indexed.dim.getStride().value_or(0);
  spatial.resultStride = resultStride->second;
  spatial.windowStride = windowDim.getStride().value_or(0);
  // What is not in memory adds nothing, so the loop goes over what is.
  int64_t first = windowDim.low;
  int64_t last = first + windowDim.step * (spatial.windowCount - 1);
  if (first < 0 || last >= contraction.ranges[window.loop] ||
      result.factor < 1 || spatial.stride < 1 || spatial.windowStride == 0)
    return std::nullopt;
  int64_t step = windowDim.step;
  if (spatial.windowStride < 0) {
    std::swap(first, last);
    step = -step;
    spatial.windowStride = -spatial.windowStride;
  }
  spatial.factor = result.factor;
  spatial.windowFactor = window.factor * step;
  spatial.constant = window.factor * first + indexed.constant - indexed.dim.low;
  return spatial;
}

/// The kind that describes all dimensions, `std::nullopt` if there is none.
static std::optional<ConvolutionKind> getKind(ArrayRef<Spatial> spatials) {
  bool isBackward = false, isDilated = false;
  int64_t resultCount = 1, windowCount = 1;
  for (const Spatial &spatial : spatials) {
    isBackward |= spatial.windowCount > 1 && spatial.windowFactor < 0;
    isDilated |= spatial.step > 1;
    resultCount *= spatial.resultCount;
    windowCount *= spatial.windowCount;
  }
  bool canBeBackward = llvm::all_of(spatials, [](const Spatial &spatial) {
    // A filter that is turned back by hand is less than an input that is
    // dilated by the library.
    return (spatial.windowCount == 1 || spatial.windowFactor < 0) &&
           spatial.factor == 1;
  });
  if (canBeBackward && (isBackward || isDilated))
    return ConvolutionKind::InputGradient;
  if (isBackward)
    return std::nullopt;
  return windowCount > resultCount ? ConvolutionKind::FilterGradient
                                   : ConvolutionKind::Forward;
}

/// Matches a convolution in which indices of `dataView` are sums of loops.
static std::optional<Convolution> matchOrdered(const Contraction &contraction,
                                               const OperandView &dataView,
                                               AffineMap dataMap,
                                               const OperandView &otherView,
                                               AffineMap otherMap) {
  ArrayRef<int64_t> ranges = contraction.ranges;
  auto data = getIndexedTensor(dataView, dataMap, ranges, false);
  auto other = getIndexedTensor(otherView, otherMap, ranges, false);
  auto out = getIndexedTensor(getOwnView(contraction.result),
                              contraction.outMap, ranges, false);
  if (!data || !other || !out || data->rest.empty() || data->rest.size() > 3 ||
      !out->rest.empty())
    return std::nullopt;
  SmallVector<Spatial> spatials;
  DenseSet<unsigned> spatialLoops;
  for (unsigned index : data->rest) {
    const IndexedDim &dim = data->dims[index];
    std::optional<Spatial> spatial =
        matchSpatial(contraction, dim, *other, *out);
    if (!spatial)
      return std::nullopt;
    spatials.push_back(*spatial);
    for (const IndexedDim::Term &term : dim.terms)
      if (!spatialLoops.insert(term.loop).second)
        return std::nullopt;
  }
  // These are all that such loops are for, in the other tensor one index.
  for (unsigned loop : spatialLoops) {
    auto isOf = [&](const IndexedDim &dim) {
      return llvm::any_of(dim.terms, [&](const IndexedDim::Term &term) {
        return term.loop == loop;
      });
    };
    if (llvm::count_if(data->dims, isOf) != 1 ||
        llvm::count_if(other->dims, isOf) > 1)
      return std::nullopt;
  }
  // What is left of the loops has indices of its own.
  for (unsigned index : other->rest)
    if (!spatialLoops.contains(other->dims[index].terms.front().loop))
      return std::nullopt;
  std::optional<ConvolutionKind> kind = getKind(spatials);
  if (!kind)
    return std::nullopt;

  auto getOwnLoops = [&](ArrayRef<const IndexedTensor *> tensors,
                         ArrayRef<const IndexedTensor *> others) {
    Loops loops = getLoops(ranges, tensors, others);
    llvm::erase_if(loops,
                   [&](unsigned loop) { return spatialLoops.contains(loop); });
    return loops;
  };
  Loops groups = getOwnLoops({&*data, &*other, &*out}, {});
  Loops kept = getOwnLoops({&*data, &*out}, {&*other});
  Loops summed = getOwnLoops({&*data, &*other}, {&*out});
  Loops made = getOwnLoops({&*other, &*out}, {&*data});
  if (groups.size() + kept.size() + summed.size() + made.size() +
          spatialLoops.size() !=
      ranges.size())
    return std::nullopt;

  // The parts that tensors and loops play.
  const IndexedTensor *input = &*data, *filter = &*other, *output = &*out;
  Loops batch = kept, inputs = summed, outputs = made;
  if (*kind == ConvolutionKind::FilterGradient) {
    std::swap(filter, output);
    std::swap(batch, inputs);
  } else if (*kind == ConvolutionKind::InputGradient) {
    std::swap(input, output);
    std::swap(inputs, outputs);
  }
  Loops inputChannels = groups, outputChannels = groups;
  inputChannels.append(inputs);
  outputChannels.append(outputs);
  Convolution convolution;
  convolution.kind = *kind;
  convolution.lhs = data->base;
  convolution.rhs = other->base;
  convolution.batch = getSize(ranges, batch);
  convolution.groups = getSize(ranges, groups);
  convolution.inputChannels = getSize(ranges, inputChannels);
  convolution.outputChannels = getSize(ranges, outputChannels);
  bool isStrided = true;
  auto addStride = [&](SmallVector<int64_t> &strides,
                       const IndexedTensor &tensor, const Loops &loops) {
    std::optional<int64_t> stride = getStride(ranges, tensor, loops);
    isStrided &= stride.has_value();
    strides.push_back(stride.value_or(0));
  };
  addStride(convolution.inputStrides, *input, batch);
  addStride(convolution.inputStrides, *input, inputChannels);
  addStride(convolution.filterStrides, *filter, outputChannels);
  addStride(convolution.filterStrides, *filter, inputs);
  addStride(convolution.outputStrides, *output, batch);
  addStride(convolution.outputStrides, *output, outputChannels);
  if (!isStrided)
    return std::nullopt;
  for (const Spatial &spatial : spatials)
    addSpatial(convolution, spatial);
  return convolution;
}

std::optional<Convolution>
approx_act::matchConvolution(const Contraction &contraction,
                             const OperandView &lhsView,
                             const OperandView &rhsView) {
  if (auto convolution = matchOrdered(contraction, lhsView, contraction.lhsMap,
                                      rhsView, contraction.rhsMap))
    return convolution;
  return matchOrdered(contraction, rhsView, contraction.rhsMap, lhsView,
                      contraction.lhsMap);
}
