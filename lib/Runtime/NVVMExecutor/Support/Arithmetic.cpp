//===- Arithmetic.cpp - NVVM's arithmetic in plain code -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Compiled to LLVM bitcode and linked into kernels, where it is inlined and
/// vectorised: `llvm.nvvm.add.rm.f` becomes a call of `nvvm_add_rm_f`. Results
/// are those of the PTX instruction, bit for bit, except of the `approx` ones,
/// whose results PTX leaves open to some units in the last place.
///
//===----------------------------------------------------------------------===//

#include "Support.h"

//===----------------------------------------------------------------------===//
// Rounding
//===----------------------------------------------------------------------===//

/// To nearest even, down, up, towards zero.
namespace {
enum Rounding { RN, RM, RP, RZ };
} // namespace

/// The neighbour of `x` away from zero (`isAway`) or towards it; `x` is not
/// zero.
static inline float getNeighbour(float x, bool isAway) {
  return __builtin_bit_cast(float,
                            __builtin_bit_cast(int32_t, x) + (isAway ? 1 : -1));
}

/// The number `sum + error` rounded to a float, where `sum` is that number
/// rounded to nearest, and of `error` the sign alone matters; to nearest, it
/// must be 0. A result of zero has the sign of `sum`.
template <Rounding rounding>
static inline float roundTo(double sum, double error) {
  float nearest = static_cast<float>(sum);
  double found = nearest;
  bool isAbove = found > sum || (found == sum && error < 0);
  bool isBelow = found < sum || (found == sum && error > 0);
  bool isDown = rounding == RM || (rounding == RZ && sum > 0);
  bool isUp = rounding == RP || (rounding == RZ && sum < 0);
  // Zero has no sign to go away from: the smallest denormals.
  if (nearest == 0) {
    if (isDown && isAbove)
      return -0x1p-149F;
    if (isUp && isBelow)
      return 0x1p-149F;
    return nearest;
  }
  if (isDown && isAbove)
    return getNeighbour(nearest, nearest < 0);
  if (isUp && isBelow)
    return getNeighbour(nearest, nearest > 0);
  return nearest;
}

/// A zero that is the sum of two numbers: rounding down makes it negative,
/// unless both are positive zeros.
template <Rounding rounding>
static inline double getZero(double a, double b) {
  if (rounding != RM)
    return a + b;
  bool isPositive =
      a == 0 && b == 0 && !__builtin_signbit(a) && !__builtin_signbit(b);
  return isPositive ? 0.0 : -0.0;
}

/// a + b, where each is exact.
template <Rounding rounding>
static inline float addExactly(double a, double b) {
  double sum = a + b;
  double part = sum - a;
  double error = (a - (sum - part)) + (b - part);
  if (sum == 0)
    return static_cast<float>(getZero<rounding>(a, b));
  return roundTo<rounding>(sum, error);
}

template <Rounding rounding>
static inline float add(float a, float b) {
  return rounding == RN ? a + b : addExactly<rounding>(a, b);
}

template <Rounding rounding>
static inline float fma(float a, float b, float c) {
  if (rounding == RN)
    return __builtin_fmaf(a, b, c);
  return addExactly<rounding>(static_cast<double>(a) * b, c);
}

template <Rounding rounding>
static inline float mul(float a, float b) {
  return rounding == RN ? a * b
                        : roundTo<rounding>(static_cast<double>(a) * b, 0);
}

template <Rounding rounding>
static inline float div(float a, float b) {
  if (rounding == RN)
    return a / b;
  double quotient = static_cast<double>(a) / b;
  // The sign of the remainder, seen from the divisor.
  double rest = __builtin_fma(-quotient, b, a);
  return roundTo<rounding>(quotient, b < 0 ? -rest : rest);
}

template <Rounding rounding>
static inline float sqrt(float a) {
  if (rounding == RN)
    return __builtin_sqrtf(a);
  double root = __builtin_sqrt(static_cast<double>(a));
  return roundTo<rounding>(root, __builtin_fma(-root, root, a));
}

