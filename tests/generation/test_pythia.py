"""Pythia 8: the same event whatever the batch, conservation, forced decays, pile-up, wrong settings."""

import builtins
from functools import cache

import numpy as np
import pytest

from lamarr.errors import ConfigurationError, InputFileError, LamarrError, MissingExtraError
from lamarr.events import EventBatch
from lamarr.generation import BeamSpot, DecayGun, EventFailure, EventSource, ParticleGun, Pythia, charges
from lamarr.generation.pythia import _poisson_at_least_one
from lamarr.generation.pythia_engine import event_seeds, read_commands

pytest.importorskip("pythia8mc", reason="Pythia 8 is not installed")

FAST = ("PartonLevel:MPI = off",)
SIGNAL = "[B0 -> (D*(2010)- -> (D~0 -> K+ pi-) pi-) mu+ nu_mu]cc"


@cache
def bbbar(n=8, signal=None):
    return Pythia("bbbar", n, commands=FAST, seed=3, signal=signal)


@cache
def whole(n=8, signal=None):
    return EventBatch.concatenate(bbbar(n, signal).batches(n))


def assert_equal(a, b):
    for table in a:
        for column in a[table]:
            np.testing.assert_array_equal(a[table][column], b[table][column], err_msg=f"{table}.{column}")


@pytest.mark.parametrize(
    ("size", "first", "signal"), [(1, 2, None), (5, 0, None), (3, 5, None), (100, 7, None), (3, 5, SIGNAL)]
)
def test_an_event_depends_on_seed_and_number_alone(size, first, signal):
    source = bbbar(signal=signal)
    assert isinstance(source, EventSource)
    parts = EventBatch.concatenate(source.batches(size, first))
    assert_equal(parts, whole(signal=signal).select_events(first, 8))


def test_another_seed_gives_other_events_and_a_new_instance_the_same():
    again = EventBatch.concatenate(Pythia("bbbar", 2, commands=FAST, seed=3).batches(2))
    assert_equal(again, whole().select_events(0, 2))
    other = EventBatch.concatenate(Pythia("bbbar", 2, commands=FAST, seed=4).batches(2))
    assert not np.array_equal(other.particles.px[:50], again.particles.px[:50])


def test_energy_momentum_and_charge_are_conserved():
    p = whole().particles
    final, beam = p.status == 1, p.status == 4
    assert (np.bincount(p.event_id[beam]) == 2).all()
    for column in ("pe", "px", "py", "pz"):
        sums = [np.bincount(p.event_id[rows], p[column][rows]) for rows in (final, beam)]
        np.testing.assert_allclose(sums[0], sums[1], atol=10.0)
    assert (np.bincount(p.event_id[final], charges(p.pid[final])) == 2).all()


def test_links_agree_with_kinematics():
    batch = whole()
    p, v = batch.particles, batch.vertices
    assert (p.end_vertex[p.status == 1] == -1).all()
    assert (p.end_vertex[p.status != 1] >= 0).all()
    mother = batch.rows_of("particles", p.event_id, p.mother)
    assert ((mother < 0) == (p.status == 4)).all()
    decayed = p.status == 2
    energy = np.bincount(mother[mother >= 0], p.pe[mother >= 0], minlength=p.rows)
    np.testing.assert_allclose(energy[decayed], p.pe[decayed], rtol=1e-6, atol=1e-3)
    # Every particle flies from where it is produced to where it ends.
    flies = decayed & (p.production_vertex >= 0)
    begin, end = (
        batch.rows_of("vertices", p.event_id[flies], p[c][flies]) for c in ("production_vertex", "end_vertex")
    )
    flight = np.stack([v[c][end] - v[c][begin] for c in "xyz"])
    momentum = np.stack([p[c][flies] for c in ("px", "py", "pz")])
    far = (flight**2).sum(axis=0) > 1.0
    assert far.any()
    cosine = (flight * momentum).sum(axis=0) / np.sqrt(
        (flight**2).sum(axis=0) * (momentum**2).sum(axis=0) + 1e-300
    )
    np.testing.assert_allclose(cosine[far], 1.0, atol=1e-6)


def test_primary_vertices_are_in_the_beam_spot():
    batch = whole()
    v, c = batch.vertices, batch.collisions
    assert v.is_primary.sum() == c.rows
    for column in "txyz":
        np.testing.assert_array_equal(v[column][v.is_primary], c[column])
    spot = BeamSpot()
    assert np.abs(c.x - spot.x).max() < 6.5 * spot.sigma_x
    assert len(np.unique(c.z)) == c.rows


