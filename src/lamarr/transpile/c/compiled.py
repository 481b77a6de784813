"""Compiled models: called like models, as fast as the machine allows."""

from __future__ import annotations

import ctypes
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.errors import ModelError
from lamarr.transpile.c.cache import build_cached, from_cache
from lamarr.transpile.c.compiler import levels_of_target
from lamarr.transpile.c.emit import emit
from lamarr.transpile.c.library import card_of, open_library
from lamarr.transpile.model import Model, outside

__all__ = ["CompiledModel", "compile_everywhere", "compile_models"]

_POINTER = ctypes.c_void_p
_BATCH = [ctypes.c_size_t, _POINTER, _POINTER, _POINTER]
_SEEDED = [ctypes.c_size_t, _POINTER, _POINTER, _POINTER, ctypes.c_uint64, ctypes.c_uint32, _POINTER]


def _rows(name: str, what: str, values: ArrayLike, width: int) -> NDArray[np.float32]:
    rows = np.ascontiguousarray(values, np.float32)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ModelError(f"model '{name}': {what} must have {width} columns, but got shape {rows.shape}")
    return rows


def _numbers(name: str, what: str, values: ArrayLike, n: int) -> NDArray[np.uint32]:
    given = np.asarray(values)
    if given.shape != (n,):
        raise ModelError(f"model '{name}': {what} must be {n} numbers, but got shape {given.shape}")
    if n and (given.min() < 0 or given.max() >= 2**32):
        raise ModelError(f"model '{name}': {what} numbers must lie in 0 … 2**32 − 1")
    return np.ascontiguousarray(given, np.uint32)


class CompiledModel:
    """A model in a shared library; callable like :class:`~lamarr.transpile.model.Model`.

    Calls release Python's lock. A row has the same bits in every batch.

    Parameters
    ----------
    path : path
        A library that :func:`compile_models` or ``lamarr compile`` made.
    name : str
        Name of the model in it.
    """

    backend = "c"

    def __init__(self, path: Path | str, name: str) -> None:
        library = open_library(path)
        cards: dict[str, dict[str, Any]] = {c["name"]: c for c in card_of(library)["models"]}
        if name not in cards:
            raise ModelError(f"the library {path} has no model '{name}'; it has {', '.join(cards)}")
        card = cards[name]
        self.path, self.name, self.card = Path(path), name, card["card"]
        self.inputs, self.outputs = tuple(card["inputs"]), tuple(card["outputs"])
        self.n_noise: int = card["n_noise"]
        self.ranges = {k: (float(a), float(b)) for k, (a, b) in card["ranges"].items()}
        self._batch = getattr(library, f"{name}_batch")
        self._batch.argtypes = _BATCH
        if self.n_noise:
            self._seeded = getattr(library, f"{name}_seeded")
            self._seeded.argtypes = _SEEDED

    def __call__(self, x: ArrayLike, noise: ArrayLike | None = None) -> NDArray[np.float32]:
        """Evaluate on conditions (n, inputs) and, if it takes any, N(0, 1) noise (n, n_noise)."""
        if (noise is not None) != bool(self.n_noise):
            raise ModelError(f"model '{self.name}' takes {self.n_noise} random numbers per row")
        rows = _rows(self.name, "x", x, len(self.inputs))
        random = None if noise is None else _rows(self.name, "noise", noise, self.n_noise)
        if random is not None and len(random) != len(rows):
            raise ModelError(f"inputs must have equal numbers of rows, but got {len(rows)} and {len(random)}")
        y = np.empty((len(rows), len(self.outputs)), np.float32)
        self._batch(
            len(rows), rows.ctypes.data, None if random is None else random.ctypes.data, y.ctypes.data
        )
        return y

    def seeded(
        self, x: ArrayLike, *, seed: int, stage: str, event: ArrayLike, particle: ArrayLike
    ) -> NDArray[np.float32]:
        """Evaluate with the noise of ``lamarr.random.Stream(seed, stage).normal(event, particle, n_noise)``.

        The noise is made inside, with the same bits.
        """
        if not self.n_noise:
            raise ModelError(f"model '{self.name}' takes no random numbers")
        if not 0 <= seed < 2**64:
            raise ModelError(f"0 <= seed < 2**64 must hold, but got (seed={seed})")
        rows = _rows(self.name, "x", x, len(self.inputs))
        n = len(rows)
        events, particles = (
            _numbers(self.name, "event", event, n),
            _numbers(self.name, "particle", particle, n),
        )
        y = np.empty((n, len(self.outputs)), np.float32)
        pointers = rows.ctypes.data, events.ctypes.data, particles.ctypes.data
        self._seeded(n, *pointers, seed, zlib.crc32(stage.encode()), y.ctypes.data)
        return y

    def out_of_domain(self, x: NDArray[Any]) -> NDArray[np.bool_]:
        """Rows (n,) with a condition outside of the range of the training sample."""
        return outside(x, self.inputs, self.ranges)


def compile_models(models: Sequence[Model], name: str = "models") -> dict[str, CompiledModel]:
    """Compile models to one library, or take it from the cache; return them by name.

    Raises
    ------
    CompilerError
        If there is no C compiler, or it fails.
    ModelError
        If a model cannot be written in C.
    """
    library = from_cache(lambda levels: emit(models, name, levels=levels))
    return {m.name: CompiledModel(library, m.name) for m in models}


def compile_everywhere(models: Sequence[Model], name: str = "models") -> Path:
    """Put the library of models into the cache for all levels of the instruction set; return its path.

    :func:`compile_models` finds it there, also on machines without a compiler.

    Raises
    ------
    CompilerError, ModelError
        See :func:`compile_models`.
    """
    levels = levels_of_target()
    return build_cached(emit(models, name, levels=levels), levels=levels)
