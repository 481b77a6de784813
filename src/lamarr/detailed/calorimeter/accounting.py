"""Who made which cluster: the tables ``calo_particles`` and ``cluster_links``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.calorimetry.calibration import Calibration
from lamarr.calorimetry.cells import ECAL
from lamarr.calorimetry.clusters import Members
from lamarr.detailed.records import SimEvent
from lamarr.events import CaloOrigin

__all__ = ["calo_particles", "cluster_links", "with_generated"]


def calo_particles(event: SimEvent) -> dict[str, NDArray[Any]]:
    """Return the columns of ``calo_particles``, one row per particle at the calorimeters' front.

    What only the generated event knows is left as for a particle without mother outside of the signal:
    ``mother_pid`` (0) of what the generator gave, and ``from_signal``.
    """
    faces, tracks = event.calo_faces, event.tracks
    rows = event.row_of_track(faces["track"])
    known = rows >= 0
    own = tracks[np.maximum(rows, 0)] if len(tracks) else np.zeros(len(faces), tracks.dtype)
    mother = event.row_of_track(own["parent"])
    mother_pid = tracks["pid"][np.maximum(mother, 0)] if len(tracks) else np.zeros(len(faces), int)
    pz = np.maximum(faces["pz"], 1e-9)
    return {
        "calo_particle_id": np.arange(len(faces)),
        "particle_id": np.where(known, own["ancestor"], -1),
        "pid": faces["pid"],
        "origin": np.where(known, own["creator"], CaloOrigin.OTHER),
        "mother_pid": np.where(known & (mother >= 0), mother_pid, 0),
        **{k: faces[k] for k in "xyz"},
        "tx": faces["px"] / pz,
        "ty": faces["py"] / pz,
        "energy": faces["energy"],
        **{f"ov{k}": np.where(known, own[k], faces[k]) for k in "xyz"},
        "from_signal": np.zeros(len(faces), bool),
    }


def with_generated(
    columns: Mapping[str, NDArray[Any]], particles: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Return the columns of :func:`calo_particles` with what the generated event knows.

    Parameters
    ----------
    columns : mapping of str to array (n,)
    particles : mapping of str to array (m,)
        The table ``particles`` of the same event: row = ``particle_id``.

    Returns
    -------
    dict
        ``from_signal`` of the ancestor; ``mother_pid`` of the generator's mother for what it gave itself.
    """
    number = np.asarray(columns["particle_id"], np.int64)
    known = number >= 0
    if not len(particles["pid"]):
        return dict(columns)
    row = np.where(known, number, 0)
    mother = particles["mother"][row]
    generated = known & (columns["origin"] == CaloOrigin.GENERATED) & (mother >= 0)
    mother_pid = np.where(generated, particles["pid"][np.maximum(mother, 0)], columns["mother_pid"])
    from_signal = known & np.asarray(particles["from_signal"])[row]
    return {**columns, "mother_pid": mother_pid, "from_signal": from_signal}


def cluster_links(
    deposits: NDArray[Any], members: Members, calibration: Calibration
) -> dict[str, NDArray[Any]]:
    """Return the columns of ``cluster_links``: energies without noise, shared as the cells are.

    Over the particles of a cluster ``fraction_of_cluster`` adds up to 1, over the clusters of a particle
    ``fraction_of_particle`` does.
    """
    ecal = deposits[(deposits["part"] == ECAL) & (deposits["face"] >= 0)]
    order = np.argsort(ecal["cell"], kind="stable")
    ecal = ecal[order]
    begin, end = (np.searchsorted(ecal["cell"], members.cell, side) for side in ("left", "right"))
    count = end - begin
    rows = np.repeat(begin - (np.cumsum(count) - count), count) + np.arange(count.sum())
    stride = 1 + int(ecal["face"].max(initial=0))
    key = np.repeat(members.cluster, count).astype(np.int64) * stride + ecal["face"][rows]
    pairs, inverse = np.unique(key, return_inverse=True)
    shared = np.repeat(members.share, count) * ecal["energy"][rows] / calibration.ecal_sampling
    energy = np.bincount(inverse, shared, minlength=len(pairs))
    cluster, particle = pairs // stride, pairs % stride
    of_cluster = np.bincount(cluster, energy, minlength=1)[cluster]
    of_particle = np.bincount(particle, energy, minlength=1)[particle]
    return {
        "cluster_id": cluster,
        "calo_particle_id": particle,
        "energy": energy,
        "fraction_of_cluster": energy / of_cluster,
        "fraction_of_particle": energy / of_particle,
    }
