"""Composite candidates: momenta, vertices, flight and impact parameters of every particle of a decay tree.

Candidates come from truth (every generated decay whose charged products have long tracks) or from a
selection of tracks (:mod:`lamarr.validation.combinations`); what is computed of them is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import MissingNameError
from lamarr.events import EventBatch
from lamarr.generation.species import species
from lamarr.validation.candidates import find_decays, four_momenta, invariant_mass, track_rows
from lamarr.validation.decays import Composite, Decay, TrackOf
from lamarr.validation.vertexing import (
    Lines,
    Vertices,
    corrected_mass,
    direction_cosine,
    fit_vertices,
    flight_distance,
    impact_parameter,
    lines_of_composites,
    lines_of_tracks,
)

__all__ = ["candidate_columns", "true_candidates"]

Array = NDArray[Any]
Columns = dict[str, Array]


def true_candidates(batch: EventBatch, decay: Decay) -> Array:
    """Return rows of tracks (candidates, tracks) of the decays whose charged products all have one."""
    tracks = decay.head.tracks
    decays = find_decays(batch, decay.head.pid, [t.pid for t in tracks], complete=False)
    rows = track_rows(batch, _in_their_places(batch, decay.head, decays.daughters))
    return rows[(rows >= 0).all(axis=1)]


def candidate_columns(batch: EventBatch, decay: Decay, rows: Array) -> Columns:
    """Compute what is known of candidates, as columns (candidates,) named ``label_quantity``.

    Of composites: ``m``, ``p``, ``pt``, ``eta`` (MeV), ``vertex_chi2`` (per degree of freedom), and with
    respect to the primary vertex that its head points to best ``fd`` (mm), ``fd_chi2``, ``ip``, ``ip_chi2``,
    ``dira``, ``m_corr``. Of tracks: ``p``, ``pt``, ``eta``, ``ip``, ``ip_chi2``. Also ``event_id``.

    Parameters
    ----------
    batch : EventBatch
        With tracks, their covariance, and primary vertices.
    decay : Decay
    rows : array of int (candidates, tracks)
        Rows of tracks, in the order of ``decay.head.tracks``.

    Raises
    ------
    MissingNameError
        If there are no primary vertices, or the tracks have no covariance.
    """
    if "primary_vertices" not in batch:
        raise MissingNameError("candidates need primary vertices, but the batch has no such table")
    tracks = batch["tracks"]
    columns: Columns = {"event_id": tracks["event_id"][rows[:, 0]] if len(rows) else np.empty(0, np.int64)}
    columns["track_rows"] = rows
    lines = lines_of_tracks(tracks, rows)
    masses = [species(t.pid).mass for t in decay.head.tracks]
    momenta = four_momenta(tracks, rows, masses)
    built = _build(decay.head, lines, momenta)
    head = built[decay.head.label]
    primary = _best_primary(batch, columns["event_id"], head)
    for label, composite in built.items():
        columns |= {f"{label}_{name}": v for name, v in composite.columns(primary).items()}
    for i, track in enumerate(decay.head.tracks):
        ip, ip_chi2 = impact_parameter(lines.take((slice(None), i)), primary)
        known = {**_kinematics(momenta[:, i]), "ip": ip, "ip_chi2": ip_chi2}
        columns |= {f"{track.label}_{name}": v for name, v in known.items()}
    return columns


def _in_their_places(batch: EventBatch, head: Composite, daughters: Array) -> Array:
    """Exchange products of one species that stand in each other's place: D* → (D0 → K π) π has two pions."""
    t = batch["particles"]
    mother = batch.rows_of("particles", t["event_id"], t["mother"])
    pids = [track.pid for track in head.tracks]
    ordered = daughters.copy()
    for composite, first in head.walk():
        if composite is head:
            continue
        inside = range(first, first + len(composite.tracks))
        heads = np.abs(t["pid"]) == abs(composite.pid)
        from_it = _descends(mother, heads)
        for i in inside:
            for j in (j for j in range(len(pids)) if pids[j] == pids[i] and j not in inside):
                swap = ~from_it[ordered[:, i]] & from_it[ordered[:, j]]
                ordered[swap, i], ordered[swap, j] = ordered[swap, j], ordered[swap, i]
    return ordered


