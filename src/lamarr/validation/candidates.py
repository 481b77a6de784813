"""Candidates by truth: decays found through the mother links, their tracks, momenta and invariant masses.

No combinatorics and no selection: of each generated decay, the tracks that reconstruct its products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.errors import ConfigurationError, SchemaError
from lamarr.events import EventBatch, Table, TrackType
from lamarr.generation.species import conjugate

__all__ = ["Decays", "find_decays", "four_momenta", "invariant_mass", "track_rows"]

Rows = NDArray[np.int64]
_STRIDE = np.int64(2**31)


@dataclass(frozen=True, kw_only=True)
class Decays:
    """Decays of one kind and its charge conjugate.

    Attributes
    ----------
    head : array of int64 (decays,)
        Rows of the heads in the table of particles.
    daughters : array of int64 (decays, daughters)
        Rows of the products, in the order in which they were asked for; products of one species in the
        order of the table.
    """

    head: Rows
    daughters: Rows

    def __len__(self) -> int:
        return len(self.head)


def find_decays(batch: EventBatch, head: int, daughters: Sequence[int], *, complete: bool = True) -> Decays:
    """Find the decays head → daughters and their charge conjugates.

    A product may come from the head directly or through other particles (Λc+ → K*0 p, K*0 → K- π+);
    among nested heads (a generator's copies) it belongs to the nearest. A decay is found if each of the
    species asked for occurs among its products as often as asked for.

    Parameters
    ----------
    batch : EventBatch
        Generated events.
    head : int
        PDG id.
    daughters : sequence of int
        PDG ids, in the decay of `head`; those of its antiparticle are conjugated.
    complete : bool
        Refuse decays with further products that do not decay (neutrinos, photons); they are allowed if
        False.

    Raises
    ------
    ConfigurationError
        If no daughter is given.
    UnknownNameError
        If there is no particle with the PDG id of the head or of a daughter.
    SchemaError
        If the mother links run in a circle.

    Examples
    --------
    >>> import lamarr
    >>> events = lamarr.generate("[Lambda_c+ -> p+ K- pi+]cc", 10)
    >>> find_decays(events, 4122, (2212, -321, 211)).daughters.shape
    (10, 3)
    """
    if not daughters:
        raise ConfigurationError("at least one daughter must be given to find decays, but got none")
    t = batch["particles"]
    mother = batch.rows_of("particles", t["event_id"], t["mother"])
    heads = np.flatnonzero(np.isin(t["pid"], (head, conjugate(head))))
    owner = _nearest(mother, heads, t.rows)
    products = np.flatnonzero(owner >= 0)
    owner = owner[products]

    species, multiplicity = np.unique(np.asarray(daughters, np.int64), return_counts=True)
    is_particle = t["pid"][heads[owner]] == head
    kind = _kinds(t["pid"][products], is_particle, species)
    wanted = kind >= 0
    found = np.zeros((len(heads), len(species)), np.int64)
    np.add.at(found, (owner[wanted], kind[wanted]), 1)
    good = (found == multiplicity).all(axis=1)
    if complete:
        last = ~np.isin(products, mother)
        good &= np.bincount(owner[last], minlength=len(heads)) == len(daughters)

    wanted &= good[owner]
    order = np.lexsort((products[wanted], kind[wanted], owner[wanted]))
    ordered = products[wanted][order].reshape(-1, len(daughters))
    position = np.argsort(np.argsort(np.asarray(daughters), kind="stable"), kind="stable")
    return Decays(head=heads[good], daughters=ordered[:, position])


def track_rows(batch: EventBatch, particles: Rows, *, types: Sequence[TrackType] = (TrackType.LONG,)) -> Rows:
    """Rows in the table of tracks, of any shape like `particles`, of the tracks of these types; −1 if none.

    Of several tracks of one particle it is the first.
    """
    tracks, t = batch["tracks"], batch["particles"]
    chosen = np.flatnonzero(np.isin(tracks["type"], [int(k) for k in types]))
    track_keys = tracks["event_id"][chosen] * _STRIDE + tracks["particle_id"][chosen]
    order = np.argsort(track_keys, kind="stable")
    chosen, track_keys = chosen[order], track_keys[order]
    keys = t["event_id"][particles] * _STRIDE + t["particle_id"][particles]
    if not len(chosen):
        return np.full(keys.shape, -1, np.int64)
    at = np.minimum(np.searchsorted(track_keys, keys), len(chosen) - 1)
    rows: Rows = np.where(track_keys[at] == keys, chosen[at], -1)
    return rows


def four_momenta(table: Table, rows: Rows, masses: ArrayLike) -> NDArray[np.float64]:
    """Four-momenta (..., 4) = (E, px, py, pz) in MeV of rows (...) with mass hypotheses E² = p² + m².

    Parameters
    ----------
    table : Table
        Of tracks (reconstructed momenta) or particles (true ones).
    rows : array of int64 (...)
        All >= 0.
    masses : array
        In MeV; broadcast against `rows`.

    Raises
    ------
    SchemaError
        If a row is negative: that particle has no track.
    """
    if (rows < 0).any():
        raise SchemaError(
            f"rows >= 0 must hold for momenta, but {int((rows < 0).sum())} of {rows.size} name no row"
        )
    px, py, pz = (table[c][rows] for c in ("px", "py", "pz"))
    energy = np.sqrt(px**2 + py**2 + pz**2 + np.asarray(masses, np.float64) ** 2)
    return np.stack([energy, px, py, pz], axis=-1)


def invariant_mass(momenta: NDArray[Any]) -> NDArray[np.float64]:
    """Return m = √((ΣE)² − |Σp|²) in MeV of the sum over the last axis but one of momenta (..., n, 4).

    Examples
    --------
    >>> float(invariant_mass(np.array([[5.0, 3.0, 0.0, 0.0], [5.0, -3.0, 0.0, 0.0]])))
    10.0
    """
    e, x, y, z = np.moveaxis(momenta.sum(axis=-2), -1, 0)
    # Rounding may take a massless sum below zero.
    mass: NDArray[np.float64] = np.sqrt(np.maximum(e**2 - x**2 - y**2 - z**2, 0.0))
    return mass


def _kinds(
    pid: NDArray[Any], is_particle: NDArray[np.bool_], species: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Index in `species` of each product, conjugated in decays of the antiparticle; −1 if it is not there."""
    kind = np.full(len(pid), -1, np.int64)
    for i, known in enumerate(species.tolist()):
        kind[pid == np.where(is_particle, known, conjugate(known))] = i
    return kind


def _nearest(mother: Rows, heads: Rows, n: int) -> Rows:
    """Index in `heads` of the nearest ancestor of each of the `n` rows that is one; −1 if there is none."""
    index = np.full(n + 1, -1, np.int64)  # the last entry serves particles without a mother
    index[heads] = np.arange(len(heads))
    ancestor, owner = mother.copy(), index[mother]
    for _ in range(n):
        going = np.flatnonzero((owner < 0) & (ancestor >= 0))
        if not going.size:
            return owner
        ancestor[going] = mother[ancestor[going]]
        owner[going] = index[ancestor[going]]
    if ((owner < 0) & (ancestor >= 0)).any():
        raise SchemaError("mother links must lead to a particle without a mother, but run in a circle")
    return owner
