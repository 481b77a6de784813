"""The service against Optuna alone, on three functions and on recipes, with the same budget and seed.

With one client and a seed the service must give the very same trials; so not only the best values are
compared but every parameter of every trial.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lamarr.tuning.localserver import running_server
from lamarr.tuning.recipe import load_objective, read_recipe, resolve
from lamarr.tuning.space import parse_space, to_optuna

__all__ = ["FUNCTIONS", "compare", "recipe_problem"]


def branin(p: Mapping[str, Any]) -> float:
    """Branin's function of x in [−5, 10], y in [0, 15]; minimum 0.397887."""
    x, y = p["x"], p["y"]
    a = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return float(a**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)


def rosenbrock(p: Mapping[str, Any]) -> float:
    """Rosenbrock's function of three variables in [−2, 2]; minimum 0 at (1, 1, 1)."""
    x = [p["a"], p["b"], p["c"]]
    return float(sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(2)))


def training(p: Mapping[str, Any]) -> float:
    """Like a validation loss: a valley in log10 of the learning rate, a best width, one best activation."""
    penalty = {"relu": 0.05, "tanh": 0.0, "silu": 0.02}[p["activation"]]
    return float((math.log10(p["lr"]) + 3) ** 2 + ((p["width"] - 96) / 64) ** 2 + penalty)


def _line(low: float, high: float, **more: Any) -> dict[str, Any]:
    return {"type": "float", "low": low, "high": high, **more}


Problem = tuple[Callable[[Mapping[str, Any]], float], dict[str, Any]]
"""A function of parameters, and its search space."""

FUNCTIONS: dict[str, Problem] = {
    "branin": (branin, {"x": _line(-5, 10), "y": _line(0, 15)}),
    "rosenbrock": (rosenbrock, {"a": _line(-2, 2), "b": _line(-2, 2), "c": _line(-2, 2)}),
    "training": (
        training,
        {
            "lr": _line(1e-6, 1.0, log=True),
            "width": {"type": "int", "low": 16, "high": 256},
            "activation": {"type": "categorical", "choices": ["relu", "tanh", "silu"]},
        },
    ),
}
"""Name → function and search space."""


class _Unwatched:
    """Stands for a trial whose values nobody asks for on the way."""

    def report(self, step: int, value: float) -> None:
        """Forget it."""

    def should_prune(self) -> bool:
        """Never."""
        return False


def recipe_problem(path: Path | str) -> Problem:
    """Return the objective of a recipe with a block `tune` as a function of its parameters."""
    recipe = read_recipe(path)
    objective = load_objective(recipe.tune.objective)

    def function(p: Mapping[str, Any]) -> float:
        return float(objective(resolve(recipe, p), _Unwatched()))  # type: ignore[arg-type]

    return function, dict(recipe.tune.space)


def _alone(problem: Problem, trials: int, seed: int) -> tuple[float, list[dict[str, Any]]]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    function, space = problem
    ranges = {k: to_optuna(r) for k, r in parse_space(space).items()}
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    for _ in range(trials):
        trial = study.ask(ranges)
        study.tell(trial, function(trial.params))
    return study.best_value, [t.params for t in study.trials]


def _served(
    client: Any, name: str, problem: Problem, trials: int, seed: int
) -> tuple[float, list[dict[str, Any]]]:
    function, space = problem
    sampler = {"name": "tpe", "args": {"seed": seed}}
    study = client.study(f"compare {name}", space, properties={"seed": seed}, sampler=sampler)
    study.optimize(lambda t: function(t.params), trials)
    return study.best()[0]["values"][0], [t["params"] for t in study.trials()]


def compare(trials: int, seeds: int, problems: Mapping[str, Problem] = FUNCTIONS) -> dict[str, Any]:
    """Medians of the best values over `seeds` runs of `trials` trials, and in how many all trials agree."""
    from lamarr.tuning.client import Client

    found: dict[str, Any] = {"trials": trials, "seeds": seeds}
    with running_server() as (server, token), Client(f"http://127.0.0.1:{server.port}", token) as client:
        for name, problem in problems.items():
            alone = [_alone(problem, trials, s) for s in range(seeds)]
            served = [_served(client, name, problem, trials, s) for s in range(seeds)]
            found[name] = {
                "optuna_alone_median": statistics.median(a[0] for a in alone),
                "service_median": statistics.median(s[0] for s in served),
                "runs_with_identical_trials": sum(a == s for a, s in zip(alone, served, strict=True)),
            }
    return found
