/* Philox4x32-10 and the normal transform of lamarr.random, with the same bits: rows are the lanes.
 *
 * J. Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011), doi:10.1145/2063384.2063405
 */
#ifndef LAMARR_NOISE_H
#define LAMARR_NOISE_H
#include "vector.h"

typedef uint64_t wide __attribute__((vector_size(8 * VL)));

/* Upper halves of the products a m; *low gets the lower halves. */
FORCE uvec multiply_high(uvec a, uint32_t m, uvec *low) {
#if VL == 8
  const __m256i f = _mm256_set1_epi32((int)m);
  const __m256i even = _mm256_mul_epu32((__m256i)a, f), odd = _mm256_mul_epu32(_mm256_srli_epi64((__m256i)a, 32), f);
  *low = (uvec)_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
  return (uvec)_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
#elif VL == 16
  const __m512i f = _mm512_set1_epi32((int)m);
  const __m512i even = _mm512_mul_epu32((__m512i)a, f), odd = _mm512_mul_epu32(_mm512_srli_epi64((__m512i)a, 32), f);
  *low = (uvec)_mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
  return (uvec)_mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
#else
  const wide product = __builtin_convertvector(a, wide) * (uint64_t)m;
  *low = a * m;
  return __builtin_convertvector(product >> 32, uvec);
#endif
}

/* N(0, 1) from 32 random bits: a sign, and a piecewise cubic in the floating-point representation of the rest */
FORCE vec normal_of(uvec words, const float *table) {
  const uvec bits = (uvec)to_float((ivec)(words & 0x7fffffffu));
  const ivec piece = (ivec)(bits >> 20) - 1015;
  const vec t = to_float((ivec)(bits & 0xfffffu)) * 9.5367431640625e-07f;
  vec c[4];
  quads(table, piece & ~(piece >> 31), c); /* at least 0 */
  const vec z = ((c[3] * t + c[2]) * t + c[1]) * t + c[0];
  return with_sign(z, (ivec)(words & 0x80000000u));
}

/* `n` normal numbers for each lane, at features p, p + 1, ...; v is the vector of rows. Few rows: at most VL. */
KERNEL void normal(tile t, size_t p, size_t n, int v, uvec event, uvec particle, uint64_t seed, uint32_t stage,
                   const float *table) {
  for (size_t first = 0; first < n; first += 4) {
    uvec c[4] = {(uint32_t)(first / 4) - (uvec){0}, particle, event, stage - (uvec){0}};
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) {
      uvec low0, low1;
      const uvec high0 = multiply_high(c[0], 0xd2511f53u, &low0), high1 = multiply_high(c[2], 0xcd9e8d57u, &low1);
      c[0] = high1 ^ c[1] ^ k0, c[2] = high0 ^ c[3] ^ k1, c[1] = low1, c[3] = low0;
    }
    for (size_t i = 0; i < 4 && first + i < n; i++) {
      const vec z = normal_of(c[i], table);
      float *at = place(t, p + first + i);
      if (t.nv) store(at + v * VL, z);
      else EACH_ROW(r, t) at[(size_t)r * t.step] = z[r];
    }
  }
}

#endif
