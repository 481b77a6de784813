"""Batches of events made by hand, for tests."""

import numpy as np

from lamarr.events import EventBatch, Table

PARTICLE = {
    "collision_id": 0,
    "hepmc_id": 0,
    "production_vertex": 0,
    "end_vertex": -1,
    "mother": -1,
    "pid": 211,
    "status": 1,
    "pe": 1e4,
    "px": 300.0,
    "py": -200.0,
    "pz": 1e4,
    "m": 140.0,
    "is_signal": False,
    "from_signal": False,
}


def made_up(*events, vertices=1, sources=("by hand",)):
    """A batch of events; each is a list of particles, each particle a dict of what differs from PARTICLE."""
    n = len(events)
    rows = [(e, i, {**PARTICLE, **p}) for e, particles in enumerate(events) for i, p in enumerate(particles)]
    zeros = np.zeros(n, int)
    particles = {c: np.array([r[2][c] for r in rows], np.asarray(v).dtype) for c, v in PARTICLE.items()}
    particles |= {
        "event_id": np.array([r[0] for r in rows], int),
        "particle_id": np.array([r[1] for r in rows], int),
    }
    number = np.tile(np.arange(vertices), n)
    event_of = np.repeat(np.arange(n), vertices)
    position = {
        "t": 0.0 * number,
        "x": 0.8 + number,
        "y": -0.2 - number,
        "z": 20.0 * number,
    }
    return EventBatch(
        {
            "events": Table(
                "events",
                {
                    "event_id": np.arange(n),
                    "source": zeros,
                    "run_number": zeros,
                    "event_number": np.arange(n),
                    "n_collisions": zeros + 1,
                    "weight": zeros + 1.0,
                },
            ),
            "collisions": Table(
                "collisions",
                {
                    "event_id": np.arange(n),
                    "collision_id": zeros,
                    "process_id": zeros,
                    "weight": zeros + 1.0,
                    **dict.fromkeys("txyz", 0.0 * zeros),
                },
            ),
            "vertices": Table(
                "vertices",
                {
                    "event_id": event_of,
                    "vertex_id": number,
                    "collision_id": 0 * number,
                    "hepmc_id": -1 - number,
                    "status": 0 * number,
                    "is_primary": number == 0,
                    **position,
                },
            ),
            "particles": Table("particles", particles),
        },
        sources,
    )
