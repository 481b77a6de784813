"""The shower library: spots conserve energy, files round-trip, the same seed gives the same showers."""

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr.detailed.calorimeter.geant4_calorimeter import CELLS, SECTIONS
from lamarr.detailed.calorimeter.library import SIZES, make_library
from lamarr.detailed.calorimeter.showers import UNIT, ShowerLibrary, merged_spots
from lamarr.errors import InputFileError, UnknownNameError

FINE = 121.9 / 24


@given(seed=st.integers(0, 2**32), n=st.integers(1, 300))
def test_merging_conserves_energy_and_barycentre(seed, n):
    rng = np.random.default_rng(seed)
    number = rng.integers(0, CELLS * CELLS * SECTIONS, n)
    rows = np.stack([number, rng.exponential(1.0, n)], 1)
    offset = rng.uniform(-FINE / 2, FINE / 2, 2)
    spots = merged_spots(rows, offset, FINE)
    section = number % SECTIONS
    for s in range(SECTIONS):
        mine, his = spots["section"] == s, section == s
        energy = spots["energy"][mine].astype(float)
        assert energy.sum() == pytest.approx(rows[his, 1].sum(), rel=1e-5)
        if his.any():
            x = (number // SECTIONS // CELLS - CELLS / 2 + 0.5) * FINE - offset[0]
            mean = (x * rows[:, 1])[his].sum() / rows[his, 1].sum()
            assert (spots["x"][mine] * UNIT * energy).sum() / energy.sum() == pytest.approx(mean, abs=0.05)


def test_files_round_trip(tmp_path, library):
    path = tmp_path / "showers.npz"
    library.save(path)
    again = ShowerLibrary.load(path)
    for name in library.__annotations__:
        np.testing.assert_array_equal(getattr(library, name), getattr(again, name))


@pytest.mark.parametrize("content", [b"", b"no library", None])
def test_what_is_no_library_is_refused(tmp_path, content):
    path = tmp_path / "showers.npz"
    if content is None:
        np.savez(path, x=np.zeros(3))
    else:
        path.write_bytes(content)
    with pytest.raises(InputFileError, match="not a shower library"):
        ShowerLibrary.load(path)


def test_an_unknown_size_has_near_misses(tmp_path):
    with pytest.raises(UnknownNameError, match="small"):
        make_library(tmp_path / "x.npz", size="smal")


@pytest.mark.slow
def test_geant4_makes_the_same_library_twice(tmp_path):
    if find_spec("geant4_pybind") is None:  # importing it would ask for its data
        pytest.skip("the detailed simulation needs the extra 'detailed'")
    path = tmp_path / "showers.npz"
    first = make_library(path, size="small", seed=3)
    assert len(first) > 1000
    chunk = tmp_path / "showers.npz.parts"
    assert not chunk.exists()
    photons = (first.pid == 22) & (first.kinetic > 5e3)
    total = np.add.reduceat(first.energy.astype(float), first.first[:-1])
    np.testing.assert_allclose(total[photons] / first.kinetic[photons], 0.145, rtol=0.2)
    muons = first.pid == 13
    assert 30 < np.median(total[muons & (first.kinetic > 2e3)]) < 200  # minimum-ionising through everything
    again = make_library(path, size="small", seed=3)
    np.testing.assert_array_equal(first.energy, again.energy)
    assert SIZES["small"].showers(22, 1e5) == 2