template <Rounding rounding, typename Float>
static inline Float roundToInt(Float a) {
  switch (rounding) {
  case RN:
    return __builtin_elementwise_roundeven(a);
  case RM:
    return __builtin_elementwise_floor(a);
  case RP:
    return __builtin_elementwise_ceil(a);
  case RZ:
    return __builtin_elementwise_trunc(a);
  }
}

/// To an integer, saturated; NaN is 0, or the least number of 64 bits.
template <typename Int, Rounding rounding, typename Float>
static inline Int toInt(Float a) {
  constexpr bool isSigned = static_cast<Int>(-1) < 0;
  constexpr unsigned bits = sizeof(Int) * 8;
  constexpr Int least =
      isSigned ? static_cast<Int>(static_cast<Int>(1) << (bits - 1)) : 0;
  constexpr Int most = static_cast<Int>(~least);
  // The first power of two that is too large.
  constexpr Float limit =
      static_cast<Float>(static_cast<Int>(1) << (bits - 2)) *
      (isSigned ? 2 : 4);
  Float rounded = roundToInt<rounding>(a);
  if (__builtin_isnan(rounded))
    return bits == 64 ? static_cast<Int>(static_cast<Int>(1) << 63) : 0;
  if (rounded >= limit)
    return most;
  if (rounded <= static_cast<Float>(least))
    return least;
  return static_cast<Int>(rounded);
}

/// From an integer of up to 64 bits.
template <Rounding rounding, typename Int>
static inline float fromInt(Int a) {
  if (rounding == RN)
    return static_cast<float>(a);
  double nearest = static_cast<double>(a);
  __int128 error = static_cast<__int128>(a) - static_cast<__int128>(nearest);
  return roundTo<rounding>(nearest, static_cast<double>(error));
}

/// A denormal becomes zero of the same sign.
static inline float flush(float a) {
  return __builtin_fabsf(a) < 0x1p-126F ? __builtin_copysignf(0.0F, a) : a;
}

/// Into [0, 1]; NaN is 0.
static inline float saturate(float a) { return a > 0 ? (a < 1 ? a : 1) : 0; }

//===----------------------------------------------------------------------===//
// Approximations
//===----------------------------------------------------------------------===//

/// 2^a within 2 units in the last place: a polynomial on [-1/2, 1/2].
static inline float exp2(float a) {
  a = a > 130 ? 130 : a;
  a = a < -160 ? -160 : a;
  // Adding 1.5 * 2^23 leaves the integer in the low bits.
  constexpr float magic = 0x1.8p23F;
  float shifted = a + magic;
  int32_t exponent =
      __builtin_bit_cast(int32_t, shifted) - __builtin_bit_cast(int32_t, magic);
  float rest = a - (shifted - magic);
  float result = 0x1.ffcbfcp-17F;
  result = __builtin_fmaf(result, rest, 0x1.430912p-13F);
  result = __builtin_fmaf(result, rest, 0x1.5d87fep-10F);
  result = __builtin_fmaf(result, rest, 0x1.3b2ab6p-7F);
  result = __builtin_fmaf(result, rest, 0x1.c6b08ep-5F);
  result = __builtin_fmaf(result, rest, 0x1.ebfbep-3F);
  result = __builtin_fmaf(result, rest, 0x1.62e43p-1F);
  result = __builtin_fmaf(result, rest, 1.0F);
  // In two steps, for results that are denormal.
  int32_t half = exponent >> 1;
  auto powerOfTwo = [](int32_t e) {
    return __builtin_bit_cast(float, static_cast<uint32_t>(e + 127) << 23);
  };
  return result * powerOfTwo(half) * powerOfTwo(exponent - half);
}

static inline float div(float a, float b) { return a / b; }
static inline float rcp(float a) { return 1 / a; }
static inline float rsqrt(float a) { return 1 / __builtin_sqrtf(a); }

//===----------------------------------------------------------------------===//
// The intrinsics
//===----------------------------------------------------------------------===//

// Functions have the intrinsics' names.
// NOLINTBEGIN(readability-identifier-naming)

