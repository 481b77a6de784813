"""A tuning server in a process of its own on this machine, and a cheap client: for tests and measurements."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Connection", "ServerProcess", "free_port", "make_token", "running_server"]


class Connection:
    """A small HTTP/1.1 client on asyncio that keeps its connection: it must cost less than the server."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """One request: (status, JSON). Raises OSError where the connection breaks."""
        try:
            return await self._call(method, path, body)
        except (OSError, asyncio.IncompleteReadError, ValueError, IndexError):
            await self.close()
            raise ConnectionError("the connection broke") from None

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, Any]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        writer.write(head.encode() + data)
        header = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(header.split("content-length:")[1].split("\r\n")[0])
        text = await reader.readexactly(length)
        return int(header.split(" ")[1]), json.loads(text)

    async def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class ServerProcess:
    """A tuning server in its own process, which may be killed and started again."""

    def __init__(self, database: str, port: int, log: Path, *more: str) -> None:
        self._command = [sys.executable, "-m", "lamarr.tuning.bench", "serve", database, str(port), *more]
        self.port, self._log = port, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, patience: float = 300.0) -> None:
        """Start it and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        until = time.monotonic() + patience
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self._process.poll() is not None:
                    raise RuntimeError(f"the server ended: {self._log.read_text()[-2000:]}") from None
                time.sleep(0.05)
        raise TimeoutError("the server did not start in time")

    def cpu_seconds(self) -> float:
        """Processor time that it has used [s]; Linux only."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """Kill it at once (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it in order (SIGTERM)."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


def make_token(database: str, user: str = "bench", **more: Any) -> str:
    """Make a token in the database of a server."""
    from lamarr.tuning.tables import open_database
    from lamarr.tuning.tokens import new_token

    engine = open_database(database)
    try:
        return new_token(engine, user, **more)
    finally:
        engine.dispose()


@contextmanager
def running_server(database: str | None = None, *more: str) -> Iterator[tuple[ServerProcess, str]]:
    """Run a server on a new SQLite database (or on `database`) with a token: (server, token)."""
    with tempfile.TemporaryDirectory() as folder:
        database = database or str(Path(folder) / "tune.db")
        token = make_token(database, scope="admin")
        server = ServerProcess(database, free_port(), Path(folder) / "server.log", "--rate", "0", *more)
        server.start()
        try:
            yield server, token
        finally:
            server.stop()
