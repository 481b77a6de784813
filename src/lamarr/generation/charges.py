"""Electric charges of PDG ids, from the tables of the `particle` package and, for nuclei, from the id."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.errors import UnknownNameError

__all__ = ["charges", "known_charges"]


def charges(pid: ArrayLike) -> NDArray[np.int8]:
    """Charges (rows,) in units of e of the species with the PDG ids `pid` (rows,).

    Raises
    ------
    UnknownNameError
        Naming the ids that stand for no particle with an integer charge. See :func:`known_charges`.

    Examples
    --------
    >>> charges([11, 3112, -3112, 3222, 3312, 3334, 1000010020]).tolist()
    [-1, -1, 1, 1, -1, -1, 1]
    """
    charge, known = known_charges(pid)
    if not known.all():
        ids = np.unique(np.asarray(pid)[~known]).tolist()
        raise UnknownNameError(f"no charge is known for the PDG ids {', '.join(map(str, ids))}")
    return charge


def known_charges(pid: ArrayLike) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Charges (rows,) in e, 0 where unknown, and whether they are known.

    Quarks and diquarks count as unknown: their charges are not integers.
    """
    ids = np.asarray(pid, np.int64)
    near = np.abs(ids) < _NEAR
    if near.all():
        code = _near_codes(ids)
    else:
        code = np.empty(ids.shape, np.int8)
        code[near] = _near_codes(ids[near])
        far, inverse = np.unique(ids[~near], return_inverse=True)
        code[~near] = np.array([_code(i) for i in far.tolist()], np.int8)[inverse.ravel()]
    known = code != _UNKNOWN
    return np.where(known, code, np.int8(0)), known


_NEAR, _UNKNOWN, _UNASKED = 10_000, 127, 126
_near = np.full(2 * _NEAR + 1, _UNASKED, np.int8)
"""Charges by PDG id + _NEAR, filled as they are asked for: nearly all particles are found here."""


def _near_codes(ids: NDArray[np.int64]) -> NDArray[np.int8]:
    at = ids + _NEAR
    codes = _near[at]
    if (new := codes == _UNASKED).any():
        for i in np.unique(ids[new]).tolist():
            _near[i + _NEAR] = _code(i)
        codes = _near[at]
    return codes


def _code(pid: int) -> int:
    charge = _charge(pid)
    return _UNKNOWN if charge is None else charge


@lru_cache(maxsize=65536)
def _charge(pid: int) -> int | None:
    """Charge by the table of species; by the quark content or Z of the id if that is none of them."""
    from particle import PDGID, InvalidParticle, Particle, ParticleNotFound

    number = PDGID(pid)
    try:
        three = Particle.from_pdgid(pid).three_charge
    except (InvalidParticle, ParticleNotFound):
        hadron_or_nucleus = number.is_valid and (number.is_nucleus or number.is_hadron)
        three = number.three_charge if hadron_or_nucleus else None
    if three is None or int(three) % 3:
        return None
    return int(three) // 3
