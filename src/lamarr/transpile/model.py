"""A trained model: a JSON card (declaration, provenance, graph) and weights in safetensors.

``NAME.json`` says what the model is and which file holds its weights, with their SHA-256;
``NAME.safetensors`` holds the constants of the graph. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.errors import ModelError, near_misses
from lamarr.publishing import beside
from lamarr.random import Stream
from lamarr.transpile.backend import RunningModel, compiled
from lamarr.transpile.graph import Graph
from lamarr.transpile.interpreter import evaluate

__all__ = ["CARD_VERSION", "Model", "load_model", "outside"]

CARD_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Model:
    """A named conditional model: input columns (and noise) to output columns.

    Attributes
    ----------
    name : str
        Name in its set, for example ``resolution``.
    inputs, outputs : tuple of str
        Names of the columns; units are those of the event model.
    n_noise : int
        N(0, 1) numbers per row.
    ranges : dict of str to (float, float)
        Range of each input in the training sample; outside of it a row is out of domain.
    graph : Graph
        What it computes.
    card : dict
        Everything else that is known: training sample, metrics, versions, references, licence.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    n_noise: int
    ranges: dict[str, tuple[float, float]]
    graph: Graph
    card: dict[str, Any]

    def __post_init__(self) -> None:
        """Check that declaration and graph agree."""
        if not isinstance(self.name, str):
            raise ModelError(f"a model must have a name, but got {self.name!r}")
        for columns in (self.inputs, self.outputs):
            if not all(isinstance(c, str) and c for c in columns) or len(set(columns)) != len(columns):
                raise ModelError(
                    f"model '{self.name}' must have different names of columns, but got {list(columns)}"
                )
        expected = {"x": len(self.inputs), **({"noise": self.n_noise} if self.n_noise else {})}
        if self.graph.inputs != expected or self.graph.width != len(self.outputs):
            raise ModelError(
                f"model '{self.name}' declares inputs {expected} and {len(self.outputs)} outputs, but its "
                f"graph has {self.graph.inputs} and {self.graph.width}"
            )
        if set(self.ranges) - set(self.inputs):
            raise ModelError(
                f"model '{self.name}' gives ranges of {sorted(set(self.ranges) - set(self.inputs))}"
            )

    def __call__(self, x: ArrayLike, noise: ArrayLike | None = None) -> NDArray[np.float32]:
        """Evaluate on conditions (n, inputs) and, if it takes any, N(0, 1) noise (n, n_noise)."""
        if (noise is not None) != bool(self.n_noise):
            raise ModelError(f"model '{self.name}' takes {self.n_noise} random numbers per row")
        arrays: dict[str, Any] = {"x": x} if noise is None else {"x": x, "noise": noise}
        return evaluate(self.graph, **arrays).astype(np.float32, copy=False)

    def seeded(
        self, x: ArrayLike, *, seed: int, stage: str, event: ArrayLike, particle: ArrayLike
    ) -> NDArray[np.float32]:
        """Evaluate with the noise ``lamarr.random.Stream(seed, stage).normal(event, particle, n_noise)``."""
        return self(x, Stream(seed, stage).normal(event, particle, self.n_noise))

    def compiled(self, backend: str = "auto") -> RunningModel:
        """Return this model ready to run on a back end: see :func:`lamarr.transpile.compiled`."""
        return compiled([self], backend, self.name)[self.name]

    def out_of_domain(self, x: NDArray[Any]) -> NDArray[np.bool_]:
        """Rows (n,) with a condition outside of the range of the training sample."""
        return outside(x, self.inputs, self.ranges)

    def save(self, directory: Path | str) -> Path:
        """Write card and weights into `directory`; return the path of the card."""
        from safetensors.numpy import save

        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        weights = save({k: np.ascontiguousarray(v) for k, v in sorted(self.graph.constants.items())})
        card = {
            "card_version": CARD_VERSION,
            "name": self.name,
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "n_noise": self.n_noise,
            "ranges": {k: list(v) for k, v in self.ranges.items()},
            "weights": {"file": f"{self.name}.safetensors", "sha256": hashlib.sha256(weights).hexdigest()},
            **{k: v for k, v in self.card.items() if k != "weights"},
            "graph": self.graph.to_json(),
        }
        _replace(folder / f"{self.name}.safetensors", weights)
        text = json.dumps(card, indent=1, ensure_ascii=False)
        return _replace(folder / f"{self.name}.json", text.encode())


def outside(
    x: NDArray[Any], inputs: Sequence[str], ranges: Mapping[str, tuple[float, float]]
) -> NDArray[np.bool_]:
    """Rows (n,) of `x` with a column outside of its range; NaN is outside."""
    result = np.zeros(len(x), bool)
    for name, (low, high) in ranges.items():
        column = x[:, inputs.index(name)]
        result |= ~((column >= low) & (column <= high))
    return result


def _replace(path: Path, content: bytes) -> Path:
    with beside(path) as part:
        part.write_bytes(content)
    return path


def load_model(directory: Path | str, name: str) -> Model:
    """Load ``directory/name.json`` and its weights.

    Raises
    ------
    ModelError
        If the card is missing (near misses are named), malformed or newer than this version of Lamarr, or
        if the weights are not those that the card was written with.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    folder = Path(directory)
    path = folder / f"{name}.json"
    if not path.exists():
        known = [p.stem for p in folder.glob("*.json") if p.stem != "set"]
        hint = near_misses(name, known) or known
        raise ModelError(f"no model '{name}' is in {folder}; it has {', '.join(sorted(hint)) or 'none'}")
    try:
        card = json.loads(path.read_text())
        version = int(card.pop("card_version"))
        if version > CARD_VERSION:
            raise ModelError(
                f"{path} is a card of version {version}, this Lamarr reads up to {CARD_VERSION}:"
                " update lamarr"
            )
        file = folder / card["weights"]["file"]
        if not file.exists():
            raise ModelError(f"the weights {file} that {path.name} names do not exist")
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest != card["weights"]["sha256"]:
            raise ModelError(
                f"{file} must have the SHA-256 {card['weights']['sha256']} of its card, but got {digest}: "
                "the file is damaged or belongs to another card"
            )
        graph = Graph.from_json(card.pop("graph"), load(content))
        return Model(
            name=card.pop("name"),
            inputs=tuple(card.pop("inputs")),
            outputs=tuple(card.pop("outputs")),
            n_noise=int(card.pop("n_noise")),
            ranges={k: (float(a), float(b)) for k, (a, b) in card.pop("ranges").items()},
            graph=graph,
            card=card,
        )
    except (AttributeError, KeyError, TypeError, ValueError, SafetensorError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"the card {path} is malformed: {error!r}") from error
