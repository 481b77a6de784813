"""Whatever is changed in a card, it is read, or refused in a sentence."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transpile_graphs import OPS, RandomGraph, model_of

from lamarr.errors import LamarrError
from lamarr.transpile import load_model
from lamarr.transpile.c import emit

JUNK = (
    None,
    -1,
    0,
    3,
    1e30,
    "x",
    "dense",
    [],
    {},
    [1, 2],
    True,
    "noise",
    float("nan"),
    [None],
    {"a": 1},
    0.5,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    growing = RandomGraph(3, 5, noise=True)
    for op in ("dense", *OPS):
        growing.step(op)
    path = tmp_path_factory.mktemp("card")
    model_of(growing.finish(), "all").save(path)
    return path


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for k, v in below for p in places(v, (*path, k)))]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_change(folder: Path, data: st.DataObject) -> None:
    card = json.loads((folder / "all.json").read_text())
    path = data.draw(st.sampled_from(places(card)[1:]))
    changed = copy.deepcopy(card)
    owner: Any = changed
    for key in path[:-1]:
        owner = owner[key]
    if data.draw(st.booleans()):
        owner.pop(path[-1])
    else:
        owner[path[-1]] = data.draw(st.sampled_from(JUNK))
    (folder / "changed.json").write_text(json.dumps(changed))
    try:
        model = load_model(folder, "changed")
        emit([model], "changed")
    except LamarrError:
        return
    x = np.zeros((3, len(model.inputs)), np.float32)
    noise = np.zeros((3, model.n_noise), np.float32)
    assert model(x, noise if model.n_noise else None).shape == (3, len(model.outputs))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(at=st.integers(0, 10**6), byte=st.integers(1, 255), cut=st.booleans())
def test_any_damage_of_the_weights(folder: Path, at: int, byte: int, cut: bool) -> None:
    whole = (folder / "all.safetensors").read_bytes()
    content = bytearray(whole)
    content[at % len(content)] ^= byte
    if cut:
        content = content[: at % len(content)]
    try:
        (folder / "all.safetensors").write_bytes(content)
        with pytest.raises(LamarrError, match="SHA-256"):
            load_model(folder, "all")
    finally:
        (folder / "all.safetensors").write_bytes(whole)
