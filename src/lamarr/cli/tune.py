"""``lamarr tune``: the tuning server, its tokens, work on recipes, reports of campaigns."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lamarr.tuning.client import Client

__all__ = ["command"]

_database = click.option(
    "--database",
    default="lamarr-tune.db",
    envvar="LAMARR_TUNE_DATABASE",
    show_default=True,
    help="SQLite file or postgresql://… URL; also LAMARR_TUNE_DATABASE.",
)


def _connection(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options of commands that talk to a server. The token is no option: others could read it in `ps`."""
    function = click.option(
        "--token-file",
        type=click.Path(dir_okay=False),
        help="File that holds the token; else LAMARR_TUNE_TOKEN.",
    )(function)
    return click.option(
        "--server", envvar="LAMARR_TUNE_SERVER", help="https://host[:port]; also LAMARR_TUNE_SERVER."
    )(function)


def _client(server: str | None, token_file: str | None) -> Client:
    from lamarr.errors import InputFileError
    from lamarr.tuning.client import Client

    token = None
    if token_file is not None:
        try:
            token = Path(token_file).read_text().strip()
        except OSError as error:
            raise InputFileError(f"{token_file} cannot be read: {error.strerror}") from None
    return Client(server, token)


@click.group("tune")
def command() -> None:
    """Tune hyper-parameters with a server that hands out trials."""


