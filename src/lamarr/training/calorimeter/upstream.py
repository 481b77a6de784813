"""Measure how much matter photons and hadrons of a detailed sample meet in front of the calorimeters.

    python -m lamarr.training.calorimeter.upstream SAMPLE... -o src/lamarr/parametrizations/ecal/matter.json

By angle and by slice along z: the depth −ln(1 − n/N), N being the particles that reach the slice and n those
of them that convert (photons), or interact (charged hadrons), in it.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.commands import run
from lamarr.events import EventBatch, TransportEnd, iterate
from lamarr.parametrizations.ecal.matter import ANGLES, EDGES

__all__ = ["Counts", "main"]

_HADRONS = (211, 321, 2212)
_LEAST = 200.0  # MeV


class Counts:
    """Particles at risk and lost, by angle and slice, for photons and hadrons."""

    def __init__(self) -> None:
        shape = (len(ANGLES) - 1, len(EDGES) - 1)
        self.at_risk = {name: np.zeros(shape) for name in ("photons", "hadrons")}
        self.lost = {name: np.zeros(shape) for name in self.at_risk}

    def add(self, batch: EventBatch) -> None:
        """Count the generated particles of a batch."""
        p, t = batch["particles"], batch["transport"]
        row = batch.rows_of("particles", t["event_id"], t["particle_id"])
        pid, pz = np.abs(p["pid"][row]), p["pz"][row]
        begin = batch["vertices"]["z"][batch.rows_of("vertices", t["event_id"], p["production_vertex"][row])]
        forward = (pz > 0) & (p["pe"][row] - p["m"][row] > _LEAST)
        slope = np.hypot(p["px"][row], p["py"][row]) / np.where(forward, pz, 1.0)
        kinds = {"photons": (pid == 22, TransportEnd.CONVERSION)}
        kinds["hadrons"] = (np.isin(pid, _HADRONS), TransportEnd.HADRONIC)
        for name, (which, end) in kinds.items():
            use = which & forward
            self._count(name, slope[use], begin[use], t["z"][use], t["end"][use] == end)

    def _count(self, name: str, slope: Any, begin: Any, z: Any, ends: Any) -> None:
        angle = np.digitize(slope, ANGLES) - 1
        for i in range(len(ANGLES) - 1):
            mine = angle == i
            for k, (low, high) in enumerate(itertools.pairwise(EDGES)):
                reach = mine & (begin < low) & (z >= low)
                self.at_risk[name][i, k] += np.count_nonzero(reach)
                self.lost[name][i, k] += np.count_nonzero(reach & ends & (z < high))

    def depths(self, name: str) -> NDArray[np.float64]:
        """Depth by angle and slice."""
        share = self.lost[name] / np.maximum(self.at_risk[name], 1.0)
        return -np.log1p(-np.minimum(share, 0.95))


@click.command()
@click.argument("samples", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(samples: tuple[Path, ...], output: Path) -> None:
    """Write the depths that the SAMPLES show."""
    counts, events = Counts(), 0
    for path in samples:
        for batch in iterate(path, 200, ("events", "particles", "vertices", "transport")):
            counts.add(batch)
            events += batch.n_events
    content: dict[str, Any] = {
        "command": "python -m lamarr.training.calorimeter.upstream",
        "samples": [s.name for s in samples],
        "events": events,
    }
    for name in ("photons", "hadrons"):
        content[name] = np.round(counts.depths(name), 4).tolist()
    output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
