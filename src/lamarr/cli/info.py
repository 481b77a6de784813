"""``lamarr info``: what is shipped, what a table means, what a file holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

__all__ = ["command"]


@click.command("info")
@click.argument("name", required=False, metavar="[SET|DETECTOR|TABLE|FILE|LIBRARY]")
def command(name: str | None) -> None:
    """Say what there is, or all about one thing of it."""
    from lamarr.detector import detector_names
    from lamarr.errors import raise_unknown
    from lamarr.events import SCHEMA
    from lamarr.parametrizations.sets import set_names

    if name is None:
        _overview()
        return
    sets, detectors = set_names(), detector_names()
    if not Path(name).exists() and name not in (*sets, *detectors, *SCHEMA):
        raise_unknown("set, detector, table or file", name, [*sets, *detectors, *SCHEMA])
    answers: list[tuple[bool, Callable[[str], None]]] = [
        (name in sets or (Path(name) / "set.json").exists(), _set),
        (name in detectors, _detector),
        (name in SCHEMA, _table),
        (name.endswith((".so", ".dylib")), _library),
    ]
    known = [answer for applies, answer in answers if applies]
    for answer in known or [_file]:
        answer(name)


def _overview() -> None:
    from lamarr._version import __version__
    from lamarr.detector import detector_names
    from lamarr.events import SCHEMA, SCHEMA_VERSION
    from lamarr.flash import KEEP, STAGES
    from lamarr.parametrizations.sets import set_names

    click.echo(f"lamarr {__version__}, schema version {SCHEMA_VERSION}")
    click.echo(f"sets       {', '.join(set_names()) or 'none'}")
    click.echo(f"detectors  {', '.join(detector_names())}")
    click.echo(f"stages     {', '.join(STAGES)}")
    click.echo(f"keep       {', '.join(KEEP)}")
    click.echo(f"tables     {', '.join(SCHEMA)}")


def _set(name: str) -> None:
    from lamarr.parametrizations.sets import load_set

    models = load_set(name)
    click.echo(f"set {models.name}: {models.title}")
    click.echo(f"detector {models.detector}{', charge reversed' if models.reverse_charge else ''}")
    for model in models.models.values():
        click.echo(
            f"  {model.name}: {len(model.inputs)} conditions, {model.n_noise} random numbers, "
            f"{len(model.outputs)} outputs, {model.graph.multiplications} multiplications"
        )
    for note in models.notes:
        click.echo(f"note: {note}")


def _detector(name: str) -> None:
    from dataclasses import asdict

    import yaml

    from lamarr.detector import load_detector

    click.echo(yaml.safe_dump(asdict(load_detector(name)), sort_keys=False), nl=False)


def _table(name: str) -> None:
    from lamarr.events import table_schema

    schema = table_schema(name)
    click.echo(f"table {name}: {schema.meaning}")
    click.echo(f"key {', '.join(schema.key)}")
    for column in schema.columns:
        unit = f" [{column.unit}]" if column.unit else ""
        optional = " (optional)" if column.optional else ""
        click.echo(f"  {column.name:<18}{column.dtype:<9}{column.meaning}{unit}{optional}")


def _library(name: str) -> None:
    from lamarr.transpile.c.library import card_of, open_library

    card = card_of(open_library(name))
    if pipeline := card.get("pipeline"):
        stages = ", ".join(stage["stage"] for stage in pipeline["stages"])
        click.echo(f"pipeline {pipeline['name']}, compiled by lamarr {pipeline['version']}: {stages}")
    for model in card["models"]:
        click.echo(
            f"  {model['name']}: {len(model['inputs'])} conditions, {model['n_noise']} random numbers, "
            f"{len(model['outputs'])} outputs, {model['multiplications']} multiplications"
        )


def _file(name: str) -> None:
    from lamarr.events import describe

    header = describe(name)
    click.echo(f"{name}: schema version {header.schema_version}")
    for key, value in header.metadata.items():
        click.echo(f"{key}: {value}")
    click.echo(f"sources: {', '.join(header.sources)}")
    for table, columns in header.tables.items():
        click.echo(f"  {table}: {', '.join(columns)}")
