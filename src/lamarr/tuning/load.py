"""Load on a tuning server from asyncio: pairs of ask and tell, and asks after many finished trials."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

from lamarr.tuning.localserver import Connection

__all__ = ["many_pairs", "time_asks"]

_SPACE = {
    "lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
    "width": {"type": "int", "low": 16, "high": 256},
    "depth": {"type": "int", "low": 1, "high": 10},
    "dropout": {"type": "float", "low": 0.0, "high": 0.5},
    "activation": {"type": "categorical", "choices": ["relu", "tanh", "silu"]},
}


async def _study(connection: Connection, name: str, sampler: str, **more: Any) -> str:
    body = {"name": name, "space": _SPACE, "sampler": {"name": sampler}, **more}
    status, study = await connection.call("POST", "/api/v1/studies", body)
    if status != 200:
        raise RuntimeError(f"study refused: {study}")
    return str(study["id"])


async def many_pairs(port: int, token: str, clients: int, seconds: float, sampler: str) -> dict[str, Any]:
    """Ask and tell with many clients on one study for some time; raises RuntimeError if a result was lost."""
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


async def time_asks(port: int, token: str, trials: int, asks: int, sampler: str) -> dict[str, Any]:
    """Time asks of a sampler in a study with many finished trials."""
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
