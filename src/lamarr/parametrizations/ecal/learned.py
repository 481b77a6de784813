"""The engines ``translation`` and ``graph``: networks that count the clusters of an event, then draw them.

1. ``ecal_NAME_counts`` says how many clusters every source owns, and how many nobody owns, in a unit (an
   event, or a part of a large one).
2. ``ecal_NAME`` draws place and energy of these clusters, all at once.
3. ``ecal_shape`` draws what each looks like.

Energy is traced afterwards: a cluster is made of its owner, whose share the third model draws, and of other
sources that lie in it.
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
from lamarr.parametrizations.ecal.pairs import near_pairs
from lamarr.parametrizations.ecal.queries import needed_models
from lamarr.parametrizations.ecal.response import LOSSES, Response, empty_clusters
from lamarr.parametrizations.ecal.shapes import SHAPE_OUTPUTS, regions, shape_columns, shape_conditions
from lamarr.parametrizations.ecal.tokens import cell_size, expected_deposit, on_plane, tokens

__all__ = ["Learned"]

REACH: Final = 2.0
"""Cells within which another source may be part of a cluster."""

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
        clusters, share = self._dressed(drawn, columns, token, seed)
        links, clusters["background"] = self._links(drawn, columns, share)
        clusters["particle_id"] = _dominant(links, columns["particle_id"], len(drawn.owner))
        losses = _losses(links, columns["energy"])
        flagged = drawn.flagged | (columns["energy"] > HIGHEST)
        return Response(clusters=clusters, links=links, losses=losses, flagged=flagged)

    def _dressed(
        self, drawn: Clusters, sources: Columns, token: NDArray[np.float32], seed: int
    ) -> tuple[Columns, NDArray[np.float64]]:
        """Return the columns of the clusters, their shapes included, and the shares of their owners."""
        c = drawn.columns
        x = shape_conditions(c, sources, token, drawn.owner, self.calorimeter)
        event = c["event_id"]
        number = number_in_event(event)
        y = self.shape.seeded(x, seed=seed, stage="ecal.shape", event=event, particle=number)
        region = regions(c["x"], c["y"], self.calorimeter)
        z = np.full(len(event), self.calorimeter.ecal.plane)
        columns = {
            **c,
            "region": region.astype(np.int8),
            "z": z,
            **_errors(c, region, z, cell_size(c["x"], c["y"], self.calorimeter)),
            **shape_columns(c, y, self.calorimeter),
        }
        return columns, np.clip(y[:, SHAPE_OUTPUTS.index("share")].astype(np.float64), 0.0, 1.0)

    def _links(
        self, drawn: Clusters, sources: Columns, share: NDArray[np.float64]
    ) -> tuple[Columns, NDArray[np.float64]]:
        """Return links, and the energy (clusters,) that is of no source.

        The owner has its `share`; the rest is of the other sources that lie in the cluster, as expected:
        E exp(−d / cell). Without any it is of nobody, as all of a cluster without an owner.
        """
        owner, energy = drawn.owner, drawn.columns["energy"]
        mine = np.flatnonzero(owner >= 0)
        others, weight = self._others(drawn, sources)
        total = np.bincount(others[0], weight, minlength=len(owner))
        own = np.where(owner >= 0, energy * share, 0.0)
        rest = np.where((owner >= 0) & (total > 0), energy - own, 0.0)
        cluster = np.concatenate([mine, others[0]])
        source = np.concatenate([owner[mine], others[1]])
        each = np.concatenate([own[mine], rest[others[0]] * weight / np.maximum(total[others[0]], 1e-300)])
        some = each > 0
        order = np.flatnonzero(some)[np.lexsort((source[some], cluster[some]))]
        links = {"cluster": cluster[order], "source": source[order], "energy": each[order]}
        return links, energy - own - rest

    def _others(
        self, drawn: Clusters, sources: Columns
    ) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]:
        """Return pairs (clusters with an owner, other sources within REACH), and the sources' weights."""
        c = drawn.columns
        x, y = on_plane(sources, self.calorimeter)
        cell = cell_size(x, y, self.calorimeter)
        cluster, source = near_pairs(
            (c["event_id"], c["x"], c["y"]), (sources["event_id"], x, y), REACH * float(cell.max())
        )
        distance = np.hypot(x[source] - c["x"][cluster], y[source] - c["y"][cluster]) / cell[source]
        use = (distance < REACH) & (drawn.owner[cluster] >= 0) & (drawn.owner[cluster] != source)
        cluster, source, distance = cluster[use], source[use], distance[use]
        expected = expected_deposit(sources["kind"], sources["energy"])[source]
        return (cluster, source), np.maximum(expected, 1.0) * np.exp(-distance)


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
