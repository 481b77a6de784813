static void model_${name}(event *e) {
$calls
}

static int batch_of_${name}(size_t n, const float *x, const source *noise, float *y) {
  _Alignas(64) float arena[$size + 2 * TILE];
  _Alignas(64) float $arenas;
  event e = {.row = {arena, 1, 0, 1, 0}, .of = {$pointers}};
  for (size_t r = 0; r < n; r++) {
    rows_in(e.row, $x_at, $inputs, x + r * $inputs, 1);
    if ($noise) noise_in(e.row, $noise_at, $noise, noise, r, 1);
    model_${name}(&e);
    rows_out(e.row, $y_at, $outputs, y + r * $outputs, 1);
  }
  return 0;
}
