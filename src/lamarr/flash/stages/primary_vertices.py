"""Primary vertices: the generated ones, smeared by a triple Gaussian in each axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamarr.detector import PrimaryVertexSmearing
from lamarr.events import EventBatch, Table
from lamarr.flash.stage import Stage, columns
from lamarr.flash.stages.efficiency import draw_category
from lamarr.random import Stream

__all__ = ["PrimaryVertices"]


class PrimaryVertices(Stage):
    """Reconstruct every generated primary vertex.

    The reported standard deviation is that of the Gaussian that was drawn. Generated vertices stay where
    they are; the smearing belongs to the reconstructed ones alone.
    """

    name = "primary_vertices"
    reads = columns(vertices=("event_id", "vertex_id", "collision_id", "t", "x", "y", "z", "is_primary"))
    writes = columns(
        primary_vertices=(
            *("event_id", "vertex_id", "collision_id", "t", "x", "y", "z"),
            *("sigma_x", "sigma_y", "sigma_z"),
        )
    )

    def __init__(self, smearing: PrimaryVertexSmearing) -> None:
        self.smearing = smearing

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:
        """Return the batch with the table of primary vertices."""
        true = batch["vertices"].take(batch["vertices"]["is_primary"])
        keys = {c: true[c] for c in ("event_id", "vertex_id", "collision_id", "t")}
        u = Stream(seed, f"{self.name}.component").uniform(true["event_id"], true["vertex_id"], 3)
        g = Stream(seed, self.name).normal(true["event_id"], true["vertex_id"], 3).astype(np.float64)
        columns = {}
        for i, axis in enumerate("xyz"):
            shape = getattr(self.smearing, axis)
            weights = np.broadcast_to(np.array(shape.fractions, np.float32), (true.rows, 3))
            sigma = np.array(shape.sigmas)[draw_category(weights, u[:, i])]
            columns[axis] = true[axis] + shape.mu + sigma * g[:, i]
            columns[f"sigma_{axis}"] = sigma
        return batch.with_tables(Table("primary_vertices", {**keys, **columns}))

    def describe(self) -> dict[str, Any]:
        """Return the name of the stage and the smearing."""
        from dataclasses import asdict

        return {"stage": self.name, "smearing": asdict(self.smearing)}
