//===- Contractions.cpp - Products and convolutions -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Runtime/Contractions.h"
#include "../Device.h"
#include "../Profile.h"
#include "../Support.h"
#include "ContractionLibrary.h"
#include "approx-act/Runtime/Mgpu.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

ContractionLibrary::~ContractionLibrary() = default;

// As the program itself does it: what an error leaves is freed, and peaks of
// memory know of it.
void *ContractionLibrary::allocate(uint64_t bytes) {
  return mgpuMemAlloc(bytes, stream, /*isHostShared=*/false);
}

void ContractionLibrary::release(void *data) { mgpuMemFree(data, stream); }

StridedView StridedView::getDense(ArrayRef<int64_t> sizes) {
  StridedView view;
  view.sizes.assign(sizes.begin(), sizes.end());
  view.strides.resize(sizes.size());
  int64_t stride = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    view.strides[i] = stride;
    stride *= sizes[i];
  }
  return view;
}

int64_t StridedView::getNumElements() const {
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  return count;
}

int64_t StridedView::getExtent() const {
  if (getNumElements() == 0)
    return 0;
  int64_t last = 0;
  for (auto [size, stride] : zip_equal(sizes, strides))
    last += (size - 1) * stride;
  return last + 1;
}

static StridedView makeView(const void *data, ArrayRef<int64_t> sizes,
                            ArrayRef<int64_t> strides) {
  StridedView view;
  view.data = static_cast<float *>(const_cast<void *>(data));
  view.sizes.assign(sizes.begin(), sizes.end());
  view.strides.assign(strides.begin(), strides.end());
  // The stride of a single element says nothing; libraries want it beyond the
  // others.
  int64_t extent = 1;
  for (auto [size, stride] : zip_equal(view.sizes, view.strides))
    if (size > 1)
      extent = std::max(extent, size * stride);
  for (auto [size, stride] : zip_equal(view.sizes, view.strides))
    if (size == 1)
      stride = extent;
  return view;
}

/// Fails unless the view is one of device memory.
static void checkView(const Twine &call, StringRef operand,
                      const StridedView &view) {
  for (auto [size, stride] : zip_equal(view.sizes, view.strides)) {
    if (size < 0)
      fail(call + ": " + operand + " has a negative size");
    if (stride <= 0 && view.getNumElements() > 0)
      fail(call + ": " + operand + " has a stride of " + Twine(stride) +
           "; strides are positive");
  }
  uint64_t bytes = view.getExtent() * sizeof(float);
  if (!getDevice().isAccessible(view.data, bytes))
    fail(call + ": " + operand + " is not " + Twine(bytes) +
         " bytes of device memory");
}

/// Fills a view that need not be dense.
static void fillZero(ContractionLibrary &library, const StridedView &view) {
  int64_t count = view.getNumElements();
  if (count == 0)
    return;
  StridedView zeros = StridedView::getDense(view.sizes);
  zeros.data = library.allocateFloats(count);
  library.fillZero(zeros.data, count);
  library.copy(view, zeros);
  library.release(zeros.data);
}

/// Runs a contraction and records it like a kernel.
static void runRecorded(StringRef name, void *stream,
                        function_ref<void(ContractionLibrary &)> body) {
  uint64_t begin = now();
  getDevice().contract(stream, body);
  Profile::get().addLaunch(name, begin, now());
}

void approxActGemmF32(void *c, const void *a, const void *b,
                      const ApproxActGemm *gemm, void *stream) {
  StridedView result =
      makeView(c, {gemm->batch, gemm->m, gemm->n}, gemm->cStrides);
  StridedView left =
      makeView(a, {gemm->batch, gemm->m, gemm->k}, gemm->aStrides);
  StridedView right =
      makeView(b, {gemm->batch, gemm->k, gemm->n}, gemm->bStrides);
  std::string name =
      formatv("gemm {0}x{1}x{2}x{3}", gemm->batch, gemm->m, gemm->n, gemm->k);
  checkView(name, "c", result);
  checkView(name, "a", left);
  checkView(name, "b", right);
  runRecorded(name, stream, [&](ContractionLibrary &library) {
    if (result.getNumElements() == 0)
      return;
    if (gemm->k == 0)
      fillZero(library, result);
    else
      library.multiply(result, left, right);
  });
}

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

/// The sizes of the input once it is dilated and padded.
static int64_t getPaddedSize(const ApproxActConvolution &convolution, int i) {
  int64_t size = convolution.inputSizes[i];
  int64_t dilated =
      size == 0 ? 0 : (size - 1) * convolution.inputDilations[i] + 1;
  return dilated + convolution.paddingLow[i] + convolution.paddingHigh[i];
}

