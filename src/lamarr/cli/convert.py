"""``lamarr convert``: the same tables in another format."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("convert")
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUTPUT")
@click.option("--force", is_flag=True, help="Replace OUTPUT if it exists.")
@click.option(
    "--batch-size", type=click.IntRange(min=1), default=10_000, show_default=True, help="Events at a time."
)
@click.option("--quiet", is_flag=True, help="No progress bar and no message.")
def command(*, source: str, target: str, force: bool, batch_size: int, quiet: bool) -> None:
    """Convert a file that Lamarr wrote to the format of OUTPUT: .root, .parquet or .sqlite."""
    from lamarr.events import describe, iterate, open_writer
    from lamarr.flash.progress import Progress

    header = describe(source)
    with (
        open_writer(target, sources=header.sources, metadata=header.metadata, force=force) as writer,
        Progress(quiet=quiet, label="converting") as progress,
    ):
        for batch in iterate(source, batch_size):
            writer.write(batch)
            progress.advance(batch.n_events)
    if not quiet:
        click.echo(f"wrote {target}: {writer.n_events} events")
