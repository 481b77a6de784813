"""Two samples of events and a DeepSets classifier: how well it tells drawn from simulated ones.

The classifier learns on some events and is asked about others; of an event, the drawn and the simulated
version are on the same side. The floor is what it says about two halves of the reference.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector.geometry.identification import Calorimeter
from lamarr.parametrizations.ecal import Columns
from lamarr.parametrizations.ecal.shapes import shape_outputs
from lamarr.validation.ecal_engines.whole_events import nearest

__all__ = ["judged", "set_features"]

_STEPS: Final = 250
_BATCH: Final = 64
_RUNS: Final = 1


def set_features(clusters: Columns, calorimeter: Calorimeter, *, shapes: bool) -> NDArray[np.float32]:
    """Features of clusters: place, energy, distance to the nearest; with `shapes` their looks, too."""
    near = np.log(np.minimum(nearest(clusters), 2000.0) + 10) / 2 - 2.5
    r = np.hypot(clusters["x"], clusters["y"])
    values = [
        clusters["x"] / 2000,
        clusters["y"] / 1500,
        np.log(clusters["energy"] / 3000),
        near,
        r / 2000 - 0.5,
    ]
    if shapes:
        out = shape_outputs(clusters, calorimeter)
        scale = {"n_cells": 5.0, "log_prs": 3.0, "log_spd": 2.0, "log_hcal": 5.0}
        values += [out[k] / scale.get(k, 1.0) for k in out]
    return np.stack(values, axis=1).astype(np.float32)


def _sets(
    features: NDArray[np.float32], row: NDArray[Any], events: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Objects of the events (rows `events`), padded."""
    order = np.argsort(row, kind="stable")
    n_rows = int(max(row.max(initial=0), events.max(initial=0))) + 1
    number = np.bincount(row, minlength=n_rows)
    first = np.cumsum(number) - number
    most = max(int(number[events].max()), 1)
    there = np.arange(most)[None] < number[events][:, None]
    result = np.zeros((len(events), most, features.shape[1]), np.float32)
    result[there] = np.concatenate([features[order[first[e] : first[e] + number[e]]] for e in events])
    return result, there


def judged(
    a: tuple[NDArray[np.float32], NDArray[Any]],
    b: tuple[NDArray[np.float32], NDArray[Any]],
    events: tuple[NDArray[Any], NDArray[Any]],
    seed: int = 1,
) -> tuple[float, float]:
    """Area under the curve, and its error, of a classifier between the events of two samples.

    Parameters
    ----------
    a, b : (features (m, f), row of the event of each)
    events : (rows, rows)
        Events of each sample that take part; equal rows stay on the same side of the split.
    """
    areas = [_one(a, b, events, seed + k) for k in range(_RUNS)]
    n = len(events[0]) * 0.4
    return float(np.mean(areas)), float(np.sqrt(1 / (6 * max(n, 1))))


def _side(a: Any, b: Any, events: Any, learns: NDArray[np.bool_]) -> tuple[Any, Any, Any]:
    """Return sets of both samples among the events that are `learns`, what is there, and whose they are."""
    mean, spread = a[0].mean(axis=0), a[0].std(axis=0) + 1e-6
    sets, there, label = [], [], []
    for (features, row), own, y in zip((a, b), events, (0.0, 1.0), strict=True):
        some = own[learns[own]]
        objects, mask = _sets(np.clip((features - mean) / spread, -6, 6), row, some)
        sets.append(objects)
        there.append(mask)
        label.append(np.full(len(some), y, np.float32))
    most = max(s.shape[1] for s in sets)
    padded = [np.pad(s, ((0, 0), (0, most - s.shape[1]), (0, 0))) for s in sets]
    masks = [np.pad(m, ((0, 0), (0, most - m.shape[1]))) for m in there]
    return np.concatenate(padded), np.concatenate(masks), np.concatenate(label)


def _one(a: Any, b: Any, events: Any, seed: int) -> float:
    import torch
    from sklearn.metrics import roc_auc_score
    from torch.nn.functional import binary_cross_entropy_with_logits

    from lamarr.networks.deepsets import DeepSets

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.Generator(np.random.Philox(key=seed))
    learns = rng.random(int(max(e.max() for e in events)) + 1) < 0.6
    x, there, y = (torch.from_numpy(v) for v in _side(a, b, events, learns))
    judge = DeepSets(a[0].shape[1], width=48, scale=0.02)
    optimiser = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=0.02)
    for step in range(_STEPS):
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * (1 - step / _STEPS)
        rows = torch.from_numpy(rng.integers(0, len(y), _BATCH))
        most = int(there[rows].sum(dim=1).max())
        loss = binary_cross_entropy_with_logits(judge(x[rows, :most], there[rows, :most]), y[rows])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    x, there, y = (torch.from_numpy(v) for v in _side(a, b, events, ~learns))
    with torch.no_grad():
        return float(roc_auc_score(y.numpy(), judge(x, there).numpy()))
