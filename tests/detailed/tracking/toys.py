"""Toy events: charged particles through field and material by the fit's own physics, each with its luck."""

import numpy as np

from lamarr.detailed import records
from lamarr.detailed.context import Context
from lamarr.detailed.records import SimEvent
from lamarr.detailed.tracking.extrapolation import _inside, energy_loss, propagate, scatter, slowing
from lamarr.detailed.tracking.planes import IT_LAYER, OT_LAYER, measurement_planes
from lamarr.detailed.tracking.setup import setup_of
from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry

CONTEXT = Context(geometry=load_geometry(), detector=load_detector("lhcb2016-magdown"), seed=3)


def active(layer, x, y, geometry=CONTEXT.geometry):
    g = geometry
    if layer < 100:
        velo, side = g.velo, 1 - 2 * ((layer // 2) % 2)
        return velo.r_min < np.hypot(x, y) < velo.r_max and x * side > -velo.overlap
    ax, ay = abs(x), abs(y)
    if layer < IT_LAYER:
        return ax < g.tt.half_x and ay < g.tt.half_y and not (ax < g.tt.hole[0] and ay < g.tt.hole[1])
    cross = any(ax < hx and ay < hy for hx, hy in g.it.arms)
    if layer < OT_LAYER:
        return cross and not (ax < g.it.hole[0] and ay < g.it.hole[1])
    return ax < g.ot.half_x and ay < g.ot.half_y and not cross


def layers(context=CONTEXT):
    """(z, layer) of all sensitive layers, double layers of straws once."""
    planes = measurement_planes(context.geometry)
    return sorted((float(planes.z[planes.layer == n].mean()), int(n)) for n in np.unique(planes.layer))


def fly(state, z, track, rng, context=CONTEXT, material=True):
    """Hits of one particle from `state` (q/p in 1/GeV) at `z`."""
    grid, frame, slabs, _ = setup_of(context).tables
    s, none = np.array(state, float), np.zeros((5, 5))
    stops = [(zl, 0, layer) for zl, layer in layers(context)]
    stops += [(slab[0], 1, i) for i, slab in enumerate(slabs)] if material else []
    rows = []
    for z_stop, what, number in sorted(stops):
        if z_stop < z:
            continue
        propagate(grid, frame, s, none, np.zeros(5), z, z_stop)
        z = z_stop
        if not np.isfinite(s).all() or abs(s[2]) > 2 or np.abs(s[:2]).max() > 3500:
            break
        if what == 0 and active(number, s[0], s[1]):
            rows.append((number, track, s[0], s[1], z, z / 300, s[2], s[3], abs(1e3 / s[4])))
        if what == 1 and _inside(slabs, number, s[0], s[1]):
            noise = np.zeros((5, 5))
            scatter(s, noise, slabs[number][1], slowing(s[4]))
            angles = np.linalg.cholesky(noise[2:4, 2:4]) @ rng.standard_normal(2)
            loss = energy_loss(slabs[number][2] * np.sqrt(1 + s[2] ** 2 + s[3] ** 2), slowing(s[4]))
            s[2:4] += angles
            s[4] = np.sign(s[4]) / (abs(1 / s[4]) - loss)
    return rows


def event(vertices, event_id=0, pid=-13, context=CONTEXT, material=True, extra=()):
    """Event of particles: `vertices` is a list of (x, y, z, [(p in GeV, tx, ty, charge), …])."""
    rng = np.random.Generator(np.random.Philox(key=11, counter=[0, 0, 0, event_id]))
    tracks, hits, number = [], [], 0
    for collision, (x, y, z, particles) in enumerate(vertices):
        for p, tx, ty, charge in particles:
            number += 1
            pz = 1e3 * p / np.sqrt(1 + tx**2 + ty**2)
            row = np.zeros((), records.MC_TRACK)
            row["track"], row["particle_id"], row["ancestor"] = number, number - 1, number - 1
            row["collision_id"], row["pid"] = collision, pid if charge > 0 else -pid
            row["x"], row["y"], row["z"] = x, y, z
            row["px"], row["py"], row["pz"] = tx * pz, ty * pz, pz
            tracks.append(row)
            hits += fly([x, y, tx, ty, charge / p], z, number, rng, context, material)
    empty = {
        name: np.zeros(0, getattr(records, kind))
        for name, kind in (
            ("rich_segments", "RICH_SEGMENT"),
            ("muon_hits", "MUON_HIT"),
            ("calo_faces", "CALO_FACE"),
            ("calo_cells", "CALO_CELL"),
        )
    }
    return SimEvent(
        event_id=event_id,
        tracks=np.array(tracks, records.MC_TRACK) if tracks else np.zeros(0, records.MC_TRACK),
        hits=np.array([*hits, *extra], records.TRACKER_HIT),
        **empty,
    )


def particles(rng, n, p_min=3.0, p_max=100.0):
    """n particles with p log-uniform in the acceptance."""
    p = p_min * (p_max / p_min) ** rng.random(n)
    eta, phi = rng.uniform(2.2, 4.6, n), rng.uniform(-np.pi, np.pi, n)
    theta = 2 * np.arctan(np.exp(-eta))
    charge = np.where(rng.random(n) < 0.5, 1, -1)
    return list(zip(p, np.tan(theta) * np.cos(phi), np.tan(theta) * np.sin(phi), charge, strict=True))
