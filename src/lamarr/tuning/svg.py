"""Small charts as SVG text: scales, axes, a scatter, bars, parallel coordinates. No script, no network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

__all__ = ["bars", "history", "parallel", "ticks"]

_W, _H = 900, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 20, 16, 44


def ticks(low: float, high: float, n: int = 5) -> list[float]:
    """Round numbers that divide [low, high] into about `n` parts."""
    span = high - low
    if not span > 0:
        return [low]
    step = 10.0 ** math.floor(math.log10(span / n))
    step *= next(m for m in (1, 2, 5, 10) if span / (step * m) <= n)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _scale(low: float, high: float, a: float, b: float) -> Callable[[float], float]:
    span = high - low or 1.0
    return lambda v: a + (v - low) / span * (b - a)


def _text(x: float, y: float, text: str, anchor: str = "middle", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(text)}</text>'


def _svg(body: str, label: str, width: int = _W, height: int = _H) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">{body}</svg>'


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = 0.04 * (high - low) or abs(low) * 0.05 or 1.0
    return low - pad, high + pad


def history(
    points: Sequence[tuple[float, float, str, str]],
    line: Sequence[tuple[float, float]],
    *,
    x_label: str,
    y_label: str,
) -> str:
    """Points (x, y, class, title) and a staircase, for example the best value so far."""
    if not points:
        return '<p class="muted">no values yet</p>'
    x0, x1 = _padded([p[0] for p in points])
    y0, y1 = _padded([p[1] for p in points])
    x, y = _scale(x0, x1, _LEFT, _W - _RIGHT), _scale(y0, y1, _H - _BOTTOM, _TOP)
    out = [_axes(x, y, (x0, x1), (y0, y1), x_label, y_label)]
    out += [
        f'<circle class="{kind}" cx="{x(px):.1f}" cy="{y(py):.1f}" r="3.5">'
        f"<title>{escape(title)}</title></circle>"
        for px, py, kind, title in points
    ]
    if line:
        steps = [f"M{x(line[0][0]):.1f} {y(line[0][1]):.1f}"]
        steps += [f"H{x(a):.1f}V{y(b):.1f}" for a, b in line[1:]]
        out.append(f'<path class="best" d="{"".join(steps)}"/>')
    return _svg("".join(out), f"{y_label} against {x_label}")


def _axes(
    x: Callable[[float], float],
    y: Callable[[float], float],
    xs: tuple[float, float],
    ys: tuple[float, float],
    x_label: str,
    y_label: str,
) -> str:
    out = [_text(x(v), _H - _BOTTOM + 18, f"{v:.6g}") for v in ticks(*xs, 8)]
    for v in ticks(*ys):
        out.append(f'<path class="grid" d="M{_LEFT} {y(v):.1f}H{_W - _RIGHT}"/>')
        out.append(_text(_LEFT - 8, y(v) + 4, f"{v:.6g}", "end"))
    out.append(_text((_LEFT + _W - _RIGHT) / 2, _H - 6, x_label))
    middle = (_TOP + _H - _BOTTOM) / 2
    out.append(_text(14, middle, y_label, "middle", f'transform="rotate(-90 14 {middle})"'))
    return "".join(out)


def bars(values: Sequence[tuple[str, float]], label: str) -> str:
    """Horizontal bars, longest first, each with its value."""
    row, left = 26, 190
    top = max((v for _, v in values), default=1.0) or 1.0
    out = []
    for i, (name, value) in enumerate(sorted(values, key=lambda v: -v[1])):
        y = i * row + 6
        width = max(1.0, value / top * (_W - left - 80))
        out.append(_text(left - 10, y + 14, name[:28], "end"))
        out.append(f'<rect class="bar" x="{left}" y="{y}" width="{width:.1f}" height="18" rx="2"/>')
        out.append(_text(left + width + 8, y + 14, f"{value:.3f}", "start"))
    return _svg("".join(out), label, _W, max(1, len(values)) * row + 8)


def parallel(
    axes: Sequence[dict[str, Any]], rows: Sequence[tuple[Sequence[float | None], float, str]]
) -> str:
    """Parallel coordinates.

    An axis is {name, ticks: [(position 0 … 1, text)]}; a row is (positions 0 … 1 or None, rank 0 (best) … 1,
    title). Good rows are drawn last and darkest.
    """
    if not axes or not rows:
        return '<p class="muted">no complete trials yet</p>'
    width = max(_W, 130 * len(axes))
    left, right, top, bottom = 60, 90, 40, 300
    gap = (width - left - right) / max(1, len(axes) - 1)
    out = []
    for values, rank, title in sorted(rows, key=lambda r: -r[1]):
        d, pen = [], "M"
        for i, v in enumerate(values):
            if v is None:
                pen = "M"
                continue
            d.append(f"{pen}{left + i * gap:.1f} {bottom - v * (bottom - top):.1f}")
            pen = "L"
        shade = f"--rank:{rank:.2f}"
        kind = "ray top" if rank <= 0.1 else "ray"
        out.append(
            f'<path class="{kind}" style="{shade}" d="{"".join(d)}"><title>{escape(title)}</title></path>'
        )
    for i, axis in enumerate(axes):
        x = left + i * gap
        out.append(f'<path class="axis" d="M{x:.1f} {top}V{bottom}"/>')
        out.append(_text(x, top - 14, axis["name"][:24], "middle", 'class="head"'))
        for position, text in axis["ticks"]:
            y = bottom - position * (bottom - top)
            out.append(f'<path class="axis" d="M{x:.1f} {y:.1f}h5"/>' + _text(x + 8, y + 4, text, "start"))
    return _svg("".join(out), "parallel coordinates", int(width), bottom + 20)
