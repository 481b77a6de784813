"""Names of samples: what is generated for each, and how many events the two sizes have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol

from lamarr.detailed.samples.embedding import SPECIES, Embedded
from lamarr.errors import ConfigurationError, raise_unknown
from lamarr.events import generation_digest
from lamarr.flash.sources import NamedSource, open_pythia
from lamarr.generation.redecay import Repeated

__all__ = ["NU", "SAMPLES", "Sample", "sample_named"]

NU: Final = 1.6
"""Mean number of pp collisions per crossing, as in LHCb's simulation of 2016."""


class Opener(Protocol):
    """Opens the events of a sample."""

    def __call__(self, n: int, seed: int, *, redecay: int = 1, in_acceptance: bool = False) -> NamedSource:
        """Return `n` events, of which `redecay` in a row share what is not from the signal."""
        ...


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A sample: how its events are generated, and how many make it small and large."""

    meaning: str
    open: Opener
    small: int
    large: int


def _pythia(what: str, signal: str | None = None) -> Opener:
    def opened(n: int, seed: int, *, redecay: int = 1, in_acceptance: bool = False) -> NamedSource:
        return open_pythia(what, n, seed, signal=signal, nu=NU, redecay=redecay, in_acceptance=in_acceptance)

    return opened


def _balanced(n: int, seed: int, *, redecay: int = 1, in_acceptance: bool = False) -> NamedSource:
    if in_acceptance:
        raise ConfigurationError("embedded particles are shot into the acceptance anyhow: no cut is needed")
    inner = open_pythia("minbias", -(-n // redecay), seed, nu=NU)
    shots = [[s.particle, s.p, s.eta] for s in SPECIES]
    options: dict[str, Any] = {"redecay": redecay} if redecay > 1 else {}
    identity = {**inner.identity, "embedded": shots, "n": n, **options}
    events = Repeated(inner.source, redecay, n) if redecay > 1 else inner.source
    facts = {"decay": "minbias with embedded particles", "generation": generation_digest(identity), **options}
    return NamedSource(source=Embedded(events, seed=seed), identity=identity, batch_size=1, facts=facts)


def _signal(meaning: str, decay: str, what: str = "bbbar") -> Sample:
    return Sample(meaning=meaning, open=_pythia(what, decay), small=150, large=5000)


SAMPLES: Final[Mapping[str, Sample]] = MappingProxyType(
    {
        "balanced": Sample(
            meaning="ten charged particles and two photons, flat in log p and η, in each minimum-bias event",
            open=_balanced,
            small=2000,
            large=46_000,
        ),
        "minbias": Sample(meaning="inelastic collisions", open=_pythia("minbias"), small=800, large=10_000),
        "bbbar": Sample(meaning="pairs of b quarks", open=_pythia("bbbar"), small=150, large=5000),
        "ccbar": Sample(meaning="pairs of c quarks", open=_pythia("ccbar"), small=150, large=5000),
        "Lb2LcMuNu": _signal("Λb → Λc μ ν", "[Lambda_b0 -> (Lambda_c+ -> p+ K- pi+) mu- anti-nu_mu]cc"),
        "B2ChicK": _signal("B⁺ → χc1 K⁺ with a photon", "[B+ -> (chi_c1 -> (J/psi -> mu+ mu-) gamma) K+]cc"),
        "DstD0Pi": _signal("D*⁺ → D⁰ π⁺", "[D*(2010)+ -> (D0 -> K- pi+) pi+]cc", "ccbar"),
        "Bu2JpsiK_ee": _signal("B⁺ → J/ψ K⁺ to ee", "[B+ -> (J/psi -> e+ e-) K+]cc"),
        "Bu2JpsiK_mumm": _signal("B⁺ → J/ψ K⁺ to μμ", "[B+ -> (J/psi -> mu+ mu-) K+]cc"),
        "Bs2JpsiPhi": _signal("Bs → J/ψ φ", "[B_s0 -> (J/psi -> mu+ mu-) (phi -> K+ K-)]cc"),
        "B02KstGamma": _signal("B⁰ → K*⁰ γ", "[B0 -> (K*(892)0 -> K+ pi-) gamma]cc"),
    }
)
"""Samples by name. The heavy-flavour cocktail is `bbbar` and `ccbar`."""


def sample_named(name: str) -> Sample:
    """Return the sample `name`; a name that does not exist is answered with near misses.

    Raises
    ------
    UnknownNameError
        If there is no such sample.
    """
    if name not in SAMPLES:
        raise_unknown("sample", name, SAMPLES)
    return SAMPLES[name]
