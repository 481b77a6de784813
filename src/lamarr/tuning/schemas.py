"""Bodies and answers of the HTTP interface; the OpenAPI description is made from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lamarr.tuning.problems import problem
from lamarr.tuning.space import Range

__all__ = [
    "Access",
    "AskBody",
    "Change",
    "FailBody",
    "HopaasAsk",
    "HopaasFail",
    "HopaasPrune",
    "HopaasTell",
    "LeaseBody",
    "NewToken",
    "Problem",
    "ReportBody",
    "StrategyBody",
    "StudyBody",
    "SuggestBody",
    "TellBody",
    "body_of",
    "problems",
]

Model = TypeVar("Model", bound="_Body")
_Attrs = dict[str, Any]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @classmethod
    def read(cls: type[Model], raw: bytes) -> Model:
        """Read JSON, sent under whatever content type; raises TuningError ("bad_request")."""
        try:
            return cls.model_validate_json(raw)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(p) for p in first["loc"])
            raise problem("bad_request", f"{where}: {first['msg']}" if where else first["msg"]) from None


class Problem(BaseModel):
    """Why a request was not served; `kind` is for programs, `error` says what to do."""

    error: str
    kind: str
    retry_after: float | None = Field(default=None, description="seconds after which to try again")


def problems() -> dict[int | str, dict[str, Any]]:
    """Answers that every endpoint may give beside the one it is for; JSON also where that one is text."""
    content = {"application/json": {"schema": Problem.model_json_schema()}}
    said = {
        "4XX": "the request cannot be served",
        "422": "the request is malformed",
        "5XX": "the server cannot serve it now",
    }
    return {status: {"description": text, "content": content} for status, text in said.items()}


class HopaasAsk(_Body):
    """Properties of the study beside `hopaas_config`; strings `optuna#…` stand for values to be chosen."""

    model_config = ConfigDict(extra="allow")
    hopaas_config: dict[str, Any]


class HopaasTell(_Body):
    """The final loss of a trial."""

    hopaas_trial: str = Field(max_length=100)
    loss: float | Annotated[list[float], Field(min_length=1, max_length=16)]


class HopaasPrune(_Body):
    """The loss after a step of a trial."""

    hopaas_trial: str = Field(max_length=100)
    loss: float
    step: int = Field(ge=0, lt=2**63)


class HopaasFail(_Body):
    """Why a trial came to nothing."""

    hopaas_trial: str = Field(max_length=100)
    error: str = Field(default="", max_length=100_000)


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Describe a body that the endpoint reads itself, because its client sends no content type."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


class StrategyBody(_Body):
    """A sampler or a pruner."""

    name: str = Field(max_length=40)
    args: dict[str, Any] = Field(default_factory=dict)


class StudyBody(_Body):
    """A study: known by its name and properties; made if it is new, else joined."""

    name: str = Field(min_length=1, max_length=200)
    properties: dict[str, Any] = Field(default_factory=dict)
    space: dict[str, Range] = Field(default_factory=dict, max_length=256)
    directions: list[Literal["minimize", "maximize"]] = Field(
        default=["minimize"], min_length=1, max_length=16
    )
    sampler: StrategyBody | None = None
    pruner: StrategyBody | None = None
    heartbeat: float | None = Field(default=None, ge=1, le=30 * 86_400)
    attempts: int = Field(default=3, ge=1, le=100)
    max_trials: int | None = Field(default=None, ge=1, le=1_000_000)


class Change(_Body):
    """What may be changed in a running study."""

    sampler: StrategyBody | None = None
    pruner: StrategyBody | None = None
    heartbeat: float | None = Field(default=None, ge=1, le=30 * 86_400)
    attempts: int | None = Field(default=None, ge=1, le=100)
    max_trials: int | None = Field(default=None, ge=1, le=1_000_000)
    closed: bool | None = None


class AskBody(_Body):
    """Who asks; `request` makes a repeated request give the same trial."""

    worker: str = Field(default="unnamed", min_length=1, max_length=200)
    request: str | None = Field(default=None, min_length=1, max_length=64)


class LeaseBody(_Body):
    """A sign of life."""

    lease: str | None = Field(default=None, max_length=64)


class SuggestBody(LeaseBody):
    """A parameter that the study has not declared."""

    name: str = Field(min_length=1, max_length=200)
    range: Range


class ReportBody(LeaseBody):
    """An intermediate value; null for one that is not a number."""

    step: int = Field(ge=0, lt=2**63)
    value: float | None


class TellBody(LeaseBody):
    """The end of a trial."""

    state: Literal["complete", "pruned"] = "complete"
    values: Annotated[list[float], Field(max_length=16)] | None = None
    attrs: _Attrs = Field(default_factory=dict, max_length=1000)


class FailBody(LeaseBody):
    """Why a trial came to nothing."""

    error: str = Field(default="", max_length=100_000)


class Access(_Body):
    """What a share allows."""

    access: Literal["read", "work"] = "read"


class NewToken(_Body):
    """A token to be made for oneself; operators make them for others too."""

    user: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")
    name: str = Field(default="", max_length=128)
    scope: Literal["read", "work", "admin"] = "work"
    days: float | None = Field(default=90.0, gt=0, le=36_500)
