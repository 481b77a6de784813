"""From hits to tracks and primary vertices: what the detailed simulation calls for every event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.detailed.context import Context
from lamarr.detailed.records import RECO_TRACK, STATE_PLANES, SimEvent, TrackingResult
from lamarr.detailed.tracking.candidates import (
    Candidates,
    downstream_candidates,
    long_candidates,
    pack,
    upstream_candidates,
)
from lamarr.detailed.tracking.clones import best_of_clones, owner_of_tracks
from lamarr.detailed.tracking.fit import fit_many
from lamarr.detailed.tracking.ghosts import fit_features, ghost_probability
from lamarr.detailed.tracking.hits import Hits, digitise
from lamarr.detailed.tracking.reconstructible import reconstructible_particles
from lamarr.detailed.tracking.segments import Segments, t_segments, velo_segments
from lamarr.detailed.tracking.setup import Setup, setup_of
from lamarr.detailed.tracking.vertices import find_vertices
from lamarr.events import TrackType

__all__ = ["Found", "find_tracks", "ghost_features", "reconstruct"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SPREAD: Final = {TrackType.LONG: 0.05, TrackType.UPSTREAM: 1.0, TrackType.DOWNSTREAM: 0.05}
"""Relative error of q/p that the fit starts with, many times what it ends with."""
LARGEST_CHI2: Final = 3.0  # per degree of freedom, as LHCb asks of tracks
OUTLIERS: Final = 2
VELO_PT: Final = 0.4  # GeV: transverse momentum that LHCb gives to VELO tracks
FIXED: Final = 1e-3


@dataclass(frozen=True, kw_only=True)
class _Fitted:
    """Fitted tracks of one type, arrays over tracks."""

    type: int
    hits: Ints
    beam: Floats
    covariance: Floats
    states: Floats
    chi2: Floats
    n_dof: Ints
    velo: Ints
    t: Ints

    def take(self, rows: Any) -> _Fitted:
        return _Fitted(type=self.type, **{k: v[rows] for k, v in vars(self).items() if k != "type"})


@dataclass(frozen=True, kw_only=True)
class Found:
    """Hits, VELO segments and fitted tracks of an event; `groups` are long, upstream and downstream ones."""

    hits: Hits
    setup: Setup
    velo: Segments
    groups: tuple[_Fitted, _Fitted, _Fitted]

    def owners(self, group: _Fitted) -> Ints:
        """MC tracks of the tracks of a group, −1 for ghosts."""
        return owner_of_tracks(group.hits, self.hits.owners)


def reconstruct(event: SimEvent, context: Context) -> TrackingResult:
    """Reconstruct the tracks and primary vertices of an event.

    Depends on the event and the seed of the context alone. q/p of the result is in 1/MeV.
    """
    found = find_tracks(event, context)
    velo = found.velo
    # of VELO tracks alone, whose momenta are not known, as LHCb makes vertices in Run 2: twiki LHCbPVFitting
    lines = _fit_velo(velo, found.hits, found.setup)
    vertices = find_vertices(
        lines.beam, lines.covariance, _collisions(event, velo.track), context.detector.beam_spot
    )
    return TrackingResult(
        tracks=np.concatenate([_records(event, found, group) for group in found.groups]),
        vertices=vertices,
        n_velo_tracks=len(velo),
        reconstructible=reconstructible_particles(event, found.hits, found.setup),
    )


def find_tracks(event: SimEvent, context: Context) -> Found:
    """Find and fit the tracks of an event."""
    setup, hits = setup_of(context), digitise(event, context)
    rng = context.generator(event.event_id, "tracking.seeds")
    velo, t = velo_segments(event, hits, setup, rng), t_segments(event, hits, setup, rng)
    kick = context.detector.single_kick
    longs = _best(_fit(long_candidates(velo, t, hits, setup, kick), hits, setup), hits)
    free = _not_in(longs.velo, len(velo))
    upstream = _best(_fit(upstream_candidates(velo, free, hits, setup, rng), hits, setup), hits)
    free = _not_in(longs.t, len(t))
    downstream = _best(_fit(downstream_candidates(t, free, hits, setup, rng), hits, setup), hits)
    return Found(hits=hits, setup=setup, velo=velo, groups=(longs, upstream, downstream))


def ghost_features(group: _Fitted, found: Found) -> Floats:
    """Features of the ghost probability for the tracks of a group."""
    return fit_features(group.type, group.beam, group.chi2, group.n_dof, group.hits, found.hits, found.setup)


def _not_in(used: Ints, n: int) -> Ints:
    return np.setdiff1d(np.arange(n), used)


def _fit(candidates: Candidates, hits: Hits, setup: Setup, spread: float | None = None) -> _Fitted:
    rows = candidates.hits.copy()
    beam, covariance, states, chi2, n_dof, _ = fit_many(
        setup.tables, rows, hits.plane, setup.planes.z, setup.planes.kind, hits.values, candidates.seeds,
        SPREAD[TrackType(candidates.type)] if spread is None else spread,
        setup.z_states if spread is None else np.zeros(0), OUTLIERS,
    )  # fmt: skip
    return _Fitted(
        type=candidates.type,
        hits=rows,
        beam=beam,
        covariance=covariance,
        states=states,
        chi2=chi2,
        n_dof=n_dof,
        velo=candidates.velo,
        t=candidates.t,
    )


def _fit_velo(velo: Segments, hits: Hits, setup: Setup) -> _Fitted:
    """Fit all VELO segments alone, scattering with the transverse momentum of 400 MeV that LHCb assumes."""
    seeds = velo.start.copy()
    slope = np.hypot(seeds[:, 2], seeds[:, 3])
    seeds[:, 4] = slope / np.sqrt(1 + slope**2) / VELO_PT
    candidates = Candidates(
        type=TrackType.UPSTREAM,
        hits=pack(velo.hits),
        seeds=seeds,
        velo=np.arange(len(velo)),
        t=np.full(len(velo), -1),
    )
    return _fit(candidates, hits, setup, FIXED)


def _best(tracks: _Fitted, hits: Hits) -> _Fitted:
    """Drop bad fits, then clones: of tracks that share hits that with the better fit and more hits stays."""
    good = np.isfinite(tracks.chi2) & np.isfinite(tracks.beam).all(axis=1) & (tracks.n_dof > 0)
    per_dof = tracks.chi2 / np.maximum(tracks.n_dof, 1)
    good &= (per_dof < LARGEST_CHI2) & (np.diagonal(tracks.covariance, axis1=1, axis2=2) > 0).all(axis=1)
    tracks, per_dof = tracks.take(good), per_dof[good]
    order = np.argsort(per_dof - 0.05 * tracks.n_dof, kind="stable")
    return tracks.take(best_of_clones(tracks.hits, order, len(hits.plane)))


def _collisions(event: SimEvent, track: Ints) -> Ints:
    rows = event.row_of_track(track)
    found = event.tracks["collision_id"][rows] if len(track) else np.zeros(0)
    return np.where(rows >= 0, found, -1).astype(np.int64)


def _records(event: SimEvent, found: Found, fitted: _Fitted) -> Any:
    out = np.zeros(len(fitted.hits), RECO_TRACK)
    out["type"] = fitted.type
    out["track"] = found.owners(fitted)
    rows = event.row_of_track(out["track"])
    known = rows >= 0
    out["particle_id"] = -1
    out["particle_id"][known] = event.tracks["particle_id"][rows[known]]
    out["pid"][known] = event.tracks["pid"][rows[known]]
    out["charge"] = np.sign(fitted.beam[:, 5])
    out["n_hits"], out["n_dof"] = (fitted.hits >= 0).sum(axis=1), fitted.n_dof
    out["chi2"] = fitted.chi2
    out["ghost_prob"] = ghost_probability(ghost_features(fitted, found))
    for i, name in enumerate(("x", "y", "z", "tx", "ty", "qop")):
        out["state"][name][:, 0] = fitted.beam[:, i] * (1e-3 if name == "qop" else 1.0)
    for i, name in enumerate(("x", "y", "tx", "ty", "qop")):
        out["state"][name][:, 1:] = fitted.states[:, :, i] * (1e-3 if name == "qop" else 1.0)
    out["state"]["z"][:, 1:] = found.setup.z_states
    _blank(out["state"], fitted.type)
    scale = np.array([1, 1, 1, 1, 1e-3])
    symmetric = 0.5 * (fitted.covariance + np.swapaxes(fitted.covariance, 1, 2))
    out["covariance"] = symmetric * scale * scale[:, None]
    return out


def _blank(states: Any, track_type: int) -> None:
    """Hide where tracks were not measured: upstream ones behind the magnet, downstream ones in RICH1."""
    if track_type == TrackType.UPSTREAM:
        hidden = STATE_PLANES[STATE_PLANES.index("t_begin") :]
    elif track_type == TrackType.DOWNSTREAM:
        hidden = ("rich1_begin", "rich1_end")
    else:
        return
    for name in hidden:
        states[:, STATE_PLANES.index(name)] = np.nan
