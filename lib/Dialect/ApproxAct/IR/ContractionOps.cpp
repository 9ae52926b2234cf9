//===- ContractionOps.cpp - Contractions of the runtime -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/Runtime/Contractions.h"

using namespace mlir;
using namespace mlir::approx_act;

//===----------------------------------------------------------------------===//
// What both have in common
//===----------------------------------------------------------------------===//

static Value getToken(ResultRange outputs) {
  return !outputs.empty() && isa<gpu::AsyncTokenType>(outputs.back().getType())
             ? outputs.back()
             : Value();
}

/// Verifies what the op yields: a tensor for a tensor, at most a token for
/// memory.
static LogicalResult verifyOutputs(Operation *op, Type out,
                                   ResultRange outputs) {
  if (isa<RankedTensorType>(out)) {
    if (outputs.size() != 1 || outputs.front().getType() != out)
      return op->emitOpError("expected one result of type ") << out;
    return success();
  }
  if (outputs.size() > 1 || (!outputs.empty() && !getToken(outputs)))
    return op->emitOpError("on memory has no result but a token");
  return success();
}

/// Verifies that elements at such strides are in memory of type `type`.
static LogicalResult verifyExtent(Operation *op, StringRef name, Type type,
                                  ArrayRef<int64_t> sizes,
                                  ArrayRef<int64_t> strides) {
  if (strides.size() != sizes.size())
    return op->emitOpError("expected ") << sizes.size() << " strides of "
                                        << name << ", found " << strides.size();
  int64_t last = 0;
  for (auto [size, stride] : llvm::zip_equal(sizes, strides)) {
    if (size < 0)
      return op->emitOpError() << name << " has a negative size";
    if (size == 0)
      return success();
    if (stride < 1)
      return op->emitOpError("expected positive strides of ")
             << name << ", found " << stride;
    last += (size - 1) * stride;
  }
  int64_t count = cast<ShapedType>(type).getNumElements();
  if (last >= count)
    return op->emitOpError("reaches element ")
           << last << " of " << name << ", which has " << count;
  return success();
}

static void getContractionEffects(
    DestinationStyleOpInterface op,
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    if (op.isDpsInit(&operand))
      effects.emplace_back(MemoryEffects::Write::get(), &operand,
                           SideEffects::DefaultResource::get());
    else
      effects.emplace_back(MemoryEffects::Read::get(), &operand,
                           SideEffects::DefaultResource::get());
  }
}

//===----------------------------------------------------------------------===//
// GemmOp
//===----------------------------------------------------------------------===//

Value GemmOp::getAsyncToken() { return getToken(getOutputs()); }

StringRef GemmOp::getCallee() { return "approxActGemmF32"; }

SmallVector<int64_t> GemmOp::getDescription() {
  SmallVector<int64_t> numbers(getSizes());
  llvm::append_range(numbers, getLhsStrides());
  llvm::append_range(numbers, getRhsStrides());
  llvm::append_range(numbers, getOutStrides());
  assert(numbers.size() * sizeof(int64_t) == sizeof(ApproxActGemm));
  return numbers;
}

LogicalResult GemmOp::verify() {
  if (failed(verifyOutputs(*this, getOut().getType(), getOutputs())))
    return failure();
  ArrayRef<int64_t> sizes = getSizes();
  if (sizes.size() != 4)
    return emitOpError("expected the sizes of batch, m, n and k, found ")
           << sizes.size() << " sizes";
  int64_t batch = sizes[0], m = sizes[1], n = sizes[2], k = sizes[3];
  if (failed(verifyExtent(*this, "lhs", getLhs().getType(), {batch, m, k},
                          getLhsStrides())) ||
      failed(verifyExtent(*this, "rhs", getRhs().getType(), {batch, k, n},
                          getRhsStrides())))
    return failure();
  return verifyExtent(*this, "out", getOut().getType(), {batch, m, n},
                      getOutStrides());
}

void GemmOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getContractionEffects(*this, effects);
}

//===----------------------------------------------------------------------===//
// ConvolutionOp
//===----------------------------------------------------------------------===//

Value ConvolutionOp::getAsyncToken() { return getToken(getOutputs()); }

