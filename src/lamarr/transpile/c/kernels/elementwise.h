/* Operators that treat each number alone: lanes may be rows or features. `out` may be `in`. */
#ifndef LAMARR_ELEMENTWISE_H
#define LAMARR_ELEMENTWISE_H
#include "functions.h"

#define UNARY(name, expression)                                              \
  KERNEL void name(tile t, size_t in, size_t out, size_t width) {            \
    const float *a = place(t, in);                                           \
    float *y = place(t, out);                                                \
    const size_t n = vectors(t, width) * VL;                                 \
    SOME for (size_t i = 0; i < n; i += VL) {                                \
      const vec x = load(a + i);                                             \
      store(y + i, expression);                                              \
    }                                                                        \
  }
UNARY(relu, at_least(splat(0.f), x))
UNARY(tanh_all, tanh_(x))
UNARY(sigmoid, sigmoid_(x))
UNARY(silu, silu_(x))
UNARY(softplus, softplus_(x))
UNARY(exp_all, exp_(x))
UNARY(log_all, log_(x))
UNARY(sqrt_all, sqrt_(x))
UNARY(sinh_all, sinh_(x))
UNARY(asinh_all, asinh_(x))
UNARY(absolute, abs_(x))

UNARY(gelu, x * normal_cdf_(x))
UNARY(normal_cdf, normal_cdf_(x))
UNARY(normal_quantile, normal_quantile_(x))

KERNEL void elu(tile t, size_t in, size_t out, size_t width, float scale, float below) {
  const float *a = place(t, in);
  float *y = place(t, out);
  const size_t n = vectors(t, width) * VL;
  for (size_t i = 0; i < n; i += VL) store(y + i, elu_(load(a + i), scale, below));
}

/* Exactly `width` features: the next ones may belong to somebody else. */
KERNEL void copy(tile t, size_t in, size_t out, size_t width) {
  memcpy(place(t, out), place(t, in), width * t.stride * sizeof(float));
}

KERNEL void leaky_relu(tile t, size_t in, size_t out, size_t width, float slope) {
  const float *a = place(t, in);
  float *y = place(t, out);
  for (size_t n = vectors(t, width); n; n--, a += VL, y += VL) {
    const vec x = load(a);
    store(y, select_(x > 0.f, x, x * slope));
  }
}

/* The features of a value of width 1 are repeated where the other one is wider. */
#define BINARY(name, expression)                                                             \
  FORCE vec name##_two(vec a, vec b) { return expression; }                                  \
  KERNEL void name(tile t, size_t left, size_t wl, size_t right, size_t wr, size_t out) {    \
    const size_t width = wl > wr ? wl : wr;                                                  \
    const float *a = place(t, left), *b = place(t, right);                                   \
    float *y = place(t, out);                                                                \
    if (wl == wr) {                                                                          \
      const size_t n = vectors(t, width) * VL;                                               \
      SOME for (size_t i = 0; i < n; i += VL) store(y + i, name##_two(load(a + i), load(b + i))); \
      return;                                                                                \
    }                                                                                        \
    const size_t rows = t.nv ? (size_t)t.nv : 1, wide = t.nv ? width : vectors(t, width);    \
    for (size_t v = 0; v < rows; v++) {                                                      \
      const vec one = t.nv ? load((wl == 1 ? a : b) + v * VL) : splat(wl == 1 ? *a : *b);    \
      for (size_t j = 0; j < wide; j++) {                                                    \
        const size_t k = (j * rows + v) * VL;                                                \
        store(y + k, wl == 1 ? name##_two(one, load(b + k)) : name##_two(load(a + k), one)); \
      }                                                                                      \
    }                                                                                        \
  }
BINARY(add, a + b)
BINARY(subtract, a - b)
BINARY(multiply, a * b)
BINARY(divide, a / b)

/* y = b + f(x): residual layers */
#define ADD_UNARY(name, expression)                                                       \
  KERNEL void name(tile t, size_t in, size_t other, size_t out, size_t width) {           \
    const float *a = place(t, in), *b = place(t, other);                                  \
    float *y = place(t, out);                                                             \
    const size_t n = vectors(t, width) * VL;                                              \
    SOME for (size_t i = 0; i < n; i += VL) {                                             \
      const vec x = load(a + i);                                                          \
      store(y + i, load(b + i) + expression);                                             \
    }                                                                                     \
  }
ADD_UNARY(add_relu, at_least(splat(0.f), x))
ADD_UNARY(add_tanh, tanh_short(x))
ADD_UNARY(add_silu, silu_(x))

/* Constants by column: a[width], then b[width]; in a single row they are loaded as lanes. */
#define COLUMNS(name, expression)                                                            \
  KERNEL void name(tile t, size_t in, size_t out, size_t width, const float *constants) {    \
    const float *s = place(t, in);                                                           \
    float *y = place(t, out);                                                                \
    const size_t rows = t.nv ? (size_t)t.nv : 1, step = t.nv ? 1 : VL;                       \
    for (size_t j = 0; j < width; j += step) {                                               \
      const float *c = constants + j;                                                        \
      const vec a = t.nv ? splat(*c) : load(c), b = t.nv ? splat(c[width]) : load(c + width); \
      for (size_t v = 0; v < rows; v++, s += VL, y += VL) {                                  \
        const vec x = load(s);                                                               \
        store(y, expression);                                                                \
      }                                                                                      \
    }                                                                                        \
  }
COLUMNS(affine, fma_(x, a, b))
COLUMNS(prelu, select_(x > b, x, x * a)) /* b is 0 */
COLUMNS(clip, at_most(b, at_least(a, x)))

#endif
