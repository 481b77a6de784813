"""Figures of all pages: one style, as ``<svg>`` elements that need nothing else.

Ink is one colour that no data have, so that a page can give it the colour of its text, light or dark.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "INK", "MARKERS", "plain_ticks", "style", "svg_figure"]

INK: Final = "#20242b"
COLOURS: Final = ("#2f7ed8", "#e07b1f", "#2ca58d", "#b5539c")
"""Readable on white and on dark grey, and told apart by the colour-blind."""
MARKERS: Final = ("o", "s", "^", "D")

_NAMESPACE: Final = 'xmlns:xlink="http://www.w3.org/1999/xlink"'


def svg_figure(name: str, draw: Callable[[Figure], None], size: tuple[float, float] = (4.4, 3.4)) -> str:
    """Return what `draw` draws into a figure as an ``<svg>`` element.

    Text becomes paths, ink ``currentColor``, and ids begin with `name`, which must be unique on a page.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({**style(), "svg.fonttype": "path", "svg.hashsalt": name}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", text)
    return re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf"<svg \1 {_NAMESPACE}>", text)


def plain_ticks(ax: Any, ticks: tuple[float, ...]) -> None:
    """Label a logarithmic abscissa with plain numbers."""
    from matplotlib.ticker import NullFormatter

    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.xaxis.set_minor_formatter(NullFormatter())


def style() -> Any:  # matplotlib's stubs want a dictionary of literal keys
    """Return matplotlib's settings."""
    ink = {f"{k}color": INK for k in ("text.", "axes.edge", "axes.label", "xtick.", "ytick.", "grid.")}
    return {
        **ink,
        "axes.titlecolor": INK,
        "font.size": 9,
        "axes.titlesize": 10,
        "legend.fontsize": 8,
        "legend.frameon": False,
        "axes.grid": True,
        "grid.alpha": 0.15,
        "axes.axisbelow": True,
        "xtick.direction": "in",
        "ytick.direction": "in",
        "path.simplify": False,
    }
