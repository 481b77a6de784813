"""Small classifiers: standardised inputs, a perceptron, probabilities; each becomes a model with a card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lamarr._version import __version__
from lamarr.networks.lowering import lower_mlp
from lamarr.networks.mlp import MLP
from lamarr.training.fit import Schedule, fit
from lamarr.transpile.graph import GraphBuilder
from lamarr.transpile.model import Model

__all__ = ["Sample", "digest", "train_classifier"]

Floats = NDArray[np.float64]

REACH = 8.0
"""Standardised inputs are clipped here: what lies farther out is treated as the edge of the sample."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Inputs (n, inputs), labels (n, outputs) between 0 and 1 (NaN: not asked), and weights (n,)."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    x: Floats
    y: Floats
    weight: Floats


def digest(sample: Sample) -> str:
    """Return the SHA-256 of a sample's numbers."""
    result = hashlib.sha256()
    for array in (sample.x, sample.y, sample.weight):
        result.update(np.ascontiguousarray(array).tobytes())
    return result.hexdigest()


def _loss(kind: str, network: MLP) -> Callable[..., Tensor]:
    def binary(x: Tensor, y: Tensor, w: Tensor) -> Tensor:
        asked = ~torch.isnan(y)
        each = torch.nn.functional.binary_cross_entropy_with_logits(
            network(x), torch.nan_to_num(y), reduction="none"
        )
        return w * (each * asked).sum(dim=1)

    def several(x: Tensor, y: Tensor, w: Tensor) -> Tensor:
        return -w * (y * torch.log_softmax(network(x), dim=1)).sum(dim=1)

    return binary if kind == "sigmoid" else several


def train_classifier(
    name: str,
    sample: Sample,
    *,
    last: Literal["sigmoid", "softmax"],
    hidden: Sequence[int],
    schedule: Schedule,
    card: Mapping[str, Any],
    check: Callable[[NDArray[Any], Floats, Floats], dict[str, Any]] | None = None,
) -> Model:
    """Train on a shuffled sample and return the model; its card holds the held-out loss, areas and `check`.

    With ``sigmoid`` every output is a probability of its own; with ``softmax`` they add up to 1.
    """
    torch.set_num_threads(1)  # sums in one order: the same weights on every run
    order = np.random.Generator(np.random.Philox(key=schedule.seed)).permutation(len(sample.x))
    x, y, weight = sample.x[order], sample.y[order], sample.weight[order]
    mean, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    scaled = np.clip((x - mean) / spread, -REACH, REACH)
    torch.manual_seed(schedule.seed)
    network = MLP(len(sample.inputs), list(hidden), len(sample.outputs))
    tensors = [torch.tensor(v, dtype=torch.float32) for v in (scaled, y, weight / weight.mean())]
    history = fit(network, _loss(last, network), tensors, schedule)
    builder = GraphBuilder(x=len(sample.inputs))
    value = builder.add("affine", builder.input("x"), scale=1 / spread, shift=-mean / spread)
    value = builder.add("clip", value, low=[-REACH], high=[REACH])
    output = builder.add(last, lower_mlp(builder, network, value))
    model = Model(
        name=name,
        inputs=sample.inputs,
        outputs=sample.outputs,
        n_noise=0,
        ranges={
            n: (float(a), float(b))
            for n, a, b in zip(sample.inputs, x.min(axis=0), x.max(axis=0), strict=True)
        },
        graph=builder.finish(output),
        card={},
    )
    held = slice(0, schedule.hold_out)
    p = model(x[held].astype(np.float32))
    checked = {} if check is None else {"held_out_reliability": check(p, y[held], weight[held])}
    return Model(
        **{k: getattr(model, k) for k in ("name", "inputs", "outputs", "n_noise", "ranges", "graph")},
        card={
            **card,
            "recipe": {"hidden": list(hidden), "last": last, "schedule": asdict(schedule)},
            "sample": {"rows": len(x), "sha256": digest(sample)},
            "held_out_loss": history[-1][1],
            "held_out_auc": _scores(p, y[held], weight[held], sample.outputs),
            **checked,
            "date": date.today().isoformat(),
            "licence": "BSD-3-Clause",
            "lamarr": __version__,
        },
    )


def _scores(p: NDArray[Any], y: Floats, weight: Floats, outputs: tuple[str, ...]) -> dict[str, float]:
    """Area under the curve of each output against the other labels."""
    from sklearn.metrics import roc_auc_score

    result = {}
    for i, name in enumerate(outputs):
        asked = ~np.isnan(y[:, i])
        label = y[asked, i] > 0.5
        if label.any() and not label.all():
            area = roc_auc_score(label, p[asked, i], sample_weight=weight[asked])
            result[name] = round(float(area), 4)
    return result
