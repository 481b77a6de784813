"""One-dimensional spectra to draw from: uniform, log-uniform, histogram. Each maps quantiles to values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError, InputFileError

__all__ = ["Fixed", "Histogram", "LogUniform", "Spectrum", "Uniform"]

Array = NDArray[np.float64]


class Spectrum(Protocol):
    """A distribution given by its quantile function."""

    def quantile(self, u: Array) -> Array:
        """Values (rows,) whose cumulative probabilities are `u` (rows,) in (0, 1)."""
        ...


@dataclass(frozen=True)
class Fixed:
    """Always the same value."""

    value: float

    def quantile(self, u: Array) -> Array:
        """Return `value`, whatever `u` is."""
        return np.full(len(u), float(self.value))


@dataclass(frozen=True)
class Uniform:
    """Uniform between `low` and `high`."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not -np.inf < self.low < self.high < np.inf:
            raise ConfigurationError(f"low < high must hold, but got (low={self.low}, high={self.high})")

    def quantile(self, u: Array) -> Array:
        """Return low + u (high − low)."""
        return self.low + u * (self.high - self.low)


@dataclass(frozen=True)
class LogUniform:
    """Uniform in the logarithm between `low` and `high`."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high < np.inf:
            raise ConfigurationError(f"0 < low < high must hold, but got (low={self.low}, high={self.high})")

    def quantile(self, u: Array) -> Array:
        """Return low (high / low)^u."""
        ratio = float(np.log(self.high / self.low))
        return self.low * np.exp(u * ratio)


@dataclass(frozen=True, eq=False)
class Histogram:
    """Piecewise uniform: `contents` (n,) >= 0 in bins with `edges` (n + 1,)."""

    edges: Array
    contents: Array

    def __post_init__(self) -> None:
        edges, contents = np.asarray(self.edges, np.float64), np.asarray(self.contents, np.float64)
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "contents", contents)
        shapes = edges.ndim == contents.ndim == 1 and len(edges) == len(contents) + 1
        if not (shapes and np.all(np.isfinite(edges)) and np.all(np.diff(edges) > 0)):
            raise ConfigurationError(
                "a histogram needs n contents and n + 1 increasing edges, but got "
                f"shapes {contents.shape} and {edges.shape}"
            )
        if not (np.all(np.isfinite(contents)) and contents.min() >= 0 and contents.sum() > 0):
            raise ConfigurationError("contents of a histogram must be >= 0 and not all 0")

    def quantile(self, u: Array) -> Array:
        """Inverse of the piecewise linear cumulative distribution."""
        cumulative = np.concatenate([[0.0], np.cumsum(self.contents)])
        target = u * cumulative[-1]
        cell = np.searchsorted(cumulative, target, side="right") - 1
        inside = (target - cumulative[cell]) / self.contents[cell]
        values: Array = self.edges[cell] + inside * np.diff(self.edges)[cell]
        return values

    @classmethod
    def read(cls, path: str | Path) -> Histogram:
        """Read a histogram from a file.

        ``.csv``: lines of low edge, high edge, content (a header line may precede); ``.npz``: arrays
        ``edges`` and ``contents``; ``.root``: ``file.root:name`` of a TH1.

        Raises
        ------
        InputFileError
            If the file is missing or holds no such histogram.
        """
        text = str(path)
        try:
            if ".root:" in text:
                return _from_root(text)
            if text.endswith(".npz"):
                with np.load(text) as file:
                    return cls(file["edges"], file["contents"])
            if text.endswith(".csv"):
                return _from_csv(text)
        except (OSError, KeyError, ValueError) as error:
            raise InputFileError(f"no histogram can be read from '{text}': {error}") from error
        raise InputFileError(f"a histogram is expected in a .csv, .npz or .root:name file, but got '{text}'")


def _from_csv(path: str) -> Histogram:
    with Path(path).open() as file:
        lines = [line.split(",") for line in file if line.strip() and not line.startswith("#")]
    start = 0 if _is_number(lines[0][0]) else 1
    table = np.array([[float(cell) for cell in line] for line in lines[start:]])
    if table.ndim != 2 or table.shape[1] != 3 or not np.array_equal(table[1:, 0], table[:-1, 1]):
        raise ValueError(
            "lines of low edge, high edge, content are expected, each bin beginning where the last ends"
        )
    return Histogram(np.append(table[:, 0], table[-1, 1]), table[:, 2])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _from_root(text: str) -> Histogram:
    import uproot

    with uproot.open(text) as found:
        contents, edges = found.to_numpy()
    return Histogram(edges, contents)
