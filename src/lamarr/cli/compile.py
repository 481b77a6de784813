"""``lamarr compile``: pipelines as libraries for other programs, and models ahead of their first use."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("compile")
@click.argument("pipeline", required=False, metavar="[PIPELINE.yaml|SET]")
@click.option(
    "-o", "output", metavar="libNAME.so", help="Library to write; headers and NAME.pc come beside it."
)
@click.option("--force", is_flag=True, help="Replace files that exist.")
@click.option("--all", "all_", is_flag=True, help="Compile all shipped sets into the cache.")
def command(*, pipeline: str | None, output: str | None, force: bool, all_: bool) -> None:
    """Compile a whole pipeline to a library that C and C++ programs link to.

    \b
    lamarr compile lhcb2016-magup -o liblhcb2016.so     # and lhcb2016.h, lhcb2016_models.h, lhcb2016.pc
    lamarr compile pipeline.yaml -o libmine.so

    With --all every shipped set goes into the cache ($LAMARR_CACHE), for every processor of this
    architecture: an image that holds the cache simulates without a compiler.
    """  # noqa: D301
    from lamarr.errors import ConfigurationError

    if all_ and (pipeline or output):
        raise ConfigurationError("--all fills the cache, and takes neither a pipeline nor -o")
    if all_:
        _fill_cache()
        return
    if not pipeline or not output:
        raise ConfigurationError(
            "a pipeline (a YAML file or a set) and -o libNAME.so must be given, or --all for the cache"
        )
    from lamarr.flash.link import compile_pipeline

    for path in compile_pipeline(pipeline, Path(output), force=force):
        click.echo(f"wrote {path}")


def _fill_cache() -> None:
    from lamarr.parametrizations.sets import load_set, set_names
    from lamarr.transpile.c import compile_everywhere

    done = {compile_everywhere(tuple(load_set(name).models.values())) for name in set_names()}
    for path in sorted(done):
        click.echo(f"wrote {path}")
