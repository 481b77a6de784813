"""The shipped sets: complete cards, physical outputs, and the mirrored polarity."""

import numpy as np
import pytest

from lamarr.parametrizations.pid import MODELS
from lamarr.parametrizations.pid import SPECIES as SPECIES_WITH_MODELS
from lamarr.parametrizations.sets import load_set, set_names
from lamarr.parametrizations.tracking import beam_conditions, production_conditions

NAMES = set_names()
FROM_THE_TEACHER = ("lhcb2016-magdown", "lhcb2016-magup")
DETAILED = "lhcb2016-detailed-magup"
FROM_SIMULATION = ("lhcb2016-detailed-magdown", DETAILED)
TRACKING = ("acceptance", "efficiency", "resolution", "covariance")
PAIRS = [(a, b) for b in range(5) for a in range(b)]
SPECIES = np.array([11, 13, 211, 321, 2212])


@pytest.fixture(scope="module", params=["lhcb2016-magup", DETAILED])
def magup(request):
    return load_set(request.param)


def particles(n, seed):
    """Particles far beyond what is usual: 0.3 to 500 GeV, eta 1 to 6.5, up to metres from the beam."""
    rng = np.random.default_rng(seed)
    p, eta, phi = 10 ** rng.uniform(2.5, 5.7, n), rng.uniform(1, 6.5, n), rng.uniform(-np.pi, np.pi, n)
    pt, flight = p / np.cosh(eta), rng.exponential(10 ** rng.uniform(-1, 3, n))
    return {
        "pid": rng.choice(SPECIES, n) * rng.choice([-1, 1], n),
        "x": 0.84 + rng.normal(0, 0.05, n) * (1 + flight),
        "y": -0.18 + rng.normal(0, 0.05, n) * (1 + flight),
        "z": rng.normal(0, 50, n) + flight,
        "px": pt * np.cos(phi),
        "py": pt * np.sin(phi),
        "pz": p * np.tanh(eta),
    }


def beam(n, seed):
    t = particles(n, seed)
    p = np.sqrt(t["px"] ** 2 + t["py"] ** 2 + t["pz"] ** 2)
    tx, ty = t["px"] / t["pz"], t["py"] / t["pz"]
    types = np.random.default_rng(seed).choice([3, 4, 5], n)
    return beam_conditions(pid=t["pid"], track_type=types, x=t["x"], y=t["y"], z=t["z"], tx=tx, ty=ty, p=p)


def normal(n, model, seed):
    return np.random.default_rng(seed).normal(size=(n, model.n_noise)).astype(np.float32)


def test_the_sets_are_these():
    assert sorted(NAMES) == sorted((*FROM_THE_TEACHER, *FROM_SIMULATION))


def test_the_detailed_set_has_tracks_identification_and_ecal():
    wanted = {f"{m}_{s}" for m in MODELS for s in SPECIES_WITH_MODELS} | {"occupancy", *TRACKING}
    wanted |= {"ecal_efficiency"}
    models = load_set(DETAILED).models
    assert set(models) >= wanted
    for model in models.values():
        for key in ("title", "references", "command", "sample", "data", "licence", "lamarr"):
            assert model.card[key], (model.name, key)
        assert "held_out" in model.card or "held_out_loss" in model.card
        assert "detailed simulation" in model.card["data"]["origin"]


@pytest.mark.parametrize("name", FROM_THE_TEACHER)
def test_every_model_has_a_card_that_says_where_it_comes_from(name):
    models = load_set(name).models
    assert set(models) == {"acceptance", "efficiency", "resolution", "covariance"}
    for model in models.values():
        for key in ("title", "references", "command", "sample", "data", "licence", "held_out_loss", "lamarr"):
            assert model.card[key], (model.name, key)
        assert "surrogate" in model.card["data"]["origin"]
        assert len(model.card["sample"]["sha256"]) == 64
        assert set(model.ranges) >= {"x", "y", "z", "tx", "ty", "log10_p"}


def test_magdown_is_magup_with_the_charge_reversed(magup):
    down = load_set(magup.name.replace("up", "down"))
    assert down.reverse_charge
    assert not magup.reverse_charge
    assert down.models["acceptance"].card["weights"] == magup.models["acceptance"].card["weights"]
    assert any("Left-right asymmetries" in note for note in down.notes)


def test_probabilities_are_probabilities(magup):
    t = particles(20_000, 1)
    charge = np.sign(t["pid"]) * np.where(np.abs(t["pid"]) < 20, -1, 1)
    x = production_conditions(charge=charge, **t)
    acceptance, efficiency = magup["acceptance"](x), magup["efficiency"](x)
    assert ((acceptance >= 0) & (acceptance <= 1)).all()
    np.testing.assert_allclose(efficiency.sum(axis=1), 1, atol=1e-5)
    assert (efficiency >= 0).all()


def test_no_track_is_unphysical(magup):
    n, x = 40_000, beam(40_000, 2)
    noise = normal(n, magup["resolution"], 3)
    noise[:2000] *= 3  # far into the tails of the random numbers
    y = magup["resolution"](x, noise).astype(float)
    p = 10.0 ** x[:, 5].astype(float)
    assert np.isfinite(y).all()
    assert (p + y[:, 5] > 0).all()
    assert (np.abs(y[:, 5]) <= p).all()
    assert (y[:, 6] > 0).all()
    assert (y[:, 7] >= 1).all()
    assert ((y[:, 8] > 0) & (y[:, 8] < 1)).all()


def test_every_covariance_is_positive_definite(magup):
    n, x = 40_000, beam(40_000, 4)
    quality = magup["resolution"](x, normal(n, magup["resolution"], 5))[:, 6:9]
    noise = normal(n, magup["covariance"], 6)
    noise[:2000] *= 3
    y = magup["covariance"](np.hstack([x[:, :6], quality, x[:, 6:]]), noise).astype(float)
    sigma = np.exp(0.5 * y[:, :5])
    matrix = np.tile(np.eye(5), (n, 1, 1))
    for k, (i, j) in enumerate(PAIRS):
        matrix[:, i, j] = matrix[:, j, i] = y[:, 5 + k]
    np.linalg.cholesky(matrix * sigma[:, :, None] * sigma[:, None, :])
    assert np.linalg.eigvalsh(matrix).min() > 1e-5


def test_muons_of_twenty_GeV_are_measured_as_well_as_LHCb_measures_them(magup):  # noqa: N802
    """σ(p)/p within a factor 1.5 of RapidSim's 0.52 % at 20 GeV, and no bias of a tenth of it."""
    n = 20_000
    rng = np.random.default_rng(7)
    eta, phi = rng.uniform(2.2, 4.5, n), rng.uniform(-np.pi, np.pi, n)
    t = 1 / np.sinh(eta)
    where = {"x": np.full(n, 0.84), "y": np.full(n, -0.18), "z": rng.normal(0, 45, n)}
    slopes = {"tx": t * np.cos(phi), "ty": t * np.sin(phi), "p": np.full(n, 2e4)}
    x = beam_conditions(pid=np.full(n, 13), track_type=np.full(n, 3), **where, **slopes)
    pull = magup["resolution"](x, normal(n, magup["resolution"], 8))[:, 5] / 2e4
    width = np.diff(np.quantile(pull, [0.1587, 0.8413]))[0] / 2
    assert 0.0052 / 1.5 < width < 0.0052 * 1.5
    assert abs(np.median(pull)) < 5e-4
