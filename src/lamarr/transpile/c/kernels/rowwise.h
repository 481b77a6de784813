/* Operators in which the features of a row meet: lanes are rows; a single row fills all lanes alike. */
#ifndef LAMARR_ROWWISE_H
#define LAMARR_ROWWISE_H
#include "functions.h"

FORCE int row_vectors(tile t) { return t.nv ? t.nv : 1; }
FORCE vec get(tile t, size_t p, size_t j, int v) {
  const float *at = place(t, p + j);
  return t.nv ? load(at + v * VL) : splat(*at);
}
FORCE void put(tile t, size_t p, size_t j, int v, vec x) {
  float *at = place(t, p + j);
  if (t.nv) store(at + v * VL, x);
  else *at = x[0];
}

KERNEL void softmax(tile t, size_t in, size_t out, size_t width) {
  for (int v = 0; v < row_vectors(t); v++) {
    vec top = get(t, in, 0, v), sum = splat(0.f);
    for (size_t j = 1; j < width; j++) top = at_least(top, get(t, in, j, v));
    for (size_t j = 0; j < width; j++) {
      const vec e = exp_(get(t, in, j, v) - top);
      sum += e;
      put(t, out, j, v, e);
    }
    for (size_t j = 0; j < width; j++) put(t, out, j, v, get(t, out, j, v) / sum);
  }
}

/* k[l] = the last piece whose start is <= x[l]; starts ascend, n pieces; 0 for NaN */
FORCE void find_piece(const float *starts, size_t n, vec x, uint32_t k[VL]) {
  for (int l = 0; l < VL; l++) k[l] = 0;
  for (size_t half; n > 1; n -= half) {
    half = n / 2;
    for (int l = 0; l < VL; l++) k[l] += starts[k[l] + half] <= x[l] ? (uint32_t)half : 0;
  }
}

/* Piecewise linear through `points` (x, y) for each column, constant outside.
 * Per column: x[points], then (y, slope)[points - 1]. */
KERNEL void interpolate(tile t, size_t in, size_t out, size_t width, size_t points, const float *table) {
  for (size_t j = 0; j < width; j++, table += 3 * points - 2)
    for (int v = 0; v < row_vectors(t); v++) {
      const vec first = splat(table[0]), last = splat(table[points - 1]);
      const vec x = at_most(last, at_least(first, get(t, in, j, v)));
      uint32_t k[VL];
      find_piece(table, points - 1, x, k);
      vec start, value, slope;
      for (int l = 0; l < VL; l++) {
        const float *piece = table + points + 2 * (size_t)k[l];
        start[l] = table[k[l]], value[l] = piece[0], slope[l] = piece[1];
      }
      put(t, out, j, v, value + (x - start) * slope);
    }
}

#define SPLINE_BINS 64
#define SPLINE_MIN_HEIGHT 1e-3f
#define SPLINE_MIN_SLOPE 1e-3f
#define SPLINE_UNIT 0.5410832f

/* Rational-quadratic spline of one vector; raw: heights[bins], then inner slopes[bins - 1] */
FORCE vec spline_of(vec u, const vec *raw, int bins, float bound, float cells) {
  vec top = raw[0], sum = splat(0.f), e[SPLINE_BINS];
  for (int b = 1; b < bins; b++) top = at_least(top, raw[b]);
  for (int b = 0; b < bins; b++) e[b] = exp_(raw[b] - top), sum += e[b];
  const vec inside = at_most(splat(bound), at_least(splat(-bound), u)), cell = (inside + bound) * cells;
  const vec scale = (1.f - SPLINE_MIN_HEIGHT * (float)bins) / sum, one = splat(1.f);
  vec height = fma_(scale, e[0], splat(SPLINE_MIN_HEIGHT)), sum_y = height;
  vec low = splat(0.f), high = height, k = splat(0.f), left = splat(0.f), right = raw[bins > 1 ? bins : 0];
  for (int b = 1; b < bins; b++) { /* select what belongs to the cell of u on the way */
    const ivec here = cell >= (float)b;
    low = select_(here, sum_y, low);
    sum_y += fma_(scale, e[b], splat(SPLINE_MIN_HEIGHT));
    high = select_(here, sum_y, high);
    left = select_(here, raw[bins + b - 1], left);
    if (b < bins - 1) right = select_(here, raw[bins + b], right);
    k = select_(here, splat((float)b), k);
  }
  const vec y0 = low * (2 * bound) - bound, rise = (high * (2 * bound) - bound) - y0;
  const vec d0 = select_(k > 0.f, SPLINE_MIN_SLOPE + softplus_(left + SPLINE_UNIT), one);
  const vec d1 = select_(k < (float)(bins - 1), SPLINE_MIN_SLOPE + softplus_(right + SPLINE_UNIT), one);
  const vec q = cell - k, s = rise * cells;
  const vec value = y0 + rise * q * (s * q + d0 * (1.f - q)) / (s + (d0 + d1 - 2.f * s) * q * (1.f - q));
  return select_(abs_(u) < bound, value, u);
}

KERNEL void spline(tile t, size_t u, size_t raw, size_t out, size_t width, int bins, float bound, float cells) {
  const size_t n = 2 * (size_t)bins - 1;
  for (size_t j = 0; j < width; j++)
    for (int v = 0; v < row_vectors(t); v++) {
      vec knots[2 * SPLINE_BINS];
      for (size_t i = 0; i < n; i++) knots[i] = get(t, raw, j * n + i, v);
      put(t, out, j, v, spline_of(get(t, u, j, v), knots, bins, bound, cells));
    }
}

#define VINE_DIMENSION 16

/* Correlations (i, j), i < j, ordered by j, from canonical partial correlations */
KERNEL void vine(tile t, size_t in, size_t out, int d) {
  for (int v = 0; v < row_vectors(t); v++) {
    vec factor[VINE_DIMENSION][VINE_DIMENSION];
    factor[0][0] = splat(1.f);
    for (int j = 1; j < d; j++) {
      vec rest = splat(1.f);
      for (int i = 0; i < j; i++) {
        const vec r = get(t, in, (size_t)(j * (j - 1) / 2 + i), v);
        factor[j][i] = r * rest;
        rest *= sqrt_(at_least(splat(0.f), (1.f - r) * (1.f + r)));
      }
      factor[j][j] = rest;
    }
    for (int j = 1; j < d; j++)
      for (int i = 0; i < j; i++) {
        vec total = factor[j][0] * factor[i][0];
        for (int k = 1; k <= i; k++) total = fma_(factor[j][k], factor[i][k], total);
        put(t, out, (size_t)(j * (j - 1) / 2 + i), v, total);
      }
  }
}

#endif