def test_b_quarks_are_there():
    p = whole().particles
    for event in range(8):
        pids = np.abs(p.pid[(p.event_id == event) & (p.status == 23)])
        assert (pids == 5).sum() == 2


def test_signal_is_decayed_as_told():
    batch = whole(signal=SIGNAL)
    p, v = batch.particles, batch.vertices
    assert batch.n_events == 8
    assert np.bincount(p.event_id[p.is_signal], minlength=8).tolist() == [1] * 8
    tree = np.abs(p.pid[p.from_signal]).reshape(8, 8)
    assert (tree == [511, 413, 13, 14, 421, 211, 321, 211]).all()
    assert (p.status[p.from_signal].reshape(8, 8) == [889, 777, 999, 999, 777, 999, 999, 999]).all()
    eta = np.arcsinh(p.pz / np.maximum(np.hypot(p.px, p.py), 1e-9))[p.is_signal]
    assert 1.8 < eta.min() < eta.max() < 5.2
    # What the decays replaced is gone: the rest of the event still balances.
    final = np.isin(p.status, (1, 999))
    for column in ("pe", "px", "py", "pz"):
        sums = [np.bincount(p.event_id[rows], p[column][rows]) for rows in (final, p.status == 4)]
        np.testing.assert_allclose(sums[0], sums[1], atol=10.0)
    assert (np.bincount(p.event_id[final], charges(p.pid[final])) == 2).all()
    batch.rows_of("vertices", p.event_id, p.production_vertex)
    batch.rows_of("vertices", p.event_id, p.end_vertex)
    assert (batch.rows_of("particles", p.event_id, p.mother)[p.status != 4] >= 0).all()
    used = np.unique(
        np.concatenate(
            [batch.rows_of("vertices", p.event_id, p[c]) for c in ("production_vertex", "end_vertex")]
        )
    )
    assert used[used >= 0].tolist() == list(range(v.rows))


def test_a_signal_that_never_comes_is_a_failure():
    [failure] = Pythia("ccbar", 1, commands=FAST, signal="B_c+ -> J/psi pi+", max_attempts=2).batches(1)
    assert isinstance(failure, EventFailure)
    assert failure.event == 0
    assert "no B_c+ with η" in failure.reason


def test_number_of_collisions_is_poisson_above_zero():
    u = (np.arange(20_000) + 0.5) / 20_000
    n = np.array([_poisson_at_least_one(x, 1.6) for x in u])
    expected = [np.exp(-1.6) * 1.6 / 1 / (1 - np.exp(-1.6)), np.exp(-1.6) * 1.6**2 / 2 / (1 - np.exp(-1.6))]
    np.testing.assert_allclose([(n == 1).mean(), (n == 2).mean()], expected, atol=1e-4)
    assert n.min() == 1
    assert n.mean() == pytest.approx(1.6 / (1 - np.exp(-1.6)), abs=1e-3)


@pytest.mark.slow
def test_pile_up_adds_inelastic_collisions():
    source = Pythia("bbbar", 6, commands=FAST, seed=3, nu=2.5)
    batch = EventBatch.concatenate(source.batches(4))
    again = EventBatch.concatenate(source.batches(1, first=2))
    assert_equal(again, batch.select_events(2, 6))
    assert batch.events.n_collisions.max() > 1
    first = batch.collisions.collision_id == 0
    assert (batch.collisions.process_id[first] > 110).all()
    assert np.isin(batch.collisions.process_id[~first], (101, 103, 104, 105, 106)).all()
    assert len(np.unique(batch.collisions.z)) == batch.collisions.rows
    assert batch.vertices.is_primary.sum() == batch.collisions.rows


def test_seeds_are_a_permutation():
    seeds = event_seeds(7, "s", np.arange(50_000))
    assert len(np.unique(seeds)) == 50_000
    assert 1 <= seeds.min() < seeds.max() <= 900_000_000
    assert event_seeds(7, "s", [123]) == seeds[123]
    assert abs(seeds.mean() / 450e6 - 1) < 0.02
    with pytest.raises(ConfigurationError, match="900000000"):
        event_seeds(7, "s", [900_000_000])


