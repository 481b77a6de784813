"""What an event leaves, wherever it comes from: Geant4, the store, or parts that other events share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lamarr.detailed.context import Context
from lamarr.detailed.records import SimEvent
from lamarr.detailed.transport.limits import Limits
from lamarr.detailed.transport.merging import merged, part_of
from lamarr.detailed.transport.store import Store, key_of
from lamarr.detailed.transport.transport import Transport
from lamarr.events import EventBatch

__all__ = ["Carrier"]

REMEMBERED: Final = 2
"""Rests of events that are remembered: those that share one come in a row."""


class Carrier:
    """Gives what the one event of a batch leaves.

    Where ``events.shared_event`` says that the rest of the event is shared (ReDecay), the rest is carried
    with the random numbers of the event that it names, the signal with those of the event itself, and both
    are merged. The rest is looked for in memory and in the store first; results do not depend on that.

    Parameters
    ----------
    directory : Path, optional
        Of transported events: those in it are not carried again, and new ones are added; rests and signals
        have directories of their own in it.
    stop, limits
        See :class:`~lamarr.detailed.transport.Transport`.
    settings : mapping
        What the transport depends on besides event and seed, as JSON data.
    """

    def __init__(
        self, directory: Path | None, stop: str, limits: Limits, settings: Mapping[str, Any]
    ) -> None:
        self.stop, self.limits, self.settings = stop, limits, settings
        self.directory = directory
        self._stores: dict[str, Store] = {}
        self._remembered: OrderedDict[str, SimEvent] = OrderedDict()

    def __call__(self, batch: EventBatch, context: Context) -> SimEvent:
        """Return what the event of `batch` leaves.

        Raises
        ------
        InputFileError
            If Geant4 does not know a particle.
        """
        if "shared_event" not in batch["events"]:
            return self._carried(batch, context)
        rest, of_rest = part_of(batch, signal=False)
        signal, of_signal = part_of(batch, signal=True)
        parts = [(self._rest(rest, context), of_rest), (self._carried(signal, context, "signal"), of_signal)]
        return merged(int(batch["events"]["event_id"][0]), parts)

    def _rest(self, batch: EventBatch, context: Context) -> SimEvent:
        key = f"{batch['events']['event_id'][0]}-{key_of(batch, context.seed, self.settings)}"
        if key not in self._remembered:
            self._remembered[key] = self._carried(batch, context, "rest")
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        return self._remembered[key]

    def _carried(self, batch: EventBatch, context: Context, part: str = "") -> SimEvent:
        """Return what a batch of one event leaves, from the store if it is there."""
        store = self._store(part)
        path = store.path(batch, context.seed) if store else None
        if store and path and (stored := store.load(path)):
            return stored
        transport = Transport(context, stop=self.stop, limits=self.limits)
        (event,) = transport(batch, f"transport.{part}" if part else "transport")
        if store and path:
            store.save(path, event)
        return event

    def _store(self, part: str) -> Store | None:
        if self.directory is None:
            return None
        if part not in self._stores:
            self._stores[part] = Store(self.directory / part, self.settings)
        return self._stores[part]
