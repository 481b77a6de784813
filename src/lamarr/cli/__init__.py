"""The command line: one thin module per command, imported when it is called."""

from lamarr.cli.main import main

__all__ = ["main"]
