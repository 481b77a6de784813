"""All numbers of the comparison of engines, by engine."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from lamarr.detector.geometry.identification import Calorimeter
from lamarr.parametrizations.ecal import Columns
from lamarr.parametrizations.ecal.response import Engine
from lamarr.validation.ecal_engines.held_out import COLUMNS, HeldOut, answer
from lamarr.validation.ecal_engines.judge import judged, set_features
from lamarr.validation.ecal_engines.photons import Photons, pi0_numbers, single_photons, two_photons
from lamarr.validation.ecal_engines.whole_events import (
    CLASSES,
    class_of,
    event_numbers,
    histograms,
    occupancy,
)

__all__ = ["DETAILED", "compare", "floor_of_judge"]

DETAILED: Final = "detailed"
"""Name of the reference among the engines."""


def _photons(held: HeldOut, clusters: Columns, calorimeter: Calorimeter) -> dict[str, Any]:
    p = Photons(held.sources, clusters, calorimeter)
    return {"two_photons": two_photons(p), "photons": single_photons(p), "pi0": pi0_numbers(p)}


def _rows(held: HeldOut, clusters: Columns) -> Any:
    return np.searchsorted(held.events, clusters["event_id"])


def floor_of_judge(held: HeldOut, calorimeter: Calorimeter) -> dict[str, tuple[float, float]]:
    """Return what the judge says about two halves of the reference."""
    row, every = _rows(held, held.clusters), np.arange(len(held.events))
    result = {}
    for name, shapes in (("judge", False), ("judge_with_shapes", True)):
        f = set_features(held.clusters, calorimeter, shapes=shapes), row
        result[name] = judged(f, f, (every[::2], every[1::2]))
    return result


def compare(
    engines: dict[str, Engine], held: HeldOut, calorimeter: Calorimeter, seed: int
) -> dict[str, dict[str, Any]]:
    """Return the numbers of every engine, and of the reference under :data:`DETAILED`."""
    classes = class_of(held.sources, held.events)
    number = {c: int((classes == k).sum()) for k, c in enumerate(CLASSES)}
    result: dict[str, dict[str, Any]] = {
        DETAILED: {
            "events": number,
            "clusters": len(held.clusters["x"]),
            "histograms": histograms(held.clusters, held.events),
            **_photons(held, held.clusters, calorimeter),
            **floor_of_judge(held, calorimeter),
        }
    }
    for name, engine in engines.items():
        response, seconds = answer(engine, held, seed)
        drawn = {c: response.clusters[c] for c in COLUMNS}
        every = np.arange(len(held.events))
        judge = {}
        for what, shapes in (("judge", False), ("judge_with_shapes", True)):
            a, b = (
                (set_features(c, calorimeter, shapes=shapes), _rows(held, c)) for c in (held.clusters, drawn)
            )
            judge[what] = judged(a, b, (every, every))
        result[name] = {
            "clusters": len(drawn["x"]),
            "histograms": histograms(drawn, held.events),
            "milliseconds": 1000 * seconds,
            "flagged": int(response.flagged.sum()),
            "events": event_numbers(held.clusters, drawn, held.events, classes),
            "map": occupancy(held.clusters, drawn, held.events),
            **judge,
            **_photons(held, drawn, calorimeter),
        }
    return result
