static void model_${name}(tile t) {
$calls
}

static int batch_of_${name}(size_t n, const float *x, const source *noise, float *y) {
  _Alignas(64) float arena[$size * TILE + VL];
  for (size_t first = 0, rows; first < n; first += rows) {
    const tile t = next_tile(arena, n - first, FEW($multiplications, $rowwise), $size, &rows);
    rows_in(t, $x_at, $inputs, x + first * $inputs, rows);
    if ($noise) noise_in(t, $noise_at, $noise, noise, first, rows);
    model_${name}(t);
    rows_out(t, $y_at, $outputs, y + first * $outputs, rows);
  }
  return 0;
}
