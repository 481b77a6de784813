"""Sources of generated events: HepMC files, Pythia 8, particle and decay guns; decay descriptors."""

from lamarr.generation.charges import charges, known_charges
from lamarr.generation.descriptor import Decay, Node, parse_decay
from lamarr.generation.embedded import Embedding
from lamarr.generation.gun import DecayGun, ParticleGun
from lamarr.generation.hepmc import HepMCFiles
from lamarr.generation.kinematics import HeavyFlavour, Kinematics, Momentum, default_momentum
from lamarr.generation.pythia import Pythia
from lamarr.generation.redecay import Redecayed, Repeated
from lamarr.generation.source import BeamSpot, EventFailure, EventSource
from lamarr.generation.species import Species, conjugate, particle_id, species
from lamarr.generation.spectra import Fixed, Histogram, LogUniform, Spectrum, Uniform

__all__ = [
    "BeamSpot",
    "Decay",
    "DecayGun",
    "Embedding",
    "EventFailure",
    "EventSource",
    "Fixed",
    "HeavyFlavour",
    "HepMCFiles",
    "Histogram",
    "Kinematics",
    "LogUniform",
    "Momentum",
    "Node",
    "ParticleGun",
    "Pythia",
    "Redecayed",
    "Repeated",
    "Species",
    "Spectrum",
    "Uniform",
    "charges",
    "conjugate",
    "default_momentum",
    "known_charges",
    "parse_decay",
    "particle_id",
    "species",
]
