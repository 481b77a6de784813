"""What the demonstration measures in its sample: masses, resolutions, efficiencies, identification, fates.

Definitions, the same for every sample:

momentum resolution      68 % half-width of (p_reco − p_true) / p_true of long tracks
IPx resolution           68 % half-width of x_reco(z0) − x_true(z0) of long tracks, z0 being where the true
                         trajectory is closest to the z axis; both are taken there, so that an error of
                         the track's own z does not count. One projection, no error of the primary vertex.
long-track efficiency    charged particles of the decay with a long track, over all with pz > 0: the
                         acceptance is part of it
identification           long tracks of a species that pass a cut, over all of the species with identification
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.events import EventBatch, Fate, Table, TrackType
from lamarr.flash.rows import states_closest_to_beam
from lamarr.generation.species import particle_id, species, species_name
from lamarr.units import GeV, um
from lamarr.validation.candidates import find_decays, four_momenta, invariant_mass, track_rows
from lamarr.validation.metrics import half_width
from lamarr.validation.profiles import Profile, efficiencies, half_width_error, median_error, widths

__all__ = ["ETA_BINS", "FateTable", "Mass", "Measurements", "fate_table", "lambda_c_mass", "measure"]

Array = NDArray[Any]

P_EDGES: Final = (2, 3, 4, 6, 8, 11, 15, 20, 28, 40, 60, 100, 200)
"""Bins of the true momentum, in GeV."""
INVERSE_PT_EDGES: Final = (0, 0.3, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3)
"""Bins of 1 / (true pT), in 1/GeV."""
ETA_BINS: Final = ((1.8, 2.5), (2.5, 3.2), (3.2, 4.0), (4.0, 5.0))
"""Bins of the true pseudorapidity."""
GROUPS: Final = {"p, K, π": (211, 321, 2212), "μ": (13,)}
"""Species (|PDG id|) whose resolutions are shown together."""
KAON_CUT: Final = {"K": 321, "π as K": 211, "p as K": 2212}
MUON_CUT: Final = {"μ": 13, "π as μ": 211, "K as μ": 321, "p as μ": 2212}
"""What the cuts DLL(K−π) > 0 and isMuon are shown for."""
LAMBDA_C: Final = ("Lambda_c+", ("p+", "K-", "pi+"))


@dataclass(frozen=True, kw_only=True)
class Mass:
    """Invariant masses of candidates.

    Attributes
    ----------
    values : array (candidates,)
        In MeV.
    generated : float
        Mass (MeV) of the head in the generator.
    decays : int
        Generated decays, reconstructed or not.
    """

    values: Array
    generated: float
    decays: int

    @property
    def width(self) -> tuple[float, float]:
        """68 % half-width and its standard error, in MeV."""
        return half_width(self.values), half_width_error(self.values)

    @property
    def shift(self) -> tuple[float, float]:
        """Median minus generated mass and its standard error, in MeV."""
        return float(np.median(self.values)) - self.generated, median_error(self.values)


@dataclass(frozen=True, kw_only=True)
class FateTable:
    """Particles by fate (rows) and species (columns); antiparticles count with their particles."""

    fates: tuple[Fate, ...]
    species: tuple[str, ...]
    counts: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """Everything that the page shows of a sample; profiles by name of species or range of η.

    `kaons` and `muons` (passing DLL(K−π) > 0 and isMuon) are empty where nothing was identified.
    """

    mass: Mass
    momentum: Mapping[str, Profile]
    ip: Mapping[str, Profile]
    efficiency: Mapping[str, Profile]
    kaons: Mapping[str, Profile]
    muons: Mapping[str, Profile]
    fates: FateTable
    out_of_domain: int


def measure(batch: EventBatch) -> Measurements:
    """Measure a simulated sample."""
    residuals = _long_residuals(batch)
    groups = {n: np.isin(np.abs(residuals["pid"]), ids) for n, ids in GROUPS.items()}
    p, inverse_pt = residuals["p"] / GeV, GeV / residuals["pt"]
    return Measurements(
        mass=lambda_c_mass(batch),
        momentum={n: widths(p[g], residuals["momentum"][g], P_EDGES) for n, g in groups.items()},
        ip={n: widths(inverse_pt[g], residuals["ip"][g] / um, INVERSE_PT_EDGES) for n, g in groups.items()},
        efficiency=_long_efficiency(batch["particles"]),
        kaons=_identified(batch, KAON_CUT, lambda pid: pid["PIDK"] > 0),
        muons=_identified(batch, MUON_CUT, lambda pid: np.asarray(pid["isMuon"], bool)),
        fates=fate_table(batch["particles"]),
        out_of_domain=int(batch["particles"]["out_of_domain"].sum()),
    )


def lambda_c_mass(batch: EventBatch) -> Mass:
    """Masses of truth-matched Λc+ → p K- π+, all three with long tracks, from reconstructed momenta."""
    head, daughters = particle_id(LAMBDA_C[0]), [particle_id(n) for n in LAMBDA_C[1]]
    decays = find_decays(batch, head, daughters)
    tracks = track_rows(batch, decays.daughters)
    found = tracks[(tracks >= 0).all(axis=1)]
    masses = [species(d).mass for d in daughters]
    values = invariant_mass(four_momenta(batch["tracks"], found, masses))
    return Mass(values=values, generated=species(head).mass, decays=len(decays))


def fate_table(particles: Table) -> FateTable:
    """Count fates by species, in the order of the table; every particle is counted once."""
    ids, first, column = np.unique(np.abs(particles["pid"]), return_index=True, return_inverse=True)
    fates, row = np.unique(particles["fate"], return_inverse=True)
    counts = np.zeros((len(fates), len(ids)), np.int64)
    np.add.at(counts, (row, column), 1)
    order = np.argsort(first)
    return FateTable(
        fates=tuple(Fate(f) for f in fates.tolist()),
        species=tuple(species_name(p) for p in ids[order].tolist()),
        counts=counts[:, order],
    )


def _long_residuals(batch: EventBatch) -> dict[str, Array]:
    """Species, true p and pT, (p_reco − p_true) / p_true and the residual of IPx (mm) of all long tracks."""
    t = batch["tracks"].take(batch["tracks"]["type"] == TrackType.LONG)
    true = states_closest_to_beam(batch, t["event_id"], t["particle_id"])
    slope = np.hypot(true["tx"], true["ty"])
    at = batch.rows_of("particles", t["event_id"], t["particle_id"])
    return {
        "pid": batch["particles"]["pid"][at],
        "p": true["p"],
        "pt": true["p"] * slope / np.hypot(1, slope),
        "momentum": t["p"] / true["p"] - 1,
        "ip": t["x"] + t["tx"] * (true["z"] - t["z"]) - true["x"],
    }


def _identified(
    batch: EventBatch, kinds: Mapping[str, int], passed: Callable[[Table], Array]
) -> dict[str, Profile]:
    """Share of the identified long tracks of each of `kinds` that pass, against the true p."""
    if "pid" not in batch or not batch["pid"].rows:
        return {}
    pid, tracks = batch["pid"], batch["tracks"]
    track = batch.rows_of("tracks", pid["event_id"], pid["track_id"])
    long = (tracks["type"][track] == TrackType.LONG) & (tracks["particle_id"][track] >= 0)
    pid, track = pid.take(long), track[long]
    particles = batch["particles"]
    at = batch.rows_of("particles", tracks["event_id"][track], tracks["particle_id"][track])
    p = np.sqrt(sum(particles[c][at] ** 2 for c in ("px", "py", "pz"))) / GeV
    ok, species_ = passed(pid), np.abs(particles["pid"][at])
    return {n: efficiencies(p[m], ok[m], P_EDGES) for n, i in kinds.items() if (m := species_ == i).any()}


def _long_efficiency(particles: Table) -> dict[str, Profile]:
    """Long-track efficiency against p of the particles that the tracking models judge, in bins of η."""
    t = particles.take(particles["fate"] >= Fate.OUT_OF_ACCEPTANCE)
    pt, long = np.hypot(t["px"], t["py"]), t["fate"] == Fate.LONG
    p, eta = np.hypot(pt, t["pz"]) / GeV, np.arcsinh(t["pz"] / pt)
    inside = {f"{low} < η < {high}": (eta > low) & (eta < high) for low, high in ETA_BINS}
    return {name: efficiencies(p[m], long[m], P_EDGES) for name, m in inside.items()}
