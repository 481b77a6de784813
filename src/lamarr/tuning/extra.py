"""The optional libraries of this room, and what to say when one of them is missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from lamarr.errors import MissingExtraError

__all__ = ["need"]


def need(module: str, extra: str = "tune") -> ModuleType:
    """Import `module`; where it is not installed raise MissingExtraError naming the `extra` to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module!r} is needed for tuning and is not installed: pip install 'lamarr[{extra}]'"
        ) from error
