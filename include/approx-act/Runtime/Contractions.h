//===- Contractions.h - Products and convolutions ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What lowered programs call for dot products and convolutions: oneDNN on the
/// CPU, cuBLAS and cuDNN on a CUDA device. Data are buffers of f32 on the
/// device; a description is an array of 64-bit integers in the host's memory,
/// laid out as the structures here. Strides are in elements and positive, so
/// that any order of dimensions is a description of its own. Buffers do not
/// overlap, and all elements of the first one are written. An error ends the
/// program, or the `Session::run` in which it happens.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_RUNTIME_CONTRACTIONS_H
#define APPROX_ACT_RUNTIME_CONTRACTIONS_H

#include "approx-act/Runtime/Runtime.h"

extern "C" {

/// For every batch `c = a b`, with `m` x `k` and `k` x `n` matrices.
struct ApproxActGemm {
  int64_t batch;
  int64_t m;
  int64_t n;
  int64_t k;
  /// Of batch, row and column.
  int64_t aStrides[3];
  int64_t bStrides[3];
  int64_t cStrides[3];
};

/// A convolution like StableHLO's with up to three spatial dimensions; of the
/// arrays for these the first `rank` entries count. Windows are not reversed.
struct ApproxActConvolution {
  int64_t rank;
  int64_t batch;
  int64_t inputChannels;
  int64_t outputChannels;
  /// Divides both numbers of channels. Each group of output channels sees only
  /// its group of input channels.
  int64_t groups;
  int64_t inputSizes[3];
  int64_t filterSizes[3];
  int64_t windowStrides[3];
  /// May be negative, which crops.
  int64_t paddingLow[3];
  int64_t paddingHigh[3];
  /// `lhs_dilation` and `rhs_dilation`.
  int64_t inputDilations[3];
  int64_t filterDilations[3];
  /// Of batch, channel, and the spatial dimensions.
  int64_t inputStrides[5];
  /// Of output channel, input channel within the group, and the spatial
  /// dimensions.
  int64_t filterStrides[5];
  /// Of batch, channel, and the spatial dimensions.
  int64_t outputStrides[5];
};

/// `c = a b`.
APPROX_ACT_RUNTIME_EXPORT void approxActGemmF32(void *c, const void *a,
                                                const void *b,
                                                const ApproxActGemm *gemm,
                                                void *stream);

/// The output of a convolution.
APPROX_ACT_RUNTIME_EXPORT void approxActConvolutionForwardF32(
    void *output, const void *input, const void *filter,
    const ApproxActConvolution *convolution, void *stream);

/// The gradient with respect to the input of that convolution, from the
/// gradient with respect to its output, which has the output's strides.
APPROX_ACT_RUNTIME_EXPORT void approxActConvolutionInputGradientF32(
    void *inputGradient, const void *outputGradient, const void *filter,
    const ApproxActConvolution *convolution, void *stream);

/// The gradient with respect to its filter.
APPROX_ACT_RUNTIME_EXPORT void approxActConvolutionFilterGradientF32(
    void *filterGradient, const void *input, const void *outputGradient,
    const ApproxActConvolution *convolution, void *stream);

} // extern "C"

#endif // APPROX_ACT_RUNTIME_CONTRACTIONS_H
