/* Elementary functions of a vector. Coefficients: scripts/make_kernel_polynomials.py.
 *
 * Largest errors in units in the last place, over all float32 with a normal result:
 *   exp 1.0, log 0.9, tanh 1.9, sinh 3.6, asinh 2.1, sigmoid 2.5, silu 2.2, softplus 1.8, elu 1.5, selu 2.0,
 *   normal_quantile (which is erfinv, scaled) 5.0
 * (tests/transpile/test_c_functions.py measures them; sigmoid and silu for x >= -87, below they stay within 1e-35 of 0).
 * Largest absolute errors: normal_cdf 1.5e-07, gelu 8.2e-07 for |x| < 10.
 */
#ifndef LAMARR_FUNCTIONS_H
#define LAMARR_FUNCTIONS_H
#include "vector.h"

#define SIGN ((int32_t)0x80000000 - (ivec){0})
#define LN2 0.693147181f
#define LN2_HIGH 0.693359375f /* nine bits: products with an exponent are exact */
#define LN2_LOW -2.12194440e-4f

/* 2^n for -126 <= n <= 127 */
FORCE vec power_of_two(ivec n) { return (vec)((n + 127) << 23); }

FORCE vec exp_(vec x) {
  const vec c = at_most(splat(89.f), at_least(splat(-104.f), x));
  const vec whole = (c * 1.44269504f + 12582912.f) - 12582912.f;
  const vec r = fma_(whole, splat(-LN2_LOW), fma_(whole, splat(-LN2_HIGH), c));
  vec p = fma_(r, splat(0.0013814558f), splat(0.00836873613f));
  p = fma_(r, p, splat(0.041668389f));
  p = fma_(r, p, splat(0.166665211f));
  p = fma_(r, p, splat(0.49999994f));
  p = fma_(r * r, p, r) + 1.f;
  const ivec n = to_int(select_(c == c, whole, splat(0.f))), half = n >> 1;
  return p * power_of_two(half) * power_of_two(n - half);
}

/* log(1 + f) for sqrt(1/2) <= 1 + f <= sqrt(2) */
FORCE vec log1p_near(vec f) {
  vec p = fma_(f, splat(-0.0763625428f), splat(0.127636328f));
  p = fma_(f, p, splat(-0.131605133f));
  p = fma_(f, p, splat(0.142015085f));
  p = fma_(f, p, splat(-0.166233003f));
  p = fma_(f, p, splat(0.200012356f));
  p = fma_(f, p, splat(-0.250008225f));
  p = fma_(f, p, splat(0.333333313f));
  const vec s = f * f;
  return fma_(s, fma_(f, p, splat(-0.5f)), f);
}

/* log of positive, finite x */
FORCE vec log_positive(vec x) {
  const ivec tiny = x < 1.17549435e-38f;
  const ivec bits = (ivec)select_(tiny, x * 8388608.f, x);
  const ivec shifted = bits - 0x3f3504f3; /* sqrt(1/2) */
  const ivec n = (shifted >> 23) - (tiny & 23);
  const vec m = (vec)((shifted & 0x007fffff) + 0x3f3504f3), e = to_float(n);
  return fma_(e, splat(LN2_HIGH), fma_(e, splat(LN2_LOW), log1p_near(m - 1.f)));
}

FORCE vec log_(vec x) {
  const vec y = log_positive(x);
  const ivec regular = (x > 0.f) & (x < __builtin_inff());
  const vec zero = splat(-__builtin_inff()), other = select_(x > 0.f, x, splat(__builtin_nanf("")));
  return select_(regular, y, select_(x == 0.f, zero, other));
}

/* log(1 + a) for a >= 0; corrected for the rounding of the sum */
FORCE vec log1p_(vec a) {
  const vec u = 1.f + a;
  const vec y = log_positive(u) + (a - (u - 1.f)) / u;
  return select_(a < 3.0e38f, y, a);
}

/* 2^n, n a whole number that was rounded by adding 1.5 * 2^23: it is in the lowest bits of the sum. */
FORCE vec power_of_sum(vec shifted) { return (vec)(((ivec)shifted << 23) + 0x3f800000); }

/* Near 1 as 1 - 2 / (e^2|x| + 1): what comes after may look at 1 - tanh. Short chains of dependent steps
 * count here more than few operations. */
FORCE vec tanh_(vec x) {
  const vec a = abs_(x), c = at_most(splat(9.02f), a), s = x * x;
  const vec shifted = fma_(c, splat(2.88539008f), splat(12582912.f)), whole = shifted - 12582912.f;
  const vec r = fma_(whole, splat(-LN2), c + c), q = r * r, power = power_of_sum(shifted);
  const vec low = fma_(r, splat(0.166671157f), splat(0.499992311f));
  const vec e = fma_(q, fma_(q, fma_(r, splat(0.0083125094f), splat(0.0418902747f)), low), r); /* e^r - 1 */
  const vec far = with_sign(1.f - 2.f / fma_(power, e, power + 1.f), sign_bit(x));
  vec p = fma_(s, splat(-0.00574301509f), splat(0.0206714906f));
  p = fma_(s, p, splat(-0.0537491217f));
  p = fma_(s, p, splat(0.133315489f));
  p = fma_(s, p, splat(-0.333332866f));
  return select_(a < 0.6f, fma_(x * s, p, x), far);
}

/* tanh as x P(x^2) / Q(x^2), half as many steps: for what is added to something else, as in residual layers,
 * where the rounding of the sum is as large. Largest error: 4.2 units in the last place. */
