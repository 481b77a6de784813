"""Measurements of the tuning server on this machine: ``python -m lamarr.tuning.bench COMMAND``.

Commands: `throughput` (ask/tell pairs per second), `latency` (an ask after many finished trials), `kill`
(kill -9 of the server under load), `functions` (the service against Optuna alone), `campaign` (workers on a
recipe, one killed). All traffic goes to
127.0.0.1; every command is bounded in time and ends its servers. Results are printed as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Connection", "ServerProcess", "main", "make_token", "running_server"]

_SPACE = {
    "lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
    "width": {"type": "int", "low": 16, "high": 256},
    "depth": {"type": "int", "low": 1, "high": 10},
    "dropout": {"type": "float", "low": 0.0, "high": 0.5},
    "activation": {"type": "categorical", "choices": ["relu", "tanh", "silu"]},
}


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


@contextmanager
def database_of(args: argparse.Namespace) -> Iterator[str | None]:
    """Give the database to measure on: None for a new SQLite file, or the URL of a throw-away PostgreSQL."""
    if args.database == "postgresql":
        from lamarr.tuning.localpg import temporary_postgres

        with temporary_postgres() as url:
            yield url
    elif args.database == "sqlite":
        yield None
    else:
        raise ValueError("--database is sqlite or postgresql")


async def _study(connection: Connection, name: str, sampler: str, **more: Any) -> str:
    body = {"name": name, "space": _SPACE, "sampler": {"name": sampler}, **more}
    status, study = await connection.call("POST", "/api/v1/studies", body)
    if status != 200:
        raise RuntimeError(f"study refused: {study}")
    return str(study["id"])


async def _pairs(port: int, token: str, clients: int, seconds: float, sampler: str) -> dict[str, Any]:
    first = Connection(port, token)
    study = await _study(first, f"throughput {time.time()}", sampler)
    end, counts, times = time.monotonic() + seconds, [0] * clients, []

    async def client(i: int) -> None:
        connection = Connection(port, token)
        while time.monotonic() < end:
            begin = time.perf_counter()
            path = f"/api/v1/studies/{study}/trials"
            status, trial = await connection.call(
                "POST", path, {"worker": f"w{i}", "request": f"{i}-{counts[i]}"}
            )
            if status != 200:
                raise RuntimeError(f"ask: {trial}")
            value = (trial["params"]["lr"] - 1e-3) ** 2
            status, told = await connection.call(
                "POST", f"{path}/{trial['number']}/tell", {"values": [value]}
            )
            if status != 200:
                raise RuntimeError(f"tell: {told}")
            counts[i] += 1
            times.append(time.perf_counter() - begin)
        await connection.close()

    begin = time.monotonic()
    await asyncio.gather(*(client(i) for i in range(clients)))
    took = time.monotonic() - begin
    await first.close()  # the server has closed it by now: it was idle
    _, view = await first.call("GET", f"/api/v1/studies/{study}")
    complete = view["trials"].get("complete", 0)
    if complete != sum(counts):
        raise RuntimeError(f"{sum(counts)} results were told, the server has {complete}")
    await first.close()
    cuts = statistics.quantiles(times, n=100)
    return {
        "pairs": sum(counts),
        "seconds": round(took, 2),
        "pairs_per_s": round(sum(counts) / took, 1),
        "pair_ms_median": round(1e3 * cuts[49], 1),
        "pair_ms_p99": round(1e3 * cuts[98], 1),
    }


def throughput(args: argparse.Namespace) -> dict[str, Any]:
    """Ask/tell pairs per second with many clients on one study."""
    with database_of(args) as database, running_server(database) as (server, token):
        asyncio.run(_pairs(server.port, token, args.clients, 1.0, args.sampler))  # warm up
        rounds = [_round(server, token, args) for _ in range(args.rounds)]
    rates = [r["pairs_per_s"] for r in rounds]
    return {
        "database": args.database,
        "clients": args.clients,
        "best": max(rates),
        "rounds": rounds,
        **machine(),
    }


def _round(server: ServerProcess, token: str, args: argparse.Namespace) -> dict[str, Any]:
    used, own = server.cpu_seconds(), time.process_time()
    found = asyncio.run(_pairs(server.port, token, args.clients, args.seconds, args.sampler))
    found["server_cpu_ms_per_pair"] = round(1e3 * (server.cpu_seconds() - used) / found["pairs"], 2)
    found["client_cpu_ms_per_pair"] = round(1e3 * (time.process_time() - own) / found["pairs"], 2)
    return found


def machine() -> dict[str, Any]:
    """Say what else the machine had to do: cores and load average of the last minute."""
    return {"cores": os.cpu_count(), "load_1min": round(os.getloadavg()[0], 2)}


async def _latency(port: int, token: str, trials: int, asks: int, sampler: str) -> dict[str, Any]:
    connection = Connection(port, token)
    study = await _study(connection, "latency", "random")
    path = f"/api/v1/studies/{study}/trials"
    for i in range(trials):
        _, trial = await connection.call("POST", path, {"worker": "w"})
        p = trial["params"]
        value = (p["lr"] - 1e-3) ** 2 + p["dropout"] + 0.01 * p["depth"] + 1e-3 * (i % 7)
        await connection.call("POST", f"{path}/{trial['number']}/tell", {"values": [value]})
    status, answer = await connection.call(
        "PATCH", f"/api/v1/studies/{study}", {"sampler": {"name": sampler, "args": {}}}
    )
    if status != 200:
        raise RuntimeError(str(answer))
    times = []
    for _ in range(asks):
        begin = time.perf_counter()
        status, trial = await connection.call("POST", path, {"worker": "w"})
        times.append(1e3 * (time.perf_counter() - begin))
        await connection.call("POST", f"{path}/{trial['number']}/tell", {"values": [0.5]})
    await connection.close()
    cuts = statistics.quantiles(times, n=20)
    return {
        "trials": trials,
        "asks": asks,
        "ask_ms_median": round(statistics.median(times), 1),
        "ask_ms_p95": round(cuts[18], 1),
    }


def latency(args: argparse.Namespace) -> dict[str, Any]:
    """Time of an ask in a study with many finished trials."""
    with database_of(args) as database, running_server(database) as (server, token):
        found = asyncio.run(_latency(server.port, token, args.trials, args.asks, args.sampler))
    return {"sampler": args.sampler, **found, **machine()}


def kill(args: argparse.Namespace) -> dict[str, Any]:
    """Kill the server under load, again and again; count what was lost or doubled."""
    from lamarr.tuning.killing import kill_again_and_again

    with database_of(args) as database:
        found = kill_again_and_again(args.kills, args.clients, database, args.pause)
    return {"database": args.database, **found, **machine()}


def functions(args: argparse.Namespace) -> dict[str, Any]:
    """Best values on three test functions: the service against Optuna alone with the same budget."""
    from lamarr.tuning.compare import compare

    return {**compare(args.trials, args.seeds), **machine()}


def campaign(args: argparse.Namespace) -> dict[str, Any]:
    """Run a whole campaign: several workers on a recipe, one of them killed on the way; writes the report."""
    from lamarr.tuning.campaigning import run_campaign

    return {**run_campaign(Path(args.recipe), args.workers, Path(args.output)), **machine()}


def serve(args: argparse.Namespace) -> dict[str, Any]:
    """Serve in this process; what the other commands start."""
    import logging

    from lamarr.tuning.http import Config
    from lamarr.tuning.server import serve as run
    from lamarr.tuning.tables import open_database

    logging.basicConfig(level=logging.INFO)
    config = Config(rate=args.rate, heartbeat=args.heartbeat)
    run(open_database(args.database), config, host="127.0.0.1", port=args.port, log_level="warning")
    return {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lamarr.tuning.bench", description=__doc__)
    commands = parser.add_subparsers(required=True)

    def command(function: Callable[[argparse.Namespace], dict[str, Any]], **options: Any) -> None:
        sub = commands.add_parser(function.__name__, help=(function.__doc__ or "").splitlines()[0])
        for name, default in options.items():
            kind = str if default is None else type(default)
            sub.add_argument(f"--{name.replace('_', '-')}", default=default, type=kind)
        sub.set_defaults(function=function)

    command(throughput, database="sqlite", clients=50, seconds=5.0, rounds=3, sampler="random")
    command(latency, database="sqlite", trials=1000, asks=40, sampler="tpe")
    command(kill, database="sqlite", kills=20, clients=50, pause=0.7)
    command(functions, trials=60, seeds=10)
    command(campaign, recipe="docs/tuning/example.yaml", workers=3, output="campaign.html")
    sub = commands.add_parser("serve", help="serve in this process")
    sub.add_argument("database")
    sub.add_argument("port", type=int)
    sub.add_argument("--rate", type=float, default=0.0)
    sub.add_argument("--heartbeat", type=float, default=60.0)
    sub.set_defaults(function=serve)
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command."""
    args = _parser().parse_args(arguments)
    print(json.dumps(args.function(args), indent=1))


if __name__ == "__main__":
    main()
