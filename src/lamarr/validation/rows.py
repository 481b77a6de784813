"""Lines of the closure table."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Row"]


@dataclass
class Row:
    """A line of the closure table: a quantity, its value, the floor (teacher against itself), the target."""

    quantity: str
    value: float
    floor: float
    target: float
    entries: int
    detail: dict[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the value meets the target."""
        return self.value <= self.target

    def __str__(self) -> str:
        mark = "ok  " if self.passed else "MISS"
        return (
            f"{mark} {self.quantity:<44} {self.value:8.4f}  floor {self.floor:7.4f}  "
            f"target {self.target:6.3f}  "
            f"n {self.entries}"
        )
