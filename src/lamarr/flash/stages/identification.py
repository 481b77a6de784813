"""Particle identification of long tracks: RICH, isMuon, MUON and global likelihoods, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import ModelError, PipelineError
from lamarr.events import EventBatch, Table, TrackType
from lamarr.flash.stage import Stage, columns
from lamarr.flash.stages.model import Model, Runs
from lamarr.parametrizations.pid import ABSENT, GLOBAL, IS_MUON, MODELS, MUON, RICH, SPECIES, species_of
from lamarr.random import Stream

__all__ = ["Identification"]

Array = NDArray[Any]


class Identification(Stage):
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

    @staticmethod
    def wanted(models: Mapping[str, Model]) -> bool:
        """Whether a model of identification is among the models of a set."""
        return any(f"{m}_{s}" in models for m in MODELS for s in SPECIES)

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

    def __call__(self, batch: EventBatch, seed: int) -> EventBatch:
        """Return the batch with table ``pid``."""
        tracks, particles = batch["tracks"], batch["particles"]
        particle = batch.rows_of("particles", tracks["event_id"], tracks["particle_id"])
        species = species_of(particles["pid"][particle])
        species[particle < 0] = ""
        rows = np.flatnonzero((tracks["type"] == TrackType.LONG) & np.isin(species, self.species))
        c = self._conditions(batch, tracks.take(rows))
        c |= {n: np.zeros(len(rows), np.float32) for n in (*RICH, *IS_MUON, *GLOBAL)}
        c |= {n: np.full(len(rows), v, np.float32) for n, v in ABSENT.items()}
        c["isMuon"] = np.zeros(len(rows), bool)
        outside = np.zeros(len(rows), bool)
        for name in self.species:
            outside |= self._identify(name, np.flatnonzero(species[rows] == name), c, seed)
        flags = particles["out_of_domain"].copy()
        flags[particle[rows]] |= outside
        table = {n: c[n] for n in self.writes["pid"]}
        return batch.with_tables(particles.with_columns(out_of_domain=flags), Table("pid", table))

    def _conditions(self, batch: EventBatch, tracks: Table) -> dict[str, Array]:
        events = batch["events"]
        at = np.searchsorted(events["event_id"], tracks["event_id"])
        return {
            **{n: tracks[n] for n in ("event_id", "track_id", "particle_id", "p")},
            "eta": np.arctanh(tracks["pz"] / np.sqrt(sum(tracks[n] ** 2 for n in ("px", "py", "pz")))),
            "nTracks": events["nTracks"][at],
            "charge": self.sign * tracks["charge"].astype(np.int64),
        }

    def _identify(self, species: str, rows: Array, c: dict[str, Array], seed: int) -> Array:
        """Draw the outputs of all models for the tracks in `rows`, in place; return where it extrapolates."""
        outside = np.zeros(len(c["p"]), bool)
        for name, declared in MODELS.items():
            at = rows if declared.given is None else rows[c["isMuon"][rows] == declared.given]
            y, beyond = self._answers(f"{name}_{species}", c, at, seed)
            outside[at] |= beyond
            for column, values in zip(self.models[f"{name}_{species}"].outputs, y.T, strict=True):
                c[column][at] = values
            if declared.outputs == IS_MUON:
                u = Stream(seed, f"{self.name}.isMuon").uniform(c["event_id"][at], c["particle_id"][at])[:, 0]
                c["isMuon"][at] = u < c[IS_MUON[0]][at]
        return outside

    def _answers(self, name: str, c: dict[str, Array], at: Array, seed: int) -> tuple[Array, Array]:
        """Evaluate a model inside its ranges; return outputs (rows, outputs), and which rows lie outside."""
        model = self.models[name]
        if not len(at):
            return np.empty((0, len(model.outputs)), np.float32), np.zeros(0, bool)
        x = np.stack([np.asarray(c[n][at], np.float32) for n in model.inputs], axis=1)
        bounds = [model.ranges.get(n, (-np.inf, np.inf)) for n in model.inputs]
        low, high = np.array(bounds, np.float32).T
        inside = np.minimum(np.maximum(x, low), high)
        event, particle = c["event_id"][at], c["particle_id"][at]
        run = self.runs.get(name, model)
        if model.n_noise:
            y = run(inside, Stream(seed, f"{self.name}.{name}").normal(event, particle, model.n_noise))
        else:
            y = run(inside)
        wrong = ~np.isfinite(y).all(axis=1)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise ModelError(
                f"the model '{name}' yields {y[row].tolist()} for particle {particle[row]} "
                f"of event {event[row]}"
            )
        return y, (inside != x).any(axis=1)

    def describe(self) -> dict[str, Any]:
        """Return the digests of the models, and the sign of the charge that they are fed."""
        weights = {
            n: getattr(m, "card", {}).get("weights", {}).get("sha256", "") for n, m in self.models.items()
        }
        run = next((type(r).__name__ for r in self.runs.values()), "Model")
        return {"stage": self.name, "weights": weights, "run": run, "sign": self.sign}
