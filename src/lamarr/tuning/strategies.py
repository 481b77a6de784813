"""Samplers and pruners by name, with the arguments that a client may set.

A strategy is ``{"name": "tpe", "args": {"n_startup_trials": 10}}``. Names are ours; Optuna's class names
(`TPESampler`, `MedianPruner`, which the Hopaas client sends) mean the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lamarr.errors import near_misses
from lamarr.tuning.grid import ExclusiveGrid
from lamarr.tuning.problems import problem
from lamarr.tuning.quickrandom import QuickRandom
from lamarr.tuning.space import Space

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

__all__ = ["PRUNERS", "SAMPLERS", "Strategy", "make_pruner", "make_sampler", "parse_strategy"]


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """A strategy: Optuna's class, the arguments allowed with their types, and renamed arguments."""

    cls: str
    args: Mapping[str, tuple[type, ...]]
    renamed: Mapping[str, str] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    quick: bool = False


_INT, _REAL, _BOOL, _TEXT = (int,), (int, float), (bool,), (str,)
_NONE = (type(None),)

SAMPLERS: dict[str, _Kind] = {
    "tpe": _Kind(
        cls="TPESampler",
        args={
            "n_startup_trials": _INT,
            "n_ei_candidates": _INT,
            "multivariate": _BOOL,
            "group": _BOOL,
            "constant_liar": _BOOL,
            "seed": _INT,
        },
        # part of the public client's request; Optuna 5 has retired the switch and behaves as for True
        dropped=("consider_magic_clip", "consider_prior", "prior_weight", "consider_endpoints"),
    ),
    "random": _Kind(cls="RandomSampler", args={"seed": _INT}, quick=True),
    "grid": _Kind(cls="GridSampler", args={"points": (dict,)}, quick=True),
    "cma-es": _Kind(
        cls="CmaEsSampler",
        args={
            "sigma0": _REAL,
            "n_startup_trials": _INT,
            "popsize": _INT,
            "use_separable_cma": _BOOL,
            "with_margin": _BOOL,
            "lr_adapt": _BOOL,
            "seed": _INT,
        },
    ),
    "nsga-ii": _Kind(
        cls="NSGAIISampler",
        args={
            "population_size": _INT,
            "mutation_prob": _REAL,
            "crossover_prob": _REAL,
            "swapping_prob": _REAL,
            "seed": _INT,
        },
    ),
    "gp": _Kind(
        cls="GPSampler", args={"n_startup_trials": _INT, "deterministic_objective": _BOOL, "seed": _INT}
    ),
}
"""Name of a sampler → what it is made of."""

_STEPS = {"n_warmup_steps": _INT, "interval_steps": _INT}
PRUNERS: dict[str, _Kind] = {
    "none": _Kind(cls="NopPruner", args={}, quick=True),
    "median": _Kind(cls="MedianPruner", args={"n_startup_trials": _INT, "n_min_trials": _INT, **_STEPS}),
    "percentile": _Kind(
        cls="PercentilePruner",
        args={"percentile": _REAL, "n_startup_trials": _INT, "n_min_trials": _INT, **_STEPS},
    ),
    "hyperband": _Kind(
        cls="HyperbandPruner",
        args={
            "min_resource": _INT,
            "max_resource": (*_INT, *_TEXT),
            "reduction_factor": _INT,
            "bootstrap_count": _INT,
        },
        # the public client's spelling
        renamed={"min_resources": "min_resource", "max_resources": "max_resource"},
    ),
    "successive-halving": _Kind(
        cls="SuccessiveHalvingPruner",
        args={
            "min_resource": (*_INT, *_TEXT),
            "reduction_factor": _INT,
            "min_early_stopping_rate": _INT,
            "bootstrap_count": _INT,
        },
    ),
    "threshold": _Kind(
        cls="ThresholdPruner", args={"lower": (*_REAL, *_NONE), "upper": (*_REAL, *_NONE), **_STEPS}
    ),
}
"""Name of a pruner → what it is made of."""


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """A sampler or pruner by our name with checked arguments."""

    name: str
    args: Mapping[str, Any] = field(default_factory=dict)
    quick: bool = False

    def dump(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"name": self.name, "args": dict(self.args)}


