"""The smearing of primary vertices, learned from simulated events."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from lamarr.detector import load_detector
from lamarr.errors import ConfigurationError, InputFileError
from lamarr.events import EventBatch, open_writer
from lamarr.flash import load_pipeline
from lamarr.generation import DecayGun
from lamarr.parametrizations.sets import load_set
from lamarr.training.tracking.primary_vertices import fit_triple_gaussian, main


def test_three_gaussians_are_found_again():
    rng = np.random.default_rng(1)
    sigma = rng.choice([0.01, 0.03, 0.1], 200_000, p=[0.6, 0.3, 0.1])
    found = fit_triple_gaussian(0.002 + sigma * rng.standard_normal(200_000))
    assert found.mu == pytest.approx(0.002, abs=2e-4)
    assert sorted(found.sigmas) == pytest.approx([0.01, 0.03, 0.1], rel=0.05)
    by_width = [f for _, f in sorted(zip(found.sigmas, found.fractions, strict=True))]
    assert by_width == pytest.approx([0.6, 0.3, 0.1], abs=0.03)
    with pytest.raises(InputFileError, match="at least 50"):
        fit_triple_gaussian(np.zeros(3))


def test_a_set_smears_as_the_events_that_it_learned_from(tiny_set, tmp_path):
    source = DecayGun("[B_s0 -> mu+ mu-]cc", 4000, seed=3)
    batch = load_pipeline(str(tiny_set))(EventBatch.concatenate(source.batches(4000)), 5)
    events = tmp_path / "events.parquet"
    with open_writer(events, sources=batch.sources, metadata={}) as writer:
        writer.write(batch)
    folder = tmp_path / "mine"
    folder.mkdir()
    declared = {"name": "mine", "title": "t", "detector": "lhcb2016-magup", "derived_from": str(tiny_set)}
    (folder / "set.json").write_text(json.dumps(declared))
    assert load_set(folder).primary_vertex is None
    said = CliRunner().invoke(main, [str(events), "-o", str(folder)])
    assert said.exit_code == 0, said.output
    own, detector = load_set(folder).primary_vertex, load_detector("lhcb2016-magup").primary_vertex

    def rms(shape):
        return np.sqrt(np.dot(shape.fractions, np.square(shape.sigmas)))

    for axis in "xyz":
        assert rms(getattr(own, axis)) == pytest.approx(rms(getattr(detector, axis)), rel=0.1)
    stage = next(s for s in load_pipeline(str(folder)).stages if s.name == "primary_vertices")
    assert stage.smearing == own


def test_a_wrong_key_is_named(tiny_set, tmp_path):
    declared = {"name": "x", "title": "t", "detector": "lhcb2016-magup", "derived_from": str(tiny_set)}
    (tmp_path / "set.json").write_text(json.dumps(declared | {"primary_vertex": {"q": {}}}))
    with pytest.raises(ConfigurationError, match=r"set\.json"):
        load_set(tmp_path)
