"""Where Geant4's data come from: the environment first, else computed once, whoever asks."""

import multiprocessing
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from lamarr.detailed.transport import data
from lamarr.detailed.transport.data import DATA_SETS, StandInWarning, prepare_data
from lamarr.detailed.transport.limits import Limits
from lamarr.detailed.transport.rectangles import rectangles
from lamarr.detailed.transport.stand_in.electromagnetic import bremsstrahlung
from lamarr.errors import ConfigurationError


def folders(root):
    for name in DATA_SETS.values():
        (root / name).mkdir(parents=True)
    return root


def test_official_data_are_used_without_a_word(tmp_path):
    env = {"GEANT4_DATA_DIR": str(folders(tmp_path / "official"))}
    assert prepare_data(env) == tmp_path / "official"
    assert env["G4LEDATA"] == str(tmp_path / "official" / DATA_SETS["G4LEDATA"])


def test_single_variables_win(tmp_path):
    root = folders(tmp_path / "mine")
    env = {variable: str(root / name) for variable, name in DATA_SETS.items()}
    before = dict(env)
    assert prepare_data(env) == root
    assert env == {**before, "GEANT4_DATA_DIR": str(root)}


def test_directories_that_lack_data_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"G4EMLOW8\.8"):
        prepare_data({"GEANT4_DATA_DIR": str(tmp_path)})
    env = {variable: str(tmp_path / "nowhere") for variable in DATA_SETS}
    with pytest.raises(ConfigurationError, match="G4LEDATA must name a directory"):
        prepare_data(env)


def test_stand_in_data_are_used_with_one_warning(tmp_path):
    env = {"G4_STAND_IN_DATA": str(folders(tmp_path / "computed"))}
    with pytest.warns(StandInWarning, match="GEANT4_DATA_DIR") as caught:
        prepare_data(env)
    assert len(caught) == 1


def fill(folder):
    (folder / "one").write_text("1")


def make(root, answers):
    answers.put(str(data._made_once(Path(root) / "data", fill)))


def test_processes_at_once_make_them_once_and_harm_nobody(tmp_path):
    ctx = multiprocessing.get_context("spawn")
    answers = ctx.Queue()
    processes = [ctx.Process(target=make, args=(str(tmp_path), answers)) for _ in range(3)]
    for process in processes:
        process.start()
    assert {answers.get(timeout=60) for _ in processes} == {str(tmp_path / "data")}
    for process in processes:
        process.join()
    assert [p.name for p in tmp_path.iterdir()] == ["data"]
    assert (tmp_path / "data" / "one").read_text() == "1"


def test_data_that_could_not_be_made_leave_nothing(tmp_path):
    def fail(folder):
        (folder / "half").write_text("")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        data._made_once(tmp_path / "data", fail)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(find_spec("xraydb") is None, reason="needs xraydb")
def test_the_stand_in_has_every_element_that_geant4_asks_for(tmp_path):
    from lamarr.detailed.transport.stand_in import write_stand_in

    write_stand_in(tmp_path)
    em = tmp_path / DATA_SETS["G4LEDATA"]
    for z in (1, 6, 14, 26, 82, 92):
        assert (em / "brem_SB" / f"br{z}").exists()
        assert (em / "epics2017" / "phot" / f"pe-cs-{z}.dat").exists()
        assert (tmp_path / DATA_SETS["G4PARTICLEXSDATA"] / "neutron" / f"inel{z}").exists()
    assert prepare_data({"GEANT4_DATA_DIR": str(tmp_path)}) == tmp_path


def test_bremsstrahlung_integrates_to_the_radiation_length():
    """dE/dx / E = 1/X0 at high energy: σ_rad = ∫ k dσ/dk dk / E = A / (N_A X0), for lead 6.37 g/cm²."""
    fraction = np.linspace(0.0, 1.0, 2001)
    scaled = bremsstrahlung(82, 1e4, fraction) * 82**2  # k dσ/dk in mb, β² = 1
    sigma = np.trapezoid(scaled, fraction) * 1e-27  # cm²
    length = 207.2 / 6.02214076e23 / sigma
    assert length == pytest.approx(6.37, rel=0.05)


@pytest.mark.parametrize("name", ["light", "magnet_p", "slope", "time"])
def test_lifting_a_limit_changes_it_alone(name):
    lifted = Limits().with_lifted(name)
    changed = {n for n in vars(lifted) if vars(lifted)[n] != vars(Limits())[n]}
    assert changed == {name}


def test_rectangles_cover_the_cross_of_the_inner_tracker_once():
    boxes, holes = [(600.0, 115.0), (265.0, 205.0)], [(110.0, 110.0)]
    x, y = np.random.default_rng(1).uniform(-700, 700, (2, 20_000))
    count = sum((x > a) & (x < b) & (y > c) & (y < d) for a, b, c, d in rectangles(boxes, holes))
    inside = np.any([(abs(x) < bx) & (abs(y) < by) for bx, by in boxes], axis=0)
    expected = inside & ~((abs(x) < 110) & (abs(y) < 110))
    np.testing.assert_array_equal(count, expected.astype(int))
