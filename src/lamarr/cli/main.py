"""The group ``lamarr``: finds commands, imports the one that is called, turns errors into sentences."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module

import click

from lamarr._version import __version__
from lamarr.commands import run
from lamarr.errors import near_misses

__all__ = ["COMMANDS", "cli", "main"]

COMMANDS = {
    "simulate": "Simulate events: generated in, LHCb-like reconstructed tracks out.",
    "detailed": "Carry events through LHCb with Geant4 and reconstruct them.",
    "sample": "Make a named training sample of the detailed simulation.",
    "generate": "Generate events and write them to files.",
    "convert": "Convert a file of events to another format.",
    "info": "Say what there is: sets, detectors, tables, or what a file holds.",
    "validate": "Compare a flash sample with a detailed one: one page, verdicts first.",
    "compile": "Compile models, or a whole pipeline, to a library for other programs.",
    "cache": "Show the libraries that were compiled on first use, or remove them.",
    "import-model": "Make a card of a Keras or ONNX model: columns get names, weights a checksum.",
    "train": "Train models on data: from recipes, resumable, with a card for each.",
    "bench": "Measure the speed of compiled models beside numpy and others.",
    "detailed-report": "Compare detailed samples with published performance, as a page.",
    "tune": "Hyper-parameter optimisation as a service: server, tokens, workers, reports.",
}
"""Commands with their one-line help; each is the function `command` of ``lamarr.cli.NAME``."""


class _Lazy(click.Group):
    """Knows the names of its commands, and imports a command's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"lamarr.cli.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            found = near_misses(args[0], COMMANDS)
            hint = f"near misses: {', '.join(found)}" if found else f"known: {', '.join(COMMANDS)}"
            raise click.UsageError(f"no command is called '{args[0]}'; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


_INTERRUPTED = "where a folder NAME.spool is left, the same command goes on"


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lamarr")
def cli() -> None:
    """Flash simulation of the LHCb experiment."""


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """Print warnings as users read them: one sentence, no place in the code."""
    kind = "" if issubclass(category, UserWarning | RuntimeWarning) else f"{category.__name__}: "
    click.echo(f"lamarr: warning: {kind}{' '.join(str(message).split())}", err=True)


def _show_log() -> None:
    """Tell who waits at a terminal what takes a while."""
    import logging

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("lamarr: %(message)s"))
    logger = logging.getLogger("lamarr.transpile")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 an error in one sentence, 2 wrong usage, 130 interrupted."""
    if sys.stderr.isatty():
        _show_log()
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        run(cli, arguments, name="lamarr", interrupted=_INTERRUPTED)
