"""``lamarr detailed``: generated events in, the tables of the flash simulation out, by way of Geant4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lamarr.cli.sources import Destination, destination_options, named_source, source_options

__all__ = ["command"]


@click.command("detailed")
@source_options
@destination_options
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
    metavar="ecal|muon|full",
    help="Where the transport ends: in front of the calorimeters; of hadrons and muons behind M5; or "
    "nowhere, so that Geant4 carries the showers.",
)
@click.option(
    "--transported",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory that keeps what Geant4 did: only the reconstruction is repeated.",
)
@click.option("--hits", is_flag=True, help="Write what particles leave in the detectors, too.")
def command(
    *,
    detector: str,
    geometry: str,
    workers: int,
    stop: str,
    transported: Path | None,
    hits: bool,
    n: int | None,
    seed: int,
    **options: Any,
) -> int:
    """Carry events through LHCb with Geant4 and reconstruct what they leave (needs the extra ``detailed``).

    A killed command goes on where it was when it is repeated; an event that ends its process is named in
    the report, and the others are simulated.

    \b
    lamarr detailed --pythia minbias --nu 1.6 -n 100 -o out.parquet --workers 2
    lamarr detailed --gun 'K+ p=log(2,100) eta=2:5' -n 1000 -o kaons.root
    """  # noqa: D301
    from lamarr.detailed.workers import Settings, Workers
    from lamarr.detector import load_detector

    destination = Destination.taken_from(options)
    opened = named_source(n=n, seed=seed, **options)
    settings = Settings(detector=detector, geometry=geometry, stop=stop)
    facts = {
        "set": f"{detector}, {geometry}, stop={stop}",
        **load_detector(detector).facts,
        **opened.facts,
    }
    with Workers(settings, workers, transported=transported, hits=hits) as pool:
        return destination.run(
            opened,
            pool,
            command="detailed",
            facts=facts,
            n=n,
            seed=seed,
            threads=workers,
            batch_size=opened.block,
        )
