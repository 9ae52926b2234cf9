// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A layer's kernels as one writes them by hand, for gpu.py to compare the
// compiler's with: normalise, ReLU, code ([S5] of docs/semantics.md) and pack
// ([S7], along the width), and from the words back to what the ReLU gave.
//
// Compiled for one shape: IMAGES x HEIGHT x WIDTH x CHANNELS, the width even
// and the channels a multiple of 8. A thread has eight channels, whose
// parameters it keeps, and goes over rows of words. The host's compiler makes a
// library of the same text, so that what it computes can be compared, too.

#ifdef __CUDACC__
#define DEVICE __device__ __forceinline__
#else
#include <cmath>
#define DEVICE inline
#define __restrict__ __restrict
struct float4 {
  float x, y, z, w;
};
struct uint2 {
  unsigned x, y;
};
#endif

constexpr int kLanes = 8, kBits = 4, kCells = 1 << kBits;
constexpr int kGroups = CHANNELS / kLanes, kHalf = WIDTH / 2;
constexpr int kRows = IMAGES * HEIGHT * kHalf;

template <typename T>
DEVICE void load(T (&to)[kLanes], const T *from) {
  struct alignas(16) Quad {
    T values[4];
  };
  for (int i = 0; i < kLanes; i += 4) {
    Quad quad = *reinterpret_cast<const Quad *>(from + i);
    for (int j = 0; j < 4; ++j)
      to[i + j] = quad.values[j];
  }
}

DEVICE void store(float *to, const float (&from)[kLanes]) {
  for (int i = 0; i < kLanes; i += 4)
    *reinterpret_cast<float4 *>(to + i) = {from[i], from[i + 1], from[i + 2],
                                           from[i + 3]};
}

/// max(z, 0), where NaN stays.
DEVICE float relu(float z) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm("max.NaN.f32 %0, %0, 0f00000000;" : "+f"(z));
  return z;
#else
  return z <= 0.0f ? 0.0f : z;
#endif
}

/// Element (image, height, 0) of the activation that a row of words is of, and
/// the row's place in it: the other code of a word is kHalf elements away.
DEVICE int getElement(int row) {
  return (row / kHalf * WIDTH + row % kHalf) * CHANNELS;
}

struct Side {
  bool isBelow;
  int cellsBelow;

  DEVICE explicit Side(int split) : isBelow(split < 0) {
    int cells = split < 0 ? -split : split;
    cells = cells < 1 ? 1 : cells;
    cellsBelow = cells > kCells - 1 ? kCells - 1 : cells;
  }
};

DEVICE unsigned quantize(float x, bool mask, float edge, float inverseBelow,
                         float inverseAbove, Side side) {
  bool isUpper = mask != side.isBelow;
  float distance = x - edge;
  float u = (isUpper ? distance : -distance) *
            (isUpper ? inverseAbove : inverseBelow);
  int last = isUpper ? kCells - 1 - side.cellsBelow : side.cellsBelow - 1;
  int k =
      static_cast<int>(u > 0.0f ? fminf(u, static_cast<float>(last)) : 0.0f);
  return isUpper ? side.cellsBelow + k : side.cellsBelow - 1 - k;
}

DEVICE float dequantize(unsigned code, float edge, float below, float above,
                        Side side) {
  float cells = static_cast<float>(code) + (0.5f - side.cellsBelow);
  return edge + cells * (cells > 0.0f ? above : below);
}

/// What thread `thread` of `threads` does; `threads` is a multiple of kGroups.
DEVICE void
saveRows(const float *__restrict__ x, const float *__restrict__ mean,
         const float *__restrict__ rstd, const float *__restrict__ gamma,
         const float *__restrict__ beta, const float *__restrict__ edge,
         const float *__restrict__ inverseBelow,
         const float *__restrict__ inverseAbove, const int *__restrict__ split,
         float *__restrict__ y, unsigned char *__restrict__ words, int thread,
         int threads) {
  int channel = thread % kGroups * kLanes;
  float m[kLanes], r[kLanes], g[kLanes], b[kLanes], e[kLanes], lower[kLanes],
      upper[kLanes];
  int s[kLanes];
  load(m, mean + channel);
  load(r, rstd + channel);
  load(g, gamma + channel);
  load(b, beta + channel);
  load(e, edge + channel);
  load(lower, inverseBelow + channel);
  load(upper, inverseAbove + channel);
  load(s, split + channel);
#pragma unroll 1
  for (int row = thread / kGroups; row < kRows; row += threads / kGroups) {
    unsigned packed[2] = {0, 0};
#pragma unroll
    for (int part = 0; part < 2; ++part) {
      int element = getElement(row) + part * kHalf * CHANNELS + channel;
      float in[kLanes], out[kLanes];
      load(in, x + element);
#pragma unroll
      for (int i = 0; i < kLanes; ++i) {
        float centred = in[i] - m[i];
        float z = centred * r[i] * g[i] + b[i];
        out[i] = relu(z);
        unsigned code =
            quantize(centred, z > 0.0f, e[i], lower[i], upper[i], Side(s[i]));
        packed[i / 4] |= code << (i % 4 * 8 + part * kBits);
      }
      store(y + element, out);
    }
    *reinterpret_cast<uint2 *>(words + row * CHANNELS + channel) = {packed[0],
                                                                    packed[1]};
  }
}

