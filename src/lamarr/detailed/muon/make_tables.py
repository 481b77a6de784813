"""Make the tables of the muon likelihoods from transported events.

    lamarr sample balanced -n 2000 --seed 1 --transported balanced -o balanced.parquet
    python -m lamarr.detailed.muon.make_tables balanced [more] -o tables.json

Their tracks with isMuon fill the cumulative distributions. Those that are not muons of the generator are
decays in flight, punch-through and chance.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from lamarr._version import __version__
from lamarr.commands import run
from lamarr.detailed.context import Context
from lamarr.detailed.muon.decision import Search, decide
from lamarr.detailed.muon.identify import look
from lamarr.detailed.muon.likelihood import Tables, build
from lamarr.detailed.records import SimEvent, TrackingResult
from lamarr.events import TrackType

__all__ = ["P_EDGES", "collect", "join", "main", "write_tables"]

P_EDGES: Final = (6e3, 10e3, 20e3)
"""Momenta in MeV that part the bins."""

STEPS: Final = 50


def join(parts: Iterable[Search]) -> Search:
    """Return the tracks of all `parts` as one."""
    columns = zip(*((p.p, p.accepted, p.found, p.distance, p.region) for p in parts), strict=True)
    return Search(*(np.concatenate(c) for c in columns))


def collect(events: Iterable[tuple[SimEvent, TrackingResult]], context: Context) -> tuple[Search, Search]:
    """Return the long tracks with isMuon that are muons from the generator, and those that are not."""
    parts: tuple[list[Search], list[Search]] = ([], [])
    for event, tracking in events:
        seen = look(event, tracking, context)
        tracks = tracking.tracks
        generated = tracks["particle_id"] >= 0
        pid = np.where(generated, event.tracks["pid"][event.row_of_track(tracks["track"])], 0)
        found = decide(seen)[0] & (tracks["type"] == TrackType.LONG)
        arrays = (seen.p, seen.accepted, seen.found, seen.distance, seen.region)
        for part, kept in zip(parts, (found & (np.abs(pid) == 13), found & (np.abs(pid) != 13)), strict=True):
            part.append(Search(*(a[kept] for a in arrays)))
    return join(parts[0]), join(parts[1])


def write_tables(tables: Tables, path: Path) -> None:
    """Write the file that :func:`load_tables` reads."""
    arrays = {k: np.round(getattr(tables, k), 5).tolist() for k in ("p_edges", "scale", "muon", "other")}
    path.write_text(json.dumps({"card": tables.card, **arrays}, separators=(",", ":")) + "\n", "utf-8")


def _reconstructed(events: Iterable[SimEvent], context: Context) -> Iterator[tuple[SimEvent, TrackingResult]]:
    from lamarr.detailed.tracking import reconstruct

    for event in events:
        yield event, reconstruct(event, context)


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    from lamarr.detailed.transport.store import stored_events
    from lamarr.detector import load_detector
    from lamarr.detector.geometry import load_geometry

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stores", type=Path, nargs="+", help="directories of transported events")
    parser.add_argument("--events", type=int, help="most events of each; all by default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    context = Context(geometry=load_geometry(), detector=load_detector("lhcb2016-magup"), seed=options.seed)
    events = _reconstructed(stored_events(*options.stores, most=options.events), context)
    muons, others = collect(events, context)
    card: dict[str, Any] = {
        "command": " ".join(
            [
                "python -m lamarr.detailed.muon.make_tables",
                *(store.name for store in options.stores),
                *([f"--events {options.events}"] if options.events else []),
                f"--seed {options.seed}",
            ]
        ),
        "version": __version__,
        "muons": f"{len(muons.p)} tracks with isMuon",
        "others": f"{len(others.p)} tracks with isMuon",
    }
    write_tables(build(muons, others, np.array(P_EDGES), STEPS, card), options.output)


if __name__ == "__main__":
    run(main)
