"""The folder of a run: checkpoints that a kill cannot damage, the log, what the run belongs to."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lamarr.errors import ConfigurationError, OutputFileError
from lamarr.publishing import durable
from lamarr.training.tfevents import EventFile

__all__ = ["RunFolder"]


class RunFolder:
    """Files of one training.

    Parameters
    ----------
    path : path
        Made if it does not exist.
    identity : mapping of str to str
        Digests (``data``, ``recipe``) that a checkpoint must have to be gone on from.

    Raises
    ------
    OutputFileError
        If the folder cannot be made.
    """

    def __init__(self, path: Path, identity: Mapping[str, str]) -> None:
        self.path, self.identity = path, dict(identity)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputFileError(f"the run folder {path} cannot be made: {error.strerror}") from None
        self._events: EventFile | None = None

    @property
    def checkpoint(self) -> Path:
        """Where the last state is."""
        return self.path / "checkpoint.pt"

    def restore(self, name: str = "checkpoint.pt") -> dict[str, Any] | None:
        """Return the stored state, None if there is none.

        Raises
        ------
        ConfigurationError
            If data or recipe are others than those of the checkpoint; both digests are named.
        """
        file = self.path / name
        if not file.exists():
            return None
        state: dict[str, Any] = torch.load(file, weights_only=True)
        for what, now in self.identity.items():
            then = state["identity"].get(what)
            if then != now:
                raise ConfigurationError(
                    f"the run in {self.path} cannot go on: its {what} had the SHA-256 {then}, now it is "
                    f"{now}; train into another folder (--runs), or remove this one"
                )
        return state

    def store(self, state: Mapping[str, Any], name: str = "checkpoint.pt") -> None:
        """Write a state; a kill leaves the one before or this one, whole."""
        self.write(name, _saved({**state, "identity": self.identity}))

    def write(self, name: str, content: bytes) -> None:
        """Write a file under a temporary name, and rename it."""
        with durable(self.path / name) as file:
            file.write(content)

    def log(self, history: list[dict[str, float]]) -> None:
        """Write the whole log as CSV, and its last line for TensorBoard."""
        names = sorted({k for line in history for k in line}, key=lambda k: (k != "step", k))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        self.write("log.csv", text.getvalue().encode())
        if self._events is None:
            self._events = EventFile(self.path)
        last = {k: float(v) for k, v in history[-1].items() if k != "step"}
        self._events.scalars(int(history[-1]["step"]), last)

    def close(self) -> None:
        """Close what is open."""
        if self._events is not None:
            self._events.close()
            self._events = None


def _saved(state: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    return buffer.getvalue()
