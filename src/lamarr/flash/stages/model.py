"""What stages that evaluate a model have in common: columns by name, ranges, noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ModelError, PipelineError, near_misses
from lamarr.events import EventBatch, Table
from lamarr.flash.stage import Stage
from lamarr.random import Stream

__all__ = ["Model", "ModelStage", "Runs", "flagged"]


class Model(Protocol):
    """A trained model: a function of named columns and normal noise, without state."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input columns."""
        ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the output columns."""
        ...

    @property
    def n_noise(self) -> int:
        """N(0, 1) numbers per row."""
        ...

    @property
    def ranges(self) -> Mapping[str, tuple[float, float]]:
        """Range of each input in the training sample."""
        ...

    def __call__(
        self, x: NDArray[np.float32], noise: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return outputs (rows, outputs) for inputs (rows, inputs) and noise (rows, n_noise)."""
        ...


Runs: TypeAlias = Callable[..., NDArray[np.float32]]
"""Evaluates inputs (rows, inputs) and, if it takes any, noise (rows, n_noise)."""


class ModelStage(Stage):
    """A stage around one model.

    Parameters
    ----------
    model : Model
        Its inputs are found by name among `conditions`, and its outputs must be `outputs`: neither the
        order of columns nor a change of unit can go wrong unnoticed.
    run : callable, optional
        What evaluates the model, for instance its compiled form; by default the model itself.

    Raises
    ------
    PipelineError
        If the model reads a column that this stage does not know, or yields others than it must.
    """

    conditions: Sequence[str]
    outputs: Sequence[str]

    def __init__(self, model: Model, *, run: Runs | None = None) -> None:
        self.model = model
        self.run: Runs = run or model
        for name in model.inputs:
            if name not in self.conditions:
                found = near_misses(name, self.conditions)
                hint = f"; near misses: {', '.join(found)}" if found else ""
                raise PipelineError(
                    f"the model of stage '{self.name}' reads '{name}', which is not known{hint}"
                )
        if sorted(model.outputs) != sorted(self.outputs):
            raise PipelineError(
                f"the model of stage '{self.name}' must yield {', '.join(self.outputs)}, "
                f"but yields {', '.join(model.outputs)}"
            )
        order = list(model.inputs)
        self._columns = [list(self.conditions).index(name) for name in order]
        unbounded = (-np.inf, np.inf)
        bounds = [model.ranges.get(name, unbounded) for name in order]
        self._low, self._high = np.array(bounds, np.float32).reshape(-1, 2).T

    def evaluate(
        self, conditions: NDArray[np.float32], noise: NDArray[np.float32] | None, keys: Table
    ) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.bool_]]:
        """Evaluate the model inside its ranges.

        Parameters
        ----------
        conditions : array (rows, conditions)
            Columns in the order of ``self.conditions``.
        noise : array (rows, n_noise), optional
            Independent N(0, 1) numbers.
        keys : Table
            Rows with event_id and particle_id, for messages.

        Returns
        -------
        outputs : dict of str to array (rows,)
        outside : array of bool (rows,)
            Where an input lay outside the range of the training sample; it was moved to the border.

        Raises
        ------
        ModelError
            If the model yields NaN or an infinity.
        """
        x = conditions[:, self._columns]
        inside = np.minimum(np.maximum(x, self._low), self._high)
        outside: NDArray[np.bool_] = (inside != x).any(axis=1)
        args = (inside,) if noise is None else (inside, noise)
        y = self.run(*args) if len(x) else np.empty((0, len(self.model.outputs)), np.float32)
        wrong = ~np.isfinite(y).all(axis=1)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise ModelError(
                f"the model of stage '{self.name}' yields {y[row].tolist()} for particle "
                f"{keys['particle_id'][row]} of event {keys['event_id'][row]}"
            )
        return {name: y[:, i] for i, name in enumerate(self.model.outputs)}, outside

    def noise(self, keys: Table, seed: int) -> NDArray[np.float32] | None:
        """Return the normal numbers (rows, n_noise) that belong to the particles in `keys`."""
        if not self.model.n_noise:
            return None
        return Stream(seed, self.name).normal(keys["event_id"], keys["particle_id"], self.model.n_noise)

    def describe(self) -> dict[str, Any]:
        """Return the name of the stage and the digest of the model's weights and what evaluates it."""
        card = getattr(self.model, "card", {})
        return {
            "stage": self.name,
            "weights": card.get("weights", {}).get("sha256", ""),
            "run": type(self.run).__name__,
        }


def flagged(batch: EventBatch, rows: NDArray[np.int64], outside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return column ``out_of_domain`` with the particles in `rows` added where they are `outside`."""
    column: NDArray[np.bool_] = batch["particles"]["out_of_domain"].copy()
    column[rows] |= outside
    return column
