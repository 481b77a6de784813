"""Search spaces: the ranges of hyper-parameters as JSON, as YAML, as Hopaas strings and as Optuna's objects.

One range is ``{"type": "float", "low": 1e-5, "high": 0.1, "log": true}``, ``{"type": "int", "low": 1,
"high": 8}`` or ``{"type": "categorical", "choices": ["relu", "tanh"]}``. Hopaas writes the same as strings:
``optuna#loguniform(1e-05,0.1)``, ``optuna#int(1,8,1,false)``, ``optuna#categorical(relu,tanh)``.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from lamarr.errors import near_misses
from lamarr.tuning.problems import problem

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = [
    "MAX_CHOICES",
    "MAX_PARAMETERS",
    "Categorical",
    "Float",
    "Int",
    "Range",
    "Space",
    "dump",
    "from_optuna",
    "is_suggestion",
    "parse_range",
    "parse_space",
    "parse_suggestion",
    "to_optuna",
]

MAX_PARAMETERS = 256
"""Largest number of parameters of a study."""
MAX_CHOICES = 1024
"""Largest number of choices of a categorical parameter."""
_LIMIT = 2**53  # integers up to here survive a float, which is what samplers work with

Scalar = None | bool | int | float | str


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Float(_Frozen):
    """A real number in [low, high], in steps or on a logarithmic scale if wanted."""

    type: Literal["float"] = "float"
    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)
    log: bool = False
    step: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _check(self) -> Float:
        _ordered(self.low, self.high)
        if self.log and self.step is not None:
            raise ValueError("a step and log: true exclude each other")
        if self.log and self.low <= 0:
            raise ValueError(f"0 < low must hold for log: true, but got (low={self.low:g})")
        if not math.isfinite(self.high - self.low):
            raise ValueError("high − low must be a finite number")
        return self


class Int(_Frozen):
    """An integer in [low, high], in steps or on a logarithmic scale if wanted."""

    type: Literal["int"] = "int"
    low: int = Field(ge=-_LIMIT, le=_LIMIT)
    high: int = Field(ge=-_LIMIT, le=_LIMIT)
    log: bool = False
    step: int = Field(default=1, ge=1, le=_LIMIT)

    @model_validator(mode="after")
    def _check(self) -> Int:
        _ordered(self.low, self.high)
        if self.log and self.step != 1:
            raise ValueError("a step and log: true exclude each other")
        if self.log and self.low < 1:
            raise ValueError(f"1 <= low must hold for log: true, but got (low={self.low})")
        return self


class Categorical(_Frozen):
    """One of a list of choices: text, numbers, true, false or null."""

    type: Literal["categorical"] = "categorical"
    choices: list[Scalar] = Field(min_length=1, max_length=MAX_CHOICES)

    @model_validator(mode="after")
    def _check(self) -> Categorical:
        if any(isinstance(c, float) and not math.isfinite(c) for c in self.choices):
            raise ValueError("choices must be finite numbers")
        if len({(str(type(c)), c) for c in self.choices}) < len(self.choices):
            raise ValueError("choices must differ from each other")
        return self


Range = Annotated[Float | Int | Categorical, Field(discriminator="type")]
Space = dict[str, Float | Int | Categorical]
_RANGE: TypeAdapter[Float | Int | Categorical] = TypeAdapter(Range)


def _ordered(low: float, high: float) -> None:
    if not low <= high:
        raise ValueError(f"low <= high must hold, but got (low={low:g}, high={high:g})")


def _reason(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(p) for p in first["loc"] if p not in ("float", "int", "categorical"))
    text = str(first["msg"]).removeprefix("Value error, ")
    return f"{where}: {text}" if where else text


def parse_range(name: str, value: object) -> Float | Int | Categorical:
    """One range from JSON or YAML; raises TuningError ("bad_space") that names the parameter."""
    if isinstance(value, Float | Int | Categorical):
        return value
    try:
        return _RANGE.validate_python(value)
    except ValidationError as error:
        raise problem("bad_space", f"the range of {name[:80]!r} is malformed: {_reason(error)}") from None


def parse_space(space: Mapping[str, object]) -> Space:
    """All ranges of a study; raises TuningError ("bad_space")."""
    if len(space) > MAX_PARAMETERS:
        raise problem("bad_space", f"a study has at most {MAX_PARAMETERS} parameters, got {len(space)}")
    for name in space:
        if not 0 < len(name) <= 200:
            raise problem("bad_space", "the name of a parameter has 1 to 200 characters")
    return {name: parse_range(name, value) for name, value in space.items()}


def to_optuna(range_: Float | Int | Categorical) -> BaseDistribution:
    """Optuna's distribution of a range."""
    from optuna import distributions as d

    if isinstance(range_, Float):
        with warnings.catch_warnings():
            # the last multiple of a step need not be a float: Optuna finds the float below, and says so
            warnings.filterwarnings(
                "ignore", message="The distribution is specified by", category=UserWarning
            )
            return d.FloatDistribution(range_.low, _on_grid(range_), log=range_.log, step=range_.step)
    if isinstance(range_, Int):
        high = range_.low + (range_.high - range_.low) // range_.step * range_.step
        return d.IntDistribution(range_.low, high, log=range_.log, step=range_.step)
    return d.CategoricalDistribution(range_.choices)


