"""Every class of models: learns, is the same in torch, in the graph and in C, goes on after a restart."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import kstest, norm

torch = pytest.importorskip("torch", reason="needs the extra 'train'")

from lamarr.errors import ConfigurationError
from lamarr.training.calibration import Calibration, reliability
from lamarr.training.families import CLASSIFIERS, FAMILIES, GENERATORS, make_learner
from lamarr.training.families.games import GAMES
from lamarr.training.schedules import SCHEDULES, Fall
from lamarr.transpile import GraphBuilder, Model, compiled

OUTPUTS = ("RichDLLmu", "RichDLLk", "RichDLLp")
SMALL = {
    "mixture": {"trunk": 16, "head": 8, "components": 3},
    "spline": {"trunk": [16, 16], "head": 8, "bins": 6},
    **{f: {"layers": 2, "hidden": [16]} for f in ("maf", "iaf")},
    "coupling": {"layers": 3, "hidden": [16], "bins": 5},
    **{
        g: {"noise": 5, "width": 16, "depth": 2, "judge_width": 16, "judge_depth": 2, "warmup": 0.3}
        for g in GAMES
    },
    **{
        f: {"width": 16, "depth": 2, "steps": 3}
        for f in ("flow-matching", "flow-matching-one-step", "consistency")
    },
    **{f: {"width": 16, "depth": 2} for f in ("perceptron", "residual-perceptron")},
    "trees": {"trees": 6, "leaves": 8},
}


def sample(name, n=600, seed=1):
    rng = np.random.default_rng(seed)
    c = rng.normal(size=(n, 4)).astype(np.float32)
    if name in CLASSIFIERS:
        t = (rng.random((n, 1)) < 1 / (1 + np.exp(-2 * c[:, :1]))).astype(np.float32)
    else:
        t = (c[:, :3] + rng.normal(size=(n, 3))).astype(np.float32)
    w = np.where(rng.random(n) < 0.1, -0.5, 1.0).astype(np.float32) if name != "trees" else np.ones(n)
    return [torch.from_numpy(np.asarray(a, np.float32)) for a in (c, t, w / w.mean())]


def learner_of(name, seed=3, **settings):
    torch.manual_seed(seed)
    outputs = ("isMuon",) if name in CLASSIFIERS else OUTPUTS
    return make_learner(name, {**SMALL[name], **settings}, conditions=4, outputs=outputs)


def train(learner, name, steps=12, first=0, seed=5, total=12):
    c, t, w = sample(name)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(first):
        torch.randint(0, len(c), (64,), generator=generator)
    losses = []
    for k in range(first, 1 if learner.whole else steps):
        rows = torch.arange(len(c)) if learner.whole else torch.randint(0, len(c), (64,), generator=generator)
        own = torch.Generator().manual_seed(100 + k)
        losses.append(learner.step(c[rows], t[rows], w[rows], k / total, own))
    return losses


def graph_of(learner):
    b = GraphBuilder(x=4, noise=learner.n_noise)
    noise = b.input("noise") if learner.n_noise else None
    return b.finish(learner.lower(b, b.input("x"), noise))


@pytest.fixture(scope="module")
def trained():
    learners = {name: learner_of(name) for name in FAMILIES}
    for name, learner in learners.items():
        for losses in train(learner, name):
            assert losses, name
            assert all(bool(torch.isfinite(v)) for v in losses.values()), (name, losses)
    return learners


@pytest.fixture(scope="module")
def in_c(trained):
    models = []
    for name, learner in trained.items():
        graph = graph_of(learner)
        inputs, outputs = tuple("abcd"), tuple(f"y{i}" for i in range(graph.width))
        models.append(
            Model(
                name=name.replace("-", "_"),
                inputs=inputs,
                outputs=outputs,
                n_noise=learner.n_noise,
                ranges={},
                graph=graph,
                card={},
            )
        )
    return {m.name: (m, r) for m, r in zip(models, compiled(models, "c").values(), strict=True)}


@pytest.mark.parametrize("name", FAMILIES)
def test_torch_graph_and_c_agree(name, trained, in_c):
    rng = np.random.default_rng(7)
    c = rng.normal(size=(1000, 4)).astype(np.float32)
    noise = rng.normal(size=(1000, trained[name].n_noise)).astype(np.float32)
    ours = trained[name].draw(torch.from_numpy(c), torch.from_numpy(noise)).numpy()
    model, fast = in_c[name.replace("-", "_")]
    arguments = (c, noise) if trained[name].n_noise else (c,)
    for run in (model, fast):
        away = np.abs(run(*arguments) - ours)
        # where a component of a mixture is chosen, rounding may choose another one now and then
        assert np.quantile(away, 0.998) <= 2e-5 * max(1.0, np.abs(ours).max()), name


@pytest.mark.parametrize("name", FAMILIES)
def test_a_restored_learner_goes_on_with_the_same_bits(name, trained, tmp_path):
    if trained[name].whole:
        again = learner_of(name, seed=9)
        torch.save(trained[name].state_dict(), tmp_path / "state")
    else:
        half = learner_of(name)
        train(half, name, steps=6)
        torch.save(half.state_dict(), tmp_path / "state")
        again = learner_of(name, seed=9)
    again.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    if not trained[name].whole:
        train(again, name, first=6)
    c = sample(name, seed=8)[0]
    noise = torch.randn(len(c), again.n_noise, generator=torch.Generator().manual_seed(1))
    assert torch.equal(again.draw(c, noise), trained[name].draw(c, noise))


@pytest.mark.parametrize("name", [n for n in FAMILIES if n != "trees"])
def test_weights_count_like_rows_that_are_left_out(name):
    """Rows of weight zero have no influence on the losses, whatever they hold."""
    c, t, _ = sample(name)
    w = torch.cat([torch.full((300,), 2.0), torch.zeros(300)])
    results = []
    for rubbish in (0.0, 3.0):
        spoiled = t.clone()
        if name not in CLASSIFIERS:
            spoiled[300:] += rubbish
        else:
            spoiled[300:] = 1 - spoiled[300:] if rubbish else spoiled[300:]
        learner = learner_of(name)
        own = torch.Generator().manual_seed(11)
        progress = 0.8 if name == "flow-matching" else 0.1
        results.append([float(v) for v in learner.step(c, spoiled, w, progress, own).values()])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-6)


@pytest.mark.parametrize("name", ["maf", "iaf", "coupling", "spline"])
def test_densities_of_flows_are_those_of_their_draws(name):
    """Change of variables: log p(t) = log N(u) − log |det dt/du|, the determinant by differentiation."""
    network = learner_of(name).network.double()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.2 * torch.randn(p.shape, generator=generator))
    for _ in range(12):
        u, c = (torch.randn(1, n, generator=generator, dtype=torch.float64) for n in (3, 4))
        slope = torch.autograd.functional.jacobian(lambda v, c=c: network.sample(c, v)[0], u)[:, 0]
        with torch.no_grad():
            t = network.sample(c, u)
            expected = norm.logpdf(u.numpy()).sum() - float(torch.linalg.slogdet(slope).logabsdet)
            assert float(network.log_prob(t, c)) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("name", ["maf", "iaf", "coupling", "mixture"])
def test_flows_learn_a_correlated_gaussian(name):
    rng = np.random.default_rng(1)
    c = rng.normal(size=(4000, 4)).astype(np.float32)
    t = c[:, :1] + rng.normal(size=(4000, 3)) @ np.array([[1, 0.8, 0], [0, 0.6, 0.5], [0, 0, 1]])
    c, t = torch.from_numpy(c), torch.from_numpy(t.astype(np.float32))
    fast = {} if name in ("mixture", "coupling") else {"optimiser": {"kind": "adam", "rate": 0.01}}
    learner = learner_of(name, **fast)
    w = torch.ones(512)
    for k in range(400):
        rows = torch.randint(0, 4000, (512,), generator=torch.Generator().manual_seed(k))
        learner.step(c[rows], t[rows], w, k / 400, torch.Generator())
    best = 1.5 * np.log(2 * np.pi) + 1.5 + np.log(0.6)  # entropy; |det| = 0.6
    with torch.no_grad():
        assert float(learner.losses(c, t).mean()) < best + 0.25


@pytest.mark.parametrize(
    "name", ["bce-gan", "wgan-gp", "cramer-gan", "flow-matching-one-step", "consistency"]
)
def test_generators_without_density_come_near_a_gaussian(name):
    learner = learner_of(name, **({"width": 32} if "gan" in name else {"width": 32, "steps": 4}))
    rng = np.random.default_rng(1)
    c = rng.normal(size=(8000, 4)).astype(np.float32)
    t = np.concatenate([c[:, :1] + rng.normal(size=(8000, 1)), rng.normal(size=(8000, 2))], axis=1)
    c, t = torch.from_numpy(c), torch.from_numpy(t.astype(np.float32))
    for k in range(400):
        own = torch.Generator().manual_seed(k)
        rows = torch.randint(0, 8000, (256,), generator=own)
        learner.step(c[rows], t[rows], torch.ones(256), k / 400, own)
    noise = torch.randn(8000, learner.n_noise, generator=torch.Generator().manual_seed(1))
    y = learner.draw(c, noise)[:, 0].numpy() - c[:, 0].numpy()
    assert kstest(y, norm.cdf).statistic < 0.15


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 0.2])
def test_schedules_fall_from_one_to_their_end(name, warmup):
    fall = Fall(name=name, end=0.1, warmup=warmup)
    values = [fall.factor(p) for p in np.linspace(warmup, 1, 50)]
    assert all(a >= b - 1e-12 for a, b in pairwise(values))
    assert values[-1] == pytest.approx({"constant": 1.0, "piecewise": 0.01}.get(name, 0.1))
    assert fall.factor(0) == pytest.approx(1.0 if not warmup else 0, abs=1e-3)


def test_calibration_restores_probabilities():
    rng = np.random.default_rng(3)
    logit = rng.normal(0, 2, 40_000)
    label = rng.random(40_000) < 1 / (1 + np.exp(-(0.5 * logit + 0.3)))
    found = Calibration.fit(logit, label, np.ones(40_000))
    assert (found.slope, found.shift) == (pytest.approx(0.5, abs=0.02), pytest.approx(0.3, abs=0.03))
    curve = reliability(1 / (1 + np.exp(-(0.5 * logit + 0.3))), label)
    pulls = [(b["observed"] - b["predicted"]) / b["error"] for b in curve]
    assert np.abs(pulls).max() < 4
    wrong = reliability(1 / (1 + np.exp(-logit)), label)
    assert max(abs(b["observed"] - b["predicted"]) / b["error"] for b in wrong) > 8


def test_a_centred_calibration_has_the_mean_of_all_rows():
    rng = np.random.default_rng(4)
    logit = rng.normal(1, 1.5, 30_000)
    label = (rng.random(30_000) < 1 / (1 + np.exp(-(0.8 * logit - 0.2)))).astype(float)
    w = np.where(rng.random(30_000) < 0.1, -0.5, 1.0)
    few = Calibration.fit(logit[:300], label[:300], w[:300])
    all_rows = few.centred(logit, label, w)
    assert all_rows.slope == few.slope
    mean = (w / (1 + np.exp(-(all_rows.slope * logit + all_rows.shift)))).sum() / w.sum()
    assert mean == pytest.approx((w * label).sum() / w.sum(), abs=1e-6)
    assert few.centred(logit, np.ones(30_000), np.ones(30_000)) == few


def test_perfectly_separated_classes_leave_probabilities_as_they_are():
    z = np.linspace(-60, 60, 1000)
    assert Calibration.fit(z, z > 0, np.ones(1000)) == Calibration()


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("mixtur", {}, "near misses: mixture"),
        ("mixture", {"trunks": 3}, "near misses: trunk"),
        ("mixture", {"trunk": "wide"}, "'trunk'.*'wide'"),
        ("wgan", {"game": "gan"}, "remove it"),
        ("wgan", {"smoothing": 0.7}, "smoothing < 0.5"),
        ("bce-gan", {"auxiliary": [["RichDLLp", "RichDLLK"]]}, "near misses: .*RichDLLk"),
        ("consistency", {"steps": 0}, "steps >= 1"),
        ("mixture", {"optimiser": {"kind": "sgd"}}, "optimiser"),
        ("mixture", {"optimiser": {"schedule": {"name": "cosinus"}}}, "near misses: cosine"),
        ("trees", {}, "one column"),
    ],
)
def test_wrong_settings_are_answered_with_sentences(name, settings, words):
    with pytest.raises(ConfigurationError, match=words):
        make_learner(name, settings, conditions=4, outputs=OUTPUTS)


def test_trees_refuse_negative_weights():
    c, t, _ = sample("trees")
    with pytest.raises(ConfigurationError, match="weights >= 0"):
        learner_of("trees").step(c, t, -torch.ones(len(c)), 0, torch.Generator())


def test_the_discriminator_sees_the_differences_it_is_told_to_see():
    learner = learner_of("bce-gan", auxiliary=[["RichDLLmu", "RichDLLp"]])
    assert (learner.judge.left.tolist(), learner.judge.right.tolist()) == ([0], [2])
    assert learner.judge.body.layers[0].in_features == 4 + 3 + 1


def test_every_game_of_the_list_is_there():
    assert len(GAMES) == 9
    assert set(GAMES) < set(GENERATORS)
