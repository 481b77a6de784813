"""Make the tables of the muon likelihoods: ``python -m lamarr.detailed.muon.make_tables -o tables.json``.

Single muons and single hadrons are carried through the detector and reconstructed; tracks with isMuon fill
the cumulative distributions. Hadrons are decays in flight and punch-through.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from lamarr._version import __version__
from lamarr.detailed.context import Context
from lamarr.detailed.muon.decision import Search, decide
from lamarr.detailed.muon.identify import look
from lamarr.detailed.muon.likelihood import Tables, build
from lamarr.detailed.records import SimEvent, TrackingResult

__all__ = ["P_EDGES", "collect", "join", "main", "write_tables"]

P_EDGES: Final = (6e3, 10e3, 15e3, 25e3, 45e3)
"""Momenta in MeV that part the bins."""

GUNS: Final = {"muons": "mu-,mu+ p=log(3,100) eta=2:5", "others": "pi-,pi+,K-,K+ p=log(3,60) eta=2:5"}
STEPS: Final = 50


def join(parts: Iterable[Search]) -> Search:
    """Return the tracks of all `parts` as one."""
    columns = zip(*((p.p, p.accepted, p.found, p.distance, p.region) for p in parts), strict=True)
    return Search(*(np.concatenate(c) for c in columns))


def collect(events: Iterable[tuple[SimEvent, TrackingResult]], context: Context) -> Search:
    """Return the long tracks of generated particles that have isMuon."""
    parts = []
    for event, tracking in events:
        seen = look(event, tracking, context)
        tracks = tracking.tracks
        kept = decide(seen)[0] & (tracks["particle_id"] >= 0) & (tracks["type"] == 3)
        arrays = (seen.p, seen.accepted, seen.found, seen.distance, seen.region)
        parts.append(Search(*(a[kept] for a in arrays)))
    return join(parts)


def write_tables(tables: Tables, path: Path) -> None:
    """Write the file that :func:`load_tables` reads."""
    arrays = {k: np.round(getattr(tables, k), 5).tolist() for k in ("p_edges", "scale", "muon", "other")}
    path.write_text(json.dumps({"card": tables.card, **arrays}, separators=(",", ":")) + "\n", "utf-8")


def _simulated(gun: str, n: int, seed: int, context: Context) -> Iterator[tuple[SimEvent, TrackingResult]]:
    from lamarr.detailed.tracking import reconstruct
    from lamarr.detailed.transport import Transport
    from lamarr.flash.gun_specification import parse_gun
    from lamarr.generation import EventFailure, ParticleGun

    transport = Transport(context, stop="muon")
    particles, momentum = parse_gun(gun)
    for batch in ParticleGun(particles, n, momentum=momentum, seed=seed).batches(500):
        if not isinstance(batch, EventFailure):
            for event in transport(batch):
                yield event, reconstruct(event, context)


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    from lamarr.detector import load_detector
    from lamarr.detector.geometry import load_geometry

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--muons", type=int, default=4000, help="single muons")
    parser.add_argument("--hadrons", type=int, default=20000, help="single hadrons")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    context = Context(geometry=load_geometry(), detector=load_detector("lhcb2016-magup"), seed=options.seed)
    numbers: dict[str, int] = {"muons": options.muons, "others": options.hadrons}
    found = {k: collect(_simulated(GUNS[k], n, options.seed, context), context) for k, n in numbers.items()}
    card: dict[str, Any] = {
        "command": f"python -m lamarr.detailed.muon.make_tables --muons {options.muons} "
        f"--hadrons {options.hadrons} --seed {options.seed}",
        "version": __version__,
        "guns": GUNS,
        "tracks with isMuon": {k: len(s.p) for k, s in found.items()},
    }
    write_tables(build(found["muons"], found["others"], np.array(P_EDGES), STEPS, card), options.output)


if __name__ == "__main__":
    main()
