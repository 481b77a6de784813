"""The global likelihood: its formula, its symmetries, what it says of single tracks."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detailed.toy_events import context, event_of, toy

pytest.importorskip("numba", reason="needs the extra 'detailed'")

from lamarr.detailed.records import RECO_TRACK, RICH_SEGMENT
from lamarr.detailed.rich import identify
from lamarr.detailed.rich.identify import likelihoods
from lamarr.detailed.rich.likelihood import expected, gains, maximise
from lamarr.detailed.rich.photons import hits

CONTEXT = context()


def problem(rng, n_tracks, n_hits, most=0.4):
    counts = rng.integers(0, n_hits + 1, n_tracks)
    begin = np.concatenate([[0], np.cumsum(counts)])
    pixel = np.concatenate([rng.permutation(n_hits)[:c] for c in counts] + [np.zeros(0, int)]).astype(int)
    signal = rng.uniform(0, most, (len(pixel), 5))
    mu = np.concatenate([rng.uniform(0, 5, (n_tracks, 5)), np.zeros((n_tracks, 1))], axis=1)
    return rng.uniform(0.001, 0.1, n_hits), begin, pixel, signal, mu


def log_likelihood(hypothesis, background, begin, pixel, signal, mu):
    nu = background.copy()
    for j, h in enumerate(hypothesis):
        for k in range(begin[j], begin[j + 1]):
            nu[pixel[k]] += signal[k, h] if h < 5 else 0
    return -mu[np.arange(len(mu)), hypothesis].sum() + np.log(np.expm1(nu)).sum()


@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_gains_are_differences_of_ln_l(seed, n_tracks, n_hits):
    rng = np.random.default_rng(seed)
    background, *rest = problem(rng, n_tracks, n_hits)
    hypothesis = rng.integers(0, 6, n_tracks)
    nu = expected(background, *rest[:3], hypothesis)
    j = int(rng.integers(n_tracks))
    got = gains(j, hypothesis[j], nu, background, *rest)
    for h in range(6):
        other = hypothesis.copy()
        other[j] = h
        none = hypothesis.copy()
        none[j] = 5
        want = log_likelihood(other, background, *rest) - log_likelihood(none, background, *rest)
        assert got[h] - got[5] == pytest.approx(want, rel=1e-5, abs=1e-5)


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_no_single_flip_improves_what_is_found(seed):
    rng = np.random.default_rng(seed)
    background, *rest = problem(rng, 4, 20)
    best, dll = maximise(np.full(4, 2), background, *rest)
    here = log_likelihood(best, background, *rest)
    for j in range(4):
        for h in range(6):
            other = best.copy()
            other[j] = h
            assert log_likelihood(other, background, *rest) <= here + 1e-5
        assert dll[j, 2] == 0
        assert dll[j].argmax() == best[j]


def pixels_of(event):
    return [
        hits(event.rich_segments[event.rich_segments["radiator"] == n], rich, np.random.default_rng(n))
        for n, rich in ((1, CONTEXT.geometry.rich1), (2, CONTEXT.geometry.rich2))
    ]


def test_neither_the_order_of_tracks_nor_that_of_hits_matters():
    event, tracking = toy(40, event_id=3)
    pixels = pixels_of(event)
    rng = np.random.default_rng(8)
    dll = likelihoods(tracking, pixels, CONTEXT)
    shuffled = likelihoods(tracking, [rng.permutation(p) for p in pixels], CONTEXT)
    assert np.array_equal(dll, shuffled)
    order = rng.permutation(len(tracking.tracks))
    other = dataclasses.replace(tracking, tracks=tracking.tracks[order])
    assert np.allclose(likelihoods(other, pixels, CONTEXT), dll[order], atol=1e-6)


def test_the_same_event_gives_the_same_bits_and_another_seed_other_ones():
    event, tracking = toy(20, event_id=4)
    first, again = identify(event, tracking, CONTEXT), identify(event, tracking, CONTEXT)
    assert np.array_equal(first.dll, again.dll)
    assert not np.array_equal(first.dll, identify(event, tracking, context(seed=2)).dll)


def test_events_without_tracks_or_without_light():
    event, tracking = toy(5, event_id=5)
    none = dataclasses.replace(tracking, tracks=np.zeros(0, RECO_TRACK))
    assert identify(event, none, CONTEXT).dll.shape == (0, 5)
    dark = dataclasses.replace(event, rich_segments=np.zeros(0, RICH_SEGMENT))
    result = identify(dark, tracking, CONTEXT)
    assert result.dll.shape == (5, 5)
    assert np.isfinite(result.dll).all()
    assert (result.dll[:, 4] >= 0).all()  # without light, "no light" is never worse than a pion
    empty = likelihoods(tracking, [np.zeros(0, np.int64)] * 2, CONTEXT)
    assert (empty[:, 4] >= 0).all()


def test_tracks_that_cross_no_gas_get_zeros():
    event, tracking = toy(6, event_id=6)
    tracks = tracking.tracks.copy()
    tracks["state"]["tx"][2, 1:] = np.nan
    dll = identify(event, dataclasses.replace(tracking, tracks=tracks), CONTEXT).dll
    assert (dll[2] == 0).all()
    assert (dll[[0, 1, 3, 4, 5]] != 0).any()


@pytest.mark.parametrize(
    ("pid", "p", "column", "sign"),
    [(211, 25e3, 2, -1), (321, 25e3, 2, 1), (211, 6e3, 4, -1), (321, 6e3, 2, 1), (2212, 15e3, 3, 1)],
)
def test_single_tracks_are_identified(pid, p, column, sign):
    n = 60
    right = 0
    for i in range(n):
        one = np.ones(1)
        phi = (0.3 + 2 * np.pi * i / n) * one
        event, tracking = event_of(p * one, 3.0 * one, phi, np.array([pid]), np.ones(1, int), event_id=i)
        right += sign * identify(event, tracking, CONTEXT).dll[0, column] > 0
    assert right >= 0.95 * n
