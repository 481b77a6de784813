"""Performance of the calorimeter in a sample: what clusters know about the photons that made them.

    python -m lamarr.detailed.calorimeter.performance FILE

The design resolution is 10 %/√E ⊕ 1 %, E in GeV (LHCb, The LHCb Detector at the LHC (2008), section 6.2).
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.commands import run
from lamarr.events import EventBatch, read

__all__ = ["calorimeter_performance"]

Floats = NDArray[np.float64]

EDGES_GEV: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)

PURE: Final = 0.98
"""Least share of a cluster's energy, and of a photon's, that makes a pair of both."""

PI0_MASS: Final = 134.9768
LARGEST_ET: Final = 10.0
"""Transverse energy (GeV) of photons above which cells reach the end of their ADC: they are left out."""

_LEAST: Final = 20  # entries of an interval


def calorimeter_performance(batch: EventBatch) -> dict[str, Any]:
    """Return energy and position resolution of photons, the π0 → γγ peak and cluster multiplicity.

    Parameters
    ----------
    batch : EventBatch
        Events with calo_particles, clusters and cluster_links (and particles, for the π0).

    Returns
    -------
    dict
        ``photons``: by interval of energy the number, median energy (GeV), width and median of ΔE/E,
        width of Δx (mm), design resolution and ratio to it; widths are half the central 68.3 %. Without
        photons of more than `LARGEST_ET`.
        ``pi0``: number, median and width of the mass (MeV) of resolved π0; None without any.
        ``clusters``: number of events, mean, median and 90th percentile of clusters per event;
        ``merged``: number of clusters, and of those taken for a merged π0.
    """
    pairs = _pairs(batch)
    return {
        "photons": _resolution(pairs),
        "pi0": _pi0(batch, pairs),
        "clusters": _multiplicity(batch),
        "merged": _merged(batch),
    }


def _pairs(batch: EventBatch) -> dict[str, NDArray[Any]]:
    """Photons and clusters that are almost entirely each other's: rows in both tables, and columns."""
    links, clusters, particles = (batch[t] for t in ("cluster_links", "clusters", "calo_particles"))
    pure = (links["fraction_of_cluster"] > PURE) & (links["fraction_of_particle"] > PURE)
    event = links["event_id"][pure]
    cluster = batch.rows_of("clusters", event, links["cluster_id"][pure])
    photon = batch.rows_of("calo_particles", event, links["calo_particle_id"][pure])
    use = particles["pid"][photon] == 22
    cluster, photon = cluster[use], photon[use]
    way = clusters["z"][cluster] - particles["z"][photon]
    return {
        "cluster": cluster,
        "photon": photon,
        "true": particles["energy"][photon],
        "transverse": particles["energy"][photon] * _sine(particles["tx"][photon], particles["ty"][photon]),
        "ratio": clusters["energy"][cluster] / particles["energy"][photon],
        "dx": clusters["x"][cluster] - particles["x"][photon] - particles["tx"][photon] * way,
        "dy": clusters["y"][cluster] - particles["y"][photon] - particles["ty"][photon] * way,
    }


def _sine(tx: Floats, ty: Floats) -> Floats:
    slope2 = tx**2 + ty**2
    return np.asarray(np.sqrt(slope2 / (1 + slope2)))


def _width(values: Floats) -> float:
    low, high = np.percentile(values, [15.85, 84.15])
    return float(high - low) / 2


def _resolution(pairs: dict[str, NDArray[Any]]) -> list[dict[str, float]]:
    rows = []
    gev = pairs["true"] * 1e-3
    for low, high in pairwise(EDGES_GEV):
        use = (gev >= low) & (gev < high) & (pairs["transverse"] < 1e3 * LARGEST_ET)
        if use.sum() < _LEAST:
            continue
        design = float(np.sqrt(np.mean(0.1**2 / gev[use] + 0.01**2)))
        width = _width(pairs["ratio"][use])
        rows.append(
            {
                "low": low,
                "high": high,
                "photons": int(use.sum()),
                "energy": float(np.median(gev[use])),
                "width": width,
                "error": width / float(np.sqrt(use.sum())),
                "bias": float(np.median(pairs["ratio"][use])) - 1,
                "design": design,
                "over_design": width / design,
                "sigma_x": _width(np.concatenate([pairs["dx"][use], pairs["dy"][use]])),
            }
        )
    return rows


def _pi0(batch: EventBatch, pairs: dict[str, NDArray[Any]]) -> dict[str, float] | None:
    """Masses of clusters whose photons have the same π0 as mother in the generated event."""
    if "particles" not in batch:
        return None
    particles, photons, clusters = batch["particles"], batch["calo_particles"], batch["clusters"]
    number = photons["particle_id"][pairs["photon"]]
    whole = (number >= 0) & (photons["origin"][pairs["photon"]] == 0)
    photon, cluster = pairs["photon"][whole], pairs["cluster"][whole]
    event = photons["event_id"][photon]
    rows = batch.rows_of("particles", event, number[whole])
    mother = particles["mother"][rows]
    mother_row = batch.rows_of("particles", event, mother)
    good = (mother >= 0) & (particles["pid"][mother_row] == 111)
    order = np.argsort(mother_row[good], kind="stable")
    sorted_mother, sorted_cluster = mother_row[good][order], cluster[good][order]
    first = np.flatnonzero(sorted_mother[1:] == sorted_mother[:-1])
    a, b = sorted_cluster[first], sorted_cluster[first + 1]
    if len(a) < _LEAST:
        return None
    place = np.stack([clusters[k] for k in "xyz"], 1)
    direction = place / np.linalg.norm(place, axis=1)[:, None]
    energy = clusters["energy"]
    mass = np.sqrt(2 * energy[a] * energy[b] * np.maximum(1 - (direction[a] * direction[b]).sum(axis=1), 0))
    return {
        "pairs": len(a),
        "mass": float(np.median(mass)),
        "over_true": float(np.median(mass)) / PI0_MASS,
        "width": _width(mass),
    }


def _multiplicity(batch: EventBatch) -> dict[str, float]:
    events = batch["events"]["event_id"]
    n = np.bincount(np.searchsorted(events, batch["clusters"]["event_id"]), minlength=len(events))
    if not len(n):
        return {"events": 0, "mean": 0.0, "median": 0.0, "90 %": 0.0}
    median, high = np.percentile(n, [50, 90])
    return {"events": len(n), "mean": float(n.mean()), "median": float(median), "90 %": float(high)}


def _merged(batch: EventBatch) -> dict[str, int]:
    clusters = batch["clusters"]
    return {"clusters": clusters.rows, "merged_pi0": int(np.count_nonzero(clusters["is_merged_pi0"]))}


@click.command()
@click.argument("file", type=click.Path(exists=True, path_type=Path))
def main(file: Path) -> None:
    """Print the performance of the calorimeter in FILE."""
    click.echo(json.dumps(calorimeter_performance(read(file)), indent=1))


if __name__ == "__main__":
    run(main)
