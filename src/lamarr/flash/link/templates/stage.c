/* ---- $stage: $title */

static int stage_$stage(const ${name}_generated *in, uint64_t seed, ${name}_simulated *out) {
  size_t row[BLOCK];
$buffers
$start
  (void)seed;
  const size_t rows = $rows;
  for (size_t next = 0; next < rows;) {
    size_t n = 0;
    for (; next < rows && n < BLOCK; next++) {
      const size_t i = next;
$select
    }
$refuse
$model
$outcome
  }
  return 0;
}
