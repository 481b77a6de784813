"""Make the shipped spectra of b and c hadrons from Pythia 8.

    nice -n 10 python scripts/fit_heavy_flavour_spectra.py

Pythia 8.317, pp at 13 TeV, HardQCD bb̄ or cc̄ production (massive matrix elements down to pT = 0, thus flavour
creation only), parton showers and hadronisation, no multiparton interactions: they do not change the heavy
hadrons' spectrum at the level that a gun needs and cost most of the time. Weakly decaying b hadrons, and c
hadrons, as they leave hadronisation and strong decays. Both signs of η are folded together. The histogram in
(ln pT, |η|) is smoothed with a Gaussian of one bin before it is stored.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

SEED = 2016
LOG_PT = np.linspace(np.log(50.0), np.log(60e3), 61)
ETA = np.linspace(0.0, 8.0, 41)
TARGET = Path(__file__).parent.parent / "src/lamarr/generation/heavy_flavour.npz"
WEAK = {
    "b": (511, 521, 531, 541, 5122, 5132, 5232, 5332),
    "c": (411, 421, 431, 4122, 4132, 4232, 4332),
}


def generate(flavour: str, events: int) -> tuple[np.ndarray, np.ndarray]:
    """ln pT (MeV) and |η| of the weakly decaying hadrons."""
    import awkward as ak
    import pythia8mc

    pythia = pythia8mc.Pythia("", False)
    process = {"b": "hardbbbar", "c": "hardccbar"}[flavour]
    for line in (
        "Print:quiet = on",
        "Random:setSeed = on",
        f"Random:seed = {SEED}",
        "Beams:eCM = 13000.",
        f"HardQCD:{process} = on",
        "PartonLevel:MPI = off",
        *(f"{pid}:mayDecay = off" for pid in WEAK[flavour]),
    ):
        assert pythia.readString(line), line
    assert pythia.init()
    log_pt, eta = [], []
    for _ in range(events // 1000):
        record = pythia.nextBatch(1000).prt
        flat = ak.flatten(record)
        keep = np.isin(np.abs(ak.to_numpy(flat.id)), WEAK[flavour]) & (ak.to_numpy(flat.status) > 0)
        px, py, pz = (ak.to_numpy(flat.p[c])[keep] * 1e3 for c in ("px", "py", "pz"))
        pt = np.hypot(px, py)
        log_pt.append(np.log(pt))
        eta.append(np.abs(np.arcsinh(pz / pt)))
    return np.concatenate(log_pt), np.concatenate(eta)


def smooth(cells: np.ndarray) -> np.ndarray:
    """Convolve with a Gaussian of one bin, reflecting at the edges, and normalise."""
    kernel = np.exp(-0.5 * np.arange(-3, 4) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        padded = np.pad(cells, [(3, 3) if a == axis else (0, 0) for a in (0, 1)], mode="symmetric")
        cells = np.apply_along_axis(np.convolve, axis, padded, kernel, mode="valid")
    return cells / cells.sum()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", type=int, default=300_000, help="events per flavour")
    parser.add_argument("-o", type=Path, default=TARGET)
    args = parser.parse_args()
    tables = {}
    for flavour in ("b", "c"):
        log_pt, eta = generate(flavour, args.n)
        cells, _, _ = np.histogram2d(log_pt, eta, bins=(LOG_PT, ETA))
        print(f"{flavour}: {len(eta)} hadrons, {int(cells.sum())} in the range of the table")
        tables[flavour] = smooth(cells).astype(np.float32)
    np.savez_compressed(args.o, log_pt=LOG_PT, eta=ETA, **tables)


if __name__ == "__main__":
    main()
