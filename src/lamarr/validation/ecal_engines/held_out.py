"""Events that no engine was trained on, and what each engine makes of them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector import Detector
from lamarr.detector.geometry import Geometry
from lamarr.events import EventBatch, iterate
from lamarr.parametrizations.ecal import Columns, Response, source_objects
from lamarr.parametrizations.ecal.response import Engine
from lamarr.training.ecal.events import part_of

__all__ = ["COLUMNS", "HeldOut", "answer", "read_held_out"]

COLUMNS: Final = (
    *("event_id", "x", "y", "energy", "n_cells", "E19", "spread_xx", "spread_yy", "spread_xy"),
    *("E_spd", "E_prs", "E_hcal", "is_merged_pi0"),
)
"""Columns of clusters that are compared."""

_STRIDE: Final = 1_000_000
_AT_ONCE: Final = 200


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Sources and clusters of held-out events; event numbers are unique over all files.

    Attributes
    ----------
    sources : columns
        Of the source objects, and ``pi0``: the number of the π0 that a photon comes from in its event, or −1.
    clusters : columns
        :data:`COLUMNS` of the detailed simulation.
    events : array
        Numbers of the events.
    """

    sources: Columns
    clusters: Columns
    events: NDArray[np.int64]


def _pi0_of(batch: EventBatch, sources: Columns) -> NDArray[np.int64]:
    p = batch["particles"]
    row = batch.rows_of("particles", sources["event_id"], sources["particle_id"])
    mother = p["mother"][row]
    at = batch.rows_of("particles", sources["event_id"], np.maximum(mother, 0))
    pid = np.where((mother >= 0) & (at >= 0), p["pid"][at], 0)
    return np.where(pid == 111, mother, -1)


def read_held_out(
    files: Iterable[Path], learned_from: Iterable[str], detector: Detector, geometry: Geometry
) -> HeldOut:
    """Read events: all of a file, or its part for tests if its name is among `learned_from`."""
    sources: list[Columns] = []
    clusters: list[Columns] = []
    events = []
    seen = set(learned_from)
    for k, path in enumerate(files):
        for batch in iterate(path, _AT_ONCE):
            ids = batch["events"]["event_id"]
            keep = ids[part_of(ids, path.stem) == 2] if path.stem in seen else ids
            found = source_objects(batch, detector, geometry).columns
            sources.append(_of({**found, "pi0": _pi0_of(batch, found)}, keep, k))
            clusters.append(_of({c: np.asarray(batch["clusters"][c]) for c in COLUMNS}, keep, k))
            events.append(keep + k * _STRIDE)
    return HeldOut(sources=_joined(sources), clusters=_joined(clusters), events=np.concatenate(events))


def _of(columns: Columns, events: NDArray[np.int64], file: int) -> Columns:
    """Rows of some events, with numbers that no other file has."""
    inside = np.isin(columns["event_id"], events)
    kept = {c: v[inside] for c, v in columns.items()}
    return {**kept, "event_id": kept["event_id"] + file * _STRIDE}


def _joined(parts: list[Columns]) -> Columns:
    return {c: np.concatenate([p[c] for p in parts]) for c in parts[0]}


def answer(engine: Engine, held: HeldOut, seed: int) -> tuple[Response, float]:
    """Return what an engine makes of the sources, and the seconds of CPU per event that it takes."""
    sources = {k: v for k, v in held.sources.items() if k != "pi0"}
    few = sources["event_id"] == sources["event_id"][0]
    engine({k: v[few] for k, v in sources.items()}, seed)  # compiles, reads tables
    start = time.process_time()
    response = engine(sources, seed)
    return response, (time.process_time() - start) / len(held.events)
