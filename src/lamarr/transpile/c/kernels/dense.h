/* y = x W + b.
 *
 * W comes in panels of 16 outputs (the last one narrower): bias[p], then weight[inputs][p]. In a tile a
 * block of outputs times nv vectors of rows is accumulated in registers and weights are broadcast; the
 * panel stays in L1 meanwhile. In a single row outputs are the lanes. Either way an output is
 * fma(x[k], w[k], ... fma(x[0], w[0], bias)), so both give the same bits.
 */
#ifndef LAMARR_DENSE_H
#define LAMARR_DENSE_H
#include "vector.h"

#define PANEL 16

/* `count` outputs from w on, of `n` inputs, for nv vectors of rows; p is the width of the panel */
#define DENSE_BLOCK(nv, count)                                                                                    \
  FORCE void dense_##nv##_##count(const float *w, size_t p, const float *x, float *y, size_t n) {                 \
    vec sum[count][nv], in[nv];                                                                                   \
    UNROLL for (int o = 0; o < count; o++)                                                                        \
      UNROLL for (int v = 0; v < nv; v++) sum[o][v] = splat(w[o]);                                                \
    for (size_t k = 0; k < n; k++, x += nv * VL) {                                                                \
      w += p;                                                                                                     \
      UNROLL for (int v = 0; v < nv; v++) in[v] = load(x + v * VL);                                               \
      UNROLL for (int o = 0; o < count; o++) {                                                                    \
        const vec f = splat(w[o]);                                                                                \
        UNROLL for (int v = 0; v < nv; v++) sum[o][v] = fma_(f, in[v], sum[o][v]);                                \
      }                                                                                                           \
    }                                                                                                             \
    UNROLL for (int o = 0; o < count; o++)                                                                        \
      UNROLL for (int v = 0; v < nv; v++) store(y + (o * nv + v) * VL, sum[o][v]);                                \
  }

/* All panels for nv vectors of rows, in blocks of at most `wide` outputs */
#define DENSE_TILE(nv, wide)                                                                                      \
  DENSE_BLOCK(nv, 4) DENSE_BLOCK(nv, 3) DENSE_BLOCK(nv, 2) DENSE_BLOCK(nv, 1)                                     \
  KERNEL void dense_tile_##nv(const float *w, const float *x, float *y, size_t n, size_t outputs) {               \
    for (size_t p; outputs; outputs -= p, w += n * p) {                                                           \
      p = outputs < PANEL ? outputs : PANEL;                                                                      \
      size_t left = p;                                                                                            \
      for (; left >= wide; left -= wide, w += wide, y += wide * nv * VL)                                          \
        dense_##nv##_##wide(w, p, x, y, n);                                                                       \
      for (; left >= 4; left -= 4, w += 4, y += 4 * nv * VL) dense_##nv##_4(w, p, x, y, n);                       \
      if (left == 3) dense_##nv##_3(w, p, x, y, n);                                                               \
      if (left == 2) dense_##nv##_2(w, p, x, y, n);                                                               \
      if (left == 1) dense_##nv##_1(w, p, x, y, n);                                                               \
      w += left, y += left * nv * VL;                                                                             \
    }                                                                                                             \
  }

#if VL == 16
DENSE_BLOCK(3, 8)
DENSE_BLOCK(2, 8)
DENSE_BLOCK(1, 8)
DENSE_TILE(3, 8)
DENSE_TILE(2, 8)
DENSE_TILE(1, 8)
#else
DENSE_BLOCK(1, 8)
DENSE_TILE(3, 4)
DENSE_TILE(2, 4)
DENSE_TILE(1, 8)
#endif

