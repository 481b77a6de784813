"""What Keras files hold: the configuration of a model and the weights of its layers, read with h5py alone.

``.keras`` is a zip of ``config.json`` and ``model.weights.h5``, in which layers are numbered by kind;
``.h5`` has the configuration as an attribute and the weights by layer and variable.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import InputFileError, MissingExtraError, ModelError

__all__ = ["KerasFile", "Layer", "snake"]

Weights = Mapping[str, NDArray[Any]]


def snake(name: str) -> str:
    """Return the name that Keras gives to the first layer of a kind: ``LeakyReLU`` → ``leaky_re_lu``."""
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


class Layer:
    """A layer, or a model in a model: its kind, name, configuration, and where its weights are."""

    def __init__(self, file: KerasFile, entry: Mapping[str, Any], group: str) -> None:
        self.kind: str = entry["class_name"]
        self.config: Mapping[str, Any] = entry["config"]
        self.name: str = self.config.get("name") or entry.get("name", self.kind)
        self.inbound: Sequence[Any] = entry.get("inbound_nodes", [])
        self._file, self._group = file, group

    def layers(self) -> Iterator[Layer]:
        """Layers of a model, in the order of its configuration."""
        counts: Counter[str] = Counter()
        entries = self.config["layers"] if isinstance(self.config, Mapping) else self.config
        for entry in entries:
            kind = snake(entry["class_name"])
            number = f"{kind}_{counts[kind]}" if counts[kind] else kind
            counts[kind] += 1
            yield Layer(self._file, entry, f"{self._group}layers/{number}/")

    def weights(self, *names: str) -> list[NDArray[np.float64]]:
        """Return the variables called `names`, in the order in which Keras makes them.

        Raises
        ------
        ModelError
            If one is missing.
        """
        found = self._file.variables(self._group, self.name)
        values = [found.get(name, found.get(str(i))) for i, name in enumerate(names)]
        lacking = [n for n, v in zip(names, values, strict=True) if v is None]
        if lacking:
            raise ModelError(
                f"{self._file.path}: layer '{self.name}' ({self.kind}) must have the weights {list(names)}, "
                f"but {lacking} are missing"
            )
        return [np.asarray(v, np.float64) for v in values]


class KerasFile:
    """An open file; `model` is its outermost model.

    Raises
    ------
    InputFileError
        If it is no Keras file, or damaged.
    MissingExtraError
        If h5py is not installed.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise InputFileError(f"no file is called '{path}'")
        try:
            import h5py
        except ImportError as error:
            raise MissingExtraError("Keras files need h5py: pip install h5py") from error
        try:
            self._archive = zipfile.is_zipfile(self.path)
            config = self._open_archive(h5py) if self._archive else self._open_legacy(h5py)
        except (OSError, KeyError, zipfile.BadZipFile, json.JSONDecodeError) as error:
            raise InputFileError(
                f"'{path}' must be a Keras model, .keras or .h5 with its configuration, but: {error}"
            ) from error
        self.model = Layer(self, config, "")

    def _open_archive(self, h5py: Any) -> Any:
        with zipfile.ZipFile(self.path) as archive:
            config = json.loads(archive.read("config.json"))
            self._weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
        return config

    def _open_legacy(self, h5py: Any) -> Any:
        self._weights = h5py.File(self.path)
        if "model_config" not in self._weights.attrs:
            raise KeyError("it holds weights alone; save the whole model")
        text = self._weights.attrs["model_config"]
        return json.loads(text.decode() if isinstance(text, bytes) else text)

    def variables(self, group: str, layer: str) -> Weights:
        """Variables of a layer: by number in an archive, by name in the legacy format."""
        if self._archive:
            at = f"{group}vars"
            return {k: v[()] for k, v in self._weights[at].items()} if at in self._weights else {}
        found: dict[str, NDArray[Any]] = {}
        for part in self._weights["model_weights"].values():
            for raw in part.attrs.get("weight_names", ()):
                name = raw.decode() if isinstance(raw, bytes) else str(raw)
                *_, owner, variable = name.rpartition(":")[0].split("/") if ":" in name else name.split("/")
                if owner == layer:
                    found[variable] = part[name][()]
        return found
