"""Events as the networks train on them: units of sources and clusters, one after the other.

    python -m lamarr.training.ecal.events balanced.parquet minbias.parquet -o runs/ecal/sample.npz

A unit is an event, or a part of a large one (:func:`lamarr.parametrizations.ecal.tokens.units_of`). Events,
not units, are split: 80 % train, 10 % choose, 10 % test.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lamarr.commands import run
from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry
from lamarr.detector.geometry.identification import Calorimeter
from lamarr.errors import InputFileError
from lamarr.events import EventBatch, iterate
from lamarr.parametrizations.ecal import source_objects
from lamarr.parametrizations.ecal.columns import Columns
from lamarr.parametrizations.ecal.queries import CLUSTERS, SOURCES, features_of, queries
from lamarr.parametrizations.ecal.tokens import on_plane, tokens, units_of
from lamarr.random import Stream
from lamarr.training.ecal.owners import owners_of, ranks_of

__all__ = ["PARTS", "UnitSample", "collect", "join", "main", "part_of", "units_from"]

PARTS: Final = ("train", "choose", "test")
_EVENTS_AT_ONCE: Final = 200


@dataclass(frozen=True, kw_only=True)
class UnitSample:
    """Sources and clusters of units, row after row.

    Attributes
    ----------
    tokens : array (sources, features)
    owned : array (sources,)
        Clusters of each source.
    queries, targets : array (clusters, ·)
        In the order of their owners, those of nobody at the end of a unit.
    first_source, first_cluster : array (units + 1,)
        Borders of the units.
    part : array (units,)
        0, 1, 2: :data:`PARTS`.
    left_out : array (1,)
        Units that had too many clusters.
    """

    tokens: NDArray[np.float32]
    owned: NDArray[np.int64]
    queries: NDArray[np.float32]
    targets: NDArray[np.float32]
    first_source: NDArray[np.int64]
    first_cluster: NDArray[np.int64]
    part: NDArray[np.int64]
    left_out: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of units."""
        return len(self.part)

    def save(self, path: Path) -> None:
        """Write the arrays."""
        np.savez(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: Path) -> UnitSample:
        """Read what :meth:`save` wrote.

        Raises
        ------
        InputFileError
            If the file is no such sample.
        """
        try:
            with np.load(path, allow_pickle=False) as data:
                return cls(**{f.name: data[f.name] for f in fields(cls)})
        except (OSError, KeyError, ValueError) as error:
            raise InputFileError(
                f"'{path}' is no sample of lamarr.training.ecal.events ({error!r})"
            ) from error

    def digest(self) -> str:
        """SHA-256 of all arrays."""
        result = hashlib.sha256()
        for f in fields(self):
            result.update(np.ascontiguousarray(getattr(self, f.name)).tobytes())
        return result.hexdigest()


def part_of(event: ArrayLike, name: str) -> NDArray[np.int64]:
    """Part (events,) of events of the file called `name`: 0 for 80 %, 1 and 2 for 10 % each."""
    u = Stream(0, "training.ecal.split").uniform(event, zlib.crc32(name.encode()))[:, 0]
    return np.searchsorted([0.8, 0.9], u, side="right")


