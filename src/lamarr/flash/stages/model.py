"""What stages that evaluate a model have in common: columns by name, ranges, noise."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ModelError, PipelineError, near_misses
from lamarr.flash.row_stage import RowStage
from lamarr.flash.rows import NUMBER, Rows
from lamarr.random import Stream

__all__ = ["Model", "ModelStage", "Runs"]

Array = NDArray[Any]


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


class ModelStage(RowStage):
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
        unbounded = (-np.inf, np.inf)
        bounds = [model.ranges.get(name, unbounded) for name in model.inputs]
        self.low, self.high = np.array(bounds, np.float32).reshape(-1, 2).T

    @abstractmethod
    def fed(self, c: Any) -> Mapping[str, Any]:
        """Return the columns of ``self.conditions`` by name."""

    def evaluated(self, c: Rows, seed: int) -> tuple[Mapping[str, Array], Array | None]:
        """Evaluate the model on the rows, inside its ranges: a condition beyond is moved to the border.

        Returns
        -------
        outputs : mapping of str to array (rows,)
        outside : array of bool (rows,)
            Where an input lay outside the range of the training sample.

        Raises
        ------
        ModelError
            If the model yields NaN or an infinity.
        """
        columns = self.fed(c)
        x = np.stack([np.asarray(columns[n], np.float32) for n in self.model.inputs], axis=1)
        inside = np.minimum(np.maximum(x, self.low), self.high)
        outside: NDArray[np.bool_] = (inside != x).any(axis=1)
        y = self._answers(inside, c, seed) if len(x) else np.empty((0, len(self.model.outputs)), np.float32)
        wrong = ~np.isfinite(y).all(axis=1)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise ModelError(
                f"the model of stage '{self.name}' yields {y[row].tolist()} for particle "
                f"{c[NUMBER[self.over]][row]} of event {c['event_id'][row]}"
            )
        return {name: y[:, i] for i, name in enumerate(self.model.outputs)}, outside

    def _answers(self, x: NDArray[np.float32], c: Rows, seed: int) -> NDArray[np.float32]:
        """Return outputs (rows, outputs), with the normal numbers that belong to the particles."""
        event, particle = c["event_id"], c[NUMBER[self.over]]
        if not self.model.n_noise:
            return self.run(x)
        if seeded := getattr(self.run, "seeded", None):
            y: NDArray[np.float32] = seeded(x, seed=seed, stage=self.name, event=event, particle=particle)
            return y
        return self.run(x, Stream(seed, self.name).normal(event, particle, self.model.n_noise))

    def describe(self) -> dict[str, Any]:
        """Return the name of the stage and the digest of the model's weights and what evaluates it."""
        card = getattr(self.model, "card", {})
        return {
            "stage": self.name,
            "weights": card.get("weights", {}).get("sha256", ""),
            "run": type(self.run).__name__,
        }
