"""Shipped models are as near to their reference as they were; spoilt ones are found out.

References are made by the command that each file of tests/validation/regression names (docs/validation.md).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import lamarr
from lamarr.errors import ConfigurationError
from lamarr.flash import load_pipeline
from lamarr.parametrizations.sets import set_names
from lamarr.validation.regression import fixed_events, main, simulated, worse

FOLDER = Path(__file__).parent / "regression"
REFERENCES = sorted(FOLDER.glob("*.json"))


def content_of(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def events():
    return fixed_events()


@dataclass(frozen=True)
class Spoilt:
    """A model whose outputs are changed."""

    model: Any
    change: Any
    seeded: None = None  # the model must not answer itself

    def __getattr__(self, name):
        return getattr(self.model, name)

    def __call__(self, x, noise=None):
        y = self.model(x) if noise is None else self.model(x, noise)
        return self.change({n: y[:, i].copy() for i, n in enumerate(self.model.outputs)}, y)


def simulate(events, name, stage, change, seed=7):
    pipeline = load_pipeline(name, backend="numpy")
    (found,) = [s for s in pipeline.stages if s.name == stage]

    def changed(columns, y):
        columns |= change(columns)
        return np.stack([columns[n] for n in found.model.outputs], axis=1).astype(y.dtype)

    found.run = Spoilt(found.model, changed)
    return lamarr.simulate(events, pipeline=pipeline, seed=seed)


def test_every_set_with_models_of_its_own_has_a_reference():
    folder = Path(lamarr.__file__).parent / "parametrizations/sets"
    own = {n for n in set_names() if list((folder / n).glob("*.safetensors"))}
    assert own <= {p.stem for p in REFERENCES}


@pytest.mark.parametrize("name", [p.stem for p in REFERENCES])
@pytest.mark.parametrize(
    "seed", [7, pytest.param(8, marks=pytest.mark.slow), pytest.param(9, marks=pytest.mark.slow)]
)
def test_no_shipped_model_got_worse(events, name, seed):
    found = worse(content_of(name), *simulated(events, name, seed))
    assert not found, "\n".join(map(str, found))


SPOILT = {
    "momenta are measured 15 % worse": ("resolution", lambda c: {"dp": 1.15 * c["dp"]}, "mean of dp"),
    "momenta are 0.1 σ too large": (
        "resolution",
        lambda c: {"dp": c["dp"] + 0.1 * np.median(np.abs(c["dp"]))},
        "mean of dp",
    ),
    "errors are 10 % too large": (
        "covariance",
        lambda c: {n: v + 2 * np.log(1.1) for n, v in c.items() if n.startswith("log_var")},
        "mean of log_sigma",
    ),
    "a twentieth of the tracks is lost": (
        "efficiency",
        lambda c: {"long": 0.95 * c["long"], "not_reconstructed": c["not_reconstructed"] + 0.05 * c["long"]},
        "mean of long",
    ),
}


@pytest.mark.parametrize("how", SPOILT)
def test_spoilt_models_are_found_out(events, how):
    stage, change, quantity = SPOILT[how]
    found = worse(content_of("lhcb2016-magup"), simulate(events[0], "lhcb2016-magup", stage, change))
    assert any(w.name.startswith(quantity) for w in found), f"{how}: {[str(w) for w in found]}"


def test_a_set_without_what_it_gave_is_refused(events):
    batch = lamarr.simulate(events[0].select_events(0, 3000), set="lhcb2016-magup", seed=7)
    with pytest.raises(ConfigurationError, match="gives no"):
        worse(content_of("lhcb2016-magup"), batch)


def test_the_command_wants_one_reference(tmp_path):
    with pytest.raises(ConfigurationError, match="one of"):
        CliRunner().invoke(
            main,
            ["--set", "lhcb2016-magup", "-o", str(tmp_path / "r.json")],
            catch_exceptions=False,
            standalone_mode=False,
        )
