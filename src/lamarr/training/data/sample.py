"""A training sample: conditions, outputs, weights and the part of each row, on disk, with its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError, InputFileError
from lamarr.events import sample_digests
from lamarr.training.data.expressions import Expression
from lamarr.training.data.sources import chunks
from lamarr.training.data.specification import DataSpecification

__all__ = ["PARTS", "EmptySampleError", "Sample", "part_of_event", "prepare"]


class EmptySampleError(InputFileError):
    """No row is left to learn from."""


PARTS: Final = ("train", "validation", "test")
_SHARES: Final = (0.8, 0.1)  # the rest is the test part

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Rows to learn from.

    Attributes
    ----------
    conditions : array (n, inputs) of float32
    outputs : array (n, outputs) of float32
    weights : array (n,) of float32
    part : array (n,) of int8
        0 train, 1 validation, 2 test: the same for all rows of an event.
    inputs, targets : tuple of str
        Names of the columns.
    digest : str
        SHA-256 over names and contents.
    origin : str
        Where the rows come from.
    selection : str
        The cut of the recipe, "" if there was none.
    files : tuple of str
        Digests of the files (:func:`lamarr.events.sample_digests`).
    """

    conditions: Array
    outputs: Array
    weights: Array
    part: Array
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    digest: str
    origin: str = ""
    selection: str = ""
    files: tuple[str, ...] = ()

    def rows(self, part: str) -> NDArray[np.int64]:
        """Row numbers of a part."""
        return np.flatnonzero(self.part == PARTS.index(part))


