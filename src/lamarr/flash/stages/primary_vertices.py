"""Primary vertices: the generated ones, smeared by a triple Gaussian in each axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamarr.detector import PrimaryVertexSmearing
from lamarr.flash.row_stage import Draw, RowStage
from lamarr.flash.stage import columns
from lamarr.flash.stages.efficiency import draw_category

__all__ = ["PrimaryVertices"]


class PrimaryVertices(RowStage):
    """Reconstruct every generated primary vertex.

    The reported standard deviation is that of the Gaussian that was drawn. Generated vertices stay where
    they are; the smearing belongs to the reconstructed ones alone.
    """

    name = "primary_vertices"
    over = "vertices"
    creates = "primary_vertices"
    draws = {  # noqa: RUF012
        **{f"u_{a}": Draw(kind="uniform", suffix=".component", number=i) for i, a in enumerate("xyz")},
        **{f"g_{a}": Draw(kind="normal", number=i) for i, a in enumerate("xyz")},
    }
    reads = columns(vertices=("event_id", "vertex_id", "collision_id", "t", "x", "y", "z", "is_primary"))
    writes = columns(
        primary_vertices=(
            *("event_id", "vertex_id", "collision_id", "t", "x", "y", "z"),
            *("sigma_x", "sigma_y", "sigma_z"),
        )
    )

    def __init__(self, smearing: PrimaryVertexSmearing) -> None:
        self.smearing = smearing

    def selected(self, c: Any) -> Any:
        """Vertices of pp collisions."""
        return c["is_primary"]

    def outcome(self, c: Any, y: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return the reconstructed vertex of each primary one."""
        columns = {name: c[name] for name in ("vertex_id", "collision_id", "t")}
        for axis in "xyz":
            shape = getattr(self.smearing, axis)
            category = draw_category([float(np.float32(f)) for f in shape.fractions], c[f"u_{axis}"])
            first, second, third = shape.sigmas
            sigma = np.where(category == 0, first, np.where(category == 1, second, third))
            columns[axis] = c[axis] + shape.mu + sigma * c[f"g_{axis}"].astype(np.float64)
            columns[f"sigma_{axis}"] = sigma
        return columns

    def describe(self) -> dict[str, Any]:
        """Return the name of the stage and the smearing."""
        from dataclasses import asdict

        return {"stage": self.name, "smearing": asdict(self.smearing)}
