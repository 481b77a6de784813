"""The event model: tables and columns in memory, and the files that hold them."""

from lamarr.events.batch import EventBatch, Table
from lamarr.events.digests import file_digest, generation_digest, sample_digests
from lamarr.events.files import describe, iterate, open_writer, read
from lamarr.events.header import Header
from lamarr.events.integrity import check_keys, check_references
from lamarr.events.schema import (
    COVARIANCE_PAIRS,
    SCHEMA,
    SCHEMA_VERSION,
    CaloOrigin,
    Column,
    Fate,
    TableSchema,
    TrackType,
    TransportEnd,
    table_schema,
)
from lamarr.events.writer import Writer

__all__ = [
    "COVARIANCE_PAIRS",
    "SCHEMA",
    "SCHEMA_VERSION",
    "CaloOrigin",
    "Column",
    "EventBatch",
    "Fate",
    "Header",
    "Table",
    "TableSchema",
    "TrackType",
    "TransportEnd",
    "Writer",
    "check_keys",
    "check_references",
    "describe",
    "file_digest",
    "generation_digest",
    "iterate",
    "open_writer",
    "read",
    "sample_digests",
    "table_schema",
]
