"""The command: read, draw, compare, print."""

from __future__ import annotations

from pathlib import Path

import click

from lamarr.errors import ConfigurationError
from lamarr.parametrizations.sets import load_set
from lamarr.validation.lines import HEADER, summary
from lamarr.validation.pid_closure.command import events_range
from lamarr.validation.tracking_closure.compare import compare_chances, compare_tracks
from lamarr.validation.tracking_closure.read import Selection, read_arrays

__all__ = ["main"]

_MODELS = ("acceptance", "efficiency", "resolution", "covariance")


@click.command()
@click.option("--set", "set_", required=True, metavar="NAME|FOLDER", help="Set with models of tracking.")
@click.option(
    "--data",
    "files",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    help="Simulated events that no model has seen; may be repeated.",
)
@click.option("--signal", is_flag=True, help="Only signal, or embedded, particles.")
@click.option("--events", metavar="FIRST:LAST", help="Only events of this range, ends included.")
@click.option(
    "--block",
    default=1,
    show_default=True,
    help="Events that are one block, for errors; those of ReDecay are known to be.",
)
@click.option("--seed", default=1, show_default=True, help="Of the draws.")
@click.option("--lines/--summary", "every", default=True, help="Every line, or the summary alone.")
def main(
    set_: str, files: tuple[Path, ...], signal: bool, events: str | None, block: int, seed: int, every: bool
) -> None:
    """Compare the tracking that a set draws with that of simulated events."""
    first, last = events_range(events)
    if block < 1:
        raise ConfigurationError(f"--block must be at least 1, but is {block}")
    models = load_set(set_)
    if models.reverse_charge:
        raise ConfigurationError(
            f"'{set_}' mirrors another set: compare that one with events of its own polarity"
        )
    lacking = [n for n in _MODELS if n not in models.models]
    if lacking:
        raise ConfigurationError(f"the set '{set_}' lacks {', '.join(lacking)}")
    arrays = read_arrays(files, Selection(part="all", signal=signal, first=first, last=last, block=block))
    chances = list(compare_chances(models.models, arrays))
    tracks = list(compare_tracks(models.models, arrays, seed))
    if every:
        click.echo("\n".join([HEADER, *map(str, (*chances, *tracks)), ""]))
    for lines in (chances, tracks):
        if lines:
            click.echo("\n".join([*summary(lines), ""]))
    met, floor = (sum(line.met == word for line in (*chances, *tracks)) for word in ("yes", "open"))
    click.echo(
        f"{met} of {len(chances) + len(tracks)} lines are met, {floor} are open (within the floor), with "
        f"{len(arrays['production'])} particles and {len(arrays['beam'])} tracks of "
        f"{', '.join(f.name for f in files)}."
    )
