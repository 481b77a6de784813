"""True states: closest to the beam, and behind the magnet by a single kick."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamarr.detector import Detector, States, behind_the_magnet, closest_to_beam
from lamarr.events import Fate
from lamarr.flash.row_stage import New, RowStage
from lamarr.flash.stage import columns

__all__ = ["Propagate"]

CLOSEST_TO_BEAM, BEHIND_MAGNET = 1, 5


class Propagate(RowStage):
    """Write the true states of particles that are still in the chain.

    Location 1 is the point of the straight production line closest to the z axis. Location 5, at
    z = 9410 mm, exists for particles that are produced upstream of the kick and not turned round by it.
    """

    name = "propagate"
    creates = "true_states"
    reads = columns(
        particles=("event_id", "particle_id", "production_vertex", "px", "py", "pz", "charge", "fate"),
        vertices=("event_id", "vertex_id", "x", "y", "z"),
    )
    writes = columns(true_states=("event_id", "particle_id", "location", "x", "y", "z", "tx", "ty", "p"))

    def __init__(self, detector: Detector) -> None:
        self.detector = detector

    def selected(self, c: Any) -> Any:
        """Particles that no stage has rejected: undecided, or reconstructed."""
        return (c["fate"] == Fate.UNDECIDED) | (c["fate"] >= Fate.LONG)

    def outcome(self, c: Any, y: Any) -> list[New]:  # noqa: ARG002
        """Return the state closest to the beam and, if it gets there, the one behind the magnet."""
        px, py, pz = (c[name] for name in ("px", "py", "pz"))
        x, y_, z = (c[f"production.{axis}"] for axis in "xyz")
        p = np.sqrt(px**2 + py**2 + pz**2)
        tx, ty = px / pz, py / pz
        cx, cy, cz = closest_to_beam(x, y_, z, tx, ty)
        origin = States(x=x, y=y_, z=z, tx=tx, ty=ty, qop=c["charge"] / p)
        behind, arrives = behind_the_magnet(self.detector.single_kick, origin)
        near = {"x": cx, "y": cy, "z": cz, "tx": tx, "ty": ty}
        far = {name: getattr(behind, name) for name in near}
        key = {"particle_id": c["particle_id"], "p": p}
        return [
            New(columns={**key, "location": CLOSEST_TO_BEAM, **near}),
            New(columns={**key, "location": BEHIND_MAGNET, **far}, where=arrives),
        ]

    def describe(self) -> dict[str, Any]:
        """Return the name of the stage and the kick."""
        from dataclasses import asdict

        return {"stage": self.name, "single_kick": asdict(self.detector.single_kick)}
