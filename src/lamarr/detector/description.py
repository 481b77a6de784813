"""The detector as frozen numbers: what one YAML file in ``data/`` declares.

Frame of LHCb: right-handed, z along the beam into the spectrometer, y up, origin at the nominal
interaction point. Lengths in mm, momenta in MeV, field in Tesla.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le

from lamarr.declaration import STRICT

__all__ = [
    "Acceptance",
    "BeamSpot",
    "Detector",
    "FieldProfile",
    "Planes",
    "PrimaryVertexSmearing",
    "SingleKick",
    "TripleGaussian",
]

Positive = Annotated[float, Gt(0)]
Fraction = Annotated[float, Ge(0), Le(1)]


class _Declared:
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@dataclass(frozen=True, kw_only=True)
class BeamSpot(_Declared):
    """Centre and standard deviations (mm) of the luminous region, a Gaussian in each axis."""

    x: float
    y: float
    z: float
    sigma_x: Positive
    sigma_y: Positive
    sigma_z: Positive


@dataclass(frozen=True, kw_only=True)
class Acceptance(_Declared):
    """Angular coverage: |tx| < `horizontal`, |ty| < `vertical`, √(tx² + ty²) > `beam_hole`; eta range.

    Bookkeeping for generator-level cuts; the probability to be inside the tracking acceptance is the
    acceptance model's.
    """

    horizontal: Positive
    vertical: Positive
    beam_hole: Positive
    eta_min: float
    eta_max: float


@dataclass(frozen=True, kw_only=True)
class FieldProfile(_Declared):
    """|By(0, 0, z)| = peak · exp(−½ |(z − centre) / width|^power), other width and power on each side."""

    peak: Positive
    centre: float
    upstream_width: Positive
    upstream_power: Positive
    downstream_width: Positive
    downstream_power: Positive


@dataclass(frozen=True, kw_only=True)
class Planes(_Declared):
    """z (mm) of reference planes along the beam."""

    velo_first: float
    velo_last: float
    rich1_begin: float
    rich1_end: float
    tt_begin: float
    tt_end: float
    magnet_begin: float
    magnet_end: float
    t_stations_begin: float
    t_stations_end: float
    rich2_begin: float
    rich2_end: float
    ecal: float
    hcal: float


@dataclass(frozen=True, kw_only=True)
class TripleGaussian(_Declared):
    """Reconstructed minus true: `mu` + N(0, σk), k drawn with probabilities f1, f2, 1 − f1 − f2 (mm)."""

    mu: float
    f1: Fraction
    f2: Fraction
    sigma1: Positive
    sigma2: Positive
    sigma3: Positive

    def __post_init__(self) -> None:
        if self.f1 + self.f2 > 1:
            raise ValueError(f"f1 + f2 <= 1 must hold, but got (f1={self.f1}, f2={self.f2})")

    @property
    def fractions(self) -> tuple[float, float, float]:
        """Probabilities of the three components."""
        return self.f1, self.f2, 1.0 - self.f1 - self.f2

    @property
    def sigmas(self) -> tuple[float, float, float]:
        """Standard deviations of the three components (mm)."""
        return self.sigma1, self.sigma2, self.sigma3


@dataclass(frozen=True, kw_only=True)
class PrimaryVertexSmearing(_Declared):
    """One triple Gaussian per axis; the axes are independent."""

    x: TripleGaussian
    y: TripleGaussian
    z: TripleGaussian


@dataclass(frozen=True, kw_only=True)
class SingleKick(_Declared):
    """The dipole as one kick: Δpx = `delta_px` · charge at z = a0 + a1 (q/p) + a2 (q/p)².

    Fitted by ``scripts/fit_single_kick.py`` for `p_min` < p < `p_max` (MeV); valid from the beam to `z_end`.
    Units: `delta_px` MeV, a0 mm, a1 mm·MeV, a2 mm·MeV². `max_error`: largest |x − x_RK4| at `z_end`
    (mm) of the fitted tracks; it is that of 2 GeV, and 100 times less at 20 GeV.
    """

    delta_px: float
    a0: float
    a1: float
    a2: float
    z_end: float
    p_min: Positive
    p_max: Positive
    max_error: Positive


@dataclass(frozen=True, kw_only=True)
class Detector(_Declared):
    """A data-taking year and magnet polarity of LHCb. Read one with :func:`lamarr.detector.load_detector`."""

    name: str
    year: int
    polarity: Literal["up", "down"]
    beam_spot: BeamSpot
    acceptance: Acceptance
    field: FieldProfile
    planes: Planes
    primary_vertex: PrimaryVertexSmearing
    single_kick: SingleKick

    @property
    def field_sign(self) -> int:
        """Sign of By: +1 for MagUp, −1 for MagDown (positive particles then bend towards +x)."""
        return 1 if self.polarity == "up" else -1

    @property
    def facts(self) -> dict[str, str | int]:
        """What files of simulated events say about their detector."""
        return {"detector": self.name, "year": self.year, "polarity": self.polarity}
