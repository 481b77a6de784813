"""The page of the comparison: plots, tables with the numbers that must hold, and all numbers as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from lamarr.validation.ecal_engines.comparison import DETAILED
from lamarr.validation.ecal_engines.drawings import PLOTS, save
from lamarr.validation.ecal_engines.photons import DISTANCES, ENERGIES
from lamarr.validation.ecal_engines.whole_events import CLASSES, VARIABLES

__all__ = ["FEWEST_PAIRS", "TARGETS", "text", "write"]

FEWEST_PAIRS: Final = 10
"""Pairs of photons in a bin of distance that is asked about."""

Numbers = dict[str, dict[str, Any]]

TARGETS: Final = {"ks": 0.02, "map": 0.05, "judge": 0.60, "two": 0.03, "peak": 0.01, "width": 0.05}
"""What issue and documentation ask of the better of translation and graph."""


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(c) for c in cells) + " |"


def _table(head: list[str], rows: list[list[object]]) -> str:
    return "\n".join([_row(*head), _row(*("---" for _ in head)), *(_row(*r) for r in rows)])


def _engines(numbers: Numbers) -> list[str]:
    return [n for n in numbers if n != DETAILED]


def _events_table(numbers: Numbers) -> str:
    names = _engines(numbers)
    rows: list[list[object]] = []
    for c in CLASSES:
        for v in VARIABLES if numbers[names[0]]["events"][c] else ():
            values = [numbers[n]["events"][c][v] for n in names]
            rows.append(
                [f"{v}, {c}", *(f"{x['ks']:.3f}" for x in values), f"{values[0]['floor']:.3f}", TARGETS["ks"]]
            )
    maps = [numbers[n]["map"] for n in names]
    rows.append(
        [
            "map of clusters, mean \\|Δ\\|",
            *(f"{m['difference']:.3f}" for m in maps),
            f"{maps[0]['floor']:.3f}",
            TARGETS["map"],
        ]
    )
    reference = numbers[DETAILED]
    for key, what in (("judge", "places, energies"), ("judge_with_shapes", "and shapes")):
        cells = [f"{numbers[n][key][0]:.3f} ± {numbers[n][key][1]:.3f}" for n in names]
        rows.append([f"DeepSets AUC, {what}", *cells, f"{reference[key][0]:.3f}", TARGETS["judge"]])
    return _table(["KS", *names, "floor", "must hold"], rows)


def _largest(numbers: Numbers, name: str, what: str) -> str:
    """Largest difference from the reference over the distances, and how many standard errors it is."""
    a, b = numbers[DETAILED]["two_photons"][what], numbers[name]["two_photons"][what]
    difference = np.abs(np.array(b["value"]) - np.array(a["value"]))
    error = np.hypot(a["error"], b["error"])
    few = np.minimum(a["number"], b["number"]) < FEWEST_PAIRS
    difference = np.where(few, np.nan, difference)
    if few.all():
        return "too few pairs"
    worst = int(np.nanargmax(difference))
    return f"{difference[worst]:.3f} ± {error[worst]:.3f} ({np.nanmean(difference):.3f})"


def _two_table(numbers: Numbers) -> str:
    said = {"one": "probability of one cluster", "share": "sharing of energy", "shift": "shift (cells)"}
    rows: list[list[object]] = [
        [what, *(_largest(numbers, n, key) for n in _engines(numbers)), TARGETS["two"]]
        for key, what in said.items()
    ]
    return _table(["largest difference (mean)", *_engines(numbers), "must hold"], rows)


def _pi0_table(numbers: Numbers) -> str:
    names = list(numbers)
    p = {n: numbers[n]["pi0"] for n in names}
    rows: list[list[object]] = [
        ["peak (MeV)", *(f"{p[n]['peak']:.1f} ± {p[n]['peak_error']:.1f}" for n in names)],
        ["half width (MeV)", *(f"{p[n]['width']:.1f} ± {p[n]['width_error']:.1f}" for n in names)],
        ["resolved", *(p[n]["number"] for n in names)],
    ]
    for k in range(len(ENERGIES) - 1):
        low, high = (2 * ENERGIES[k + i] / 1000 for i in (0, 1))
        values = [f"{p[n]['merged']['value'][k]:.3f} ± {p[n]['merged']['error'][k]:.3f}" for n in names]
        rows.append([f"merged, {low:.0f}–{high:.0f} GeV", *values])
    return _table(["π0", *names], rows)


def _photon_table(numbers: Numbers) -> str:
    names = list(numbers)
    rows: list[list[object]] = []
    said = {"efficiency": "efficiency", "bias": "median E/E_γ", "resolution": "σ(E)/E", "place": "σ(x) (mm)"}
    for key, what in said.items():
        for k in range(len(ENERGIES) - 1):
            low, high = (ENERGIES[k + i] / 1000 for i in (0, 1))
            digits = 1 if key == "place" else 3
            cells = [f"{numbers[n]['photons'][key][k]:.{digits}f}" for n in names]
            rows.append([f"{what}, {low:.0f}–{high:.0f} GeV", *cells])
    return _table(["photons", *names], rows)


def _speed(numbers: Numbers) -> str:
    return "; ".join(f"{n} {numbers[n]['milliseconds']:.2f} ms" for n in _engines(numbers))


def text(numbers: Numbers, about: dict[str, str], said: str = "") -> str:
    """Return the page in Markdown; `said` is put before the tables."""
    reference = numbers[DETAILED]
    classes = ", ".join(f"{n} {c}" for c, n in reference["events"].items())
    bins = ", ".join(f"{d:.0f}" for d in DISTANCES)
    return f"""# Engines of the ECAL, compared

Made by `{about["command"]}`.

{about["sample"]} Events by number of sources (few: up to 40, many: above 100): {classes}. *Floor*: what
random halves of the reference differ by, over √2.

{said}
## Whole events

{_events_table(numbers)}

![whole events](ecal/events.png)

![map](ecal/map.png)

## Two photons

Pairs of generated photons above 1 GeV, each other's nearest, in bins of their distance ({bins} mm); the
cluster of a photon is the nearest within 1.5 cells. Largest difference over bins of ten pairs, error, and
mean:

{_two_table(numbers)}

![two photons](ecal/two-photons.png)

## π0

{_pi0_table(numbers)}

![π0](ecal/pi0.png)

## Photons

A photon is found if its cluster has 0.7 to 1.4 times its energy.

{_photon_table(numbers)}

## Speed

CPU per event of this sample, one thread, everything included: {_speed(numbers)}.
"""


def _plain(value: Any) -> Any:
    """Return numbers as JSON knows them; without arrays of values."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if k not in ("maps", "mass")}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def write(numbers: Numbers, about: dict[str, str], output: Path, page: Path | None, said: str = "") -> None:
    """Write ``ecal-engines.json``, the plots and the page into `output`; page and plots into `page` too."""
    content = text(numbers, about, said)
    for folder in (output, *([page] if page else [])):
        (folder / "ecal").mkdir(parents=True, exist_ok=True)
        for name in PLOTS:
            save(name, numbers, folder / "ecal" / f"{name}.png")
        (folder / "ecal-engines.md").write_text(content, encoding="utf-8")
    (output / "ecal-engines.json").write_text(json.dumps(_plain(numbers), indent=1), encoding="utf-8")