#define ROUNDINGS(DEFINE)                                                      \
  DEFINE(rn, RN) DEFINE(rm, RM) DEFINE(rp, RP) DEFINE(rz, RZ)

#define DEFINE_ARITHMETIC(NAME, ROUNDING)                                      \
  INTRINSIC float nvvm_add_##NAME##_f(float a, float b) {                      \
    return add<ROUNDING>(a, b);                                                \
  }                                                                            \
  INTRINSIC float nvvm_add_##NAME##_ftz_f(float a, float b) {                  \
    return flush(add<ROUNDING>(flush(a), flush(b)));                           \
  }                                                                            \
  INTRINSIC float nvvm_add_##NAME##_sat_f(float a, float b) {                  \
    return saturate(add<ROUNDING>(a, b));                                      \
  }                                                                            \
  INTRINSIC float nvvm_mul_##NAME##_f(float a, float b) {                      \
    return mul<ROUNDING>(a, b);                                                \
  }                                                                            \
  INTRINSIC float nvvm_mul_##NAME##_ftz_f(float a, float b) {                  \
    return flush(mul<ROUNDING>(flush(a), flush(b)));                           \
  }                                                                            \
  INTRINSIC float nvvm_fma_##NAME##_f(float a, float b, float c) {             \
    return fma<ROUNDING>(a, b, c);                                             \
  }                                                                            \
  INTRINSIC float nvvm_fma_##NAME##_ftz_f(float a, float b, float c) {         \
    return flush(fma<ROUNDING>(flush(a), flush(b), flush(c)));                 \
  }                                                                            \
  INTRINSIC float nvvm_fma_##NAME##_sat_f(float a, float b, float c) {         \
    return saturate(fma<ROUNDING>(a, b, c));                                   \
  }                                                                            \
  INTRINSIC float nvvm_fma_##NAME##_ftz_sat_f(float a, float b, float c) {     \
    return saturate(fma<ROUNDING>(flush(a), flush(b), flush(c)));              \
  }                                                                            \
  INTRINSIC float nvvm_div_##NAME##_f(float a, float b) {                      \
    return div<ROUNDING>(a, b);                                                \
  }                                                                            \
  INTRINSIC float nvvm_div_##NAME##_ftz_f(float a, float b) {                  \
    return flush(div<ROUNDING>(flush(a), flush(b)));                           \
  }                                                                            \
  INTRINSIC float nvvm_rcp_##NAME##_f(float a) { return div<ROUNDING>(1, a); } \
  INTRINSIC float nvvm_rcp_##NAME##_ftz_f(float a) {                           \
    return flush(div<ROUNDING>(1, flush(a)));                                  \
  }                                                                            \
  INTRINSIC float nvvm_sqrt_##NAME##_f(float a) { return sqrt<ROUNDING>(a); }  \
  INTRINSIC float nvvm_sqrt_##NAME##_ftz_f(float a) {                          \
    return sqrt<ROUNDING>(flush(a));                                           \
  }
ROUNDINGS(DEFINE_ARITHMETIC)

