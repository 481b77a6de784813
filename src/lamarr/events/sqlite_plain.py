"""SQL tables that hold tables, or the rest of tables, of ours as they are: keys by event, columns by name.

SQLamarr and PyLamarr have no tables for these (identification with all its inputs, the calorimeter's
links, how particles were transported), so nothing is lost by keeping our own keys.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from lamarr.events.batch import EventBatch
from lamarr.events.schema import SCHEMA

__all__ = ["EVENT_COUNTS", "PLAIN", "VERTEX_FIT", "plain_columns", "plain_key", "plain_rows"]

PLAIN: Final = {
    "transport": "Transport",
    "pid": "TrackIdentification",
    "calo_particles": "CaloParticles",
    "clusters": "CaloClusters",
    "cluster_links": "CaloClusterLinks",
    "tracker_hits": "TrackerHits",
    "rich_segments": "RichSegments",
    "muon_hits": "MuonHits",
    "neutrals": "NeutralCandidates",
    "electrons": "ElectronTracks",
}
"""Our tables that are stored whole, and their SQL names."""

EVENT_COUNTS: Final = (
    *("is_signal_only", "nPVs", "nVeloTracks", "nSPDHits", "nRich1Hits", "nRich2Hits"),
    *("shared_event", "signal_attempts"),
)
"""Columns of ``events`` that are stored in the SQL table EventCounts."""

VERTEX_FIT: Final = ("n_tracks", "chi2PerDoF")
"""Columns of ``primary_vertices`` that are stored in the SQL table VertexFit."""


def plain_columns(table: str, names: tuple[str, ...] | None = None) -> dict[str, str]:
    """Return SQL types by column of one of our tables, or of some of its columns and its key."""
    schema = SCHEMA[table]
    chosen = schema.names if names is None else (*schema.key, *names)
    kinds = {"f": "REAL", "i": "INTEGER", "b": "INTEGER"}
    return {name: kinds[np.dtype(schema[name].dtype).kind] for name in chosen}


def plain_key(table: str) -> str:
    """Return the constraint that makes the key of one of our tables the primary key."""
    return f"PRIMARY KEY ({', '.join(SCHEMA[table].key)})"


def plain_rows(batch: EventBatch) -> dict[str, dict[str, Any]]:
    """Return the rows of these SQL tables for a batch; a column that a table lacks is NULL."""
    rows = {sql: _columns(batch, name, SCHEMA[name].names) for name, sql in PLAIN.items() if name in batch}
    parts = (("events", "EventCounts", EVENT_COUNTS), ("primary_vertices", "VertexFit", VERTEX_FIT))
    for name, sql, columns in parts:
        if name in batch and any(c in batch[name] for c in columns):
            rows[sql] = _columns(batch, name, (*SCHEMA[name].key, *columns))
    return rows


def _columns(batch: EventBatch, name: str, columns: tuple[str, ...]) -> dict[str, Any]:
    table = batch[name]
    nothing = np.full(table.rows, None)
    return {c: table.get(c, nothing) for c in columns}
