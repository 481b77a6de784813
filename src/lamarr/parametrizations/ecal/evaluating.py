"""Models of an engine: their columns by name, their ranges, noise of the particles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ModelError, PipelineError
from lamarr.parametrizations.ecal.columns import Columns
from lamarr.random import Stream

__all__ = ["Evaluated", "Evaluator"]


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """Outputs (rows,) by name; which rows were outside of the ranges of the training sample."""

    values: Columns
    outside: NDArray[np.bool_]
    stream: str

    def drawn(self, name: str, seed: int, event: Any, number: Any) -> NDArray[np.bool_]:
        """Whether what has these probabilities happens, by uniform numbers of the particles."""
        u = Stream(seed, f"{self.stream}.{name}").uniform(event, number)[:, 0]
        return np.asarray(u < self.values[name])


class Evaluator:
    """One model.

    Parameters
    ----------
    name : str
    model : Model
        Its inputs are found by name among `conditions`; `outputs` must be among its outputs, others are
        not used.
    conditions, outputs : sequence of str
    stream : str
        Name of the random numbers.
    run : callable, optional
        What evaluates it, by default itself.

    Raises
    ------
    PipelineError
        If it has other columns.
    """

    def __init__(
        self,
        name: str,
        model: Any,
        conditions: Sequence[str],
        outputs: Sequence[str],
        stream: str,
        run: Any = None,
    ) -> None:
        self.name, self.model, self.run, self.stream = name, model, run or model, stream
        strange = [n for n in model.inputs if n not in conditions]
        if strange or not set(outputs) <= set(model.outputs):
            raise PipelineError(
                f"the model '{name}' must read from {', '.join(conditions)} and yield {', '.join(outputs)}, "
                f"but reads {', '.join(model.inputs)} and yields {', '.join(model.outputs)}"
            )
        bounds = [model.ranges.get(n, (-np.inf, np.inf)) for n in model.inputs]
        self.low, self.high = np.array(bounds, np.float32).reshape(-1, 2).T

    @property
    def digest(self) -> str:
        """Digest of the weights, "" if there is none."""
        return str(getattr(self.model, "card", {}).get("weights", {}).get("sha256", ""))

    def __call__(self, c: Columns, seed: int, event: Any, number: Any) -> Evaluated:
        """Evaluate the model; what is beyond its ranges is moved to their borders.

        Raises
        ------
        ModelError
            If it yields NaN or an infinity.
        """
        x = np.stack([np.asarray(c[n], np.float32) for n in self.model.inputs], axis=1)
        inside = np.minimum(np.maximum(x, self.low), self.high)
        outside = np.asarray((inside != x).any(axis=1))
        outputs = self.model.outputs
        y = self._answer(inside, seed, event, number) if len(x) else np.empty((0, len(outputs)), np.float32)
        wrong = np.flatnonzero(~np.isfinite(y).all(axis=1))
        if wrong.size:
            row = wrong[0]
            raise ModelError(
                f"the model '{self.name}' yields {y[row].tolist()} for particle {number[row]} of event "
                f"{event[row]}"
            )
        values = {name: y[:, i] for i, name in enumerate(outputs)}
        return Evaluated(values=values, outside=outside, stream=self.stream)

    def _answer(self, x: NDArray[np.float32], seed: int, event: Any, number: Any) -> NDArray[np.float32]:
        if not self.model.n_noise:
            return np.asarray(self.run(x))
        if seeded := getattr(self.run, "seeded", None):
            return np.asarray(seeded(x, seed=seed, stage=self.stream, event=event, particle=number))
        return np.asarray(self.run(x, Stream(seed, self.stream).normal(event, number, self.model.n_noise)))
