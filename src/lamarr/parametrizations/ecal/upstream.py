"""What happens on the way: conversions, bremsstrahlung and interactions turn source objects into arrivals.

- A photon converts as the matter in front says; its energy is shared uniformly by a pair (Bethe and Heitler,
  without screening's rise at the ends). In front of the magnet both are bent apart.
- An electron, of a pair or a source object, radiates in front of the magnet: −ln(1 − f) follows the Γ
  distribution of t/ln 2, t being the radiation lengths (Bethe and Heitler, Proc. R. Soc. A 146 (1934) 83).
  What it radiates goes straight on; what is left is bent as its momentum says. Radiation behind the
  magnet arrives with the electron.
- A hadron that interacts gives a leading hadron with 10 to 50 % of the energy, and shares 80 % of the rest
  among 1 + Poisson(3 ln(1 + E/GeV)) pieces with 300 MeV of transverse momentum, a third of them photons:
  chosen so that hadrons of 300 detailed events have as many clusters.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detector import Detector, States, behind_the_magnet
from lamarr.parametrizations.ecal.columns import Columns, Kind
from lamarr.parametrizations.ecal.matter import ANGLES, Matter

__all__ = ["MEASURED", "arrivals"]

Floats = NDArray[np.float64]

_NAMES: Final = ("x", "y", "tx", "ty", "energy")
_MAGNET: Final = 5260.0
"""Centre of the magnet (mm): what is radiated before goes straight on."""

_TRANSVERSE: Final = 300.0
"""Transverse momentum of a piece, each component, MeV."""

MEASURED: Final = "measured"
"""Optional column of source objects: momentum (MeV) of the long track of an electron, NaN without one. What
it lacks was radiated in front of the magnet: clusters and tracks of an electron then belong together."""

_NOTICED: Final = 0.02
"""Share of the momentum below which a track's loss is its resolution."""

_LEADING: Final = (0.1, 0.5)
_PIECES: Final = 3.0
_ARRIVING: Final = 0.8


def arrivals(c: Columns, detector: Detector, z: float, known: Matter, rng: np.random.Generator) -> Columns:
    """Return what arrives at the plane `z` (mm) of the source objects of one event.

    Returns
    -------
    dict of str to array (n,)
        ``source`` (row of the source object), ``kind``, ``x``, ``y`` (mm), ``tx``, ``ty``, ``energy`` (MeV).
    """
    n = len(c["energy"])
    slope = np.hypot(c["x_line"], c["y_line"]) / np.maximum(z - c["z_origin"], 1.0)
    slope = np.minimum(slope, ANGLES[-2])  # of what is produced close by only the class counts
    hadron = (c["kind"] == Kind.CHARGED_HADRON) | (c["kind"] == Kind.NEUTRAL_HADRON)
    draw = rng.uniform(size=n)
    where = np.full(n, np.inf)
    for which, depth in ((c["kind"] == Kind.PHOTON, known.photons), (hadron, known.hadrons)):
        where[which] = known.place(depth, slope[which], c["z_origin"][which], draw[which])
    through = np.isinf(where) & (c["kind"] != Kind.ELECTRON)
    pieces = [{"source": np.flatnonzero(through), "kind": c["kind"][through], **_of(c, through)}]
    photons = np.flatnonzero(np.isfinite(where) & (c["kind"] == Kind.PHOTON))
    pairs = _pairs(c, photons, where[photons], rng)
    electrons = np.flatnonzero(c["kind"] == Kind.ELECTRON)
    pieces += _electrons(pairs, slope[pairs["source"]], known, detector, z, rng)
    own = _as_charged(c, electrons, z, float(np.sign(detector.single_kick.delta_px)))
    pieces += _electrons(own, slope[electrons], known, detector, z, rng)
    interacting = np.flatnonzero(np.isfinite(where) & hadron)
    pieces.append(_debris(c, interacting, where[interacting], z, rng))
    return {k: np.concatenate([p[k] for p in pieces]) for k in ("source", "kind", *_NAMES)}


