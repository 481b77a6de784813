"""Kill -9 of the server while many clients work: nothing told is lost or doubled, and all clients go on.

Every client works through the public behaviour of the interface: it repeats a request until it is answered,
and writes down which trials it got and which results were acknowledged. In the end the server's trials are
compared with these notes.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from lamarr.tuning.localserver import Connection, ServerProcess, running_server

__all__ = ["Notes", "judge", "kill_again_and_again"]

_STEP = 0.25


@dataclass
class Notes:
    """What the clients have seen: results acknowledged, trials handed out, requests repeated."""

    told: dict[int, float] = field(default_factory=dict)
    handed_out: Counter[int] = field(default_factory=Counter)
    repeated: int = 0
    refused: list[str] = field(default_factory=list)
    progress: dict[int, int] = field(default_factory=dict)


async def _until_answered(connection: Connection, notes: Notes, path: str, body: dict[str, Any]) -> Any:
    while True:
        try:
            status, answer = await connection.call("POST", path, body)
        except OSError:
            notes.repeated += 1
            await asyncio.sleep(_STEP)
            continue
        if status == 200:
            return answer
        if status in (429, 503, 507):
            await asyncio.sleep(_STEP)
            continue
        notes.refused.append(f"{status} {answer}")
        return None


async def _client(i: int, port: int, token: str, study: str, notes: Notes, stop: asyncio.Event) -> None:
    connection, n = Connection(port, token), 0
    path = f"/api/v1/studies/{study}/trials"
    while not stop.is_set():
        trial = await _until_answered(connection, notes, path, {"worker": f"w{i}", "request": f"{i}-{n}"})
        n += 1
        if trial is None:
            continue
        number, value = trial["number"], i + n * 1e-6
        notes.handed_out[number] += 1
        told = await _until_answered(connection, notes, f"{path}/{number}/tell", {"values": [value]})
        if told is not None:
            notes.told[number] = value
            notes.progress[i] = notes.progress.get(i, 0) + 1
    await connection.close()


async def _campaign(
    server: ServerProcess, token: str, kills: int, clients: int, pause: float
) -> dict[str, Any]:
    first = Connection(server.port, token)
    space = {"k": {"type": "int", "low": 0, "high": 999_999}}
    body = {"name": "killed again and again", "space": space, "sampler": {"name": "grid"}}
    _, study = await first.call("POST", "/api/v1/studies", body)
    await first.close()
    notes, stop = Notes(), asyncio.Event()
    tasks = [
        asyncio.create_task(_client(i, server.port, token, study["id"], notes, stop)) for i in range(clients)
    ]
    stuck, loop = 0, asyncio.get_running_loop()
    for _ in range(kills):
        await asyncio.sleep(pause)
        server.kill()
        before = dict(notes.progress)
        await loop.run_in_executor(None, server.start)
        stuck += await _without_progress(notes, before, clients)
    await asyncio.sleep(pause)
    stop.set()
    await asyncio.gather(*tasks)
    trials = await _all_trials(Connection(server.port, token), study["id"])
    return {"kills": kills, "clients": clients, **judge(notes, trials), "clients_stuck": stuck}


async def _without_progress(notes: Notes, before: dict[int, int], clients: int) -> int:
    """Count the clients that have no new result within 30 s after a restart."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        waiting = sum(notes.progress.get(i, 0) == before.get(i, 0) for i in range(clients))
        if not waiting:
            return 0
        await asyncio.sleep(_STEP)
    return waiting


async def _all_trials(connection: Connection, study: str) -> list[dict[str, Any]]:
    trials: list[dict[str, Any]] = []
    while True:
        path = f"/api/v1/studies/{study}/trials?first={len(trials)}&limit=5000"
        _, page = await connection.call("GET", path)
        trials += page
        if not page:
            await connection.close()
            return trials


def judge(notes: Notes, trials: list[dict[str, Any]]) -> dict[str, Any]:
    """Compare the clients' notes with the server's trials."""
    server = {t["number"]: t for t in trials}
    points = Counter(t["params"].get("k") for t in trials)
    lost = [n for n, v in notes.told.items() if server.get(n, {}).get("values") != [v]]
    return {
        "told": len(notes.told),
        "lost": len(lost),
        "handed_out_twice": sum(c > 1 for c in notes.handed_out.values()),
        "grid_points_doubled": sum(c > 1 for c in points.values()),
        "complete_on_server": sum(t["state"] == "complete" for t in trials),
        "requests_repeated": notes.repeated,
        "refused": notes.refused[:5],
    }


def kill_again_and_again(kills: int, clients: int, database: str | None, pause: float) -> dict[str, Any]:
    """Run the whole: a server on SQLite (or `database`), `clients` clients, `kills` kills."""
    with running_server(database) as (server, token):
        return asyncio.run(_campaign(server, token, kills, clients, pause))
