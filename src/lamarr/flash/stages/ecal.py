"""The ECAL: clusters of generated particles by one of several engines; photons, π0, electrons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lamarr.events import SCHEMA, EventBatch, Table, TrackType
from lamarr.events.counting import number_in_event
from lamarr.flash.stage import Stage, columns

if TYPE_CHECKING:
    from lamarr.detector import Detector
    from lamarr.detector.geometry import Geometry
    from lamarr.parametrizations.ecal import Response, SourceObjects
    from lamarr.parametrizations.ecal.response import Engine

__all__ = ["Ecal"]

_PARTICLES = (
    *("event_id", "particle_id", "production_vertex", "mother", "pid", "from_signal", "charge", "fate"),
    *("pe", "px", "py", "pz", "m", "out_of_domain"),
)
_OWN = ("calo_particles", "clusters", "cluster_links", "neutrals", "electrons")


class Ecal(Stage):
    """Write what the ECAL sees of the generated particles.

    Tables: ``calo_particles`` (the source objects, and where their energy is that no cluster has),
    ``clusters``, ``cluster_links``, ``neutrals`` (photons and π0), ``electrons`` (tracks with clusters and
    bremsstrahlung), and the column ``particles.ecal_fate``.

    Parameters
    ----------
    engine : callable
        Source objects and a seed to a :class:`~lamarr.parametrizations.ecal.Response`; see
        :mod:`lamarr.parametrizations.ecal.engines`.
    detector, geometry
        Field, and calorimeter.
    """

    name = "ecal"
    reads = columns(
        events=("event_id",),
        particles=_PARTICLES,
        vertices=("event_id", "vertex_id", "x", "y", "z"),
        tracks=(
            "event_id",
            "track_id",
            "particle_id",
            "type",
            "x",
            "y",
            "z",
            "tx",
            "ty",
            "p",
            "px",
            "py",
            "pz",
            "qop",
        ),
    )
    writes = columns(
        particles=("ecal_fate", "out_of_domain"), **{table: SCHEMA[table].required for table in _OWN}
    )

    def __init__(self, engine: Engine, detector: Detector, geometry: Geometry) -> None:
        self.engine, self.detector, self.geometry = engine, detector, geometry

    @staticmethod
    def wanted(models: Mapping[str, Any]) -> bool:
        """Whether a set has models for the ECAL."""
        return any(name.startswith("ecal_") for name in models)

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:
        """Return the batch with the tables of the ECAL.

        Raises
        ------
        InputFileError
            If a particle has no finite energy, momentum or production vertex; event and particle are named.
        """
        from lamarr.parametrizations.ecal import source_objects
        from lamarr.parametrizations.ecal.reconstructed import with_candidates
        from lamarr.parametrizations.ecal.tracks import track_pairs, tracks_of_clusters

        sources = source_objects(batch, self.detector, self.geometry)
        response = self.engine({**sources.columns, **_measured(batch, sources)}, seed)
        batch = self._with_sources(batch, sources, response)
        clusters, links = self._clusters(response), self._links(batch, sources, response)
        unidentified = {k: np.zeros(len(response)) for k in ("PhotonID", "IsNotE", "IsNotH")}
        batch = batch.with_tables(Table("clusters", {**unidentified, **clusters}), links)
        pairs = track_pairs(batch, self.detector, self.geometry)
        track = tracks_of_clusters(batch, pairs)
        with_track = {**clusters, "track_id": track}
        batch = batch.with_tables(_with_identity(with_track, self.geometry))
        return with_candidates(batch, self.detector, self.geometry, pairs)

    def describe(self) -> dict[str, Any]:
        """Return the engine and what it depends on."""
        described = getattr(self.engine, "describe", dict)
        return {"stage": self.name, "engine": getattr(self.engine, "name", ""), **described()}

    def _with_sources(self, batch: EventBatch, sources: SourceObjects, response: Response) -> EventBatch:
        """Return the batch with fates, flags, and the table ``calo_particles``: in the order of particles."""
        c, particles = sources.columns, batch["particles"]
        rows = batch.rows_of("particles", c["event_id"], c["particle_id"])
        flags = particles["out_of_domain"].copy()
        flags[rows] |= response.flagged
        batch = batch.with_columns("particles", ecal_fate=sources.reason, out_of_domain=flags)
        order = np.argsort(rows, kind="stable")
        own = rows[order]
        mother = batch.rows_of("particles", c["event_id"][order], particles["mother"][own])
        origin = batch.rows_of("vertices", c["event_id"][order], particles["production_vertex"][own])
        front = self.geometry.calorimeter.front
        way = front - self.geometry.calorimeter.ecal.shower_max
        table = {
            "event_id": c["event_id"][order],
            "calo_particle_id": number_in_event(c["event_id"][order]),
            "particle_id": c["particle_id"][order],
            "pid": particles["pid"][own],
            "origin": np.zeros(len(own), np.int8),
            "mother_pid": np.where(mother >= 0, np.append(particles["pid"], 0)[mother], 0),
            **{k: (c[k] + c[f"t{k}"] * way)[order] for k in "xy"},
            "z": np.full(len(own), front),
            **{k: c[k][order] for k in ("tx", "ty", "energy", "from_signal")},
            **{f"ov{k}": batch["vertices"][k][origin] for k in "xyz"},  # all have a production vertex
            **{f"lost_{k}": v[order] for k, v in response.losses.items()},
        }
        return batch.with_tables(Table("calo_particles", table))

    def _clusters(self, response: Response) -> dict[str, Any]:
        found = {k: v for k, v in response.clusters.items() if k not in ("particle_id", "background")}
        event = found["event_id"]
        return {**found, "cluster_id": number_in_event(event), "track_id": np.full(len(event), -1)}

    def _links(self, batch: EventBatch, sources: SourceObjects, response: Response) -> Table:
        c, links = sources.columns, response.links
        rows = batch.rows_of("particles", c["event_id"], c["particle_id"])
        number = np.empty(len(rows), np.int64)
        order = np.argsort(rows, kind="stable")
        number[order] = number_in_event(c["event_id"][order])
        cluster, source, energy = links["cluster"], links["source"], links["energy"]
        event = response.clusters["event_id"][cluster]
        table = {
            "event_id": event,
            "cluster_id": number_in_event(response.clusters["event_id"])[cluster],
            "calo_particle_id": number[source],
            "energy": energy,
            "fraction_of_cluster": _fractions(cluster, energy, response.clusters.get("background")),
            "fraction_of_particle": _fractions(source, energy),
        }
        ordered = np.lexsort((table["calo_particle_id"], table["cluster_id"], event))
        return Table("cluster_links", {k: v[ordered] for k, v in table.items()})


def _measured(batch: EventBatch, sources: SourceObjects) -> dict[str, Any]:
    """Momenta of the long tracks of source objects, NaN without one: they tell what electrons radiated."""
    from lamarr.parametrizations.ecal.upstream import MEASURED

    particles, tracks, c = batch["particles"], batch["tracks"], sources.columns
    momentum = np.full(particles.rows, np.nan)
    row = batch.rows_of("particles", tracks["event_id"], tracks["particle_id"])
    use = (row >= 0) & (tracks["type"] == TrackType.LONG)
    momentum[row[use]] = tracks["p"][use]
    return {MEASURED: momentum[batch.rows_of("particles", c["event_id"], c["particle_id"])]}


def _fractions(of: Any, energy: Any, more: Any = None) -> Any:
    total = np.bincount(of, energy, minlength=1 if more is None else len(more))
    if more is not None:
        total = total + more
    return energy / np.maximum(total[of], 1e-12)


def _with_identity(clusters: Mapping[str, Any], geometry: Geometry) -> Table:
    """Table of the clusters; identification by the shape where the engine does not give it."""
    from lamarr.calorimetry.cluster_identification import OUTPUTS, identify_clusters

    given = dict(clusters)
    if OUTPUTS[0] not in given:
        module = geometry.calorimeter.module
        given |= (
            identify_clusters(clusters, module)
            if len(given["event_id"])
            else {k: np.empty(0, np.float32) for k in OUTPUTS}
        )
    return Table("clusters", given)
