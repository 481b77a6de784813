/* What `lamarr bench` compares with: the network 12 -> 128 -> LAYERS residual tanh layers -> 1 as scalar code,
 * one row per call, as transpilers write it; and a loop that calls functions row by row. */
#include <math.h>
#include <stddef.h>

#define WIDTH 128

static void dense(const float **w, const float *x, int n, float *y, int outputs) {
  for (int o = 0; o < outputs; o++) { /* the weights of an output lie side by side, its bias behind them */
    float sum = (*w)[n];
    for (int k = 0; k < n; k++) sum += (*w)[k] * x[k];
    y[o] = sum;
    *w += n + 1;
  }
}

void scalar_row(const float *w, int inputs, int layers, const float *x, float *y) {
  float h[WIDTH], g[WIDTH];
  dense(&w, x, inputs, h, WIDTH);
  for (int o = 0; o < WIDTH; o++) h[o] = tanhf(h[o]);
  for (int l = 0; l < layers; l++) {
    dense(&w, h, WIDTH, g, WIDTH);
    for (int o = 0; o < WIDTH; o++) h[o] += tanhf(g[o]);
  }
  dense(&w, h, WIDTH, y, 1);
}

void scalar_rows(size_t n, const float *w, int inputs, int layers, const float *x, float *y) {
  for (size_t r = 0; r < n; r++) scalar_row(w, inputs, layers, x + r * (size_t)inputs, y + r);
}

void call_rows(float *(*plug_in)(float *, const float *), size_t n, int inputs, int outputs, const float *x, float *y) {
  for (size_t r = 0; r < n; r++) plug_in(y + r * (size_t)outputs, x + r * (size_t)inputs);
}
