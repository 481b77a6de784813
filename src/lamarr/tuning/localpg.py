"""A throw-away PostgreSQL server on 127.0.0.1, for tests and measurements; nothing of it is kept."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lamarr.errors import MissingExtraError

__all__ = ["find_postgres", "temporary_postgres"]


def find_postgres() -> Path | None:
    """Folder of PostgreSQL's programs (Debian's, or on the PATH), the newest version; None if missing."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda p: int(p.parts[-3]) if p.parts[-3].isdigit() else 0,
    )
    if debian:
        return debian[-1].parent
    found = shutil.which("initdb")
    return Path(found).parent if found else None


def _as_somebody(command: Sequence[str]) -> list[str]:
    """PostgreSQL refuses to run as root: root runs it as the user `postgres` of the packages."""
    if os.geteuid() != 0:
        return list(command)
    return ["runuser", "-u", "postgres", "--", *command]


@contextmanager
def temporary_postgres() -> Iterator[str]:
    """Run a PostgreSQL with an empty database; gives its URL.

    Raises MissingExtraError where PostgreSQL is not installed.
    """
    programs = find_postgres()
    if programs is None:
        raise MissingExtraError("PostgreSQL is not installed; on Debian: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="lamarr-pg-"))
    try:
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
        yield from _cluster(programs, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cluster(programs: Path, folder: Path) -> Iterator[str]:
    data, port = folder / "data", _free_port()
    _run([str(programs / "initdb"), "-D", str(data), "-U", "lamarr", "-A", "trust", "--no-sync"], folder)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    control = [str(programs / "pg_ctl"), "-D", str(data), "-w"]
    _run([*control, "-l", str(folder / "log"), "-o", options, "start"], folder)
    try:
        yield f"postgresql://lamarr@127.0.0.1:{port}/postgres"
    finally:
        _run([*control, "-m", "immediate", "stop"], folder)


def _run(command: Sequence[str], folder: Path) -> None:
    subprocess.run(
        _as_somebody(command), cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
