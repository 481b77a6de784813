"""A compiled pipeline under the address and undefined-behaviour sanitizers, with odd input."""

import subprocess

import pytest

from lamarr.flash import load_pipeline
from lamarr.flash.link import emit_pipeline
from lamarr.transpile.c.compiler import FLAGS, compiler

PROGRAM = """
#include "odd.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t state = 1;
static double draw(void) { return (state = state * 1664525u + 1013904223u) / 4294967296.0; }

int main(void) {
  enum { MOST = 1000 };
  static const double odd[] = {0, -0.0, 1e-310, 1e300, -1e300, 1, INFINITY, NAN};
  static const int32_t species[] = {11, -13, 211, 321, -2212, 22, 1, 3112, 99, 2147483647, -2147483647,
                                    1000060120};
  int statuses[4] = {0};
  for (size_t n = 0, call = 0; call < 400; call++, n = (size_t)(draw() * MOST)) {
    int64_t event[MOST]; int32_t particle[MOST], pid[MOST], status[MOST], end[MOST];
    double column[6][MOST];
    for (size_t i = 0; i < n; i++) {
      event[i] = (int64_t)(i / 50), particle[i] = (int32_t)(i % 50);
      pid[i] = species[(size_t)(draw() * (call % 10 ? 7 : 12))], status[i] = draw() < 0.9 ? 1 : 2;
      end[i] = draw() < 0.5 ? -1 : 3;
      for (int c = 0; c < 6; c++) column[c][i] = draw() * (c == 2 ? 50000 : 1000) - 300;
      if (call % 20 == 19) column[(size_t)(draw() * 6)][i] = odd[(size_t)(draw() * 8)];
    }
    odd_generated in = {0};
    in.particles.n = n;
    in.particles.event_id = event, in.particles.particle_id = particle, in.particles.pid = pid;
    in.particles.status = status, in.particles.end_vertex = end;
    in.particles.px = column[0], in.particles.py = column[1], in.particles.pz = column[2];
    in.particles.production_x = column[3], in.particles.production_y = column[4];
    in.particles.production_z = column[5];
    void *memory = malloc(odd_size(&in));
    odd_simulated out;
    odd_prepare(&in, memory, &out);
    statuses[odd_simulate(&in, call, &out)]++;
    free(memory);
  }
  printf("%d %d %d %d\\n", statuses[0], statuses[1], statuses[2], statuses[3]);
  return 0;
}
"""


@pytest.mark.slow
def test_no_sanitizer_complains(tiny_set, tmp_path):
    source = emit_pipeline(load_pipeline(str(tiny_set), backend="numpy"), "odd")
    for name, content in source.files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "main.c").write_text(PROGRAM)
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"]
    level = ["-DLAMARR_LEVEL=generic", f"{source.name}.c"]
    command = [*compiler(), *FLAGS, *sanitize, *level, *source.once, "main.c", "-o", "main", "-lm"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if "cannot find" in built.stderr:
        pytest.skip("the compiler has no sanitizers")
    assert built.returncode == 0, built.stderr
    ran = subprocess.run(["./main"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    good, null, refused, unsorted = map(int, ran.stdout.split())
    assert good > 200
    assert refused > 20
    assert (null, unsorted) == (0, 0)
