"""Calibration of drawn scores: what is wrong in bins of momentum is put right, the rest stays as it is."""

from dataclasses import replace

import numpy as np
import pytest

from lamarr.errors import ConfigurationError, ModelError
from lamarr.parametrizations.tracking import BEAM_CONDITIONS
from lamarr.training.tracking import calibration as room
from lamarr.training.tracking.calibrate import calibrate
from lamarr.training.tracking.calibration import Calibration, calibrated, drawing, target_tables
from lamarr.transpile import GraphBuilder, Model, compiled, evaluate

N = 60_000


def conditions(n=N, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 0.1, (n, 12)).astype(np.float32)
    x[:, 5] = rng.uniform(3.3, 5.3, n)
    x[:, 6:] = 0
    x[np.arange(n), 6 + rng.choice(3, n, p=[0.01, 0.49, 0.5])] = 1
    x[np.arange(n), 9 + rng.choice(3, n, p=[0.5, 0.49, 0.01])] = 1
    return x


def drawn_and_true(x, seed=2):
    """Scores of two outputs whose centre and width depend on momentum, species and type in other ways."""
    rng = np.random.default_rng(seed)
    u, v = rng.normal(size=(2, len(x), 2)).astype(np.float32)
    slope, muon = (x[:, 5:6] - 4.3), x[:, 7:8]
    return u * 0.9, v * (1 + 0.2 * slope) + 0.3 * muon * slope


def applied(found, x, z):
    b = GraphBuilder(x=x.shape[1], z=z.shape[1])
    graph = b.finish(found.lower(b, b.input("x"), b.input("z")))
    return evaluate(graph, x=x, z=z)


def test_quantiles_of_other_tracks_become_those_of_the_teacher():
    x, other = conditions(), conditions(seed=5)
    ours, true = drawn_and_true(x)
    found = Calibration.fit(BEAM_CONDITIONS, x, ours[None], true)
    before, wanted = drawn_and_true(other, seed=6)
    after = applied(found, other, before)
    for muon in (0, 1):
        for low, high in ((3.3, 3.8), (3.8, 4.8), (4.8, 5.3)):
            rows = (other[:, 7] == muon) & (other[:, 11] == 0) & (other[:, 6] == 0)
            rows &= (other[:, 5] > low) & (other[:, 5] < high)
            for j in (0, 1):
                is_, should, was = (
                    np.quantile(z[rows, j], [0.1587, 0.5, 0.8413]) for z in (after, wanted, before)
                )
                error, before_it = np.abs(is_ - should).max(), np.abs(was - should).max()
                assert error < 0.12
                assert error < 0.5 * before_it or before_it < 0.15


def test_a_species_or_type_with_few_tracks_stays_as_it_is():
    x = conditions()
    ours, true = drawn_and_true(x)
    found = Calibration.fit(BEAM_CONDITIONS, x, ours[None], true)
    rare = (x[:, 6] > 0) | (x[:, 11] > 0)
    assert rare.sum() > 500
    after = applied(found, x, ours)
    np.testing.assert_array_equal(after[rare], ours[rare])
    assert (after[~rare] != ours[~rare]).all(axis=1).mean() > 0.99
    with pytest.raises(ConfigurationError, match="2000 tracks"):
        Calibration.fit(BEAM_CONDITIONS, x[:1500], ours[None, :1500], true[:1500])


def test_maps_rise_and_their_shift_is_constant_far_outside():
    x = conditions()
    ours, true = drawn_and_true(x)
    found = Calibration.fit(BEAM_CONDITIONS, x, ours[None], true)
    one = np.repeat(x[x[:, 7] > 0][:1], 4001, axis=0)
    z = np.repeat(np.linspace(-8, 8, 4001, dtype=np.float32)[:, None], 2, axis=1)
    after = applied(found, one, z)
    assert (np.diff(after, axis=0) > 0).all()
    far = after - z
    np.testing.assert_allclose(far[:500], far[:1].repeat(500, axis=0), atol=1e-5)
    np.testing.assert_allclose(far[-500:], far[-1:].repeat(500, axis=0), atol=1e-4)


def test_the_tree_finds_the_bin_of_every_row():
    x = conditions()
    ours, true = drawn_and_true(x)
    found = Calibration.fit(BEAM_CONDITIONS, x, ours[None], true)
    after, first = applied(found, x, ours), 0
    for (species, kind), edges in zip(room.GROUPS, found.edges, strict=True):
        if edges is None:
            continue
        rows = np.flatnonzero(
            (x[:, BEAM_CONDITIONS.index(species)] > 0) & (x[:, BEAM_CONDITIONS.index(kind)] > 0)
        )
        bins = first + np.searchsorted(edges, x[rows, 5])
        for j in (0, 1):
            u = (ours[rows, j] - found.median[bins, j]) / found.half_width[bins, j]
            shift = [np.interp(a, room.KNOTS, f) for a, f in zip(u, found.shifts[bins, :, j], strict=True)]
            np.testing.assert_allclose(after[rows, j] - ours[rows, j], shift, atol=2e-5)
        first += len(edges) + 1
    assert first == len(found.median)


def tiny():
    """A model of two outputs: noise, as scores, through tables."""
    b = GraphBuilder(x=12, noise=2)
    knots = np.linspace(-4, 4, 9)
    y = b.add("interpolate", b.input("noise"), x=np.stack([knots, knots]), y=np.stack([knots, 10 * knots]))
    return Model(
        name="resolution",
        inputs=BEAM_CONDITIONS,
        outputs=("a", "b"),
        n_noise=2,
        ranges={},
        card={},
        graph=b.finish(y),
    )


def test_a_calibrated_model_draws_the_same_in_numpy_and_in_c():
    model, x = tiny(), conditions(20_000)
    ours, true = drawn_and_true(x)
    after = calibrated(model, Calibration.fit(BEAM_CONDITIONS, x, ours[None], true))
    assert after.n_noise == 2
    noise = np.random.default_rng(3).normal(size=(len(x), 2)).astype(np.float32)
    np.testing.assert_allclose(drawing(model)(x, noise), noise)
    inside = np.abs(applied(Calibration.fit(BEAM_CONDITIONS, x, ours[None], true), x, noise)).max(axis=1) < 4
    numbers = after(x, noise)
    np.testing.assert_allclose(numbers[inside, 0], drawing(after)(x, noise)[inside, 0], atol=1e-5)
    np.testing.assert_allclose(compiled([after], "c")["resolution"](x, noise), numbers, rtol=1e-5, atol=2e-5)


def test_what_cannot_be_calibrated_is_refused(tmp_path):
    model = tiny()
    scores, values = target_tables(model)
    assert values[1, 0] == 10 * scores[1, 0]
    model.card["calibration"] = {"date": "2026-11-25"}
    with pytest.raises(ConfigurationError, match="calibrated already"):
        calibrate(model, tmp_path)
    b = GraphBuilder(x=1)
    plain = b.finish(b.add("tanh", b.input("x")))
    with pytest.raises(ModelError, match="one table of scores"):
        target_tables(replace(model, inputs=("x",), outputs=("y",), n_noise=0, graph=plain))