def _on_grid(range_: Float) -> float:
    """Find the last multiple of the step inside the range: Optuna warns where `high` is not one."""
    if range_.step is None:
        return range_.high
    low, high, step = (Decimal(str(v)) for v in (range_.low, range_.high, range_.step))
    return float(low + (high - low) // step * step)


def from_optuna(distribution: BaseDistribution) -> Float | Int | Categorical:
    """Make the range of one of Optuna's distributions; inverse of :func:`to_optuna`."""
    from optuna import distributions as d

    if isinstance(distribution, d.FloatDistribution):
        return Float(
            low=distribution.low, high=distribution.high, log=distribution.log, step=distribution.step
        )
    if isinstance(distribution, d.IntDistribution):
        return Int(low=distribution.low, high=distribution.high, log=distribution.log, step=distribution.step)
    if isinstance(distribution, d.CategoricalDistribution):
        return Categorical(choices=list(distribution.choices))
    raise TypeError(f"no range corresponds to {distribution!r}")


_CALL = re.compile(r"optuna#([a-z_]+)\((.*)\)", re.DOTALL)


def is_suggestion(value: object) -> bool:
    """Whether `value` is a Hopaas string that stands for a range."""
    return isinstance(value, str) and value.startswith("optuna#")


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"expected true or false, got {text!r}")
    return text.lower() == "true"


def _float_range(low: str, high: str, step: str = "none", log: str = "false") -> Float:
    return Float(
        low=float(low),
        high=float(high),
        step=None if step.lower() == "none" else float(step),
        log=_truth(log),
    )


def _int_range(low: str, high: str, step: str = "1", log: str = "false") -> Int:
    return Int(low=int(low), high=int(high), step=int(step), log=_truth(log))


_HOPAAS: dict[str, Callable[..., Float | Int | Categorical]] = {
    "int": _int_range,
    "float": _float_range,
    "uniform": lambda low, high: _float_range(low, high),
    "loguniform": lambda low, high: _float_range(low, high, log="true"),
    # the public client has no step here: without one it is an ordinary uniform number
    "discrete_uniform": lambda low, high, step="none": _float_range(low, high, step),
}


def parse_suggestion(name: str, text: str) -> Float | Int | Categorical:
    """Turn a Hopaas string into a range; raises TuningError ("bad_space") that quotes the right form."""
    found = _CALL.fullmatch(text.strip())
    if found is None:
        raise problem("bad_space", f"{name[:80]!r}: expected optuna#kind(...), found {text[:80]!r}")
    kind, inside = found.groups()
    arguments = [a.strip() for a in inside.split(",")]
    try:
        if kind == "categorical":
            return Categorical(choices=list(arguments))
        if kind in _HOPAAS:
            return _HOPAAS[kind](*arguments)
    except ValidationError as error:
        raise problem("bad_space", f"the range of {name[:80]!r} is malformed: {_reason(error)}") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise problem("bad_space", f"{name[:80]!r}: {text[:80]!r} cannot be read: {error}") from None
    known = ["categorical", *_HOPAAS]
    hint = ", ".join(near_misses(kind, known) or known)
    raise problem("bad_space", f"{name[:80]!r}: no suggestion is called {kind[:40]!r}; known: {hint}")


def dump(space: Space) -> dict[str, Any]:
    """Give the space as plain JSON."""
    return {name: range_.model_dump() for name, range_ in space.items()}
