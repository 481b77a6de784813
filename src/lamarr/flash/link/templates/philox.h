/* The random numbers of lamarr.random, one at a time: Philox4x32-10 with (event, number, stage) as the counter.
 *
 * J. Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011), doi:10.1145/2063384.2063405
 */
#ifndef LAMARR_PHILOX_H
#define LAMARR_PHILOX_H
#include <stdint.h>
#include <string.h>

#define LAMARR_INLINE static inline __attribute__((unused))

/* The n-th random word of a row */
LAMARR_INLINE uint32_t lamarr_word(uint64_t seed, uint32_t stage, int64_t event, int64_t number, uint32_t n) {
  uint32_t c[4] = {n / 4, (uint32_t)number, (uint32_t)event, stage};
  uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  for (int round = 0; round < 10; round++, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) {
    const uint64_t p0 = UINT64_C(0xd2511f53) * c[0], p1 = UINT64_C(0xcd9e8d57) * c[2];
    c[0] = (uint32_t)(p1 >> 32) ^ c[1] ^ k0, c[2] = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
    c[1] = (uint32_t)p1, c[3] = (uint32_t)p0;
  }
  return c[n % 4];
}

/* Uniform on (0, 1), 23 bits */
LAMARR_INLINE float lamarr_uniform(uint64_t seed, uint32_t stage, int64_t event, int64_t number, uint32_t n) {
  return ((float)(lamarr_word(seed, stage, event, number, n) >> 9) + 0.5f) * 1.1920928955078125e-07f;
}

/* N(0, 1): a sign, and the quantile of the other 31 bits by a table (250, 4) of cubics */
LAMARR_INLINE float lamarr_normal(uint64_t seed, uint32_t stage, int64_t event, int64_t number, uint32_t n,
                                  const float *table) {
  const uint32_t word = lamarr_word(seed, stage, event, number, n);
  const float m = (float)(int32_t)(word & 0x7fffffffu);
  uint32_t bits;
  memcpy(&bits, &m, sizeof bits);
  const int32_t piece = (int32_t)(bits >> 20) - 1015;
  const float t = (float)(int32_t)(bits & 0xfffffu) * 9.5367431640625e-07f;
  const float *c = table + 4 * (piece < 0 ? 0 : piece);
  const float z = ((c[3] * t + c[2]) * t + c[1]) * t + c[0];
  return word >> 31 ? -z : z;
}

#endif
