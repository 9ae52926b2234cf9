//===- LibDevice.cpp - libdevice where there is none ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Without a CUDA toolkit nothing defines the functions of libdevice that MLIR
/// lowers `math` ops to. These are the host's, whose results may differ in the
/// last places: `__nv_expf` becomes a call of `libdevice_expf`.
///
//===----------------------------------------------------------------------===//

#include "Support.h"

// Functions have libdevice's names.
// NOLINTBEGIN(readability-identifier-naming)

#define DEFINE_UNARY(NAME)                                                     \
  INTRINSIC float libdevice_##NAME##f(float a) {                               \
    return __builtin_##NAME##f(a);                                             \
  }                                                                            \
  INTRINSIC double libdevice_##NAME(double a) { return __builtin_##NAME(a); }
#define DEFINE_BINARY(NAME)                                                    \
  INTRINSIC float libdevice_##NAME##f(float a, float b) {                      \
    return __builtin_##NAME##f(a, b);                                          \
  }                                                                            \
  INTRINSIC double libdevice_##NAME(double a, double b) {                      \
    return __builtin_##NAME(a, b);                                             \
  }

DEFINE_UNARY(acos)
DEFINE_UNARY(acosh)
DEFINE_UNARY(asin)
DEFINE_UNARY(asinh)
DEFINE_UNARY(atan)
DEFINE_UNARY(atanh)
DEFINE_UNARY(cbrt)
DEFINE_UNARY(ceil)
DEFINE_UNARY(cos)
DEFINE_UNARY(cosh)
DEFINE_UNARY(erf)
DEFINE_UNARY(erfc)
DEFINE_UNARY(exp)
DEFINE_UNARY(exp2)
DEFINE_UNARY(exp10)
DEFINE_UNARY(expm1)
DEFINE_UNARY(fabs)
DEFINE_UNARY(floor)
DEFINE_UNARY(lgamma)
DEFINE_UNARY(log)
DEFINE_UNARY(log10)
DEFINE_UNARY(log1p)
DEFINE_UNARY(log2)
DEFINE_UNARY(nearbyint)
DEFINE_UNARY(rint)
DEFINE_UNARY(round)
DEFINE_UNARY(sin)
DEFINE_UNARY(sinh)
DEFINE_UNARY(sqrt)
DEFINE_UNARY(tan)
DEFINE_UNARY(tanh)
DEFINE_UNARY(tgamma)
DEFINE_UNARY(trunc)
DEFINE_BINARY(atan2)
DEFINE_BINARY(copysign)
DEFINE_BINARY(fdim)
DEFINE_BINARY(fmax)
DEFINE_BINARY(fmin)
DEFINE_BINARY(fmod)
DEFINE_BINARY(hypot)
DEFINE_BINARY(nextafter)
DEFINE_BINARY(pow)
DEFINE_BINARY(remainder)

INTRINSIC float libdevice_fmaf(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}
INTRINSIC double libdevice_fma(double a, double b, double c) {
  return __builtin_fma(a, b, c);
}
INTRINSIC float libdevice_rsqrtf(float a) { return 1 / __builtin_sqrtf(a); }
INTRINSIC double libdevice_rsqrt(double a) { return 1 / __builtin_sqrt(a); }
INTRINSIC float libdevice_powif(float a, int32_t b) {
  return __builtin_powif(a, b);
}
INTRINSIC double libdevice_powi(double a, int32_t b) {
  return __builtin_powi(a, b);
}
INTRINSIC float libdevice_ldexpf(float a, int32_t b) {
  return __builtin_ldexpf(a, b);
}
INTRINSIC double libdevice_ldexp(double a, int32_t b) {
  return __builtin_ldexp(a, b);
}
INTRINSIC float libdevice_frexpf(float a, int32_t *exponent) {
  return __builtin_frexpf(a, exponent);
}
INTRINSIC double libdevice_frexp(double a, int32_t *exponent) {
  return __builtin_frexp(a, exponent);
}
INTRINSIC void libdevice_sincosf(float a, float *sine, float *cosine) {
  *sine = __builtin_sinf(a);
  *cosine = __builtin_cosf(a);
}
INTRINSIC void libdevice_sincos(double a, double *sine, double *cosine) {
  *sine = __builtin_sin(a);
  *cosine = __builtin_cos(a);
}

// The fast forms, as good as the others here.
INTRINSIC float libdevice_fast_expf(float a) { return __builtin_expf(a); }
INTRINSIC float libdevice_fast_exp10f(float a) { return __builtin_exp10f(a); }
INTRINSIC float libdevice_fast_logf(float a) { return __builtin_logf(a); }
INTRINSIC float libdevice_fast_log2f(float a) { return __builtin_log2f(a); }
INTRINSIC float libdevice_fast_log10f(float a) { return __builtin_log10f(a); }
INTRINSIC float libdevice_fast_sinf(float a) { return __builtin_sinf(a); }
INTRINSIC float libdevice_fast_cosf(float a) { return __builtin_cosf(a); }
INTRINSIC float libdevice_fast_tanf(float a) { return __builtin_tanf(a); }
INTRINSIC float libdevice_fast_tanhf(float a) { return __builtin_tanhf(a); }
INTRINSIC float libdevice_fast_powf(float a, float b) {
  return __builtin_powf(a, b);
}
INTRINSIC float libdevice_fast_fdividef(float a, float b) { return a / b; }

INTRINSIC int32_t libdevice_isinff(float a) { return __builtin_isinf(a); }
INTRINSIC int32_t libdevice_isinfd(double a) { return __builtin_isinf(a); }
INTRINSIC int32_t libdevice_isnanf(float a) { return __builtin_isnan(a); }
INTRINSIC int32_t libdevice_isnand(double a) { return __builtin_isnan(a); }
INTRINSIC int32_t libdevice_finitef(float a) { return __builtin_isfinite(a); }
INTRINSIC int32_t libdevice_isfinited(double a) {
  return __builtin_isfinite(a);
}
INTRINSIC int32_t libdevice_abs(int32_t a) {
  return __builtin_elementwise_abs(a);
}
INTRINSIC int64_t libdevice_llabs(int64_t a) {
  return __builtin_elementwise_abs(a);
}

// NOLINTEND(readability-identifier-naming)
