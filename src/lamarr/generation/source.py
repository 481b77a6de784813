"""What every source of generated events is: an iterator over batches, and what it yields besides them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError
from lamarr.events import EventBatch
from lamarr.random import Stream

__all__ = ["BeamSpot", "EventFailure", "EventSource", "chunks"]


@dataclass(frozen=True, kw_only=True)
class EventFailure:
    """An event, or the rest of a file, that could not be read or generated.

    Parameters
    ----------
    source : str
        Name of the file or generator.
    event : int
        The ``event_id`` that the event would have had.
    reason : str
        One sentence: where, what was expected and what was found.
    """

    source: str
    event: int
    reason: str

    def __str__(self) -> str:
        return f"event {self.event} of the run ({self.source}): {self.reason}"


@runtime_checkable
class EventSource(Protocol):
    """A source of events: files or a generator.

    The same (source, seed, ``event_id``) gives the same event whatever `size` and `first` are.
    """

    @property
    def sources(self) -> tuple[str, ...]:
        """Names that ``events.source`` points to."""
        ...

    @property
    def n_events(self) -> int | None:
        """Number of events, failures included; None if not known before reading."""
        ...

    def batches(self, size: int, first: int = 0) -> Iterator[EventBatch | EventFailure]:
        """Give the events `first`, `first` + 1, … in order, at most `size` events at a time."""
        ...


@dataclass(frozen=True, kw_only=True)
class BeamSpot:
    """Luminous region: an upright Gaussian, lengths in mm.

    The defaults are the centre of LHCb's simulated collisions of 2016, a transverse width of 38 µm
    (emittance and β* of 3 m) and 45 mm along the beam.
    """

    x: float = 0.84
    y: float = -0.18
    z: float = 1.0
    sigma_x: float = 0.038
    sigma_y: float = 0.038
    sigma_z: float = 45.0

    def __post_init__(self) -> None:
        widths = (self.sigma_x, self.sigma_y, self.sigma_z)
        if not (np.all(np.isfinite((self.x, self.y, self.z, *widths))) and min(widths) >= 0):
            raise ConfigurationError(f"a beam spot needs finite numbers and widths >= 0, but got {self}")

    def draw(
        self, seed: int, event: NDArray[np.int64], collision: NDArray[np.int64] | int = 0
    ) -> NDArray[np.float64]:
        """Positions (rows, 3) in mm of collisions, given their event and collision numbers (rows,)."""
        g = Stream(seed, "generation.beam_spot").normal(event, collision, 3).astype(np.float64)
        centre = np.array([self.x, self.y, self.z])
        xyz: NDArray[np.float64] = centre + g * np.array([self.sigma_x, self.sigma_y, self.sigma_z])
        return xyz


def chunks(n: int, size: int, first: int = 0) -> Iterator[NDArray[np.int64]]:
    """Event numbers `first` … `n` − 1 in pieces of at most `size`.

    Raises
    ------
    ConfigurationError
        Unless size >= 1 and first >= 0.
    """
    if size < 1 or first < 0:
        raise ConfigurationError(f"size >= 1 and first >= 0 must hold, but got (size={size}, first={first})")
    for start in range(first, n, size):
        yield np.arange(start, min(start + size, n), dtype=np.int64)
