"""The engines ``translation`` and ``graph``: networks that count the clusters of an event, then draw them.

1. ``ecal_NAME_counts`` says how many clusters every source owns, and how many nobody owns, in a unit (an
   event, or a part of a large one).
2. ``ecal_NAME`` draws place and energy of these clusters, all at once.
3. ``ecal_shape`` draws what each looks like.

Energy is traced afterwards: a cluster is made of its owner, and of the sources without a cluster of their own
that lie in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.calorimetry.calibration import load_calibration
from lamarr.detector.geometry import Geometry
from lamarr.events.counting import number_in_event
from lamarr.parametrizations.ecal.columns import Columns
from lamarr.parametrizations.ecal.drawing import Clusters, Drawing
from lamarr.parametrizations.ecal.pairs import pairs_between
from lamarr.parametrizations.ecal.queries import needed_models
from lamarr.parametrizations.ecal.response import LOSSES, Response, empty_clusters
from lamarr.parametrizations.ecal.shapes import regions, shape_columns, shape_conditions
from lamarr.parametrizations.ecal.tokens import cell_size, expected_deposit, on_plane, tokens

__all__ = ["Learned"]

REACH: Final = 2.0
"""Cells within which a source without a cluster of its own is part of a cluster."""

ATTEMPTS: Final = {"translation": 3, "graph": 1}
"""How often clusters that are too near to others are drawn again; a draw of the graph takes longer."""

HIGHEST: Final = 300_000.0
"""MeV: sources of more are outside of what was learned."""


class Learned:
    """A learned engine.

    Parameters
    ----------
    name : str
        ``translation`` or ``graph``.
    geometry : Geometry
    models : mapping of str to model
        What :func:`needed_models` names, ready to run.
    """

    def __init__(self, name: str, geometry: Geometry, models: Mapping[str, Any]) -> None:
        self.name, self.calorimeter = name, geometry.calorimeter
        counts, clusters, self.shape = (models[m] for m in needed_models(name))
        self.drawing = Drawing(counts, clusters, f"ecal.{name}", geometry.calorimeter, ATTEMPTS[name])

    def __call__(self, columns: Columns, seed: int) -> Response:
        """Return the clusters of source objects; see :class:`~lamarr.parametrizations.ecal.Response`."""
        if not len(columns["event_id"]):
            nothing = {"cluster": np.empty(0, int), "source": np.empty(0, int), "energy": np.empty(0)}
            losses = {k: np.empty(0) for k in LOSSES}
            return Response(
                clusters=empty_clusters(), links=nothing, losses=losses, flagged=np.zeros(0, bool)
            )
        token = tokens(columns, self.calorimeter)
        drawn = self.drawing(columns, token, seed)
        clusters = self._dressed(drawn, columns, token, seed)
        links = self._links(drawn, columns)
        clusters["particle_id"] = _dominant(links, columns["particle_id"], len(drawn.owner))
        losses = _losses(links, columns["energy"])
        flagged = drawn.flagged | (columns["energy"] > HIGHEST)
        return Response(clusters=clusters, links=links, losses=losses, flagged=flagged)

    def _dressed(self, drawn: Clusters, sources: Columns, token: NDArray[np.float32], seed: int) -> Columns:
        """Return the columns of the clusters, their shapes included."""
        c = drawn.columns
        x = shape_conditions(c, sources, token, drawn.owner, self.calorimeter)
        event = c["event_id"]
        number = number_in_event(event)
        y = self.shape.seeded(x, seed=seed, stage="ecal.shape", event=event, particle=number)
        region = regions(c["x"], c["y"], self.calorimeter)
        z = np.full(len(event), self.calorimeter.ecal.plane)
        return {
            **c,
            "region": region.astype(np.int8),
            "z": z,
            **_errors(c, region, z, cell_size(c["x"], c["y"], self.calorimeter)),
            **shape_columns(c, y, self.calorimeter),
        }

    def _links(self, drawn: Clusters, sources: Columns) -> Columns:
        """Share the energy of clusters among owner and what lies in them, as expected: E exp(−d / cell)."""
        owner, c = drawn.owner, drawn.columns
        mine = np.flatnonzero(owner >= 0)
        alone = np.flatnonzero(drawn.owned == 0)
        source, cluster = self._absorbed(alone, mine, sources, c)
        cluster = np.concatenate([mine, cluster])
        source = np.concatenate([owner[mine], source])
        x, y = on_plane(sources, self.calorimeter)
        cell = cell_size(x, y, self.calorimeter)
        distance = np.hypot(x[source] - c["x"][cluster], y[source] - c["y"][cluster]) / cell[source]
        expected = expected_deposit(sources["kind"], sources["energy"])[source]
        weight = np.maximum(expected, 1.0) * np.exp(-np.minimum(distance, REACH))
        total = np.bincount(cluster, weight, minlength=len(owner))
        energy = c["energy"][cluster] * weight / total[cluster]
        order = np.lexsort((source, cluster))
        return {"cluster": cluster[order], "source": source[order], "energy": energy[order]}

    def _absorbed(
        self, alone: NDArray[Any], mine: NDArray[Any], sources: Columns, c: Columns
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return sources without clusters, and the nearest cluster of each where one is within REACH."""
        a, b = pairs_between(sources["event_id"][alone], c["event_id"][mine])
        source, cluster = alone[a], mine[b]
        x, y = on_plane(sources, self.calorimeter)
        cell = cell_size(x, y, self.calorimeter)
        distance = np.hypot(x[source] - c["x"][cluster], y[source] - c["y"][cluster]) / cell[source]
        near = np.flatnonzero(distance < REACH)
        order = near[np.lexsort((distance[near], source[near]))]
        first = order[np.unique(source[order], return_index=True)[1]]
        return source[first], cluster[first]


def _errors(c: Columns, region: NDArray[Any], z: NDArray[Any], size: NDArray[Any]) -> Columns:
    """Return the variances of place and energy as the reconstruction gives them."""
    column = load_calibration().column
    gev = np.maximum(c["energy"], 1.0) / 1000
    r = np.hypot(c["x"], c["y"])
    sine = np.maximum(r / np.hypot(r, z), 1e-3)
    place = size**2 * (
        column("position_error", region, 0) ** 2 / gev + column("position_error", region, 1) ** 2
    )
    energy = (
        column("energy_error", region, 0) ** 2 * 1e3 * c["energy"]
        + (column("energy_error", region, 1) * c["energy"]) ** 2
        + (column("energy_error", region, 2) / sine) ** 2
    )
    return {"cov_xx": place, "cov_yy": place, "cov_ee": energy}


def _dominant(links: Columns, particle_id: NDArray[Any], n: int) -> NDArray[np.int32]:
    """Return the particle with most of the energy in each cluster; −1 where there is none."""
    order = np.lexsort((links["source"], -links["energy"], links["cluster"]))
    cluster = links["cluster"][order]
    first = order[np.diff(cluster, prepend=-1) > 0]
    result = np.full(n, -1, np.int32)
    result[links["cluster"][first]] = particle_id[links["source"][first]]
    return result


def _losses(links: Columns, energy: NDArray[Any]) -> Columns:
    """Where the rest of a source's energy is: in no cluster if it has no link, else the response to it."""
    linked = np.bincount(links["source"], links["energy"], minlength=len(energy))
    rest = energy - linked
    some = np.bincount(links["source"], minlength=len(energy)) > 0
    known = {"response": rest * some, "unmatched": rest * ~some}
    return {k: known.get(k, np.zeros(len(energy))) for k in LOSSES}