def test_command_files(tmp_path):
    path = tmp_path / "run.cmnd"
    path.write_text(
        "! comment\n# another\n/* a block\nHardQCD:all = on\n*/\n  HardQCD:hardccbar = on  ! charm\n\n"
    )
    assert [*read_commands(path)] == ["HardQCD:hardccbar = on  ! charm"]
    assert Pythia(n=1, command_file=path).sources == (f"Pythia 8: {path}",)
    path.write_text("HardQCD:hardcbar = on\n")
    with pytest.raises(ConfigurationError, match=r"near misses: HardQCD:hardccbar"):
        Pythia(command_file=path)
    with pytest.raises(InputFileError, match=r"missing\.cmnd"):
        Pythia(command_file=tmp_path / "missing.cmnd")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shortcut": "minbia"}, "no Pythia shortcut is called 'minbia'; near misses: minbias"),
        ({}, "a shortcut"),
        ({"commands": ["HardQDC:all = on"]}, "no setting 'HardQDC:all'.*near misses: HardQCD:all"),
        ({"commands": ["511:onMod = off"]}, "particle data have no '511:onMod'"),
        ({"shortcut": "bbbar", "nu": -1}, "nu=-1"),
        ({"shortcut": "bbbar", "n": -1}, "n=-1"),
        ({"shortcut": "bbbar", "signal": "B0 -> K+ pi+"}, "charge"),
    ],
)
def test_settings_that_are_wrong_get_a_sentence(options, words):
    with pytest.raises(LamarrError, match=words):
        Pythia(**options)


def test_settings_that_make_no_collisions_get_a_sentence():
    with pytest.raises(
        ConfigurationError, match=r"cannot be set up with these settings: .*HardQCD:all = off"
    ):
        list(Pythia(commands=["HardQCD:all = off"]).batches(1))


def test_without_pythia_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "pythia8mc":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'lamarr\[generate\]'"):
        Pythia("bbbar")


@pytest.mark.parametrize("make", ["B0 -> (J/psi -> mu+ mu-) KS0", "tau- -> pi- pi0 nu_tau"])
def test_pythia_decays_what_a_descriptor_leaves(make):
    source = DecayGun(make, 30, seed=2, decay_with="pythia")
    batch = EventBatch.concatenate(source.batches(30))
    assert_equal(EventBatch.concatenate(source.batches(7, first=4)), batch.select_events(4, 30))
    [plain] = DecayGun(make, 30, seed=2).batches(30)
    p, v = batch.particles, batch.vertices
    n = len(plain.particles.pid) // 30
    old = p.particle_id < n
    for column in ("pid", "px", "pe", "mother", "production_vertex"):
        np.testing.assert_array_equal(p[column][old], plain.particles[column])
    assert set(np.unique(np.abs(p.pid[~old]))) <= {11, 22, 111, 211}
    assert not np.isin(p.pid[p.end_vertex < 0], [310, 111, 443, 15]).any()
    assert ((p.end_vertex < 0) == (p.status == 999)).all()
    assert p.from_signal.all()
    mother = batch.rows_of("particles", p.event_id, p.mother)
    end = batch.rows_of("vertices", p.event_id, p.end_vertex)
    np.testing.assert_array_equal(
        batch.rows_of("vertices", p.event_id, p.production_vertex)[mother >= 0], end[mother[mother >= 0]]
    )
    for column in ("pe", "px", "py", "pz"):
        sums = np.bincount(mother[mother >= 0], p[column][mother >= 0], minlength=p.rows)
        np.testing.assert_allclose(sums[p.end_vertex >= 0], p[column][p.end_vertex >= 0], rtol=1e-6, atol=0.1)
    begin = batch.rows_of("vertices", p.event_id, p.production_vertex)
    long = p.pid == 310
    flight = v.z[end[long]] - v.z[begin[long]]
    if long.any():
        proper = flight / p.pz[long] * p.m[long] / 299.792458
        assert 0.4 < proper.mean() / 0.0895 < 1.9


def test_pythia_decays_a_particle_gun():
    batch = EventBatch.concatenate(ParticleGun("D+", 5, decay_with="pythia").batches(5))
    p = batch.particles
    assert (p.status[p.particle_id == 0] == 2).all()
    assert (np.bincount(p.event_id[p.end_vertex < 0], charges(p.pid[p.end_vertex < 0])) == 1).all()
    with pytest.raises(ConfigurationError, match="near misses: pythia"):
        ParticleGun("D+", 5, decay_with="pytha")
