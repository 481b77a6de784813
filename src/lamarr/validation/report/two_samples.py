"""The classifier two-sample test of a report: all columns of a group at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from lamarr.validation.metrics import cross_validated_auc
from lamarr.validation.report.judgements import Item, Pair, enough, of_species, section_of, titled
from lamarr.validation.report.verdicts import Verdict

__all__ = ["tell_apart"]

CLASSIFIER_ROWS: Final = 30_000


def tell_apart(pair: Pair, group: str, species: str, pid: int, least: int) -> Iterator[Item]:
    """Train a classifier to tell the samples apart by all columns of a group; it judges other events."""
    a, b = (of_species(c, pid) for c in pair)
    names = [n for n in a if n in b and n not in ("event_id", "species", "is_signal")]
    left = {"p", "pt", "eta", "phi", "nTracks"} | {n for n in names if n.startswith(("d", "log_", "corr"))}
    left |= {"chi2PerDoF", "nDoF", "ghostProb"}
    used = names if group == "pid" else [n for n in names if n in left]
    rng = np.random.default_rng(0)
    rows, events = [], []
    for c in (a, b):
        matrix = np.stack([np.asarray(c[n], float) for n in used], axis=1)
        chosen = rng.permutation(len(matrix))[:CLASSIFIER_ROWS]
        rows.append(matrix[chosen])
        events.append(np.asarray(c["event_id"])[chosen])
    enough(len(rows[0]), len(rows[1]), max(10 * least, 1000))
    auc, error = cross_validated_auc(*rows, groups_a=events[0], groups_b=events[1])
    half = rng.permutation(events[1].max() + 1)[events[1]] % 2 == 0
    floor, _ = cross_validated_auc(
        rows[1][half], rows[1][~half], groups_a=events[1][half], groups_b=events[1][~half]
    )
    yield Verdict(
        section=section_of(group),
        name=titled(f"all of {group}".replace("_", " "), species),
        what="AUC of boosted trees",
        value=auc,
        error=error,
        floor=floor,
        target=0.55,
        n_flash=len(rows[0]),
        n_detailed=len(rows[1]),
    )
