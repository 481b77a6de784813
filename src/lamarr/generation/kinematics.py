"""Momenta of the particles that a gun shoots: p or pT, η and φ from spectra, or heavy-flavour spectra."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ConfigurationError, raise_unknown
from lamarr.generation.spectra import LogUniform, Spectrum, Uniform
from lamarr.random import Stream

__all__ = ["HeavyFlavour", "Kinematics", "Momentum", "default_momentum", "flavour_of"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
ACCEPTANCE = (1.8, 5.2)
"""Pseudorapidities in which guns shoot unless told otherwise: LHCb's 2 to 5 and a margin."""


class Momentum(Protocol):
    """A distribution of momenta."""

    def draw(self, seed: int, event: Integers, number: Integers | int = 0) -> Array:
        """Momenta (3, rows) in MeV of particle `number` of each `event`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Kinematics:
    """Independent spectra of the momentum `p` or the transverse momentum `pt` (MeV), of `eta` and `phi`.

    Unless given, p is log-uniform from 2 to 200 GeV, η uniform from 1.8 to 5.2, φ uniform on the circle.
    """

    p: Spectrum | None = None
    pt: Spectrum | None = None
    eta: Spectrum = field(default=Uniform(*ACCEPTANCE))
    phi: Spectrum = field(default=Uniform(-np.pi, np.pi))

    def __post_init__(self) -> None:
        if self.p is not None and self.pt is not None:
            raise ConfigurationError("a spectrum of p or one of pt must be given, but got both")

    def draw(self, seed: int, event: Integers, number: Integers | int = 0) -> Array:
        """Momenta (3, rows) in MeV of particle `number` of each `event`."""
        u = np.ascontiguousarray(Stream(seed, "generation.kinematics").uniform64(event, number, 3).T)
        eta, phi = self.eta.quantile(u[1]), self.phi.quantile(u[2])
        if self.pt is not None:
            return _cartesian(self.pt.quantile(u[0]), eta, phi)
        p = (self.p or LogUniform(2e3, 200e3)).quantile(u[0])
        return _cartesian(p / np.cosh(eta), eta, phi)


@dataclass(frozen=True, kw_only=True)
class HeavyFlavour:
    """Shipped spectra of b or c hadrons in pp collisions at 13 TeV: log pT and η with their correlation.

    Parameters
    ----------
    flavour : {"b", "c"}
        Flavour of the hadron.
    eta : tuple of two floats
        Range of pseudorapidity, within 0 to 8.

    Notes
    -----
    Made by ``scripts/fit_heavy_flavour_spectra.py`` from Pythia 8, see there; uniform in the cells.
    """

    flavour: str
    eta: tuple[float, float] = ACCEPTANCE

    def __post_init__(self) -> None:
        if self.flavour not in ("b", "c"):
            raise_unknown("flavour with a shipped spectrum", self.flavour, ("b", "c"), ConfigurationError)
        edges = heavy_flavour_table(self.flavour)[1]
        low, high = self.eta
        if not edges[0] <= low < high <= edges[-1]:
            raise ConfigurationError(
                f"{edges[0]:g} <= eta low < eta high <= {edges[-1]:g} must hold for the shipped spectra, "
                f"but got (low={low}, high={high})"
            )

    def draw(self, seed: int, event: Integers, number: Integers | int = 0) -> Array:
        """Momenta (3, rows) in MeV of particle `number` of each `event`."""
        log_pt, eta, cells = heavy_flavour_table(self.flavour)
        low, high = np.clip(eta[:-1], *self.eta), np.clip(eta[1:], *self.eta)
        weights = (cells * ((high - low) / np.diff(eta))).ravel()
        u = np.ascontiguousarray(Stream(seed, "generation.kinematics").uniform64(event, number, 4).T)
        cumulative = np.cumsum(weights)
        cell = np.searchsorted(cumulative, u[0] * cumulative[-1], side="right")
        i, j = np.divmod(np.minimum(cell, len(weights) - 1), len(eta) - 1)
        pt = np.exp(log_pt[i] + u[1] * np.diff(log_pt)[i])
        return _cartesian(pt, low[j] + u[2] * (high - low)[j], (2.0 * u[3] - 1.0) * np.pi)


@cache
def heavy_flavour_table(flavour: str) -> tuple[Array, Array, Array]:
    """Edges of ln(pT/MeV) (n + 1,) and of η (m + 1,), and the probability of each cell (n, m)."""
    with resources.files("lamarr.generation").joinpath("heavy_flavour.npz").open("rb") as file:
        table = np.load(file)
        return table["log_pt"], table["eta"], table[flavour].astype(np.float64)


def flavour_of(pid: int) -> str | None:
    """Heaviest of b and c in a hadron, None if it has neither.

    >>> flavour_of(-5122), flavour_of(421), flavour_of(321), flavour_of(443)
    ('b', 'c', None, 'c')
    """
    from particle import PDGID

    number = PDGID(pid)
    if number.is_hadron and number.has_bottom:
        return "b"
    return "c" if number.is_hadron and number.has_charm else None


def default_momentum(pid: int, eta: tuple[float, float] = ACCEPTANCE) -> Momentum:
    """Shipped spectrum for hadrons with b or c, else p log-uniform from 5 to 150 GeV and η uniform."""
    flavour = flavour_of(pid)
    if flavour is not None:
        return HeavyFlavour(flavour=flavour, eta=eta)
    return Kinematics(p=LogUniform(5e3, 150e3), eta=Uniform(*eta))


def _cartesian(pt: Array, eta: Array, phi: Array) -> Array:
    return np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)])