def part_of_event(columns: Sequence[Array], seed: int = 0) -> NDArray[np.int8]:
    """Part of each row: 80 % train, 10 % validation, 10 % test, by a hash of what identifies its event.

    Parameters
    ----------
    columns : sequence of arrays (n,) of integers
        Run number, event number, …

    References
    ----------
    G. Steele, D. Lea, C. Flood, Fast splittable pseudorandom number generators (2014) (the mixing function)
    """
    state = np.full(len(columns[0]), np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15), np.uint64)
    with np.errstate(over="ignore"):
        for column in columns:
            state = _mixed(state ^ np.asarray(column).astype(np.int64).view(np.uint64))
    share = (state >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return np.digitize(share, np.cumsum(_SHARES)).astype(np.int8)


def _mixed(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def prepare(
    specification: DataSpecification,
    files: Sequence[Path],
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    folder: Path,
    select: str | None = None,
    derived: dict[str, str] | None = None,
    seed: int = 0,
) -> Sample:
    """Stream files through cuts into arrays in `folder`, which are then mapped, not loaded.

    Parameters
    ----------
    specification, files
        See :func:`lamarr.training.data.load_data`.
    inputs, outputs : sequence of str
        Columns of the model; each is an expression of the specification, else of `derived`, else the
        column of that name.
    select : str, optional
        A further cut, of the model; its names mean what those of `inputs` mean.
    derived : dict of str to str
        Expressions of the recipe.
    seed : int
        Of the split.

    Raises
    ------
    InputFileError
        If a file or column is missing, a value is NaN or infinite, or no row is left: the sentence says
        how many rows each cut left.
    ConfigurationError
        If the weights do not sum to a positive number.
    """
    reading = _Reading(specification, [*inputs, *outputs], select, derived or {}, seed)
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(repr((list(inputs), list(outputs))).encode())
    widths = {"conditions": len(inputs), "outputs": len(outputs), "weights": 1, "part": 1}
    dtypes = {n: np.dtype(np.int8 if n == "part" else np.float32) for n in widths}
    total = 0
    with ExitStack() as stack:
        opened = {n: stack.enter_context((folder / f"{n}.raw").open("wb")) for n in widths}
        for columns, weights, part in reading.rows(files):
            arrays = {
                "conditions": np.stack(columns[: len(inputs)], axis=1),
                "outputs": np.stack(columns[len(inputs) :], axis=1),
                "weights": weights,
                "part": part,
            }
            for name, array in arrays.items():
                content = np.ascontiguousarray(array, dtypes[name]).tobytes()
                opened[name].write(content)
                if name != "part":  # the split belongs to the seed, not to the data
                    digest.update(content)
            total += len(part)
    if not total:
        raise EmptySampleError(reading.why_empty())
    found: dict[str, Array] = {
        n: np.memmap(folder / f"{n}.raw", dtypes[n], "r+", shape=(total, w) if w > 1 or n in _WIDE else total)
        for n, w in widths.items()
    }
    weight = float(found["weights"].sum(dtype=np.float64))
    if not weight > 0:
        raise ConfigurationError(f"weights must sum to a positive number, but sum to {weight:g}")
    return Sample(
        **found,
        inputs=tuple(inputs),
        targets=tuple(outputs),
        digest=digest.hexdigest(),
        origin=specification.origin,
        selection=select or "",
        files=tuple(d for f in files for d in sample_digests(f)),
    )


_WIDE: Final = ("conditions", "outputs")


class _Reading:
    """Rows of files after all cuts, and the count of what each cut left."""

    def __init__(
        self,
        specification: DataSpecification,
        names: Sequence[str],
        select: str | None,
        derived: dict[str, str],
        seed: int,
    ) -> None:
        self.specification, self.names, self.seed = specification, list(names), seed
        meanings = {**derived, **specification.columns}
        self.expressions = [Expression(meanings.get(n, n)) for n in names]
        self.cuts = [Expression(c) for c in specification.cuts]
        self.select = Expression(select) if select else None
        asked = self.select.names if self.select else frozenset()
        self.meanings = {n: Expression(meanings[n]) for n in asked if n in meanings}
        self.bare = asked - set(self.meanings)
        self.weight = Expression(specification.weight) if specification.weight else None
        self.read, self.left = 0, [0] * (len(self.cuts) + 1)

    def rows(self, files: Sequence[Path]) -> Iterator[tuple[list[Array], Array, Array]]:
        used = [
            *self.expressions,
            *self.cuts,
            *self.meanings.values(),
            *([self.weight] if self.weight else []),
        ]
        wanted = {n for e in used for n in e.names} | self.bare | set(self.specification.event)
        for path in files:
            for chunk in chunks(path, wanted, self.specification.tree):
                rows = self._cut(chunk)
                if len(rows):
                    yield self._values(path, {n: v[rows] for n, v in chunk.items()})

    def _cut(self, chunk: dict[str, Array]) -> NDArray[np.int64]:
        n = len(next(iter(chunk.values())))
        first = self.read
        self.read += n
        self.first = first
        keep = np.ones(n, bool)
        for k, cut in enumerate(self.cuts):
            keep &= cut(chunk).astype(bool)
            self.left[k] += int(keep.sum())
        if self.select is not None:
            named = {n: chunk[n] for n in self.bare} | {n: e(chunk) for n, e in self.meanings.items()}
            keep &= self.select(named or chunk).astype(bool)
            self.left[-1] += int(keep.sum())
        return np.flatnonzero(keep)

    def _values(self, path: Path, chunk: dict[str, Array]) -> tuple[list[Array], Array, Array]:
        columns = [e(chunk).astype(np.float32) for e in self.expressions]
        n = len(columns[0])
        weights = np.ones(n, np.float32) if self.weight is None else self.weight(chunk).astype(np.float32)
        finite = np.isfinite(weights)
        for name, column in zip(self.names, columns, strict=True):
            good = np.isfinite(column)
            if not good.all() and self.specification.nan == "refuse":
                raise InputFileError(
                    f"'{name}' must be finite, but {int((~good).sum())} rows of {path} hold NaN or infinity "
                    f"(the first is row {int(np.flatnonzero(~good)[0])} after cuts): cut them away, or drop "
                    "them with 'nan: drop'"
                )
            finite &= good
        event = self.specification.event
        identity = [chunk[e] for e in event] if event else [self.first + np.arange(n)]
        part = part_of_event(identity, self.seed)
        if finite.all():
            return columns, weights, part
        if self.specification.nan == "refuse":
            raise InputFileError(
                f"weights must be finite, but {int((~finite).sum())} rows of {path} hold others"
            )
        return [c[finite] for c in columns], weights[finite], part[finite]

    def why_empty(self) -> str:
        """Return a sentence that says where the rows went."""
        cuts = [*self.cuts, *([self.select] if self.select else [])]
        steps = [f"'{c.text}' leaves {n}" for c, n in zip(cuts, self.left, strict=False)]
        return f"no rows are left to learn from: {self.read} rows were read" + "".join(
            f"; {s}" for s in steps
        )
