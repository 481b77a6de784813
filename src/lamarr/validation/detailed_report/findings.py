"""What a report consists of: findings with verdicts, and plots with references."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.validation.profiles import Profile

__all__ = ["Finding", "Plot", "Reference", "Section"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A number, where it should lie, and what is known of why it does not.

    Attributes
    ----------
    name, unit : str
    value, error : float
        NaN where the sample does not give it.
    low, high : float
        The interval that meets the target; infinite where open. NaN: there is no target.
    target : str
        The interval in words, with its source.
    note : str
        Definition, and why a target is missed.
    """

    name: str
    value: float
    error: float = math.nan
    unit: str = ""
    low: float = math.nan
    high: float = math.nan
    target: str = ""
    note: str = ""

    @property
    def known(self) -> bool:
        """Whether the sample gives it."""
        return math.isfinite(self.value)

    @property
    def missed_by(self) -> float:
        """Distance to the interval, 0 inside; NaN where value or target are not known."""
        if not self.known or (math.isnan(self.low) and math.isnan(self.high)):
            return math.nan
        below = self.low - self.value if not math.isnan(self.low) else -math.inf
        above = self.value - self.high if not math.isnan(self.high) else -math.inf
        return max(below, above, 0.0)

    @property
    def verdict(self) -> str:
        """One of "met", "missed", "no target", "not measured"."""
        if not self.known:
            return "not measured"
        missed = self.missed_by
        if math.isnan(missed):
            return "no target"
        return "met" if missed == 0 else "missed"

    def as_json(self) -> dict[str, Any]:
        """All of it, with null for what is not a number."""
        numbers = {k: getattr(self, k) for k in ("value", "error", "low", "high", "missed_by")}
        clean = {k: (float(v) if math.isfinite(v) else None) for k, v in numbers.items()}
        words = {k: getattr(self, k) for k in ("name", "unit", "target", "note", "verdict")}
        return {**words, **clean}


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A published curve: points (x, y), their errors if any, and the band that meets the target."""

    label: str
    x: Array
    y: Array
    error: Array | None = None
    low: Array | None = None
    high: Array | None = None
    steps: bool = False

    def at(self, x: Array) -> Array:
        """Values at `x`, linear between the points."""
        return np.interp(x, self.x, self.y)


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A quantity in bins, with references. `name` is unique on the page."""

    name: str
    title: str
    x_label: str
    y_label: str
    profiles: Mapping[str, Profile]
    references: tuple[Reference, ...] = ()
    log_x: bool = False
    y_range: tuple[float, float] | None = None
    caption: str = ""
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the report."""

    title: str
    findings: tuple[Finding, ...] = ()
    plots: tuple[Plot, ...] = ()
    notes: tuple[str, ...] = field(default=())
