"""Decays found by truth in hand-made batches: known rows, known masses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamarr
from lamarr.errors import ConfigurationError, SchemaError, UnknownNameError
from lamarr.events import Table, TrackType
from lamarr.events.schema import table_schema
from lamarr.generation import species
from lamarr.validation.candidates import find_decays, four_momenta, invariant_mass, track_rows
from made_up_events import made_up

P, K, PI, MU, NU, LC, LB, KSTAR = 2212, -321, 211, 13, -14, 4122, 5122, -313


def tracks(*rows):
    """A table of tracks (event, particle, type)."""
    schema = table_schema("tracks")
    number = np.arange(len(rows))
    event, particle, kind = np.array(rows, int).reshape(-1, 3).T
    columns = {c: np.zeros(len(rows), schema[c].dtype) for c in schema.required}
    return Table(
        "tracks",
        columns | {"event_id": event, "particle_id": particle, "type": kind, "track_id": number},
    )


def decay(sign, *, extra=()):
    products = [{"pid": sign * p, "mother": 0} for p in (PI, P, K)]
    return [{"pid": sign * LC}, *products, *extra]


def test_daughters_come_in_the_order_asked_for_in_both_conjugates():
    found = find_decays(made_up(decay(1), decay(-1)), LC, (P, K, PI))
    assert found.head.tolist() == [0, 4]
    assert found.daughters.tolist() == [[2, 3, 1], [6, 7, 5]]


def test_the_antiparticle_with_the_particles_daughters_is_another_decay():
    wrong = [{"pid": -LC}, *({"pid": p, "mother": 0} for p in (PI, P, K))]
    assert len(find_decays(made_up(wrong), LC, (P, K, PI))) == 0


def test_products_of_resonances_count_and_particles_of_others_do_not():
    event = [
        {"pid": LC},
        {"pid": P, "mother": 0},
        {"pid": KSTAR, "mother": 0},
        {"pid": K, "mother": 2},
        {"pid": PI, "mother": 2},
        {"pid": PI},
    ]
    assert find_decays(made_up(event), LC, (P, K, PI)).daughters.tolist() == [[1, 3, 4]]


def test_further_products_are_refused_unless_allowed():
    event = [{"pid": LB}, {"pid": LC, "mother": 0}, {"pid": MU, "mother": 0}, {"pid": NU, "mother": 0}]
    event += [{"pid": p, "mother": 1} for p in (P, K, PI)]
    assert len(find_decays(made_up(event), LB, (P, K, PI, MU))) == 0
    partial = find_decays(made_up(event), LB, (P, K, PI, MU), complete=False)
    assert partial.daughters.tolist() == [[4, 5, 6, 2]]
    assert find_decays(made_up(event), LC, (P, K, PI)).daughters.tolist() == [[4, 5, 6]]
    photon = decay(1, extra=[{"pid": 22, "mother": 0}])
    assert len(find_decays(made_up(photon), LC, (P, K, PI))) == 0
    assert len(find_decays(made_up(photon), LC, (P, K, PI), complete=False)) == 1


def test_identical_daughters_and_wrong_multiplicities():
    three = [{"pid": 411}, *({"pid": p, "mother": 0} for p in (PI, K, PI))]
    assert find_decays(made_up(three), 411, (K, PI, PI)).daughters.tolist() == [[2, 1, 3]]
    assert len(find_decays(made_up(three), 411, (K, PI))) == 0
    assert len(find_decays(made_up(three), 411, (K, PI), complete=False)) == 0
    assert len(find_decays(made_up(three), 411, (K, PI, PI, PI))) == 0


def test_products_belong_to_the_last_of_a_generators_copies():
    event = [{"pid": LC}, {"pid": LC, "mother": 0}, *({"pid": p, "mother": 1} for p in (P, K, PI))]
    found = find_decays(made_up(event), LC, (P, K, PI))
    assert found.head.tolist() == [1]


def test_a_self_conjugate_head():
    event = [{"pid": 443}, {"pid": 13, "mother": 0}, {"pid": -13, "mother": 0}]
    assert find_decays(made_up(event), 443, (-13, 13)).daughters.tolist() == [[2, 1]]


def test_unknown_codes_of_the_generator_do_no_harm():
    event = [{"pid": LC}, {"pid": 92, "mother": 0}, *({"pid": p, "mother": 1} for p in (P, K, PI))]
    assert len(find_decays(made_up(event), LC, (P, K, PI))) == 1


def test_bad_requests_are_refused():
    batch = made_up(decay(1))
    with pytest.raises(ConfigurationError, match="at least one daughter"):
        find_decays(batch, LC, ())
    with pytest.raises(UnknownNameError, match="PDG id 99999999"):
        find_decays(batch, LC, (99999999,))
    with pytest.raises(UnknownNameError, match="PDG id 99999999"):
        find_decays(batch, 99999999, (P,))


def test_a_circle_of_mothers_is_refused():
    with pytest.raises(SchemaError, match="run in a circle"):
        find_decays(made_up([{"pid": PI, "mother": 1}, {"pid": K, "mother": 0}]), LC, (P,))


@pytest.mark.parametrize("batch", [made_up([]), made_up([{"pid": PI}])])
def test_no_head_no_decay(batch):
    found = find_decays(batch, LC, (P, K, PI))
    assert len(found) == 0
    assert found.daughters.shape == (0, 3)


def test_tracks_of_particles_by_type():
    batch = made_up(decay(1), decay(1)).with_tables(tracks((0, 3, 3), (0, 1, 4), (1, 2, 5), (1, 1, 3)))
    rows = find_decays(batch, LC, (P, K, PI)).daughters
    assert track_rows(batch, rows).tolist() == [[-1, 0, -1], [-1, -1, 3]]
    assert track_rows(batch, rows, types=tuple(TrackType)).tolist() == [[-1, 0, 1], [2, -1, 3]]


def test_without_tracks_there_are_none():
    batch = made_up(decay(1)).with_tables(tracks())
    assert track_rows(batch, np.array([[1, 2]])).tolist() == [[-1, -1]]


def test_momenta_of_what_is_not_there_are_refused():
    batch = made_up(decay(1))
    with pytest.raises(SchemaError, match="1 of 2 name no row"):
        four_momenta(batch["particles"], np.array([0, -1]), 139.57)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_the_mass_of_generated_daughters_is_that_of_the_head(seed):
    events = lamarr.generate("[Lambda_b0 -> (Lambda_c+ -> p+ K- pi+) mu- anti-nu_mu]cc", 5, seed=seed)
    found = find_decays(events, LC, (P, K, PI))
    masses = [species(p).mass for p in (P, K, PI)]
    mass = invariant_mass(four_momenta(events["particles"], found.daughters, masses))
    np.testing.assert_allclose(mass, events["particles"]["m"][found.head], rtol=1e-9)
    assert len(found) == 5


@settings(deadline=None)
@given(st.floats(1, 1e5), st.floats(0, 1e4), st.floats(-1, 1))
def test_two_bodies_have_the_mass_of_the_textbook(p, m, cosine):
    """m² = 2 m₁² + 2 (E² − p² cos θ) for equal momenta and masses."""
    sine = np.sqrt(1 - cosine**2)
    batch = made_up([{"px": 0.0, "py": 0.0, "pz": p}, {"px": 0.0, "py": p * sine, "pz": p * cosine}])
    mass = invariant_mass(four_momenta(batch["particles"], np.array([[0, 1]]), m))[0]
    expected = 2 * m**2 + 2 * (p**2 + m**2 - p**2 * cosine)
    assert mass**2 == pytest.approx(expected, rel=1e-6, abs=1e-9 * (p**2 + m**2))