static int64_t getOutputSize(const ApproxActConvolution &convolution, int i) {
  int64_t window =
      (convolution.filterSizes[i] - 1) * convolution.filterDilations[i] + 1;
  int64_t rest = getPaddedSize(convolution, i) - window;
  return rest < 0 || convolution.filterSizes[i] == 0
             ? 0
             : rest / convolution.windowStrides[i] + 1;
}

static void checkConvolution(StringRef name,
                             const ApproxActConvolution &convolution) {
  if (convolution.rank < 1 || convolution.rank > 3)
    fail(name + ": " + Twine(convolution.rank) +
         " spatial dimensions; there can be from 1 to 3");
  if (convolution.groups < 1 ||
      convolution.inputChannels % convolution.groups != 0 ||
      convolution.outputChannels % convolution.groups != 0)
    fail(name + ": " + Twine(convolution.groups) + " groups of " +
         Twine(convolution.inputChannels) + " input and " +
         Twine(convolution.outputChannels) + " output channels");
  for (int i = 0; i < convolution.rank; ++i)
    if (convolution.windowStrides[i] < 1 || convolution.inputDilations[i] < 1 ||
        convolution.filterDilations[i] < 1)
      fail(name + ": strides and dilations are positive");
}

static ConvolutionOperands makeOperands(const ApproxActConvolution &convolution,
                                        const void *input, const void *filter,
                                        const void *output) {
  int64_t rank = convolution.rank;
  auto makeOperand = [&](const void *data, int64_t outer, int64_t inner,
                         auto getSize, const int64_t (&strides)[5]) {
    SmallVector<int64_t> sizes = {outer, inner};
    for (int i = 0; i < rank; ++i)
      sizes.push_back(getSize(i));
    return makeView(data, sizes, ArrayRef(strides).take_front(rank + 2));
  };
  return {
      makeOperand(
          input, convolution.batch, convolution.inputChannels,
          [&](int i) { return convolution.inputSizes[i]; },
          convolution.inputStrides),
      makeOperand(
          filter, convolution.outputChannels,
          convolution.inputChannels / convolution.groups,
          [&](int i) { return convolution.filterSizes[i]; },
          convolution.filterStrides),
      makeOperand(
          output, convolution.batch, convolution.outputChannels,
          [&](int i) { return getOutputSize(convolution, i); },
          convolution.outputStrides),
  };
}

namespace {
/// A copy of the input, dilated, padded and cropped, for a convolution that
/// does none of these.
class ExpandedInput {
public:
  ExpandedInput(const ApproxActConvolution &convolution,
                const StridedView &input);

  ApproxActConvolution convolution;
  StridedView expanded;
  /// The elements that are in the input and in the copy, in both.
  StridedView inInput;
  StridedView inExpanded;
  /// Where the latter start in the copy.
  int64_t firstOffset = 0;
  /// Elements that the copy takes, gaps included.
  int64_t room = 0;
};
} // namespace

ExpandedInput::ExpandedInput(const ApproxActConvolution &original,
                             const StridedView &input)
    : convolution(original), inInput(input) {
  SmallVector<int64_t> sizes = {original.batch, original.inputChannels};
  // Libraries take no dimensions whose strides interleave: each element of the
  // input has the whole of its dilation, also the last one of a row.
  SmallVector<int64_t> roomSizes = sizes;
  for (int i = 0; i < original.rank; ++i) {
    sizes.push_back(std::max<int64_t>(0, getPaddedSize(original, i)));
    roomSizes.push_back(alignTo(sizes.back(), original.inputDilations[i]));
  }
  expanded = StridedView::getDense(roomSizes);
  room = expanded.getNumElements();
  expanded.sizes.assign(sizes.begin(), sizes.end());
  llvm::copy(expanded.strides, convolution.inputStrides);
  inExpanded = expanded;
  for (int i = 0; i < original.rank; ++i) {
    int64_t dilation = original.inputDilations[i];
    int64_t low = original.paddingLow[i];
    int64_t size = sizes[i + 2];
    // Element e of the input is at e * dilation + low of the copy.
    int64_t first = low < 0 ? divideCeil(-low, dilation) : 0;
    int64_t last = size - 1 < low ? -1 : (size - 1 - low) / dilation;
    last = std::min(last, original.inputSizes[i] - 1);
    int64_t count = std::max<int64_t>(0, last - first + 1);
    inInput.sizes[i + 2] = count;
    inInput.data += count ? first * inInput.strides[i + 2] : 0;
    inExpanded.sizes[i + 2] = count;
    firstOffset += (first * dilation + low) * expanded.strides[i + 2];
    inExpanded.strides[i + 2] *= dilation;
    convolution.inputSizes[i] = size;
    convolution.paddingLow[i] = 0;
    convolution.paddingHigh[i] = 0;
    convolution.inputDilations[i] = 1;
  }
}

