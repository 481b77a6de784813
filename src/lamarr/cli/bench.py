"""``lamarr bench``: how fast compiled models are on this machine, beside what else is installed."""

from __future__ import annotations

import sys

import click

__all__ = ["command"]


@click.command("bench")
@click.argument("files", nargs=-1, metavar="[HEPMC]...", type=click.Path(exists=True, dir_okay=False))
def command(*, files: tuple[str, ...]) -> None:
    """Measure compiled models beside sgemm, scalar code and onnxruntime, with one thread.

    With files of LHCb's HepMC events also reading and simulation, beside SQLamarr where it is installed.
    """
    from lamarr.transpile.bench import run

    sys.exit(run("lamarr.flash.bench", *files))
