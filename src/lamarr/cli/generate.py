"""``lamarr generate``: events of any source into files, without simulating them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lamarr.cli.sources import finish, named_source, output_options, source_options

__all__ = ["command"]


@click.command("generate")
@source_options
@output_options
def command(
    *,
    outputs: tuple[str, ...],
    force: bool,
    checkpoint: bool,
    batch_size: int | None,
    quiet: bool,
    n: int | None,
    seed: int,
    **source: Any,
) -> int:
    """Write generated events to files; ``lamarr simulate`` reads them.

    \b
    lamarr generate --gun 'mu-,mu+ p=log(2,100) eta=2:5' -n 100000 -o muons.parquet
    """  # noqa: D301
    from lamarr._version import __version__
    from lamarr.flash import Run

    opened = named_source(n=n, seed=seed, **source)
    run = Run(
        source=opened.source,
        pipeline=None,
        outputs=tuple(map(Path, outputs)),
        seed=seed,
        batch_size=batch_size or opened.batch_size,
        n_events=n,
        force=force,
        checkpoint=checkpoint,
        identity=opened.identity,
        metadata={"command": "generate", "version": __version__, "seed": seed, **opened.facts},
        quiet=quiet,
    )
    return finish(run(), quiet=quiet)
