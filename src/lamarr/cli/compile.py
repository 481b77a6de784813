"""``lamarr compile``: models as libraries, ahead of their first use."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("compile")
@click.option("--all", "all_", is_flag=True, help="Compile all shipped sets into the cache.")
def command(*, all_: bool) -> None:
    """Compile models to C.

    With --all every shipped set goes into the cache ($LAMARR_CACHE), for every processor of this
    architecture: an image that holds the cache simulates without a compiler.
    """
    from lamarr.errors import ConfigurationError
    from lamarr.parametrizations.sets import load_set, set_names
    from lamarr.transpile.c import compile_everywhere

    if not all_:
        raise ConfigurationError("what is to be compiled must be named: --all compiles the shipped sets")
    done = {compile_everywhere(tuple(load_set(name).models.values())) for name in set_names()}
    for path in sorted(done):
        click.echo(f"wrote {path}")
