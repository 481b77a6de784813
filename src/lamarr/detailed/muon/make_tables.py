"""Make the tables of the muon likelihoods: ``python -m lamarr.detailed.muon.make_tables -o tables.json``.

Single muons and minimum-bias events are carried through the detector and reconstructed; tracks with isMuon
fill the cumulative distributions. Other tracks with isMuon are decays in flight, punch-through and chance.
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
from lamarr.events import TrackType
from lamarr.generation.source import EventSource

__all__ = ["P_EDGES", "collect", "join", "main", "write_tables"]

P_EDGES: Final = (6e3, 10e3, 20e3)
"""Momenta in MeV that part the bins."""

MUONS: Final = "mu-,mu+ p=log(3,100) eta=2:5"
COLLISIONS: Final = 1.6
"""Mean number of collisions in a minimum-bias event."""
STEPS: Final = 50


def join(parts: Iterable[Search]) -> Search:
    """Return the tracks of all `parts` as one."""
    columns = zip(*((p.p, p.accepted, p.found, p.distance, p.region) for p in parts), strict=True)
    return Search(*(np.concatenate(c) for c in columns))


def collect(events: Iterable[tuple[SimEvent, TrackingResult]], context: Context, *, muons: bool) -> Search:
    """Return the long tracks with isMuon that are muons from the generator, or that are not."""
    parts = []
    for event, tracking in events:
        seen = look(event, tracking, context)
        tracks = tracking.tracks
        generated = tracks["particle_id"] >= 0
        pid = np.where(generated, event.tracks["pid"][event.row_of_track(tracks["track"])], 0)
        kept = decide(seen)[0] & (tracks["type"] == TrackType.LONG) & ((np.abs(pid) == 13) == muons)
        arrays = (seen.p, seen.accepted, seen.found, seen.distance, seen.region)
        parts.append(Search(*(a[kept] for a in arrays)))
    return join(parts)


def write_tables(tables: Tables, path: Path) -> None:
    """Write the file that :func:`load_tables` reads."""
    arrays = {k: np.round(getattr(tables, k), 5).tolist() for k in ("p_edges", "scale", "muon", "other")}
    path.write_text(json.dumps({"card": tables.card, **arrays}, separators=(",", ":")) + "\n", "utf-8")


def _muons(n: int, seed: int) -> EventSource:
    from lamarr.flash.gun_specification import parse_gun
    from lamarr.generation import ParticleGun

    particles, momentum = parse_gun(MUONS)
    return ParticleGun(particles, n, momentum=momentum, seed=seed)


def _minimum_bias(n: int, seed: int) -> EventSource:
    from lamarr.generation import Pythia

    return Pythia("minbias", n, nu=COLLISIONS, seed=seed)


def _simulated(source: EventSource, context: Context) -> Iterator[tuple[SimEvent, TrackingResult]]:
    from lamarr.detailed.tracking import reconstruct
    from lamarr.detailed.transport import Transport
    from lamarr.generation import EventFailure

    transport = Transport(context, stop="muon")
    for batch in source.batches(100):
        if not isinstance(batch, EventFailure):
            for event in transport(batch):
                yield event, reconstruct(event, context)


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    from lamarr.detector import load_detector
    from lamarr.detector.geometry import load_geometry

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--muons", type=int, default=3000, help="single muons")
    parser.add_argument("--events", type=int, default=500, help="minimum-bias events")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    context = Context(geometry=load_geometry(), detector=load_detector("lhcb2016-magup"), seed=options.seed)
    muons = collect(_simulated(_muons(options.muons, options.seed), context), context, muons=True)
    events = _simulated(_minimum_bias(options.events, options.seed), context)
    others = collect(events, context, muons=False)
    card: dict[str, Any] = {
        "command": f"python -m lamarr.detailed.muon.make_tables --muons {options.muons} "
        f"--events {options.events} --seed {options.seed}",
        "version": __version__,
        "muons": f"gun {MUONS}: {len(muons.p)} tracks with isMuon",
        "others": f"Pythia minimum bias, nu = {COLLISIONS}: {len(others.p)} tracks with isMuon",
    }
    write_tables(build(muons, others, np.array(P_EDGES), STEPS, card), options.output)


if __name__ == "__main__":
    main()
