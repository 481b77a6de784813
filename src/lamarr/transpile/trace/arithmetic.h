/* The functions that traced arithmetic calls, as numpy has them. Compile with -ffp-contract=off. */
#ifndef LAMARR_ARITHMETIC_H
#define LAMARR_ARITHMETIC_H
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAMARR_INLINE static inline __attribute__((unused))

/* The smaller and the larger number; NaN if one is */
LAMARR_INLINE double lamarr_minimum(double a, double b) { return a < b || a != a ? a : b; }
LAMARR_INLINE double lamarr_maximum(double a, double b) { return a > b || a != a ? a : b; }
LAMARR_INLINE float lamarr_minimumf(float a, float b) { return a < b || a != a ? a : b; }
LAMARR_INLINE float lamarr_maximumf(float a, float b) { return a > b || a != a ? a : b; }
LAMARR_INLINE int64_t lamarr_minimumi(int64_t a, int64_t b) { return a < b ? a : b; }
LAMARR_INLINE int64_t lamarr_maximumi(int64_t a, int64_t b) { return a > b ? a : b; }

LAMARR_INLINE double lamarr_absolute(double x) { return fabs(x); }
LAMARR_INLINE float lamarr_absolutef(float x) { return fabsf(x); }
LAMARR_INLINE int64_t lamarr_absolutei(int64_t x) { return x < 0 ? -x : x; }

/* -1, 0 or 1; NaN of NaN */
LAMARR_INLINE double lamarr_sign(double x) { return x != x ? x : (double)(x > 0) - (double)(x < 0); }
LAMARR_INLINE float lamarr_signf(float x) { return x != x ? x : (float)(x > 0) - (float)(x < 0); }
LAMARR_INLINE int64_t lamarr_signi(int64_t x) { return (x > 0) - (x < 0); }

LAMARR_INLINE double lamarr_sqrt(double x) { return sqrt(x); }
LAMARR_INLINE float lamarr_sqrtf(float x) { return sqrtf(x); }
LAMARR_INLINE double lamarr_floor(double x) { return floor(x); }
LAMARR_INLINE float lamarr_floorf(float x) { return floorf(x); }

/* x = mantissa 2^exponent, the mantissa in [1/2, 1) */
LAMARR_INLINE double lamarr_mantissa(double x) {
  int exponent;
  return frexp(x, &exponent);
}
LAMARR_INLINE int32_t lamarr_exponent(double x) {
  int exponent = 0;
  frexp(x, &exponent);
  return exponent;
}

/* Integers: towards minus infinity, and what is left (of the divisor's sign) */
LAMARR_INLINE int64_t lamarr_floor_divide(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }
LAMARR_INLINE int64_t lamarr_remainder(int64_t a, int64_t b) { return a - b * lamarr_floor_divide(a, b); }

#endif
