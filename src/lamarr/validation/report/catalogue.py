"""The catalogue of a report: its observables, cuts and widths. :func:`register` adds to it.

An observable is one entry: a name, its group (:mod:`lamarr.validation.report.groups`), and a column of the
group or a function of its columns. See docs/validation.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from lamarr.errors import ConfigurationError
from lamarr.validation.decays import DECAYS, Decay
from lamarr.validation.report.observables import Columns, Cut, Observable, Width

__all__ = ["CUTS", "OBSERVABLES", "WIDTHS", "register"]

_KS: Final = {"ks": 0.01}
_LOOSE: Final = {"ks": 0.02}


def _of(
    group: str, targets: Mapping[str, float] | None = None, prefix: str = "", **common: Any
) -> Callable[..., Observable]:
    """Return a maker of observables of a group, from column, title and range; they bear the prefix."""

    def make(column: str, title: str, low: float, high: float, unit: str = "", **more: Any) -> Observable:
        settings = {"name": f"{prefix}{column}", "values": column, "targets": targets or {}, **common, **more}
        return Observable(group=group, title=title, low=low, high=high, unit=unit, **settings)

    return make


_track = _of("long_tracks", _KS, by_species=True)
_likelihood = _of("pid", {"ks": 0.01, "wasserstein": 0.02}, by_species=True)
_event = _of("events")
_vertex = _of("primary_vertices", {"ks": 0.05}, "PV_")
_cluster = _of("clusters", _LOOSE, "cluster_")
_photon = _of("photon_clusters", _LOOSE, "photon_")
_neutral = _of("neutrals", _LOOSE)
_electron = _of("electrons", _LOOSE, "electron_")


def _pid(name: str, low: float, high: float, **more: Any) -> Observable:
    return _likelihood(name, name, low, high, **more)


def _light(name: str) -> Callable[[Columns], Any]:
    return lambda c: np.abs(c[name]) > 1e-9


def _muonic(columns: Columns) -> Any:
    return np.asarray(columns["isMuon"], bool)


_PULLS: Final = {"x": "x", "y": "y", "tx": "tx", "ty": "ty", "qop": "q/p"}
_TRACKS: Final = (
    _track("dp", "Δp / p", -0.03, 0.03),
    _track("dx", "Δx", -0.2, 0.2, "mm"),
    _track("dy", "Δy", -0.2, 0.2, "mm"),
    _track("dtx", "Δtx", -1, 1, "mrad", values=lambda c: 1e3 * c["dtx"]),
    _track("dty", "Δty", -1, 1, "mrad", values=lambda c: 1e3 * c["dty"]),
    _track("chi2PerDoF", "χ² / ndof of the track", 0, 4),
    _track("nDoF", "degrees of freedom", 0, 50),
    _track("ghostProb", "ghost probability", 0, 1, log=True),
    *(_track(f"pull_{name}", f"pull of {title}", -5, 5) for name, title in _PULLS.items()),
    _track("log_sigma_x", "log₁₀ σ(x) [mm]", -2.5, 0),
    _track("log_sigma_tx", "log₁₀ σ(tx)", -5, -2.5),
    _track("log_sigma_qop", "log₁₀ σ(q/p) [1/MeV]", -9, -5),
)
_PID: Final = (
    *(_pid(name, -60, 60, log=True, where=_light(name)) for name in ("RichDLLe", "RichDLLmu")),
    *(_pid(name, -100, 100, log=True, where=_light(name)) for name in ("RichDLLk", "RichDLLp")),
    *(_pid(name, -15, 2, where=_muonic) for name in ("MuonMuLL", "MuonBkgLL")),
    *(_pid(name, -100, 100, log=True) for name in ("PIDe", "PIDmu", "PIDK", "PIDp")),
    *(_pid(f"ProbNN{s}", 0, 1, log=True) for s in ("e", "pi", "k", "p")),
    _pid("ProbNNmu", 0, 1, log=True, where=_muonic),
)


def _calorimeter_cut(name: str, title: str, group: str, column: str) -> Cut:
    return Cut(
        name=name,
        title=title,
        group=group,
        passed=lambda c: c[column],
        mean=0.01,
        largest=0.03,
        by_species=False,
    )


def _kind(name: str) -> Callable[[Columns], Any]:
    return lambda c: c[f"is_{name}"]


_EVENTS: Final = (
    _event("nTracks", "tracks per event", 0, 300),
    _event("nLong", "long tracks per event", 0, 100),
    _event("nPVs", "primary vertices per event", -0.5, 8.5, bins=9),
    _event("nClusters", "clusters per event", 0, 200, targets=_LOOSE),
    _vertex("dx", "Δx of the primary vertex", -80, 80, "µm"),
    _vertex("dy", "Δy of the primary vertex", -80, 80, "µm"),
    _vertex("dz", "Δz of the primary vertex", -500, 500, "µm"),
    _cluster("log_energy", "log₁₀ of the cluster's energy [GeV]", -1, 2.5),
    _cluster("x", "x of the cluster", -4000, 4000, "mm"),
    _cluster("y", "y of the cluster", -3200, 3200, "mm"),
    _photon("dE", "ΔE / E of photons' clusters", -0.5, 0.5),
    _photon("dx", "Δx of photons' clusters", -40, 40, "mm"),
    _photon("dy", "Δy of photons' clusters", -40, 40, "mm"),
    _photon("n_cells", "cells of photons' clusters", 0, 30, bins=30),
    _photon("PhotonID", "PhotonID of photons' clusters", 0, 1),
    _photon("IsNotE", "IsNotE of photons' clusters", 0, 1),
    _photon("IsNotH", "IsNotH of photons' clusters", 0, 1),
    *(
        _neutral(column, title, low, high, unit, name=name, where=_kind(kind))
        for name, kind, column, title, low, high, unit in (
            ("neutral_pt", "photon", "log_pt", "log₁₀ pT of photon candidates [GeV]", -0.8, 1.2, ""),
            ("pi0_m", "resolved", "m", "m(γγ) of π⁰ candidates", 105, 165, "MeV"),
            ("pi0_pt", "resolved", "log_pt", "log₁₀ pT of π⁰ candidates [GeV]", -0.8, 1.2, ""),
            ("merged_pt", "merged", "log_pt", "log₁₀ pT of merged π⁰ [GeV]", -0.8, 1.2, ""),
        )
    ),
    _electron("eOverP", "E / p of electrons", 0, 2, where=lambda c: c["has_cluster"]),
    _electron("dp", "Δp / p of electrons with bremsstrahlung", -0.8, 0.4),
)


def _composites(name: str, decay: Decay) -> Iterator[Observable]:
    head, first, (label, low, high) = decay.head.label, decay.head.tracks[0].label, decay.window
    ip = {**_LOOSE, "shift": 0.05}
    peak = {**_LOOSE, "shift": 0.1, "width": 0.03} if decay.narrow else _LOOSE
    entries: tuple[tuple[str, str, str, float, float, dict[str, float]], ...] = (
        (f"{label}_m", f"m({label})", "MeV", low, high, peak),
        (f"{head}_m", f"m({head}) of the tracks", "MeV", 0.0, 7000.0, _LOOSE),
        (f"log_{first}_ip_chi2", f"log₁₀ IP χ² of {first}", "", -2.0, 5.0, ip),
        (f"log_{head}_ip_chi2", f"log₁₀ IP χ² of {head}", "", -2.0, 5.0, ip),
        (f"log_{head}_fd_chi2", f"log₁₀ flight χ² of {head}", "", -2.0, 6.0, _LOOSE),
        (f"{head}_vertex_chi2", f"vertex χ²/ndof of {head}", "", 0.0, 10.0, _LOOSE),
        (f"{head}_m_corr", f"corrected mass of {head}", "MeV", 2000.0, 8000.0, {}),
    )
    make = _of(f"candidates_{name}", prefix=f"{name}_")
    for column, title, unit, least, most, targets in {e[0]: e for e in reversed(entries)}.values():
        yield make(column, title, least, most, unit, targets=targets)


_ALL: Final = (*_TRACKS, *_PID, *_EVENTS, *(o for n, d in DECAYS.items() for o in _composites(n, d)))
OBSERVABLES: Final[dict[str, Observable]] = {o.name: o for o in _ALL}
"""Observables by name; :func:`register` adds to them."""

CUTS: Final[dict[str, Cut]] = {
    c.name: c
    for c in (
        Cut(name="PIDK>0", title="DLL(K−π) > 0", passed=lambda c: c["PIDK"] > 0),
        Cut(name="PIDK>5", title="DLL(K−π) > 5", passed=lambda c: c["PIDK"] > 5),
        Cut(name="PIDp>5", title="DLL(p−π) > 5", passed=lambda c: c["PIDp"] > 5),
        Cut(name="PIDp-PIDK>0", title="DLL(p−K) > 0", passed=lambda c: c["PIDp"] - c["PIDK"] > 0),
        Cut(name="PIDmu>0", title="DLL(μ−π) > 0", passed=lambda c: c["PIDmu"] > 0),
        Cut(name="ProbNNk>0.2", title="ProbNNk > 0.2", passed=lambda c: c["ProbNNk"] > 0.2),
        Cut(name="ProbNNp>0.5", title="ProbNNp > 0.5", passed=lambda c: c["ProbNNp"] > 0.5),
        Cut(name="ProbNNmu>0.2", title="ProbNNmu > 0.2", passed=lambda c: c["ProbNNmu"] > 0.2),
        Cut(name="isMuon", title="isMuon", passed=lambda c: np.asarray(c["isMuon"], bool)),
        Cut(
            name="long",
            title="long track",
            group="particles",
            passed=lambda c: c["is_long"],
            mean=0.01,
            largest=0.03,
        ),
        _calorimeter_cut("photon_found", "photon has a cluster", "photons", "has_cluster"),
        _calorimeter_cut("electron_found", "electron points to a cluster", "electrons", "has_cluster"),
        _calorimeter_cut("brem_found", "electron has bremsstrahlung", "electrons", "has_brem"),
    )
}
"""Cuts by name."""

WIDTHS: Final[dict[str, Width]] = {
    w.name: w
    for w in (
        Width(name="sigma_p", title="momentum resolution", column="dp", scale=100, unit="%"),
        Width(name="sigma_ip", title="resolution of IPx", column="dx", scale=1000, unit="µm"),
        Width(name="sigma_tx", title="resolution of tx", column="dtx", scale=1e6, unit="µrad"),
        Width(name="pull_qop", title="width of the q/p pull", column="pull_qop"),
        Width(name="pull_x", title="width of the x pull", column="pull_x"),
    )
}
"""Widths by name."""


def register(observable: Observable) -> Observable:
    """Add an observable of one's own.

    Raises
    ------
    ConfigurationError
        If there is one of this name.
    """
    if observable.name in OBSERVABLES:
        raise ConfigurationError(f"an observable is called '{observable.name}' already; choose another name")
    OBSERVABLES[observable.name] = observable
    return observable