#define DEFINE_CONVERSIONS(NAME, ROUNDING)                                     \
  INTRINSIC int32_t nvvm_f2i_##NAME(float a) {                                 \
    return toInt<int32_t, ROUNDING>(a);                                        \
  }                                                                            \
  INTRINSIC int32_t nvvm_f2i_##NAME##_ftz(float a) {                           \
    return toInt<int32_t, ROUNDING>(flush(a));                                 \
  }                                                                            \
  INTRINSIC uint32_t nvvm_f2ui_##NAME(float a) {                               \
    return toInt<uint32_t, ROUNDING>(a);                                       \
  }                                                                            \
  INTRINSIC uint32_t nvvm_f2ui_##NAME##_ftz(float a) {                         \
    return toInt<uint32_t, ROUNDING>(flush(a));                                \
  }                                                                            \
  INTRINSIC int64_t nvvm_f2ll_##NAME(float a) {                                \
    return toInt<int64_t, ROUNDING>(a);                                        \
  }                                                                            \
  INTRINSIC int64_t nvvm_f2ll_##NAME##_ftz(float a) {                          \
    return toInt<int64_t, ROUNDING>(flush(a));                                 \
  }                                                                            \
  INTRINSIC uint64_t nvvm_f2ull_##NAME(float a) {                              \
    return toInt<uint64_t, ROUNDING>(a);                                       \
  }                                                                            \
  INTRINSIC uint64_t nvvm_f2ull_##NAME##_ftz(float a) {                        \
    return toInt<uint64_t, ROUNDING>(flush(a));                                \
  }                                                                            \
  INTRINSIC int32_t nvvm_d2i_##NAME(double a) {                                \
    return toInt<int32_t, ROUNDING>(a);                                        \
  }                                                                            \
  INTRINSIC uint32_t nvvm_d2ui_##NAME(double a) {                              \
    return toInt<uint32_t, ROUNDING>(a);                                       \
  }                                                                            \
  INTRINSIC int64_t nvvm_d2ll_##NAME(double a) {                               \
    return toInt<int64_t, ROUNDING>(a);                                        \
  }                                                                            \
  INTRINSIC uint64_t nvvm_d2ull_##NAME(double a) {                             \
    return toInt<uint64_t, ROUNDING>(a);                                       \
  }                                                                            \
  INTRINSIC float nvvm_d2f_##NAME(double a) {                                  \
    return roundTo<ROUNDING>(a, 0);                                            \
  }                                                                            \
  INTRINSIC float nvvm_d2f_##NAME##_ftz(double a) {                            \
    return flush(roundTo<ROUNDING>(a, 0));                                     \
  }                                                                            \
  INTRINSIC float nvvm_i2f_##NAME(int32_t a) { return fromInt<ROUNDING>(a); }  \
  INTRINSIC float nvvm_ui2f_##NAME(uint32_t a) {                               \
    return fromInt<ROUNDING>(a);                                               \
  }                                                                            \
  INTRINSIC float nvvm_ll2f_##NAME(int64_t a) { return fromInt<ROUNDING>(a); } \
  INTRINSIC float nvvm_ull2f_##NAME(uint64_t a) {                              \
    return fromInt<ROUNDING>(a);                                               \
  }                                                                            \
  INTRINSIC double nvvm_i2d_##NAME(int32_t a) { return a; }                    \
  INTRINSIC double nvvm_ui2d_##NAME(uint32_t a) { return a; }
ROUNDINGS(DEFINE_CONVERSIONS)

// Of doubles, to nearest alone.
INTRINSIC double nvvm_add_rn_d(double a, double b) { return a + b; }
INTRINSIC double nvvm_mul_rn_d(double a, double b) { return a * b; }
INTRINSIC double nvvm_fma_rn_d(double a, double b, double c) {
  return __builtin_fma(a, b, c);
}
INTRINSIC double nvvm_div_rn_d(double a, double b) { return a / b; }
INTRINSIC double nvvm_rcp_rn_d(double a) { return 1 / a; }
INTRINSIC double nvvm_sqrt_rn_d(double a) { return __builtin_sqrt(a); }
INTRINSIC double nvvm_ll2d_rn(int64_t a) { return static_cast<double>(a); }
INTRINSIC double nvvm_ull2d_rn(uint64_t a) { return static_cast<double>(a); }
INTRINSIC double nvvm_rcp_approx_ftz_d(double a) { return 1 / a; }
INTRINSIC double nvvm_rsqrt_approx_d(double a) { return 1 / __builtin_sqrt(a); }
INTRINSIC double nvvm_rsqrt_approx_ftz_d(double a) {
  return 1 / __builtin_sqrt(a);
}
INTRINSIC double nvvm_saturate_d(double a) {
  return a > 0 ? (a < 1 ? a : 1) : 0;
}

#define DEFINE_UNARY(NAME, SUFFIX, EXPRESSION)                                 \
  INTRINSIC float nvvm_##NAME##_##SUFFIX(float a) { return EXPRESSION; }       \
  INTRINSIC float nvvm_##NAME##_ftz_##SUFFIX(float a) {                        \
    a = flush(a);                                                              \
    return flush(EXPRESSION);                                                  \
  }
