"""True states: closest to the beam, and behind the magnet by a single kick."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamarr.detector import Detector, States, behind_the_magnet, closest_to_beam
from lamarr.events import EventBatch, Table
from lamarr.flash.stage import Stage, columns
from lamarr.flash.stages.rows import alive, production_points

__all__ = ["Propagate"]

CLOSEST_TO_BEAM, BEHIND_MAGNET = 1, 5


class Propagate(Stage):
    """Write the true states of particles that are still in the chain.

    Location 1 is the point of the straight production line closest to the z axis. Location 5, at
    z = 9410 mm, exists for particles that are produced upstream of the kick and not turned round by it.
    """

    name = "propagate"
    reads = columns(
        particles=("event_id", "particle_id", "production_vertex", "px", "py", "pz", "charge", "fate"),
        vertices=("event_id", "vertex_id", "x", "y", "z"),
    )
    writes = columns(true_states=("event_id", "particle_id", "location", "x", "y", "z", "tx", "ty", "p"))

    def __init__(self, detector: Detector) -> None:
        self.detector = detector

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:  # noqa: ARG002
        """Return the batch with the table of true states."""
        t = batch["particles"]
        rows = alive(t)
        x, y, z = production_points(batch, rows)
        px, py, pz = (t[c][rows] for c in ("px", "py", "pz"))
        p = np.sqrt(px**2 + py**2 + pz**2)
        tx, ty = px / pz, py / pz
        cx, cy, cz = closest_to_beam(x, y, z, tx, ty)
        origin = States(x=x, y=y, z=z, tx=tx, ty=ty, qop=t["charge"][rows] / p)
        behind, arrives = behind_the_magnet(self.detector.single_kick, origin)
        near = {"x": cx, "y": cy, "z": cz, "tx": tx, "ty": ty, "p": p}
        far = {c: getattr(behind, c) for c in ("x", "y", "z", "tx", "ty")} | {"p": p}
        arrived = np.flatnonzero(arrives)
        order = np.argsort(np.concatenate([np.arange(len(rows)), arrived]), kind="stable")
        columns = {c: np.concatenate([near[c], far[c][arrived]])[order] for c in near}
        location = np.repeat([CLOSEST_TO_BEAM, BEHIND_MAGNET], [len(rows), len(arrived)])[order]
        source = np.concatenate([rows, rows[arrived]])[order]
        keys = {c: t[c][source] for c in ("event_id", "particle_id")}
        return batch.with_tables(Table("true_states", {**keys, "location": location, **columns}))

    def describe(self) -> dict[str, Any]:
        """Return the name of the stage and the kick."""
        from dataclasses import asdict

        return {"stage": self.name, "single_kick": asdict(self.detector.single_kick)}
