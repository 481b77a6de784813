"""Guns: kinematics, lifetimes, line shapes, links, and independence of batches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr.errors import ConfigurationError, InputFileError, UnknownNameError
from lamarr.events import EventBatch
from lamarr.generation import (
    BeamSpot,
    DecayGun,
    EventSource,
    Fixed,
    HeavyFlavour,
    Histogram,
    Kinematics,
    LogUniform,
    ParticleGun,
    Uniform,
    charges,
    species,
)
from lamarr.units import c_light

LAMBDA_B = "[Lambda_b0 -> (Lambda_c+ -> p+ K- pi+) mu- anti-nu_mu]cc"
PHOTON = "[B0 -> (K*(892)0 -> K+ pi-) gamma]cc"
BROAD = "B0 -> (rho(770)0 -> pi+ pi-) (K*(892)0 -> K+ pi-)"


def one_batch(source):
    [batch] = source.batches(source.n_events)
    return batch


def columns(batch, names, n):
    return np.stack([batch.particles[c] for c in names]).reshape(len(names), -1, n)


def assert_equal(a, b):
    assert [*a] == [*b]
    for table in a:
        for column in a[table]:
            np.testing.assert_array_equal(a[table][column], b[table][column], err_msg=f"{table}.{column}")


@pytest.mark.parametrize(
    "make", [lambda n: DecayGun(LAMBDA_B, n, seed=5), lambda n: ParticleGun("[mu-]cc", n, seed=5)]
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_batches_and_the_first_event_do_not_matter(make, size):
    source = make(40)
    assert isinstance(source, EventSource)
    whole = one_batch(source)
    assert_equal(EventBatch.concatenate(source.batches(size)), whole)
    assert_equal(EventBatch.concatenate(source.batches(size, first=5)), whole.select_events(5, 40))
    assert_equal(EventBatch.concatenate(make(17).batches(size)), whole.select_events(0, 17))


def test_no_events_and_wrong_sizes():
    assert list(DecayGun(LAMBDA_B, 0).batches(10)) == []
    for n, size, first in [(5, 0, 0), (5, 1, -1)]:
        with pytest.raises(ConfigurationError, match="size >= 1"):
            list(DecayGun(LAMBDA_B, n).batches(size, first))
    with pytest.raises(ConfigurationError, match="n=-1"):
        DecayGun(LAMBDA_B, -1)


@given(st.sampled_from([LAMBDA_B, PHOTON, BROAD]), st.integers(0, 2**64 - 1))
def test_every_decay_conserves_momentum_energy_and_charge(descriptor, seed):
    batch = one_batch(DecayGun(descriptor, 5, seed=seed))
    p = batch.particles
    mothers = batch.rows_of("particles", p.event_id, p.mother)
    charge = charges(p.pid)
    for column in ("pe", "px", "py", "pz"):
        sums = np.bincount(mothers[mothers >= 0], p[column][mothers >= 0], minlength=p.rows)
        decayed = p.end_vertex >= 0
        np.testing.assert_allclose(sums[decayed], p[column][decayed], atol=1e-9 * p.pe.max())
    sums = np.bincount(mothers[mothers >= 0], charge[mothers >= 0], minlength=p.rows)
    np.testing.assert_array_equal(sums[p.end_vertex >= 0], charge[p.end_vertex >= 0])


def test_links_statuses_and_signal():
    batch = one_batch(DecayGun(LAMBDA_B, 3))
    p, v = batch.particles, batch.vertices
    for event in range(3):
        rows = p.event_id == event
        assert p.particle_id[rows].tolist() == list(range(7))
        assert p.mother[rows].tolist() == [-1, 0, 0, 0, 1, 1, 1]
        assert p.production_vertex[rows].tolist() == [0, 1, 1, 1, 2, 2, 2]
        assert p.end_vertex[rows].tolist() == [1, 2, -1, -1, -1, -1, -1]
        assert p.status[rows].tolist() == [889, 777, 999, 999, 999, 999, 999]
        assert p.is_signal[rows].tolist() == [True] + [False] * 6
        assert p.from_signal[rows].all()
    assert v.is_primary.tolist() == [True, False, False] * 3
    for column in "txyz":
        np.testing.assert_array_equal(batch.collisions[column], v[column][v.is_primary])


def test_both_states_are_equally_frequent_and_fully_conjugate():
    pid = one_batch(DecayGun(LAMBDA_B, 4000)).particles.pid.reshape(-1, 7)
    anti = pid[:, 0] < 0
    assert abs(anti.mean() - 0.5) < 5 * 0.5 / np.sqrt(4000)
    np.testing.assert_array_equal(pid[anti], -pid[~anti][:1].repeat(anti.sum(), axis=0))
    plain = one_batch(DecayGun(LAMBDA_B.strip("[]c"), 50)).particles.pid.reshape(-1, 7)
    assert (plain[:, 0] == 5122).all()


def test_lifetimes_have_the_mean_of_the_species_and_point_along_the_momentum():
    batch = one_batch(DecayGun(LAMBDA_B, 20_000))
    p4 = columns(batch, ("pe", "px", "py", "pz"), 7)
    mass = batch.particles.m.reshape(-1, 7)
    at = np.stack([batch.vertices[c] for c in "txyz"]).reshape(4, -1, 3)
    for k, pid in ((0, 5122), (1, 4122)):
        flight = at[:, :, k + 1] - at[:, :, k]
        proper = flight[3] / p4[3, :, k] * mass[:, k] / c_light
        assert abs(proper.mean() / species(pid).lifetime - 1) < 5 / np.sqrt(20_000)
        assert abs(proper.std() / species(pid).lifetime - 1) < 10 / np.sqrt(20_000)
        scaled = proper / mass[:, k]
        np.testing.assert_allclose(flight[0], scaled * p4[0, :, k], atol=1e-12)
        np.testing.assert_allclose(flight[1], scaled * c_light * p4[1, :, k], atol=1e-9)


def test_resonances_follow_the_breit_wigner():
    n = 20_000
    mass = one_batch(DecayGun("B0 -> (K*(892)0 -> K+ pi-) gamma", n)).particles.m.reshape(-1, 5)[:, 1]
    of, low, high = species(313), 493.677 + 139.57039, 895.55 + 15 * 47.3
    assert low < mass.min() < mass.max() < high
    squared = of.mass**2, of.mass * of.width
    theta = np.arctan((mass**2 - squared[0]) / squared[1])
    first, last = (np.arctan((e**2 - squared[0]) / squared[1]) for e in (low, of.mass + 15 * of.width))
    u = np.sort((theta - first) / (last - first))
    steps = np.arange(1, n + 1) / n
    assert np.abs(u - steps).max() < 1.95 / np.sqrt(n) + 1e-4


def test_two_broad_daughters_fit_into_their_mother():
    # ρ⁺ρ⁻ in D⁰ → nominal masses fit barely; drawn masses must always.
    masses = one_batch(DecayGun("D0 -> (rho(770)+ -> pi+ pi0) (rho(770)- -> pi- pi0)", 5000)).particles.m
    m = masses.reshape(-1, 7)
    assert (m[:, 1] + m[:, 2] < m[:, 0]).all()
    assert m[:, 1].std() > 50


def test_narrow_particles_have_their_mass():
    batch = one_batch(DecayGun(LAMBDA_B, 10))
    expected = [species(int(abs(i))).mass for i in batch.particles.pid]
    np.testing.assert_array_equal(batch.particles.m, expected)


def test_beam_spot_is_where_collisions_are():
    spot = BeamSpot(x=1.0, y=-2.0, z=30.0, sigma_x=0.1, sigma_y=0.2, sigma_z=40.0)
    c = one_batch(ParticleGun("pi+", 20_000, beam_spot=spot)).collisions
    for axis in "xyz":
        sigma = getattr(spot, f"sigma_{axis}")
        assert abs(c[axis].mean() - getattr(spot, axis)) < 5 * sigma / np.sqrt(20_000)
        assert abs(c[axis].std() / sigma - 1) < 5 / np.sqrt(2 * 20_000)
    with pytest.raises(ConfigurationError, match="widths >= 0"):
        BeamSpot(sigma_z=-1.0)


@given(st.floats(1.9, 3.4), st.floats(0.1, 1.5), st.sampled_from("bc"))
def test_heavy_flavour_stays_in_the_range_asked_for(low, width, flavour):
    p = HeavyFlavour(flavour=flavour, eta=(low, low + width)).draw(1, np.arange(200))
    eta = np.arcsinh(p[2] / np.hypot(p[0], p[1]))
    assert low - 1e-9 <= eta.min() <= eta.max() <= low + width + 1e-9


def test_heavy_flavour_spectra_are_those_of_13_tev():
    rows = np.arange(20_000)
    p = {f: HeavyFlavour(flavour=f).draw(0, rows) for f in "bc"}
    pt = {f: np.hypot(*p[f][:2]) for f in "bc"}
    # b hadrons are harder than c hadrons; LHCb's b hadrons have a mean pT of about 5 GeV.
    assert 4000 < pt["b"].mean() < 6500
    assert 1500 < pt["c"].mean() < 3500
    with pytest.raises(ConfigurationError, match="<= 8 must hold"):
        HeavyFlavour(flavour="b", eta=(2.0, 9.0))
    with pytest.raises(ConfigurationError, match="flavour"):
        HeavyFlavour(flavour="t")


def test_default_momentum_follows_the_flavour_of_the_head():
    assert DecayGun(LAMBDA_B, 1).momentum == HeavyFlavour(flavour="b")
    assert DecayGun("D0 -> K- pi+", 1, eta=(2.0, 3.0)).momentum == HeavyFlavour(flavour="c", eta=(2.0, 3.0))
    assert DecayGun("KS0 -> pi+ pi-", 1).momentum == Kinematics(
        p=LogUniform(5e3, 150e3), eta=Uniform(1.8, 5.2)
    )


def test_gun_shoots_what_it_is_told():
    momentum = Kinematics(pt=Fixed(1000.0), eta=Uniform(2.0, 3.0), phi=Fixed(0.0))
    p = one_batch(ParticleGun(["e-", 211, "[p+]cc"], 4000, momentum=momentum)).particles
    values, counts = np.unique(p.pid, return_counts=True)
    assert values.tolist() == [-2212, 11, 211, 2212]
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(750)
    np.testing.assert_allclose(p.px, 1000.0)
    np.testing.assert_allclose(p.py, 0.0)
    eta = np.arcsinh(p.pz / 1000.0)
    assert 2.0 <= eta.min() < 2.01
    assert 2.99 < eta.max() <= 3.0
    np.testing.assert_allclose(p.pe**2 - p.px**2 - p.pz**2, p.m**2, atol=1e-3)
    with pytest.raises(UnknownNameError, match="near misses: mu-"):
        ParticleGun("mu-.", 1)
    with pytest.raises(ConfigurationError, match="both"):
        Kinematics(p=Fixed(1.0), pt=Fixed(1.0))


@given(st.sampled_from([Uniform(2.0, 5.0), LogUniform(0.1, 30.0), Histogram([0, 1, 2, 4], [1, 0, 3])]))
def test_quantiles_rise_from_end_to_end(spectrum):
    u = np.linspace(1e-12, 1 - 1e-12, 1001)
    x = spectrum.quantile(u)
    assert (np.diff(x) > 0).all()
    ends = (
        (spectrum.edges[0], spectrum.edges[-1])
        if isinstance(spectrum, Histogram)
        else (spectrum.low, spectrum.high)
    )
    np.testing.assert_allclose(x[[0, -1]], ends, atol=1e-9)


def test_histogram_skips_empty_bins_and_keeps_fractions():
    x = Histogram([0, 1, 2, 4], [1, 0, 3]).quantile((np.arange(4000) + 0.5) / 4000)
    assert np.histogram(x, [0, 1, 2, 4])[0].tolist() == [1000, 0, 3000]


def test_histograms_are_read_from_files(tmp_path):
    import uproot

    edges, contents = np.array([0.0, 1.0, 3.0]), np.array([2.0, 5.0])
    (tmp_path / "h.csv").write_text("low,high,content\n0,1,2\n1,3,5\n")
    np.savez(tmp_path / "h.npz", edges=edges, contents=contents)
    with uproot.recreate(tmp_path / "h.root") as file:
        file["spectrum"] = contents, edges
    for name in ("h.csv", "h.npz", "h.root:spectrum"):
        found = Histogram.read(f"{tmp_path}/{name}")
        np.testing.assert_array_equal(found.edges, edges)
        np.testing.assert_array_equal(found.contents, contents)
    (tmp_path / "gap.csv").write_text("0,1,2\n2,3,5\n")
    for name in ("gap.csv", "missing.npz", "h.root:other", "h.txt"):
        with pytest.raises(InputFileError, match=name.split(":")[0]):
            Histogram.read(f"{tmp_path}/{name}")


@pytest.mark.parametrize(
    ("edges", "contents"), [([0, 1], [1, 2]), ([1, 0], [1]), ([0, 1], [0]), ([0, 1], [np.nan])]
)
def test_senseless_histograms_are_refused(edges, contents):
    with pytest.raises(ConfigurationError):
        Histogram(edges, contents)
