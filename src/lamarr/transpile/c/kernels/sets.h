/* Objects of a row: they are the lanes. A row has its own values in a single row (nv = 0), and those of its
 * objects in chunks of up to TILE objects; what is not there takes part in nothing but the last vector.
 */
#ifndef LAMARR_SETS_H
#define LAMARR_SETS_H
#include "functions.h"

#define MAX_OBJECTS 256
#define MAX_EXTENTS 8

typedef struct { /* objects of one extent */
  float *at;     /* of the first chunk */
  size_t step;   /* floats from chunk to chunk */
  size_t n;      /* how many are there */
} set;

typedef struct {
  tile row;
  set of[MAX_EXTENTS];
} event;

/* The chunk that begins at object `first` */
FORCE tile chunk(const set *s, size_t first) {
  const size_t left = s->n - first;
  const int nv = left >= TILE ? NV : (int)((left + VL - 1) / VL);
  return (tile){s->at + first / TILE * s->step, (size_t)nv * VL, nv, 1, 0};
}
#define EACH_CHUNK(first, s) for (size_t first = 0; first < (s)->n; first += TILE)

FORCE size_t present(tile row, size_t count, size_t most) {
  const float c = *place(row, count);
  const size_t n = c > 0.f ? c < (float)most ? (size_t)c : most : 0; /* NaN: none */
  return n < most && (float)n + 0.5f < c ? n + 1 : n;
}

/* 0, or NaN where the count is NaN */
FORCE float zero_of(tile row, size_t count) {
  const float c = *place(row, count);
  return c == c ? 0.f : c;
}

/* x (objects, width) side by side in the row */
KERNEL void objects(tile row, const set *s, size_t in, size_t out, size_t width) {
  EACH_CHUNK(first, s) {
    const tile t = chunk(s, first);
    const float *x = place(row, in + first * width);
    for (size_t l = 0; l < t.stride; l++) {
      const size_t o = first + l < s->n ? l : s->n - 1 - first; /* lanes without an object repeat the last */
      for (size_t j = 0; j < width; j++) place(t, out + j)[l] = x[o * width + j];
    }
  }
}

KERNEL void spread(tile row, const set *s, size_t in, size_t out, size_t width) {
  EACH_CHUNK(first, s) {
    const tile t = chunk(s, first);
    for (size_t j = 0; j < width; j++)
      for (int v = 0; v < t.nv; v++) store(place(t, out + j) + v * VL, splat(*place(row, in + j)));
  }
}

/* table (width, most rounded up to whole chunks), transposed */
KERNEL void positions(const set *s, size_t out, size_t width, size_t room, const float *table) {
  EACH_CHUNK(first, s) {
    const tile t = chunk(s, first);
    for (size_t j = 0; j < width; j++)
      for (int v = 0; v < t.nv; v++) store(place(t, out + j) + v * VL, load(table + j * room + first + v * VL));
  }
}

KERNEL void flatten(tile row, const set *s, size_t in, size_t count, size_t out, size_t width, size_t most) {
  const float zero = zero_of(row, count);
  float *y = place(row, out);
  EACH_CHUNK(first, s) {
    const tile t = chunk(s, first);
    for (size_t l = 0; l < TILE && first + l < s->n; l++)
      for (size_t j = 0; j < width; j++) y[(first + l) * width + j] = place(t, in + j)[l];
  }
  for (size_t i = s->n * width; i < most * width; i++) y[i] = zero;
}

/* Lanes of vector v of the chunk at `first` that are objects */
FORCE ivec there(size_t first, int v, size_t n) {
  ivec lane;
  for (int l = 0; l < VL; l++) lane[l] = l;
  return lane + (int32_t)(first + (size_t)v * VL) < (int32_t)n;
}

FORCE float sum_of(vec x) {
  float s = x[0];
  for (int l = 1; l < VL; l++) s += x[l];
  return s;
}

KERNEL void pool_sum(tile row, const set *s, size_t in, size_t count, size_t out, size_t width, int mean) {
  const float zero = zero_of(row, count), number = mean && s->n ? (float)s->n : 1.f;
  for (size_t j = 0; j < width; j++) {
    vec sum = splat(0.f);
    EACH_CHUNK(first, s) {
      const tile t = chunk(s, first);
      for (int v = 0; v < t.nv; v++)
        sum += select_(there(first, v, s->n), load(place(t, in + j) + v * VL), splat(0.f));
    }
    *place(row, out + j) = (sum_of(sum) + zero) / number;
  }
}

KERNEL void pool_max(tile row, const set *s, size_t in, size_t count, size_t out, size_t width) {
  for (size_t j = 0; j < width; j++) {
    vec top = splat(-__builtin_inff()), spoilt = splat(zero_of(row, count));
    EACH_CHUNK(first, s) {
      const tile t = chunk(s, first);
      for (int v = 0; v < t.nv; v++) { /* lanes without an object repeat the last, or count for nothing */
        const vec x = select_(there(first, v, s->n), load(place(t, in + j) + v * VL), splat(-__builtin_inff()));
        spoilt = select_(x == x, spoilt, x);
        top = at_least(top, x);
      }
    }
    float y = top[0];
    for (int l = 1; l < VL; l++) y = top[l] > y ? top[l] : y;
    *place(row, out + j) = (s->n ? y : 0.f) + sum_of(spoilt);
  }
}

