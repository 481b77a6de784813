"""Chunks of columns from ROOT trees, Parquet files and Lamarr's own event files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lamarr.errors import InputFileError, LamarrError, near_misses, raise_unknown
from lamarr.events import EventBatch, describe, iterate

__all__ = ["CHUNK", "chunks", "columns_of", "is_events", "track_columns"]

CHUNK: Final = 200_000
"""Rows at a time."""

_EVENTS_AT_ONCE: Final = 2000

Columns = dict[str, NDArray[Any]]


def is_events(path: Path) -> bool:
    """Whether Lamarr wrote the file as events with tracks."""
    if not path.exists():
        return False
    try:
        return "tracks" in describe(path).tables
    except LamarrError:
        return False


def _missing(path: Path) -> InputFileError:
    folder = path.parent if path.parent.is_dir() else Path()
    found = near_misses(path.name, [p.name for p in folder.iterdir()])
    hint = f"; near misses: {', '.join(found)}" if found else ""
    return InputFileError(f"'{path}' does not exist{hint}")


def columns_of(path: Path, tree: str | None) -> list[str]:
    """Names of the columns that a file offers."""
    if not path.exists():
        raise _missing(path)
    if is_events(path):
        batch = next(iterate(path, 1), None)
        return [] if batch is None else list(track_columns(batch))
    if path.suffix == ".root":
        with _root(path, tree) as branches:
            names: list[str] = branches.keys()
            return names
    import pyarrow.parquet as pq

    with _damage(path):
        return list(pq.ParquetFile(path).schema_arrow.names)


def chunks(path: Path, names: Iterable[str], tree: str | None = None) -> Iterator[Columns]:
    """Give the columns called `names` of a file, some rows at a time, each as an array (n,).

    Raises
    ------
    InputFileError
        If the file is missing or damaged, a column is missing (near misses are named) or is not flat.
    """
    wanted = sorted(set(names))
    known = columns_of(path, tree)
    for name in wanted:
        if name not in known and known:
            raise_unknown(f"column of {path}", name, known, InputFileError)
    if is_events(path):
        yield from _from_events(path, wanted)
    elif path.suffix == ".root":
        yield from _from_root(path, tree, wanted)
    else:
        yield from _from_parquet(path, wanted)


class _damage:  # noqa: N801
    """Turns whatever a library says about a damaged file into a sentence."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        if isinstance(error, Exception) and not isinstance(error, LamarrError):
            raise InputFileError(f"'{self.path}' cannot be read ({type(error).__name__}: {error})") from error


class _root:  # noqa: N801
    """A tree of a ROOT file; if there is only one, it need not be named."""

    def __init__(self, path: Path, tree: str | None) -> None:
        self.path, self.tree = path, tree

    def __enter__(self) -> Any:
        import uproot

        with _damage(self.path):
            self.file = uproot.open(self.path)
            kinds = self.file.classnames(recursive=True, cycle=False)
            trees = [k for k, kind in kinds.items() if kind.startswith(("TTree", "ROOT::RNTuple"))]
        name = self.tree
        if name is None:
            if len(trees) != 1:
                raise InputFileError(
                    f"'{self.path}' holds the trees {', '.join(trees) or 'none'}; name one with 'tree:'"
                )
            name = trees[0]
        if name not in trees:
            raise_unknown(f"tree of {self.path}", name, trees, InputFileError)
        with _damage(self.path):
            return self.file[name]

    def __exit__(self, *_: object) -> None:
        self.file.close()


def _from_root(path: Path, tree: str | None, names: Sequence[str]) -> Iterator[Columns]:
    with _root(path, tree) as branches, _damage(path):
        for chunk in branches.iterate(list(names), step_size=CHUNK, library="np"):
            yield {n: _flat(path, n, chunk[n]) for n in names}


def _from_parquet(path: Path, names: Sequence[str]) -> Iterator[Columns]:
    import pyarrow.parquet as pq

    with _damage(path):
        for batch in pq.ParquetFile(path).iter_batches(CHUNK, columns=list(names)):
            yield {n: _flat(path, n, batch.column(n).to_numpy(zero_copy_only=False)) for n in names}


def _flat(path: Path, name: str, values: NDArray[Any]) -> NDArray[Any]:
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        raise InputFileError(
            f"column '{name}' of {path} must hold one number per row, but holds {values.dtype} of shape "
            f"{values.shape}: flatten it first"
        )
    return values


def track_columns(batch: EventBatch) -> Mapping[str, NDArray[Any]]:
    """Columns of the tracks of a batch, one row per track that has a row in table ``pid`` (if there is one).

    Those of ``tracks`` and ``pid`` by their names, those of ``events`` too; those of the generated particle
    as ``true_pid``, ``true_px``, … (0 for ghosts); and the reconstructed ``pt``, ``eta``, ``phi``.
    """
    tracks = batch["tracks"]
    columns: Columns = {n: tracks[n] for n in tracks}
    if "pid" in batch:
        pid = batch["pid"]
        rows = batch.rows_of("tracks", pid["event_id"], pid["track_id"])
        columns = {n: v[rows] for n, v in columns.items()}
        columns |= {n: pid[n] for n in pid if n not in columns}
    events = batch["events"]
    at = np.searchsorted(events["event_id"], columns["event_id"])
    columns |= {n: events[n][at] for n in events if n not in columns}
    if "particles" in batch:
        particles = batch["particles"]
        rows = batch.rows_of("particles", columns["event_id"], columns["particle_id"])
        true = rows >= 0
        for n in ("pid", "pe", "px", "py", "pz", "m", "is_signal", "from_signal"):
            values = particles[n][rows] if particles.rows else np.zeros(len(rows), particles[n].dtype)
            columns[f"true_{n}"] = np.where(true, values, np.zeros(1, values.dtype))
    with np.errstate(all="ignore"):
        columns["pt"] = np.hypot(columns["px"], columns["py"])
        columns["eta"] = np.arcsinh(columns["pz"] / columns["pt"])
        columns["phi"] = np.arctan2(columns["py"], columns["px"])
    return columns


def _from_events(path: Path, names: Sequence[str]) -> Iterator[Columns]:
    tables = [t for t in ("events", "particles", "tracks", "pid") if t in describe(path).tables]
    for batch in iterate(path, _EVENTS_AT_ONCE, tables):
        columns = track_columns(batch)
        yield {n: columns[n] for n in names}
