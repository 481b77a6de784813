"""The command: read, draw, compare species by species, print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import numpy as np

from lamarr.errors import ConfigurationError
from lamarr.flash.stages import Identification
from lamarr.parametrizations.pid import MODELS, SPECIES, species_of
from lamarr.parametrizations.sets import load_set
from lamarr.training.data import PARTS
from lamarr.transpile import Model, RunningModel, compiled
from lamarr.validation.lines import HEADER, Line, summary
from lamarr.validation.model_zoo import microseconds
from lamarr.validation.pid_closure.compare import compare_species, separation
from lamarr.validation.pid_closure.pairs import Columns, Selection, read_pairs

__all__ = ["events_range", "main", "speed"]

LEAST = 1000
"""Tracks of a species that are compared."""


def speed(name: str, models: Mapping[str, Model], runs: Mapping[str, RunningModel]) -> Iterator[Line]:
    """CPU time of all models that a track of the species needs, one core, in µs."""
    time = {m: microseconds(models[f"{m}_{name}"], runs[f"{m}_{name}"]) for m in MODELS}
    for given, what in ((True, "with isMuon"), (False, "without isMuon")):
        total = sum(t for m, t in time.items() if MODELS[m].given in (None, given))
        what = f"µs per track {what}"
        yield Line(species=name, what=what, kind=f"C, {what}", value=total, target=3.0)


def events_range(events: str | None) -> tuple[int, int | None]:
    """First and last event of FIRST:LAST; either may be left out.

    Raises
    ------
    ConfigurationError
        If the text is something else.
    """
    if events is None:
        return 0, None
    first, colon, last = events.partition(":")
    try:
        found = (int(first or 0), int(last) if last else None)
    except ValueError:
        found = (0, -1)
    if not colon or (found[1] is not None and found[1] < found[0]):
        raise ConfigurationError(
            f"--events must be FIRST:LAST with FIRST <= LAST, like 6000:11999, but is '{events}'"
        )
    return found


def _measure(
    true: Columns,
    drawn: Columns,
    models: Mapping[str, Model],
    runs: Mapping[str, RunningModel],
    names: tuple[str, ...],
) -> Iterator[Line]:
    species = species_of(true["true_pid"])
    rows = {name: np.flatnonzero(species == name) for name in SPECIES}
    for name in names:
        if len(rows[name]) < LEAST:
            click.echo(f"{name}: {len(rows[name])} tracks are too few to compare", err=True)
            continue
        left, right = ({n: v[rows[name]] for n, v in t.items()} for t in (true, drawn))
        yield from compare_species(name, left, right)
        if name == "muon" and len(rows["proton"]) >= LEAST:
            yield separation(true, drawn, rows["muon"], rows["proton"])
        yield from speed(name, models, runs)


@click.command()
@click.option(
    "--set", "set_", required=True, metavar="NAME|FOLDER", help="Set with models of identification."
)
@click.option(
    "--data",
    "files",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    help="Events with table pid; may be repeated.",
)
@click.option(
    "--part",
    type=click.Choice([*PARTS, "all"]),
    default="test",
    show_default=True,
    help="Part of trainings with the same seed; all: for files that no model has seen.",
)
@click.option("--signal", is_flag=True, help="Only tracks of signal, or embedded, particles.")
@click.option("--events", metavar="FIRST:LAST", help="Only events of this range, ends included.")
@click.option(
    "--block",
    default=1,
    show_default=True,
    help="Events that are one block, for errors; those of ReDecay are known to be.",
)
@click.option("--species", multiple=True, type=click.Choice(list(SPECIES)), help="Only these.")
@click.option("--seed", default=1, show_default=True, help="Of the draws.")
@click.option("--lines/--summary", "every", default=True, help="Every line, or the summary alone.")
def main(
    set_: str,
    files: tuple[Path, ...],
    part: str,
    signal: bool,
    events: str | None,
    block: int,
    species: tuple[str, ...],
    seed: int,
    every: bool,
) -> None:
    """Compare the identification that a set draws with that of simulated events."""
    first, last = events_range(events)
    if block < 1:
        raise ConfigurationError(f"--block must be at least 1, but is {block}")
    models = load_set(set_)
    own = {n: m for n, m in models.models.items() if Identification.wanted({n: m})}
    runs = compiled(tuple(own.values()))
    stage = Identification(own, runs=runs, reverse_charge=models.reverse_charge)
    selection = Selection(part=part, signal=signal, first=first, last=last, block=block)
    true, drawn = read_pairs(files, stage, selection, seed)
    lines = []
    if every:
        click.echo(HEADER)
    for line in _measure(true, drawn, own, runs, species or tuple(SPECIES)):
        lines.append(line)
        if every:
            click.echo(str(line))
    click.echo("\n" * every + "\n".join(summary(lines)))
    met, floor = (sum(line.met == word for line in lines) for word in ("yes", "open"))
    names = ", ".join(f.name for f in files)
    found = species_of(true["true_pid"])
    count = ", ".join(f"{(found == s).sum()} {s}s" for s in SPECIES)
    click.echo(
        f"\n{met} of {len(lines)} lines are met, {floor} are open (within the floor), with {len(true['p'])} "
        f"tracks of {names}: {count}."
    )
