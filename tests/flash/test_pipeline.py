"""The chain is checked before the first event; what is wrong is said in a sentence."""

import shutil

import numpy as np
import pytest

from lamarr.errors import ConfigurationError, PipelineError, UnknownNameError
from lamarr.flash import STAGES, Pipeline, PipelineConfiguration, Stage, load_pipeline
from lamarr.flash.stage import columns
from lamarr.flash.stages import Classify, CountTracks
from made_up_events import made_up


class Reads(Stage):
    name = "reads"
    writes = columns()

    def __init__(self, **reads):
        self.reads = columns(**reads)

    def __call__(self, batch, seed):
        return batch


class Lies(Stage):
    name = "lies"
    reads = columns()
    writes = columns(events=("nTracks",))

    def __call__(self, batch, seed):
        return batch


@pytest.mark.parametrize(
    ("stages", "sentence"),
    [
        (
            [Reads(particles=("charge",))],
            "'reads' reads particles.charge.*add stage 'classify', which writes it",
        ),
        ([Reads(particles=("charge",)), Classify()], "put stage 'classify'.*before 'reads'"),
        ([CountTracks()], r"'count_tracks' reads tracks\.event_id.*add stage 'resolution'"),
        (
            [Reads(particles=("chrage",))],
            r"particles\.chrage, which is not in the schema; near misses: particles.charge",
        ),
        (
            [Reads(partikles=("px",))],
            r"partikles\.px, which is not in the schema; near misses: particles\.px",
        ),
        ([Classify(), Classify()], "two stages are called 'classify'"),
    ],
)
def test_a_chain_that_does_not_fit_is_refused(stages, sentence):
    with pytest.raises(PipelineError, match=sentence):
        Pipeline(stages)


def test_a_missing_column_is_named_with_near_misses():
    given = {"particles": ("pid", "status", "end_vertex", "particle_id", "event_id")}
    with pytest.raises(PipelineError, match=r"reads particles\.pz.*no shipped stage writes it; near misses"):
        Pipeline([Classify()], given=given)


def test_a_stage_must_write_what_it_declares():
    with pytest.raises(PipelineError, match=r"'lies' declares but did not write events\.nTracks"):
        Pipeline([Lies()])(made_up([{}]), 0)


def test_default_pipeline_has_all_stages_that_the_set_has_models_for(tiny_set):
    pipeline = load_pipeline(str(tiny_set))
    assert [s.name for s in pipeline.stages] == [n for n in STAGES if n not in ("occupancy", "pid", "ecal")]
    assert "classify -> acceptance" in repr(pipeline)


def test_describe_changes_with_models_and_charge(tiny_set):
    plain = PipelineConfiguration(set=str(tiny_set)).build().describe()
    mirrored = PipelineConfiguration(set=f"{tiny_set}-mirrored").build().describe()
    assert plain != mirrored
    assert plain == PipelineConfiguration(set=str(tiny_set)).build().describe()


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        ("sets: a\n", ConfigurationError, "no key is called 'sets'; near misses: set"),
        ("set: lhcb2016-magpu\n", UnknownNameError, "no set of models is called 'lhcb2016-magpu'"),
        ("set: SET\nstages: [classify, acceptence]\n", UnknownNameError, "near misses: acceptance"),
        ("set: SET\ndetector: lhcb2016-magpu\n", UnknownNameError, "near misses: lhcb2016-magup"),
        ("set: SET\nstages: [resolution]\n", PipelineError, "reads particles.charge.*'classify'"),
        ("set: SET\nstages: classify\n", ConfigurationError, "'stages'"),
        ("- set\n", ConfigurationError, "a mapping of keys"),
    ],
)
def test_wrong_yaml_is_answered_with_a_sentence(tmp_path, tiny_set, text, error, sentence):
    file = tmp_path / "pipeline.yaml"
    file.write_text(text.replace("SET", str(tiny_set)))
    with pytest.raises(error, match=sentence):
        load_pipeline(file)


def test_yaml_chooses_stages(tmp_path, tiny_set):
    file = tmp_path / "pipeline.yaml"
    file.write_text(f"set: {tiny_set}\nstages: [classify, propagate]\n")
    result = load_pipeline(file)(made_up([{}]), 0)
    assert "true_states" in result
    assert "tracks" not in result


def test_a_compiled_pipeline_agrees_with_the_definition(tiny_set):
    if not shutil.which("cc"):
        pytest.skip("no C compiler is installed")
    events = made_up(*([{"px": 30.0 * i + e} for i in range(40)] for e in range(5)))
    numpy, c = (load_pipeline(str(tiny_set), backend=b) for b in ("numpy", "c"))
    assert numpy.describe() != c.describe()
    expected, found = numpy(events, 3), c(events, 3)
    np.testing.assert_allclose(
        found["particles"]["acceptance"], expected["particles"]["acceptance"], rtol=1e-4
    )
    assert (found["particles"]["fate"] == expected["particles"]["fate"]).mean() > 0.99


def test_a_pipeline_of_something_else_is_refused():
    with pytest.raises(ConfigurationError, match="a pipeline is named by"):
        load_pipeline(7)
