"""``lamarr detailed``: generated events in, the tables of the flash simulation out, by way of Geant4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lamarr.cli.sources import finish, named_source, output_options, source_options

__all__ = ["command"]


@click.command("detailed")
@source_options
@output_options
@click.option(
    "--detector", default="lhcb2016-magup", show_default=True, metavar="NAME|YAML", help="Field and beam."
)
@click.option("--geometry", default="lhcb2016", show_default=True, metavar="NAME|YAML", help="What is where.")
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that simulate."
)
@click.option(
    "--stop",
    default="muon",
    show_default=True,
    metavar="ecal|muon",
    help="Where the transport ends: in front of the calorimeters, or of hadrons and muons behind M5.",
)
@click.option(
    "--transported",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory that keeps what Geant4 did: only the reconstruction is repeated.",
)
@click.option(
    "--keep",
    default="physical",
    show_default=True,
    metavar="all|physical|reconstructed",
    help="Generated particles in the output; the summary counts all.",
)
def command(
    *,
    outputs: tuple[str, ...],
    force: bool,
    checkpoint: bool,
    batch_size: int | None,
    quiet: bool,
    detector: str,
    geometry: str,
    workers: int,
    stop: str,
    transported: Path | None,
    keep: str,
    n: int | None,
    seed: int,
    **source: Any,
) -> int:
    """Carry events through LHCb with Geant4 and reconstruct what they leave (needs the extra ``detailed``).

    A killed command goes on where it was when it is repeated; an event that ends its process is named in
    the report, and the others are simulated.

    \b
    lamarr detailed --pythia minbias --nu 1.6 -n 100 -o out.parquet --workers 2
    lamarr detailed --gun 'K+ p=log(2,100) eta=2:5' -n 1000 -o kaons.root
    """  # noqa: D301
    from lamarr._version import __version__
    from lamarr.detailed.workers import Settings, Workers
    from lamarr.detector import load_detector
    from lamarr.flash import Run

    opened = named_source(n=n, seed=seed, **source)
    settings = Settings(detector=detector, geometry=geometry, stop=stop)
    with Workers(settings, workers, transported=transported) as pool:
        run = Run(
            source=opened.source,
            pipeline=pool,
            outputs=tuple(map(Path, outputs)),
            seed=seed,
            threads=workers,
            batch_size=batch_size or 1,
            n_events=n,
            keep=keep,
            force=force,
            checkpoint=checkpoint,
            identity=opened.identity,
            metadata={
                "command": "detailed",
                "version": __version__,
                "seed": seed,
                "set": f"{detector}, {geometry}, stop={stop}",
                **load_detector(detector).facts,
                **opened.facts,
            },
            quiet=quiet,
        )
        report = run()
    return finish(report, quiet=quiet)
