"""Transported events on disk: when the reconstruction changes, Geant4 need not carry them again."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from lamarr.detailed.records import SimEvent
from lamarr.detailed.transport.data import is_stand_in
from lamarr.errors import InputFileError
from lamarr.events import EventBatch
from lamarr.publishing import beside

__all__ = ["Store", "key_of", "load_event", "stored_events", "stored_paths"]

PARTS: Final = ("tracks", "hits", "rich_segments", "muon_hits", "calo_faces", "calo_cells")


class Store:
    """Transported events in a directory, one file each.

    A file is named by the number of its event and by a digest of all that it depends on: the generated
    event, the seed, and `settings` (see :func:`key_of`). An event that is not found is carried anew; one of
    other settings lies beside it. What is *not* in the digest is the code of the transport and the text of
    the geometry, most of which concerns the reconstruction alone: after a change of what Geant4 sees, use
    another directory.

    Parameters
    ----------
    directory : Path
        Is made if it does not exist.
    settings : mapping
        What the transport depends on besides event and seed, as JSON data.
    """

    def __init__(self, directory: Path, settings: Mapping[str, Any]) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.settings = {**settings, "geant4": version("geant4-pybind"), "stand_in": is_stand_in()}

    def path(self, batch: EventBatch, seed: int) -> Path:
        """Return where the event of `batch` is, or would be."""
        event = int(batch["events"]["event_id"][0])
        return self.directory / f"{event}-{key_of(batch, seed, self.settings)}.npz"

    def load(self, path: Path) -> SimEvent | None:
        """Return the event in `path`; None if it is not there, or not whole."""
        with suppress(InputFileError):
            return load_event(path)
        return None

    def save(self, path: Path, event: SimEvent) -> None:
        """Write `event` to `path`, whole or not at all."""
        with beside(path) as part, part.open("wb") as file:
            np.savez_compressed(file, event_id=event.event_id, **{p: getattr(event, p) for p in PARTS})


def stored_paths(directory: Path) -> list[Path]:
    """Return the files of a store, by the number of their events."""
    return sorted(directory.glob("*.npz"), key=lambda p: int(p.name.split("-")[0]))


def stored_events(*directories: Path, most: int | None = None) -> Iterator[SimEvent]:
    """Give the events in stores, of each at most the first `most` by number; for the making of tables.

    Raises
    ------
    InputFileError
        If a directory has no transported events, or one is not whole.
    """
    for directory in directories:
        paths = stored_paths(directory)
        if not paths:
            raise InputFileError(
                f"'{directory}' holds no transported events; 'lamarr sample NAME --transported {directory}' "
                f"puts some there"
            )
        yield from map(load_event, paths[:most])


def load_event(path: Path) -> SimEvent:
    """Return the event in a file of a store.

    Raises
    ------
    InputFileError
        If it is not whole.
    """
    broken = (OSError, EOFError, zipfile.BadZipFile, ValueError, KeyError)
    try:
        with path.open("rb") as bytes_, np.load(bytes_) as file:
            return SimEvent(event_id=int(file["event_id"]), **{part: file[part] for part in PARTS})
    except broken as error:
        raise InputFileError(f"'{path}' is no whole transported event; remove it") from error


def key_of(batch: EventBatch, seed: int, settings: Mapping[str, Any]) -> str:
    """Return a digest of a generated event, a seed and settings: 16 hexadecimal digits."""
    found = hashlib.sha256(repr((seed, sorted(settings.items()))).encode())
    for table, columns in (("particles", ("pid", "px", "py", "pz", "m", "status")), ("vertices", "xyzt")):
        for column in columns:
            found.update(np.ascontiguousarray(batch[table][column]).tobytes())
    return found.hexdigest()[:16]
