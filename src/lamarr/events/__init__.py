"""The event model: tables and columns in memory, and the files that hold them."""

from lamarr.events.batch import EventBatch, Table
from lamarr.events.schema import COVARIANCE_PAIRS, SCHEMA, Column, Fate, TableSchema, TrackType, table_schema

__all__ = [
    "COVARIANCE_PAIRS",
    "SCHEMA",
    "Column",
    "EventBatch",
    "Fate",
    "Table",
    "TableSchema",
    "TrackType",
    "table_schema",
]
