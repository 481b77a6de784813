"""Keras files: made by hand here, in both formats, and by Keras itself where it is installed."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamarr.errors import InputFileError, ModelError
from lamarr.transpile import evaluate
from lamarr.transpile.imports import import_keras
from lamarr.transpile.imports.keras_files import snake

h5py = pytest.importorskip("h5py", reason="Keras files are HDF5")
RNG = np.random.default_rng(3)
X = RNG.normal(size=(50, 3)).astype(np.float32)
W = {n: RNG.normal(size=s) for n, s in {"k1": (3, 4), "b1": 4, "k2": (4, 4), "k3": (4, 2), "b3": 2}.items()}
BN = {"gamma": 1.5, "beta": -0.5, "moving_mean": 0.3, "moving_variance": 2.0}


def entry(kind: str, name: str, inbound: Any = (), **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": inbound}


def tensor(name: str) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}


def functional(old: bool) -> dict[str, Any]:
    """x -> dense(tanh) -> + dense(no bias, leaky) -> batch normalisation -> dense(softmax)."""

    def calls(*names: str) -> list[Any]:
        if old:
            return [[[n, 0, 0, {}] for n in names]]
        tensors = [tensor(n) for n in names]
        return [{"args": tensors if len(names) == 1 else [tensors], "kwargs": {}}]

    shape = {"batch_input_shape" if old else "batch_shape": [None, 3]}
    layers = [
        entry("InputLayer", "start", **shape),
        entry("Dense", "first", calls("start"), use_bias=True, activation="tanh"),
        entry("Dense", "second", calls("first"), use_bias=False, activation="linear"),
        entry("LeakyReLU", "leaky", calls("second"), **{"alpha" if old else "negative_slope": 0.1}),
        entry("Add", "sum", calls("first", "leaky")),
        entry("BatchNormalization", "norm", calls("sum"), epsilon=1e-3, axis=[-1] if old else -1),
        entry("Dropout", "drop", calls("norm"), rate=0.5),
        entry("Dense", "last", calls("drop"), use_bias=True, activation="softmax"),
    ]
    ends = {"input_layers": [["start", 0, 0]], "output_layers": [["last", 0, 0]]}
    return {"class_name": "Functional", "config": {"name": "net", "layers": layers, **ends}}


def expected(x: np.ndarray) -> np.ndarray:
    h = np.tanh(x @ W["k1"] + W["b1"])
    g = h @ W["k2"]
    h = h + np.where(g > 0, g, 0.1 * g)
    h = (h - BN["moving_mean"]) / np.sqrt(BN["moving_variance"] + 1e-3) * BN["gamma"] + BN["beta"]
    e = np.exp(h @ W["k3"] + W["b3"])
    return e / e.sum(axis=1, keepdims=True)


VARIABLES = {
    ("first", "dense"): {"kernel": W["k1"], "bias": W["b1"]},
    ("second", "dense_1"): {"kernel": W["k2"]},
    ("norm", "batch_normalization"): {k: np.full(4, v) for k, v in BN.items()},
    ("last", "dense_2"): {"kernel": W["k3"], "bias": W["b3"]},
}


def write_h5(path: Path, config: Any) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        for (name, _), variables in VARIABLES.items():
            part = file.create_group(f"model_weights/{name}")
            part.attrs["weight_names"] = [f"{name}/{v}:0".encode() for v in variables]
            for v, value in variables.items():
                part[f"{name}/{v}:0"] = value
    return path


def write_keras(path: Path, config: Any) -> Path:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for (_, number), variables in VARIABLES.items():
            for i, value in enumerate(variables.values()):
                file[f"layers/{number}/vars/{i}"] = value
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", content.getvalue())
    return path


WRITERS = {"old.h5": (write_h5, True), "new.h5": (write_h5, False), "new.keras": (write_keras, False)}


@pytest.mark.parametrize("name", WRITERS)
def test_functional_model(name: str, tmp_path: Path) -> None:
    write, old = WRITERS[name]
    graph = import_keras(write(tmp_path / name, functional(old)))
    np.testing.assert_allclose(evaluate(graph, x=X), expected(X), atol=2e-6)


def test_sequential_model(tmp_path: Path) -> None:
    layers = [
        entry("InputLayer", "start", batch_shape=[None, 3]),
        entry("Dense", "first", activation={"class_name": "function", "config": "relu"}),
    ]
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}
    graph = import_keras(write_keras(tmp_path / "s.keras", config))
    np.testing.assert_allclose(evaluate(graph, x=X), np.maximum(X @ W["k1"] + W["b1"], 0), atol=2e-6)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("LeakyReLU", "leaky_re_lu"), ("Dense", "dense"), ("BatchNormalization", "batch_normalization")],
)
def test_layers_are_counted_by_these_names(kind: str, name: str) -> None:
    assert snake(kind) == name


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda c: c["layers"][3].update(class_name="LSTM"), ModelError, r"layer LSTM \('leaky'\).*ONNX"),
        (lambda c: c["layers"][1]["config"].update(activation="mish"), ModelError, "activation 'mish'"),
        (lambda c: c["layers"][0]["config"].update(batch_shape=[None, 3, 2]), ModelError, "rows of numbers"),
        (lambda c: c["layers"][0]["config"].pop("batch_shape"), ModelError, "build the model"),
        (lambda c: c["layers"][2]["config"].update(use_bias=True), ModelError, r"\['bias'\] are missing"),
        (lambda c: c["layers"][3].update(inbound_nodes=[[["sum", 0, 0, {}]]]), InputFileError, "in a circle"),
    ],
)
def test_what_cannot_be_imported_is_named(change: Any, error: Any, words: str, tmp_path: Path) -> None:
    config = functional(old=False)
    change(config["config"])
    with pytest.raises(error, match=words):
        import_keras(write_keras(tmp_path / "bad.keras", config))


def test_a_class_of_ones_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds a MyModel"):
        import_keras(write_keras(tmp_path / "m.keras", {"class_name": "MyModel", "config": {}}))


def test_files_that_are_no_keras_models(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"no file is called"):
        import_keras(tmp_path / "none.keras")
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(InputFileError, match="must be a Keras model"):
        import_keras(tmp_path / "text.h5")
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["a"] = [1.0]
    with pytest.raises(InputFileError, match="weights alone"):
        import_keras(tmp_path / "weights.h5")
    whole = write_keras(tmp_path / "w.keras", functional(old=False)).read_bytes()
    (tmp_path / "half.keras").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputFileError, match="must be a Keras model"):
        import_keras(tmp_path / "half.keras")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_models_that_keras_wrote(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="Keras needs a backend")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="Keras is the oracle here")
    L = keras.layers
    keras.utils.set_random_seed(1)
    x, z = keras.Input((3,)), keras.Input((2,), name="z")
    h = L.Dense(6, activation="tanh")(L.Concatenate()([L.Rescaling(0.5, offset=0.1)(x), z]))
    shared = L.Dense(6, activation="silu")
    for layer in (
        *(L.LeakyReLU(0.1), L.PReLU(), L.ELU(0.5), L.ReLU(), L.ReLU(max_value=0.8), L.Activation("gelu")),
        *(L.BatchNormalization(), L.BatchNormalization(scale=False), L.LayerNormalization()),
        *(L.Dropout(0.3), L.Dense(6, use_bias=False, activation="selu"), shared, shared),
    ):
        h = L.Rescaling(0.5)(L.Add()([h, layer(h)]))
    inner = keras.Sequential([keras.Input((6,)), L.Dense(4, activation="softplus"), L.BatchNormalization()])
    g = L.Multiply()([inner(h), L.Dense(4, activation="leaky_relu")(h)])
    y = L.Dense(2)(g) * 2.0 + 1.0 - L.Dense(2, activation="softmax")(g)
    model = keras.Model([x, z], [y, L.Average()([g, g])])
    for w in model.weights:
        w.assign(w + 0.1 * np.abs(RNG.normal(size=w.shape)))
    model.save(tmp_path / f"model{suffix}")
    noise = RNG.normal(size=(50, 2)).astype(np.float32)
    want = np.concatenate([np.asarray(o) for o in model.predict([X, noise], verbose=0)], axis=1)
    graph = import_keras(tmp_path / f"model{suffix}")
    np.testing.assert_allclose(evaluate(graph, x=X, noise=noise), want, rtol=2e-5, atol=2e-5)
