"""Resolution and covariance as tasks of the comparison of classes: a table of features and scores.

All classes see what the shipped models see, normal scores of the conditions and of functions of them, and
learn what these learn, scores of the targets for each type of track. Rows of a sample lie in the order of
their events; blocks of them are kept together in one part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import yaml

from lamarr.training.recipe import Preprocessing, Recipe
from lamarr.training.tracking.recipes import ORDER, RECIPES, beam_tables
from lamarr.training.tracking.targets import TRACK_TYPES, TargetScores

__all__ = ["TASKS", "track_task"]

TASKS: Final = ("resolution", "covariance")
"""Models that are compared on the arrays of a tracking sample."""

_BLOCK: Final = 500


def track_task(name: str, sample: Path, folder: Path) -> tuple[Recipe, Path]:
    """Write the table of a task into `folder`, and return its recipe and the file that describes the data.

    Parameters
    ----------
    name : str
        One of :data:`TASKS`.
    sample : path
        Folder of arrays, as :mod:`lamarr.training.tracking.from_events` writes them.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    tracks = RECIPES[name]
    conditions, targets = tracks.arrays(sample)
    features = tracks.features(conditions, beam_tables(tracks, conditions))
    flags = [tracks.inputs.index(n) for n in TRACK_TYPES]
    scores = TargetScores.fit(targets, conditions, flags).forward(targets, conditions)
    names = [tracks.outputs[j] for j in ORDER] if name == "resolution" else list(tracks.outputs)
    inputs = [f"feature_{j}" for j in range(features.shape[1])]
    columns = {
        "block": np.arange(len(scores)) // _BLOCK,
        **dict(zip(inputs, features.T, strict=True)),
        **dict(zip(names, scores.T, strict=True)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"files": [f"{name}.parquet"], "event": ["block"], "origin": str(name)}))
    recipe = Recipe(
        name=name,
        title=tracks.title,
        inputs=tuple(inputs),
        outputs=tuple(names),
        model={"class": "mixture", **tracks.network},
        preprocessing=Preprocessing(
            inputs=dict.fromkeys(inputs, "keep"), outputs=dict.fromkeys(names, "keep")
        ),
        references=tracks.references,
    )
    return recipe, path
