"""How commands end: ``lamarr`` itself, and the tools that ``python -m lamarr.…`` runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

import click

from lamarr.errors import LamarrError

__all__ = ["run"]


def run(
    command: click.Command | Callable[[], object],
    arguments: Sequence[str] | None = None,
    *,
    name: str | None = None,
    interrupted: str = "",
) -> NoReturn:
    """Run a command and exit: 0 done, 1 an error in one sentence, 2 wrong usage, 130 interrupted.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.
    name : str, optional
        What the command is called in its help.
    interrupted : str
        What to say to who interrupts it.
    """
    try:
        if isinstance(command, click.Command):
            code = command.main(arguments, prog_name=name, standalone_mode=False)
        else:
            code = command()
    except LamarrError as error:
        click.echo("lamarr: " + " ".join(str(error).split()), err=True)
        code = 1
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("; ".join(filter(None, ["lamarr: interrupted", interrupted])), err=True)
        code = 130
    sys.exit(code if isinstance(code, int) else 0)