FORCE vec tanh_short(vec x) {
  const vec c = at_most(splat(9.02f), at_least(splat(-9.02f), x)), s = c * c;
  vec p = fma_(s, splat(1.33199496e-08f), splat(2.05841898e-05f));
  vec q = fma_(s, splat(7.76240086e-07f), splat(0.000328316644f));
  p = fma_(s, p, splat(0.00349408109f));
  q = fma_(s, q, splat(0.0258712545f));
  p = fma_(s, p, splat(0.133797586f));
  q = fma_(s, q, splat(0.46713075f));
  p = fma_(s, p, splat(1.f));
  q = fma_(s, q, splat(1.f));
  return at_most(splat(1.f), at_least(splat(-1.f), c * p / q));
}

FORCE vec sinh_(vec x) {
  const vec a = abs_(x), h = exp_(a * 0.5f), s = x * x;
  const vec t = (0.5f * h) * h, far = with_sign(t - 0.25f / t, sign_bit(x));
  vec p = fma_(s, splat(0.000203721924f), splat(0.00833028369f));
  p = fma_(s, p, splat(0.166667163f));
  return select_(a < 1.f, fma_(x * s, p, x), far);
}

FORCE vec asinh_(vec x) {
  const vec a = abs_(x), s = a * a;
  const vec near = log1p_(a + s / (1.f + sqrt_(1.f + s)));
  const vec far = log_(a) + LN2;
  return with_sign(select_(a > 1e8f, far, near), sign_bit(x));
}

/* 1 + e^-x for x >= -87 */
FORCE vec one_and_exp(vec x) {
  const vec c = at_most(splat(87.f), x);
  const vec shifted = fma_(c, splat(-1.44269504f), splat(12582912.f)), whole = shifted - 12582912.f;
  const vec r = fma_(whole, splat(LN2_LOW), fma_(whole, splat(LN2_HIGH), c)), q = r * r;
  const vec low = fma_(r, splat(-0.166665211f), splat(0.49999994f)), power = power_of_sum(shifted);
  const vec high = fma_(q, splat(0.0013814558f), fma_(r, splat(-0.00836873613f), splat(0.041668389f)));
  const vec e = fma_(q, fma_(q, high, low), -r); /* e^-r' - 1 for the rest r' */
  return fma_(power, e, power + 1.f);
}

FORCE vec sigmoid_(vec x) { return 1.f / one_and_exp(at_least(splat(-87.f), x)); }

FORCE vec silu_(vec x) {
  const vec c = at_least(splat(-87.f), x); /* below, the result is within 1e-35 of 0 */
  return c / one_and_exp(c);
}

FORCE vec softplus_(vec x) {
  const vec e = exp_(with_sign(abs_(x), SIGN));
  const ivec big = e > 0.414213562f;
  const vec f = select_(big, 0.5f * e - 0.5f, e), y = log1p_near(f);
  return at_least(splat(0.f), x) + (y + select_(big, splat(LN2), splat(0.f)));
}

/* e^x - 1 for x <= 0 */
FORCE vec expm1_negative(vec x) {
  const vec s = x * x;
  vec p = fma_(x, splat(0.0013814558f), splat(0.00836873613f));
  p = fma_(x, p, splat(0.041668389f));
  p = fma_(x, p, splat(0.166665211f));
  p = fma_(x, p, splat(0.49999994f));
  return select_(x > -0.3467f, fma_(s, p, x), exp_(x) - 1.f);
}

FORCE vec elu_(vec x, float scale, float below) {
  return select_(x > 0.f, x * scale, expm1_negative(at_most(splat(0.f), x)) * below);
}

FORCE vec erf_(vec x) {
  const vec c = at_most(splat(3.93f), at_least(splat(-3.93f), x)), s = c * c;
  vec p = fma_(s, splat(2.04205253e-06f), splat(0.00028479789f));
  vec q = fma_(s, splat(3.80043602e-05f), splat(0.00116509909f));
  p = fma_(s, p, splat(0.00377914356f));
  q = fma_(s, q, splat(0.0149965091f));
  p = fma_(s, p, splat(0.0527888574f));
  q = fma_(s, q, splat(0.114253052f));
  p = fma_(s, p, splat(0.19077301f));
  q = fma_(s, q, splat(0.502400875f));
  p = fma_(s, p, splat(1.12837911f));
  q = fma_(s, q, splat(1.f));
  return c * p / q;
}

FORCE vec normal_cdf_(vec x) { return 0.5f + 0.5f * erf_(x * 0.707106781f); }

FORCE vec normal_quantile_(vec p) {
  const vec side = at_most(p, 1.f - p), v = p - 0.5f, w = -log_(4.f * side * (1.f - side));
  const vec c = w - 2.5f, r = sqrt_(w), t = 1.f / r;
  vec m = fma_(c, splat(8.07084533e-08f), splat(9.72206976e-07f));
  m = fma_(c, m, splat(-9.98112046e-06f));
  m = fma_(c, m, splat(-1.24359758e-05f));
  m = fma_(c, m, splat(0.000618300342f));
  m = fma_(c, m, splat(-0.00354602025f));
  m = fma_(c, m, splat(-0.0118163424f));
  m = fma_(c, m, splat(0.697605312f));
  m = fma_(c, m, splat(4.24662733f));
  vec q = fma_(t, splat(10.3735294f), splat(-14.6646214f));
  q = fma_(t, q, splat(1.8137325f));
  q = fma_(t, q, splat(8.54116821f));
  q = fma_(t, q, splat(-8.41649055f));
  q = fma_(t, q, splat(4.73309231f));
  q = fma_(t, q, splat(-1.49123275f));
  q = fma_(t, q, splat(-0.0535518117f));
  q = fma_(t, q, splat(1.41503382f));
  return select_(w < 5.f, v * m, with_sign(r, sign_bit(v)) * q);
}

#endif
