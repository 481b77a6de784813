"""Chooses what runs a model: compiled C where there is a compiler, numpy otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.errors import ConfigurationError, ModelError, raise_unknown

if TYPE_CHECKING:
    from lamarr.transpile.model import Model

__all__ = ["BACKENDS", "BackendWarning", "RunningModel", "compiled"]

BACKENDS = ("auto", "c", "numpy")


class RunningModel(Protocol):
    """What every back end gives: a callable with the model's columns."""

    @property
    def name(self) -> str:
        """Name of the model."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input columns."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the output columns."""

    @property
    def n_noise(self) -> int:
        """N(0, 1) numbers per row."""

    def __call__(self, x: ArrayLike, noise: ArrayLike | None = None) -> NDArray[np.float32]:
        """Evaluate on conditions (n, inputs) and noise (n, n_noise)."""

    def seeded(
        self, x: ArrayLike, *, seed: int, stage: str, event: ArrayLike, particle: ArrayLike
    ) -> NDArray[np.float32]:
        """Evaluate with the noise that (seed, stage, event, particle) stand for."""

    def out_of_domain(self, x: NDArray[Any]) -> NDArray[np.bool_]:
        """Rows (n,) with a condition outside of the range of the training sample."""


def compiled(models: Sequence[Model], backend: str = "auto", name: str = "models") -> dict[str, RunningModel]:
    """Return the models by name, ready to run on a back end; in C they share one library.

    Parameters
    ----------
    models : sequence of Model
        Models with different names.
    backend : str
        ``c`` compiles (or takes the library from the cache) and raises where that fails; ``numpy`` runs the
        interpreter; ``auto`` tries C and, where that cannot be had, warns once and runs numpy.
    name : str
        Name of the library.

    Raises
    ------
    UnknownNameError
        If no back end has this name.
    CompilerError
        If `backend` is ``c`` and there is no compiler, or it fails.
    ModelError
        If `backend` is ``c`` and a model has an operator that cannot be written in C.
    ConfigurationError
        If `backend` is ``c`` and the cache cannot be written.
    """
    from lamarr.transpile.c import compile_models

    if backend not in BACKENDS:
        raise_unknown("back end", backend, BACKENDS)
    if backend != "numpy":
        try:
            return dict(compile_models(models, name))
        except (ModelError, ConfigurationError) as error:
            if backend == "c":
                raise
            _warn_once(str(error))
    return {m.name: m for m in models}


class BackendWarning(RuntimeWarning):
    """Models run in numpy, as C cannot be had."""


_warned: set[str] = set()


def _warn_once(reason: str) -> None:
    """Warn, once in a process: whatever else is to be said would be the same again."""
    if not _warned:
        warnings.warn(
            f"models run in numpy, several times slower than in C: {reason}", BackendWarning, stacklevel=4
        )
    _warned.add(reason)
