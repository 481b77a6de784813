"""Geant4 itself: importing `g4` from here finds its data first, and imports it then."""

from __future__ import annotations

from typing import Any

from lamarr.detailed.transport.data import prepare_data
from lamarr.errors import MissingExtraError

__all__ = ["g4"]


def _imported() -> Any:
    prepare_data()
    try:
        import geant4_pybind
    except ImportError as error:
        raise MissingExtraError(
            "Geant4 is not installed; install it with: pip install 'lamarr[detailed]'"
        ) from error
    return geant4_pybind


g4: Any = _imported()
