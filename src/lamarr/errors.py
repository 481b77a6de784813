"""Every error that Lamarr raises on purpose.

One root, :class:`LamarrError`; each error also inherits the fitting builtin, so that code that knows
nothing of Lamarr can still catch ``ValueError`` or ``KeyError``. The command line prints the sentence
of a ``LamarrError`` without a traceback and exits with status 1.

>>> raise_unknown("particle", "Lamda_b0", ["Lambda_b0", "Lambda_c+"])
Traceback (most recent call last):
...
lamarr.errors.UnknownNameError: no particle is called 'Lamda_b0'; near misses: Lambda_b0, Lambda_c+
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NoReturn

__all__ = [
    "ConfigurationError",
    "DecayError",
    "InputFileError",
    "LamarrError",
    "ModelError",
    "MissingExtraError",
    "MissingNameError",
    "OutputFileError",
    "PipelineError",
    "SchemaError",
    "TransportError",
    "UnknownNameError",
    "near_misses",
    "raise_unknown",
]


class LamarrError(Exception):
    """Root of all errors raised on purpose; its text is one sentence for the user."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class InputFileError(LamarrError, ValueError):
    """An input file, or an event in it, is not what it should be."""


class OutputFileError(LamarrError, OSError):
    """An output cannot be written, or exists already."""


class SchemaError(LamarrError, ValueError):
    """Columns, dtypes or keys disagree with the declared schema."""


class MissingNameError(SchemaError, KeyError):
    """A table or column that this batch does not have; also a KeyError, so that mappings behave as such."""


class ConfigurationError(LamarrError, ValueError):
    """A configuration (YAML, command line, API argument) is wrong."""


class PipelineError(LamarrError, ValueError):
    """The stages of a pipeline do not fit together."""


class ModelError(LamarrError, ValueError):
    """A card, a weights file or a model graph is damaged or does not fit."""


class DecayError(LamarrError, ValueError):
    """A decay descriptor is malformed or violates a conservation law."""


class TransportError(LamarrError, RuntimeError):
    """An event could not be carried through the detector."""


class UnknownNameError(LamarrError, KeyError):
    """A name (particle, column, set, detector, stage) is not known."""


class MissingExtraError(LamarrError, ImportError):
    """An optional dependency is needed and not installed."""


def near_misses(name: str, known: Iterable[str], n: int = 5) -> list[str]:
    """Return up to `n` of the `known` names that look like `name`, best first."""
    names = list(known)
    found = difflib.get_close_matches(name, names, n=n, cutoff=0.6)
    if found:
        return found
    lower = {k.lower(): k for k in names}
    return [lower[k] for k in difflib.get_close_matches(name.lower(), list(lower), n=n, cutoff=0.5)]


def raise_unknown(
    what: str, name: str, known: Iterable[str], error: type[LamarrError] = UnknownNameError
) -> NoReturn:
    """Raise `error` saying that no `what` is called `name`, with near misses or the known names."""
    names = list(known)
    found = near_misses(name, names)
    hint = f"near misses: {', '.join(found)}" if found else f"known: {', '.join(sorted(names)[:20])}"
    raise error(f"no {what} is called {name!r}; {hint}")
