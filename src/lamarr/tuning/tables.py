"""Tables of the tuning database, and how to open it: SQLite (a file) or PostgreSQL (a URL).

One row per trial, so that handing out a trial is one INSERT and a result is one UPDATE. Times are seconds
since 1970 UTC. Columns that end in ``_json`` hold JSON text. The server keeps studies in memory and is the
only writer of `studies`, `trials` and `steps`; the command line writes `users` and `tokens` beside it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    select,
    text,
)
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from lamarr.errors import ConfigurationError, OutputFileError

__all__ = [
    "SCHEMA_VERSION",
    "audit",
    "meta",
    "open_database",
    "shares",
    "steps",
    "studies",
    "take_lock",
    "tokens",
    "trials",
    "upsert",
    "upsert_many",
    "users",
]

SCHEMA_VERSION = 1
_LOCK_KEY = 0x4C616D61727254  # "LamarrT": the advisory lock of the one server of a PostgreSQL database

_metadata = MetaData()
meta = Table(
    "meta", _metadata, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False)
)
users = Table(
    "users",
    _metadata,
    Column("name", String(64), primary_key=True),
    Column("operator", Boolean, nullable=False, default=False),
    Column("created", Double, nullable=False),
)
tokens = Table(
    "tokens",
    _metadata,
    Column("id", String(16), primary_key=True),
    Column("user", String(64), nullable=False),
    Column("name", String(128), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("scopes", String(64), nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double),
    Column("revoked", Double),
    Column("used", Double),
)
studies = Table(
    "studies",
    _metadata,
    Column("id", String(32), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("properties_json", Text, nullable=False),
    Column("space_json", Text, nullable=False),
    Column("directions_json", Text, nullable=False),
    Column("sampler_json", Text, nullable=False),
    Column("pruner_json", Text, nullable=False),
    Column("settings_json", Text, nullable=False),
    Column("system_attrs_json", Text, nullable=False),
    Column("created", Double, nullable=False),
)
shares = Table(
    "shares",
    _metadata,
    Column("study", String(32), primary_key=True),
    Column("user", String(64), primary_key=True),
    Column("access", String(8), nullable=False),
)
trials = Table(
    "trials",
    _metadata,
    Column("study", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", String(8), nullable=False),
    Column("values_json", Text),
    Column("params_json", Text, nullable=False),
    Column("ranges_json", Text),
    Column("user_attrs_json", Text, nullable=False),
    Column("system_attrs_json", Text, nullable=False),
    Column("started", Double, nullable=False),
    Column("ended", Double),
    Column("worker", Text),
    Column("token", String(16)),
    Column("attempt", Integer, nullable=False),
    Column("lease", String(32)),
    Column("request", String(64)),
)
steps = Table(
    "steps",
    _metadata,
    Column("study", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("value", Double),  # NULL is NaN
)
audit = Table(
    "audit",
    _metadata,
    Column("id", String(32), primary_key=True),
    Column("at", Double, nullable=False, index=True),
    Column("user", String(64)),
    Column("token", String(16)),
    Column("action", String(64), nullable=False),
    Column("target", Text),
    Column("remote", String(64)),
    Column("outcome", Text, nullable=False),
)


def open_database(url: str) -> Engine:
    """Open, and where new create, the database of `url`: a path, ``sqlite:///PATH`` or ``postgresql://…``.

    Raises ConfigurationError for another kind of URL, OutputFileError where it cannot be opened.
    """
    engine = _engine(url)
    shown = engine.url.render_as_string(hide_password=True)
    try:
        with engine.begin() as connection:
            _metadata.create_all(connection)
            _check_version(connection, shown)
    except SQLAlchemyError as error:
        engine.dispose()
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise OutputFileError(f"the tuning database {shown} cannot be opened: {reason}") from None
    return engine


def _engine(url: str) -> Engine:
    if "://" not in url:
        url = f"sqlite:///{url}"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError("the database must be a path, sqlite:///PATH or postgresql://…") from None
    if parsed.drivername == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise ConfigurationError("the tuning database must be a file: give its path")
        folder = Path(str(parsed.database)).absolute().parent
        if not folder.is_dir():
            raise OutputFileError(f"the folder {folder} of the tuning database does not exist")
        engine = create_engine(parsed, connect_args={"timeout": 20})
        event.listen(engine, "connect", _sqlite_settings)
        return engine
    if parsed.get_backend_name() != "postgresql":
        raise ConfigurationError(f"expected SQLite or PostgreSQL, got {parsed.get_backend_name()!r}")
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, pool_pre_ping=True, connect_args={"connect_timeout": 10})


def _sqlite_settings(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # an acknowledged result survives a power cut
    cursor.execute("PRAGMA busy_timeout=20000")
    cursor.close()


def _check_version(connection: Connection, shown: str) -> None:
    found = connection.execute(select(meta.c.value).where(meta.c.key == "schema")).scalar()
    if found is None:
        connection.execute(
            upsert(connection.dialect.name, meta), [{"key": "schema", "value": SCHEMA_VERSION}]
        )
    elif int(found) != SCHEMA_VERSION:
        raise ConfigurationError(
            f"{shown} has schema {found}, this version of lamarr knows {SCHEMA_VERSION}; use the version "
            "that made it, or another database"
        )


def upsert(dialect: str, table: Table) -> Any:
    """INSERT … ON CONFLICT (primary key) DO UPDATE of all other columns: repeating it changes nothing."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    statement = insert(table)
    keys = [c.name for c in table.primary_key.columns]
    rest = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=rest)


_ARRAYS: Final = {
    String: "text",
    Text: "text",
    Integer: "integer",
    BigInteger: "bigint",
    Double: "double precision",
}


def upsert_many(table: Table) -> str:
    """PostgreSQL's upsert of any number of rows in one statement: one array per column, in `%s`."""
    names = [f'"{c.name}"' for c in table.columns]
    keys = [f'"{c.name}"' for c in table.primary_key.columns]
    arrays = ", ".join(f"%s::{_ARRAYS[type(c.type)]}[]" for c in table.columns)
    changes = ", ".join(f"{n} = excluded.{n}" for n in names if n not in keys)
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) SELECT * FROM unnest({arrays}) "
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"
    )


def take_lock(connection: Connection, engine: Engine) -> int | None:
    """Make sure that one server only works on the database; returns an open lock file for SQLite.

    Raises ConfigurationError where another server holds it. The lock ends with the process or connection.
    """
    taken = "another tuning server works on this database; stop it, or use another database"
    if engine.dialect.name == "postgresql":
        got = connection.execute(text(f"SELECT pg_try_advisory_lock({_LOCK_KEY})")).scalar()
        connection.commit()
        if not got:
            raise ConfigurationError(taken)
        return None
    handle = os.open(f"{engine.url.database}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise ConfigurationError(taken) from None
    return handle
