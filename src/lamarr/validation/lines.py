"""What is measured of a species, one number a line, and the table that sums the lines up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["HEADER", "Line", "summary"]

HEADER = "| species | measured | value | target | floor | met |\n|---|---|---|---|---|---|"


@dataclass(frozen=True, kw_only=True)
class Line:
    """A measured number.

    Attributes
    ----------
    species, what : str
    kind : str
        Lines of one kind are one row of the :func:`summary`.
    value, target : float
        And the largest value that is allowed.
    floor : float, optional
        What a perfect model does not exceed with a sample of this size in 95 % of cases.
    """

    species: str
    what: str
    value: float
    target: float
    kind: str = ""
    floor: float | None = None

    @property
    def met(self) -> str:
        """``yes``; ``no``; ``open`` if a perfect model could miss the target as well with so few tracks."""
        if self.value <= self.target:
            return "yes"
        return "open" if self.floor is not None and self.value <= self.floor else "no"

    def __str__(self) -> str:
        floor = "" if self.floor is None else f"{self.floor:.4f}"
        return f"| {self.species} | {self.what} | {self.value:.4f} | {self.target:g} | {floor} | {self.met} |"


def summary(lines: Sequence[Line]) -> Iterator[str]:
    """Rows of a Markdown table: for each kind the worst line of each species, its floor, how many are met.

    The worst line is the one that is furthest beyond what a perfect model could reach, then beyond its
    target.
    """
    species = list(dict.fromkeys(line.species for line in lines))
    yield f"| largest value (floor), lines met | {' | '.join(species)} | must hold |"
    yield "|---" * (len(species) + 2) + "|"
    for kind in dict.fromkeys(line.kind for line in lines):
        own = [line for line in lines if line.kind == kind]
        cells = [_cell([line for line in own if line.species == s]) for s in species]
        yield f"| {kind} | {' | '.join(cells)} | {own[0].target:g} |"


def _cell(lines: Sequence[Line]) -> str:
    if not lines:
        return "too few"
    worst = max(lines, key=lambda line: (line.value > (line.floor or 0.0), line.value))
    floor = "" if worst.floor is None else f" ({worst.floor:.2g})"
    met = "" if len(lines) == 1 else f", {sum(line.met == 'yes' for line in lines)}/{len(lines)}"
    return f"{worst.value:.3g}{floor}{met}"
