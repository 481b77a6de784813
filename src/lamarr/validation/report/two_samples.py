"""The classifier two-sample test of a report: all columns of a group at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from lamarr.validation.metrics import cross_validated_auc
from lamarr.validation.metrics.blocks import halves_of_blocks
from lamarr.validation.report.judgements import Item, Pair, enough, of_species, section_of, titled
from lamarr.validation.report.observables import blocks_of
from lamarr.validation.report.verdicts import Verdict

__all__ = ["tell_apart"]

CLASSIFIER_ROWS: Final = 30_000
NOT_USED: Final = ("event_id", "block", "species", "is_signal", "from_signal")
"""Columns that a classifier does not see."""


def tell_apart(pair: Pair, group: str, species: str, pid: int, least: int) -> Iterator[Item]:
    """Train a classifier to tell the samples apart by all columns of a group; it judges other blocks."""
    a, b = (of_species(c, pid) for c in pair)
    names = [n for n in a if n in b and n not in NOT_USED]
    left = {"p", "pt", "eta", "phi", "nTracks"} | {n for n in names if n.startswith(("d", "log_", "corr"))}
    left |= {"chi2PerDoF", "nDoF", "ghostProb"}
    used = names if group == "pid" else [n for n in names if n in left]
    rng = np.random.default_rng(0)
    rows, blocks = [], []
    for c in (a, b):
        matrix = np.stack([np.asarray(c[n], float) for n in used], axis=1)
        chosen = rng.permutation(len(matrix))[:CLASSIFIER_ROWS]
        rows.append(matrix[chosen])
        of = blocks_of(c)
        blocks.append((np.arange(len(matrix)) if of is None else of)[chosen])
    enough(len(rows[0]), len(rows[1]), max(10 * least, 1000))
    auc, error = cross_validated_auc(*rows, groups_a=blocks[0], groups_b=blocks[1])
    half = halves_of_blocks(len(rows[1]), blocks[1], rng)
    floor, _ = cross_validated_auc(
        rows[1][half], rows[1][~half], groups_a=blocks[1][half], groups_b=blocks[1][~half]
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
