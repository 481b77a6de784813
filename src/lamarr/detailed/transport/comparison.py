"""What each limit of the transport saves and what it changes: the same events with it lifted.

python -m lamarr.detailed.transport.comparison -n 20
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from lamarr.commands import run
from lamarr.detailed.context import Context
from lamarr.detailed.records import SimEvent
from lamarr.detailed.transport.data import StandInWarning
from lamarr.detailed.transport.layers import IT_LAYER, TT_LAYER
from lamarr.detailed.transport.limits import Limits
from lamarr.detailed.transport.transport import Transport
from lamarr.events import EventBatch

__all__ = ["QUANTITIES", "compare", "quantities"]

Floats = NDArray[np.float64]
GROUPS: Final = (
    ("none", ()),
    *((f.name, (f.name,)) for f in fields(Limits)),
)
QUANTITIES: Final = ("CPU (s)", "VELO", "TT", "T", "RICH", "M1", "M2-M5", "calo (GeV)")
"""CPU time, hits in trackers and muon stations, RICH segments, energy at the calorimeters' front."""


def quantities(event: SimEvent, seconds: float) -> tuple[float, ...]:
    """Numbers of one event, in the order of :data:`QUANTITIES`."""
    layer, station = event.hits["layer"], event.muon_hits["station"]
    counts = (
        layer < TT_LAYER,
        (layer >= TT_LAYER) & (layer < IT_LAYER),
        layer >= IT_LAYER,
        event.rich_segments["radiator"] > 0,
        station == 0,
        station > 0,
    )
    energy = float(event.calo_faces["energy"].sum()) / 1000
    return (seconds, *(float(np.count_nonzero(c)) for c in counts), energy)


def compare(
    batch: EventBatch, context: Context, groups: Iterable[tuple[str, tuple[str, ...]]] = GROUPS
) -> dict[str, Floats]:
    """Return :func:`quantities` (events, 8) of `batch` with each group of limits lifted."""
    found = {}
    for name, lifted in groups:
        events = iter(Transport(context, limits=Limits().with_lifted(*lifted))(batch))
        rows = []
        for _ in range(batch.n_events):
            begin = time.process_time()
            event = next(events)
            rows.append(quantities(event, time.process_time() - begin))
        found[name] = np.array(rows)
    return found


def _line(name: str, value: Floats, reference: Floats) -> str:
    """Means of a group: the numbers for the reference, else changes in % with their errors."""
    if name == "none":
        return f"| {name} | " + " | ".join(f"{m:.3g}" for m in value.mean(axis=0)) + " |"
    change = value - reference
    mean, error = change.mean(axis=0), change.std(axis=0, ddof=1) / np.sqrt(len(change))
    base = np.maximum(reference.mean(axis=0), 1e-9)
    cells = [f"{100 * m / b:+.1f} ± {100 * e / b:.1f}" for m, e, b in zip(mean, error, base, strict=True)]
    return f"| {name} | " + " | ".join(cells) + " |"


@click.command()
@click.option("-n", "n", default=20, show_default=True, help="Minimum-bias events (ν = 1.6).")
@click.option("--seed", default=1, show_default=True)
def main(n: int, seed: int) -> None:
    """Print a table: means an event, and for each limit lifted the change in percent."""
    from lamarr.detector import load_detector
    from lamarr.detector.geometry import load_geometry
    from lamarr.flash.sources import open_pythia

    warnings.simplefilter("ignore", StandInWarning)
    context: Any = Context(geometry=load_geometry(), detector=load_detector("lhcb2016-magup"), seed=seed)
    source = open_pythia("minbias", n, seed, nu=1.6).source
    batch = EventBatch.concatenate(b for b in source.batches(n) if isinstance(b, EventBatch))
    click.echo("| lifted | " + " | ".join(QUANTITIES) + " |")
    click.echo("|---" * (len(QUANTITIES) + 1) + "|")
    reference: Floats | None = None
    for group in GROUPS:
        value = compare(batch, context, [group])[group[0]]
        reference = value if reference is None else reference
        click.echo(_line(group[0], value, reference))


if __name__ == "__main__":
    run(main)
