"""The specification of a particle gun in one line, as ``lamarr simulate --gun`` takes it.

mu-                                        one species; defaults for the momentum
[K+]cc,pi+                                 several, with antiparticles
mu- p=log(2,100) eta=2:5                   momentum in GeV: log-uniform; pseudorapidity: uniform
p+ pt=1:10 phi=0                           transverse momentum uniform, azimuth (rad) fixed
pi+ pt=histogram(spectrum.csv)             a histogram: .csv, .npz or file.root:name, momenta in MeV
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lamarr.errors import ConfigurationError, raise_unknown
from lamarr.units import GeV

if TYPE_CHECKING:
    from lamarr.generation import Kinematics, Spectrum

__all__ = ["parse_gun"]

_KEYS = ("p", "pt", "eta", "phi")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


def parse_gun(text: str) -> tuple[list[str], Kinematics | None]:
    """Return the particles and the kinematics of a specification; None if it says nothing of them.

    Raises
    ------
    ConfigurationError
        If it cannot be understood.
    """
    from lamarr.generation import Kinematics

    words = text.split()
    particles = [p for word in words if "=" not in word for p in word.split(",") if p]
    if not particles:
        raise ConfigurationError(f"a gun needs a particle, such as 'mu- p=2:100', but got '{text}'")
    spectra: dict[str, Spectrum] = {}
    for word in words:
        if "=" not in word:
            continue
        key, _, value = word.partition("=")
        if key not in _KEYS:
            raise_unknown("quantity of a gun", key, _KEYS, ConfigurationError)
        spectra[key] = _spectrum(value, GeV if key in ("p", "pt") else 1.0, word)
    return particles, Kinematics(**spectra) if spectra else None


def _spectrum(text: str, unit: float, word: str) -> Spectrum:
    from lamarr.generation import Fixed, Histogram, LogUniform, Uniform

    if match := re.fullmatch(rf"({_NUMBER})", text):
        return Fixed(float(match[1]) * unit)
    if match := re.fullmatch(rf"({_NUMBER}):({_NUMBER})", text):
        return Uniform(float(match[1]) * unit, float(match[2]) * unit)
    if match := re.fullmatch(rf"log\(({_NUMBER})[,:]({_NUMBER})\)", text):
        return LogUniform(float(match[1]) * unit, float(match[2]) * unit)
    if match := re.fullmatch(r"histogram\((.+)\)", text):
        return Histogram.read(match[1])
    raise ConfigurationError(
        f"a spectrum is a number, LOW:HIGH, log(LOW,HIGH) or histogram(FILE), but got '{word}'"
    )