/* `panels` panels for `rows` rows, which lie `in` and `out` floats apart */
#define DENSE_GROUP(panels, rows)                                                                                 \
  FORCE void dense_##panels##_panels_##rows(const float *w, const float *x, size_t in, float *y, size_t out,      \
                                            size_t n) {                                                           \
    vec sum[rows][panels][PANEL / VL];                                                                            \
    const size_t step = (n + 1) * PANEL;                                                                          \
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int g = 0; g < panels; g++)                                 \
      UNROLL for (int c = 0; c < PANEL / VL; c++) sum[r][g][c] = load(w + g * step + c * VL);                     \
    for (size_t k = 0; k < n; k++) {                                                                              \
      w += PANEL;                                                                                                 \
      vec f[panels][PANEL / VL];                                                                                  \
      UNROLL for (int g = 0; g < panels; g++)                                                                     \
        UNROLL for (int c = 0; c < PANEL / VL; c++) f[g][c] = load(w + g * step + c * VL);                        \
      UNROLL for (int r = 0; r < rows; r++) {                                                                     \
        const vec one = splat(x[r * in + k]);                                                                     \
        UNROLL for (int g = 0; g < panels; g++)                                                                   \
          UNROLL for (int c = 0; c < PANEL / VL; c++) sum[r][g][c] = fma_(f[g][c], one, sum[r][g][c]);            \
      }                                                                                                           \
    }                                                                                                             \
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int g = 0; g < panels; g++)                                 \
      UNROLL for (int c = 0; c < PANEL / VL; c++) store(y + r * out + g * PANEL + c * VL, sum[r][g][c]);          \
  }

/* All panels for `rows` rows; GROUP panels at a time keep the registers full */
#define DENSE_ROWS(rows, group)                                                                                   \
  DENSE_GROUP(1, rows)                                                                                            \
  KERNEL void dense_rows_##rows(const float *w, const float *x, size_t in, float *y, size_t out, size_t n,        \
                                size_t outputs) {                                                                 \
    for (; outputs >= group * PANEL; outputs -= group * PANEL, w += group * (n + 1) * PANEL, y += group * PANEL)  \
      dense_##group##_panels_##rows(w, x, in, y, out, n);                                                         \
    for (; outputs >= PANEL; outputs -= PANEL, w += (n + 1) * PANEL, y += PANEL)                                  \
      dense_1_panels_##rows(w, x, in, y, out, n);                                                                 \
    for (size_t c = 0; c < outputs; c += VL) { /* the narrow panel; lanes beyond it run over into padding */      \
      vec sum[rows];                                                                                              \
      UNROLL for (int r = 0; r < rows; r++) sum[r] = load(w + c);                                                 \
      for (size_t k = 0; k < n; k++) {                                                                            \
        const vec f = load(w + (k + 1) * outputs + c);                                                            \
        UNROLL for (int r = 0; r < rows; r++) sum[r] = fma_(f, splat(x[r * in + k]), sum[r]);                     \
      }                                                                                                           \
      UNROLL for (int r = 0; r < rows; r++) store(y + r * out + c, sum[r]);                                       \
    }                                                                                                             \
  }

#if VL == 16
DENSE_GROUP(4, 1)
DENSE_GROUP(4, 2)
DENSE_GROUP(4, 4)
DENSE_ROWS(1, 4)
DENSE_ROWS(2, 4)
DENSE_ROWS(4, 4)
#elif VL == 8
DENSE_GROUP(4, 1)
DENSE_GROUP(2, 2)
DENSE_ROWS(1, 4)
DENSE_ROWS(2, 2)
DENSE_ROWS(4, 1)
#else
DENSE_GROUP(2, 1)
DENSE_ROWS(1, 2)
DENSE_ROWS(2, 1)
#endif

/* Few rows: in blocks, for which the weights are read once */
KERNEL void dense_few(tile t, size_t in, size_t n, size_t out, size_t outputs, const float *w) {
  int r = 0;
#if VL > 4
  for (; r + 4 <= t.rows; r += 4) {
    const tile a = one_row(t, r);
    dense_rows_4(w, place(a, in), t.step, place(a, out), t.step, n, outputs);
  }
#endif
  for (; r + 2 <= t.rows; r += 2) {
    const tile a = one_row(t, r);
    dense_rows_2(w, place(a, in), t.step, place(a, out), t.step, n, outputs);
  }
  if (r < t.rows) dense_rows_1(w, place(one_row(t, r), in), t.step, place(one_row(t, r), out), t.step, n, outputs);
}

FORCE void dense(tile t, size_t in, size_t n, size_t out, size_t outputs, const float *w) {
  const float *x = place(t, in);
  float *y = place(t, out);
  switch (t.nv) {
    case 0: dense_few(t, in, n, out, outputs, w); break;
    case 1: dense_tile_1(w, x, y, n, outputs); break;
    case 2: dense_tile_2(w, x, y, n, outputs); break;
    default: dense_tile_3(w, x, y, n, outputs);
  }
}

#endif