def parse_strategy(what: str, value: Mapping[str, Any] | str | None) -> Strategy:
    """Check a strategy; `what` is "sampler" or "pruner". Raises TuningError ("bad_request")."""
    kinds, default = (SAMPLERS, "tpe") if what == "sampler" else (PRUNERS, "none")
    if value is None:
        value = default
    if isinstance(value, str):
        value = {"name": value}
    asked, args = str(value.get("name", default)), value.get("args") or {}
    name = _known_name(what, asked, kinds)
    kind = kinds[name]
    args = {kind.renamed.get(k, k): v for k, v in args.items() if k not in kind.dropped}
    for key, item in args.items():
        _check_argument(what, name, key, item, kind)
    return Strategy(name=name, args=args, quick=kind.quick)


def _known_name(what: str, asked: str, kinds: Mapping[str, _Kind]) -> str:
    by_class = {kind.cls: name for name, kind in kinds.items()}
    name = by_class.get(asked, asked)
    if name not in kinds:
        hint = ", ".join(near_misses(asked, [*kinds, *by_class]) or kinds)
        raise problem("bad_request", f"no {what} is called {asked[:40]!r}; known: {hint}")
    return name


def _check_argument(what: str, name: str, key: str, item: object, kind: _Kind) -> None:
    if key not in kind.args:
        hint = ", ".join(near_misses(key, kind.args) or kind.args) or "none"
        raise problem("bad_request", f"the {what} {name!r} takes no {key[:40]!r}; it takes: {hint}")
    allowed = kind.args[key]
    if not isinstance(item, allowed) or (isinstance(item, bool) and bool not in allowed):
        names = " or ".join("null" if t is type(None) else t.__name__ for t in allowed)
        raise problem(
            "bad_request", f"{key!r} of the {what} {name!r} must be {names}, got {str(item)[:40]!r}"
        )
    if isinstance(item, int | float) and not -1e9 <= item <= 2**32:
        raise problem("bad_request", f"{key!r} of the {what} {name!r} is out of range: {item!r}")


def make_sampler(strategy: Strategy, space: Space) -> BaseSampler:
    """Build the sampler; raises TuningError where an argument or a missing library forbids it."""
    import optuna

    if strategy.name == "grid":
        return ExclusiveGrid(space, strategy.args.get("points") or {})
    if strategy.name == "random":
        return QuickRandom(strategy.args.get("seed"))
    if strategy.name == "gp":
        _need_on_server("gp", "torch", "train")
    if strategy.name == "cma-es":
        _need_on_server("cma-es", "cmaes", "tune")
    extra: dict[str, Any] = {}
    if strategy.name in ("cma-es", "gp"):
        extra["warn_independent_sampling"] = False
    cls = getattr(optuna.samplers, SAMPLERS[strategy.name].cls)
    return _build(cls, "sampler", strategy, extra)  # type: ignore[no-any-return]


def _need_on_server(name: str, module: str, extra: str) -> None:
    import importlib.util

    if importlib.util.find_spec(module) is None:
        raise problem(
            "bad_request",
            f"the sampler {name!r} needs {module} on the server: pip install 'lamarr[{extra}]' there",
        )


def make_pruner(strategy: Strategy) -> BasePruner:
    """Build the pruner; raises TuningError where an argument forbids it."""
    import optuna

    defaults: dict[str, Any] = {"percentile": 25.0} if strategy.name == "percentile" else {}
    cls = getattr(optuna.pruners, PRUNERS[strategy.name].cls)
    merged = Strategy(name=strategy.name, args={**defaults, **strategy.args})
    if strategy.name == "threshold" and not merged.args.keys() & {"lower", "upper"}:
        raise problem("bad_request", "the pruner 'threshold' needs 'lower' or 'upper'")
    return _build(cls, "pruner", merged, {})  # type: ignore[no-any-return]


def _build(cls: Callable[..., Any], what: str, strategy: Strategy, extra: Mapping[str, Any]) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna calls some of these experimental; their names are ours
            return cls(**strategy.args, **extra)
    except (ValueError, TypeError, AssertionError) as error:
        raise problem("bad_request", f"the {what} {strategy.name!r} cannot be built: {error}") from None