/// Convolves by way of a copy of the input.
static void convolveExpanded(ContractionLibrary &library, ConvolutionKind kind,
                             const ApproxActConvolution &convolution,
                             ConvolutionOperands operands) {
  ExpandedInput expansion(convolution, operands.input);
  StridedView &expanded = expansion.expanded;
  expanded.data = library.allocateFloats(expansion.room);
  expansion.inExpanded.data = expanded.data + expansion.firstOffset;
  bool hasCommon = expansion.inInput.getNumElements() > 0;
  if (kind != ConvolutionKind::InputGradient) {
    library.fillZero(expanded.data, expansion.room);
    if (hasCommon)
      library.copy(expansion.inExpanded, expansion.inInput);
  }
  StridedView input = operands.input;
  operands.input = expanded;
  if (!library.convolve(kind, expansion.convolution, operands))
    fail("the library knows no such convolution");
  if (kind == ConvolutionKind::InputGradient) {
    // Elements that are cropped away have no influence.
    if (expansion.inInput.getNumElements() != input.getNumElements())
      fillZero(library, input);
    if (hasCommon)
      library.copy(expansion.inInput, expansion.inExpanded);
  }
  library.release(expanded.data);
}

static void convolve(ContractionLibrary &library, ConvolutionKind kind,
                     const ApproxActConvolution &convolution,
                     const ConvolutionOperands &operands,
                     const StridedView &result) {
  if (result.getNumElements() == 0)
    return;
  // Sums of nothing.
  if (operands.input.getNumElements() == 0 ||
      operands.filter.getNumElements() == 0 ||
      operands.output.getNumElements() == 0) {
    fillZero(library, result);
    return;
  }
  bool isPlain = true;
  for (int i = 0; i < convolution.rank; ++i)
    isPlain &= convolution.inputDilations[i] == 1 &&
               convolution.paddingLow[i] >= 0 &&
               convolution.paddingHigh[i] >= 0;
  if (!isPlain || !library.convolve(kind, convolution, operands))
    convolveExpanded(library, kind, convolution, operands);
}

/// Checks, runs and records a convolution.
static void run(ConvolutionKind kind, const void *input, const void *filter,
                const void *output, const ApproxActConvolution &convolution,
                void *stream) {
  std::string name;
  raw_string_ostream os(name);
  switch (kind) {
  case ConvolutionKind::Forward:
    os << "convolution";
    break;
  case ConvolutionKind::InputGradient:
    os << "convolution input gradient";
    break;
  case ConvolutionKind::FilterGradient:
    os << "convolution filter gradient";
    break;
  }
  checkConvolution(name, convolution);
  ConvolutionOperands operands =
      makeOperands(convolution, input, filter, output);
  auto printSizes = [&](StringRef before, const StridedView &view) {
    os << before;
    interleave(view.sizes, os, "x");
  };
  printSizes(" ", operands.input);
  printSizes(" * ", operands.filter);
  checkView(name, "the input", operands.input);
  checkView(name, "the filter", operands.filter);
  checkView(name, "the output", operands.output);
  const StridedView &result = kind == ConvolutionKind::Forward ? operands.output
                              : kind == ConvolutionKind::InputGradient
                                  ? operands.input
                                  : operands.filter;
  runRecorded(name, stream, [&](ContractionLibrary &library) {
    convolve(library, kind, convolution, operands, result);
  });
}

void approxActConvolutionForwardF32(void *output, const void *input,
                                    const void *filter,
                                    const ApproxActConvolution *convolution,
                                    void *stream) {
  run(ConvolutionKind::Forward, input, filter, output, *convolution, stream);
}

void approxActConvolutionInputGradientF32(
    void *inputGradient, const void *outputGradient, const void *filter,
    const ApproxActConvolution *convolution, void *stream) {
  run(ConvolutionKind::InputGradient, inputGradient, filter, outputGradient,
      *convolution, stream);
}

void approxActConvolutionFilterGradientF32(
    void *filterGradient, const void *input, const void *outputGradient,
    const ApproxActConvolution *convolution, void *stream) {
  run(ConvolutionKind::FilterGradient, input, filterGradient, outputGradient,
      *convolution, stream);
}
