"""Particle identification of long tracks: RICH, isMuon, MUON and global likelihoods, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lamarr.elementary import log
from lamarr.errors import PipelineError
from lamarr.events import TrackType
from lamarr.flash.row_stage import Draw, RowStage, StageGroup
from lamarr.flash.stage import columns
from lamarr.flash.stages.model import Model, ModelStage, Runs
from lamarr.parametrizations.pid import ABSENT, GLOBAL, IS_MUON, MODELS, MUON, RICH, SPECIES

__all__ = ["Identification"]


class _Begin(RowStage):
    """Rows of long tracks of species that have models; nothing is known about them yet."""

    name = "pid"
    over = "tracks"
    creates = "pid"

    def __init__(self, species: tuple[str, ...]) -> None:
        self.codes = tuple(SPECIES[s] for s in species)

    def selected(self, c: Any) -> Any:
        """Long tracks of these species; a ghost has no particle."""
        known = (c["particle_id"] >= 0) & np.isin(np.abs(c["particle.pid"]), self.codes)
        return (c["type"] == TrackType.LONG) & known

    def outcome(self, c: Any, y: Any) -> dict[str, Any]:  # noqa: ARG002
        """Return what stands where no model writes."""
        numbers = dict.fromkeys((*RICH, *IS_MUON, *GLOBAL), 0.0) | dict(ABSENT)
        return {"track_id": c["track_id"], "isMuon": False, **numbers}


class _Part(ModelStage):
    """One model of one species."""

    over = "pid"

    def __init__(self, name: str, species: str, model: Model, run: Runs | None, sign: int) -> None:
        declared = MODELS[name]
        self.name = f"pid.{name}_{species}"
        self.conditions, self.outputs, self.given = declared.inputs, declared.outputs, declared.given
        self.code, self.sign = SPECIES[species], sign
        self.draws = {"u": Draw(kind="uniform", stream="pid.isMuon")} if self.outputs == IS_MUON else {}
        super().__init__(model, run=run)

    def selected(self, c: Any) -> Any:
        """Rows of the species, and of the isMuon that the model is for."""
        own = np.abs(c["particle.pid"]) == self.code
        return own if self.given is None else own & (c["isMuon"] if self.given else ~c["isMuon"])

    def fed(self, c: Any) -> dict[str, Any]:
        """Return the kinematics of the track, and what the models before drew."""
        px, py, pz = (c[f"track.{name}"] for name in ("px", "py", "pz"))
        p, pt = np.sqrt(px**2 + py**2 + pz**2), np.sqrt(px**2 + py**2)
        kinematics = {
            "p": c["track.p"],
            "eta": log((p + pz) / np.maximum(pt, 1e-6 * p)),
            "nTracks": c["event.nTracks"],
            "charge": self.sign * c["track.charge"].astype(np.int64),
        }
        return {name: kinematics[name] if name in kinematics else c[name] for name in self.conditions}

    def outcome(self, c: Any, y: Any) -> dict[str, Any]:
        """Return the outputs; with the probability of isMuon also isMuon itself."""
        drawn = {"isMuon": c["u"] < y[IS_MUON[0]]} if self.outputs == IS_MUON else {}
        return {**{name: y[name] for name in self.outputs}, **drawn}


class Identification(StageGroup):
    """Write table ``pid``: a row for each long track of a species that has models.

    Each model knows the outputs of those before it (:mod:`lamarr.parametrizations.pid`), so that the
    likelihoods of a track belong together. The models of a species are those of the true particle.

    Parameters
    ----------
    models : mapping of str to Model
        By NAME_SPECIES; the models of other stages may be among them. A species has all of its models, or
        none: then its tracks get no row.
    runs : mapping of str to callable, optional
        What evaluates the models, for instance their compiled forms.
    reverse_charge : bool
        Feed the opposite charge: a set for the other polarity of the magnet.

    Raises
    ------
    PipelineError
        If no species has models, one lacks some, or a model has other columns than it must.
    """

    name = "pid"
    reads = columns(
        events=("event_id", "nTracks"),
        particles=("event_id", "particle_id", "pid", "out_of_domain"),
        tracks=("event_id", "track_id", "particle_id", "type", "charge", "p", "px", "py", "pz"),
    )
    writes = columns(
        particles=("out_of_domain",),
        pid=("event_id", "track_id", *RICH, "isMuon", *IS_MUON, *MUON, *GLOBAL),
    )

    def __init__(
        self,
        models: Mapping[str, Model],
        *,
        runs: Mapping[str, Runs] | None = None,
        reverse_charge: bool = False,
    ) -> None:
        self.sign = -1 if reverse_charge else 1
        self.runs = dict(runs or {})
        self.models = {
            f"{m}_{s}": models[f"{m}_{s}"] for s in SPECIES for m in MODELS if f"{m}_{s}" in models
        }
        self.species = tuple(s for s in SPECIES if any(n.endswith(f"_{s}") for n in self.models))
        self._check()
        self.parts = (_Begin(self.species), *self._models())

    @staticmethod
    def wanted(models: Mapping[str, Model]) -> bool:
        """Whether a model of identification is among the models of a set."""
        return any(f"{m}_{s}" in models for m in MODELS for s in SPECIES)

    def _models(self) -> list[RowStage]:
        return [
            _Part(
                name, species, self.models[f"{name}_{species}"], self.runs.get(f"{name}_{species}"), self.sign
            )
            for species in self.species
            for name in MODELS
        ]

    def _check(self) -> None:
        if not self.species:
            raise PipelineError(f"stage '{self.name}' needs models of identification, but the set has none")
        for species in self.species:
            for name, declared in MODELS.items():
                model = self.models.get(f"{name}_{species}")
                if model is None:
                    raise PipelineError(
                        f"stage '{self.name}' needs all models of a species, "
                        f"but '{name}_{species}' is missing"
                    )
                strange = [n for n in model.inputs if n not in declared.inputs]
                if strange or sorted(model.outputs) != sorted(declared.outputs):
                    raise PipelineError(
                        f"the model '{name}_{species}' must read from {', '.join(declared.inputs)} and yield "
                        f"{', '.join(declared.outputs)}, but reads {', '.join(model.inputs)} and yields "
                        f"{', '.join(model.outputs)}"
                    )

    def describe(self) -> dict[str, Any]:
        """Return the digests of the models, and the sign of the charge that they are fed."""
        weights = {
            n: getattr(m, "card", {}).get("weights", {}).get("sha256", "") for n, m in self.models.items()
        }
        run = next((type(r).__name__ for r in self.runs.values()), "Model")
        return {"stage": self.name, "weights": weights, "run": run, "sign": self.sign}