DEFINE_UNARY(ex2_approx, f32, exp2(a))
DEFINE_UNARY(ex2_approx, f, exp2(a))
DEFINE_UNARY(lg2_approx, f, __builtin_log2f(a))
DEFINE_UNARY(sin_approx, f, __builtin_sinf(a))
DEFINE_UNARY(cos_approx, f, __builtin_cosf(a))
DEFINE_UNARY(rcp_approx, f, rcp(a))
DEFINE_UNARY(rsqrt_approx, f, rsqrt(a))
DEFINE_UNARY(sqrt_approx, f, __builtin_sqrtf(a))
DEFINE_UNARY(saturate, f, saturate(a))
DEFINE_UNARY(fabs, f32, __builtin_fabsf(a))
DEFINE_UNARY(fabs, f, __builtin_fabsf(a))
DEFINE_UNARY(ceil, f, __builtin_ceilf(a))
DEFINE_UNARY(floor, f, __builtin_floorf(a))
DEFINE_UNARY(trunc, f, __builtin_truncf(a))
DEFINE_UNARY(round, f, __builtin_roundevenf(a))
INTRINSIC float nvvm_sqrt_f(float a) { return __builtin_sqrtf(a); }
INTRINSIC float nvvm_tanh_approx_f32(float a) { return __builtin_tanhf(a); }
INTRINSIC double nvvm_fabs_f64(double a) { return __builtin_fabs(a); }
INTRINSIC double nvvm_fabs_d(double a) { return __builtin_fabs(a); }
INTRINSIC double nvvm_ceil_d(double a) { return __builtin_ceil(a); }
INTRINSIC double nvvm_floor_d(double a) { return __builtin_floor(a); }
INTRINSIC double nvvm_trunc_d(double a) { return __builtin_trunc(a); }
INTRINSIC double nvvm_round_d(double a) { return __builtin_roundeven(a); }

#define DEFINE_BINARY(NAME, EXPRESSION)                                        \
  INTRINSIC float nvvm_##NAME##_f(float a, float b) { return EXPRESSION; }     \
  INTRINSIC float nvvm_##NAME##_ftz_f(float a, float b) {                      \
    a = flush(a);                                                              \
    b = flush(b);                                                              \
    return flush(EXPRESSION);                                                  \
  }
DEFINE_BINARY(div_approx, div(a, b))
DEFINE_BINARY(fmin, __builtin_elementwise_minimumnum(a, b))
DEFINE_BINARY(fmax, __builtin_elementwise_maximumnum(a, b))
INTRINSIC float nvvm_div_full(float a, float b) { return a / b; }
INTRINSIC float nvvm_div_full_ftz(float a, float b) {
  return flush(flush(a) / flush(b));
}
INTRINSIC float nvvm_fmin_nan_f(float a, float b) {
  return __builtin_elementwise_minimum(a, b);
}
INTRINSIC float nvvm_fmax_nan_f(float a, float b) {
  return __builtin_elementwise_maximum(a, b);
}
INTRINSIC double nvvm_fmin_d(double a, double b) {
  return __builtin_elementwise_minimumnum(a, b);
}
INTRINSIC double nvvm_fmax_d(double a, double b) {
  return __builtin_elementwise_maximumnum(a, b);
}

