"""The report as one HTML page: verdicts first, then the figures; no script, no network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape
from importlib import resources
from typing import Final

from lamarr.validation.cost import as_html
from lamarr.validation.report.ablations import Ablation
from lamarr.validation.report.comparison import Comparison
from lamarr.validation.report.panels import panel_name, panel_svg
from lamarr.validation.report.verdicts import FAILED, NOISE, PASSED, SHOWN, Verdict

__all__ = ["GENERATOR", "render"]

GENERATOR: Final = "lamarr validate"
"""Marks pages that may be replaced."""

TITLES: Final = {
    "tracking": "Tracking",
    "identification": "Particle identification",
    "efficiency": "Efficiencies and misidentification",
    "calorimeter": "Calorimeter",
    "composites": "Composite candidates",
    "event": "Events",
}
_MARKS: Final = {PASSED: "✓", NOISE: "≈", FAILED: "✗", SHOWN: "·"}


def render(comparison: Comparison, facts: Mapping[str, str], independence: Iterable[str]) -> str:
    """Return the page.

    Parameters
    ----------
    comparison : Comparison
    facts : mapping of str to str
        What was compared, in words.
    independence : iterable of str
        A sentence for each model: whether the sample took part in its training.
    """
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    style = resources.files("lamarr.validation").joinpath("page.css").read_text(encoding="utf-8")
    sections = "".join(
        _section(title, name, comparison)
        for name, title in TITLES.items()
        if any(v.section == name for v in comparison.verdicts) or any(s == name for s, _ in comparison.panels)
    )
    missing = "".join(
        f"<li>{escape(_short(n.name))}<br><small>{escape(n.reason)}</small></li>" for n in comparison.not_made
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="generator" content="{GENERATOR}">\n<title>Flash against detailed simulation</title>\n'
        f"<style>{style}{_CSS}</style></head>\n<body><main>\n<h1>Flash against detailed simulation</h1>\n"
        f"<dl>{rows}</dl>\n<p>{_count(comparison.verdicts)}</p>\n"
        f"<h2>Independence</h2><ul>{''.join(f'<li>{escape(s)}</li>' for s in independence)}</ul>\n"
        f"<h2>Verdicts</h2>{_legend()}{_table(comparison.verdicts)}\n"
        + (
            f"<details><summary>Comparisons that were not made</summary><ul>{missing}</ul></details>"
            * bool(missing)
        )
        + _ablations(comparison.ablations)
        + (f"<h2>CPU cost of an event</h2>{as_html(comparison.costs)}" if comparison.costs else "")
        + f"{sections}\n</main></body></html>\n"
    )


_CSS: Final = (
    ".met{color:#1a7f37}.missed{color:#c62828;font-weight:700}.noise{color:#8a6d00}"
    "@media screen and (prefers-color-scheme:dark)"
    "{.met{color:#6cc486}.missed{color:#ff8a80}.noise{color:#e0c050}}"
    "details{margin:1rem 0}summary{cursor:pointer}"
)


def _short(names: str, limit: int = 400) -> str:
    return (
        names
        if len(names) <= limit
        else f"{names[:limit].rsplit(', ', 1)[0]}, … ({names.count(',') + 1} in all)"
    )


def _count(verdicts: list[Verdict]) -> str:
    judged = [v for v in verdicts if v.outcome != SHOWN]
    met = sum(v.outcome == PASSED for v in judged)
    noise = sum(v.outcome == NOISE for v in judged)
    return (
        f"{len(judged):,} comparisons have a target: {met:,} meet it, {noise:,} cannot be told from "
        f"the noise of samples of this size, {len(judged) - met - noise:,} miss it."
    )


def _legend() -> str:
    return (
        "<p><small>✓ target met; ≈ above the target, but not above the noise floor (the reference against "
        "itself) or within twice the error of the target; ✗ missed; · shown without a target. Errors are "
        "bootstrap or binomial; those of a largest difference allow for the choice of the bin.</small></p>"
    )


def _table(verdicts: list[Verdict]) -> str:
    head = ("", "quantity", "number", "value", "error", "floor", "target", "flash", "detailed", "worst at")
    top = "".join(f'<th scope="col">{h}</th>' for h in head)
    order = {FAILED: 0, NOISE: 1, PASSED: 2, SHOWN: 3}
    parts = []
    for section, title in TITLES.items():
        chosen = sorted((v for v in verdicts if v.section == section), key=lambda v: order[v.outcome])
        if chosen:
            missed = sum(v.outcome == FAILED for v in chosen)
            body = "".join(map(_row, chosen))
            parts.append(
                f"<details><summary>{escape(title)}: {len(chosen)} numbers, {missed} missed</summary>"
                f'<div class="wide"><table class="numbers"><thead><tr>{top}</tr></thead>'
                f"<tbody>{body}</tbody></table>"
                "</div></details>"
            )
    return "".join(parts)


def _ablations(found: list[Ablation]) -> str:
    """Return the table of KS distances with stages taken from the detailed simulation."""
    if not found:
        return ""
    top = "".join(f'<th scope="col">{escape(h)}</th>' for h in ("quantity", "n", *found[0].ks, "to blame"))
    rows = []
    for a in found:
        cells = [f"{a.candidates:,}", *(f"{m.value:.3f} ± {m.error:.3f}" for m in a.ks.values()), a.to_blame]
        inside = "".join(f"<td>{escape(c)}</td>" for c in cells)
        rows.append(f'<tr><th scope="row">{escape(a.observable)}</th>{inside}</tr>')
    return (
        "<details open><summary>Which stage is to blame</summary><p><small>KS distances of composites when "
        "the flash sample takes one stage from the detailed one, for the same generated events; <em>same "
        "tracks</em>: flash tracks of what the detailed simulation found, without acceptance and efficiency; "
        "then one stage after the other is the detailed one; <em>all</em>: all of them.</small></p>"
        f'<div class="wide"><table class="numbers"><thead><tr>{top}</tr></thead><tbody>{"".join(rows)}'
        "</tbody></table></div></details>"
    )


def _row(v: Verdict) -> str:
    kind = {PASSED: "met", NOISE: "noise", FAILED: "missed", SHOWN: "shown"}[v.outcome]
    cells = [
        *map(_number, (v.value, v.error, v.floor, v.target)),
        f"{v.n_flash:,}",
        f"{v.n_detailed:,}",
        v.worst,
    ]
    return (
        f'<tr><td class="{kind}" title="{v.outcome}">{_MARKS[v.outcome]}</td>'
        f'<th scope="row">{escape(v.name)}</th>'
        f"<td>{escape(v.what)}</td>{''.join(f'<td>{escape(c)}</td>' for c in cells)}</tr>"
    )


def _number(x: float) -> str:
    return "" if math.isnan(x) else f"{x:.3g}"


def _section(title: str, name: str, comparison: Comparison) -> str:
    figures = []
    for section, panel in comparison.panels:
        if section == name:
            label = escape(panel_name(panel))
            svg = panel_svg(panel, f"{name}-").replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
            figures.append(f'<figure id="{name}-{label}">{svg}</figure>')
    return f'<h2>{title}</h2><div class="figures">{"".join(figures)}</div>' if figures else ""