def units_from(
    clusters: Columns, sources: Columns, owner: NDArray[Any], calorimeter: Calorimeter, name: str
) -> UnitSample:
    """Units of the events of `sources`; clusters of events without sources belong to no unit.

    Parameters
    ----------
    clusters : columns event_id, x, y, energy
    sources : columns of source objects
    owner : array (clusters,)
        Row among the sources, or −1.
    name : str
        Of the file, for the split.
    """
    token = tokens(sources, calorimeter)
    number = sources["event_id"] * 1024 + units_of(sources, SOURCES)
    key, unit = np.unique(number, return_inverse=True)
    of = _unit_of_clusters(clusters, sources, owner, unit, calorimeter)
    keep = np.flatnonzero(of >= 0)
    full = np.bincount(of[keep], minlength=len(key)) > CLUSTERS
    keep, kept = keep[~full[of[keep]]], ~full[unit]
    rank = ranks_of(owner, clusters["energy"])
    owned = np.bincount(owner[owner >= 0], minlength=len(unit))
    free = owner[keep] < 0
    place = np.where(free, len(unit), owner[keep])
    keep = keep[np.lexsort((rank[keep], place, of[keep]))]
    number_of_owner = np.where(owner[keep] >= 0, owned[np.maximum(owner[keep], 0)], 0)
    few = {c: v[keep] for c, v in clusters.items()}
    rows = np.flatnonzero(kept)
    rows = rows[np.argsort(unit[rows], kind="stable")]
    left = np.flatnonzero(~full)
    return UnitSample(
        tokens=token[rows],
        owned=owned[rows],
        queries=queries(token, owner[keep], rank[keep], number_of_owner),
        targets=features_of(few, sources, owner[keep], calorimeter),
        first_source=np.concatenate([[0], np.cumsum(np.bincount(unit, minlength=len(key))[left])]),
        first_cluster=np.concatenate([[0], np.cumsum(np.bincount(of[keep], minlength=len(key))[left])]),
        part=part_of(key[left] // 1024, name),
        left_out=np.array([int(full.sum())]),
    )


def _unit_of_clusters(
    clusters: Columns, sources: Columns, owner: NDArray[Any], unit: NDArray[Any], calorimeter: Calorimeter
) -> NDArray[np.int64]:
    """Return the unit of the owner, or of the nearest source of the event; −1 without sources."""
    result = np.full(len(owner), -1, np.int64)
    mine = owner >= 0
    result[mine] = unit[owner[mine]]
    x, y = on_plane(sources, calorimeter)
    start = np.searchsorted(sources["event_id"], clusters["event_id"], side="left")
    end = np.searchsorted(sources["event_id"], clusters["event_id"], side="right")
    for c in np.flatnonzero(~mine & (end > start)):
        a, b = start[c], end[c]
        if unit[a] == unit[b - 1] == unit[a:b].max():
            result[c] = unit[a]
        else:
            distance = np.hypot(x[a:b] - clusters["x"][c], y[a:b] - clusters["y"][c])
            result[c] = unit[a + int(np.argmin(distance))]
    return result


def collect(batch: EventBatch, name: str, detector: str, geometry: str) -> UnitSample:
    """Units of the events of a detailed simulation."""
    parts = load_geometry(geometry)
    sources = source_objects(batch, load_detector(detector), parts).columns
    clusters = {c: batch["clusters"][c] for c in ("event_id", "x", "y", "energy")}
    owner = owners_of(batch, sources, parts.calorimeter)
    return units_from(clusters, sources, owner, parts.calorimeter, name)


def join(samples: list[UnitSample]) -> UnitSample:
    """Join samples into one."""
    rows = ("tokens", "owned", "queries", "targets", "part")
    arrays = {n: np.concatenate([getattr(s, n) for s in samples]) for n in rows}
    for n in ("first_source", "first_cluster"):
        sizes = np.concatenate([np.diff(getattr(s, n)) for s in samples])
        arrays[n] = np.concatenate([[0], np.cumsum(sizes)])
    return UnitSample(**arrays, left_out=np.sum([s.left_out for s in samples], axis=0))


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--detector", default="lhcb2016-magup", show_default=True)
@click.option("--geometry", default="lhcb2016", show_default=True)
def main(files: tuple[Path, ...], output: Path, detector: str, geometry: str) -> None:
    """Make the sample of the learned engines from events of the detailed simulation."""
    samples = [
        collect(batch, path.stem, detector, geometry)
        for path in files
        for batch in iterate(path, _EVENTS_AT_ONCE)
    ]
    sample = join(samples)
    output.parent.mkdir(parents=True, exist_ok=True)
    sample.save(output)
    click.echo(
        f"{len(sample)} units with {len(sample.tokens)} sources and {len(sample.targets)} clusters, "
        f"{int(sample.left_out[0])} left out for too many clusters: {output}"
    )


if __name__ == "__main__":
    run(main)
