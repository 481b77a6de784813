"""Work on trials: ask, suggest, report, tell, fail, heartbeat, and taking trials back from dead clients.

All functions change the studies in memory and register the change; the caller then waits for
``service.committer.committed()`` before it answers.
"""

from __future__ import annotations

from lamarr.tuning.finishing import fail, reclaim, tell
from lamarr.tuning.handing_out import Handout, ask
from lamarr.tuning.progress import heartbeat, report, suggest
from lamarr.tuning.trials import find

__all__ = ["Handout", "ask", "fail", "find", "heartbeat", "reclaim", "report", "suggest", "tell"]
