"""The zoo of classes: one line for each, with the same CPU time, on the same rows."""

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch", reason="needs the extra 'train'")
pytest.importorskip("sklearn", reason="needs the extra 'train'")

from lamarr.errors import ConfigurationError
from lamarr.training.names import CLASSES
from lamarr.training.toy import make_events
from lamarr.transpile import load_model
from lamarr.validation.model_zoo import main


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "events.parquet"
    make_events(path, 8000, 1)
    return path


def table(output):
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
    head, rule, *rows = table(result.output)
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


def test_several_models_at_once_are_refused(data, tmp_path):
    with pytest.raises(ConfigurationError, match="rich_muon, rich_pion"):
        CliRunner().invoke(main, ["rich", "--data", str(data)], catch_exceptions=False)


def test_all_classes_are_known_without_torch():
    from lamarr.training.families import CLASSIFIERS, GENERATORS

    assert {n for n, kind in CLASSES.items() if kind == "generator"} == set(GENERATORS)
    assert {n for n, kind in CLASSES.items() if kind == "classifier"} == set(CLASSIFIERS)
