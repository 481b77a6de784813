"""The demonstration: 5,000 semileptonic Λb decays, simulated, written, measured and shown on one page.

    python -m lamarr.validation.demo -o demo        # 'make demo'

In the folder: ``lambda_b.root``, ``lambda_b.parquet``, ``index.html`` and ``overview.png``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, TypeVar

import click

from lamarr import commands
from lamarr.api import generate, simulate, write
from lamarr.errors import LamarrError, MissingExtraError, OutputFileError
from lamarr.events import EventBatch, Fate
from lamarr.flash import DEFAULT_SET, Pipeline, load_pipeline
from lamarr.parametrizations.sets import ModelSet, load_set
from lamarr.publishing import write_text
from lamarr.validation.measurements import Measurements, measure
from lamarr.validation.page import GENERATOR, Speed, render

__all__ = ["DECAY", "Demonstration", "caveats", "main", "run", "summary"]

DECAY: Final = "[Lambda_b0 -> (Lambda_c+ -> p+ K- pi+) mu- anti-nu_mu]cc"
FILES: Final = ("lambda_b.root", "lambda_b.parquet", "index.html", "overview.png")

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """What a demonstration gave: the sample, what was measured in it, and how fast it was."""

    events: EventBatch
    measurements: Measurements
    speeds: tuple[Speed, ...]


def run(
    folder: str | Path,
    *,
    events: int = 5000,
    set_name: str = DEFAULT_SET,
    seed: int = 1,
    force: bool = False,
) -> Demonstration:
    """Generate, simulate, measure, and write files and page into `folder`.

    A former demonstration in the folder is replaced.

    Raises
    ------
    OutputFileError
        If the folder cannot be written, or holds files of these names that are no demonstration (and
        `force` is not given).
    MissingExtraError
        If matplotlib is not installed.
    LamarrError
        If there is no such set, or it is damaged.
    """
    folder = Path(folder)
    _check(folder, force)
    models = load_set(set_name)
    pipeline = load_pipeline(set_name)
    _make(folder)
    sample, speeds = _simulated(events, seed, pipeline)
    measurements = measure(sample)
    _write(folder, sample, {"command": "demo", "seed": seed, "set": models.name})
    facts = {
        "Events": f"{events:,} of a gun with the b-hadron spectra of 13 TeV, seed {seed}",
        "Set": f"{models.name}: {models.title}",
        "Detector": models.detector,
        "Lamarr": _version(),
    }
    _show(folder, measurements, facts, speeds, caveats(models))
    return Demonstration(events=sample, measurements=measurements, speeds=speeds)


def caveats(models: ModelSet) -> list[str]:
    """Sentences that users of a set must know: its own notes, and the origins that the cards declare."""
    origins: dict[str, list[str]] = {}
    for name, model in models.models.items():
        origin = model.card.get("data", {}).get("origin", "The card does not say what it was trained on.")
        origins.setdefault(origin, []).append(name)
    return [*models.notes, *(f"{', '.join(names)}: {origin}" for origin, names in origins.items())]


def summary(demonstration: Demonstration) -> str:
    """Return a few lines of text: mass and speeds."""
    mass = demonstration.measurements.mass
    line = f"Lambda_c+ -> p K pi: {len(mass.values)} candidates of {mass.decays} decays"
    if len(mass.values) > 1:
        line += ", core width {:.2f} +- {:.2f} MeV, shift {:+.2f} +- {:.2f} MeV".format(
            *mass.width, *mass.shift
        )
    return "\n".join([line, *map(str, demonstration.speeds)])


def _simulated(events: int, seed: int, pipeline: Pipeline) -> tuple[EventBatch, tuple[Speed, ...]]:
    """Generate and simulate; tables that are read once (particles, spectra) are not part of the speeds."""
    generate(DECAY, 1, seed)
    generated, generation = _timed(lambda: generate(DECAY, events, seed))
    sample, simulation = _timed(lambda: simulate(generated, seed=seed, pipeline=pipeline))
    tracked = int((sample["particles"]["fate"] >= Fate.OUT_OF_ACCEPTANCE).sum())
    counts = {"events": events, "particles": generated["particles"].rows}
    speeds = [Speed(what="generation", n=n, things=t, **generation) for t, n in counts.items()]
    counts = {"events": events, "charged particles": tracked}
    speeds += [Speed(what="simulation", n=n, things=t, **simulation) for t, n in counts.items()]
    return sample, tuple(speeds)


def _timed(function: Callable[[], T]) -> tuple[T, dict[str, float]]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    return result, {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def _check(folder: Path, force: bool) -> None:
    """Find what must not be replaced, and what is not installed, before anything is done."""
    if find_spec("matplotlib") is None:
        raise MissingExtraError(
            "the demonstration draws with matplotlib, which is not installed: pip install 'lamarr[validate]'"
        )
    present = [f for f in FILES if (folder / f).exists()]
    if present and not force and not _is_ours(folder / "index.html"):
        raise OutputFileError(
            f"'{folder / present[0]}' exists and no demonstration wrote it; remove it, choose another "
            "folder, or replace it with --force"
        )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFileError(f"the folder '{folder}' cannot be made: {error.strerror}") from error


def _is_ours(page: Path) -> bool:
    try:
        with page.open(encoding="utf-8", errors="replace") as file:
            return GENERATOR in file.read(1000)
    except OSError:
        return False


def _version() -> str:
    from lamarr._version import __version__

    return __version__


def _write(folder: Path, sample: EventBatch, metadata: dict[str, str | int]) -> None:
    metadata = {**metadata, "version": _version(), "decay": DECAY}
    for name in FILES[:2]:
        write(sample, folder / name, force=True, metadata=metadata)


def _show(
    folder: Path,
    measurements: Measurements,
    facts: dict[str, str],
    speeds: tuple[Speed, ...],
    notes: list[str],
) -> None:
    from lamarr.validation.plots import overview, plots_of, svg

    figures = {name: svg(name, measurements) for name in plots_of(measurements)}
    page = render(
        measurements, figures, decay=DECAY, facts=facts, speeds=speeds, caveats=notes, files=FILES[:2]
    )
    try:
        overview(folder / "overview.png", measurements)
        write_text(folder / "index.html", page)
    except OSError as error:
        raise OutputFileError(f"the page cannot be written into '{folder}': {error.strerror}") from error


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("demo"), help="Folder.")
@click.option("--events", type=click.IntRange(min=1), default=5000, show_default=True)
@click.option("--set", "set_name", default=DEFAULT_SET, show_default=True, help="Set, name or folder.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--force", is_flag=True, help="Replace files that no demonstration wrote.")
def main(output: Path, events: int, set_name: str, seed: int, force: bool) -> None:
    """Simulate semileptonic Λb decays and show what the detector makes of them, on one page."""
    try:
        result = run(output, events=events, set_name=set_name, seed=seed, force=force)
    except LamarrError as error:
        raise click.ClickException(str(error)) from None
    click.echo(summary(result))
    click.echo(f"wrote {', '.join(str(output / f) for f in FILES)}")


if __name__ == "__main__":
    commands.run(main)
