"""Toy events in records of the detailed simulation: tracks from the origin with one kick in the magnet."""

import numpy as np

from lamarr.detailed.context import Context
from lamarr.detailed.records import (
    CALO_CELL,
    CALO_FACE,
    MC_TRACK,
    MUON_HIT,
    RECO_TRACK,
    RICH_SEGMENT,
    STATE_PLANES,
    TRACKER_HIT,
    VERTEX,
    SimEvent,
    TrackingResult,
)
from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry

MASS = {11: 0.511, 13: 105.66, 211: 139.57, 321: 493.68, 2212: 938.27}
KICK, Z_KICK = 1260.0, 5250.0


def context(seed=1):
    return Context(geometry=load_geometry(), detector=load_detector("lhcb2016-magup"), seed=seed)


def plane_z(geometry):
    g = geometry
    return {
        "beam": 0.0,
        "rich1_begin": g.rich1.z_begin,
        "rich1_end": g.rich1.z_end,
        "tt": g.tt.layers[-1],
        "t_begin": g.ot.layers[0],
        "t_end": 9450.0,
        "rich2_begin": g.rich2.z_begin,
        "rich2_end": g.rich2.z_end,
        "calo_front": g.calorimeter.front,
        "ecal": g.calorimeter.ecal.shower_max,
    }


def line(tx, ty, kick, z):
    """Positions and slopes at z of tracks from the origin."""
    behind = z > Z_KICK
    x = tx * z + np.where(behind, kick * (z - Z_KICK), 0)
    return x, ty * z, tx + np.where(behind, kick, 0), ty


def segments(tx, ty, kick, p, pid, geometry, track, inside2):
    parts = []
    for number, rich in ((1, geometry.rich1), (2, geometry.rich2)):
        row = np.zeros(len(p), RICH_SEGMENT)
        x, y, sx, sy = line(tx, ty, kick, rich.z_begin)
        row["radiator"], row["track"], row["pid"] = number, track, pid
        row["x"], row["y"], row["z"] = x, y, rich.z_begin
        depth = rich.mirror.z - rich.z_begin
        row["end_x"], row["end_y"], row["end_z"] = x + sx * depth, y + sy * depth, rich.mirror.z
        norm = p / np.sqrt(1 + sx**2 + sy**2)
        row["px"], row["py"], row["pz"] = norm * sx, norm * sy, norm
        parts.append(row if number == 1 else row[inside2])
    return np.concatenate(parts)


def reconstructed(tx, ty, kick, p, charge, geometry, inside2):
    tracks = np.zeros(len(p), RECO_TRACK)
    tracks["type"] = np.where(inside2, 3, 4)
    tracks["charge"] = charge
    tracks["track"] = np.arange(1, len(p) + 1)
    tracks["particle_id"] = np.arange(len(p))
    for i, (name, z) in enumerate(zip(STATE_PLANES, plane_z(geometry).values(), strict=True)):
        state = tracks["state"][:, i]
        x, y, sx, sy = line(tx, ty, kick, z)
        lost = (z > Z_KICK) & ~inside2
        for key, value in (("x", x), ("y", y), ("z", z), ("tx", sx), ("ty", sy), ("qop", charge / p)):
            state[key] = np.where(lost, np.nan, value)
        assert name in STATE_PLANES
    return tracks


def event_of(
    p, eta, phi, pid, charge, *, slope_error=(0.0001, 0.0015), hidden=0, seed=0, event_id=0, geometry=None
):
    """Return SimEvent and TrackingResult; the last `hidden` particles leave light but no track."""
    geometry = geometry or load_geometry()
    theta = 2 * np.arctan(np.exp(-eta))
    tx, ty = np.tan(theta) * np.cos(phi), np.tan(theta) * np.sin(phi)
    kick = charge * KICK / p
    rng = np.random.default_rng([seed, event_id])
    x2, y2, *_ = line(tx, ty, kick, geometry.rich2.z_begin)
    r2 = geometry.rich2
    inside2 = (np.abs(x2) < r2.half_x * 0.8) & (np.abs(y2) < r2.half_y * 0.8) & (p > 1500)
    n, shown = len(p), len(p) - hidden
    track = np.arange(1, n + 1)
    rows = segments(tx, ty, kick, p, pid, geometry, track, inside2)
    error = np.hypot(slope_error[0], slope_error[1] * 1e3 / p)
    dx, dy = rng.standard_normal((2, n)) * error
    s = slice(0, shown)
    tracks = reconstructed((tx + dx)[s], (ty + dy)[s], kick[s], p[s], charge[s], geometry, inside2[s])
    mc = np.zeros(n, MC_TRACK)
    mc["track"], mc["pid"], mc["particle_id"], mc["ancestor"] = track, pid, track - 1, track - 1
    event = SimEvent(
        event_id=event_id,
        tracks=mc,
        hits=np.zeros(0, TRACKER_HIT),
        rich_segments=rows,
        muon_hits=np.zeros(0, MUON_HIT),
        calo_faces=np.zeros(0, CALO_FACE),
        calo_cells=np.zeros(0, CALO_CELL),
    )
    result = TrackingResult(
        tracks=tracks, vertices=np.zeros(0, VERTEX), n_velo_tracks=shown, reconstructible={}
    )
    return event, result


def crowd(
    n,
    event_id=0,
    seed=0,
    hidden=0.5,
    kinds=(211, 321, 2212, 13, 11),
    shares=(0.72, 0.12, 0.08, 0.02, 0.06),
):
    """n particles as in minimum bias and hidden · n others: p, eta, phi, pid, charge, and their number."""
    rng = np.random.default_rng([7, seed, event_id])
    total = n + int(hidden * n)
    eta, phi = rng.uniform(1.9, 4.9, total), rng.uniform(-np.pi, np.pi, total)
    pt = rng.gamma(2.0, 280.0, total) + 50
    p = pt * np.cosh(eta)
    pid = rng.choice(kinds, total, p=shares)
    charge = rng.choice([-1, 1], total)
    return p, eta, phi, np.where(np.isin(pid, (11, 13)), -charge, charge) * pid, charge, total - n


def toy(n, event_id=0, seed=0, **options):
    p, eta, phi, pid, charge, hidden = crowd(n, event_id, seed, **options)
    return event_of(p, eta, phi, pid, charge, hidden=hidden, seed=seed, event_id=event_id)
