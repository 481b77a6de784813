"""Hyper-parameter optimisation as a service: a server that hands out trials, a client, a campaign report.

What lives here: the server (:mod:`lamarr.tuning.server`), its store and endpoints, the client
(:class:`Client`, :class:`Study`, :class:`Trial`), recipes with ranges, the report. What does not: the
models that are tuned. Everything is imported when it is first used; the extra is called ``tune``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamarr.tuning.client import Client
    from lamarr.tuning.problems import ServerAwayError, TuningError
    from lamarr.tuning.study import Pruned, Study, Trial

__all__ = ["Client", "Pruned", "ServerAwayError", "Study", "Trial", "TuningError"]

_WHERE = {
    "Client": "client",
    "Pruned": "study",
    "ServerAwayError": "problems",
    "Study": "study",
    "Trial": "study",
    "TuningError": "problems",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'lamarr.tuning' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"lamarr.tuning.{_WHERE[name]}"), name)
