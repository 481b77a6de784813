"""Verdicts: a number, its error, the noise floor, the target, and whether it is met."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["FAILED", "NOISE", "PASSED", "SHOWN", "NotMade", "Verdict"]

PASSED: Final = "met"
NOISE: Final = "at the noise floor"
FAILED: Final = "missed"
SHOWN: Final = "shown"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome of one comparison.

    Attributes
    ----------
    section : str
        tracking, identification, calorimeter, composites, event, efficiency.
    name, what : str
        What is compared, and by which number.
    value, error, floor : float
        The number, its error, and what the reference against itself gives; NaN where there is none.
    target : float
        NaN if it is only shown.
    n_flash, n_detailed : int
        Entries.
    worst : str
        Where it is worst, if it is a maximum.
    """

    section: str
    name: str
    what: str
    value: float
    error: float = math.nan
    floor: float = math.nan
    target: float = math.nan
    n_flash: int
    n_detailed: int
    worst: str = ""

    @property
    def outcome(self) -> str:
        """One of :data:`PASSED`, :data:`NOISE` (cannot be told from noise), :data:`FAILED`, :data:`SHOWN`."""
        if math.isnan(self.target):
            return SHOWN
        if self.value <= self.target:
            return PASSED
        slack = 2 * self.error if math.isfinite(self.error) else 0.0
        limit = max(self.floor if math.isfinite(self.floor) else 0.0, self.target)
        return NOISE if self.value - slack <= limit else FAILED

    def to_json(self) -> dict[str, Any]:
        """Return what the JSON file holds; NaN becomes null."""
        fields = {k: getattr(self, k) for k in self.__dataclass_fields__}
        clean = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in fields.items()}
        return {**clean, "outcome": self.outcome}


@dataclass(frozen=True, kw_only=True)
class NotMade:
    """A comparison that could not be made, and why."""

    name: str
    reason: str
