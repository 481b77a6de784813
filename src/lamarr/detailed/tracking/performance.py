"""How well tracks and vertices are measured, against LHCb's published performance.

    python -m lamarr.detailed.tracking.performance FILE …

prints the tables for files that ``lamarr detailed`` wrote. All widths are half of the central 68.3 %.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.commands import run
from lamarr.detailed.tracking.truth import matched_tracks, matched_vertices, particle_rows
from lamarr.events import EventBatch, TrackType, TransportEnd

__all__ = [
    "REFERENCE_MOMENTUM",
    "ip_reference",
    "momentum_reference",
    "tracking_performance",
    "vertex_reference",
]

Floats = NDArray[np.float64]
Result = dict[str, NDArray[Any]]

REFERENCE_MOMENTUM: Final = np.array(
    [
        [5, 10, 20, 30, 40, 50, 60, 70, 80, 100, 120, 150, 235],
        [0.50, 0.48, 0.52, 0.58, 0.60, 0.66, 0.70, 0.75, 0.80, 0.86, 0.90, 0.96, 1.12],
    ]
)
"""p (GeV) and σ(p)/p (%) of LHCb tracks: RapidSim's histogram "LHCbGeneric" (smear12.root, 9ae02c3)."""

MOMENTUM_BINS: Final = np.array([3, 5, 7.5, 10, 15, 20, 30, 40, 50, 60, 80, 100, 150, 200.0])
PT_BINS: Final = np.array([0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20.0])
TRACKS_BINS: Final = np.array([5, 10, 15, 20, 25, 30, 40, 50, 70, 100.0])
SPECIES: Final = {"mu": 13, "pi": 211, "k": 321, "p": 2212, "e": 11}
T_END: Final = 9410.0  # mm
MATERIAL_OF_IP: Final = 200.0  # MeV of transverse momentum below which impact parameters are not compared


def momentum_reference(p: Floats) -> Floats:
    """σ(p)/p (%) at p (GeV), linear between the points of the table."""
    return np.asarray(np.interp(p, *REFERENCE_MOMENTUM), np.float64)


def ip_reference(pt: Floats) -> Floats:
    """σ of one projection of the impact parameter (µm) at pT (GeV): 11.6 + 23.4 / pT (JINST 9 C01065)."""
    return 11.6 + 23.4 / np.asarray(pt, np.float64)


def vertex_reference(n: Floats) -> tuple[Floats, Floats]:
    """σ of x (or y) and of z (µm) of a primary vertex of n tracks (RapidSim, RapidVertex.cc, 9ae02c3)."""
    n = np.asarray(n, np.float64)
    return 10.817 + 37.84 * np.exp(-0.0815 * n), 42.52 + 223.5 * np.exp(-0.0814 * n)


def tracking_performance(batch: EventBatch) -> Result:
    """Measure tracking and vertices of detailed events.

    Returns
    -------
    dict of arrays
        For each of ``momentum`` (σ(p)/p in %), ``ip``, ``vertex_x``, ``vertex_z`` (µm) and ``efficiency_*``
        the arrays ``…_edges``, ``…_n``, ``…_value``, ``…_error`` and, where there is one, ``…_reference``,
        averaged over the entries of a bin; ``pull_width`` and ``pull_mean`` of (x, y, tx, ty, q/p);
        ``ghost_rate`` and ``secondary_rate`` of long, upstream and downstream tracks, and their number
        ``type_n``; ``ghost_auc``, the separation of long ghosts. Bins without entries are NaN.
    """
    tracks = matched_tracks(batch)
    long = tracks["type"] == TrackType.LONG
    known = {name: values[long & tracks["good"]] for name, values in tracks.items()}
    electron = np.abs(known["pid"]) == 11  # their bremsstrahlung is no resolution
    good = {name: values[~electron] for name, values in known.items()}
    p = good["true_p"] * 1e-3
    out = _widths("momentum", p, 100 * good["dp"], MOMENTUM_BINS, momentum_reference(p))
    pt = np.tile(good["true_pt"] * 1e-3, 2)
    ip = 1e3 * np.concatenate([good["ip_x"], good["ip_y"]])
    out |= _widths("ip", pt, ip, PT_BINS, ip_reference(pt))
    out |= _vertices(batch)
    muons = {name: values[np.abs(good["pid"]) == 13] for name, values in good.items()}
    for name, rows in (("pull", good), ("muon_pull", muons)):
        quantiles = _quantiles(rows["pull"])
        out[f"{name}_width"], out[f"{name}_mean"] = quantiles[:2]
        out[f"{name}_n"] = np.array([len(rows["pull"])])
    out |= _efficiencies(batch)
    return out | _ghosts(tracks)


