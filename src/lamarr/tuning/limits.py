"""Rate limits: a token bucket per key, in memory."""

from __future__ import annotations

import time
from collections import OrderedDict

from lamarr.tuning.problems import problem

__all__ = ["Buckets"]


class Buckets:
    """At most `burst` requests at once and `rate` per second after that, for each key.

    A rate of 0 means no limit. The least recently used keys are forgotten past `keys` of them; a forgotten
    key starts with a full bucket.
    """

    def __init__(self, rate: float, burst: float, keys: int = 10_000) -> None:
        self.rate, self.burst, self._keys = rate, burst, keys
        self._level: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float | None = None) -> None:
        """Count a request; raises TuningError ("rate") with the seconds to wait if there are too many."""
        wait = self.wait(key, now)
        if wait > 0:
            raise problem("rate", f"too many requests; try again in {wait:.1f} s", wait)
        level, at = self._level[key]
        self._level[key] = (level - 1, at)

    def wait(self, key: str, now: float | None = None) -> float:
        """Seconds until the key may make a request [s]; 0 if at once."""
        if self.rate <= 0:
            self._level[key] = (self.burst, 0.0)
            self._level.move_to_end(key)
            self._forget()
            return 0.0
        now = time.monotonic() if now is None else now
        level, at = self._level.get(key, (self.burst, now))
        level = min(self.burst, level + (now - at) * self.rate)
        self._level[key] = (level, now)
        self._level.move_to_end(key)
        self._forget()
        return max(0.0, (1 - level) / self.rate)

    def _forget(self) -> None:
        while len(self._level) > self._keys:
            self._level.popitem(last=False)
