"""Keras models as model graphs, from their files: Sequential and Functional, at any depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lamarr.errors import InputFileError, ModelError
from lamarr.transpile.graph import Graph, GraphBuilder, Value
from lamarr.transpile.imports.keras_files import KerasFile, Layer
from lamarr.transpile.imports.keras_layers import add_layer

__all__ = ["import_keras"]

_MODELS = ("Sequential", "Functional", "Model")


def _shape(config: Mapping[str, Any]) -> Sequence[int | None] | None:
    return config.get("batch_shape") or config.get("batch_input_shape")


def _width(layer: Layer) -> int:
    shape = _shape(layer.config)
    if shape is None:
        raise ModelError(f"layer '{layer.name}' must say its input shape: build the model before it is saved")
    if len(shape) != 2 or shape[1] is None:
        raise ModelError(f"'{layer.name}' must take rows of numbers (None, columns), but got {list(shape)}")
    return int(shape[1])


def _references(arguments: Any) -> list[tuple[str, int] | float]:
    """Layers (with the number of their call) and numbers that one call names, old format or new."""
    found: list[tuple[str, int] | float] = []
    if isinstance(arguments, Mapping):
        if arguments.get("class_name") == "__keras_tensor__":
            name, node, _ = arguments["config"]["keras_history"]
            return [(name, node)]
        return _references(arguments.get("args", []))
    if isinstance(arguments, int | float) and not isinstance(arguments, bool):
        return [float(arguments)]
    if isinstance(arguments, list | tuple):
        if len(arguments) >= 3 and isinstance(arguments[0], str) and isinstance(arguments[1], int):
            return [(arguments[0], arguments[1])]
        for each in arguments:
            found += _references(each)
    return found


class _Network:
    """Evaluates a model of Keras to nodes of a graph."""

    def __init__(self, builder: GraphBuilder, path: Path) -> None:
        self.builder, self.path = builder, path

    def apply(self, layer: Layer, values: list[Value | float]) -> Value:
        if layer.kind not in _MODELS:
            return add_layer(self.builder, layer, values)
        inputs = [v for v in values if isinstance(v, Value)]
        return (
            self.sequential(layer, inputs) if layer.kind == "Sequential" else self.functional(layer, inputs)
        )

    def sequential(self, model: Layer, values: Sequence[Value]) -> Value:
        (x,) = values
        for layer in model.layers():
            x = self.apply(layer, [x])
        return x

    def functional(self, model: Layer, values: Sequence[Value]) -> Value:
        """Every call of every layer, as soon as what it names is there."""
        known: dict[tuple[str, int], Value] = {
            r: v
            for r, v in zip(_references(model.config["input_layers"]), values, strict=True)
            if isinstance(r, tuple)
        }
        calls = [(layer, i, _references(c)) for layer in model.layers() for i, c in enumerate(layer.inbound)]
        while calls:
            ready = [c for c in calls if all(r in known for r in c[2] if isinstance(r, tuple))]
            if not ready:
                raise InputFileError(
                    f"{self.path}: layers {[c[0].name for c in calls]} are linked in a circle"
                )
            for layer, i, references in ready:
                arguments = [known[r] if isinstance(r, tuple) else r for r in references]
                known[layer.name, i] = self.apply(layer, arguments)
            calls = [c for c in calls if c not in ready]
        outputs = [known[r] for r in _references(model.config["output_layers"]) if isinstance(r, tuple)]
        return outputs[0] if len(outputs) == 1 else self.builder.concat(*outputs)


def _inputs(model: Layer) -> list[Layer]:
    layers = list(model.layers())
    if model.kind == "Sequential":
        first = layers[0]
        return _inputs(first) if first.kind in _MODELS else [first]
    named = [r[0] for r in _references(model.config["input_layers"]) if isinstance(r, tuple)]
    return [layer for name in named for layer in layers if layer.name == name]


def import_keras(path: Path | str) -> Graph:
    """Return the model of a Keras file (``.keras`` or ``.h5``) as a graph; TensorFlow is not needed.

    Its first input is ``x``, its second, if there is one, ``noise``. Several outputs lie side by side.

    Raises
    ------
    InputFileError
        If the file is missing, damaged, or no Keras model.
    ModelError
        If a layer cannot be imported; it is named.
    """
    file = KerasFile(path)
    model = file.model
    if model.kind not in _MODELS:
        raise ModelError(
            f"{path} holds a {model.kind}; a Sequential or Functional model can be imported. Call your class "
            "on keras.Input and save keras.Model(inputs, outputs)"
        )
    widths = [_width(layer) for layer in _inputs(model)]
    if not 1 <= len(widths) <= 2:
        raise ModelError(f"{path} must have one input, or conditions and noise, but has {len(widths)} inputs")
    builder = GraphBuilder(**dict(zip(("x", "noise"), widths, strict=False)))
    values: list[Value | float] = [builder.input(n) for n in ("x", "noise")[: len(widths)]]
    return builder.finish(_Network(builder, file.path).apply(model, values))