StringRef ConvolutionOp::getCallee() {
  switch (getKind()) {
  case ConvolutionKind::Forward:
    return "approxActConvolutionForwardF32";
  case ConvolutionKind::InputGradient:
    return "approxActConvolutionInputGradientF32";
  case ConvolutionKind::FilterGradient:
    return "approxActConvolutionFilterGradientF32";
  }
  llvm_unreachable("unknown kind");
}

SmallVector<int64_t> ConvolutionOp::getDescription() {
  SmallVector<int64_t> numbers = {static_cast<int64_t>(getInputSizes().size()),
                                  static_cast<int64_t>(getBatchSize()),
                                  static_cast<int64_t>(getInputChannels()),
                                  static_cast<int64_t>(getOutputChannels()),
                                  static_cast<int64_t>(getGroups())};
  auto append = [&](ArrayRef<int64_t> values, size_t size) {
    llvm::append_range(numbers, values);
    numbers.append(size - values.size(), 0);
  };
  for (ArrayRef<int64_t> values :
       {getInputSizes(), getFilterSizes(), getWindowStrides(), getPaddingLow(),
        getPaddingHigh(), getInputDilations(), getFilterDilations()})
    append(values, 3);
  for (ArrayRef<int64_t> values :
       {getInputStrides(), getFilterStrides(), getOutputStrides()})
    append(values, 5);
  assert(numbers.size() * sizeof(int64_t) == sizeof(ApproxActConvolution));
  return numbers;
}

LogicalResult ConvolutionOp::verify() {
  if (failed(verifyOutputs(*this, getOut().getType(), getOutputs())))
    return failure();
  size_t rank = getInputSizes().size();
  if (rank < 1 || rank > 3)
    return emitOpError("expected from 1 to 3 spatial dimensions, found ")
           << rank;
  for (ArrayRef<int64_t> values :
       {getFilterSizes(), getWindowStrides(), getPaddingLow(), getPaddingHigh(),
        getInputDilations(), getFilterDilations()})
    if (values.size() != rank)
      return emitOpError("expected a number for each of the ")
             << rank << " spatial dimensions, found " << values.size();
  for (ArrayRef<int64_t> values :
       {getWindowStrides(), getInputDilations(), getFilterDilations()})
    for (int64_t value : values)
      if (value < 1)
        return emitOpError("expected positive window strides and dilations, "
                           "found ")
               << value;
  auto groups = static_cast<int64_t>(getGroups());
  auto inputChannels = static_cast<int64_t>(getInputChannels());
  auto outputChannels = static_cast<int64_t>(getOutputChannels());
  if (groups < 1 || inputChannels % groups != 0 || outputChannels % groups != 0)
    return emitOpError("has ")
           << groups << " groups of " << inputChannels << " input and "
           << outputChannels << " output channels";

  auto batch = static_cast<int64_t>(getBatchSize());
  SmallVector<int64_t> input = {batch, inputChannels};
  SmallVector<int64_t> filter = {outputChannels, inputChannels / groups};
  SmallVector<int64_t> output = {batch, outputChannels};
  for (size_t i = 0; i < rank; ++i) {
    int64_t size = getInputSizes()[i], window = getFilterSizes()[i];
    int64_t padded = (size == 0 ? 0 : (size - 1) * getInputDilations()[i] + 1) +
                     getPaddingLow()[i] + getPaddingHigh()[i];
    int64_t rest = padded - (window - 1) * getFilterDilations()[i] - 1;
    input.push_back(size);
    filter.push_back(window);
    output.push_back(
        rest < 0 || window == 0 ? 0 : rest / getWindowStrides()[i] + 1);
  }
  Type lhs = getLhs().getType(), rhs = getRhs().getType();
  Type out = getOut().getType();
  bool isForward = getKind() == ConvolutionKind::Forward;
  bool isInput = getKind() == ConvolutionKind::InputGradient;
  if (failed(verifyExtent(*this, "the input", isInput ? out : lhs, input,
                          getInputStrides())) ||
      failed(verifyExtent(*this, "the filter", isForward || isInput ? rhs : out,
                          filter, getFilterStrides())))
    return failure();
  return verifyExtent(*this, "the output",
                      isForward ? out : (isInput ? lhs : rhs), output,
                      getOutputStrides());
}

void ConvolutionOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getContractionEffects(*this, effects);
}
