"""Closure of tracks: a perfect copy of a made-up teacher passes, one that is a little wrong is found."""

from dataclasses import dataclass

import numpy as np
import pytest

from lamarr.parametrizations.tracking import BEAM_CONDITIONS
from lamarr.validation import draws, responses


class Teacher:
    """Independent Gaussians with a width that depends on momentum; one draw of five is 'unphysical'."""

    def resolution(self, x, noise):
        return noise[:, :9] * x[:, 5:6]

    def covariance(self, x, noise):
        return noise[:, :15] + x[:, 6:7]


@dataclass
class Copy:
    """Draws as the teacher's physical ones, `wrong` times too wide in the first column."""

    columns: int
    wrong: float = 1.0

    @property
    def n_noise(self):
        return self.columns

    def __call__(self, x, noise):
        y = noise * x[:, 5:6] if self.columns == 9 else noise + x[:, 6:7]
        y[:, 0] *= self.wrong
        return y


def tracks(n=3000):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(n, len(BEAM_CONDITIONS))).astype(np.float32)
    x[:, 5] = rng.uniform(3.3, 5.3, n)
    x[:, 6:] = 0
    x[:, BEAM_CONDITIONS.index("is_mu")] = x[:, BEAM_CONDITIONS.index("long")] = 1
    x[: n // 4, BEAM_CONDITIONS.index("long")] = 0
    x[: n // 4, BEAM_CONDITIONS.index("upstream")] = 1  # fewer than are compared
    return x


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(draws, "physical", lambda _t, p, r, c: r[:, 8] + 0 * p + 0 * c[:, 0] < 4.0)
    monkeypatch.setattr(responses, "_CHUNK", 7000)


def table(wrong=1.0, least=60_000, seed=1):
    models = {"resolution": Copy(9, wrong), "covariance": Copy(15)}
    return {
        r.quantity: r
        for r in responses.responses(
            models, Teacher(), tracks(), least=least, seed=seed, say=lambda _text: None
        )
    }


def test_a_copy_of_the_teacher_is_at_the_floor():
    rows = table()
    assert {q.split()[1] for q in rows if "AUC" not in q} == {"mu"}
    assert {q.split()[2] for q in rows if "AUC" not in q} == {"long"}
    assert len(rows) == 2 * 24 + 3
    for quantity, row in rows.items():
        assert row.floor > 0, quantity
        if "ghost" in quantity or "chain" in quantity or "resolution: AUC" in quantity:
            continue  # the copy does not know of the cut
        assert row.value < 2.5 * row.floor, quantity


def test_a_width_that_is_five_per_cent_wrong_is_found():
    rows = table(1.05)
    wrong = rows["resolution mu long dx: width"]
    assert wrong.value == pytest.approx(0.05, abs=0.04)
    assert not wrong.passed
    assert wrong.value > rows["resolution mu long dx: width"].floor
    assert rows["resolution mu long dx: KS"].value > 2 * rows["resolution mu long dx: KS"].floor


def test_the_table_depends_on_the_seed_alone(monkeypatch):
    first = table(least=20_000)
    monkeypatch.setattr(responses.os, "cpu_count", lambda: 1)
    assert table(least=20_000) == first
    assert table(least=20_000, seed=2) != first


def test_rows_without_a_physical_draw_are_left_out(monkeypatch):
    monkeypatch.setattr(draws, "physical", lambda _t, p, _r, _c: p > 10**4)
    monkeypatch.setattr(draws, "ATTEMPTS", 3)
    beam = tracks(500)
    made = draws.compared_draws(
        {"resolution": Copy(9), "covariance": Copy(15)}, Teacher(), beam, np.random.default_rng(1)
    )
    assert len(made["ours"]) == len(made["covariance_again"]) == (beam[:, 5] > 4).sum()
