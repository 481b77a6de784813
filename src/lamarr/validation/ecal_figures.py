"""The figures of docs/ecal.md: photons, clusters and electrons of engines, on detailed events.

    python -m lamarr.validation.ecal_figures balanced.parquet --electrons Bu2JpsiK_ee.parquet

The engines get the generated particles, and the tracks, of the detailed events.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry
from lamarr.events import EventBatch, TrackType, iterate
from lamarr.flash.stages.ecal import Ecal
from lamarr.parametrizations.ecal import Kind, source_objects
from lamarr.parametrizations.ecal.engines import ENGINES, make_engine
from lamarr.parametrizations.ecal.reconstructed import with_candidates
from lamarr.parametrizations.ecal.tokens import cell_size, on_plane
from lamarr.parametrizations.ecal.truth import shares_of
from lamarr.parametrizations.sets import load_set
from lamarr.transpile.backend import compiled
from lamarr.validation.metrics import half_width

__all__ = ["DETAILED", "electrons", "main", "photons", "whole_events"]

Array = NDArray[Any]

DETAILED: Final = "detailed"
ENERGIES: Final = (500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16_000.0, 32_000.0)
"""MeV: bins of photons."""
PURE: Final = 0.98
"""Share of a cluster that is a photon's, for its resolution."""
NEAR: Final = 1.5
"""Cells between a photon and its cluster, at most: it has not converted far in front."""
LEAST_PION: Final = 3000.0
"""MeV: momentum of pions that are asked for bremsstrahlung."""
_ELECTRON, _PION = 11, 211
_AT_ONCE: Final = 200


def photons(batch: EventBatch) -> dict[str, Array]:
    """Energy of photons (MeV) whose cluster is theirs alone, E/E_γ, Δx (mm) and E19 of that cluster."""
    geometry = load_geometry()
    sources = source_objects(batch, load_detector("lhcb2016-magup"), geometry).columns
    cluster, source, share = shares_of(batch, sources)
    energy = share * batch["clusters"]["energy"][cluster]
    of_photon = energy / np.bincount(source, energy, minlength=len(sources["energy"]))[source]
    pure = (share > PURE) & (of_photon > PURE) & (sources["kind"][source] == Kind.PHOTON)
    cluster, source = cluster[pure], source[pure]
    c = batch["clusters"].take(cluster)
    x, y = (v[source] for v in on_plane(sources, geometry.calorimeter))
    near = np.hypot(c["x"] - x, c["y"] - y) < NEAR * cell_size(x, y, geometry.calorimeter)
    energy = sources["energy"][source]
    found = {"energy": energy, "ratio": c["energy"] / energy, "dx": c["x"] - x, "E19": c["E19"]}
    return {k: np.asarray(v)[near] for k, v in found.items()}


def whole_events(batch: EventBatch) -> dict[str, Array]:
    """Energies (MeV) of all clusters, and the energy in them that no source object gave."""
    sources = source_objects(batch, load_detector("lhcb2016-magup"), load_geometry()).columns
    cluster, _, share = shares_of(batch, sources)
    energy = np.asarray(batch["clusters"]["energy"])
    known = np.bincount(cluster, share, minlength=len(energy))
    return {"energy": energy, "strange": energy * np.clip(1 - known, 0, 1)}


def electrons(batch: EventBatch) -> dict[str, Array]:
    """Tracks of electrons (`electron` true) and pions: whether they point to a cluster, p/p_true."""
    tracks, table, p = batch["tracks"], batch["electrons"], batch["particles"]
    row = batch.rows_of("particles", tracks["event_id"], tracks["particle_id"])
    pid = np.where(row >= 0, np.abs(p["pid"])[row], 0)
    electron = (pid == _ELECTRON) & p["from_signal"][row]
    pion = (pid == _PION) & (tracks["p"] > LEAST_PION)
    chosen = np.flatnonzero((tracks["type"] == TrackType.LONG) & (electron | pion))
    true = np.sqrt(sum(p[k][row[chosen]] ** 2 for k in ("px", "py", "pz")))
    return {
        "electron": electron[chosen],
        "points": table["cluster_id"][chosen] >= 0,
        "brem": table["brem_cluster_id"][chosen] >= 0,
        "before": tracks["p"][chosen] / true,
        "after": table["p"][chosen] / true,
    }


def _engines(names: list[str], models: str) -> dict[str, Ecal]:
    """Stages by the name of their engine."""
    detector, geometry = load_detector("lhcb2016-magup"), load_geometry()
    found = load_set(models).models
    wanted = [found[m] for m in sorted({m for n in names if n in ENGINES for m in ENGINES[n][0]})]
    runs = compiled(wanted, name="ecal_figures") if wanted else {}
    return {n: Ecal(make_engine(n, detector, geometry, found, runs), detector, geometry) for n in names}


def _answers(path: Path, stages: Mapping[str, Ecal], most: int) -> Iterator[tuple[str, EventBatch, float]]:
    """Name, events and CPU seconds of the reference and every engine, some events at a time."""
    seen = 0
    for whole in iterate(path, _AT_ONCE):
        batch = whole.select_events(0, int(whole["events"]["event_id"][0]) + most - seen)
        seen += batch.n_events
        if not batch.n_events:
            return
        yield DETAILED, with_candidates(batch, load_detector("lhcb2016-magup"), load_geometry()), 0.0
        for name, stage in stages.items():
            begin = time.process_time()
            answer = stage(batch, 1)
            yield name, answer, time.process_time() - begin


