"""Training: scores, the loop, its checkpoints, the recipes of the tracking models on a made-up sample."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamarr.errors import ConfigurationError, InputFileError
from lamarr.training.scores import NormalScore
from lamarr.transpile import GraphBuilder, evaluate

torch = pytest.importorskip("torch", reason="needs the extra 'train'")

from lamarr.networks.mlp import MLP
from lamarr.training.fit import Schedule, fit
from lamarr.training.tracking.recipes import (
    RECIPES,
    by_track_type,
    covariance_targets,
    load_sample,
    resolution_targets,
)
from lamarr.training.tracking.sample import Particles, closest_to_beam, gun, varied
from lamarr.training.tracking.teacher import correlation_matrix


@given(seed=st.integers(0, 10_000), n=st.integers(10, 3000), inside=st.floats(0, 1))
def test_scores_are_inverted_within_the_range_of_the_sample(seed, n, inside):
    sample = np.random.default_rng(seed).standard_cauchy(n).astype(np.float32)
    score = NormalScore.fit(sample)
    value = score.values[0] + inside * (score.values[-1].astype(float) - score.values[0])
    spread = float(score.values[-1]) - float(score.values[0])
    assert score.inverse(score.forward(np.array([value])))[0] == pytest.approx(value, abs=1e-5 * spread)


def test_scores_of_a_sample_are_normal():
    sample = np.random.default_rng(1).exponential(size=200_000)
    z = NormalScore.fit(sample).forward(sample)
    np.testing.assert_allclose(
        np.quantile(z, [0.01, 0.16, 0.5, 0.84, 0.99]), [-2.326, -0.994, 0, 0.994, 2.326], atol=0.02
    )


@pytest.mark.parametrize(("sample", "words"), [(np.ones(5), "vary"), (np.array([0, np.nan]), "finite")])
def test_samples_without_scores_are_refused(sample, words):
    with pytest.raises(ConfigurationError, match=words):
        NormalScore.fit(sample)


@pytest.mark.parametrize("inverse", [False, True])
def test_tables_of_scores_do_the_same_in_the_graph(inverse):
    rng = np.random.default_rng(2)
    scores = [NormalScore.fit(rng.normal(size=5000)), NormalScore.fit(rng.integers(0, 3, 5000).astype(float))]
    x = rng.normal(size=(1000, 2)).astype(np.float32)
    tables = NormalScore.tables(scores, inverse=inverse)
    b = GraphBuilder(x=2)
    graph = b.finish(b.add("interpolate", b.input("x"), x=tables[0], y=tables[1]))
    expected = [(s.inverse if inverse else s.forward)(x[:, j]) for j, s in enumerate(scores)]
    np.testing.assert_allclose(evaluate(graph, x=x), np.stack(expected, axis=1), atol=2e-5)


def line():
    x = torch.linspace(-1, 1, 4000)[:, None]
    return x, torch.sin(3 * x)


def network(seed=3):
    torch.manual_seed(seed)
    return MLP(1, [16, 16], 1)


def test_the_loop_learns_and_a_killed_training_goes_on_with_the_same_bits(tmp_path):
    tensors, schedule = line(), Schedule(steps=300, batch=128, warmup=20, hold_out=500)
    whole = network()
    history = fit(whole, lambda x, y: (whole(x) - y).square()[:, 0], tensors, schedule, every=100)
    assert history[-1][1] < 0.3 * history[0][1]

    class KilledError(Exception):
        """Stands for whatever ends a process."""

    part, calls = network(), 0

    def loss(x, y):
        nonlocal calls
        calls += 1
        if calls > 170:
            raise KilledError
        return (part(x) - y).square()[:, 0]

    path = tmp_path / "run.checkpoint"
    with pytest.raises(KilledError):
        fit(part, loss, tensors, schedule, every=100, checkpoint=path)
    again = network(9)
    fit(again, lambda x, y: (again(x) - y).square()[:, 0], tensors, schedule, every=100, checkpoint=path)
    for a, b in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(ConfigurationError, match="another training"):
        fit(
            again,
            lambda x, y: (again(x) - y).square()[:, 0],
            tensors,
            replace(schedule, seed=2),
            checkpoint=path,
        )


def test_a_loss_that_is_not_finite_ends_the_training_with_its_step():
    net = network()
    with pytest.raises(Exception, match=r"finite.*step 0"):
        fit(net, lambda x, y: net(x)[:, 0] * float("nan"), line(), Schedule(steps=5, hold_out=100))


def correlations(rng, n):
    factor = rng.normal(size=(n, 5, 5)) + 0.5 * np.eye(5)
    matrix = factor @ factor.transpose(0, 2, 1)
    sigma = np.sqrt(np.einsum("nii->ni", matrix))
    matrix /= sigma[:, :, None] * sigma[:, None, :]
    return np.stack([matrix[:, i, j] for j in range(5) for i in range(j)], axis=1)


def test_partial_correlations_are_those_that_the_graph_turns_back():
    rng = np.random.default_rng(5)
    rows = np.hstack([rng.normal(size=(4000, 5)), correlations(rng, 4000)])
    good = np.linalg.eigvalsh(correlation_matrix(rows))[:, 0] > 3e-3
    rows = rows[good]
    partial = np.tanh(covariance_targets(rows)[:, 5:]).astype(np.float32)
    b = GraphBuilder(x=10)
    back = evaluate(b.finish(b.add("vine", b.input("x"), attributes={"dimension": 5})), x=partial)
    np.testing.assert_allclose(back * (1 - 1e-4), rows[:, 5:], atol=1e-5)


def made_up_sample(folder, n=4000):
    """Arrays in the format of a sample, with invented relations between conditions and outputs."""
    rng = np.random.default_rng(6)
    particles = gun(n, rng)
    from lamarr.parametrizations.tracking import beam_conditions, production_conditions

    kinematics = {k: getattr(particles, k) for k in ("x", "y", "z", "px", "py", "pz")}
    production = production_conditions(pid=particles.pid, charge=particles.charge, **kinematics)
    chance = 1 / (1 + np.exp(-(production[:, 3] - 3.5)))
    probability = np.column_stack([chance, 1 - chance, chance * 0.7, chance * 0.2, chance * 0.1])
    state = dict(zip(("x", "y", "z", "tx", "ty", "p"), closest_to_beam(particles).T, strict=True))
    beam = beam_conditions(pid=particles.pid, track_type=rng.choice([3, 4, 5], n), **state)
    residuals = rng.normal(size=(n, 9)) * np.array([0.05, 0.05, 1, 1e-3, 1e-3, 1, 0.2, 3, 0.02])
    residuals[:, 5] *= 0.01 * particles.p
    residuals[:, 6:] += [1, 30, 0.1]
    covariance = np.hstack([rng.normal(-8, 0.5, (n, 5)), correlations(rng, n)])
    smallest = np.linalg.eigvalsh(correlation_matrix(covariance))[:, 0]
    arrays = {
        "production": production,
        "probability": probability,
        "beam": beam,
        "resolution": residuals,
        "covariance": covariance,
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array.astype(np.float32))
    np.save(folder / "physical.npy", (smallest > 1e-3) & (np.abs(residuals[:, 5]) < particles.p))
    return beam, residuals


@pytest.mark.parametrize("name", list(RECIPES))
def test_recipes_give_models_whose_outputs_are_physical(name, tmp_path):
    beam, residuals = made_up_sample(tmp_path)
    recipe = RECIPES[name]
    schedule = replace(recipe.schedule, steps=20, batch=64, hold_out=500)
    model = replace(recipe, schedule=schedule).train(tmp_path)
    conditions = np.load(tmp_path / "production.npy") if name in ("acceptance", "efficiency") else beam
    if name == "covariance":
        conditions = np.hstack([beam[:, :6], residuals[:, 6:], beam[:, 6:]]).astype(np.float32)
    noise = (
        3 * np.random.default_rng(7).normal(size=(len(conditions), model.n_noise)) if model.n_noise else None
    )
    y = model(conditions, noise)
    assert np.isfinite(y).all()
    if name == "acceptance":
        assert ((y >= 0) & (y <= 1)).all()
    elif name == "efficiency":
        np.testing.assert_allclose(y.sum(axis=1), 1, atol=1e-6)
    elif name == "resolution":
        p = 10.0 ** conditions[:, 5].astype(float)
        assert (p + y[:, 5] > 0).all()
        assert (np.abs(y[:, 5]) < p).all()
    else:
        assert np.linalg.eigvalsh(correlation_matrix(y))[:, 0].min() > 0


@pytest.mark.parametrize("name", ["resolution", "covariance"])
def test_models_by_type_stay_within_what_the_type_has(name, tmp_path):
    beam, residuals = made_up_sample(tmp_path)
    recipe = by_track_type(RECIPES[name])
    recipe = replace(recipe, schedule=replace(recipe.schedule, steps=20, batch=64, hold_out=500))
    model = recipe.train(tmp_path)
    conditions = beam
    if name == "covariance":
        conditions = np.hstack([beam[:, :6], residuals[:, 6:], beam[:, 6:]]).astype(np.float32)
    y = model(conditions, 30 * np.random.default_rng(7).normal(size=(len(conditions), model.n_noise)))
    seen, targets = recipe.arrays(tmp_path)
    for flag in range(-3, 0):
        drawn, known = y[conditions[:, flag] > 0, 0], targets[seen[:, flag] > 0, 0]
        hair = 1e-5 * np.ptp(known)
        assert known.min() - hair <= drawn.min() < drawn.max() <= known.max() + hair
    assert model.card["recipe"]["by_type"] is True


def test_targets_of_resolution_keep_everything_but_the_momentum():
    beam, residuals = np.zeros((3, 12)), np.arange(27.0).reshape(3, 9)
    beam[:, 5] = 4
    t = resolution_targets(beam, residuals)
    np.testing.assert_allclose(np.tanh(t[:, 5]) * 1e4, residuals[:, 5])
    np.testing.assert_array_equal(np.delete(t, 5, axis=1), np.delete(residuals, 5, axis=1))


def test_a_missing_sample_is_answered_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(
        InputFileError, match=r"lacks beam.npy; make the sample with 'python -m lamarr.training"
    ):
        load_sample(tmp_path, "beam")


def test_variation_keeps_the_transverse_distance_of_prompt_particles():
    rng = np.random.default_rng(8)
    prompt = Particles(
        np.full(1000, 211),
        *(np.full(1000, v) for v in (0.84, -0.18, 5.0)),
        *(rng.normal(0, 500, 1000) for _ in "xy"),
        rng.uniform(1e3, 1e5, 1000),
    )
    other = varied(prompt, rng)
    np.testing.assert_allclose([other.x.std(), other.y.std()], 0, atol=1e-12)
    assert set(np.abs(other.pid)) == {11, 13, 211, 321, 2212}
    assert (np.abs(other.charge) == 1).all()
