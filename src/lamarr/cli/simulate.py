"""``lamarr simulate``: generated events in, reconstructed ones out."""

from __future__ import annotations

from typing import Any

import click

from lamarr.cli.sources import Destination, destination_options, named_source, source_options

__all__ = ["command"]


@click.command("simulate")
@source_options
@destination_options
@click.option(
    "--set", "set_", metavar="NAME|FOLDER", help="Trained models. [default: lhcb2016-detailed-magup]"
)
@click.option(
    "--backend",
    metavar="auto|c|numpy",
    help="What evaluates the models: compiled C, numpy, or C where there is a compiler. [default: auto]",
)
@click.option("--pipeline", metavar="YAML", help="Pipeline: set, detector, stages.")
@click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads that simulate."
)
def command(
    *,
    set_: str | None,
    pipeline: str | None,
    backend: str | None,
    threads: int,
    n: int | None,
    seed: int,
    **options: Any,
) -> int:
    """Simulate LHCb's response to events from HepMC files, a decay, Pythia 8 or a particle gun.

    \b
    lamarr simulate events/*.mc2 -o out.root
    lamarr simulate --decay '[Lambda_b0 -> (Lambda_c+ -> p+ K- pi+) mu- anti-nu_mu]cc' \\
        -n 5000 -o out.root -o out.parquet
    """  # noqa: D301
    from lamarr.errors import ConfigurationError
    from lamarr.flash.configuration import load_configuration

    if set_ and pipeline:
        raise ConfigurationError("--set and --pipeline exclude each other: name the set in the YAML file")
    destination = Destination.taken_from(options)
    opened = named_source(n=n, seed=seed, **options)
    configuration = load_configuration(pipeline or set_, backend=backend)
    return destination.run(
        opened,
        configuration.build(),
        command="simulate",
        facts={**configuration.facts, **opened.facts},
        n=n,
        seed=seed,
        threads=threads,
        batch_size=opened.batch_size,
    )
