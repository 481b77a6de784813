"""Radiative decays: the masses of B0 → K*0 γ and χc1 → J/ψ γ, and the photons that are none of theirs.

    python -m lamarr.validation.radiative B02KstGamma FLASH.parquet DETAILED.parquet

Decays are those whose charged products have long tracks, as the truth says. The photon is a candidate of the
table ``neutrals``: that of the decay for the mass, every other of the event for the background. Its direction
is that from the vertex of the tracks to the cluster.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry
from lamarr.errors import InputFileError, raise_unknown
from lamarr.events import EventBatch, read
from lamarr.generation.species import particle_id, species
from lamarr.parametrizations.ecal.candidates import PHOTON
from lamarr.parametrizations.ecal.pairs import pairs_between
from lamarr.parametrizations.ecal.reconstructed import with_candidates
from lamarr.parametrizations.ecal.truth import owned_by
from lamarr.validation.candidates import find_decays, four_momenta, invariant_mass, track_rows
from lamarr.validation.metrics import half_width
from lamarr.validation.vertexing import fit_vertices, lines_of_tracks

__all__ = ["RADIATIVE", "Radiative", "as_text", "main", "measure", "table"]

Array = NDArray[Any]

TRANSVERSE: Final = (200.0, 500.0, 1000.0, 2000.0)
"""MeV: least transverse momenta of photons that are counted."""

TARGET: Final = 0.05
"""Of widths and of the background."""

_REPLICAS: Final = 200
_STRIDE: Final = np.int64(2**31)


@dataclass(frozen=True, kw_only=True)
class Radiative:
    """A decay to two tracks and a photon.

    Attributes
    ----------
    mother : str
    tracks : (str, str)
        Its charged products, directly or through a resonance.
    narrow : str
        Resonance of the tracks whose measured mass is replaced by the known one; "": none.
    window : (float, float)
        Of the mass, MeV.
    transverse : float
        Least transverse momentum (MeV) of photons that make background in the window.
    """

    mother: str
    tracks: tuple[str, str]
    narrow: str = ""
    window: tuple[float, float]
    transverse: float


RADIATIVE: Final[Mapping[str, Radiative]] = {
    "B02KstGamma": Radiative(mother="B0", tracks=("K+", "pi-"), window=(4600.0, 5960.0), transverse=2000.0),
    "B2ChicK": Radiative(
        mother="chi_c1(1P)",
        tracks=("mu+", "mu-"),
        narrow="J/psi(1S)",
        window=(3300.0, 3720.0),
        transverse=600.0,
    ),
}
"""Decays by the name of their sample."""


def _photons(batch: EventBatch) -> Array:
    """Rows of the clusters that are photon candidates."""
    neutrals = batch["neutrals"]
    chosen = neutrals["kind"] == PHOTON
    rows: Array = batch.rows_of("clusters", neutrals["event_id"][chosen], neutrals["cluster_id"][chosen])
    return rows


def _masses(batch: EventBatch, kind: Radiative, tracks: Array, clusters: Array) -> tuple[Array, Array]:
    """Masses (pairs,) of tracks (pairs, 2) with the photon of a cluster each, and its transverse momentum."""
    charged = four_momenta(batch["tracks"], tracks, [species(particle_id(t)).mass for t in kind.tracks])
    vertex = fit_vertices(lines_of_tracks(batch["tracks"], tracks)).position
    c = batch["clusters"].take(clusters)
    way = np.stack([c[axis] for axis in "xyz"], axis=1) - vertex
    unit = way / np.linalg.norm(way, axis=1, keepdims=True)
    photon = c["energy"][:, None] * np.concatenate([np.ones((len(c["energy"]), 1)), unit], axis=1)
    mass = invariant_mass(np.concatenate([charged, photon[:, None]], axis=1))
    if kind.narrow:
        mass = mass - invariant_mass(charged) + species(particle_id(kind.narrow)).mass
    return mass, np.hypot(photon[:, 1], photon[:, 2])


def _of_events(batch: EventBatch, event: Array) -> Array:
    return np.bincount(np.searchsorted(batch["events"]["event_id"], event), minlength=batch.n_events)


def measure(batch: EventBatch, kind: Radiative) -> dict[str, Array]:
    """Return masses and counts, each with the event it belongs to.

    Returns
    -------
    dict
        ``mass`` of decays with their photon in the window, ``mass_event`` (number of the event among the
        batch's), and counts (events,): ``decays`` with tracks, ``found`` among these, ``background`` (other
        photons in the window), ``photons>PT`` that are not of the decay.
    """
    if "neutrals" not in batch:
        batch = with_candidates(batch, load_detector("lhcb2016-magup"), load_geometry())
    pids = [particle_id(t) for t in (*kind.tracks, "gamma")]
    daughters = find_decays(batch, particle_id(kind.mother), pids, complete=False).daughters
    tracks = track_rows(batch, daughters[:, :2])
    good = (tracks >= 0).all(axis=1)
    tracks, photon = tracks[good], daughters[good, 2]
    p = batch["particles"]
    event = p["event_id"][photon]
    cluster = owned_by(batch, {"event_id": event, "particle_id": p["particle_id"][photon]})
    free = _photons(batch)
    found = np.isin(cluster, free) & (cluster >= 0)
    mass, _ = _masses(batch, kind, tracks[found], cluster[found])
    inside = (mass > kind.window[0]) & (mass < kind.window[1])
    other = free[~np.isin(free, cluster)]
    a, b = pairs_between(event, batch["clusters"]["event_id"][other])
    wrong, pt = _masses(batch, kind, tracks[a], other[b])
    combined = (wrong > kind.window[0]) & (wrong < kind.window[1]) & (pt > kind.transverse)
    c = batch["clusters"].take(other)
    r = np.hypot(c["x"], c["y"])
    transverse = c["energy"] * r / np.hypot(r, c["z"])
    return {
        "mass": mass[inside],
        "mass_event": np.searchsorted(batch["events"]["event_id"], event[found][inside]),
        "decays": _of_events(batch, event),
        "found": _of_events(batch, event[found]),
        "background": _of_events(batch, event[a[combined]]),
        **{f"photons>{t:.0f}": _of_events(batch, c["event_id"][transverse > t]) for t in TRANSVERSE},
    }


def _numbers(m: Mapping[str, Array], of: Array) -> dict[str, float]:
    """Numbers of a sample in which event k occurs `of[k]` times."""
    mass = np.repeat(m["mass"], of[m["mass_event"]])
    decays = max(int(m["decays"] @ of), 1)
    return {
        "median mass (MeV)": float(np.median(mass)) if len(mass) else np.nan,
        "half width (MeV)": half_width(mass) if len(mass) > 1 else np.nan,
        "photon found": float(m["found"] @ of) / decays,
        "background per decay": float(m["background"] @ of) / decays,
        **{f"photons above {t / 1000:g} GeV": float(m[f"photons>{t:.0f}"] @ of) for t in TRANSVERSE},
    }


def table(flash: Mapping[str, Array], detailed: Mapping[str, Array], seed: int = 1) -> list[dict[str, Any]]:
    """Compare two samples of the same generated events: a row for each number.

    Each row has `quantity`, `detailed`, `flash`, `ratio` and its error: events are drawn again together.
    """
    n = len(detailed["decays"])
    if len(flash["decays"]) != n:
        raise InputFileError(
            f"both samples must hold the same events, but they have {len(flash['decays'])} and {n}"
        )
    rng = np.random.Generator(np.random.Philox(key=seed))
    one = np.ones(n, np.int64)
    a, b = _numbers(flash, one), _numbers(detailed, one)
    replicas = [rng.multinomial(n, np.full(n, 1 / n)) for _ in range(_REPLICAS)]
    ratios: dict[str, list[float]] = {k: [] for k in a}
    for of in replicas:
        x, y = _numbers(flash, of), _numbers(detailed, of)
        for k in a:
            ratios[k].append(x[k] / y[k] if y[k] else np.nan)
    return [
        {
            "quantity": k,
            "detailed": b[k],
            "flash": a[k],
            "ratio": a[k] / b[k] if b[k] else np.nan,
            "error": float(np.std([x for x in ratios[k] if np.isfinite(x)] or [np.nan])),
        }
        for k in a
    ]


def as_text(rows: list[dict[str, Any]]) -> str:
    """Return rows as a Markdown table."""
    lines = ["| | detailed | flash | ratio |", "|---|---|---|---|"]
    for r in rows:
        values = f"{r['detailed']:.4g} | {r['flash']:.4g} | {r['ratio']:.3f} ± {r['error']:.3f}"
        lines.append(f"| {r['quantity']} | {values} |")
    return "\n".join(lines)


@click.command()
@click.argument("decay")
@click.argument("flash", type=click.Path(exists=True, path_type=Path))
@click.argument("detailed", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "output", type=click.Path(path_type=Path), help="A file that gets the numbers.")
def main(decay: str, flash: Path, detailed: Path, output: Path | None) -> None:
    """Compare masses with photons, and photons, of FLASH and DETAILED: the same events of DECAY."""
    if decay not in RADIATIVE:
        raise_unknown("radiative decay", decay, RADIATIVE)
    kind = RADIATIVE[decay]
    measured = [measure(read(path), kind) for path in (flash, detailed)]
    rows = table(measured[0], measured[1])
    click.echo(f"{decay}: {len(measured[1]['decays'])} events\n\n{as_text(rows)}")
    if output:
        output.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
