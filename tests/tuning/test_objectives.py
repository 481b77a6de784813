"""The objective of recipes of trainings: trains, reports its looks, is stopped early, says what is wrong."""

import pytest
import yaml

pytest.importorskip("torch", reason="needs the extra 'train'")
pytest.importorskip("sklearn", reason="needs the extra 'train'")

from lamarr.errors import ConfigurationError
from lamarr.training.recipe import shipped_recipes
from lamarr.training.toy import make_events
from lamarr.tuning.objectives import objective
from lamarr.tuning.recipe import load_objective, read_recipe, resolve
from lamarr.tuning.study import Pruned


class TrialOfTests:
    """Remembers reports; asks to stop after the first if told so."""

    def __init__(self, stop=False):
        self.stop, self.reports = stop, []

    def report(self, step, value):
        self.reports.append((step, value))

    def should_prune(self):
        return self.stop


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune")
    make_events(folder / "events.parquet", 8000, 1)
    recipe = yaml.safe_load(shipped_recipes()["rich"].read_text())
    recipe |= {"data": str(folder / "events.parquet"), "species": ["kaon"]}
    recipe["training"] = {"steps": 30, "batch": 64, "looks": 3, "referee_rows": 200}
    recipe["model"] |= {"trunk": 16, "head": 8, "components": 3}
    (folder / "mine.yaml").write_text(yaml.safe_dump(recipe))
    return resolve(read_recipe(folder / "mine.yaml"), {"model.trunk": 24, "model.optimiser.rate": 1e-3})


def test_a_trial_trains_with_its_values_and_reports(settings):
    assert settings["model"]["trunk"] == 24
    trial = TrialOfTests()
    score = objective(settings, trial)
    assert [step for step, _ in trial.reports] == [10, 20]
    assert score <= min(value for _, value in trial.reports)


def test_a_hopeless_trial_is_stopped(settings):
    trial = TrialOfTests(stop=True)
    with pytest.raises(Pruned):
        objective(settings, trial)
    assert len(trial.reports) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"data": None}, "needs the key 'data'"), ({"species": ["kaon", "pion"]}, "makes rich_kaon, rich_pion")],
)
def test_recipes_that_cannot_be_tuned_are_refused(settings, changes, words):
    with pytest.raises(ConfigurationError, match=words):
        objective({**settings, **changes}, TrialOfTests())


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_can_be_tuned(name):
    recipe = read_recipe(shipped_recipes()[name])
    assert load_objective(recipe.tune.objective) is objective
