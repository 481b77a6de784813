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

typedef struct { /* start of the table of a column; see pack.py */
  float low, high, scale;
  uint32_t steps, cells, points;
  uint32_t unused[2];
} ruler;

/* One piece (x, y, slope, 0) for each lane: a guide by cells of equal width, then a search among the pieces
 * that start in the cell. */
FORCE vec interpolate_one(ruler c, const float *table, vec v) {
  typedef uint16_t __attribute__((may_alias)) number;
  const number *guide = (const number *)table;
  const float *pieces = table + (c.cells + 7) / 8 * 4;
  const vec x = at_most(splat(c.high), at_least(splat(c.low), v)), at = (x - c.low) * c.scale;
  const ivec cell = to_int(select_(at == at, at_most(splat((float)(c.cells - 1)), at), splat(0.f)));
  ivec k = {0};
  UNROLL for (int l = 0; l < VL; l++) k[l] = guide[cell[l]];
  vec piece[4];
  const ivec last = (int32_t)c.points - 2 - (ivec){0};
  for (uint32_t n = c.steps + 1; n > 1; n -= n / 2) { /* the piece is k, or one of the next `steps` */
    const ivec up = k + (int32_t)(n / 2), further = ((up < last) & up) | ((up >= last) & last);
    quads(pieces, further, piece);
    const ivec right = x >= piece[0];
    k = (right & further) | (~right & k);
  }
  quads(pieces, k, piece);
  return piece[1] + (x - piece[0]) * piece[2];
}

/* Piecewise linear maps of each column, constant outside; `size` floats of table per column */
KERNEL void interpolate(tile t, size_t in, size_t out, size_t width, const float *table, size_t size) {
  for (size_t j = 0; j < width; j++, table += size) {
    ruler c;
    memcpy(&c, table, sizeof c);
    for (int v = 0; v < row_vectors(t); v++)
      put(t, out, j, v, interpolate_one(c, table + sizeof c / 4, get(t, in, j, v)));
  }
}

/* Constants: scale[width], shift[width] */
KERNEL void layer_norm(tile t, size_t in, size_t out, size_t width, float epsilon, const float *constants) {
  const float *scale = constants, *shift = constants + width, n = (float)width;
  for (int v = 0; v < row_vectors(t); v++) {
    vec sum = splat(0.f), squares = splat(0.f);
    for (size_t j = 0; j < width; j++) sum += get(t, in, j, v);
    const vec mean = sum / n;
    for (size_t j = 0; j < width; j++) {
      const vec x = get(t, in, j, v) - mean;
      squares = fma_(x, x, squares);
    }
    const vec spread = sqrt_(squares / n + epsilon);
    for (size_t j = 0; j < width; j++)
      put(t, out, j, v, fma_((get(t, in, j, v) - mean) / spread, splat(scale[j]), splat(shift[j])));
  }
}

KERNEL void one_hot(tile t, size_t in, size_t out, size_t classes) {
  for (int v = 0; v < row_vectors(t); v++) {
    const vec x = get(t, in, 0, v);
    for (size_t j = 0; j < classes; j++)
      put(t, out, j, v, select_(x == x, select_(x == (float)j, splat(1.f), splat(0.f)), x));
  }
}

typedef struct __attribute__((may_alias)) { /* of a decision tree; a leaf is its own child */
  uint32_t column;
  float threshold;
  uint32_t child[2];
} branch;

FORCE void trees_row(const float *x, size_t stride, size_t width, float *y, size_t outputs, const uint32_t *roots,
                     size_t n, size_t depth, const branch *nodes, const float *values) {
  float nan = 0.f;
  for (size_t j = 0; j < width; j++) nan = x[j * stride] == x[j * stride] ? nan : x[j * stride];
  for (size_t o = 0; o < outputs; o++) y[o * stride] = nan;
  for (size_t i = 0; i < n; i++) {
    uint32_t k = roots[i];
    for (size_t d = 0; d < depth; d++) k = nodes[k].child[!(x[nodes[k].column * stride] <= nodes[k].threshold)];
    for (size_t o = 0; o < outputs; o++) y[o * stride] += values[k * outputs + o];
  }
}

/* Sum of the leaves that a row reaches; constants: roots[n], nodes[size], values[size][outputs], each part
 * rounded up to 16 */
KERNEL void trees(tile t, size_t in, size_t width, size_t out, size_t outputs, size_t n, size_t depth, size_t size,
                  const float *constants) {
  typedef uint32_t __attribute__((may_alias)) number;
  const number *roots = (const number *)constants;
  const branch *nodes = (const branch *)(constants + (n + 15) / 16 * 16);
  const float *values = constants + (n + 15) / 16 * 16 + (4 * size + 15) / 16 * 16;
  for (size_t r = 0; r < t.stride; r++)
    trees_row(place(t, in) + r, t.stride, width, place(t, out) + r, outputs, roots, n, depth, nodes, values);
}

/* The block of `width` values of the category that u chooses by the probabilities */
KERNEL void pick(tile t, size_t probability, size_t categories, size_t u, size_t values, size_t out, size_t width) {
  for (int v = 0; v < row_vectors(t); v++) {
    const vec at = get(t, u, 0, v);
    vec sum = splat(0.f);
    for (size_t j = 0; j < width; j++) put(t, out, j, v, get(t, values, j, v));
    for (size_t c = 1; c < categories; c++) {
      sum += get(t, probability, c - 1, v);
      const ivec beyond = sum <= at;
      for (size_t j = 0; j < width; j++)
        put(t, out, j, v, select_(beyond, get(t, values, c * width + j, v), get(t, out, j, v)));
    }
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
