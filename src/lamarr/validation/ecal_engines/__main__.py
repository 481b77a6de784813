"""One command: engines of the ECAL against held-out events of the detailed simulation."""

from __future__ import annotations

from pathlib import Path

import click

from lamarr.commands import run
from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry
from lamarr.parametrizations.ecal.engines import ENGINES, available_engines, make_engine
from lamarr.parametrizations.sets import load_set
from lamarr.transpile.backend import compiled
from lamarr.validation.ecal_engines.comparison import compare
from lamarr.validation.ecal_engines.held_out import read_held_out
from lamarr.validation.ecal_engines.page import write

__all__ = ["main"]


def _command(files: tuple[Path, ...], learned_from: str, engines: list[str]) -> str:
    names = " ".join(p.name for p in files)
    options = f" --learned-from {learned_from}" if learned_from else ""
    return f"python -m lamarr.validation.ecal_engines {names}{options} --engines {','.join(engines)} -o DIR"


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--set", "name", default="lhcb2016-detailed-magup", show_default=True, help="Set of models.")
@click.option("--engines", help="Names, with commas; by default all that the set has.")
@click.option("--learned-from", default="", help="Names of files of which only the part for tests counts.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--page", type=click.Path(path_type=Path), help="A folder that gets page and plots, too.")
@click.option(
    "--said", type=click.Path(exists=True, path_type=Path), help="Text that goes before the tables."
)
@click.option("--seed", default=1, show_default=True)
@click.option("--geometry", default="lhcb2016", show_default=True)
def main(
    files: tuple[Path, ...],
    name: str,
    engines: str | None,
    learned_from: str,
    output: Path,
    page: Path | None,
    said: Path | None,
    seed: int,
    geometry: str,
) -> None:
    """Compare engines of the ECAL with the events of FILES (of the detailed simulation)."""
    models = load_set(name)
    detector, parts = load_detector(models.detector), load_geometry(geometry)
    wanted = engines.split(",") if engines else list(available_engines(models.models))
    needed = {m for e in wanted if e in ENGINES for m in ENGINES[e][0] if m in models.models}
    runs = compiled([models[m] for m in sorted(needed)], name="ecal_engines") if needed else {}
    made = {e: make_engine(e, detector, parts, models.models, runs) for e in wanted}
    trained = [n for n in learned_from.split(",") if n]
    held = read_held_out(files, trained, detector, parts)
    click.echo(f"{len(held.events)} events, {len(held.clusters['x'])} clusters; engines {', '.join(made)}")
    numbers = compare(made, held, parts.calorimeter, seed)
    sample = ", ".join(f"{p.stem} (part for tests)" if p.stem in trained else p.stem for p in files)
    about = {
        "command": _command(files, learned_from, list(made)),
        "sample": f"{len(held.events)} held-out events: {sample}; set `{models.name}`.",
    }
    write(numbers, about, output, page, said.read_text(encoding="utf-8") if said else "")
    click.echo(f"wrote {output / 'ecal-engines.md'}")


if __name__ == "__main__":
    run(main)
