"""Report of a campaign as one HTML file: best trials, history, parallel coordinates, importance.

The file needs no network and holds no script; it is made from the JSON views of the interface, so it can be
made on the server and by any client. Importances are PED-ANOVA's (Watanabe, Bansal, Hutter, IJCAI 2023,
arXiv:2304.10255): how much a parameter decides whether a trial is among the best quarter.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from lamarr._version import __version__
from lamarr.tuning import svg
from lamarr.tuning.pages import STYLE, number, table

__all__ = ["importances", "report_html"]

_STYLE = """
svg{width:100%;height:auto;font:12px system-ui,sans-serif;fill:currentColor}
.grid{stroke:var(--line);fill:none}.axis{stroke:currentColor;fill:none}.head{font-weight:600}
.complete{fill:var(--accent);fill-opacity:.55}.pruned{fill:none;stroke:#b26a00}.front{fill:#b3261e}
.best{fill:none;stroke:#b3261e;stroke-width:2}.bar{fill:var(--accent)}
.ray{fill:none;stroke:var(--accent);stroke-opacity:calc(.45 - .4*var(--rank))}
.ray.top{stroke-opacity:.95;stroke-width:2}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem}dd{margin:0}
"""
Row = Mapping[str, Any]


def report_html(study: Row, trials: Sequence[Row]) -> str:
    """Make the page of a study from its view and the views of its trials."""
    complete = [t for t in trials if t["state"] == "complete"]
    parts = [_head(study, trials), _best_table(study, complete)]
    for i, direction in enumerate(study["directions"]):
        name = "Objective" if len(study["directions"]) == 1 else f"Objective {i}"
        parts.append(f"<h2>History: {name.lower()}, to {direction}</h2>")
        parts.append(_history(trials, i, direction, name))
    if len(study["directions"]) == 2:
        parts.append("<h2>Pareto front</h2>" + _front(study, complete))
    parts.append("<h2>Parallel coordinates</h2>")
    parts.append('<p class="muted">One line per complete trial; the best tenth is drawn strong.</p>')
    parts.append(_parallel(study, complete))
    parts.append(_importance(study, complete))
    title = f"Campaign {study['name']}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}{_STYLE}</style>'
        f"</head><body><main><h1>{escape(title)}</h1>{''.join(parts)}</main></body></html>"
    )


def _head(study: Row, trials: Sequence[Row]) -> str:
    states: dict[str, int] = {}
    for t in trials:
        states[t["state"]] = states.get(t["state"], 0) + 1
    workers = {t["worker"] for t in trials if t["worker"]}
    started = [t["started"] for t in trials if t["started"]]
    ended = [t["ended"] for t in trials if t["ended"]]
    took = max(ended) - min(started) if started and ended else 0.0
    again = sum(t["attempt"] > 1 for t in trials)
    constants = {k: v for k, v in study["properties"].items() if not str(v).startswith("optuna#")}
    facts = {
        "owner": study["owner"],
        "strategy": f"sampler {study['sampler']['name']}, pruner {study['pruner']['name']}",
        "properties": ", ".join(f"{k} = {v}" for k, v in constants.items()) or "none",
        "trials": ", ".join(f"{n} {s}" for s, n in sorted(states.items())) or "none",
        "workers": str(len(workers)),
        "handed out again": f"{again} trial{'s' * (again != 1)}, after the worker fell silent",
        "time": f"{took:.0f} s from the first trial to the last result",
        "made": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()) + f" by lamarr {__version__}",
    }
    return "<dl>" + "".join(f"<dt>{k}</dt><dd>{escape(v)}</dd>" for k, v in facts.items()) + "</dl>"


def _key(study: Row) -> Callable[[Row], float]:
    sign = -1.0 if study["directions"][0] == "maximize" else 1.0
    return lambda t: sign * float(t["values"][0])


def _best_table(study: Row, complete: Sequence[Row]) -> str:
    if len(study["directions"]) > 1:
        numbers = {b["number"] for b in study["best"]}
        caption, chosen = "Pareto front", [t for t in complete if t["number"] in numbers]
    else:
        caption, chosen = "Best trials", sorted(complete, key=_key(study))[:10]
    names = _parameters(complete)
    many = len(study["directions"]) > 1
    objectives = [f"#Objective {i}" for i in range(len(study["directions"]))] if many else ["#Objective"]
    rows = [
        [
            t["number"],
            *map(number, t["values"]),
            *(number(t["params"].get(n, "")) for n in names),
            t["worker"],
        ]
        for t in chosen
    ]
    return table(caption, ["#Trial", *objectives, *(f"#{n}" for n in names), "Worker"], rows)


def _parameters(trials: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for t in trials for name in t["params"]))


def _history(trials: Sequence[Row], i: int, direction: str, name: str) -> str:
    points, line = [], []
    best: float | None = None
    better = max if direction == "maximize" else min
    for t in sorted(trials, key=lambda t: int(t["number"])):
        if t["state"] not in ("complete", "pruned") or not t["values"] or len(t["values"]) <= i:
            continue
        value = t["values"][i]
        if value is None:
            continue
        title = f"trial {t['number']}: {number(value)} ({t['state']})"
        points.append((float(t["number"]), float(value), str(t["state"]), title))
        if t["state"] == "complete":
            best = value if best is None else better(best, value)
            line.append((float(t["number"]), float(best)))
    shown = _clipped(points, line)
    away = len(points) - len(shown)
    said = "Filled: complete; open: pruned, at the last reported value; line: best so far."
    note = f'<p class="muted">{said}{f" {away} far values lie outside of the frame." if away else ""}</p>'
    return svg.history(shown, line, x_label="trial", y_label=name) + note


def _clipped(points: list[Any], line: list[Any]) -> list[Any]:
    """Points without far outliers on the bad side, which would flatten the rest."""
    if len(points) < 20:
        return points
    values = sorted(p[1] for p in points)
    low, middle, high = (values[int(q * (len(values) - 1))] for q in (0.05, 0.5, 0.95))
    spread = max(high - middle, middle - low, 1e-300)
    bounds = (middle - 8 * spread, middle + 8 * spread)
    ends = {b for _, b in line}
    return [p for p in points if bounds[0] <= p[1] <= bounds[1] or p[1] in ends]


def _front(study: Row, complete: Sequence[Row]) -> str:
    front = {b["number"] for b in study["best"]}
    points = [
        (
            float(t["values"][0]),
            float(t["values"][1]),
            "front" if t["number"] in front else "complete",
            f"trial {t['number']}",
        )
        for t in complete
    ]
    return svg.history(points, [], x_label="Objective 0", y_label="Objective 1")


def _parallel(study: Row, complete: Sequence[Row]) -> str:
    complete = sorted(complete, key=_key(study))[:1000]
    names = _parameters(complete)
    found = [_axis(n, study["space"].get(n), [t["params"].get(n) for t in complete]) for n in names]
    values = [float(t["values"][0]) for t in complete]
    if not values:
        return svg.parallel([], [])
    found.append(_axis("objective", None, values))
    rows = []
    for rank, t in enumerate(complete):
        row = [
            place(t["params"][n]) if n in t["params"] else None
            for n, (_, place) in zip(names, found, strict=False)
        ]
        row.append(found[-1][1](t["values"][0]))
        title = f"trial {t['number']}: {number(t['values'][0])}"
        rows.append((row, rank / max(1, len(complete) - 1), title))
    return svg.parallel([axis for axis, _ in found], rows)


def _axis(
    name: str, range_: Row | None, values: Sequence[Any]
) -> tuple[dict[str, Any], Callable[[Any], float]]:
    """Axis of one parameter and the function that places a value on it (0 … 1)."""
    present = [v for v in values if v is not None]
    kind = range_["type"] if range_ else "float"
    if kind == "categorical" or not all(isinstance(v, int | float) for v in present):
        choices = (
            list(range_["choices"]) if range_ and kind == "categorical" else list(dict.fromkeys(present))
        )
        last = max(1, len(choices) - 1)
        marks = [(i / last, str(c)[:14]) for i, c in enumerate(choices)][:30]
        return {"name": name, "ticks": marks}, lambda v: choices.index(v) / last
    log = bool(range_ and range_.get("log"))
    form: Callable[[float], float] = math.log10 if log else float
    low, high = form(min(present)), form(max(present))
    span = high - low or 1.0
    places = [v for v in svg.ticks(low, high) if kind != "int" or log or v == round(v)]
    marks = [((v - low) / span, f"{10**v if log else v:.3g}") for v in places]
    return {"name": name, "ticks": marks}, lambda v: (form(v) - low) / span


def importances(study: Row, complete: Sequence[Row], objective: int = 0) -> dict[str, float]:
    """Share of each parameter in the performance (sum 1); empty with fewer than 20 complete trials."""
    import optuna

    from lamarr.tuning.space import parse_space, to_optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ranges = {n: to_optuna(r) for n, r in parse_space(study["space"]).items()}
    if len(complete) < 20 or not ranges:
        return {}
    # a study of the one objective: PED-ANOVA then knows which end is good
    copy = optuna.create_study(direction=study["directions"][objective])
    for t in complete:
        params = {n: v for n, v in t["params"].items() if n in ranges}
        distributions = {n: ranges[n] for n in params}
        copy.add_trial(
            optuna.trial.create_trial(
                params=params, distributions=distributions, value=t["values"][objective]
            )
        )
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=0.25)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of ties between trials: the bars show them
            return optuna.importance.get_param_importances(copy, evaluator=evaluator)
    except (ValueError, RuntimeError):
        return {}  # all values equal: nothing decides


def _importance(study: Row, complete: Sequence[Row]) -> str:
    out = []
    for i in range(len(study["directions"])):
        found = importances(study, complete, i)
        name = "" if len(study["directions"]) == 1 else f": objective {i}"
        out.append(f"<h2>Importance of the parameters{name}</h2>")
        if found:
            out.append(svg.bars(list(found.items()), "importance"))
        else:
            out.append('<p class="muted">needs 20 complete trials and declared ranges</p>')
    return "".join(out)
