"""The number of tracks that are reconstructed besides those of generated particles.

Conditions are the number of tracks of generated particles, of the types that the pipeline makes, and whether
nothing but the signal was generated (a gun). The model gives a continuous number, to be rounded.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CONDITIONS", "OUTPUTS"]

CONDITIONS: Final = ("nKnownTracks", "isSignalOnly")
OUTPUTS: Final = ("nOtherTracks",)
