"""Errors and floors go by blocks: rows that repeat others are no new information."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamarr
from lamarr.validation.metrics import (
    auc_error,
    cross_validated_auc,
    distances_measured,
    efficiency_difference,
    half_width,
)
from lamarr.validation.metrics.blocks import error_of_mean, halves_of_blocks
from lamarr.validation.profiles import half_width_error, median_error
from lamarr.validation.report.groups import columns_of

TIMES = 9


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 6), st.lists(st.floats(-1, 1), min_size=2, max_size=30))
def test_rows_that_repeat_others_change_no_error(times, drawn):
    x = np.array(drawn)
    repeated, blocks = np.repeat(x, times), np.repeat(np.arange(len(x)), times)
    assert error_of_mean(repeated, blocks) == pytest.approx(error_of_mean(x))
    assert error_of_mean(repeated) == pytest.approx(error_of_mean(x) / np.sqrt(times))


def test_errors_of_median_and_width_are_those_of_blocks():
    rng = np.random.default_rng(1)
    shared = rng.normal(size=2000)
    values = np.repeat(shared, TIMES) + 0.3 * rng.normal(size=2000 * TIMES)
    blocks = np.repeat(np.arange(2000), TIMES)
    for error, statistic in ((median_error, np.median), (half_width_error, half_width)):
        of_blocks, of_rows = error(values, blocks), error(values)
        # What the statistic scatters by if blocks are drawn again.
        again = np.std(
            [statistic(values.reshape(2000, TIMES)[rng.integers(0, 2000, 2000)].ravel()) for _ in range(300)]
        )
        assert of_blocks == pytest.approx(again, rel=0.15)
        assert of_rows < 0.6 * again


def test_distances_know_that_rows_of_a_block_are_alike():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 400))
    blocks = np.repeat(np.arange(400), TIMES)
    twice = np.repeat(a, TIMES), np.repeat(b, TIMES)
    once = distances_measured(a, b, replicas=100)
    of_rows = distances_measured(*twice, replicas=100)
    of_blocks = distances_measured(*twice, blocks_a=blocks, blocks_b=blocks + 400, replicas=100)
    for name in ("kolmogorov", "wasserstein"):
        single, rows, right = (getattr(d, name) for d in (once, of_rows, of_blocks))
        assert right.value == rows.value == pytest.approx(single.value)
        assert right.error == pytest.approx(single.error, rel=0.3)
        assert rows.error < 0.6 * single.error
        assert rows.floor < 0.6 * right.floor


def test_samples_that_share_their_blocks_fluctuate_together():
    rng = np.random.default_rng(3)
    a = rng.normal(size=1000)
    b, number = a + 0.01, np.arange(1000)
    apart = distances_measured(a, b, blocks_a=number, blocks_b=number + 1000, replicas=50)
    together = distances_measured(a, b, blocks_a=number, blocks_b=number, replicas=50)
    assert together.wasserstein.value == apart.wasserstein.value == pytest.approx(0.01)
    assert together.wasserstein.error < 0.1 * apart.wasserstein.error


def test_efficiencies_of_blocks():
    rng = np.random.default_rng(4)
    passed = rng.random(1000) < 0.7
    bins, blocks = np.zeros(1000, int), np.arange(1000)
    single = efficiency_difference(bins, passed, bins, passed, 1)
    more = np.repeat(bins, TIMES), np.repeat(passed, TIMES)
    of = {"blocks_a": np.repeat(blocks, TIMES), "blocks_b": np.repeat(blocks, TIMES)}
    assert efficiency_difference(*more, *more, 1, **of).error == pytest.approx(single.error, rel=0.01)
    assert efficiency_difference(*more, *more, 1).error == pytest.approx(single.error / 3, rel=0.01)
    zeros, all_pass, of_two = np.zeros(2000, int), np.ones(2000, bool), np.arange(2000) // 2
    same = efficiency_difference(zeros, all_pass, zeros, all_pass, 1, blocks_a=of_two, blocks_b=of_two)
    assert same.error[0] > 0


def test_a_classifier_of_blocks_has_an_error_of_blocks():
    rng = np.random.default_rng(5)
    a, b = (np.repeat(rng.normal(size=(60, 3)), 20, axis=0) for _ in range(2))
    blocks = np.repeat(np.arange(60), 20)
    auc, error = cross_validated_auc(a, b, groups_a=blocks, groups_b=blocks + 60)
    assert abs(auc - 0.5) < 4 * error
    assert error > 2 * auc_error(0.5, len(a), len(b))


def test_halves_do_not_cut_blocks():
    blocks = np.random.default_rng(6).integers(0, 50, 500)
    half = halves_of_blocks(500, blocks, np.random.default_rng(7))
    for block in np.unique(blocks):
        assert len(set(half[blocks == block])) == 1
    assert 0 < half.sum() < 500


def test_of_redecayed_samples_only_what_is_from_the_signal_is_compared():
    batch = lamarr.simulate(lamarr.generate("[B_s0 -> mu+ mu-]cc", 60, seed=1), "lhcb2016-magup", seed=1)
    particles, events = batch["particles"], batch["events"]["event_id"]
    kept = particles["pid"] == 13
    redecayed = batch.with_columns("events", shared_event=events // 10 * 10).with_columns(
        "particles", from_signal=kept
    )
    for group in ("particles", "long_tracks"):
        every, own = columns_of(batch, group), columns_of(redecayed, group)
        assert (every["block"] == every["event_id"]).all()
        assert (own["block"] == own["event_id"] // 10 * 10).all()
        assert own["from_signal"].all()
        assert 0 < len(own["p"]) < len(every["p"])
    # Rows that belong to no particle stay, and know their block.
    vertices = columns_of(redecayed, "primary_vertices")
    assert len(vertices["dx"]) == len(columns_of(batch, "primary_vertices")["dx"])
    assert set(vertices["block"]) <= set(range(0, 60, 10))