/* scores[k][vector of queries] of the keys of one chunk; `d` features of a head, scale included in q */
#define SCORES(nv)                                                                                                \
  FORCE void scores_##nv(const float *q, const float *k, size_t stride, size_t d, vec *scores) {                  \
    vec sum[4][nv];                                                                                               \
    UNROLL for (int i = 0; i < 4; i++) UNROLL for (int v = 0; v < nv; v++) sum[i][v] = splat(0.f);                \
    for (size_t j = 0; j < d; j++, q += nv * VL, k += stride)                                                     \
      UNROLL for (int i = 0; i < 4; i++)                                                                          \
        UNROLL for (int v = 0; v < nv; v++) sum[i][v] = fma_(splat(k[i]), load(q + v * VL), sum[i][v]);           \
    UNROLL for (int i = 0; i < 4; i++) UNROLL for (int v = 0; v < nv; v++) scores[i * nv + v] = sum[i][v];        \
  }                                                                                                               \
  FORCE void weighted_##nv(const vec *w, const float *x, size_t stride, size_t features, size_t keys, vec *out) { \
    vec sum[4][nv];                                                                                               \
    for (size_t i = 0; i < features; i++)                                                                         \
      UNROLL for (int v = 0; v < nv; v++) sum[i][v] = out[i * nv + v];                                            \
    for (size_t k = 0; k < keys; k++)                                                                             \
      for (size_t i = 0; i < features; i++)                                                                       \
        UNROLL for (int v = 0; v < nv; v++) sum[i][v] = fma_(splat(x[i * stride + k]), w[k * nv + v], sum[i][v]); \
    for (size_t i = 0; i < features; i++)                                                                         \
      UNROLL for (int v = 0; v < nv; v++) out[i * nv + v] = sum[i][v];                                            \
  }

/* One head for the queries of one chunk: places of its first features, `keys` objects */
#define HEAD(nv)                                                                                                  \
  SCORES(nv)                                                                                                      \
  KERNEL void head_##nv(const set *s, tile t, size_t begin, size_t q, size_t k, size_t d, size_t v,               \
                        size_t dv, size_t out, float scale, int causal) {                                         \
    vec weight[(MAX_OBJECTS + 4) * nv], top[nv], total[nv];                                                       \
    UNROLL for (int i = 0; i < nv; i++) top[i] = splat(-__builtin_inff()), total[i] = splat(0.f);                 \
    for (size_t o = 0; o < s->n; o += 4) { /* up to three more than there are: lanes of the last vector */        \
      const tile c = chunk(s, o / TILE * TILE);                                                                   \
      scores_##nv(place(t, q), place(c, k) + o % TILE, c.stride, d, weight + o * nv);                             \
    }                                                                                                             \
    for (size_t o = 0; o < s->n; o++)                                                                             \
      UNROLL for (int i = 0; i < nv; i++) {                                                                       \
        vec *w = weight + o * nv + i;                                                                             \
        *w *= scale;                                                                                              \
        if (causal) *w = select_(~there(begin, i, o), *w, splat(-__builtin_inff()));                              \
        top[i] = at_least(top[i], *w);                                                                            \
      }                                                                                                           \
    for (size_t o = 0; o < s->n; o++)                                                                             \
      UNROLL for (int i = 0; i < nv; i++) {                                                                       \
        vec *w = weight + o * nv + i;                                                                             \
        const vec x = exp_(*w - top[i]);                                                                          \
        *w = select_(*w == -__builtin_inff(), splat(0.f), x);                                                     \
        total[i] += *w;                                                                                           \
      }                                                                                                           \
    for (size_t j = 0; j < dv; j += 4) {                                                                          \
      const size_t features = dv - j < 4 ? dv - j : 4;                                                            \
      vec sum[4 * nv];                                                                                            \
      UNROLL for (int i = 0; i < 4 * nv; i++) sum[i] = splat(0.f);                                                \
      EACH_CHUNK(first, s) {                                                                                      \
        const tile c = chunk(s, first);                                                                           \
        const size_t here = s->n - first < TILE ? s->n - first : TILE;                                            \
        if (features == 4) weighted_##nv(weight + first * nv, place(c, v + j), c.stride, 4, here, sum);           \
        else weighted_##nv(weight + first * nv, place(c, v + j), c.stride, features, here, sum);                  \
      }                                                                                                           \
      for (size_t f = 0; f < features; f++)                                                                       \
        UNROLL for (int i = 0; i < nv; i++)                                                                       \
          store(place(t, out + j + f) + i * VL, select_(total[i] == 0.f, splat(0.f), sum[f * nv + i] / total[i]));\
    }                                                                                                             \
  }
HEAD(3)
HEAD(2)
HEAD(1)

/* Mean of values (dv per head), weighted by softmax(q k scale) over the keys that are there */
KERNEL void attention(const set *queries, const set *s, size_t q, size_t k, size_t d, size_t v, size_t dv, size_t out,
                      size_t heads, float scale, int causal) {
  EACH_CHUNK(first, queries) {
    const tile t = chunk(queries, first);
    for (size_t h = 0; h < heads; h++) {
      const size_t a = q + h * d, b = k + h * d, c = v + h * dv, y = out + h * dv;
      if (t.nv == 1) head_1(s, t, first, a, b, d, c, dv, y, scale, causal);
      else if (t.nv == 2) head_2(s, t, first, a, b, d, c, dv, y, scale, causal);
      else head_3(s, t, first, a, b, d, c, dv, y, scale, causal);
    }
  }
}

#endif
