"""The zoo of classes: one line for each, with the same CPU time, on the same rows."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

pytest.importorskip("torch", reason="needs the extra 'train'")
pytest.importorskip("sklearn", reason="needs the extra 'train'")

from lamarr.errors import ConfigurationError
from lamarr.parametrizations.tracking import RESOLUTION
from lamarr.training.names import CLASSES
from lamarr.training.toy import make_events
from lamarr.transpile import load_model
from lamarr.validation.model_zoo import main
from lamarr.validation.zoo_tracks import track_task


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "events.parquet"
    make_events(path, 8000, 1)
    return path


def table_of(output):
    lines = [line for line in output.splitlines() if line.startswith("|")]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in lines]
    assert len({len(row) for row in cells}) == 1, output
    return cells


@pytest.mark.parametrize(
    ("name", "classes"), [("rich_kaon", ("mixture", "ls-gan")), ("is_muon_muon", ("perceptron", "trees"))]
)
def test_the_command_prints_a_line_for_each_class(name, classes, data, tmp_path):
    only = [word for c in classes for word in ("--only", c)]
    arguments = [name, "--data", str(data), "--runs", str(tmp_path), "--seconds", "0.1", *only]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    head, rule, *rows = table_of(result.output)
    assert [row[0] for row in rows] == list(classes)
    assert set("".join(rule)) == {"-"}
    digests = set()
    for row, c in zip(rows, classes, strict=True):
        card = load_model(tmp_path / c, name).card
        assert row[1:3] == [str(card["parameters"]), str(card["training"]["steps"])]
        assert float(row[head.index("C [µs]")]) > 0
        assert np.isfinite([float(cell.split(" ±")[0]) for cell in row[1:]]).all()
        digests.add(card["sample"]["sha256"])
    assert len(digests) == 1


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """Arrays of a tracking sample: all species and types, residuals that grow with the slope."""
    rng, n = np.random.default_rng(4), 9000
    kind = np.eye(3)[rng.integers(0, 3, n)]
    species = np.eye(3)[rng.integers(0, 3, n)]
    state = np.column_stack([rng.normal(size=(n, 3)), rng.uniform(-0.3, 0.3, (n, 2)), rng.uniform(3.3, 5, n)])
    beam = np.hstack([state, species, kind])
    scale = (0.1 + np.abs(beam[:, 3])) * (kind @ [1, 5, 100])
    residuals = rng.normal(size=(n, 9)) * scale[:, None]
    residuals[:, 6:] = rng.uniform(0.5, 1, (n, 3))
    covariance = np.hstack([rng.normal(-8, 1, (n, 5)), np.zeros((n, 10))])
    folder = tmp_path_factory.mktemp("tracks")
    for name, array in {"beam": beam, "resolution": residuals, "covariance": covariance}.items():
        np.save(folder / f"{name}.npy", array.astype(np.float32))
    np.save(folder / "physical.npy", np.arange(n) % 10 > 0)
    return folder


def test_resolution_is_a_task_in_scores_of_each_type_of_track(tracks, tmp_path):
    recipe, path = track_task("resolution", tracks, tmp_path / "table")
    table = pq.read_table(path.with_suffix(".parquet")).to_pandas()
    assert len(table) == 8100
    assert set(recipe.inputs) | set(recipe.outputs) | {"block"} == set(table.columns)
    assert sorted(recipe.outputs) == sorted(RESOLUTION)
    assert table["dx"].std() == pytest.approx(1, abs=0.02)
    long = np.load(tracks / "beam.npy")[np.load(tracks / "physical.npy"), 9] > 0
    assert table["dx"][long].std() == pytest.approx(1, abs=0.03)
    arguments = ["resolution", "--data", str(tracks), "--runs", str(tmp_path), "--seconds", "0.1"]
    result = CliRunner().invoke(main, [*arguments, "--only", "mixture"], catch_exceptions=False)
    _, _, row = table_of(result.output)
    assert row[0] == "mixture"


def test_several_models_at_once_are_refused(data, tmp_path):
    with pytest.raises(ConfigurationError, match="rich_muon, rich_pion"):
        CliRunner().invoke(main, ["rich", "--data", str(data)], catch_exceptions=False)


def test_all_classes_are_known_without_torch():
    from lamarr.training.families import CLASSIFIERS, GENERATORS

    assert {n for n, kind in CLASSES.items() if kind == "generator"} == set(GENERATORS)
    assert {n for n, kind in CLASSES.items() if kind == "classifier"} == set(CLASSIFIERS)
