"""Geant4 itself: ``from lamarr.detailed.transport.geant4 import g4`` finds its data first, then imports it."""

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
