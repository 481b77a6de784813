"""Write src/lamarr/normal_table.npy: the cubic pieces of the normal quantile used by lamarr.random.

Piece 0 is the constant for m = 0; piece 1 + 8 e + j covers m in 2**e [1 + j/8, 1 + (j + 1)/8), and is the
cubic through the quantile of (m + 1/2) / 2**32 at four Chebyshev nodes.
"""

from pathlib import Path
from statistics import NormalDist

import numpy as np

OCTAVES, EIGHTHS = 31, 8


def quantile(m):
    """Standard normal quantile of (m + 1/2) / 2**32."""
    return NormalDist().inv_cdf((m + 0.5) / 2.0**32)


def main():
    nodes = 0.5 + 0.5 * np.cos(np.pi * (np.arange(4) + 0.5) / 4)
    rows = [[quantile(0), 0, 0, 0]]
    for octave in range(OCTAVES):
        for eighth in range(EIGHTHS):
            z = [quantile(2.0**octave * (1 + (eighth + t) / EIGHTHS)) for t in nodes]
            rows.append(np.linalg.solve(np.vander(nodes, increasing=True), z))
    rows.append([0, 0, 0, 0])  # m rounded up to 2**31
    path = Path(__file__).parents[1] / "src/lamarr/normal_table.npy"
    np.save(path, np.array(rows, dtype=np.float32))


if __name__ == "__main__":
    main()
