"""A made-up detector response with known distributions: for tests, and for the tutorial's nTuple.

    python -m lamarr.training.toy ntuple.root --tracks 200000 --seed 1
    python -m lamarr.training.toy events.parquet --tracks 200000 --seed 1

No physics: numbers shaped like LHCb's, whose conditional distributions are known in closed form. A RICH
likelihood difference is

    DLL_j = m_j(c) + s_j(c) sinh(g_j + z_j / h_j),    z ~ N(0, R)

with locations, widths and skewness that depend on momentum, pseudorapidity and occupancy, and correlations
R between the hypotheses; tracks below threshold, with a probability that falls with momentum, have none
of the light and get exactly 0 for all four. MUON likelihoods exist where isMuon is true. The nTuple holds
a background of 20 %, and sWeights from a mass that tells it from the signal.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.commands import run

__all__ = [
    "HYPOTHESES",
    "SPECIES",
    "ToyTracks",
    "dll_cdf",
    "is_muon_probability",
    "make_events",
    "make_ntuple",
    "make_tracks",
]

Array = NDArray[Any]

SPECIES: Final = {"electron": 11, "muon": 13, "pion": 211, "kaon": 321, "proton": 2212}
HYPOTHESES: Final = ("e", "mu", "k", "p")
_OWN: Final = {11: 0, 13: 1, 321: 2, 2212: 3}
_CORRELATION: Final = np.array(
    [[1.0, 0.7, 0.2, 0.1], [0.7, 1.0, 0.3, 0.2], [0.2, 0.3, 1.0, 0.6], [0.1, 0.2, 0.6, 1.0]]
)
_PEAK, _LOW, _HIGH, _WIDTH = 1865.0, 1825.0, 1905.0, 8.0


@dataclass(frozen=True, kw_only=True)
class ToyTracks:
    """Tracks: number of their event, conditions and outputs, all (n,)."""

    event: Array
    pid: Array
    charge: Array
    p: Array
    eta: Array
    phi: Array
    nTracks: Array  # noqa: N815
    outputs: dict[str, Array]


def _shape(pid: int, j: int, p: Array, eta: Array, n: Array) -> tuple[Array, Array, float, float]:
    """Location, width, skewness and peakedness of the j-th likelihood difference of a species."""
    x = np.log10(p / 1e4)
    strength = 40 / (1 + (p / 3.5e4) ** 2) * (1 - 0.1 * (eta - 3.5) ** 2 / 2)
    own = _OWN.get(pid)
    sign = 1.0 if own == j else -0.6 if own is None else -0.2
    location = sign * strength * (1 - 0.05 * x * j)
    width = (4 + 0.25 * np.abs(location)) * (1 + n / 400)
    return location, width, 0.25 * sign, 1.6


def _below_threshold(pid: int, p: Array) -> Array:
    """Probability that no hypothesis gives light."""
    scale = {11: 2000, 13: 2500, 211: 3000, 321: 7000, 2212: 12000}[pid]
    return 1 / (1 + np.exp((p - scale) / (0.2 * scale)))


def is_muon_probability(pid: int, p: Array) -> Array:
    """P(isMuon) of tracks (n,): a threshold for muons, punch-through and decays for others."""
    if pid == 13:
        return 0.98 / (1 + np.exp(-(p - 3500) / 400))
    return 0.02 + 0.1 * np.exp(-p / 1e4)


def dll_cdf(name: str, values: Array, pid: int, p: Array, eta: Array, n: Array) -> Array:
    """P(DLL <= value) of tracks that have light, for ``RichDLLe`` … ``RichDLLp``."""
    from scipy.special import ndtr

    j = HYPOTHESES.index(name.removeprefix("RichDLL"))
    location, width, skew, peak = _shape(pid, j, p, eta, n)
    result: Array = ndtr(peak * (np.arcsinh((values - location) / width) - skew))
    return result


def make_tracks(
    n: int, seed: int, species: tuple[str, ...] = tuple(SPECIES), per_event: int = 20
) -> ToyTracks:
    """Draw `n` tracks, `per_event` to an event; all tracks of an event share nTracks."""
    rng = np.random.default_rng(seed)
    event = np.arange(n) // per_event
    occupancy = np.minimum(10 + rng.gamma(3, 40, event[-1] + 1 if n else 0), 600).astype(np.int64)
    pid = np.array([SPECIES[s] for s in species])[rng.integers(0, len(species), n)]
    p = np.exp(rng.uniform(np.log(2e3), np.log(1e5), n))
    eta, phi = rng.uniform(2, 4.9, n), rng.uniform(-np.pi, np.pi, n)
    outputs = _outputs(rng, pid, p, eta, occupancy[event])
    return ToyTracks(
        event=event,
        pid=pid,
        charge=rng.choice([-1, 1], n),
        p=p,
        eta=eta,
        phi=phi,
        nTracks=occupancy[event],
        outputs=outputs,
    )


def _outputs(rng: np.random.Generator, pid: Array, p: Array, eta: Array, n: Array) -> dict[str, Array]:
    out = {f"RichDLL{h}": np.zeros(len(pid)) for h in HYPOTHESES}
    z = rng.normal(size=(len(pid), 4)) @ np.linalg.cholesky(_CORRELATION).T
    dark, muon = rng.random(len(pid)), rng.random(len(pid))
    is_muon = np.zeros(len(pid), bool)
    for code in np.unique(pid):
        at = pid == code
        below = dark[at] < _below_threshold(int(code), p[at])
        for j, h in enumerate(HYPOTHESES):
            location, width, skew, peak = _shape(int(code), j, p[at], eta[at], n[at])
            out[f"RichDLL{h}"][at] = np.where(below, 0.0, location + width * np.sinh(skew + z[at, j] / peak))
        chance = (
            0.98 / (1 + np.exp(-(p[at] - 3500) / 400)) if code == 13 else 0.02 + 0.1 * np.exp(-p[at] / 1e4)
        )
        is_muon[at] = muon[at] < chance
    lead = np.where(pid == 13, 0.0, 1.0)
    mu = -0.3 - lead - rng.gamma(2, 0.5 + 0.5 * lead)
    background = -2.5 + 1.5 * lead - 0.3 * mu * rng.normal(1, 0.2, len(pid))
    out |= {"isMuon": is_muon, "MuonMuLL": np.where(is_muon, mu, -1000.0)}
    out["MuonBkgLL"] = np.where(is_muon, background, -1000.0)
    return out | _combined(rng, out, is_muon)


def _combined(rng: np.random.Generator, out: dict[str, Array], is_muon: Array) -> dict[str, Array]:
    muon = np.where(is_muon, out["MuonMuLL"] - out["MuonBkgLL"], -3.0)
    found = {}
    for h, name in zip(HYPOTHESES, ("PIDe", "PIDmu", "PIDK", "PIDp"), strict=True):
        calo = 2 * np.sinh(rng.normal(size=len(muon)) / 1.5)
        found[name] = out[f"RichDLL{h}"] + calo + (muon if h == "mu" else 0)
    scores = np.stack([found["PIDe"], found["PIDmu"], 0 * muon, found["PIDK"], found["PIDp"]], axis=1) / 8
    share = np.exp(scores - scores.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    for k, name in enumerate(("ProbNNe", "ProbNNmu", "ProbNNpi", "ProbNNk", "ProbNNp")):
        y = np.clip(1.1 * share[:, k] - 0.05 + 0.02 * rng.normal(size=len(muon)), 0, 1)
        found[name] = np.where(is_muon, y, -1.0) if name == "ProbNNmu" else y
    return found


def _sweights(mass: Array) -> Array:
    """Weights of the signal, a Gaussian peak, over a flat background (M. Pivk, F. Le Diberder 2005)."""
    peak = np.exp(-0.5 * ((mass - _PEAK) / _WIDTH) ** 2) / (_WIDTH * np.sqrt(2 * np.pi))
    flat = np.full(len(mass), 1 / (_HIGH - _LOW))
    density = np.stack([peak, flat], axis=1)
    yields = np.array([0.8, 0.2]) * len(mass)
    total = density @ yields
    inverse = (density / total[:, None]).T @ (density / total[:, None])
    covariance = np.linalg.inv(inverse)
    weights: Array = density @ covariance[0] / total
    return weights


def make_ntuple(path: Path, n: int, seed: int, species: str = "pion") -> None:
    """Write a ROOT nTuple of one species, ``DecayTree``, with sWeights, as calibration data have them."""
    import uproot

    rng = np.random.default_rng(seed + 1_000_003)
    t = make_tracks(n, seed, (species,))
    background = rng.random(n) < 0.2
    other = make_tracks(n, seed + 7, ("proton",))
    mass = np.where(background, rng.uniform(_LOW, _HIGH, n), rng.normal(_PEAK, _WIDTH, n))
    branches: dict[str, Array] = {
        "runNumber": 170000 + t.event // 500,
        "eventNumber": t.event,
        "nTracks": t.nTracks,
        "probe_P": t.p,
        "probe_ETA": t.eta,
        "probe_charge": t.charge,
        "D_M": mass,
        "probe_sWeight": _sweights(mass),
    }
    for name, values in t.outputs.items():
        mixed = np.where(background, other.outputs[name], values)
        branches[f"probe_{name}"] = mixed.astype(np.int32 if name == "isMuon" else np.float32)
    with uproot.recreate(path) as file:
        tree = file.mktree("DecayTree", {k: v.dtype for k, v in branches.items()})
        tree.extend(branches)


def make_events(path: Path, n: int, seed: int) -> None:
    """Write an event file with particles, tracks and their identification, as the simulations do."""
    from lamarr.events import EventBatch, Fate, Table, open_writer

    t = make_tracks(n, seed)
    number = np.arange(n) - np.searchsorted(t.event, t.event)
    pt = t.p / np.cosh(t.eta)
    momentum = {"px": pt * np.cos(t.phi), "py": pt * np.sin(t.phi), "pz": pt * np.sinh(t.eta)}
    events, first = np.unique(t.event, return_index=True)
    zero, none = np.zeros(n, np.int64), np.full(n, -1, np.int64)
    antiparticle = np.where(np.isin(t.pid, (11, 13)), -t.charge, t.charge)
    tables = [
        Table(
            "events",
            {
                "event_id": events,
                "source": 0 * events,
                "run_number": 0 * events,
                "event_number": events,
                "n_collisions": 1 + 0 * events,
                "weight": np.ones(len(events)),
                "nTracks": t.nTracks[first],
            },
        ),
        Table(
            "particles",
            {
                "event_id": t.event,
                "particle_id": number,
                **dict.fromkeys(("collision_id", "hepmc_id"), zero),
                **dict.fromkeys(("production_vertex", "end_vertex", "mother"), none),
                "pid": t.pid * antiparticle,
                "status": 1 + zero,
                "pe": t.p,
                **momentum,
                "m": np.zeros(n),
                **dict.fromkeys(("is_signal", "from_signal"), np.zeros(n, bool)),
                "fate": np.full(n, Fate.LONG),
            },
        ),
        Table(
            "tracks",
            {
                "event_id": t.event,
                "track_id": number,
                "particle_id": number,
                "type": np.full(n, 3),
                "charge": t.charge,
                **dict.fromkeys("xyz", np.zeros(n)),
                "tx": momentum["px"] / momentum["pz"],
                "ty": momentum["py"] / momentum["pz"],
                "p": t.p,
                **momentum,
                "qop": t.charge / t.p,
                **dict.fromkeys(("chi2PerDoF", "ghostProb"), np.zeros(n)),
                "nDoF": 20 + zero,
            },
        ),
        Table("pid", {"event_id": t.event, "track_id": number, **t.outputs}),
    ]
    with open_writer(path, sources=["toy"], metadata={"command": "lamarr.training.toy", "seed": seed}) as w:
        w.write(EventBatch({table.name: table for table in tables}, ["toy"]))


def _main() -> None:
    import click

    @click.command()
    @click.argument("path", type=click.Path(path_type=Path))
    @click.option("--tracks", default=200_000, show_default=True)
    @click.option("--seed", default=1, show_default=True)
    @click.option("--species", type=click.Choice(list(SPECIES)), default="pion", show_default=True)
    def main(path: Path, tracks: int, seed: int, species: str) -> None:
        """Write PATH: an nTuple of one species (.root), or events of all (.parquet)."""
        if path.suffix == ".root":
            make_ntuple(path, tracks, seed, species)
        else:
            make_events(path, tracks, seed)
        click.echo(f"wrote {path}")

    main()


if __name__ == "__main__":
    run(_main)
