"""The decays that the validation looks at, as trees of composites and tracks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lamarr.errors import raise_unknown
from lamarr.generation.species import particle_id

__all__ = ["DECAYS", "Composite", "Decay", "TrackOf", "decay"]


@dataclass(frozen=True)
class TrackOf:
    """A charged product: its label in names of observables, and its species (signed)."""

    label: str
    species: str

    @property
    def pid(self) -> int:
        """PDG id."""
        return particle_id(self.species)


@dataclass(frozen=True)
class Composite:
    """A particle that decays: label, species, and products in order."""

    label: str
    species: str
    products: tuple[Composite | TrackOf, ...]

    @property
    def pid(self) -> int:
        """PDG id."""
        return particle_id(self.species)

    @property
    def tracks(self) -> tuple[TrackOf, ...]:
        """Charged products at the end of the tree, in order."""
        return tuple(t for p in self.products for t in ((p,) if isinstance(p, TrackOf) else p.tracks))

    def walk(self, first: int = 0) -> Iterator[tuple[Composite, int]]:
        """Give every composite of the tree, products before heads, with the number of its first track."""
        at = first
        for product in self.products:
            if isinstance(product, Composite):
                yield from product.walk(at)
                at += len(product.tracks)
            else:
                at += 1
        yield self, first


@dataclass(frozen=True, kw_only=True)
class Decay:
    """A decay that is validated.

    Attributes
    ----------
    name : str
    descriptor : str
        For the generators.
    head : Composite
        What is built of the tracks.
    photon : bool
        Whether a photon belongs to it, too, which the tree leaves out.
    window : tuple of str and floats
        Label of the composite whose mass is the headline, and its range in MeV.
    """

    name: str
    descriptor: str
    head: Composite
    photon: bool = False
    window: tuple[str, float, float]
    narrow: bool = True
    """Whether the width of that peak is the resolution."""


_JPSI: Final = Composite("Jpsi", "J/psi(1S)", (TrackOf("mup", "mu+"), TrackOf("mum", "mu-")))
_LC: Final = Composite("Lc", "Lambda_c+", (TrackOf("p", "p+"), TrackOf("K", "K-"), TrackOf("pi", "pi+")))

_ALL: Final = (
    Decay(
        name="Lb2LcMuNu",
        descriptor="[Lambda_b0 -> (Lambda_c+ -> p+ K- pi+) mu- anti-nu_mu]cc",
        head=Composite("Lb", "Lambda_b0", (_LC, TrackOf("mu", "mu-"))),
        window=("Lc", 2246.0, 2326.0),
    ),
    Decay(
        name="B2ChicK",
        descriptor="[B+ -> (chi_c1(1P) -> (J/psi(1S) -> mu+ mu-) gamma) K+]cc",
        head=Composite("B", "B+", (_JPSI, TrackOf("K", "K+"))),
        photon=True,
        window=("Jpsi", 3017.0, 3177.0),
    ),
    Decay(
        name="DstD0Pi",
        descriptor="[D*(2010)+ -> (D0 -> K- pi+) pi+]cc",
        head=Composite(
            "Dst",
            "D*(2010)+",
            (
                Composite("D0", "D0", (TrackOf("K", "K-"), TrackOf("pi", "pi+"))),
                TrackOf("soft", "pi+"),
            ),
        ),
        window=("D0", 1805.0, 1925.0),
    ),
    Decay(
        name="Bs2JpsiPhi",
        descriptor="[B_s0 -> (J/psi(1S) -> mu+ mu-) (phi(1020) -> K+ K-)]cc",
        head=Composite(
            "Bs",
            "B_s0",
            (_JPSI, Composite("phi", "phi(1020)", (TrackOf("Kp", "K+"), TrackOf("Km", "K-")))),
        ),
        window=("Bs", 5286.0, 5446.0),
    ),
    Decay(
        name="B02KstGamma",
        descriptor="[B0 -> (K*(892)0 -> K+ pi-) gamma]cc",
        head=Composite("Kst", "K*(892)0", (TrackOf("K", "K+"), TrackOf("pi", "pi-"))),
        photon=True,
        window=("Kst", 740.0, 1050.0),
        narrow=False,
    ),
)

DECAYS: Final = {d.name: d for d in _ALL}
"""Decays by name."""


def decay(name: str) -> Decay:
    """Return the decay `name`; one that does not exist is answered with near misses."""
    if name not in DECAYS:
        raise_unknown("decay of the validation", name, DECAYS)
    return DECAYS[name]
