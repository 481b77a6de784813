"""The report of a validation: flash against detailed simulation, as one page and one JSON file.

from lamarr.validation.report import open_source, compare, write_report
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from lamarr.errors import OutputFileError
from lamarr.publishing import write_text
from lamarr.validation.report.ablations import Ablation, ablations, same_events
from lamarr.validation.report.catalogue import register
from lamarr.validation.report.comparison import Comparison, compare
from lamarr.validation.report.independence import Independence, check_independence
from lamarr.validation.report.inputs import Source, in_memory, open_source, refuse_different
from lamarr.validation.report.observables import Cut, Observable, Width
from lamarr.validation.report.verdicts import NotMade, Verdict

__all__ = [
    "JSON_VERSION",
    "Ablation",
    "Comparison",
    "Cut",
    "Independence",
    "NotMade",
    "Observable",
    "Source",
    "Verdict",
    "Width",
    "ablations",
    "check_independence",
    "check_outputs",
    "compare",
    "in_memory",
    "open_source",
    "refuse_different",
    "register",
    "same_events",
    "to_json",
    "write_report",
]

JSON_VERSION: Final = 1
"""Version of the JSON file; it grows when a field changes its meaning or goes."""


def to_json(
    comparison: Comparison, facts: Mapping[str, str], independence: Iterable[Independence] = ()
) -> dict[str, Any]:
    """Return the content of the JSON file."""
    return {
        "version": JSON_VERSION,
        "facts": dict(facts),
        "independence": [
            {"model": i.model, "training": list(i.digests), "shared": list(i.shared)} for i in independence
        ],
        "verdicts": [v.to_json() for v in comparison.verdicts],
        "not_made": [{"name": n.name, "reason": n.reason} for n in comparison.not_made],
        "ablations": [a.to_json() for a in comparison.ablations],
    }


def write_report(
    path: str | Path,
    comparison: Comparison,
    facts: Mapping[str, str],
    independence: Iterable[Independence] = (),
    *,
    json_path: str | Path | None = None,
    force: bool = False,
) -> None:
    """Write the page, and the JSON file if asked for.

    Raises
    ------
    OutputFileError
        If a file exists (and `force` is not given) or cannot be written.
    """
    from lamarr.validation.report.html import render

    independence = list(independence)
    texts = {Path(path): render(comparison, facts, map(str, independence))}
    if json_path is not None:
        content = to_json(comparison, facts, independence)
        texts[Path(json_path)] = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    check_outputs(texts, force=force)
    for target, text in texts.items():
        try:
            write_text(target, text)
        except OSError as error:
            raise OutputFileError(f"'{target}' cannot be written: {error.strerror}") from error


def check_outputs(paths: Iterable[Path], *, force: bool) -> None:
    """Refuse to replace files, before any work is done.

    Raises
    ------
    OutputFileError
        If one of them exists and `force` is not set, or its folder does not exist.
    """
    for path in paths:
        if path.exists() and not force:
            raise OutputFileError(f"'{path}' exists; choose another name, or replace it with --force")
        if not path.absolute().parent.is_dir():
            raise OutputFileError(f"the folder of '{path}' does not exist; make it first")
