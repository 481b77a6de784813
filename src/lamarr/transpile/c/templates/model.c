/* ---- $name: $inputs columns, $noise random numbers -> $outputs columns; $multiplications multiplications per row */

$layers
$run
int LEVEL(${name}_batch)(size_t n, const float *x, const float *noise, float *y) {
  if (n && (!x || !y || ($noise && !noise))) return 1;
  return batch_of_${name}(n, x, &(source){.array = noise}, y);
}

#if $noise
int LEVEL(${name}_seeded)(size_t n, const float *x, const uint32_t *event, const uint32_t *particle,
                     uint64_t seed, uint32_t stage, float *y) {
  if (n && (!x || !event || !particle || !y)) return 1;
  const source s = {.event = event, .particle = particle, .seed = seed, .stage = stage, .table = NORMAL_TABLE};
  return batch_of_${name}(n, x, &s, y);
}

float *LEVEL(${name})(float *out, const float *in, const float *random) {
  batch_of_${name}(1, in, &(source){.array = random}, out);
  return out;
}
#else
float *LEVEL(${name})(float *out, const float *in) {
  batch_of_${name}(1, in, &(source){0}, out);
  return out;
}
#endif
