"""The report as one HTML page that needs nothing else, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from html import escape
from importlib import resources
from pathlib import Path
from typing import Final

from lamarr.publishing import write_text
from lamarr.validation.detailed_report.draw import svg
from lamarr.validation.detailed_report.findings import Finding, Plot, Section
from lamarr.validation.detailed_report.report import Report

__all__ = ["GENERATOR", "render", "write_json", "write_page"]

GENERATOR: Final = "lamarr.validation.detailed_report"

_EXTRA: Final = (
    ".met{color:#1d7a46}.missed{color:#b3261e;font-weight:700}.verdicts{width:100%}"
    ".verdicts th[scope=row]{min-width:11rem}.verdicts td.target,.verdicts td.why{white-space:normal;"
    "text-align:left}.verdicts td.target{min-width:9rem}.verdicts td.why{min-width:12rem}"
    "@media screen and (prefers-color-scheme:dark){.met{color:#6fcf97}.missed{color:#ff8a80}}"
)


def write_page(report: Report, path: Path) -> None:
    """Write the page; a half-written one never bears its name."""
    write_text(path, render(report))


def write_json(report: Report, path: Path) -> None:
    """Write all findings as JSON."""
    write_text(path, json.dumps(report.as_json(), indent=1, ensure_ascii=False) + "\n")


def render(report: Report) -> str:
    """Return the page as text."""
    style = resources.files("lamarr.validation").joinpath("page.css").read_text(encoding="utf-8") + _EXTRA
    facts = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in report.facts.items())
    counts = report.verdicts
    summary = ", ".join(f"{n} {verdict}" for verdict, n in counts.items() if n)
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="generator" content="{GENERATOR}">\n<title>Lamarr: detailed simulation</title>\n'
        f"<style>{style}</style></head>\n<body><main>\n"
        "<h1>Detailed simulation against published performance</h1>\n"
        f"<dl>{facts}<dt>Verdicts</dt><dd>{escape(summary)}</dd></dl>\n"
        + "".join(_section(s) for s in report.sections)
        + "</main></body></html>\n"
    )


def _section(section: Section) -> str:
    notes = "".join(f"<p>{escape(n)}</p>" for n in section.notes)
    figures = "".join(_figure(p) for p in section.plots)
    table = _table(section.findings) if section.findings else ""
    grid = f'<div class="figures">{figures}</div>' if figures else ""
    return f"<h2>{escape(section.title)}</h2>\n{notes}{table}{grid}\n"


def _figure(plot: Plot) -> str:
    image = svg(plot).replace("<svg ", f'<svg role="img" aria-label="{escape(plot.title)}" ', 1)
    caption = f"<figcaption>{escape(plot.caption)}</figcaption>" if plot.caption else ""
    return f'<figure id="{escape(plot.name)}">{image}{caption}</figure>'


def _table(findings: Iterable[Finding]) -> str:
    head = "".join(f'<th scope="col">{h}</th>' for h in ("", "value", "target", "verdict", "by", "note"))
    rows = "".join(_row(f) for f in findings)
    table = f'<table class="verdicts"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<div class="wide">{table}</div>'


def _row(f: Finding) -> str:
    missed = _number(f.missed_by, f.error) if f.verdict == "missed" else ""
    value = f"{_number(f.value, f.error)}" if f.known else "–"
    if f.known and math.isfinite(f.error):
        value += f" ± {_number(f.error, f.error)}"
    unit = f" {escape(f.unit)}" if f.unit and f.known else ""
    return (
        f'<tr><th scope="row">{escape(f.name)}</th><td>{value}{unit}</td>'
        f'<td class="target">{escape(f.target)}</td><td class="{f.verdict.split()[0]}">{f.verdict}</td>'
        f'<td>{missed}</td><td class="why">{escape(f.note)}</td></tr>'
    )


def _number(value: float, error: float) -> str:
    """Two digits of the error decide how many of the value are shown; four where there is no error."""
    if not math.isfinite(error) or error <= 0:
        return f"{value:.4g}"
    digits = max(0, min(6, 1 - math.floor(math.log10(error))))
    return f"{value:.{digits}f}"
