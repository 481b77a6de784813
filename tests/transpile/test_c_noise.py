"""Noise made in C has the bits of lamarr.random."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transpile_graphs import model_of

from lamarr.errors import ModelError
from lamarr.random import Stream
from lamarr.transpile import GraphBuilder, Model
from lamarr.transpile.c import CompiledModel, emit
from lamarr.transpile.c.cache import build_cached
from lamarr.transpile.c.compiler import levels_of_target


@pytest.fixture(scope="module", params=[levels_of_target()[:1], levels_of_target()], ids=["lowest", "all"])
def echo(request: pytest.FixtureRequest) -> CompiledModel:
    """A model that gives its noise."""
    b = GraphBuilder(x=1, noise=9)
    library = build_cached(
        emit([model_of(b.finish(b.input("noise")))], "echo", levels=request.param), levels=request.param
    )
    return CompiledModel(library, "model")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**64 - 1), st.text(max_size=8), st.integers(1, 60), st.integers(0, 2**31))
def test_bits_are_those_of_numpy(echo: CompiledModel, seed: int, stage: str, n: int, first: int) -> None:
    event = np.random.default_rng(n).integers(0, 2**32, n)
    particle = np.arange(first, first + n)
    got = echo.seeded(np.zeros((n, 1)), seed=seed, stage=stage, event=event, particle=particle)
    assert (got == Stream(seed, stage).normal(event, particle, 9)).all()


def test_a_million_numbers(echo: CompiledModel) -> None:
    event, particle = np.divmod(np.arange(120_000), 7)
    got = echo.seeded(np.zeros((120_000, 1)), seed=5, stage="s", event=event, particle=particle)
    assert (got == Stream(5, "s").normal(event, particle, 9)).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": -1}, "seed"),
        ({"event": [0, 1]}, "event must be 3 numbers"),
        ({"particle": [0, 1, -1]}, "particle numbers must lie in"),
        ({"event": [0, 1, 2**32]}, "event numbers must lie in"),
        ({"x": np.zeros((3, 2))}, "must have 1 columns"),
    ],
)
def test_bad_counters(echo: CompiledModel, change: dict, words: str) -> None:
    arguments = {
        "x": np.zeros((3, 1)),
        "seed": 1,
        "stage": "s",
        "event": [0, 1, 2],
        "particle": [0, 0, 0],
        **change,
    }
    with pytest.raises(ModelError, match=words):
        echo.seeded(arguments.pop("x"), **arguments)


def test_a_model_without_noise_is_not_seeded() -> None:
    b = GraphBuilder(x=1)
    model: Model = model_of(b.finish(b.add("relu", b.input("x"))))
    with pytest.raises(ModelError, match="no random numbers"):
        model.compiled("c").seeded([[1.0]], seed=1, stage="s", event=[0], particle=[0])
