/* A vector of VL rows, and the operations that compilers do not spell alike.
 *
 * No contraction (the flag -ffp-contract=off goes with it): where a fused multiply-add is wanted, it is
 * written fma_. So a number never depends on how the compiler happened to arrange its neighbours.
 */
#ifndef LAMARR_VECTOR_H
#define LAMARR_VECTOR_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>
#define VL 16
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define VL 8
#else
#define VL 4
#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif
#endif

#define NV 3 /* vectors per feature in a full tile; NV x OB accumulators fill the register file */
#define TILE (NV * VL)
#if VL == 16
#define OB 8
#else
#define OB 4
#endif

typedef float vec __attribute__((vector_size(4 * VL), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * VL), may_alias));
typedef uint32_t uvec __attribute__((vector_size(4 * VL), may_alias));
typedef float loose __attribute__((vector_size(4 * VL), aligned(4), may_alias));

#define FORCE static inline __attribute__((always_inline, unused))
#define SOME _Pragma("GCC unroll 4")
#define UNROLL _Pragma("GCC unroll 16")
#define KERNEL static __attribute__((noinline, unused))

FORCE vec load(const float *p) { return *(const loose *)p; }
FORCE void store(float *p, vec x) { *(loose *)p = x; }
FORCE vec splat(float x) { return x - (vec){0}; }

/* a b + c; fused where the target has it */
FORCE vec fma_(vec a, vec b, vec c) {
#if VL == 16
  return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif VL == 8
  return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__ARM_NEON) && defined(__aarch64__)
  return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

/* mask ? a : b, lane by lane; the lanes of mask are 0 or -1, as comparisons give them */
FORCE vec select_(ivec mask, vec a, vec b) {
#if VL == 8
  return (vec)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)mask);
#else
  return (vec)((mask & (ivec)a) | (~mask & (ivec)b));
#endif
}

/* x, but at least (at most) bound; a NaN in x stays */
FORCE vec at_least(vec bound, vec x) {
#if VL == 16
  return (vec)_mm512_max_ps((__m512)bound, (__m512)x);
#elif VL == 8
  return (vec)_mm256_max_ps((__m256)bound, (__m256)x);
#elif defined(__SSE2__)
  return (vec)_mm_max_ps((__m128)bound, (__m128)x);
#else
  return select_(bound > x, bound, x);
#endif
}
FORCE vec at_most(vec bound, vec x) {
#if VL == 16
  return (vec)_mm512_min_ps((__m512)bound, (__m512)x);
#elif VL == 8
  return (vec)_mm256_min_ps((__m256)bound, (__m256)x);
#elif defined(__SSE2__)
  return (vec)_mm_min_ps((__m128)bound, (__m128)x);
#else
  return select_(bound < x, bound, x);
#endif
}

FORCE vec abs_(vec x) { return (vec)((ivec)x & 0x7fffffff); }
FORCE ivec sign_bit(vec x) { return (ivec)x & (int32_t)0x80000000; }
FORCE vec with_sign(vec x, ivec sign) { return (vec)((ivec)x ^ sign); }

FORCE vec sqrt_(vec x) {
#if VL == 16
  return (vec)_mm512_sqrt_ps((__m512)x);
#elif VL == 8
  return (vec)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE2__)
  return (vec)_mm_sqrt_ps((__m128)x);
#else
  vec y;
  for (int l = 0; l < VL; l++) y[l] = __builtin_sqrtf(x[l]);
  return y;
#endif
}

FORCE vec to_float(ivec x) { return __builtin_convertvector(x, vec); }
FORCE ivec to_int(vec x) { return __builtin_convertvector(x, ivec); } /* towards zero; |x| < 2^31 */

/* Rows k of a table (rows, 4), aligned to 16 bytes: c[i] is column i. */
FORCE void quads(const float *table, ivec k, vec c[4]) {
#if VL == 16
  UNROLL for (int i = 0; i < 4; i++) c[i] = (vec)_mm512_i32gather_ps((__m512i)(k * 4), table + i, 4);
#elif VL == 8
  __m256 r[4], s[4];
  UNROLL for (int l = 0; l < 4; l++) {
    const __m128 low = _mm_load_ps(table + 4 * (size_t)k[l]), high = _mm_load_ps(table + 4 * (size_t)k[l + 4]);
    r[l] = _mm256_insertf128_ps(_mm256_castps128_ps256(low), high, 1);
  }
  s[0] = _mm256_unpacklo_ps(r[0], r[1]), s[1] = _mm256_unpackhi_ps(r[0], r[1]);
  s[2] = _mm256_unpacklo_ps(r[2], r[3]), s[3] = _mm256_unpackhi_ps(r[2], r[3]);
  c[0] = (vec)_mm256_shuffle_ps(s[0], s[2], 0x44), c[1] = (vec)_mm256_shuffle_ps(s[0], s[2], 0xee);
  c[2] = (vec)_mm256_shuffle_ps(s[1], s[3], 0x44), c[3] = (vec)_mm256_shuffle_ps(s[1], s[3], 0xee);
#else
  const float *a = table + 4 * (size_t)k[0], *b = table + 4 * (size_t)k[1];
  const float *d = table + 4 * (size_t)k[2], *e = table + 4 * (size_t)k[3];
  UNROLL for (int i = 0; i < 4; i++) c[i] = (vec){a[i], b[i], d[i], e[i]};
#endif
}

/* Where the values of a graph lie while its nodes run.
 *
 * A value of width w has a place p: its feature j is at + (p + j) * stride. In a tile of nv vectors the
 * stride is nv * VL and rows are lanes. Few rows (nv = 0) lie `step` floats apart, with stride 1: their features
 * are lanes. But dense layers, which see all of them at once, kernels take such rows one by one.
 */
typedef struct {
  float *at;
  size_t stride;
  int nv, rows;
  size_t step;
} tile;

#define EACH_ROW(r, t) for (int r = 0; r < ((t).nv ? 1 : (t).rows); r++)
FORCE tile one_row(tile t, int r) {
  if (t.nv) return t;
  return (tile){t.at + (size_t)r * t.step, 1, 0, 1, t.step};
}

FORCE float *place(tile t, size_t p) { return t.at + p * t.stride; }
/* Vectors that hold a value of width w; in a single row the last one may run over into padding. */
FORCE size_t vectors(tile t, size_t w) { return t.nv ? w * (size_t)t.nv : (w + VL - 1) / VL; }

#endif
