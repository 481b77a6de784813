"""Charges: the species that peers drop, nuclei, and ids that do not exist."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr.errors import UnknownNameError
from lamarr.generation import charges, known_charges


def test_charges_where_a_sign_rule_fails():
    expected = {
        11: -1, 13: -1, 15: -1, 12: 0, 22: 0, 211: 1, 321: 1, 2212: 1, 2112: 0,
        3112: -1, 3222: 1, 3312: -1, 3334: -1, 3122: 0, 3322: 0,
        411: 1, 421: 0, 431: 1, 511: 0, 521: 1, 531: 0, 541: 1,
        4122: 1, 4132: 0, 4232: 1, 5122: 0, 5132: -1, 5232: 0, 5332: -1, 4222: 2, 2224: 2,
        130: 0, 310: 0, 311: 0, 24: 1,
        1000010020: 1, 1000010030: 1, 1000020030: 2, 1000020040: 2, 1000060120: 6, 1000822080: 82,
    }  # fmt: skip
    ids = np.array([*expected])
    values = np.array([*expected.values()])
    assert charges(ids).dtype == np.int8
    np.testing.assert_array_equal(charges(ids), values)
    own_antiparticle = np.isin(ids, (22, 130, 310))
    np.testing.assert_array_equal(charges(-ids[~own_antiparticle]), -values[~own_antiparticle])


@given(z=st.integers(1, 100), neutrons=st.integers(0, 150))
def test_charge_of_a_nucleus_is_z(z, neutrons):
    pid = 1_000_000_000 + z * 10_000 + (z + neutrons) * 10
    assert charges([pid, -pid]).tolist() == [z, -z]


def test_unknown_ids_are_named():
    with pytest.raises(UnknownNameError, match="42424242, 77777777"):
        charges([211, 77777777, 42424242, 77777777])


def test_unknown_ids_and_fractional_charges_can_be_masked():
    charge, known = known_charges([211, 42424242, 2, 2101, -11, 0])
    assert charge.tolist() == [1, 0, 0, 0, 1, 0]
    assert known.tolist() == [True, False, False, False, True, False]


def test_no_particles_have_no_charges():
    assert charges([]).shape == (0,)
