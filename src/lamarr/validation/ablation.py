"""Which stage is to blame: the flash sample with one stage after the other from the detailed simulation.

Both samples must come from the same generated events. Tracks that both have are given the columns of one
stage from the detailed sample; what then agrees better was that stage's fault. The last row takes all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError, raise_unknown
from lamarr.events import COVARIANCE_PAIRS, EventBatch, Table
from lamarr.validation.composites import candidate_columns, true_candidates
from lamarr.validation.decays import Decay
from lamarr.validation.metrics import Measured, kolmogorov_measured

__all__ = ["STAGES", "Ablation", "ablate", "common_tracks", "with_stage"]

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


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """KS distance of an observable to the detailed sample, with one stage taken from there."""

    observable: str
    stage: str
    ks: Measured


def common_tracks(flash: EventBatch, detailed: EventBatch) -> tuple[EventBatch, EventBatch]:
    """Return both samples with only those tracks that reconstruct a particle in both, as the same type.

    Raises
    ------
    ConfigurationError
        If the samples do not come from the same generated events.
    """
    a, b = flash["particles"], detailed["particles"]
    keys_a, keys_b = (t["event_id"] * _STRIDE + t["particle_id"] for t in (a, b))
    _, in_a, in_b = np.intersect1d(keys_a, keys_b, return_indices=True)
    if not len(in_a) or not np.array_equal(a["pid"][in_a], b["pid"][in_b]):
        raise ConfigurationError("stages can be exchanged only between samples of the same generated events")
    first, second = (_firsts(s["tracks"]) for s in (flash, detailed))
    _, rows_a, rows_b = np.intersect1d(first[0], second[0], return_indices=True)
    rows_a, rows_b = first[1][rows_a], second[1][rows_b]
    order = np.argsort(rows_a)
    return (
        flash.with_tables(_renumbered(flash["tracks"].take(rows_a[order]))),
        detailed.with_tables(_renumbered(detailed["tracks"].take(rows_b[order]))),
    )


def _firsts(tracks: Table) -> tuple[Array, Array]:
    """Keys (event, particle, type) of tracks with truth, the first of each, and their rows."""
    rows = np.flatnonzero(tracks["particle_id"] >= 0)
    keys = (tracks["event_id"][rows] * _STRIDE + tracks["particle_id"][rows]) * 8 + tracks["type"][rows]
    unique, first = np.unique(keys, return_index=True)
    return unique, rows[first]


def _renumbered(tracks: Table) -> Table:
    """Give the tracks of each event numbers from 0, so that both samples number them alike."""
    event = tracks["event_id"]
    number = np.arange(len(event)) - np.searchsorted(event, event)
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


def ablate(
    flash: EventBatch, detailed: EventBatch, decay: Decay, observables: tuple[str, ...]
) -> list[Ablation]:
    """Compare candidates of `decay` with every stage exchanged in turn, with none, and with all.

    Parameters
    ----------
    observables : tuple of str
        Columns of :func:`~lamarr.validation.composites.candidate_columns`.
    """
    a, b = common_tracks(flash, detailed)
    reference = candidate_columns(b, decay, true_candidates(b, decay))
    everything = a
    for stage in STAGES:
        everything = with_stage(everything, b, stage)
    samples = {"none": a, **{s: with_stage(a, b, s) for s in STAGES}, "all": everything}
    found = []
    for stage, batch in samples.items():
        columns = candidate_columns(batch, decay, true_candidates(batch, decay))
        for name in observables:
            values = [v[np.isfinite(v)] for v in (columns[name], reference[name])]
            found.append(Ablation(observable=name, stage=stage, ks=kolmogorov_measured(*values)))
    return found