def _descends(mother: Array, heads: Array) -> Array:
    """Whether each particle has one of `heads` among its ancestors."""
    found, ancestor = np.zeros(len(mother), bool), mother.copy()
    while (ancestor >= 0).any():
        found |= (ancestor >= 0) & heads[ancestor]
        ancestor = np.where(ancestor >= 0, mother[ancestor], -1)
    return found


@dataclass(frozen=True, kw_only=True)
class _Built:
    """A composite of all candidates."""

    momenta: Array
    vertices: Vertices

    def columns(self, primary: Vertices) -> Columns:
        fd, fd_chi2 = flight_distance(self.vertices, primary)
        ip, ip_chi2 = impact_parameter(lines_of_composites(self.vertices, self.momenta), primary)
        return {
            "m": invariant_mass(self.momenta[:, None]),
            **_kinematics(self.momenta),
            "vertex_chi2": self.vertices.chi2 / self.vertices.n_dof,
            "fd": fd,
            "fd_chi2": fd_chi2,
            "ip": ip,
            "ip_chi2": ip_chi2,
            "dira": direction_cosine(self.momenta, self.vertices, primary),
            "m_corr": corrected_mass(self.momenta, self.vertices, primary),
        }


def _kinematics(momenta: Array) -> Columns:
    pt = np.hypot(momenta[:, 1], momenta[:, 2])
    return {"p": np.hypot(pt, momenta[:, 3]), "pt": pt, "eta": np.arcsinh(momenta[:, 3] / pt)}


def _build(head: Composite, lines: Lines, momenta: Array) -> dict[str, _Built]:
    """Fit the vertices of the tree, products first; a composite product is a line that its vertex gives."""
    built: dict[str, _Built] = {}
    for composite, first in head.walk():
        at, parts, total = first, [], []
        for product in composite.products:
            if isinstance(product, TrackOf):
                parts.append(lines.take((slice(None), slice(at, at + 1))))
                total.append(momenta[:, at])
                at += 1
            else:
                inner = built[product.label]
                line = lines_of_composites(inner.vertices, inner.momenta)
                parts.append(line.take((slice(None), None)))
                total.append(inner.momenta)
                at += len(product.tracks)
        joined = Lines(
            point=np.concatenate([p.point for p in parts], axis=1),
            slope=np.concatenate([p.slope for p in parts], axis=1),
            covariance=np.concatenate([p.covariance for p in parts], axis=1),
        )
        built[composite.label] = _Built(momenta=np.sum(total, axis=0), vertices=fit_vertices(joined))
    return built


def _best_primary(batch: EventBatch, event: Array, head: _Built) -> Vertices:
    """Return the primary vertex of the event to which the head has the smallest impact parameter χ²."""
    table = batch["primary_vertices"]
    first = np.searchsorted(table["event_id"], event)
    count = np.searchsorted(table["event_id"], event, side="right") - first
    position = np.stack([table[c] for c in ("x", "y", "z")], axis=-1)
    sigma = np.stack([table[f"sigma_{c}"] for c in ("x", "y", "z")], axis=-1)
    best = np.full(len(event), np.inf)
    chosen = np.full(len(event), -1)
    lines = lines_of_composites(head.vertices, head.momenta)
    for k in range(int(count.max(initial=0))):
        rows = np.where(k < count, first + k, 0)
        _, chi2 = impact_parameter(lines, _vertices(position, sigma, rows))
        better = (k < count) & (chi2 < best)
        best, chosen = np.where(better, chi2, best), np.where(better, rows, chosen)
    if not len(table["x"]):
        return _vertices(np.full((1, 3), np.nan), np.ones((1, 3)), np.zeros(len(event), np.int64))
    found = _vertices(position, sigma, np.maximum(chosen, 0))
    lost = chosen < 0  # no vertex in the event, or a composite without one
    return Vertices(
        position=np.where(lost[:, None], np.nan, found.position),
        covariance=found.covariance,
        chi2=found.chi2,
        n_dof=1,
    )


def _vertices(position: Array, sigma: Array, rows: Array) -> Vertices:
    covariance = np.zeros((len(rows), 3, 3))
    covariance[:, [0, 1, 2], [0, 1, 2]] = sigma[rows] ** 2
    return Vertices(position=position[rows], covariance=covariance, chi2=np.zeros(len(rows)), n_dof=1)
