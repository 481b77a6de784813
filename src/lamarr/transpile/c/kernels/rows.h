/* Carries rows between row-major arrays and tiles, and a batch through tiles. */
#ifndef LAMARR_ROWS_H
#define LAMARR_ROWS_H
#include "noise.h"

/* Rows that are faster with their features as lanes than as lanes of one vector, of a model with so many
 * multiplications and so much work (in cycles) in operators of which a row takes as long as a vector of rows. */
#define FEW_(multiplications, rowwise) \
  (((multiplications) * 7 / 10 + (rowwise)) / ((multiplications) / ROW_RATE + (rowwise) + 1))
#define FEW(multiplications, rowwise) (FEW_(multiplications, rowwise) < VL ? FEW_(multiplications, rowwise) : VL)
#if VL == 16
#define ROW_RATE 24 /* multiplications per cycle */
#elif VL == 8
#define ROW_RATE 12
#else
#define ROW_RATE 3
#endif

/* The tile for the next rows of `left`; *rows gets how many it takes. Up to `few` rows lie `step` apart. */
FORCE tile next_tile(float *arena, size_t left, size_t few, size_t step, size_t *rows) {
  if (left <= few || left == 1) {
    *rows = left;
    return (tile){arena, 1, 0, (int)left, step};
  }
  const int nv = left >= TILE ? NV : (int)((left + VL - 1) / VL);
  *rows = left < (size_t)nv * VL ? left : (size_t)nv * VL;
  return (tile){arena, (size_t)nv * VL, nv, 1, 0};
}

/* Rows (rows, width) into features p, ...; lanes without a row repeat the last one. */
KERNEL void rows_in(tile t, size_t p, size_t width, const float *x, size_t rows) {
  if (!t.nv) {
    EACH_ROW(r, t) memcpy(place(one_row(t, r), p), x + (size_t)r * width, width * sizeof *x);
    return;
  }
  for (size_t j = 0; j < width; j++) {
    float *at = place(t, p + j);
    for (size_t r = 0; r < rows; r++) at[r] = x[r * width + j];
    for (size_t r = rows; r < t.stride; r++) at[r] = at[rows - 1];
  }
}

KERNEL void rows_out(tile t, size_t p, size_t width, float *y, size_t rows) {
  if (!t.nv) {
    EACH_ROW(r, t) memcpy(y + (size_t)r * width, place(one_row(t, r), p), width * sizeof *y);
    return;
  }
  for (size_t j = 0; j < width; j++) {
    const float *at = place(t, p + j);
    for (size_t r = 0; r < rows; r++) y[r * width + j] = at[r];
  }
}

FORCE uvec counters(const uint32_t *numbers, size_t rows) {
  uint32_t lane[VL];
  for (size_t l = 0; l < VL; l++) lane[l] = numbers[l < rows ? l : rows - 1];
  uvec c;
  memcpy(&c, lane, sizeof c);
  return c;
}

/* Where a batch gets its normal numbers from: an array, or counters. */
typedef struct {
  const float *array;
  const uint32_t *event, *particle;
  uint64_t seed;
  uint32_t stage;
  const float *table;
} source;

FORCE void noise_in(tile t, size_t p, size_t width, const source *s, size_t first, size_t rows) {
  if (s->array) {
    rows_in(t, p, width, s->array + first * width, rows);
    return;
  }
  for (size_t v = 0, r = 0; r < rows; v++, r += VL) {
    const uvec event = counters(s->event + first + r, rows - r), particle = counters(s->particle + first + r, rows - r);
    normal(t, p, width, (int)v, event, particle, s->seed, s->stage, s->table);
  }
}

#endif
