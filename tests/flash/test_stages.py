"""Each stage against what it must do, with models whose answers are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr.detector import closest_to_beam, load_detector
from lamarr.errors import ModelError, PipelineError
from lamarr.events import COVARIANCE_PAIRS, Fate
from lamarr.flash import Pipeline, load_pipeline
from lamarr.flash.stages import (
    Acceptance,
    Classify,
    CountTracks,
    Covariance,
    Efficiency,
    PrimaryVertices,
    Propagate,
    Resolution,
)
from lamarr.flash.stages.efficiency import draw_category
from lamarr.generation import DecayGun
from lamarr.parametrizations.tracking import (
    BEAM_CONDITIONS,
    COVARIANCE,
    COVARIANCE_CONDITIONS,
    EFFICIENCY,
    PRODUCTION_CONDITIONS,
    RESOLUTION,
)
from made_up_events import made_up

UP = load_detector("lhcb2016-magup")


class Known:
    """A model that gives constants, or a function of its inputs, and remembers what it was fed."""

    def __init__(self, inputs, outputs, answer, n_noise=0, ranges=None):
        self.inputs, self.outputs, self.n_noise, self.ranges = inputs, outputs, n_noise, ranges or {}
        self.answer, self.seen = answer, []

    def __call__(self, x, noise=None):
        self.seen.append(x.copy())
        values = self.answer(x, noise) if callable(self.answer) else self.answer
        return np.broadcast_to(np.asarray(values, np.float32), (len(x), len(self.outputs))).copy()


def acceptance(p=1.0, **options):
    return Acceptance(Known(PRODUCTION_CONDITIONS, ("acceptance",), [p], **options))


def efficiency(weights=(0, 1, 0, 0)):
    return Efficiency(Known(PRODUCTION_CONDITIONS, EFFICIENCY, weights))


def resolution(residuals):
    return Resolution(Known(BEAM_CONDITIONS, RESOLUTION, residuals, n_noise=9))


RESIDUALS = (0.01, -0.02, 0.3, 1e-3, -2e-3, 120.0, 1.1, 25.7, 0.1)
CORRELATED = (*(-8, -9, -15, -16, -30), 0.999, 0.99, 0.99, *(0.1,) * 7)


def chain(*more, weights=(0, 1, 0, 0), residuals=RESIDUALS):
    return Pipeline(
        [Classify(), acceptance(), efficiency(weights), Propagate(UP), resolution(residuals), *more]
    )


@pytest.fixture(scope="module")
def decays():
    gun = DecayGun("[B0 -> (K*(892)0 -> K+ pi-) mu+ mu-]cc", 3000, seed=3)
    return next(iter(gun.batches(3000)))


# ------------------------------------------------------------------ acceptance and efficiency


def test_acceptance_is_written_and_drawn(decays):
    result = Pipeline([Classify(), acceptance(0.3)])(decays, 1)["particles"]
    candidate = ~np.isnan(result["acceptance"])
    assert (result["acceptance"][candidate] == np.float32(0.3)).all()
    assert set(result["fate"][candidate]) == {Fate.UNDECIDED, Fate.OUT_OF_ACCEPTANCE}
    n, inside = candidate.sum(), (result["fate"][candidate] == Fate.UNDECIDED).sum()
    assert abs(inside - 0.3 * n) < 5 * np.sqrt(n * 0.21)


def test_conditions_come_from_the_production_vertex(decays):
    stage = acceptance()
    batch = Pipeline([Classify(), stage])(decays, 1)
    t, v = batch["particles"], batch["vertices"]
    rows = np.flatnonzero(t["fate"] == Fate.UNDECIDED)
    at = batch.rows_of("vertices", t["event_id"][rows], t["production_vertex"][rows])
    x = dict(zip(PRODUCTION_CONDITIONS, stage.model.seen[0].T, strict=True))
    p = np.sqrt(sum(t[c][rows] ** 2 for c in ("px", "py", "pz")))
    np.testing.assert_allclose(x["z"], v["z"][at], rtol=1e-6)
    np.testing.assert_allclose(10.0 ** x["log10_p"].astype(float), p, rtol=1e-5)
    np.testing.assert_allclose(x["tx"], t["px"][rows] / t["pz"][rows], rtol=1e-6)
    assert (x["charge"] == t["charge"][rows]).all()
    assert (x["is_mu"] == (np.abs(t["pid"][rows]) == 13)).all()


def test_columns_are_found_by_name_whatever_their_order(decays):
    names = ("charge", "log10_p")
    stage = Acceptance(Known(names, ("acceptance",), [1.0]))
    Pipeline([Classify(), stage])(decays, 1)
    charge, log10_p = stage.model.seen[0].T
    assert set(charge) == {-1.0, 1.0}
    p = 10.0 ** log10_p.astype(float)
    assert 3e3 < np.median(p) < 1e5


def test_reverse_charge_feeds_the_opposite_charge(decays):
    model = Known(("charge",), ("acceptance",), [1.0])
    batch = Pipeline([Classify(), Acceptance(model, reverse_charge=True)])(decays, 1)["particles"]
    assert (model.seen[0][:, 0] == -batch["charge"][batch["fate"] == Fate.UNDECIDED]).all()


def test_magdown_of_the_mirror_image_is_the_mirror_image_of_magup(tiny_set):
    """Antiparticles in the one set share the fates of particles in the other."""
    up, down = load_pipeline(str(tiny_set)), load_pipeline(f"{tiny_set}-mirrored")
    particles = [{"pid": 211, "px": 50.0 * i} for i in range(200)]
    anti = [{**p, "pid": -211} for p in particles]
    fates = [p(made_up(e), 5)["particles"]["fate"].tolist() for p, e in [(up, particles), (down, anti)]]
    assert fates[0] == fates[1]
    assert fates[0] != up(made_up(anti), 5)["particles"]["fate"].tolist()


@given(
    st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda w: sum(w) > 1e-3),
    st.floats(2.0**-24, 1 - 2.0**-24, width=32),
)
def test_a_category_of_weight_zero_is_never_drawn(weights, u):
    """Nor does the last one profit from a deficit, or an index beyond it appear for an excess of the sum."""
    category = draw_category(np.array([weights], np.float32).T, np.array([u], np.float32))[0]
    assert 0 <= category < 4
    assert np.float32(weights[category]) > 0


@pytest.mark.parametrize("total", [0.9, 1.0, 1.0 + 3e-7, 1.1])
def test_categories_are_drawn_with_their_share_of_the_sum(total):
    share = np.array([0.5, 0.3, 0.0, 0.2])
    u = (np.arange(100_000) + 0.5) / 100_000
    weights = np.broadcast_to((total * share).astype(np.float32), (len(u), 4))
    counts = np.bincount(draw_category(weights.T, u), minlength=4) / len(u)
    np.testing.assert_allclose(counts, share, atol=2e-5)


@pytest.mark.parametrize(
    ("weights", "fate"),
    [
        ((1, 0, 0, 0), Fate.NOT_RECONSTRUCTED),
        ((0, 1, 0, 0), Fate.LONG),
        ((0, 0, 1, 0), Fate.UPSTREAM),
        ((0, 0, 0, 1), Fate.DOWNSTREAM),
    ],
)
def test_category_becomes_fate_and_track_type(decays, weights, fate):
    result = chain(weights=weights)(decays, 1)
    particles = result["particles"]
    assert set(particles["fate"][~np.isnan(particles["acceptance"])]) == {fate}
    if fate >= Fate.LONG:
        assert set(result["tracks"]["type"]) == {fate - 10}
    else:
        assert result["tracks"].rows == 0


# ------------------------------------------------------------------ ranges


def test_inputs_outside_the_ranges_are_flagged_and_moved_to_the_border():
    stage = acceptance(ranges={"log10_p": (3.0, 4.0)})
    events = made_up([{"pz": 500.0}, {"pz": 5e3}, {"pz": 50e3}, {"pz": 50e3, "pid": 22}])
    result = Pipeline([Classify(), stage])(events, 0)["particles"]
    assert result["out_of_domain"].tolist() == [True, False, True, False]
    fed = stage.model.seen[0][:, PRODUCTION_CONDITIONS.index("log10_p")]
    assert fed.min() == 3.0
    assert fed.max() == 4.0


def test_a_model_that_yields_nan_is_named():
    stage = acceptance(float("nan"))
    with pytest.raises(ModelError, match=r"stage 'acceptance' yields .*nan.* particle 0 of event 0"):
        Pipeline([Classify(), stage])(made_up([{}]), 0)


def test_a_model_of_other_columns_is_refused():
    with pytest.raises(PipelineError, match="reads 'log_p', which is not known; near misses: log10_p"):
        Acceptance(Known(("log_p",), ("acceptance",), [1.0]))
    with pytest.raises(PipelineError, match="must yield acceptance, but yields efficiency"):
        Acceptance(Known(("x",), ("efficiency",), [1.0]))


# ------------------------------------------------------------------ propagation


def test_true_states(decays):
    batch = chain()(decays, 1)
    states, t, v = batch["true_states"], batch["particles"], batch["vertices"]
    near = states.take(states["location"] == 1)
    rows = batch.rows_of("particles", near["event_id"], near["particle_id"])
    at = batch.rows_of("vertices", t["event_id"][rows], t["production_vertex"][rows])
    tx, ty = t["px"][rows] / t["pz"][rows], t["py"][rows] / t["pz"][rows]
    expected = closest_to_beam(v["x"][at], v["y"][at], v["z"][at], tx, ty)
    for got, want in zip((near["x"], near["y"], near["z"]), expected, strict=True):
        np.testing.assert_array_equal(got, want)
    assert (rows == np.flatnonzero(t["fate"] >= Fate.LONG)).all()
    far = states.take(states["location"] == 5)
    assert 0 < far.rows <= near.rows
    assert (far["z"] == 9410.0).all()
    key = states["event_id"] * 1000 + states["particle_id"] * 10 + states["location"]
    assert (np.diff(key) > 0).all()


# ------------------------------------------------------------------ resolution


def test_tracks_are_true_states_plus_residuals(decays):
    batch = chain()(decays, 1)
    tracks, states = batch["tracks"], batch["true_states"]
    true = states.take(states["location"] == 1)
    for column, residual in zip(("x", "y", "z", "tx", "ty", "p"), RESIDUALS, strict=False):
        np.testing.assert_allclose(tracks[column] - true[column], residual, rtol=1e-4)
    assert set(tracks["nDoF"]) == {25}


def test_momentum_follows_from_p_and_slopes_alone(decays):
    """A peer added the residual of p to the slopes: px/pz + dp."""
    tracks = chain()(decays, 1)["tracks"]
    px, py, pz, p = (tracks[c] for c in ("px", "py", "pz", "p"))
    np.testing.assert_allclose(px / pz, tracks["tx"], rtol=1e-12)
    np.testing.assert_allclose(py / pz, tracks["ty"], rtol=1e-12)
    np.testing.assert_allclose(np.sqrt(px**2 + py**2 + pz**2), p, rtol=1e-12)
    np.testing.assert_allclose(tracks["qop"] * p, tracks["charge"], rtol=1e-12)


def test_reconstructed_momentum_is_positive_whatever_the_model_says(decays):
    tracks = chain(residuals=(*RESIDUALS[:5], -1e7, *RESIDUALS[6:]))(decays, 1)["tracks"]
    assert (tracks["p"] > 0).all()
    assert (np.sign(tracks["qop"]) == tracks["charge"]).all()


def test_tracks_are_numbered_in_their_event(decays):
    tracks = chain(CountTracks())(decays, 1)
    counts = np.bincount(tracks["tracks"]["event_id"], minlength=tracks.n_events)
    assert tracks["events"]["nTracks"].tolist() == counts.tolist()
    expected = np.concatenate([np.arange(n) for n in counts])
    assert (tracks["tracks"]["track_id"] == expected).all()


# ------------------------------------------------------------------ covariance


def matrices(tracks):
    c = np.zeros((tracks.rows, 5, 5))
    for i, j in COVARIANCE_PAIRS:
        c[:, i, j] = c[:, j, i] = tracks[f"cov{i}{j}"]
    return c


def test_covariance_is_correlation_times_standard_deviations(decays):
    model = Known(COVARIANCE_CONDITIONS, COVARIANCE, CORRELATED, n_noise=15)
    tracks = chain(Covariance(model))(decays, 1)["tracks"]
    c = matrices(tracks)
    sigma = np.exp(0.5 * np.array(CORRELATED[:5]))
    np.testing.assert_allclose(np.sqrt(np.einsum("nii->ni", c)), np.tile(sigma, (tracks.rows, 1)), rtol=1e-6)
    np.testing.assert_allclose(tracks["cov44"], sigma[4] ** 2, rtol=1e-6)
    np.testing.assert_allclose(tracks["cov01"], 0.999 * sigma[0] * sigma[1], rtol=2e-5)
    quality = model.seen[0][:, [COVARIANCE_CONDITIONS.index(q) for q in RESOLUTION[6:]]]
    assert (np.floor(quality[:, 1]) == tracks["nDoF"]).all()
    np.testing.assert_array_equal(quality[:, 0], tracks["chi2PerDoF"])


def test_covariances_are_positive_definite_even_for_a_singular_correlation(decays):
    model = Known(COVARIANCE_CONDITIONS, COVARIANCE, (*CORRELATED[:5], *(1.0,) * 10), n_noise=15)
    c = matrices(chain(Covariance(model))(decays, 1)["tracks"])
    sigma = np.sqrt(np.einsum("nii->ni", c))
    assert np.linalg.eigvalsh(c / sigma[:, :, None] / sigma[:, None, :]).min() > 5e-6


# ------------------------------------------------------------------ primary vertices


@pytest.fixture(scope="module")
def smeared():
    batch = made_up(*([{}] for _ in range(40_000)), vertices=2)
    return batch, PrimaryVertices(UP.primary_vertex)(batch, 9)


def test_only_primary_vertices_are_reconstructed_and_true_ones_stay(smeared):
    before, after = smeared
    assert after["primary_vertices"].rows == 40_000
    assert set(after["primary_vertices"]["vertex_id"]) == {0}
    assert all((before["vertices"][c] == after["vertices"][c]).all() for c in "xyz")


@pytest.mark.parametrize("axis", "xyz")
def test_reported_sigma_is_that_of_the_component_drawn(smeared, axis):
    """Peers report the smallest of the three widths, whatever was drawn."""
    before, after = smeared
    found, shape = after["primary_vertices"], getattr(UP.primary_vertex, axis)
    true = before["vertices"][axis][before["vertices"]["is_primary"]]
    residual, sigma = found[axis] - true - shape.mu, found[f"sigma_{axis}"]
    for fraction, width in zip(shape.fractions, shape.sigmas, strict=True):
        chosen = sigma == width
        n = chosen.sum()
        assert abs(n - 40_000 * fraction) < 5 * np.sqrt(40_000 * fraction * (1 - fraction))
        assert abs(residual[chosen].std() / width - 1) < 5 / np.sqrt(2 * n)
    pull = residual / sigma
    assert abs(pull.std() - 1) < 0.02
    assert abs(pull.mean()) < 0.025


def test_vertices_of_an_event_are_smeared_independently_of_others(smeared):
    batch, after = smeared
    alone = PrimaryVertices(UP.primary_vertex)(batch.select_events(7, 8), 9)["primary_vertices"]
    assert alone["x"][0] == after["primary_vertices"]["x"][7]
