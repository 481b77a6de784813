"""Likelihoods of all tracks of an event from the photons in RICH1 and RICH2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.context import Context
from lamarr.detailed.records import SimEvent, TrackingResult
from lamarr.detailed.rich.expectation import Expectation, block_counts, expect
from lamarr.detailed.rich.likelihood import PION, maximise
from lamarr.detailed.rich.panels import BLOCK, Panels
from lamarr.detailed.rich.photons import hits
from lamarr.detailed.rich.radiator import Radiator
from lamarr.detailed.rich.rings import find_pairs
from lamarr.detector.geometry.identification import Rich

__all__ = ["RichResult", "identify"]

PASSES: Final = 2
"""Times that background and hypotheses are found in turn."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class RichResult:
    """What the RICH detectors say of an event.

    Attributes
    ----------
    dll : (n, 5)
        ln L − ln L(π) for e, μ, K, p and no light, of each reconstructed track; 0 where no gas was crossed.
    n_hits : (2,)
        Pixels hit in RICH1 and RICH2.
    """

    dll: Floats
    n_hits: Integers


def identify(event: SimEvent, tracking: TrackingResult, context: Context) -> RichResult:
    """Return the likelihood differences of all tracks of `event`."""
    pixels = []
    for number, rich in _detectors(context):
        own = event.rich_segments[event.rich_segments["radiator"] == number]
        pixels.append(hits(own, rich, context.generator(event.event_id, f"rich{number}")))
    dll = likelihoods(tracking, pixels, context)
    return RichResult(dll, np.array([len(p) for p in pixels], np.int64))


def likelihoods(tracking: TrackingResult, pixels: list[Integers], context: Context) -> Floats:
    """Return DLLs (n, 5) for the `pixels` hit in RICH1 and RICH2, in any order."""
    parts = [_Part(tracking, np.sort(p), *d) for p, d in zip(pixels, _detectors(context), strict=True)]
    n = len(tracking.tracks)
    mu = np.zeros((n, 6))
    for part in parts:
        mu[part.expectation.rows] += part.expectation.mu
    offset = len(parts[0].pixels)
    rows = np.concatenate([parts[0].rows, parts[1].rows])
    order = np.argsort(rows, kind="stable")
    pixel = np.concatenate([parts[0].hits, parts[1].hits + offset])[order]
    signal = np.concatenate([parts[0].signals, parts[1].signals])[order]
    begin = np.searchsorted(rows[order], np.arange(n + 1))
    hypothesis, gain = np.full(n, PION), np.zeros((n, 6))
    for _ in range(PASSES):
        background = np.concatenate([part.background(hypothesis) for part in parts])
        hypothesis, gain = maximise(hypothesis, background, begin, pixel, signal, mu)
    return gain[:, [0, 1, 3, 4, 5]]


def _detectors(context: Context) -> tuple[tuple[int, Rich], tuple[int, Rich]]:
    return (1, context.geometry.rich1), (2, context.geometry.rich2)


class _Part:
    """One RICH: its pixels, the expectations of the tracks in it, and their pairs."""

    def __init__(self, tracking: TrackingResult, pixels: Integers, number: int, rich: Rich) -> None:
        self.rich, self.pixels = rich, pixels
        self.panels, self.radiator = Panels(rich), Radiator(rich)
        self.expectation: Expectation = expect(tracking.tracks, rich, number)
        self.blocks = self.panels.blocks(pixels)
        self.rows, self.hits, self.signals = self._pairs()

    @property
    def noise(self) -> float:
        """Hits of no track expected in a pixel, at least."""
        return max(self.rich.noise_hits, 1.0) / self.panels.n_pixels

    def _pairs(self) -> tuple[Integers, Integers, Floats]:
        e, panels = self.expectation, self.panels
        panel, u, v = panels.positions(self.pixels)
        direction = np.stack([u, v, np.full(len(u), panels.focal_length)], axis=1)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        rows, numbers, signals = find_pairs(
            e.direction,
            e.mirror,
            self.radiator.length,
            e.theta,
            e.sigma,
            e.yields,
            direction,
            panel == 0,
            panels.split,
            panels.mirror_half,
            panels.hole,
            self.rich.pixel / panels.focal_length,
            (self.rich.tail, self.rich.tail_width),
            max(0.1 * self.noise, 0.01 * len(self.pixels) / panels.n_pixels),
        )
        return e.rows[rows], numbers, signals

    def background(self, hypothesis: Integers) -> Floats:
        """Background expected in each pixel hit: per photon detector, what no hypothesis explains."""
        e = self.expectation
        signal = block_counts(e, hypothesis[e.rows], self.radiator, self.panels)
        seen = np.bincount(self.blocks, minlength=self.panels.n_blocks)
        return np.maximum((seen - signal)[self.blocks], 0) / BLOCK**2 + self.noise
