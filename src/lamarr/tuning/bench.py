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
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lamarr.commands import run
from lamarr.tuning.load import many_pairs, time_asks
from lamarr.tuning.localserver import ServerProcess, running_server

__all__ = ["main"]


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


def throughput(args: argparse.Namespace) -> dict[str, Any]:
    """Ask/tell pairs per second with many clients on one study."""
    with database_of(args) as database, running_server(database) as (server, token):
        asyncio.run(many_pairs(server.port, token, args.clients, 1.0, args.sampler))  # warm up
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
    found = asyncio.run(many_pairs(server.port, token, args.clients, args.seconds, args.sampler))
    found["server_cpu_ms_per_pair"] = round(1e3 * (server.cpu_seconds() - used) / found["pairs"], 2)
    found["client_cpu_ms_per_pair"] = round(1e3 * (time.process_time() - own) / found["pairs"], 2)
    return found


def machine() -> dict[str, Any]:
    """Say what else the machine had to do: cores and load average of the last minute."""
    return {"cores": os.cpu_count(), "load_1min": round(os.getloadavg()[0], 2)}


def latency(args: argparse.Namespace) -> dict[str, Any]:
    """Time of an ask in a study with many finished trials."""
    with database_of(args) as database, running_server(database) as (server, token):
        found = asyncio.run(time_asks(server.port, token, args.trials, args.asks, args.sampler))
    return {"sampler": args.sampler, **found, **machine()}


def kill(args: argparse.Namespace) -> dict[str, Any]:
    """Kill the server under load, again and again; count what was lost or doubled."""
    from lamarr.tuning.killing import kill_again_and_again

    with database_of(args) as database:
        found = kill_again_and_again(args.kills, args.clients, database, args.pause)
    return {"database": args.database, **found, **machine()}


def functions(args: argparse.Namespace) -> dict[str, Any]:
    """Best values on three functions, or of a recipe: the service against Optuna alone, same budget."""
    from lamarr.tuning.compare import FUNCTIONS, compare, recipe_problem

    problems = FUNCTIONS if args.recipe is None else {args.recipe: recipe_problem(args.recipe)}
    return {**compare(args.trials, args.seeds, problems), **machine()}


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
    command(functions, trials=60, seeds=10, recipe=None)
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
    run(main)
