"""Dropping particles keeps references true."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr.errors import UnknownNameError
from lamarr.events import Fate, check_keys, check_references
from lamarr.flash import KEEP, keep, keep_particles, load_pipeline
from lamarr.generation import DecayGun
from made_up_events import made_up


@st.composite
def forests(draw):
    events = []
    for _ in range(draw(st.integers(1, 3))):
        n = draw(st.integers(1, 12))
        mothers = [draw(st.integers(-1, i - 1)) for i in range(n)]
        vertices = [(draw(st.integers(-1, 4)), draw(st.integers(-1, 4))) for _ in range(n)]
        events.append(
            [
                {"mother": m, "production_vertex": a, "end_vertex": b, "hepmc_id": i}
                for i, (m, (a, b)) in enumerate(zip(mothers, vertices, strict=True))
            ]
        )
    total = sum(map(len, events))
    mask = draw(st.lists(st.booleans(), min_size=total, max_size=total))
    return events, np.array(mask)


@given(forests())
def test_keys_and_references_stay_valid_and_mothers_are_the_nearest_kept_ancestors(drawn):
    events, mask = drawn
    before = made_up(*events, vertices=5)
    after = keep_particles(before, mask)
    check_keys(after)
    check_references(after)
    t = after["particles"]
    assert t.rows == mask.sum()
    for event, particles in enumerate(events):
        first = sum(map(len, events[:event]))
        here = t.take(t["event_id"] == event)
        assert here["particle_id"].tolist() == list(range(here.rows))
        for row in range(here.rows):
            ancestor = particles[here["hepmc_id"][row]]["mother"]
            while ancestor >= 0 and not mask[first + ancestor]:
                ancestor = particles[ancestor]["mother"]
            mother = here["mother"][row]
            assert (here["hepmc_id"][mother] if mother >= 0 else -1) == ancestor


@pytest.fixture(scope="module")
def simulated(tiny_set):
    gun = DecayGun("[Lambda_b0 -> (Lambda_c+ -> p+ K- pi+) mu- anti-nu_mu]cc", 300, seed=3)
    return load_pipeline(str(tiny_set))(next(iter(gun.batches(300))), 0)


@pytest.mark.parametrize("choice", KEEP)
def test_choices(simulated, choice):
    result = keep(simulated, choice)
    check_keys(result)
    check_references(result)
    assert result["tracks"].rows == simulated["tracks"].rows
    assert (result["particles"]["fate"] >= Fate.LONG).sum() == result["tracks"].rows


def test_reconstructed_keeps_tracks_and_their_ancestors_only(tiny_set):
    chain = [
        {"pid": 511, "status": 2, "end_vertex": 1},
        {"pid": 113, "status": 3, "mother": 0, "end_vertex": 1},
        {"pid": 211, "mother": 1},
        {"pid": 22, "mother": 0},
    ]
    batch = load_pipeline(str(tiny_set))(made_up(chain, vertices=2), 0)
    fates = np.array([Fate.DECAYED, Fate.DOCUMENTATION, Fate.LONG, Fate.NEUTRAL], np.int8)
    result = keep(batch.with_columns("particles", fate=fates), "reconstructed")["particles"]
    assert result["pid"].tolist() == [511, 211]
    assert result["mother"].tolist() == [-1, 0]


def test_an_unknown_choice_names_near_misses(simulated):
    with pytest.raises(UnknownNameError, match="near misses: physical"):
        keep(simulated, "phisical")
