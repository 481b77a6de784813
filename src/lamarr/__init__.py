"""Lamarr: flash simulation of the LHCb experiment.

    import lamarr

    events = lamarr.generate("[B_s0 -> (D_s- -> K+ K- pi-) pi+]cc", 1000)
    reco = lamarr.simulate(events)
    lamarr.write(reco, "reco.root")

Everything is imported when it is first used; ``import lamarr`` itself is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamarr._version import __version__

if TYPE_CHECKING:
    from lamarr.api import generate, read, simulate, write
    from lamarr.errors import LamarrError
    from lamarr.events import EventBatch, Fate, Table

__all__ = [
    "EventBatch",
    "Fate",
    "LamarrError",
    "Table",
    "__version__",
    "generate",
    "read",
    "simulate",
    "write",
]

_HOME = {
    "generate": "lamarr.api",
    "read": "lamarr.api",
    "simulate": "lamarr.api",
    "write": "lamarr.api",
    "LamarrError": "lamarr.errors",
    "EventBatch": "lamarr.events",
    "Fate": "lamarr.events",
    "Table": "lamarr.events",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'lamarr' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
