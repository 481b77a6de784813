"""Units, owners and the loop of the ECAL's engines, on made-up events with a known response."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="trainings are torch's")

from lamarr.detector.geometry import load_geometry
from lamarr.errors import ConfigurationError, InputFileError
from lamarr.networks.translation import Translation
from lamarr.parametrizations.ecal.queries import CLUSTERS, SOURCES, features_of, places_of
from lamarr.parametrizations.ecal.tokens import TOKEN_FEATURES, tokens, units_of
from lamarr.training.ecal.batches import Batches, mirrored, padded
from lamarr.training.ecal.events import UnitSample, join, part_of, units_from
from lamarr.training.ecal.fit import Fit, Pace
from lamarr.training.ecal.owners import ranks_of
from lamarr.training.ecal.toy import toy_events

CALORIMETER = load_geometry("lhcb2016").calorimeter


@pytest.fixture(scope="module")
def sample() -> UnitSample:
    sources, clusters, owner = toy_events(120, seed=1)
    return units_from(clusters, sources, owner, CALORIMETER, "toy")


def test_units_hold_every_source_and_cluster_once(sample: UnitSample) -> None:
    sources, clusters, owner = toy_events(120, seed=1)
    assert len(sample.tokens) == len(sources["x"])
    assert len(sample.targets) == len(clusters["x"])
    assert sample.owned.sum() == (owner >= 0).sum() == (sample.queries[:, -1] < 0.5).sum()
    by_unit = np.add.reduceat(sample.owned, sample.first_source[:-1])
    mine = (sample.queries[:, -1] < 0.5).astype(int)
    of = np.repeat(np.arange(len(sample)), np.diff(sample.first_cluster))
    assert (np.bincount(of, mine, minlength=len(sample)) == by_unit).all()


def test_features_of_clusters_can_be_turned_back() -> None:
    sources, clusters, owner = toy_events(50, seed=2)
    back = places_of(features_of(clusters, sources, owner, CALORIMETER), sources, owner, CALORIMETER)
    for name, tolerance in (("x", 0.02), ("y", 0.02)):
        np.testing.assert_allclose(back[name], clusters[name], atol=tolerance, err_msg=name)
    np.testing.assert_allclose(back["energy"], clusters["energy"], rtol=1e-4)


@given(st.integers(0, 2**31), st.integers(1, 600), st.integers(1, 200))
@settings(max_examples=30, deadline=None)
def test_units_are_never_larger_than_allowed(seed: int, n: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    columns = {"event_id": np.zeros(n, int), "x": rng.normal(size=n), "y": rng.normal(size=n)}
    unit = units_of(columns, most)
    size = np.bincount(unit)
    assert size.max() <= most
    assert size.min() >= 1
    assert size.sum() == n
    assert (unit == 0).all() or n > most


def test_a_token_does_not_depend_on_other_events() -> None:
    sources, _, _ = toy_events(40, seed=3)
    whole = tokens(sources, CALORIMETER)
    for event in (0, 17, 39):
        mine = sources["event_id"] == event
        np.testing.assert_array_equal(
            whole[mine], tokens({k: v[mine] for k, v in sources.items()}, CALORIMETER)
        )
    assert np.isfinite(whole).all()
    assert np.abs(whole).max() < 20


def test_the_neighbour_that_matters_comes_first() -> None:
    one = {"event_id": np.zeros(3, int), "kind": np.zeros(3, int), "energy": np.array([1e4, 5e3, 1e3])}
    at = {"x": np.array([1000.0, 1050.0, 1600.0]), "y": np.full(3, 500.0)}
    rest = {c: np.zeros(3) for c in ("tx", "ty", "z_origin")}
    token = tokens({**one, **at, **rest, "x_line": at["x"], "y_line": at["y"]}, CALORIMETER)
    dx, ratio = TOKEN_FEATURES.index("dx_0"), TOKEN_FEATURES.index("log_ratio_0")
    assert token[0, dx] > 0 > token[1, dx]
    assert token[0, ratio] < 0 < token[1, ratio]


def test_ranks_are_by_energy_within_an_owner() -> None:
    owner, energy = np.array([2, 0, 2, -1, 2, -1]), np.array([5.0, 1.0, 7.0, 9.0, 6.0, 3.0])
    assert ranks_of(owner, energy).tolist() == [2, 0, 0, 0, 1, 0]


def test_events_are_split_by_file_and_event_alone() -> None:
    part = part_of(np.arange(20_000), "balanced")
    assert (part == part_of(np.arange(20_000), "balanced")).all()
    assert abs((part == 0).mean() - 0.8) < 0.01
    assert abs((part == 1).mean() - 0.1) < 0.01
    assert (part != part_of(np.arange(20_000), "minbias")).any()


def test_samples_are_joined_saved_and_refused(sample: UnitSample, tmp_path: Path) -> None:
    both = join([sample, sample])
    assert len(both) == 2 * len(sample)
    assert both.first_cluster[-1] == len(both.targets)
    both.save(tmp_path / "both.npz")
    assert UnitSample.load(tmp_path / "both.npz").digest() == both.digest() != sample.digest()
    (tmp_path / "other.npz").write_bytes(b"no archive")
    with pytest.raises(InputFileError, match="is no sample of"):
        UnitSample.load(tmp_path / "other.npz")


def test_more_clusters_than_fit_are_left_out_and_counted() -> None:
    sources, clusters, _owner = toy_events(3, seed=1)
    many = np.repeat(np.flatnonzero(clusters["event_id"] == 1), CLUSTERS)
    few = np.flatnonzero(clusters["event_id"] != 1)
    rows = np.sort(np.concatenate([few, many]))
    some = {k: v[rows] for k, v in clusters.items()}
    left = units_from(some, sources, np.full(len(rows), -1), CALORIMETER, "toy")
    assert left.left_out.tolist() == [1]
    assert len(left) == 2
    assert len(left.tokens) == (sources["event_id"] != 1).sum() <= 2 * SOURCES


def fit_of(sample: UnitSample, folder: Path, pace: Pace) -> Fit:
    torch.manual_seed(1)
    network = Translation(sample.tokens.shape[1], sample.queries.shape[1], 3, width=16, encoder=1, decoder=1)
    batches = [Batches(sample, part, pace.batch, seed=1) for part in (0, 1)]
    return Fit(network, *batches, pace, checkpoint=folder / "checkpoint")


def test_a_training_goes_on_with_the_same_bits(sample: UnitSample, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    pace = Pace(steps=6, batch=8, every=2)
    whole = fit_of(sample, tmp_path, pace)
    whole.run()
    (tmp_path / "cut").mkdir()
    cut = fit_of(sample, tmp_path / "cut", pace)
    cut.run(until=3)  # the last checkpoint is of step 2
    again = fit_of(sample, tmp_path / "cut", pace)
    assert again.step == 2
    again.run()
    assert again.history == whole.history
    assert len(whole.history) == 3
    for k, v in whole.network.state_dict().items():
        assert torch.equal(v, again.network.state_dict()[k]), k
    with pytest.raises(ConfigurationError, match="belongs to another training"):
        fit_of(sample, tmp_path, dataclasses.replace(pace, adam_rate=1.0))


KILLED = """
import sys, torch
torch.set_num_threads(1)
sys.path.insert(0, {tests!r})
from test_ecal_training import *
sources, clusters, owner = toy_events(120, seed=1)
sample = units_from(clusters, sources, owner, CALORIMETER, "toy")
fit = fit_of(sample, Path(sys.argv[1]), Pace(steps=6, batch=8, every=2))
fit._look = (lambda say, look=fit._look: (look(say), __import__("os").kill(__import__("os").getpid(), 9)))
fit.run()
"""


@pytest.mark.slow
def test_a_killed_training_goes_on_with_the_same_bits(sample: UnitSample, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    code = KILLED.format(tests=str(Path(__file__).parent))
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    pace = Pace(steps=6, batch=8, every=2)
    again = fit_of(sample, tmp_path, pace)
    assert again.step == 4
    (tmp_path / "whole").mkdir()
    assert again.run() == fit_of(sample, tmp_path / "whole", pace).run()


def mean_count(network: Any, sample: UnitSample, units: np.ndarray) -> np.ndarray:
    """Expected numbers of clusters of the sources of some units."""

    u = padded(sample, units)
    with torch.no_grad():
        p = torch.softmax(network.counts.owned(network.encoder(u.tokens, u.sources_there)), dim=-1)
    return ((p * torch.arange(p.shape[-1])).sum(-1))[u.sources_there].numpy()


@pytest.mark.slow
def test_merging_of_near_photons_is_learned(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    sources, clusters, owner = toy_events(1500, seed=5)
    sample = units_from(clusters, sources, owner, CALORIMETER, "toy")
    fit = fit_of(sample, tmp_path, Pace(steps=600, batch=32, every=200))
    fit.run()
    sources, clusters, owner = toy_events(1500, seed=6)
    fresh = units_from(clusters, sources, owner, CALORIMETER, "toy")
    expected = mean_count(fit.network, fresh, np.arange(len(fresh)))
    # the nearest harder photon within 200 mm, if any, is the partner
    soft, distance = _partners(sources)
    for low, high in ((0, 40), (40, 90), (90, 200)):
        these = soft[(distance > low) & (distance < high)]
        found = fresh.owned[these]
        assert abs(expected[these].mean() - found.mean()) < 0.03 + 2 * found.std() / len(these) ** 0.5
    near, far = expected[soft[distance < 40]].mean(), expected[soft[distance > 90]].mean()
    assert near < 0.15 < 0.75 < far


def _partners(sources: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    soft, distance = [], []
    for event in np.unique(sources["event_id"]):
        rows = np.flatnonzero(sources["event_id"] == event)
        d = np.hypot(*(sources[a][rows][:, None] - sources[a][rows][None] for a in "xy"))
        d[np.triu_indices(len(rows))] = np.inf  # rows are sorted: those before are harder
        near = (d < 200).sum(axis=1) == 1
        soft += list(rows[near])
        distance += list(d.min(axis=1)[near])
    return np.array(soft), np.array(distance)


def test_a_mirrored_unit_is_the_unit_of_the_mirrored_event() -> None:
    sources, clusters, owner = toy_events(20, seed=7)
    odd = ("x", "x_line", "tx")
    other = [{c: -v if c in odd else v for c, v in columns.items()} for columns in (sources, clusters)]
    a, b = (
        padded(units_from(c, s, owner, CALORIMETER, "toy"), np.arange(20))
        for s, c in ((sources, clusters), (other[0], other[1]))
    )
    signs = -torch.ones(20), torch.ones(20)
    seen = mirrored(a, *signs)
    for name in ("tokens", "queries", "targets"):
        torch.testing.assert_close(getattr(seen, name), getattr(b, name), rtol=1e-4, atol=1e-4)