#define DEFINE_SMALL(NAME, TYPE)                                               \
  INTRINSIC TYPE nvvm_fmin_##NAME(TYPE a, TYPE b) {                            \
    return __builtin_elementwise_minimumnum(a, b);                             \
  }                                                                            \
  INTRINSIC TYPE nvvm_fmax_##NAME(TYPE a, TYPE b) {                            \
    return __builtin_elementwise_maximumnum(a, b);                             \
  }                                                                            \
  INTRINSIC TYPE nvvm_fmin_nan_##NAME(TYPE a, TYPE b) {                        \
    return __builtin_elementwise_minimum(a, b);                                \
  }                                                                            \
  INTRINSIC TYPE nvvm_fmax_nan_##NAME(TYPE a, TYPE b) {                        \
    return __builtin_elementwise_maximum(a, b);                                \
  }                                                                            \
  INTRINSIC TYPE nvvm_fma_rn_##NAME(TYPE a, TYPE b, TYPE c) {                  \
    return __builtin_elementwise_fma(a, b, c);                                 \
  }                                                                            \
  INTRINSIC TYPE nvvm_fma_rn_relu_##NAME(TYPE a, TYPE b, TYPE c) {             \
    TYPE result = __builtin_elementwise_fma(a, b, c);                          \
    return result > 0 ? result : static_cast<TYPE>(0);                         \
  }                                                                            \
  INTRINSIC TYPE nvvm_ex2_approx_##NAME(TYPE a) {                              \
    return static_cast<TYPE>(exp2(static_cast<float>(a)));                     \
  }                                                                            \
  INTRINSIC TYPE nvvm_tanh_approx_##NAME(TYPE a) {                             \
    return static_cast<TYPE>(__builtin_tanhf(static_cast<float>(a)));          \
  }
DEFINE_SMALL(f16, _Float16)
DEFINE_SMALL(bf16, __bf16)
INTRINSIC __bf16 nvvm_f2bf16_rn(float a) { return static_cast<__bf16>(a); }
INTRINSIC _Float16 nvvm_f2f16_rn(float a) { return static_cast<_Float16>(a); }
INTRINSIC int16_t nvvm_f2h_rn(float a) {
  return __builtin_bit_cast(int16_t, static_cast<_Float16>(a));
}
INTRINSIC int16_t nvvm_f2h_rn_ftz(float a) { return nvvm_f2h_rn(flush(a)); }

// Instructions of libdevice's inline assembly.
INTRINSIC float ptx_rcp_approx_ftz_f32(float a) { return flush(1 / flush(a)); }
INTRINSIC double ptx_rsqrt_approx_ftz_f64(double a) {
  return 1 / __builtin_sqrt(a);
}
#define DEFINE_SUBTRACTION(NAME, ROUNDING)                                     \
  INTRINSIC float ptx_sub_##NAME##_f32(float a, float b) {                     \
    return add<ROUNDING>(a, -b);                                               \
  }                                                                            \
  INTRINSIC float ptx_sub_##NAME##_ftz_f32(float a, float b) {                 \
    return flush(add<ROUNDING>(flush(a), flush(-b)));                          \
  }
ROUNDINGS(DEFINE_SUBTRACTION)
INTRINSIC double ptx_sub_rn_f64(double a, double b) { return a - b; }

//===----------------------------------------------------------------------===//
// Integers and bits
//===----------------------------------------------------------------------===//

INTRINSIC int32_t nvvm_mulhi_i(int32_t a, int32_t b) {
  return static_cast<int32_t>((static_cast<int64_t>(a) * b) >> 32);
}
INTRINSIC uint32_t nvvm_mulhi_ui(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>((static_cast<uint64_t>(a) * b) >> 32);
}
INTRINSIC int64_t nvvm_mulhi_ll(int64_t a, int64_t b) {
  return static_cast<int64_t>((static_cast<__int128>(a) * b) >> 64);
}
INTRINSIC uint64_t nvvm_mulhi_ull(uint64_t a, uint64_t b) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(a) * b) >> 64);
}
INTRINSIC int32_t nvvm_mul24_i(int32_t a, int32_t b) {
  uint32_t left = static_cast<uint32_t>(a) << 8;
  uint32_t right = static_cast<uint32_t>(b) << 8;
  return static_cast<int32_t>(
      static_cast<uint32_t>(static_cast<int32_t>(left) >> 8) *
      static_cast<uint32_t>(static_cast<int32_t>(right) >> 8));
}
INTRINSIC uint32_t nvvm_mul24_ui(uint32_t a, uint32_t b) {
  return (a & 0xFFFFFF) * (b & 0xFFFFFF);
}
INTRINSIC uint32_t nvvm_sad_i(int32_t a, int32_t b, uint32_t c) {
  uint32_t left = static_cast<uint32_t>(a);
  uint32_t right = static_cast<uint32_t>(b);
  return c + (a > b ? left - right : right - left);
}
INTRINSIC uint32_t nvvm_sad_ui(uint32_t a, uint32_t b, uint32_t c) {
  return c + (a > b ? a - b : b - a);
}
INTRINSIC int32_t nvvm_d2i_lo(double a) {
  return static_cast<int32_t>(__builtin_bit_cast(int64_t, a));
}
INTRINSIC int32_t nvvm_d2i_hi(double a) {
  return static_cast<int32_t>(__builtin_bit_cast(int64_t, a) >> 32);
}
INTRINSIC double nvvm_lohi_i2d(uint32_t low, uint32_t high) {
  return __builtin_bit_cast(double, static_cast<uint64_t>(high) << 32 | low);
}

