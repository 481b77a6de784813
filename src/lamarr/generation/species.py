"""Names of particles, and what the `particle` package knows of them: mass, width, lifetime, conjugate.

Every common way to write a name is understood: LHCb's (``Lambda_c+``, ``K*(892)~0``, ``KS0``), EvtGen's
(``anti-K*0``, ``K_S0``), the PDG's (``Lambda(c)+``), programmatic ones (``Lambda_c_plus``), ``phi`` for
``phi(1020)`` and the like, and ``anti-X`` or ``X~`` of any of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from lamarr.errors import UnknownNameError, raise_unknown

if TYPE_CHECKING:
    from particle import Particle

__all__ = ["Species", "conjugate", "particle_id", "species", "species_name"]

NARROW = 1e-3
"""Widths (MeV) below which the mass does not vary: no detector resolves a keV."""

_ALIASES = {
    "KS": 310,
    "KL": 130,
    "K_S": 310,
    "K_L": 130,
    "Jpsi": 443,
    "photon": 22,
    "nu_e_bar": -12,
    "proton": 2212,
    "pbar": -2212,
    "antiproton": -2212,
    "p~": -2212,
    "nbar": -2112,
    "neutron": 2112,
    "deuteron": 1000010020,
}


@dataclass(frozen=True, kw_only=True)
class Species:
    """A particle species: PDG id, LHCb's name, mass and width in MeV, mean lifetime in ns, charge in e."""

    pid: int
    name: str
    mass: float
    width: float
    lifetime: float
    charge: int

    @property
    def mass_range(self) -> tuple[float, float]:
        """Masses (MeV) that it can have: mass ± 15 widths as in EvtGen, one value if it is narrow."""
        if self.width < NARROW:
            return self.mass, self.mass
        return max(self.mass - 15 * self.width, 0.0), self.mass + 15 * self.width


@cache
def _names() -> dict[str, int]:
    from particle import Particle

    table: dict[str, int] = {}
    everything = [p for p in Particle.all() if not p.pdgid.is_nucleus or abs(int(p.pdgid)) in (2212, 2112)]
    everything.sort(key=lambda p: (abs(int(p.pdgid)), int(p.pdgid) < 0))
    for p in everything:
        table.setdefault(_lhcb_name(p), int(p.pdgid))
    for attribute in ("evtgen_name", "name", "programmatic_name"):
        for p in everything:
            if name := _attribute(p, attribute):
                table.setdefault(name, int(p.pdgid))
    for shorten in (_subscripts, _without_mass):
        for name, pid in list(table.items()):
            table.setdefault(shorten(name), pid)
    return {**_ALIASES, **table}


def _subscripts(name: str) -> str:
    return re.sub(r"^(\w+)\(([a-z]+\d?)\)", r"\1_\2", name)


def _without_mass(name: str) -> str:
    return re.sub(r"\((\d+|\d[SPD])\)", "", name)


def _attribute(p: Particle, attribute: str) -> str | None:
    try:
        return str(getattr(p, attribute)) or None
    except Exception:
        # A few states have no name in one of the schemes; they are known by the others.
        return None


def _lhcb_name(p: Particle) -> str:
    from particle.lhcb import to_lhcb_name

    try:
        return str(to_lhcb_name(p))
    except Exception:
        return str(p.name)


@lru_cache(maxsize=4096)
def particle_id(name: str) -> int:
    """PDG id of the particle called `name`; also of the id itself written as digits.

    Raises
    ------
    UnknownNameError
        With the near misses.

    Examples
    --------
    >>> particle_id("Lambda_b0"), particle_id("anti-Lambda_b0"), particle_id("K*(892)~0"), particle_id("phi")
    (5122, -5122, -313, 333)
    """
    table = _names()
    if name in table:
        return table[name]
    if re.fullmatch(r"[+-]?\d+", name):
        return species(int(name)).pid
    plain = next((n for n in _antiparticle_of(name) if n in table), None)
    if plain is None:
        raise_unknown("particle", name, table)
    return conjugate(table[plain])


def _antiparticle_of(name: str) -> list[str]:
    if name.startswith("anti-"):
        return [name[5:]]
    if "~" not in name:
        return []
    plain = name.replace("~", "", 1)
    return [plain, plain.translate(str.maketrans("+-", "-+"))]


@lru_cache(maxsize=4096)
def conjugate(pid: int) -> int:
    """PDG id of the charge conjugate: itself for photons, π⁰, φ, K_S."""
    return int(_particle(pid).invert().pdgid)


@lru_cache(maxsize=4096)
def species(pid: int) -> Species:
    """Return what is known of the species with this PDG id; neutrinos have no mass here.

    Raises
    ------
    UnknownNameError
        If `particle` does not know the id, or not its mass or charge.
    """
    p = _particle(pid)
    mass = 0.0 if p.mass is None and abs(pid) in (12, 14, 16) else p.mass
    three_charge = p.three_charge
    if mass is None or three_charge is None or int(three_charge) % 3:
        raise UnknownNameError(f"'{p.name}' ({pid}) cannot fly: it has no known mass, or no integer charge")
    lifetime = float("inf") if p.lifetime is None else float(p.lifetime)
    return Species(
        pid=int(pid),
        name=_lhcb_name(p),
        mass=float(mass),
        width=float(p.width or 0.0),
        lifetime=lifetime,
        charge=int(three_charge) // 3,
    )


def species_name(pid: int) -> str:
    """LHCb's name of the species, the number itself if it has none."""
    try:
        return _lhcb_name(_particle(pid))
    except UnknownNameError:
        return str(pid)


def _particle(pid: int) -> Particle:
    from particle import InvalidParticle, Particle, ParticleNotFound
    from particle.exceptions import MatchingIDNotFound

    try:
        return Particle.from_pdgid(pid)
    except (MatchingIDNotFound, InvalidParticle, ParticleNotFound):
        raise UnknownNameError(f"no particle has the PDG id {pid}") from None
