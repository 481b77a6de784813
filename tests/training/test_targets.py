"""Scores of tracking targets by type of track: back and forth, bounded, recalibrated, and in the model."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")

from lamarr.errors import ConfigurationError
from lamarr.networks.lowering import lower_mixture
from lamarr.networks.mixture import AutoregressiveMixture
from lamarr.training.tracking.recipes import RECIPES, by_track_type
from lamarr.training.tracking.targets import TargetScores, draw_scores
from lamarr.transpile import GraphBuilder, evaluate

FLAGS = (1, 2, 3)


@pytest.fixture(scope="module")
def tracks():
    """Targets (n, 2) whose spread and mean depend on the type, and conditions with its flags."""
    rng = np.random.default_rng(1)
    kind = rng.integers(0, 3, 9000)
    conditions = np.column_stack([rng.normal(size=9000), np.eye(3)[kind]])
    targets = rng.normal(size=(9000, 2)) * np.array([0.1, 3.0, 40.0])[kind][:, None] + kind[:, None]
    return targets, conditions, kind


def lowered(scores, conditions, z, order=(0, 1)):
    b = GraphBuilder(x=conditions.shape[1], z=z.shape[1])
    graph = b.finish(scores.lower(b, b.input("x"), b.input("z"), list(order)))
    return evaluate(graph, x=conditions.astype(np.float32), z=z.astype(np.float32))


def test_every_type_has_normal_scores_and_comes_back(tracks):
    targets, conditions, kind = tracks
    scores = TargetScores.fit(targets, conditions, FLAGS)
    z = scores.forward(targets, conditions)
    for k in range(3):
        np.testing.assert_allclose(z[kind == k].std(axis=0), 1, atol=0.03)
    np.testing.assert_allclose(lowered(scores, conditions, z), targets, rtol=1e-3, atol=2e-3)
    swapped = lowered(scores, conditions, z, (1, 0))
    np.testing.assert_allclose(swapped, targets[:, ::-1], rtol=1e-3, atol=2e-3)


def test_no_draw_leaves_the_range_of_its_type(tracks):
    targets, conditions, kind = tracks
    far = np.random.default_rng(2).normal(size=targets.shape) * 50
    own = lowered(TargetScores.fit(targets, conditions, FLAGS), conditions, far)
    common = lowered(TargetScores.fit(targets, conditions), conditions, far)
    largest = np.abs(targets[kind == 0]).max()
    assert np.abs(own[kind == 0]).max() <= largest * 1.0001
    assert np.abs(common[kind == 0]).max() > 20 * largest


def test_recalibration_gives_each_type_the_distribution_of_the_sample(tracks):
    targets, conditions, kind = tracks
    scores = TargetScores.fit(targets, conditions, FLAGS)
    drawn = 1.4 * scores.forward(targets, conditions) + 0.2
    better = scores.recalibrated(drawn, conditions)
    np.testing.assert_allclose(lowered(better, conditions, drawn), targets, rtol=0.02, atol=0.05)
    wrong = lowered(scores, conditions, drawn)
    assert wrong[kind == 2].std() > 1.2 * targets[kind == 2].std()


def test_a_type_without_tracks_is_named(tracks):
    targets, conditions, kind = tracks
    with pytest.raises(ConfigurationError, match="at least 500 upstream tracks, but there are 0"):
        TargetScores.fit(targets[kind != 1], conditions[kind != 1], FLAGS)
    with pytest.raises(ConfigurationError, match="only resolution and covariance"):
        by_track_type(RECIPES["efficiency"])


def test_bounded_draws_are_those_of_the_graph():
    torch.manual_seed(1)
    network = AutoregressiveMixture(3, 4, trunk=8, depth=2, head=8, components=3, bound=0.7)
    rng = np.random.default_rng(3)
    c, noise = rng.normal(size=(500, 3)).astype(np.float32), rng.normal(size=(500, 8)).astype(np.float32)
    b = GraphBuilder(x=3, noise=8)
    graph = b.finish(lower_mixture(b, network, b.input("x"), b.input("noise")))
    ours = network.sample(torch.from_numpy(c), torch.from_numpy(noise)).numpy()
    assert np.abs(ours).max() == np.float32(0.7)
    away = np.abs(evaluate(graph, x=c, noise=noise) - ours).max(axis=1)
    assert np.quantile(away, 0.99) < 1e-4  # a uniform at the edge of two components may choose the other
    twice = draw_scores(network.sample, torch.from_numpy(c), 8, 1, passes=2)
    assert twice.shape == (1000, 4)
