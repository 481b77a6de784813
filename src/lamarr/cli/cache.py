"""``lamarr cache``: the libraries that were compiled on first use."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("cache")
@click.option("--clear", is_flag=True, help="Remove them; what runs now is not disturbed.")
def command(*, clear: bool) -> None:
    """Show the libraries that were compiled on first use, or remove them.

    The folder is $LAMARR_CACHE, or lamarr in the user's cache ($XDG_CACHE_HOME, ~/.cache).
    """
    from lamarr.transpile.c import cache_folder, cached_libraries, clear_cache

    libraries = clear_cache() if clear else cached_libraries()
    for library in libraries:
        click.echo(f"{library.size / 1e6:8.2f} MB  {library.path.name}")
    total = sum(library.size for library in libraries) / 1e6
    number = "1 library" if len(libraries) == 1 else f"{len(libraries)} libraries"
    click.echo(f"{'removed ' if clear else ''}{number}, {total:.2f} MB, in {cache_folder()}")
