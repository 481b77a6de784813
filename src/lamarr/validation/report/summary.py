"""The verdicts of several reports as one Markdown table.

python -m lamarr.validation.report.summary runs/validation/*/metrics.json
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click

from lamarr.commands import run
from lamarr.errors import InputFileError
from lamarr.validation.ablation import AS_IT_IS, SAME_TRACKS
from lamarr.validation.report import JSON_VERSION
from lamarr.validation.report.verdicts import FAILED, NOISE, PASSED, SHOWN

__all__ = ["main", "summary"]


def summary(paths: Iterable[Path]) -> str:
    """Return a table of counts by report and section, one of what is missed, and one of who is to blame.

    Raises
    ------
    InputFileError
        If a file is not what ``lamarr validate --json`` writes.
    """
    lines = ["| sample | section | met | at the noise floor | missed |", "|---|---|---|---|---|"]
    blamed = [
        "",
        "| sample | composite | candidates | KS | with the same tracks | to blame |",
        f"|{'---|' * 6}",
    ]
    missed = ["", "| sample | quantity | number | value | error | floor | target |", f"|{'---|' * 7}"]
    for path in paths:
        content = _content(path)
        verdicts = content["verdicts"]
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
        for a in content.get("ablations", ()):
            ks = " | ".join(f"{a['ks'][k]['value']:.3f} ± {a['ks'][k]['error']:.3f}" for k in _SHOWN)
            blamed.append(f"| {name} | {a['observable']} | {a['candidates']} | {ks} | {a['to_blame']} |")
    return "\n".join([*lines, *missed, *(blamed if len(blamed) > 3 else [])])


def _number(x: float | None) -> str:
    return "" if x is None or math.isnan(x) else f"{x:.3g}"


_SHOWN: Final = (AS_IT_IS, SAME_TRACKS)


def _content(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version, _ = content["version"], content["verdicts"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputFileError(f"'{path}' is not what 'lamarr validate --json' writes: {error}") from None
    if version != JSON_VERSION:
        raise InputFileError(f"'{path}' has version {version}, but version {JSON_VERSION} is understood here")
    return content


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def main(files: tuple[Path, ...]) -> None:
    """Print the verdicts of FILES (what ``lamarr validate --json`` wrote) as Markdown."""
    click.echo(summary(files))


if __name__ == "__main__":
    run(main)
