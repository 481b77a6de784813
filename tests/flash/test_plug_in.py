"""Libraries of others as stages: called with their columns, refused with a sentence."""

import shutil
import subprocess

import numpy as np
import pytest

from lamarr.errors import LamarrError, ModelError, PipelineError
from lamarr.flash import load_pipeline
from lamarr.flash.link import compile_pipeline
from lamarr.generation import DecayGun
from lamarr.random import Stream
from lamarr.transpile.c.compiler import compiler
from lamarr.transpile.plug_in import PlugInFunction

pytestmark = pytest.mark.skipif(
    not any(shutil.which(c) for c in ("cc", "gcc", "clang")), reason="no C compiler is installed"
)

SOURCE = """
float *quality(float *out, const float *in) {
  out[0] = in[0] / in[1];
  out[1] = 2 * in[2];
  return out;
}
float *smeared(float *out, const float *in, const float *random) {
  out[0] = in[0] + 0.5f * random[0] - random[1];
  return out;
}
float *broken(float *out, const float *in) {
  out[0] = in[0] * 0 / 0;
  return out;
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("plug_in")
    (path / "mine.c").write_text(SOURCE)
    command = [*compiler(), "-shared", "-fPIC", "-ffp-contract=off", "mine.c", "-o", "libmine.so"]
    subprocess.run(command, cwd=path, check=True)
    return path


def declare(folder, tiny_set, text, stages=""):
    file = folder / "pipeline.yaml"
    file.write_text(f"set: {tiny_set}\n{stages}\nplug_ins:\n{text}\n")
    return file


QUALITY = """
  - {name: ratio, library: libmine.so, symbol: quality, inputs: [p, true.p, nDoF],
     outputs: [chi2PerDoF, ghostProb]}