DEVICE void
restoreRows(const unsigned char *__restrict__ words,
            const float *__restrict__ edge, const float *__restrict__ below,
            const float *__restrict__ above, const int *__restrict__ split,
            const float *__restrict__ rstd, const float *__restrict__ gamma,
            const float *__restrict__ beta, float *__restrict__ y, int thread,
            int threads) {
  int channel = thread % kGroups * kLanes;
  float e[kLanes], lower[kLanes], upper[kLanes], r[kLanes], g[kLanes],
      b[kLanes];
  int s[kLanes];
  load(e, edge + channel);
  load(lower, below + channel);
  load(upper, above + channel);
  load(s, split + channel);
  load(r, rstd + channel);
  load(g, gamma + channel);
  load(b, beta + channel);
#pragma unroll 1
  for (int row = thread / kGroups; row < kRows; row += threads / kGroups) {
    uint2 loaded =
        *reinterpret_cast<const uint2 *>(words + row * CHANNELS + channel);
    unsigned packed[2] = {loaded.x, loaded.y};
#pragma unroll
    for (int part = 0; part < 2; ++part) {
      float out[kLanes];
#pragma unroll
      for (int i = 0; i < kLanes; ++i) {
        unsigned code =
            packed[i / 4] >> (i % 4 * 8 + part * kBits) & (kCells - 1);
        float x = dequantize(code, e[i], lower[i], upper[i], Side(s[i]));
        out[i] = relu(x * r[i] * g[i] + b[i]);
      }
      store(y + getElement(row) + part * kHalf * CHANNELS + channel, out);
    }
  }
}

#ifdef __CUDACC__
extern "C" __global__ void __launch_bounds__(128)
    save(const float *__restrict__ x, const float *__restrict__ mean,
         const float *__restrict__ rstd, const float *__restrict__ gamma,
         const float *__restrict__ beta, const float *__restrict__ edge,
         const float *__restrict__ inverseBelow,
         const float *__restrict__ inverseAbove, const int *__restrict__ split,
         float *__restrict__ y, unsigned char *__restrict__ words) {
  saveRows(x, mean, rstd, gamma, beta, edge, inverseBelow, inverseAbove, split,
           y, words, blockIdx.x * blockDim.x + threadIdx.x,
           gridDim.x * blockDim.x);
}

extern "C" __global__ void __launch_bounds__(128)
    restore(const unsigned char *__restrict__ words,
            const float *__restrict__ edge, const float *__restrict__ below,
            const float *__restrict__ above, const int *__restrict__ split,
            const float *__restrict__ rstd, const float *__restrict__ gamma,
            const float *__restrict__ beta, float *__restrict__ y) {
  restoreRows(words, edge, below, above, split, rstd, gamma, beta, y,
              blockIdx.x * blockDim.x + threadIdx.x, gridDim.x * blockDim.x);
}
#else
extern "C" void save(const float *x, const float *mean, const float *rstd,
                     const float *gamma, const float *beta, const float *edge,
                     const float *inverseBelow, const float *inverseAbove,
                     const int *split, float *y, unsigned char *words) {
  for (int thread = 0; thread < 4 * kGroups; ++thread)
    saveRows(x, mean, rstd, gamma, beta, edge, inverseBelow, inverseAbove,
             split, y, words, thread, 4 * kGroups);
}

extern "C" void restore(const unsigned char *words, const float *edge,
                        const float *below, const float *above,
                        const int *split, const float *rstd, const float *gamma,
                        const float *beta, float *y) {
  for (int thread = 0; thread < 4 * kGroups; ++thread)
    restoreRows(words, edge, below, above, split, rstd, gamma, beta, y, thread,
                4 * kGroups);
}
#endif
