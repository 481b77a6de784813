"""What the detailed simulation costs: CPU time an event of the transport and of each room, and memory.

    python -m lamarr.detailed.cost minbias -n 30 --seed 1

The first `WARM` events are not counted: in them Geant4 builds its tables, and compiled functions are loaded.
"""

from __future__ import annotations

import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import click

from lamarr.commands import run
from lamarr.detailed.context import Context
from lamarr.detailed.records import SimEvent, TrackingResult
from lamarr.events import EventBatch, TrackType

__all__ = ["measure", "table_of"]

WARM: Final = 3
T = TypeVar("T")


class _Clock:
    """Sums the CPU time (s) of named calls."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)

    def __call__(self, name: str, function: Callable[..., T], *arguments: Any) -> T:
        begin = time.process_time()
        result = function(*arguments)
        self.spent[name] += time.process_time() - begin
        return result


def measure(name: str, n: int, seed: int, detector: str = "lhcb2016-magup") -> dict[str, float]:
    """Simulate `n` events of the sample `name` in this process.

    Returns
    -------
    dict
        Seconds of CPU per event: ``generation``, ``transport``, ``tracking``, ``rich``, ``muon``,
        ``calorimeter``, ``identification``, and ``reconstruction``, all of it with the tables; ``long``
        tracks per event; ``memory`` in MB, the most that the process held.

    Raises
    ------
    UnknownNameError
        If there is no such sample.
    """
    from lamarr.detailed.samples.catalogue import sample_named
    from lamarr.detailed.simulation import reconstruct_event
    from lamarr.detailed.transport import Transport
    from lamarr.detector import load_detector
    from lamarr.detector.geometry import load_geometry

    source = sample_named(name).open(n + WARM, seed).source
    context = Context(geometry=load_geometry(), detector=load_detector(detector), seed=seed)
    transport, clock, long = Transport(context), _Clock(), 0
    batches = (b for b in source.batches(1) if isinstance(b, EventBatch))
    for number in range(n + WARM):
        if number == WARM:
            clock, long = _Clock(), 0
        batch = clock("generation", next, batches)
        event: SimEvent = clock("transport", next, transport(batch))
        tables = clock("reconstruction", reconstruct_event, event, batch, context)
        _rooms(event, context, clock)
        long += int((tables["tracks"]["type"] == TrackType.LONG).sum())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024e-6
    return {**{k: v / n for k, v in clock.spent.items()}, "long": long / n, "memory": peak}


def _rooms(event: SimEvent, context: Context, clock: _Clock) -> None:
    """Go through the rooms once more, one by one."""
    from lamarr.detailed import calorimeter, identification, muon, rich, tracking

    found: TrackingResult = clock("tracking", tracking.reconstruct, event, context)
    in_rich = clock("rich", rich.identify, event, found, context)
    in_muon = clock("muon", muon.identify, event, found, context)
    calo = clock("calorimeter", calorimeter.reconstruct, event, found, context)
    clock("identification", identification.combine, found, in_rich, in_muon, calo)


def table_of(cost: dict[str, float]) -> Iterator[str]:
    """Lines that say it."""
    rooms = ("tracking", "rich", "muon", "calorimeter", "identification")
    for name in ("generation", "transport", "reconstruction", *rooms):
        yield f"{name:16} {1e3 * cost[name]:8.1f} ms"
    together = cost["transport"] + cost["reconstruction"]
    yield f"reconstruction over transport: {cost['reconstruction'] / cost['transport']:.3f}"
    yield f"long tracks: {cost['long']:.1f} an event, {3600 * cost['long'] / together:,.0f} an hour and core"
    yield f"memory: {cost['memory']:.0f} MB"


@click.command()
@click.argument("sample")
@click.option("-n", "n", type=click.IntRange(min=1), default=30, show_default=True, help="Events.")
@click.option("--seed", default=1, show_default=True)
def main(sample: str, n: int, seed: int) -> None:
    """Print what events of SAMPLE cost, in CPU time of this machine."""
    for line in table_of(measure(sample, n, seed)):
        click.echo(line)


if __name__ == "__main__":
    run(main)
