"""``lamarr bench``: how fast compiled models are on this machine, beside what else is installed."""

from __future__ import annotations

import sys

import click

__all__ = ["command"]


@click.command("bench")
def command() -> None:
    """Measure compiled models beside sgemm, scalar code and onnxruntime, with one thread."""
    from lamarr.transpile.bench import run

    sys.exit(run())
