"""Networks mean the same in torch and as a graph; densities are densities; draws follow them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs the extra 'train'")

from lamarr.networks.autoregressive import AutoregressiveSpline
from lamarr.networks.lowering import lower_autoregressive, lower_mixture, lower_mlp
from lamarr.networks.mixture import AutoregressiveMixture
from lamarr.networks.mlp import MLP
from lamarr.networks.muon import orthogonalised
from lamarr.networks.spline import spline, spline_inverse
from lamarr.transpile import GraphBuilder, evaluate


def shaken(network, seed):
    """Random weights everywhere, also where a network starts from zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.15 * torch.randn(p.shape, generator=generator))
    return network


def rows(n, width, seed):
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh", "silu"])
@pytest.mark.parametrize("residual", [False, True])
def test_mlp(activation, residual):
    network = shaken(MLP(5, [16, 16, 8], 3, activation=activation, residual=residual), 1)
    b = GraphBuilder(x=5)
    graph = b.finish(lower_mlp(b, network, b.input("x")))
    x = rows(500, 5, 2)
    expected = network(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(evaluate(graph, x=x), expected, atol=3e-6 * np.abs(expected).max())


def flow(seed=0):
    return shaken(AutoregressiveSpline(4, 5, trunk=(16, 16), head=8, bins=6), seed)


def mixture(seed=0):
    return shaken(AutoregressiveMixture(4, 5, trunk=16, head=8, components=3), seed)


@pytest.mark.parametrize(
    ("network", "lower", "noise"), [(flow(), lower_autoregressive, 5), (mixture(), lower_mixture, 10)]
)
def test_draws_are_those_of_the_graph(network, lower, noise):
    b = GraphBuilder(x=4, noise=noise)
    graph = b.finish(lower(b, network, b.input("x"), b.input("noise")))
    x, n = rows(3000, 4, 3), rows(3000, noise, 4)
    with torch.no_grad():
        expected = network.sample(torch.from_numpy(x), torch.from_numpy(n)).numpy()
    error = np.abs(evaluate(graph, x=x, noise=n) - expected).max(axis=1) / expected.std()
    # a component's border may be crossed by the rounding of the uniform number that chooses it
    assert np.quantile(error, 0.995) < 3e-5


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "make",
    [
        lambda: AutoregressiveSpline(4, 1, trunk=(16, 16), head=8, bins=6),
        lambda: AutoregressiveMixture(4, 1, trunk=16, head=8, components=3),
    ],
)
def test_densities_integrate_to_one(make, seed):
    network = shaken(make(), seed)
    grid = torch.sinh(torch.linspace(-9, 9, 40_001, dtype=torch.float64)).float()
    with torch.no_grad():
        density = network.log_prob(grid[:, None], torch.full((len(grid), 4), 0.3)).double().exp()
    assert float(torch.trapezoid(density, grid.double())) == pytest.approx(1, abs=2e-3)


def test_draws_of_the_mixture_have_the_density_of_the_mixture():
    network = mixture(7)
    n = 40_000
    c = torch.zeros(n, 4)
    t = network.sample(c, torch.randn(n, 10, generator=torch.Generator().manual_seed(1)))[:, :1].numpy()[:, 0]
    grid = torch.linspace(-12, 12, 4001)
    targets = torch.zeros(len(grid), 5)
    targets[:, 0] = grid
    with torch.no_grad():
        hidden = network.activation(network.context(network.trunk(torch.zeros(1, 4))))[:, : network.head]
        logit, mu, log_sigma = network._components(hidden @ network.out[0] + network.out_bias[0])
        weight = torch.softmax(logit, dim=-1)
        z = (grid[:, None] - mu) / torch.exp(log_sigma)
        cdf = (weight * torch.special.ndtr(z)).sum(-1).numpy()
    distance = np.abs(np.searchsorted(np.sort(t), grid.numpy()) / n - cdf).max()
    assert distance < 1.63 / math.sqrt(n)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), bins=st.integers(2, 16), scale=st.floats(0.01, 4))
def test_spline_is_monotone_and_inverted(seed, bins, scale):
    generator = torch.Generator().manual_seed(seed)
    raw = (scale * torch.randn(1, 2 * bins - 1, generator=generator, dtype=torch.float64)).expand(400, -1)
    u = torch.linspace(-5, 5, 400, dtype=torch.float64)
    v = spline(u, raw, bins, 4.0)
    assert (v.diff() > 0).all()
    back, log_slope = spline_inverse(v, raw, bins, 4.0)
    assert (back - u).abs().max() < 1e-5
    assert torch.isfinite(log_slope).all()


@given(seed=st.integers(0, 1000), rows_=st.integers(2, 20), columns=st.integers(2, 20))
def test_orthogonalised_matrices_have_singular_values_of_order_one(seed, rows_, columns):
    matrix = torch.randn(rows_, columns, generator=torch.Generator().manual_seed(seed))
    values = torch.linalg.svdvals(orthogonalised(matrix))
    assert values.max() < 1.3
    assert values.mean() > 0.5