def _quantiles(values: Floats) -> tuple[Floats, Floats]:
    """Half width of the central 68.3 % and median, along the first axis."""
    if not len(values):
        return np.full(values.shape[1:], np.nan), np.full(values.shape[1:], np.nan)
    low, middle, high = np.quantile(values, [0.15865, 0.5, 0.84135], axis=0)
    return (high - low) / 2, middle


def _widths(name: str, at: Floats, values: Floats, edges: Floats, reference: Floats) -> Result:
    n = len(edges) - 1
    columns = {c: np.full(n, np.nan) for c in ("value", "error", "bias", "reference")}
    count = np.zeros(n, np.int64)
    for i in range(n):
        inside = (at >= edges[i]) & (at < edges[i + 1])
        count[i] = inside.sum()
        if count[i] < 10:
            continue
        columns["value"][i], columns["bias"][i] = _quantiles(values[inside])
        # the half width of a Gaussian's central 68 % has 1.2 times the error of its standard deviation
        columns["error"][i] = 1.2 * columns["value"][i] / np.sqrt(2 * count[i])
        columns["reference"][i] = reference[inside].mean()
    return {f"{name}_edges": edges, f"{name}_n": count} | {f"{name}_{c}": v for c, v in columns.items()}


def _vertices(batch: EventBatch) -> Result:
    found = matched_vertices(batch)
    n = found["n_tracks"].astype(np.float64)
    in_x, in_z = vertex_reference(n)
    out = _widths("vertex_x", n, 1e3 * found["x"], TRACKS_BINS, in_x)
    out |= _widths("vertex_y", n, 1e3 * found["y"], TRACKS_BINS, in_x)
    out |= _widths("vertex_z", n, 1e3 * found["z"], TRACKS_BINS, in_z)
    out["vertex_pull_width"], out["vertex_pull_mean"] = _quantiles(found["pull"])
    return out


def _efficiencies(batch: EventBatch) -> Result:
    """Share of particles with the hits of a long track that are found, and of all in 2 < η < 4.5.

    ``survival_*`` is the share of the latter that reaches the end of the T stations: what
    interactions, decays and showers leave.
    """
    if "transport" not in batch:
        return {}
    particles, transport, tracks = batch["particles"], batch["transport"], batch["tracks"]
    rows = particle_rows(batch, transport["event_id"], transport["particle_id"])
    momentum = np.stack([particles[c][rows] for c in ("px", "py", "pz")])
    p = 1e-3 * np.sqrt((momentum**2).sum(axis=0))
    eta = np.arctanh(np.clip(momentum[2] * 1e-3 / np.maximum(p, 1e-9), -1 + 1e-12, 1 - 1e-12))
    long = (tracks["type"] == TrackType.LONG) & (tracks["particle_id"] >= 0)
    key = np.int64(1) << 32
    found = np.isin(
        transport["event_id"].astype(np.int64) * key + transport["particle_id"],
        tracks["event_id"][long].astype(np.int64) * key + tracks["particle_id"][long],
    )
    out: Result = {}
    accepted = transport["reconstructible"] == TrackType.LONG
    window = (eta > 2.0) & (eta < 4.5)
    survived = (transport["z"] > T_END) | (transport["end"] == TransportEnd.LEFT)
    for name, pid in SPECIES.items():
        mine = np.abs(particles["pid"][rows]) == pid
        out |= _share(f"efficiency_{name}", p[mine & accepted], found[mine & accepted])
        out |= _share(f"window_{name}", p[mine & window], found[mine & window])
        out |= _share(f"survival_{name}", p[mine & window], survived[mine & window])
    return out


