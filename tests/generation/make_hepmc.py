"""Write events as HepMC files, and make the fixture of the tests:

    python tests/generation/make_hepmc.py

Two bb̄ events from Pythia 8 (multiparton interactions off, to keep them small) as HepMC 2, compressed.
"""

import gzip
import io
from pathlib import Path

import pyhepmc

from lamarr.units import c_light

FIXTURE = Path(__file__).parent / "data" / "pythia_bbbar.hepmc2.gz"


def to_hepmc(batch, event_id):
    """GenEvents, one per collision of the event."""
    made = []
    p, v = batch.particles, batch.vertices
    for c in batch.collisions.collision_id[batch.collisions.event_id == event_id]:
        event = pyhepmc.GenEvent(pyhepmc.Units.MEV, pyhepmc.Units.MM)
        event.event_number = int(event_id if batch.events.n_collisions[0] == 1 else c + 1)
        particles, vertices = {}, {}
        for k in ((p.event_id == event_id) & (p.collision_id == c)).nonzero()[0]:
            particle = pyhepmc.GenParticle(
                (p.px[k], p.py[k], p.pz[k], p.pe[k]), int(p.pid[k]), int(p.status[k])
            )
            particle.generated_mass = p.m[k]
            particles[int(p.particle_id[k])] = particle
        for k in ((v.event_id == event_id) & (v.collision_id == c)).nonzero()[0]:
            position = (v.x[k], v.y[k], v.z[k], v.t[k] * c_light)
            vertices[int(v.vertex_id[k])] = pyhepmc.GenVertex(position)
        for k in ((p.event_id == event_id) & (p.collision_id == c)).nonzero()[0]:
            particle = particles[int(p.particle_id[k])]
            if p.end_vertex[k] >= 0:
                vertices[int(p.end_vertex[k])].add_particle_in(particle)
            if p.production_vertex[k] >= 0:
                vertices[int(p.production_vertex[k])].add_particle_out(particle)
        for vertex in vertices.values():
            event.add_vertex(vertex)
        event.weights = [1.0]
        made.append(event)
    return made


def to_text(events, version):
    """Text of a HepMC listing."""
    file = io.BytesIO()
    with pyhepmc.open(file, "w", format=f"hepmc{version}") as out:
        for event in events:
            out.write(event)
    return file.getvalue()


def main():
    from lamarr.generation import Pythia

    source = Pythia("bbbar", 2, seed=11, commands=["PartonLevel:MPI = off"])
    [batch] = source.batches(2)
    text = to_text([e for k in range(2) for e in to_hepmc(batch, k)], 2)
    FIXTURE.parent.mkdir(exist_ok=True)
    FIXTURE.write_bytes(gzip.compress(text, mtime=0))
    print(f"{FIXTURE}: {batch}, {FIXTURE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
