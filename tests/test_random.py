"""Random numbers: known answers, independence of company, distributions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, norm

from lamarr.errors import ConfigurationError
from lamarr.random import Stream, normal_from_bits, philox4x32, uniform_from_bits

# Known answers published with the Random123 library (philox4x32, 10 rounds): counter, key, result
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF, 0xFFFFFFFF), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_philox_gives_the_known_answers(counter, key, expected):
    words = philox4x32(tuple(np.array([c]) for c in counter), key)
    assert tuple(int(w[0]) for w in words) == expected


@given(
    seed=st.integers(0, 2**64 - 1),
    keys=st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)), min_size=2, max_size=20),
    n=st.integers(1, 13),
    data=st.data(),
)
def test_numbers_depend_on_event_and_particle_alone(seed, keys, n, data):
    event, particle = np.array(keys, dtype=np.int64).T
    order = np.array(data.draw(st.permutations(range(len(keys)))))
    stream = Stream(seed, "stage")
    whole = stream.normal(event, particle, n)
    assert np.array_equal(stream.normal(event[order], particle[order], n), whole[order])
    assert np.array_equal(stream.normal(event[:1], particle[:1], n), whole[:1])
    assert np.array_equal(stream.normal(event, particle, n + 3)[:, :n], whole)


def test_stages_seeds_events_and_particles_do_not_share_numbers():
    base = Stream(1, "a").bits([5], [7], 64)
    for other in (
        Stream(2, "a").bits([5], [7], 64),
        Stream(1, "b").bits([5], [7], 64),
        Stream(1, "a").bits([6], [7], 64),
        Stream(1, "a").bits([5], [8], 64),
        Stream(1, "a").bits([7], [5], 64),
    ):
        assert not np.intersect1d(base, other).size


def test_uniform_numbers_are_uniform_and_inside_the_open_interval():
    words = np.array([0, 1, 2**32 - 1], np.uint32)
    assert (uniform_from_bits(words) > 0).all()
    assert (uniform_from_bits(words) < 1).all()
    u = Stream(3, "u").uniform(np.arange(20_000), np.zeros(20_000, int), 5).ravel()
    assert kstest(u, "uniform").pvalue > 1e-3
    wide = Stream(3, "u").uniform64(np.arange(20_000), np.zeros(20_000, int), 5).ravel()
    assert kstest(wide, "uniform").pvalue > 1e-3


def test_normal_numbers_are_the_quantiles_of_their_bits():
    words = np.concatenate([np.arange(4096), np.random.default_rng(1).integers(0, 2**32, 300_000)]).astype(
        np.uint32
    )
    lower = norm.ppf(((words & 0x7FFFFFFF) + 0.5) / 2.0**32)
    expected = np.where(words >> 31, -lower, lower)
    assert np.abs(normal_from_bits(words) - expected).max() < 1e-6


def test_normal_numbers_are_normal_and_uncorrelated():
    z = Stream(4, "z").normal(np.arange(50_000), np.zeros(50_000, int), 8).astype(float)
    assert kstest(z.ravel(), "norm").pvalue > 1e-3
    correlation = np.corrcoef(z.T) - np.eye(8)
    assert np.abs(correlation).max() < 5 / np.sqrt(len(z))


def test_what_does_not_fit_the_counter_is_refused():
    with pytest.raises(ConfigurationError, match=r"0 <= seed < 2\*\*64"):
        Stream(-1, "x")
    with pytest.raises(ConfigurationError, match="event and particle numbers"):
        Stream(1, "x").bits([2**32], [0], 1)