/// Selects four of the eight bytes of `a` and `b`, or their signs.
INTRINSIC uint32_t nvvm_prmt(uint32_t a, uint32_t b, uint32_t selector) {
  uint64_t bytes = static_cast<uint64_t>(b) << 32 | a;
  uint32_t result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    unsigned select = selector >> (4 * i) & 0xF;
    uint32_t byte = bytes >> (8 * (select & 7)) & 0xFF;
    if (select & 8)
      byte = byte & 0x80 ? 0xFF : 0;
    result |= byte << (8 * i);
  }
  return result;
}

#define DEFINE_DOT4(NAME, A, B, RESULT)                                        \
  INTRINSIC RESULT nvvm_idp4a_##NAME(uint32_t a, uint32_t b, RESULT c) {       \
    for (unsigned i = 0; i < 4; ++i)                                           \
      c += static_cast<RESULT>(static_cast<A>(a >> (8 * i))) *                 \
           static_cast<RESULT>(static_cast<B>(b >> (8 * i)));                  \
    return c;                                                                  \
  }
DEFINE_DOT4(s_s, int8_t, int8_t, int32_t)
DEFINE_DOT4(s_u, int8_t, uint8_t, int32_t)
DEFINE_DOT4(u_s, uint8_t, int8_t, int32_t)
DEFINE_DOT4(u_u, uint8_t, uint8_t, uint32_t)

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

// Blocks run on one processor thread, so that all memory is coherent.
INTRINSIC void nvvm_membar_cta() {}
INTRINSIC void nvvm_membar_gl() {}
INTRINSIC void nvvm_membar_sys() {}
INTRINSIC void nvvm_prefetch_global_L1(const void GLOBAL *) {}
INTRINSIC void nvvm_prefetch_global_L2(const void GLOBAL *) {}

// Asynchronous copies are done at once.
#define DEFINE_ASYNC_COPY(NAME, BYTES)                                         \
  INTRINSIC void nvvm_cp_async_##NAME##_shared_global_##BYTES(                 \
      char SHARED *to, const char GLOBAL *from) {                              \
    copyBytes(to, from, BYTES, BYTES);                                         \
  }                                                                            \
  INTRINSIC void nvvm_cp_async_##NAME##_shared_global_##BYTES##_s(             \
      char SHARED *to, const char GLOBAL *from, uint32_t given) {              \
    copyBytes(to, from, BYTES, given);                                         \
  }
/// Copies `given` bytes and zeros the rest.
static inline void copyBytes(char SHARED *to, const char GLOBAL *from,
                             uint32_t bytes, uint32_t given) {
  for (uint32_t i = 0; i < bytes; ++i)
    to[i] = i < given ? from[i] : 0;
}
DEFINE_ASYNC_COPY(ca, 4)
DEFINE_ASYNC_COPY(ca, 8)
DEFINE_ASYNC_COPY(ca, 16)
DEFINE_ASYNC_COPY(cg, 16)
INTRINSIC void nvvm_cp_async_commit_group() {}
INTRINSIC void nvvm_cp_async_wait_group(uint32_t) {}
INTRINSIC void nvvm_cp_async_wait_all() {}

// NOLINTEND(readability-identifier-naming)
