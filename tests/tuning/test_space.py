from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("optuna", reason="the extra `tune` is not installed")

from lamarr.tuning.problems import TuningError
from lamarr.tuning.quickrandom import QuickRandom
from lamarr.tuning.space import (
    Categorical,
    Float,
    Int,
    dump,
    from_optuna,
    parse_range,
    parse_space,
    parse_suggestion,
    to_optuna,
)


@st.composite
def ranges(draw: st.DrawFn) -> Float | Int | Categorical:
    kind = draw(st.sampled_from(["float", "log", "step", "int", "logint", "categorical"]))
    if kind == "categorical":
        scalars = st.one_of(st.text(max_size=5), st.integers(-5, 5), st.booleans(), st.none())
        return Categorical(choices=draw(st.lists(scalars, min_size=1, max_size=5, unique_by=repr)))
    if kind in ("int", "logint"):
        low = draw(st.integers(1, 1000))
        high = low + draw(st.integers(0, 1000))
        log = kind == "logint"
        return Int(low=low, high=high, log=log, step=1 if log else draw(st.integers(1, 7)))
    low = draw(st.floats(1e-6, 1e3))
    high = low + draw(st.floats(0, 1e3))
    if kind == "step":
        return Float(
            low=round(low, 3), high=round(high + 1, 3), step=draw(st.sampled_from([0.1, 0.125, 1.0]))
        )
    step = None
    return Float(low=low, high=high, log=kind == "log", step=step)


@given(ranges())
def test_a_range_survives_json_and_optuna(range_):
    assert parse_range("x", range_.model_dump()) == range_
    there = to_optuna(range_)
    assert to_optuna(from_optuna(there)) == there


@given(ranges(), st.integers(0, 2**32 - 1))
def test_random_values_lie_in_their_range(range_, seed):
    distribution = to_optuna(range_)
    value = QuickRandom(seed).draw({"x": distribution})["x"]
    assert distribution._contains(distribution.to_internal_repr(value))


@pytest.mark.parametrize(
    "range_",
    [
        {"type": "float", "low": -2.0, "high": 3.0},
        {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
        {"type": "float", "low": 0.0, "high": 1.0, "step": 0.25},
        {"type": "int", "low": 1, "high": 9, "step": 2},
        {"type": "int", "low": 1, "high": 40, "log": True},
        {"type": "categorical", "choices": ["a", "b", "c"]},
    ],
)
def test_random_values_are_distributed_as_optunas(range_):
    import optuna
    from scipy.stats import ks_2samp

    distribution = to_optuna(parse_range("x", range_))
    ours, theirs = QuickRandom(1), optuna.samplers.RandomSampler(seed=1)
    a = [distribution.to_internal_repr(ours.draw({"x": distribution})["x"]) for _ in range(3000)]
    b = [
        distribution.to_internal_repr(theirs.sample_independent(None, None, "x", distribution))
        for _ in range(3000)
    ]
    assert ks_2samp(a, b).pvalue > 1e-3


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"type": "float", "low": 2, "high": 1}, "low <= high must hold"),
        ({"type": "float", "low": 0, "high": 1, "log": True}, "0 < low must hold"),
        ({"type": "float", "low": 0, "high": math.inf}, "finite"),
        ({"type": "float", "low": math.nan, "high": 1}, "finite"),
        ({"type": "float", "low": -1.7e308, "high": 1.7e308}, "finite"),
        ({"type": "float", "low": 1, "high": 2, "log": True, "step": 0.1}, "exclude"),
        ({"type": "int", "low": 0, "high": 4, "log": True}, "1 <= low"),
        ({"type": "int", "low": 0, "high": 2**60}, "less than or equal"),
        ({"type": "int", "low": 0.5, "high": 2}, "integer"),
        ({"type": "categorical", "choices": []}, "at least 1"),
        ({"type": "categorical", "choices": ["a", "a"]}, "differ"),
        ({"type": "normal", "low": 0, "high": 1}, "float"),
        ({"type": "float", "low": 0, "high": 1, "mean": 0}, "mean"),
        (["float", 0, 1], "dictionary"),
        (None, "dictionary"),
    ],
)
def test_a_malformed_range_is_refused_with_its_name(bad, said):
    with pytest.raises(TuningError, match=said) as error:
        parse_space({"momentum": bad})
    assert error.value.kind == "bad_space"
    assert "momentum" in str(error.value)


def test_too_many_parameters_and_bad_names_are_refused():
    one = {"type": "int", "low": 0, "high": 1}
    with pytest.raises(TuningError, match="at most 256"):
        parse_space({f"p{i}": one for i in range(257)})
    with pytest.raises(TuningError, match="1 to 200"):
        parse_space({"": one})


@pytest.mark.parametrize(
    ("text", "range_"),
    [
        ("optuna#int(2,20,1,false)", Int(low=2, high=20)),
        ("optuna#int(1,64,1,true)", Int(low=1, high=64, log=True)),
        ("optuna#int(0,10)", Int(low=0, high=10)),
        ("optuna#float(-10.0,10.0)", Float(low=-10, high=10)),
        ("optuna#uniform(0,1)", Float(low=0, high=1)),
        ("optuna#loguniform(0.1,100.0)", Float(low=0.1, high=100, log=True)),
        ("optuna#discrete_uniform(0,1)", Float(low=0, high=1)),
        ("optuna#discrete_uniform(0,1,0.25)", Float(low=0, high=1, step=0.25)),
        ("optuna#categorical(adam, sgd)", Categorical(choices=["adam", "sgd"])),
    ],
)
def test_hopaas_strings(text, range_):
    assert parse_suggestion("x", text) == range_


@pytest.mark.parametrize(
    "text",
    [
        "optuna#",
        "optuna#int",
        "optuna#int()",
        "optuna#int(1)",
        "optuna#int(a,b)",
        "optuna#int(5,1)",
        "optuna#float(1,2,3,4,5)",
        "optuna#loguniform(0,1)",
        "optuna#gauss(0,1)",
        "optuna#int(1,2,1,maybe)",
        "optuna#float(nan,1)",
        "optuna#int(1,1e3)",
        "optuna#int(" + "9" * 5000 + ",1)",
        "optuna#categorical(a,a)",
    ],
)
def test_malformed_hopaas_strings_are_refused(text):
    with pytest.raises(TuningError) as error:
        parse_suggestion("x", text)
    assert error.value.kind == "bad_space"
    assert len(str(error.value)) < 400


def test_a_space_is_plain_json():
    import json

    space = parse_space({"x": {"type": "float", "low": 0, "high": 1}})
    assert parse_space(json.loads(json.dumps(dump(space)))) == space