@command.command("serve")
@_database
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--rate", default=1000.0, show_default=True, help="Requests per second of a token; 0: no limit."
)
@click.option("--heartbeat", default=60.0, show_default=True, help="Silence [s] after which a trial is lost.")
@click.option(
    "--hopaas-heartbeat", default=86_400.0, show_default=True, help="The same for clients of Hopaas [s]."
)
@click.option("--dashboard/--no-dashboard", default=True, show_default=True)
@click.option("--dashboard-writable", is_flag=True, help="Let scope admin delete studies in the dashboard.")
@click.option("--secure-cookies", is_flag=True, help="Log in over HTTPS only.")
@click.option("--trust-proxy", default="127.0.0.1", show_default=True, help="Whose X-Forwarded-* to believe.")
@click.option("--log-level", default="info", type=click.Choice(["debug", "info", "warning", "error"]))
def serve(database: str, host: str, port: int, trust_proxy: str, log_level: str, **options: Any) -> None:
    """Run the tuning server until it is interrupted."""
    import logging

    from lamarr.tuning.extra import need

    # samplers run in threads of the server; their libraries must not start more of their own
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for module in ("fastapi", "uvicorn", "sqlalchemy", "optuna"):
        need(module)
    if options["dashboard"]:
        need("optuna_dashboard")
    from lamarr.tuning.http import Config
    from lamarr.tuning.server import serve as run
    from lamarr.tuning.tables import open_database

    logging.basicConfig(
        level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    config = Config(burst=2 * options["rate"], **options)
    run(
        open_database(database),
        config,
        host=host,
        port=port,
        log_level="warning",
        forwarded_allow_ips=trust_proxy,
    )


@command.group("token")
def token() -> None:
    """Make, list and revoke tokens; works on the server's database."""


@token.command("create")
@click.argument("user")
@_database
@click.option("--scope", default="work", show_default=True, help="read, work or admin.")
@click.option("--days", default=90.0, show_default=True, help="How long it is valid; 0: for ever.")
@click.option("--name", default="", help="What it is for.")
@click.option("--operator/--no-operator", default=None, help="Whether USER sees all studies (scope admin).")
def token_create(user: str, database: str, scope: str, days: float, name: str, operator: bool | None) -> None:
    """Make a token for USER and print it: the only time that it can be read."""
    from lamarr.tuning.extra import need

    need("sqlalchemy")
    from lamarr.tuning.records import record_shell
    from lamarr.tuning.tables import open_database
    from lamarr.tuning.tokens import new_token

    engine = open_database(database)
    made = new_token(engine, user, name=name, scope=scope, days=days or None, operator=operator)
    record_shell(engine, "create token", f"{made[7:15]} for {user}, scope {scope}")
    click.echo(made)
    engine.dispose()


@token.command("list")
@_database
def token_list(database: str) -> None:
    """List all tokens, without their secrets."""
    import time

    from lamarr.tuning.extra import need

    need("sqlalchemy")
    from lamarr.tuning.tables import open_database
    from lamarr.tuning.tokens import show_tokens

    def day(at: float | None) -> str:
        return "never" if at is None else time.strftime("%Y-%m-%d", time.gmtime(at))

    engine = open_database(database)
    click.echo(f"{'id':9}{'user':17}{'scope':7}{'expires':12}{'last used':12}{'state':9}name")
    for t in show_tokens(engine):
        expired = t.expires is not None and t.expires <= time.time()
        state = "revoked" if t.revoked else "expired" if expired else "valid"
        click.echo(
            f"{t.id:9}{t.user:17}{t.scopes:7}{day(t.expires):12}{day(t.used):12}{state:9}{t.name}"
            + (" (operator)" if t.operator else "")
        )
    engine.dispose()


@token.command("revoke")
@click.argument("token_id")
@_database
def token_revoke(token_id: str, database: str) -> None:
    """Revoke the token TOKEN_ID; a running server refuses it within a second."""
    from lamarr.tuning.extra import need

    need("sqlalchemy")
    from lamarr.tuning.records import record_shell
    from lamarr.tuning.tables import open_database
    from lamarr.tuning.tokens import revoke

    engine = open_database(database)
    revoked = revoke(engine, token_id)
    record_shell(engine, "revoke token", f"{revoked.id} of {revoked.user}")
    click.echo(f"revoked token {revoked.id} of {revoked.user}")
    engine.dispose()


@command.command("run")
@click.argument("recipe", type=click.Path(dir_okay=False))
@_connection
@click.option("--trials", type=click.IntRange(1), help="Work on so many trials; else until none is left.")
def run(recipe: str, server: str | None, token_file: str | None, trials: int | None) -> None:
    """Work on the trials of RECIPE, beside as many other workers as you like."""
    from lamarr.tuning.recipe import read_recipe, run_recipe

    read_recipe(recipe)  # a wrong recipe is said before the server is asked

    def done(trial: Any) -> None:
        click.echo(f"trial {trial.number}: {trial.params}")

    with _client(server, token_file) as client:
        finished = run_recipe(recipe, client, n_trials=trials, done=done)
    click.echo(f"{finished} trials done")


@command.command("list")
@_connection
def list_studies(server: str | None, token_file: str | None) -> None:
    """List the studies that the token may see."""
    with _client(server, token_file) as client:
        for s in client.studies():
            states = ", ".join(f"{n} {k}" for k, n in sorted(s["trials"].items())) or "no trials"
            best = s["best"][0]["values"] if s["best"] else "none"
            click.echo(f"{s['id']}  {s['owner']}/{s['name']}: {states}; best {best}")


@command.command("report")
@click.argument("study")
@_connection
@click.option("-o", "--output", default="campaign.html", show_default=True, type=click.Path(dir_okay=False))
def report(study: str, server: str | None, token_file: str | None, output: str) -> None:
    """Write the report of STUDY (its id or name) as one HTML file."""
    from lamarr.errors import OutputFileError, raise_unknown
    from lamarr.publishing import write_text
    from lamarr.tuning.report import report_html

    with _client(server, token_file) as client:
        known = client.studies()
        found = [s for s in known if study in (s["id"], s["name"])]
        if not found:
            raise_unknown("study", study, [s["name"] for s in known])
        view = max(found, key=lambda s: s["created"])
        text = report_html(view, client.trials(view["id"]))
    try:
        write_text(Path(output), text)
    except OSError as error:
        raise OutputFileError(f"{output} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {output}")


@command.command("flush")
@_connection
def flush(server: str | None, token_file: str | None) -> None:
    """Send results that wait in the outbox because the server was away."""
    with _client(server, token_file) as client:
        sent = client.flush(
            patience=10.0, report=lambda letter, outcome: click.echo(f"{letter.url}: {outcome}")
        )
        waiting = len(list(client.outbox.letters(client.server)))
    click.echo(f"{sent} sent, {waiting} waiting in {client.outbox.folder}")
