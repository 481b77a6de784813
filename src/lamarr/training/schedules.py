"""How learning rates fall: factors as functions of the progress of a training, from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final

from lamarr.declaration import STRICT
from lamarr.errors import ConfigurationError, raise_unknown

__all__ = ["SCHEDULES", "Fall", "cosine_by_steps"]


@dataclass(frozen=True, kw_only=True)
class Fall:
    """A schedule of learning rates.

    Attributes
    ----------
    name : str
        Name in :data:`SCHEDULES`.
    end : float
        Factor at the end (for ``piecewise``: of each step down).
    power : float
        Of ``polynomial``.
    at : tuple of float
        Progress at which ``piecewise`` steps down.
    warmup : float
        Share of the training in which the rate rises linearly before.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    name: str = "cosine"
    end: float = 1e-3
    power: float = 2.0
    at: tuple[float, ...] = (0.5, 0.75)
    warmup: float = 0.01

    def __post_init__(self) -> None:
        """Check name and numbers."""
        if self.name not in SCHEDULES:
            raise_unknown("schedule", self.name, SCHEDULES, ConfigurationError)
        if not 0 < self.end <= 1 or not 0 <= self.warmup < 1:
            raise ConfigurationError(
                f"0 < end <= 1 and 0 <= warmup < 1 must hold, but got (end={self.end}, warmup={self.warmup})"
            )

    def factor(self, progress: float) -> float:
        """Factor on the rate at a progress from 0 to 1."""
        rise = min(1.0, (progress + 1e-4) / self.warmup) if self.warmup else 1.0
        return rise * SCHEDULES[self.name](min(max(progress, 0.0), 1.0), self)


def cosine_by_steps(step: int, steps: int, warmup: int) -> float:
    """Factor at a step: a linear rise over `warmup` steps, and half a cosine from 1 to a thousandth."""
    fall = 0.5 * (1 + math.cos(math.pi * step / steps)) + 1e-3
    return min(1.0, (step + 1) / warmup) * fall


def _piecewise(p: float, s: Fall) -> float:
    return float(s.end ** sum(p >= a for a in s.at))


SCHEDULES: Final[Mapping[str, Callable[[float, Fall], float]]] = MappingProxyType(
    {
        "constant": lambda _, __: 1.0,
        "cosine": lambda p, s: s.end + (1 - s.end) * 0.5 * (1 + math.cos(math.pi * p)),
        "exponential": lambda p, s: float(s.end**p),
        "polynomial": lambda p, s: s.end + (1 - s.end) * float((1 - p) ** s.power),
        "inverse-time": lambda p, s: 1 / (1 + p * (1 / s.end - 1)),
        "piecewise": _piecewise,
    }
)
"""Schedules by name; each falls from 1."""