def _of(c: Columns, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Columns:
    return {name: c[name][rows] for name in _NAMES}


def _line(c: Columns, rows: NDArray[np.int64], z: float) -> Columns:
    """Slopes of the production directions, taken from the axis at z_origin."""
    way = np.maximum(z - c["z_origin"][rows], 1.0)
    return {"tx": c["x_line"][rows] / way, "ty": c["y_line"][rows] / way}


def _pairs(c: Columns, rows: NDArray[np.int64], where: Floats, rng: np.random.Generator) -> Columns:
    share = rng.uniform(size=len(rows))
    twice = np.tile(rows, 2)
    return {
        "source": twice,
        "begin": np.tile(where, 2),
        "charge": np.repeat([1.0, -1.0], len(rows)),
        "x_line": c["x"][twice],
        "y_line": c["y"][twice],
        "tx": c["tx"][twice],
        "ty": c["ty"][twice],
        "energy": c["energy"][twice] * np.concatenate([share, 1 - share]),
    }


def _as_charged(c: Columns, rows: NDArray[np.int64], z: float, field: float) -> Columns:
    """Electrons among the source objects; the side to which they are bent tells their charge."""
    bent = field * np.sign(c["x"][rows] - c["x_line"][rows])
    return {
        "source": rows,
        "begin": c["z_origin"][rows],
        "charge": np.where(bent == 0, 1.0, bent),
        "x_line": c["x_line"][rows],
        "y_line": c["y_line"][rows],
        **_line(c, rows, z),
        "energy": c["energy"][rows],
        "measured": c[MEASURED][rows] if MEASURED in c else np.full(len(rows), np.nan),
    }


def _electrons(
    e: Columns, slope: Floats, known: Matter, detector: Detector, z: float, rng: np.random.Generator
) -> list[Columns]:
    """Return the photons that electrons radiate in front of the magnet, and the electrons, bent."""
    depth = known.below(known.photons, slope, _MAGNET) - known.below(known.photons, slope, e["begin"])
    lengths = 9.0 / 7.0 * np.maximum(depth, 0.0)
    radiated = -np.expm1(-rng.gamma(np.maximum(lengths, 1e-9) / np.log(2)))
    if "measured" in e:  # a track has been measured with what was left
        lost = 1 - e["measured"] / e["energy"]
        radiated = np.where(
            np.isfinite(lost), np.where(lost > _NOTICED, np.minimum(lost, 1.0), 0.0), radiated
        )
    line = {"x": e["x_line"], "y": e["y_line"], "tx": e["tx"], "ty": e["ty"]}
    photon = {"source": e["source"], "kind": np.full(len(slope), Kind.PHOTON), **line}
    photon["energy"] = e["energy"] * radiated
    left = np.maximum(e["energy"] * (1 - radiated), 1e-3)
    begin = np.minimum(e["begin"], z - 1.0)
    start = States(
        x=e["x_line"] - e["tx"] * (z - begin),
        y=e["y_line"] - e["ty"] * (z - begin),
        z=begin,
        tx=e["tx"],
        ty=e["ty"],
        qop=e["charge"] / left,
    )
    behind, arrives = behind_the_magnet(detector.single_kick, start)
    straight = start.z >= detector.single_kick.a0
    bent = {
        "x": behind.x + behind.tx * (z - behind.z),
        "y": behind.y + behind.ty * (z - behind.z),
        "tx": behind.tx,
        "ty": behind.ty,
        "energy": left,
    }
    electron = {"source": e["source"], "kind": np.full(len(slope), Kind.ELECTRON), **bent}
    keep = arrives | straight
    return [photon, {k: v[keep] for k, v in electron.items()}]


def _debris(
    c: Columns, rows: NDArray[np.int64], where: Floats, z: float, rng: np.random.Generator
) -> Columns:
    """Return a leading hadron and pieces for each hadron that interacts at z = `where`."""
    number = 2 + rng.poisson(_PIECES * np.log1p(c["energy"][rows] * 1e-3))
    owner = np.repeat(np.arange(len(rows)), number)
    leading = np.diff(owner, prepend=-1) > 0
    lead = rng.uniform(*_LEADING, len(rows))
    part = np.where(leading, 0.0, rng.exponential(size=len(owner)))
    total = np.bincount(owner, part, minlength=len(rows))
    share = np.where(
        leading, lead[owner], _ARRIVING * (1 - lead[owner]) * part / np.maximum(total, 1e-12)[owner]
    )
    energy = c["energy"][rows][owner] * share
    kind = np.where(rng.uniform(size=len(owner)) < 1 / 3, Kind.PHOTON, Kind.CHARGED_HADRON)
    kind = np.where(leading, c["kind"][rows][owner], kind)
    kick = rng.normal(size=(2, len(owner))) * _TRANSVERSE / np.maximum(energy, 50.0)
    tx, ty = (np.clip(c[t][rows][owner] + k, -1, 1) for t, k in zip(("tx", "ty"), kick, strict=True))
    way = z - where[owner]
    x = c["x"][rows][owner] + (tx - c["tx"][rows][owner]) * way
    y = c["y"][rows][owner] + (ty - c["ty"][rows][owner]) * way
    return {"source": rows[owner], "kind": kind, "x": x, "y": y, "tx": tx, "ty": ty, "energy": energy}
