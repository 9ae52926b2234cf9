//===- ContractionLibrary.h - What a device contracts with ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The interface to the libraries of the devices, small enough for all of them
/// to have: what they lack is composed of it.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_RUNTIME_CONTRACTIONS_CONTRACTIONLIBRARY_H
#define APPROX_ACT_LIB_RUNTIME_CONTRACTIONS_CONTRACTIONLIBRARY_H

#include "approx-act/Runtime/Contractions.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <memory>

namespace mlir::approx_act::runtime {

/// Elements of a buffer of f32.
struct StridedView {
  float *data = nullptr;
  llvm::SmallVector<int64_t, 5> sizes;
  llvm::SmallVector<int64_t, 5> strides;

  /// A view of all elements in row-major order, without data.
  static StridedView getDense(llvm::ArrayRef<int64_t> sizes);

  int64_t getNumElements() const;
  /// One more than the largest offset of an element.
  int64_t getExtent() const;
};

/// The three results that a convolution has.
enum class ConvolutionKind { Forward, InputGradient, FilterGradient };

/// The operands of a convolution: the result by its kind, and the other two.
/// Dimensions are in the order of the strides of `ApproxActConvolution`.
struct ConvolutionOperands {
  StridedView input;
  StridedView filter;
  StridedView output;
};

/// A library, at work on one stream. An error ends the work; see `fail`.
class ContractionLibrary {
public:
  explicit ContractionLibrary(void *stream) : stream(stream) {}
  virtual ~ContractionLibrary();

  /// Memory of the program on the device, to be released after the work so far.
  void *allocate(uint64_t bytes);
  float *allocateFloats(int64_t elements) {
    return static_cast<float *>(allocate(elements * sizeof(float)));
  }
  void release(void *data);
  /// Sets the first `elements` numbers to zero.
  virtual void fillZero(float *data, int64_t elements) = 0;
  /// Copies between views of equal sizes, of up to five dimensions.
  virtual void copy(const StridedView &to, const StridedView &from) = 0;

  /// None of the sizes is zero.
  virtual void multiply(const StridedView &c, const StridedView &a,
                        const StridedView &b) = 0;
  /// No size is zero, the input is not dilated and no padding is negative.
  /// Gives whether the library can do it; it can do all without padding.
  virtual bool convolve(ConvolutionKind kind,
                        const ApproxActConvolution &convolution,
                        const ConvolutionOperands &operands) = 0;

protected:
  void *stream;
};

/// oneDNN, on the CPU.
std::unique_ptr<ContractionLibrary> createOneDNN();

/// cuBLAS and cuDNN, loaded at their first uses.
std::unique_ptr<ContractionLibrary> createCUDALibraries(void *stream);

} // namespace mlir::approx_act::runtime

#endif // APPROX_ACT_LIB_RUNTIME_CONTRACTIONS_CONTRACTIONLIBRARY_H