def _collected(
    files: tuple[Path, ...],
    stages: Mapping[str, Ecal],
    most: int,
    what: Callable[[EventBatch], dict[str, Array]],
) -> dict[str, Any]:
    """Columns of `what` by engine, with numbers of events and seconds."""
    parts: dict[str, list[Any]] = {n: [] for n in (DETAILED, *stages)}
    events, seconds = dict.fromkeys(parts, 0), dict.fromkeys(parts, 0.0)
    for path in files:
        for name, batch, spent in _answers(path, stages, most):
            parts[name].append(what(batch))
            events[name] += batch.n_events
            seconds[name] += spent
    return {
        n: {
            **{k: np.concatenate([p[k] for p in part]) for k in part[0]},
            "events": events[n],
            "seconds": seconds[n],
        }
        for n, part in parts.items()
    }


def photon_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return resolutions of photons in bins of energy as a Markdown table."""
    quantities: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "σ(E)/E": lambda c: f"{100 * half_width(c['ratio']):.1f} %",
        "median E/E_γ": lambda c: f"{np.median(c['ratio']):.3f}",
        "σ(x) (mm)": lambda c: f"{half_width(c['dx']):.1f}",
        "E19": lambda c: f"{np.median(c['E19']):.2f}",
    }
    names = [f"{q} {n}" for q in quantities for n in found]
    lines = [f"| E (GeV) | photons | {' | '.join(names)} |", "|" + "---|" * (2 + len(names))]
    for low, high in pairwise(ENERGIES):
        inside = {n: (c["energy"] >= low) & (c["energy"] < high) for n, c in found.items()}
        cut = {n: {k: np.asarray(c[k])[inside[n]] for k in ("ratio", "dx", "E19")} for n, c in found.items()}
        number = "/".join(str(int(i.sum())) for i in inside.values())
        cells = [q(c) if len(c["E19"]) > 1 else "" for q in quantities.values() for c in cut.values()]
        lines.append(f"| {low / 1000:g}-{high / 1000:g} | {number} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _by_engine(rows: Mapping[str, Callable[[Mapping[str, Any]], str]], found: Mapping[str, Any]) -> str:
    lines = [f"| | {' | '.join(found)} |", "|" + "---|" * (1 + len(found))]
    lines += [f"| {title} | {' | '.join(of(c) for c in found.values())} |" for title, of in rows.items()]
    return "\n".join(lines)


def event_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return numbers of clusters and energies of events as a Markdown table."""
    rows = {
        "events": lambda c: f"{c['events']}",
        "clusters per event": lambda c: f"{len(c['energy']) / c['events']:.1f}",
        "above 1 GeV": lambda c: f"{(c['energy'] > 1000).sum() / c['events']:.1f}",
        "above 3 GeV": lambda c: f"{(c['energy'] > 3000).sum() / c['events']:.1f}",
        "energy per event (GeV)": lambda c: f"{c['energy'].sum() / c['events'] / 1000:.1f}",
        "of no source object": lambda c: f"{100 * c['strange'].sum() / c['energy'].sum():.1f} %",
        "CPU per event (ms)": lambda c: f"{1000 * c['seconds'] / c['events']:.2f}" if c["seconds"] else "",
    }
    return _by_engine(rows, found)


def electron_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what becomes of electrons' tracks as a Markdown table."""

    def of(column: str, level: float | None = None) -> Callable[[Mapping[str, Any]], str]:
        def cell(c: Mapping[str, Any]) -> str:
            v = np.asarray(c[column], float)[c["electron"]]
            return f"{100 * v.mean():.0f} %" if level is None else f"{np.quantile(v, level):.2f}"

        return cell

    rows = {
        "electrons": lambda c: f"{int(c['electron'].sum())}",
        "point to a cluster": of("points"),
        "have bremsstrahlung": of("brem"),
        "median p/p_true before": of("before", 0.5),
        "after": of("after", 0.5),
        "16 % of p/p_true are below, before": of("before", 0.16),
        "after ": of("after", 0.16),
        "pions above 3 GeV with bremsstrahlung": lambda c: f"{100 * c['brem'][~c['electron']].mean():.1f} %",
    }
    return _by_engine(rows, found)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--electrons", "with_electrons", type=click.Path(exists=True, path_type=Path))
@click.option("--engines", default="parametric", show_default=True, help="Names, with commas.")
@click.option("--set", "models", default="lhcb2016-detailed-magup", show_default=True)
@click.option("-n", "most", default=300, show_default=True, help="Events of each file at the most.")
def main(files: tuple[Path, ...], with_electrons: Path | None, engines: str, models: str, most: int) -> None:
    """Print the figures of docs/ecal.md, of the first events of FILES (of the detailed simulation)."""
    stages = _engines(engines.split(","), models)
    click.echo(photon_table(_collected(files, stages, most, photons)) + "\n")
    click.echo(event_table(_collected(files, stages, most, whole_events)) + "\n")
    if with_electrons:
        click.echo(electron_table(_collected((with_electrons,), stages, most, electrons)))


if __name__ == "__main__":
    main()
