"""How much matter particles meet in front of the calorimeters, by angle and along z."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["ANGLES", "EDGES", "Matter", "matter"]

Floats = NDArray[np.float64]

ANGLES: Final = (0.0, 0.012, 0.02, 0.035, 0.06, 0.1, 0.16, 10.0)
"""Borders of the classes of tan θ."""

EDGES: Final = (
    *(-200.0, 0.0, 200.0, 450.0, 800.0, 1000.0, 1500.0, 2150.0, 2350.0, 2700.0, 4000.0, 5300.0),
    *(7600.0, 7950.0, 8400.0, 8700.0, 9100.0, 9450.0, 10500.0, 11900.0, 12280.0),
)
"""Borders of the slices along z, mm; the last is the front of the calorimeters."""


@dataclass(frozen=True, kw_only=True)
class Matter:
    """Depths (angles, slices): expected conversions of a photon, and interactions of a hadron.

    The expected number of conversions is 7/9 of the radiation lengths.
    """

    photons: Floats
    hadrons: Floats

    def below(self, depth: Floats, slope: Floats, z: Any) -> Floats:
        """Return the depth (n,) between z = −200 mm and `z` along directions of tan θ = `slope`."""
        angle = np.digitize(slope, ANGLES) - 1
        edges = np.asarray(EDGES)
        total = np.concatenate([np.zeros((len(depth), 1)), np.cumsum(depth, axis=1)], axis=1)
        z = np.clip(np.broadcast_to(z, slope.shape), edges[0], edges[-1])
        k = np.clip(np.searchsorted(edges, z, side="right") - 1, 0, len(edges) - 2)
        share = (z - edges[k]) / (edges[k + 1] - edges[k])
        result: Floats = total[angle, k] + share * depth[angle, k]
        return result

    def place(self, depth: Floats, slope: Floats, begin: Floats, draw: Floats) -> Floats:
        """Where along z (mm, n) particles from z = `begin` convert or interact; ∞ where they get through.

        Parameters
        ----------
        depth : array
            ``photons`` or ``hadrons``.
        slope, begin, draw : array (n,)
            tan θ, mm, and uniform numbers in (0, 1).
        """
        angle = np.digitize(slope, ANGLES) - 1
        wanted = self.below(depth, slope, begin) - np.log(draw)
        total = np.concatenate([np.zeros((len(depth), 1)), np.cumsum(depth, axis=1)], axis=1)[angle]
        k = np.minimum((total <= wanted[:, None]).sum(axis=1) - 1, depth.shape[1] - 1)
        edges = np.asarray(EDGES)
        own = np.take_along_axis(total, k[:, None], 1)[:, 0]
        step = np.maximum(depth[angle, k], 1e-12)
        z = edges[k] + (edges[k + 1] - edges[k]) * (wanted - own) / step
        return np.where(wanted < total[:, -1], z, np.inf)


@cache
def matter() -> Matter:
    """Return what is shipped: measured in detailed events by :mod:`lamarr.training.calorimeter.upstream`."""
    text = resources.files(__package__).joinpath("matter.json").read_text(encoding="utf-8")
    content = json.loads(text)
    return Matter(photons=np.array(content["photons"]), hadrons=np.array(content["hadrons"]))
