"""A campaign as people run it: a server, several workers with ``lamarr tune run``, one of them killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from lamarr.publishing import write_text
from lamarr.tuning.client import Client
from lamarr.tuning.localserver import running_server
from lamarr.tuning.recipe import open_recipe_study, read_recipe
from lamarr.tuning.report import report_html
from lamarr.tuning.study import Study

__all__ = ["run_campaign"]

_WORK = "from lamarr.cli.tune import command; command()"


def run_campaign(recipe: Path, workers: int, output: Path, *, kill_after: int = 30) -> dict[str, Any]:
    """Run the recipe with `workers` processes; SIGKILL one that holds a trial after `kill_after` results."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, running_server() as (server, token):
        address = f"http://127.0.0.1:{server.port}"
        environment = {
            **os.environ,
            "LAMARR_TUNE_TOKEN": token,
            "LAMARR_TUNE_OUTBOX": folder,
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-c", _WORK, "run", str(recipe), "--server", address]
        with Client(address, token, outbox=folder) as client:
            study = open_recipe_study(read_recipe(recipe), client)
            running = [
                subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) for _ in range(workers)
            ]
            try:
                killed = _kill_one(study, running, kill_after)
                codes = [p.wait(540) for p in running]
            finally:
                for p in running:
                    if p.poll() is None:
                        p.kill()
            view, trials = study.refresh(), study.trials()
        write_text(output, report_html(view, trials))
    again = [t for t in trials if t["attempt"] > 1]
    return {
        "trials": len(trials),
        "states": view["trials"],
        "workers": len({t["worker"] for t in trials}),
        "exit_codes": codes,
        "killed_while_holding_trial": killed,
        "handed_out_again": [{"trial": t["number"], "state": t["state"]} for t in again],
        "best": view["best"][0]["values"],
        "best_params": view["best"][0]["params"],
        "seconds": round(time.monotonic() - begin, 1),
    }


def _kill_one(study: Study, running: list[subprocess.Popen[bytes]], after: int) -> int | None:
    """Kill the first worker that holds a trial once `after` trials are finished; the trial's number."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        view = study.refresh()
        finished = sum(view["trials"].get(s, 0) for s in ("complete", "pruned"))
        for work in view["working"]:
            pid = int(work["worker"].rsplit(":", 1)[1])
            victim = next((p for p in running if p.pid == pid), None)
            if finished >= after and victim is not None:
                victim.kill()
                return int(work["trial"])
        time.sleep(0.05)
    return None