"""
SMEARED = "  - {name: smear, library: libmine.so, symbol: smeared, inputs: [x], outputs: [x], n_random: 2}"


@pytest.fixture(scope="module")
def decays():
    gun = DecayGun("[B_s0 -> (D_s- -> K+ K- pi-) pi+]cc", 300, seed=3)
    return next(iter(gun.batches(300)))


def test_columns_go_in_and_out(folder, tiny_set, decays):
    before = load_pipeline(str(tiny_set))(decays, 1)
    after = load_pipeline(declare(folder, tiny_set, QUALITY))(decays, 1)["tracks"]
    true = before["true_states"].take(before["true_states"]["location"] == 1)
    p = before["tracks"]["p"].astype(np.float32)
    assert (after["chi2PerDoF"] == p / true["p"].astype(np.float32)).all()
    assert (after["ghostProb"] == 2 * before["tracks"]["nDoF"].astype(np.float32)).all()
    assert (after["p"] == before["tracks"]["p"]).all()


def test_random_numbers_are_those_of_the_particle(folder, tiny_set, decays):
    before = load_pipeline(str(tiny_set))(decays, 1)["tracks"]
    pipeline = load_pipeline(declare(folder, tiny_set, SMEARED))
    after = pipeline(decays, 1)["tracks"]
    g = Stream(1, "smear").normal(before["event_id"], before["particle_id"], 2)
    assert (after["x"] == before["x"].astype(np.float32) + np.float32(0.5) * g[:, 0] - g[:, 1]).all()
    some = pipeline(decays.select_events(100, 200), 1)["tracks"]
    assert (some["x"] == after["x"][(after["event_id"] >= 100) & (after["event_id"] < 200)]).all()


def test_a_plug_in_can_stand_between_stages(folder, tiny_set, decays):
    stages = "stages: [classify, acceptance, efficiency, propagate, resolution, ratio, covariance]"
    late = load_pipeline(declare(folder, tiny_set, QUALITY))(decays, 1)["tracks"]
    early = load_pipeline(declare(folder, tiny_set, QUALITY, stages))(decays, 1)["tracks"]
    assert (early["chi2PerDoF"] == late["chi2PerDoF"]).all()
    assert (early["cov44"] != late["cov44"]).any()  # covariance is given the quality that was replaced


def test_what_a_checkpoint_is_bound_to(folder, tiny_set):
    described = load_pipeline(declare(folder, tiny_set, SMEARED)).describe()[-1]
    assert described["stage"] == "smear"
    assert len(described["library"]) == 64


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"smeared": "smaered"}, "has no symbol 'smaered'; it exports smeared"),
        ({"libmine.so": "libyours.so"}, "there is no library .*libyours.so"),
        ({"libmine.so": "mine.c"}, "must be a shared library"),
        ({"libmine.so": "short.so"}, "is truncated"),
        ({"libmine.so": "other.so"}, "is for .*, and this machine is"),
        ({"inputs: [x]": "inputs: [xx]"}, r"reads tracks\.xx|tracks\.xx"),
        ({"inputs: [x]": "inputs: [tru.x]"}, "prefix of columns .* 'tru'; near misses: true"),
        ({"outputs: [x]": "outputs: [xy]"}, "no column of table 'tracks' is called 'xy'"),
        ({"outputs: [x]": "outputs: [nDoF]"}, "must write floating-point columns, but tracks.nDoF is int32"),
        ({"n_random": "n_randon"}, "near misses: plug_ins.*|n_randon"),
        ({"inputs: [x]": "inputs: [x], table: trakcs"}, "near misses: tracks"),
        ({"inputs: [x]": "inputs: []"}, "inputs >= 1"),
        ({"name: smear": "name: resolution"}, "two stages are called 'resolution'"),
    ],
)
def test_what_does_not_fit_gets_a_sentence(folder, tiny_set, changes, sentence):
    content = bytearray((folder / "libmine.so").read_bytes())
    (folder / "short.so").write_bytes(content[:-3000])
    content[18] = 183 if content[18] != 183 else 62
    (folder / "other.so").write_bytes(content)
    text = SMEARED
    for old, new in changes.items():
        text = text.replace(old, new)
    with pytest.raises(LamarrError, match=sentence):
        load_pipeline(declare(folder, tiny_set, text))


def test_nan_is_named(folder, tiny_set, decays):
    text = "  - {name: bad, library: libmine.so, symbol: broken, inputs: [p], outputs: [ghostProb]}"
    with pytest.raises(ModelError, match=r"stage 'bad' gives \[nan\] for particle \d+ of event \d+"):
        load_pipeline(declare(folder, tiny_set, text))(decays, 1)


def test_wrong_shapes(folder):
    function = PlugInFunction(folder / "libmine.so", "smeared", inputs=1, outputs=1, n_random=2)
    with pytest.raises(ModelError, match="takes 1 inputs per row"):
        function(np.zeros((3, 2)), np.zeros((3, 2)))
    with pytest.raises(ModelError, match="takes 2 random numbers"):
        function(np.zeros((3, 1)))
    with pytest.raises(ModelError, match="as many rows"):
        function(np.zeros((3, 1)), np.zeros((4, 2)))


def test_models_of_a_compiled_pipeline_are_plug_ins(tiny_set, tmp_path):
    library = compile_pipeline(str(tiny_set), tmp_path / "libtiny.so")[0]
    function = PlugInFunction(library, "tiny_acceptance", inputs=12, outputs=1)
    model = next(s for s in load_pipeline(str(tiny_set), backend="c").stages if s.name == "acceptance").run
    x = np.random.default_rng(0).normal(size=(20, 12)).astype(np.float32)
    assert (function(x) == model(x)).all()


def test_a_pipeline_with_plug_ins_is_not_compiled(folder, tiny_set, tmp_path):
    with pytest.raises(PipelineError, match="stage 'smear' cannot be compiled"):
        compile_pipeline(declare(folder, tiny_set, SMEARED), tmp_path / "libx.so")
