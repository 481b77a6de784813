"""Which stage is to blame: the flash sample with one stage after the other from the detailed simulation.

Both samples must come from the same generated events. The flash simulation is run again for the very
particles that the detailed one reconstructed, which takes acceptance and efficiency out; then its tracks are
given the columns of one stage from the detailed sample. What then agrees better was that stage's fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError, raise_unknown
from lamarr.events import COVARIANCE_PAIRS, EventBatch, Table
from lamarr.events.counting import number_in_event
from lamarr.flash import DEFAULT_SET, load_pipeline
from lamarr.flash.stage import GENERATED
from lamarr.validation.metrics import Measured

__all__ = [
    "ALL",
    "AS_IT_IS",
    "SAME_TRACKS",
    "STAGES",
    "common_tracks",
    "exchanged",
    "of_the_same_particles",
    "to_blame",
    "with_stage",
]

Array = NDArray[Any]
_STRIDE = np.int64(2**31)

STAGES: Final[dict[str, tuple[str, ...]]] = {
    "momentum": ("p", "px", "py", "pz", "qop", "charge"),
    "direction": ("tx", "ty"),
    "position": ("x", "y", "z"),
    "covariance": tuple(f"cov{i}{j}" for i, j in COVARIANCE_PAIRS),
    "primary vertex": (),
}
"""Stages, and the columns of tracks that they give."""


REPEATED: Final = ("propagate", "resolution", "covariance", "primary_vertices")
"""Stages of the pipeline that give what candidates are made of."""
AS_IT_IS, SAME_TRACKS, ALL = "as it is", "same tracks", "all"


def common_tracks(flash: EventBatch, detailed: EventBatch) -> tuple[EventBatch, EventBatch]:
    """Return both samples with only those tracks that reconstruct a particle in both, as the same type.

    Raises
    ------
    ConfigurationError
        If the samples do not come from the same generated events.
    """
    _refuse_other_events(flash, detailed)
    first, second = (_firsts(s["tracks"]) for s in (flash, detailed))
    _, rows_a, rows_b = np.intersect1d(first[0], second[0], return_indices=True)
    rows_a, rows_b = first[1][rows_a], second[1][rows_b]
    order = np.argsort(rows_a)
    return (
        flash.with_tables(_renumbered(flash["tracks"].take(rows_a[order]))),
        detailed.with_tables(_renumbered(detailed["tracks"].take(rows_b[order]))),
    )


def _refuse_other_events(flash: EventBatch, detailed: EventBatch) -> None:
    a, b = flash["particles"], detailed["particles"]
    keys_a, keys_b = (t["event_id"] * _STRIDE + t["particle_id"] for t in (a, b))
    _, in_a, in_b = np.intersect1d(keys_a, keys_b, return_indices=True)
    if not len(in_a) or not np.array_equal(a["pid"][in_a], b["pid"][in_b]):
        raise ConfigurationError("stages can be exchanged only between samples of the same generated events")


def _firsts(tracks: Table) -> tuple[Array, Array]:
    """Keys (event, particle, type) of tracks with truth, the first of each, and their rows."""
    rows = np.flatnonzero(tracks["particle_id"] >= 0)
    keys = (tracks["event_id"][rows] * _STRIDE + tracks["particle_id"][rows]) * 8 + tracks["type"][rows]
    unique, first = np.unique(keys, return_index=True)
    return unique, rows[first]


def _renumbered(tracks: Table) -> Table:
    """Give the tracks of each event numbers from 0, so that both samples number them alike."""
    event = tracks["event_id"]
    number = number_in_event(event)
    return tracks.with_columns(track_id=number)


def with_stage(flash: EventBatch, detailed: EventBatch, stage: str) -> EventBatch:
    """Return the flash sample of :func:`common_tracks` with what `stage` gives taken from the detailed one.

    Raises
    ------
    UnknownNameError
        If there is no such stage.
    """
    if stage not in STAGES:
        raise_unknown("stage", stage, STAGES)
    if stage == "primary vertex":
        return flash.with_tables(detailed["primary_vertices"])
    ours, theirs = flash["tracks"], detailed["tracks"]
    columns = {c: theirs[c] for c in STAGES[stage]}
    if stage == "momentum":  # of the size only: the direction stays
        scale = theirs["p"] / ours["p"]
        columns |= {c: ours[c] * scale for c in ("px", "py", "pz")}
    if stage == "direction":
        norm = ours["p"] / np.sqrt(1 + theirs["tx"] ** 2 + theirs["ty"] ** 2)
        columns |= {"px": theirs["tx"] * norm, "py": theirs["ty"] * norm, "pz": norm}
    return flash.with_columns("tracks", **columns)


def of_the_same_particles(
    detailed: EventBatch, models: str | Path = DEFAULT_SET, seed: int = 0
) -> EventBatch:
    """Simulate with the stages of a set that follow ``efficiency`` what the detailed simulation found."""
    stages = load_pipeline(str(models)).stages
    first = 1 + [stage.name for stage in stages].index("efficiency")
    generated = {t: detailed[t] for t in GENERATED}
    particles = generated["particles"]
    kept = {c: particles[c] for c in (*GENERATED["particles"], "charge", "fate")}
    kept["out_of_domain"] = np.zeros(particles.rows, bool)
    batch = EventBatch({**generated, "particles": Table("particles", kept)}, detailed.sources)
    for stage in stages[first:]:
        if stage.name in REPEATED:
            batch = stage(batch, seed)
    return batch


def exchanged(
    flash: EventBatch, detailed: EventBatch, models: str | Path = DEFAULT_SET
) -> dict[str, tuple[EventBatch, EventBatch]]:
    """Return pairs of a flash and a detailed sample by what was taken from the detailed simulation.

    ``as it is``: all tracks of both; ``same tracks``: flash tracks of what the detailed simulation found, so
    that acceptance and efficiency do not matter; then of these every stage of :data:`STAGES` in turn;
    ``all``: every one of them.

    Parameters
    ----------
    models : str or Path
        The set that made the flash sample.

    Raises
    ------
    ConfigurationError
        If the samples do not come from the same generated events.
    """
    _refuse_other_events(flash, detailed)
    a, b = common_tracks(of_the_same_particles(detailed, models), detailed)
    everything = a
    for stage in STAGES:
        everything = with_stage(everything, b, stage)
    pairs = {s: (with_stage(a, b, s), b) for s in STAGES}
    return {AS_IT_IS: (flash, detailed), SAME_TRACKS: (a, b), **pairs, ALL: (everything, b)}


def to_blame(distances: Mapping[str, Measured]) -> str:
    """Say which stage a distance comes from, given those of the pairs of :func:`exchanged`.

    A stage is named if exchanging it takes more off the distance than its error; of several the one that
    takes most.
    """
    if distances[AS_IT_IS].at_floor:
        return "nothing: at the noise floor"
    same = distances[SAME_TRACKS]
    if same.at_floor:
        return "acceptance or efficiency"
    best = min(STAGES, key=lambda s: distances[s].value)
    if same.value - distances[best].value <= same.error:
        return "no stage alone"
    rest = "" if distances[best].at_floor else ", not alone"
    return f"{best}{rest}"