def _share(name: str, at: Floats, passed: NDArray[np.bool_]) -> Result:
    edges = MOMENTUM_BINS
    n = np.histogram(at, edges)[0]
    k = np.histogram(at[passed], edges)[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        value = k / n
        error = np.sqrt((k + 1) * (n - k + 1) / ((n + 2.0) ** 2 * (n + 3.0)))
    return {f"{name}_edges": edges, f"{name}_n": n, f"{name}_value": value, f"{name}_error": error}


def _ghosts(tracks: Result) -> Result:
    kinds = (TrackType.LONG, TrackType.UPSTREAM, TrackType.DOWNSTREAM)
    n = np.array([(tracks["type"] == k).sum() for k in kinds])
    secondary = tracks["unmatched"] & ~tracks["ghost"]
    marks = {"ghost_rate": tracks["ghost"], "secondary_rate": secondary}
    rates = {
        name: np.array([(mark & (tracks["type"] == k)).sum() for k in kinds]) / np.maximum(n, 1)
        for name, mark in marks.items()
    }
    long = tracks["type"] == TrackType.LONG
    score, ghost = tracks["ghost_prob"][long], tracks["ghost"][long]
    return {
        **rates,
        "type_n": n,
        "ghost_auc": np.array([_auc(score, ghost)]),
    }


def _auc(score: Floats, positive: NDArray[np.bool_]) -> float:
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if not n1 or not n0:
        return float("nan")
    ranks = np.empty(len(score))
    ranks[np.argsort(score, kind="stable")] = np.arange(1, len(score) + 1)
    return float((ranks[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def tables_of(result: Result) -> str:
    """Write the numbers down, a line per bin."""
    lines = []
    titles = {
        "momentum": "σ(p)/p in % by p in GeV, long tracks but electrons",
        "ip": "impact parameter, one projection, in µm by pT in GeV",
        "vertex_x": "primary vertex, x in µm by number of tracks",
        "vertex_y": "primary vertex, y in µm by number of tracks",
        "vertex_z": "primary vertex, z in µm by number of tracks",
    } | {f"efficiency_{s}": f"efficiency of reconstructible {s} by p in GeV" for s in SPECIES}
    for name, title in titles.items():
        if f"{name}_n" not in result:
            continue
        lines += ["", title, f"{'bin':>12} {'n':>7} {'value':>8} {'±':>7} {'reference':>9} {'ratio':>6}"]
        edges, n = result[f"{name}_edges"], result[f"{name}_n"]
        for i in np.nonzero(n >= 10)[0]:
            value, error = result[f"{name}_value"][i], result[f"{name}_error"][i]
            line = f"{edges[i]:>5g}–{edges[i + 1]:<6g} {n[i]:>7} {value:>8.3f} {error:>7.3f}"
            if f"{name}_reference" in result:
                reference = result[f"{name}_reference"][i]
                line += f" {reference:>9.3f} {value / reference:>6.2f}"
            lines.append(line)
    for name in ("pull", "muon_pull"):
        widths = " ".join(f"{w:.3f}" for w in result[f"{name}_width"])
        means = " ".join(f"{m:+.3f}" for m in result[f"{name}_mean"])
        lines += [
            "",
            f"{name} of x y tx ty q/p, {result[f'{name}_n'][0]} tracks: widths {widths}, medians {means}",
        ]
    for name in ("ghost", "secondary"):
        rates = " ".join(f"{r:.4f}" for r in result[f"{name}_rate"])
        lines += ["", f"{name} share of long, upstream, downstream tracks: {rates}"]
    lines += [f"AUC of the ghost probability, long tracks: {result['ghost_auc'][0]:.3f}"]
    return "\n".join(lines[1:])


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def main(files: tuple[Path, ...]) -> None:
    """Print the performance of tracking in detailed events."""
    from lamarr.events import read

    batch = EventBatch.concatenate([read(file) for file in files])
    click.echo(tables_of(tracking_performance(batch)))


if __name__ == "__main__":
    run(main)
