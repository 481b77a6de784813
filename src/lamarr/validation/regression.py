"""A small fixed comparison that tells whether the models of a set got worse.

    python -m lamarr.validation.regression --set NAME --detailed BALANCED.parquet -o REFERENCE.json
    python -m lamarr.validation.regression --set NAME --teacher -o REFERENCE.json

The reference is a few quantiles of every quantity of long tracks by species and of photons' clusters, and the
fractions of long tracks and of photons with a cluster in bins of momentum: of the embedded particles of a
detailed sample, or of the teacher of a set. The set is compared with it on fixed guns of particles; what it
reaches is kept beside the reference. A set got worse if it is later further from the reference than it was,
by more than its finite number of particles explains.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise, product
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

import lamarr
from lamarr.commands import run
from lamarr.errors import ConfigurationError, LamarrError
from lamarr.events import EventBatch
from lamarr.flash import Pipeline, PipelineConfiguration, load_pipeline
from lamarr.flash.stages.ecal import Ecal
from lamarr.parametrizations.sets import load_set
from lamarr.transpile import Model
from lamarr.validation.report.catalogue import OBSERVABLES
from lamarr.validation.report.groups import columns_of
from lamarr.validation.report.judgements import of_species
from lamarr.validation.report.observables import SPECIES

__all__ = [
    "Worse",
    "compare_with",
    "fixed_events",
    "main",
    "quantities",
    "reference_of",
    "simulated",
    "worse",
]

Array = NDArray[Any]
Numbers = dict[str, Any]

GUN: Final = "e-,e+,mu-,mu+,pi+,pi-,K+,K-,p+,anti-p- p=log(2,150) eta=1.8:5"
PHOTONS: Final = "gamma p=log(2,150) eta=1.8:4.8"
EVENTS: Final = 30_000, 2500
NOISE: Final = 128
"""Normal numbers that the teacher takes for a row."""
LEVELS: Final = np.linspace(0.02, 0.98, 25)
P_EDGES: Final = (2, 4, 7, 12, 25, 50, 150)
LEAST: Final = 300
"""Entries that a quantity must have."""


Batches = tuple[EventBatch, ...]


def fixed_events() -> Batches:
    """Generate the events of the comparison: one charged particle or photon each, flat in log p and η."""
    return tuple(lamarr.generate(g, n, seed=7) for g, n in zip((GUN, PHOTONS), EVENTS, strict=True))


def simulated(events: Batches, models: str, seed: int = 7) -> Batches:
    """Simulate them: charged particles without the ECAL, photons with it if the set has models for it."""
    tracks = PipelineConfiguration(set=models, ecal="off")
    first = lamarr.simulate(events[0], pipeline=tracks, seed=seed)
    if not Ecal.wanted(load_set(models).models):
        return (first,)
    return first, lamarr.simulate(events[1], set=models, seed=seed)


def quantities(batch: EventBatch, *, signal: bool = False) -> Iterator[tuple[str, Array]]:
    """Give name and values of everything that is compared; `signal`: of embedded particles only."""
    for group in ("long_tracks", "pid", "photon_clusters"):
        columns = _columns(batch, group, signal)
        for observable in (o for o in OBSERVABLES.values() if columns and o.group == group and o.targets):
            for name, pid in SPECIES.items() if observable.by_species else [("γ", 0)]:
                yield f"{observable.name} {name}", observable(of_species(columns, pid))
    for what, group, passed, species in (
        ("long", "particles", "is_long", SPECIES),
        ("cluster", "photons", "has_cluster", {"γ": 0}),
    ):
        columns = _columns(batch, group, signal)
        for (name, pid), (low, high) in product(species.items() if columns else (), pairwise(P_EDGES)):
            c = of_species(columns, pid)
            inside = (c["p"] >= low) & (c["p"] < high)
            yield f"{what} {name} {low}-{high} GeV", c[passed][inside].astype(float)


def _columns(batch: EventBatch, group: str, signal: bool) -> Mapping[str, Array]:
    """Return the columns of a group in the range of the gun; none if the sample has no such table."""
    try:
        columns = columns_of(batch, group)
    except LamarrError:
        return {}
    chosen = columns["from_signal" if group.startswith("photon") else "is_signal"] | (not signal)
    if group.startswith("photon"):
        chosen = chosen & (columns["p"] > P_EDGES[0]) & (columns["p"] < P_EDGES[-1]) & (columns["eta"] < 4.8)
    return {k: v[chosen] for k, v in columns.items()}


def reference_of(batch: EventBatch, *, signal: bool = False) -> Numbers:
    """Return the distribution function of every quantity at a few of its quantiles."""
    found: Numbers = {}
    for name, values in quantities(batch, signal=signal):
        if len(values) >= LEAST:
            at = np.array([0.0]) if _is_efficiency(name) else np.unique(np.quantile(values, LEVELS))
            below = [float(np.mean(values <= x)) for x in at]
            found[name] = {
                "n": len(values),
                "at": [float(f"{x:.5g}") for x in at],
                "below": [round(b, 5) for b in below],
            }
    return found


def compare_with(reference: Numbers, *batches: EventBatch) -> dict[str, tuple[float, int]]:
    """Return the largest |F − F_reference| of every quantity, and the entries that it has in `batches`."""
    found = {}
    for name, values in chain.from_iterable(map(quantities, batches)):
        if name in reference and len(values) >= LEAST:
            known = reference[name]
            below = [np.mean(values <= x) for x in known["at"]]
            found[name] = (float(np.max(np.abs(np.array(below) - known["below"]))), len(values))
    return found


@dataclass(frozen=True, kw_only=True)
class Worse:
    """A quantity that is further from the reference than it was."""

    name: str
    distance: float
    before: float
    limit: float

    def __str__(self) -> str:
        return f"{self.name}: {self.distance:.4f} from the reference, before {self.before:.4f}"


def worse(content: Mapping[str, Any], *batches: EventBatch) -> list[Worse]:
    """Return what got worse; `content` is what :func:`main` wrote.

    So that other draws of a model that is as good pass, a single quantity may grow by 1.5/√n (six standard
    deviations of a Kolmogorov distance; an efficiency by 2.5/√n), the mean of one over species or bins by
    0.5/√n, the mean of all by 0.15/√n.

    Raises
    ------
    ConfigurationError
        If a quantity that was compared is not there any more.
    """
    now, before = compare_with(content["reference"], *batches), content["reached"]
    lacking = [name for name in before if name not in now]
    if lacking:
        raise ConfigurationError(
            f"the set gives no {', '.join(lacking[:5])} any more, so it cannot be compared"
        )
    found = []
    groups: dict[str, list[str]] = {}
    for name in before:
        groups.setdefault(f"mean of {name.split()[0]}", []).append(name)
        groups[name] = [name]
    groups["mean of all"] = list(before)
    for group, names in groups.items():
        distance = float(np.mean([now[n][0] for n in names]))
        was = float(np.mean([before[n] for n in names]))
        slack = _slack(group, group in before) / np.sqrt(np.mean([now[n][1] for n in names]))
        if distance > was + slack:
            found.append(Worse(name=group, distance=distance, before=was, limit=was + slack))
    return found


def _is_efficiency(name: str) -> bool:
    return name.endswith(" GeV")


def _slack(group: str, single: bool) -> float:
    if not single:
        return 0.15 if group == "mean of all" else 0.5
    return 2.5 if _is_efficiency(group) else 1.5


class _Taught:
    """The teacher in the place of a model. Its noise is its own: it takes more than the model."""

    seeded = None  # the stage must not think that it draws by events

    def __init__(self, model: Model, function: Any) -> None:
        self.model, self.function, self.rng = model, function, np.random.default_rng(8)

    def __call__(self, x: Array, noise: Array | None = None) -> Array:
        drawn = () if noise is None else (self.rng.standard_normal((len(x), NOISE), np.float32),)
        y: Array = np.asarray(self.function(x, *drawn), np.float32)
        return y.reshape(len(x), -1)


def _taught(pipeline: Pipeline) -> Pipeline:
    """Put the teacher in the place of the models of a pipeline."""
    from lamarr.training.tracking.teacher import load_teacher

    teacher = load_teacher()
    for stage in pipeline.stages:
        if hasattr(teacher, stage.name) and hasattr(stage, "run"):
            stage.run = _Taught(stage.model, getattr(teacher, stage.name))  # type: ignore[attr-defined]
    return pipeline


@click.command()
@click.option("--set", "set_", required=True, metavar="NAME|FOLDER")
@click.option("--detailed", metavar="FILE", help="A sample with embedded particles, as 'balanced'.")
@click.option("--teacher", is_flag=True, help="The reference is the teacher of the tracking models.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(set_: str, detailed: str | None, teacher: bool, output: Path) -> None:
    """Make the reference of a set, and keep beside it how near the set comes."""
    if bool(detailed) == teacher:
        raise ConfigurationError("the reference is made of one of --detailed FILE and --teacher")
    events = fixed_events()
    if detailed:
        reference = reference_of(lamarr.read(detailed), signal=True)
    else:
        reference = reference_of(_taught(load_pipeline(set_, backend="numpy"))(events[0], 8))
    reached = compare_with(reference, *simulated(events, set_))
    what = f"--detailed {Path(detailed).name}" if detailed else "--teacher"
    content = {
        "command": f"python -m lamarr.validation.regression --set {set_} {what} -o {output.name}",
        "reference": {n: reference[n] for n in reached},
        "reached": {n: round(d, 5) for n, (d, _) in reached.items()},
    }
    output.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
    mean = float(np.mean(list(content["reached"].values())))  # type: ignore[attr-defined]
    click.echo(f"{len(reached)} quantities, mean distance {mean:.4f}")


if __name__ == "__main__":
    run(main)
