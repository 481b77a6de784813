"""The verdicts of several reports as one Markdown table.

python -m lamarr.validation.report.summary runs/validation/*/metrics.json
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from lamarr.errors import InputFileError
from lamarr.validation.report import JSON_VERSION
from lamarr.validation.report.verdicts import FAILED, NOISE, PASSED, SHOWN

__all__ = ["main", "summary"]


def summary(paths: Iterable[Path]) -> str:
    """Return a table of counts by report and section, and one of what is missed.

    Raises
    ------
    InputFileError
        If a file is not what ``lamarr validate --json`` writes.
    """
    lines = ["| sample | section | met | at the noise floor | missed |", "|---|---|---|---|---|"]
    missed = ["", "| sample | quantity | number | value | error | floor | target |", f"|{'---|' * 7}"]
    for path in paths:
        verdicts = _verdicts(path)
        name = path.parent.name
        for section in dict.fromkeys(v["section"] for v in verdicts):
            chosen = [v["outcome"] for v in verdicts if v["section"] == section and v["outcome"] != SHOWN]
            if chosen:
                counts = " | ".join(str(chosen.count(o)) for o in (PASSED, NOISE, FAILED))
                lines.append(f"| {name} | {section} | {counts} |")
        failed = [v for v in verdicts if v["outcome"] == FAILED]
        for v in sorted(failed, key=lambda v: -v["value"] / v["target"]):
            words = " | ".join(v[k].replace("|", "¦") for k in ("name", "what"))
            numbers = " | ".join(_number(v[k]) for k in ("value", "error", "floor", "target"))
            missed.append(f"| {name} | {words} | {numbers} |")
    return "\n".join([*lines, *missed])


def _number(x: float | None) -> str:
    return "" if x is None or math.isnan(x) else f"{x:.3g}"


def _verdicts(path: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version, verdicts = content["version"], content["verdicts"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputFileError(f"'{path}' is not what 'lamarr validate --json' writes: {error}") from None
    if version != JSON_VERSION:
        raise InputFileError(f"'{path}' has version {version}, but version {JSON_VERSION} is understood here")
    found: list[dict[str, Any]] = verdicts
    return found


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def main(files: tuple[Path, ...]) -> None:
    """Print the verdicts of FILES (what ``lamarr validate --json`` wrote) as Markdown."""
    click.echo(summary(files))


if __name__ == "__main__":
    main()
