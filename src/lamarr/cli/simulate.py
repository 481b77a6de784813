"""``lamarr simulate``: generated events in, reconstructed ones out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lamarr.cli.sources import finish, named_source, output_options, source_options

__all__ = ["command"]


@click.command("simulate")
@source_options
@output_options
@click.option("--set", "set_", metavar="NAME|FOLDER", help="Trained models. [default: lhcb2016-magup]")
@click.option(
    "--backend",
    metavar="auto|c|numpy",
    help="What evaluates the models: compiled C, numpy, or C where there is a compiler. [default: auto]",
)
@click.option("--pipeline", metavar="YAML", help="Pipeline: set, detector, stages.")
@click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads that simulate."
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
    set_: str | None,
    pipeline: str | None,
    backend: str | None,
    threads: int,
    keep: str,
    n: int | None,
    seed: int,
    **source: Any,
) -> int:
    """Simulate LHCb's response to events from HepMC files, a decay, Pythia 8 or a particle gun.

    \b
    lamarr simulate events/*.mc2 -o out.root
    lamarr simulate --decay '[Lambda_b0 -> (Lambda_c+ -> p+ K- pi+) mu- anti-nu_mu]cc' \\
        -n 5000 -o out.root -o out.parquet
    """  # noqa: D301
    from lamarr._version import __version__
    from lamarr.errors import ConfigurationError
    from lamarr.flash import Run
    from lamarr.flash.configuration import load_configuration

    if set_ and pipeline:
        raise ConfigurationError("--set and --pipeline exclude each other: name the set in the YAML file")
    opened = named_source(n=n, seed=seed, **source)
    configuration = load_configuration(pipeline or set_, backend=backend)
    run = Run(
        source=opened.source,
        pipeline=configuration.build(),
        outputs=tuple(map(Path, outputs)),
        seed=seed,
        threads=threads,
        batch_size=batch_size or opened.batch_size,
        n_events=n,
        keep=keep,
        force=force,
        checkpoint=checkpoint,
        identity=opened.identity,
        metadata={
            "command": "simulate",
            "version": __version__,
            "seed": seed,
            **configuration.facts,
            **opened.facts,
        },
        quiet=quiet,
    )
    return finish(run(), quiet=quiet)
