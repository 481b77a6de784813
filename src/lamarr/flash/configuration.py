"""Pipelines from a set, in YAML or Python.

set: lhcb2016-detailed-magup   # trained models: a shipped set, or a folder
detector: lhcb2016-magup       # default: the detector of the set; or a YAML file
reverse_charge: false          # default: what the set says
stages:                        # default: all shipped stages that the set has models for
  - classify
  - acceptance
  - efficiency
plug_ins:                      # default: none; see lamarr.flash.stages.plug_in
  - {name: mine, library: ./libmine.so, symbol: f, inputs: [p, true.p], outputs: [ghostProb]}
ecal: parametric               # engine of the ECAL; default: the best that the set has models for; off: none
backend: auto                  # default: c if there is a compiler, else numpy; or c, or numpy
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from lamarr.declaration import STRICT, parse
from lamarr.errors import ConfigurationError, raise_unknown
from lamarr.flash.pipeline import Pipeline
from lamarr.flash.stage import Stage
from lamarr.flash.stages import (
    STAGES,
    Acceptance,
    Classify,
    CountTracks,
    Covariance,
    Ecal,
    Efficiency,
    Identification,
    Occupancy,
    PrimaryVertices,
    Propagate,
    Resolution,
)
from lamarr.flash.stages.acceptance import ProductionStage
from lamarr.flash.stages.model import Model, ModelStage, Runs
from lamarr.flash.stages.plug_in import PlugIn, PlugInDeclaration

if TYPE_CHECKING:
    from lamarr.detector import Detector
    from lamarr.parametrizations.sets import ModelSet

__all__ = ["DEFAULT_SET", "PipelineConfiguration", "load_configuration", "load_pipeline"]

DEFAULT_SET: Final = "lhcb2016-detailed-magup"

OFF: Final = "off"
"""The engine that is none."""


@dataclass(frozen=True, kw_only=True)
class _Parts:
    models: ModelSet
    detector: Detector
    reverse_charge: bool
    runs: Mapping[str, Runs]
    ecal: str | None

    def calorimeter(self) -> Stage:
        """Return the ECAL with the engine that is named, or the best that the set has models for."""
        from lamarr.detector.geometry import load_geometry
        from lamarr.parametrizations.ecal.engines import best_engine, make_engine

        geometry = load_geometry()
        name = self.ecal or best_engine(self.models.models)
        engine = make_engine(name, self.detector, geometry, self.models.models, self.runs)
        return Ecal(engine, self.detector, geometry)

    def production(self, stage: type[ProductionStage]) -> Stage:
        """Return a stage whose model is fed the state at production."""
        model = self.models[stage.name]
        return stage(model, reverse_charge=self.reverse_charge, run=self.runs.get(stage.name))

    def modelled(self, stage: type[ModelStage]) -> Stage:
        """Return a stage around a model."""
        return stage(self.models[stage.name], run=self.runs.get(stage.name))


_FACTORIES: Final[Mapping[str, Callable[[_Parts], Stage]]] = MappingProxyType(
    {
        "classify": lambda _: Classify(),
        "acceptance": lambda p: p.production(Acceptance),
        "efficiency": lambda p: p.production(Efficiency),
        "propagate": lambda p: Propagate(p.detector),
        "resolution": lambda p: p.modelled(Resolution),
        "covariance": lambda p: p.modelled(Covariance),
        "primary_vertices": lambda p: PrimaryVertices(p.models.primary_vertex or p.detector.primary_vertex),
        "count_tracks": lambda _: CountTracks(),
        "occupancy": lambda p: Occupancy(p.models["occupancy"], run=p.runs.get("occupancy")),
        "pid": lambda p: Identification(p.models.models, runs=p.runs, reverse_charge=p.reverse_charge),
        "ecal": lambda p: p.calorimeter(),
    }
)


def _running(models: ModelSet, engine: str | None, ecal: bool) -> tuple[Any, ...]:
    """Models of a set but for those of engines of the ECAL that do not run; `engine` None: the best."""
    from lamarr.parametrizations.ecal.engines import best_engine, idle_models

    name = (engine or best_engine(models.models)) if ecal else None
    idle = idle_models(models.models, name)
    return tuple(m for n, m in models.models.items() if n not in idle)


def _lacking(models: Mapping[str, Model]) -> tuple[str, ...]:
    """Stages that a set need not have models for, and does not."""
    have = {Occupancy.name: Occupancy.name in models, Identification.name: Identification.wanted(models)}
    return tuple(name for name, has in have.items() if not has)


@dataclass(frozen=True, kw_only=True)
class PipelineConfiguration:
    """What a pipeline is made of.

    Parameters
    ----------
    set : str
        Name of a shipped set of models, or a folder.
    detector : str, optional
        Name of a detector, or a YAML file; by default that of the set.
    reverse_charge : bool, optional
        Feed the opposite charge to the models; by default as the set declares.
    stages : tuple of str, optional
        Names of :data:`lamarr.flash.stages.STAGES` and of `plug_ins`, in order; by default all, but
        ``occupancy``, ``pid`` and ``ecal`` only if the set has models for them.
    plug_ins : tuple of PlugInDeclaration
        Stages that call libraries of others; those that `stages` does not name come last.
    ecal : str, optional
        Engine of the ECAL (``signal``, ``parametric``, …), or ``off``. By default the best that the set has
        models for; a set without any has no ECAL, if `stages` does not ask for it.
    backend : str
        What evaluates the models: ``c`` (compiled on first use), ``numpy`` (the definition), or ``auto``: C,
        and numpy with a warning where there is no compiler or it fails.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    set: str = DEFAULT_SET
    detector: str | None = None
    reverse_charge: bool | None = None
    stages: tuple[str, ...] | None = None
    plug_ins: tuple[PlugInDeclaration, ...] = ()
    ecal: str | None = None
    backend: str = "auto"

    @classmethod
    def load(cls, path: Path) -> PipelineConfiguration:
        """Read YAML.

        Raises
        ------
        ConfigurationError
            If a key is wrong (near misses are named) or a value of the wrong kind.
        """
        read = parse(cls, path)
        found = tuple(replace(p, library=str(path.parent / p.library)) for p in read.plug_ins)
        return replace(read, plug_ins=found)

    @property
    def facts(self) -> dict[str, str | int]:
        """What files of events say about the pipeline that made them: set, detector, year, polarity."""
        from lamarr.detector import load_detector
        from lamarr.parametrizations.sets import load_set

        return {"set": self.set, **load_detector(self.detector or load_set(self.set).detector).facts}

    def build(self) -> Pipeline:
        """Load models and detector, and check the chain.

        Raises
        ------
        UnknownNameError
            If there is no such set, detector or stage.
        PipelineError
            If the stages do not fit together.
        """
        from lamarr.detector import load_detector
        from lamarr.parametrizations.sets import load_set
        from lamarr.transpile import compiled

        plug_ins = {p.name: p for p in self.plug_ins}
        for name in self.stages or ():
            if name not in _FACTORIES and name not in plug_ins:
                raise_unknown("stage", name, [*_FACTORIES, *plug_ins])
        self._check_ecal()
        models = load_set(self.set)
        stages = self._default_stages(models) if self.stages is None else self.stages
        stages = (*stages, *(p.name for p in self.plug_ins if p.name not in (self.stages or ())))
        reverse = models.reverse_charge if self.reverse_charge is None else self.reverse_charge
        detector = load_detector(self.detector or models.detector)
        engine = None if self.ecal == OFF else self.ecal
        runs = compiled(_running(models, engine, Ecal.name in stages), self.backend)
        parts = _Parts(models=models, detector=detector, reverse_charge=reverse, runs=runs, ecal=engine)
        return Pipeline(
            PlugIn(plug_ins[name]) if name in plug_ins else _FACTORIES[name](parts) for name in stages
        )

    def _check_ecal(self) -> None:
        from lamarr.parametrizations.ecal.engines import ENGINES

        if self.ecal is not None and self.ecal not in (*ENGINES, OFF):
            raise_unknown("engine of the ECAL", self.ecal, [*ENGINES, OFF], ConfigurationError)
        if self.stages is not None and (Ecal.name in self.stages) != (self.ecal not in (None, OFF)):
            if self.ecal is None:
                return
            raise ConfigurationError(
                f"ecal: {self.ecal} and stages: [{', '.join(self.stages)}] contradict each other: "
                f"{'leave out' if self.ecal == OFF else 'add'} the stage 'ecal'"
            )

    def _default_stages(self, models: ModelSet) -> tuple[str, ...]:
        without = set(_lacking(models.models))
        if self.ecal == OFF or (self.ecal is None and not Ecal.wanted(models.models)):
            without.add(Ecal.name)
        return tuple(name for name in STAGES if name not in without)


def load_configuration(
    configuration: str | Path | PipelineConfiguration | None = None, *, backend: str | None = None
) -> PipelineConfiguration:
    """Return the configuration of a YAML file (.yaml, .yml), or of a set by name or folder.

    A `backend` replaces the one that the configuration names.

    Raises
    ------
    ConfigurationError
        If the configuration is wrong.
    """
    if configuration is None:
        configuration = PipelineConfiguration()
    if isinstance(configuration, str | Path):
        if str(configuration).endswith((".yaml", ".yml")):
            configuration = PipelineConfiguration.load(Path(configuration))
        else:
            configuration = PipelineConfiguration(set=str(configuration))
    if not isinstance(configuration, PipelineConfiguration):
        raise ConfigurationError(
            f"a pipeline is named by a set, a YAML file or a configuration, not {configuration!r}"
        )
    return configuration if backend is None else replace(configuration, backend=backend)


def load_pipeline(
    configuration: str | Path | PipelineConfiguration | None = None, *, backend: str | None = None
) -> Pipeline:
    """Return the pipeline of what :func:`load_configuration` loads."""
    return load_configuration(configuration, backend=backend).build()
