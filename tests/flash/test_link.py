"""A pipeline as one library: the bits of Python, errors as sentences, headers that compile."""

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from test_identification import models

from lamarr.errors import ConfigurationError, InputFileError, ModelError, OutputFileError, PipelineError
from lamarr.events import Fate
from lamarr.flash import Pipeline, PipelineConfiguration, load_pipeline
from lamarr.flash.link import LinkedPipeline, compile_pipeline, emit_pipeline
from lamarr.flash.stage import Stage, columns
from lamarr.flash.stages import Classify
from lamarr.generation import DecayGun
from lamarr.generation.charges import known_charges
from lamarr.parametrizations.sets import set_names
from lamarr.transpile.c.compiler import compiler
from made_up_events import made_up

pytestmark = pytest.mark.skipif(
    not any(shutil.which(c) for c in ("cc", "gcc", "clang")), reason="no C compiler is installed"
)


@pytest.fixture(scope="module")
def files(tiny_set, tmp_path_factory):
    return compile_pipeline(str(tiny_set), tmp_path_factory.mktemp("link") / "libtiny.so")


@pytest.fixture(scope="module")
def linked(files):
    return LinkedPipeline(files[0])


@pytest.fixture(scope="module")
def decays():
    gun = DecayGun("[B_s0 -> (D_s- -> (phi(1020) -> K+ K-) pi-) pi+]cc", 1500, seed=3)
    return next(iter(gun.batches(1500)))


def check_same(linked, pipeline, batch, seed):
    expected = pipeline(batch, seed)
    for table, found in linked(linked.inputs_of(batch), seed).items():
        for column, got in found.items():
            if not column.endswith("_row"):
                want = expected[table][column]
                assert got.tobytes() == want.tobytes(), (table, column)
    return expected


def test_bits_are_those_of_python(linked, tiny_set, decays):
    expected = check_same(linked, load_pipeline(str(tiny_set), backend="c"), decays, 7)
    assert expected["tracks"].rows > 1000
    assert set(expected["particles"]["fate"]) >= {Fate.LONG, Fate.UPSTREAM, Fate.OUT_OF_ACCEPTANCE}


def test_bits_are_those_of_python_for_odd_particles(linked, tiny_set):
    odd = [
        {"pid": p, "status": s, "pz": z, "px": x, "py": y}
        for p in (11, -13, 22, 2212, 3112, 1000010020)
        for s in (1, 2, 999, 3)
        for z in (-5.0, 0.5, 30.0, 5e3, 3e6)
        for x, y in ((0.0, 0.0), (200.0, -3.0))
    ]
    check_same(linked, load_pipeline(str(tiny_set), backend="c"), made_up(odd, odd[::-1]), 2**64 - 1)


def test_the_mirrored_set(tiny_set, decays, tmp_path):
    mirrored = f"{tiny_set}-mirrored"
    library = compile_pipeline(mirrored, tmp_path / "libmirrored.so")[0]
    check_same(LinkedPipeline(library), load_pipeline(mirrored, backend="c"), decays.select_events(0, 300), 1)


def test_identification(tiny_set, decays, tmp_path):
    folder = tmp_path / "with_pid"
    for m in models().values():
        m.save(folder)
    declared = {"name": "with_pid", "title": "t", "detector": "lhcb2016-magup", "derived_from": str(tiny_set)}
    (folder / "set.json").write_text(json.dumps({**declared, "models": list(models())}))
    library = LinkedPipeline(compile_pipeline(str(folder), tmp_path / "libwith_pid.so")[0])
    expected = check_same(library, load_pipeline(str(folder), backend="c"), decays, 7)["pid"]
    assert expected.rows > 500
    assert 0 < expected["isMuon"].mean() < 1


def test_numpy_differs_by_rounding_alone(linked, tiny_set, decays):
    expected = load_pipeline(str(tiny_set), backend="numpy")(decays, 7)["tracks"]
    got = linked(linked.inputs_of(decays), 7)["tracks"]
    assert abs(len(got["p"]) - expected.rows) <= 2  # a draw may fall between two roundings
    if len(got["p"]) == expected.rows:
        np.testing.assert_allclose(got["p"], expected["p"], rtol=1e-5)


def test_links_lead_from_table_to_table(linked, decays):
    out = linked(linked.inputs_of(decays), 7)
    track, particles = out["tracks"], out["particles"]
    assert (particles["track_row"][track["particle_row"]] == np.arange(len(track["p"]))).all()
    assert ((particles["track_row"] >= 0) == (particles["fate"] >= Fate.LONG)).all()
    truth = particles["true_state_row"][track["particle_row"]]
    assert (out["true_states"]["location"][truth] == 1).all()
    assert (out["events"]["event_id"][particles["event_row"]] == decays["particles"]["event_id"]).all()


def test_events_one_by_one_and_in_threads(linked, decays):
    whole = linked(linked.inputs_of(decays), 7)["tracks"]

    def alone(event):
        return linked(linked.inputs_of(decays.select_events(event, event + 1)), 7)["tracks"]

    with ThreadPoolExecutor(4) as pool:
        pieces = list(pool.map(alone, range(100)))
    for column in ("event_id", "p", "cov44", "nDoF"):
        joined = np.concatenate([p[column] for p in pieces])
        assert (joined == whole[column][: len(joined)]).all()


def test_a_particle_from_nowhere_is_refused_if_it_reaches_the_detector(linked):
    empty = made_up([{"pid": 22, "production_vertex": -1}], vertices=0)
    assert linked(linked.inputs_of(empty), 0)["particles"]["fate"].tolist() == [Fate.NEUTRAL]
    lost = made_up([{"production_vertex": -1}], vertices=0)
    with pytest.raises(InputFileError, match=r"stage acceptance: .*not finite"):
        linked(linked.inputs_of(lost), 0)


def test_no_particles(linked):
    out = linked({}, 0)
    assert len(out["tracks"]["p"]) == len(out["events"]["event_id"]) == 0


def test_charges_are_those_of_python(linked):
    ids = np.array([11, -11, 22, 211, -321, 2212, 3112, 3222, 3334, -5122, 5, 2101, 1000010020, -1000020040])
    charge, known = known_charges(ids)
    assert [linked.charge(i) for i in ids.tolist()] == [
        c if k else None for c, k in zip(charge.tolist(), known.tolist(), strict=True)
    ]


def test_a_given_charge_is_used(linked):
    batch = made_up([{"pid": 211}])
    inputs = linked.inputs_of(batch)
    inputs["particles"]["charge"] = np.array([0], np.int8)
    assert linked(inputs, 0)["particles"]["fate"].tolist() == [Fate.NEUTRAL]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pid": 7654321}, "its charge is not known"),
        ({"px": np.nan}, "not finite"),
        ({"pz": np.inf}, "not finite"),
    ],
)
def test_an_event_that_cannot_be_simulated_is_named(linked, change, sentence):
    good = {"pid": 211, "px": 100.0, "py": 50.0, "pz": 2e4}
    inputs = linked.inputs_of(made_up([good], [good, {**good, **change}]))
    with pytest.raises(InputFileError, match=f"event 1, particle 1, stage .*{sentence}"):
        linked(inputs, 0)


def test_particles_out_of_order_are_refused(linked):
    inputs = linked.inputs_of(made_up([{}, {}]))
    inputs["particles"]["particle_id"] = np.array([1, 0], np.int32)
    with pytest.raises(InputFileError, match="not in the order"):
        linked(inputs, 0)


def test_a_missing_column_is_named(linked):
    inputs = linked.inputs_of(made_up([{}]))
    del inputs["particles"]["px"]
    with pytest.raises(ModelError, match=r"needs the column particles\.px"):
        linked(inputs, 0)


USER = """
#include "tiny.h"
#include "tiny_models.h"
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  tiny_generated in = {0};
  void *memory = malloc(tiny_size(&in));
  tiny_simulated out;
  tiny_prepare(&in, memory, &out);
  in.particles.n = 1;
  printf("%d %s\\n", tiny_simulate(&in, 1, &out), tiny_message(tiny_simulate(&in, 1, &out)));
  in.particles.n = 0;
  printf("%d %d %d\\n", tiny_simulate(&in, 1, &out), tiny_charge(-211), TINY_LONG);
  float x[12] = {0, 0, 0, 4, 0.01f, 0.01f, 4, 0, 0, 0, 1, 1}, y[1];
  printf("%d\\n", tiny_acceptance(y, x) == y && y[0] > 0 && y[0] < 1);
  free(memory);
  return 0;
}
"""


@pytest.mark.parametrize("language", ["c", "c++"])
def test_a_program_finds_it_by_pkg_config(files, tmp_path, language):
    folder = files[0].parent
    command = compiler() if language == "c" else ["g++"]
    if shutil.which(command[0]) is None or shutil.which("pkg-config") is None:
        pytest.skip("a C++ compiler and pkg-config are needed")
    source = tmp_path / f"user.{'c' if language == 'c' else 'cpp'}"
    source.write_text(USER.replace("= {0}", "= {}") if language == "c++" else USER)
    found = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "tiny"],
        env={"PKG_CONFIG_PATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    standard = "-std=c11" if language == "c" else "-std=c++17"
    flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", standard]
    program = tmp_path / "user"
    subprocess.run([*command, *flags, source, "-o", program, *found.stdout.split()], check=True)
    ran = subprocess.run(
        [program], env={"LD_LIBRARY_PATH": str(folder)}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines() == ["1 a column that is needed is NULL", "0 -1 13", "1"]


def test_the_program_compiles_without_a_warning(tiny_set, tmp_path, monkeypatch):
    from lamarr.transpile.c.compiler import build

    pipeline = load_pipeline(str(tiny_set), backend="numpy")
    for cc in ("gcc", "clang"):
        if shutil.which(cc):
            monkeypatch.setenv("LAMARR_CC", cc)
            flags = ("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas")
            build(emit_pipeline(pipeline, "quiet"), tmp_path / f"{cc}.so", levels=("generic",), flags=flags)


def test_the_c_is_deterministic(tiny_set):
    emitted = [emit_pipeline(load_pipeline(str(tiny_set), backend="numpy"), "same").files for _ in range(2)]
    assert emitted[0] == emitted[1]


@pytest.mark.parametrize("name", set_names())
def test_all_shipped_sets_can_be_compiled(name):
    pipeline = load_pipeline(PipelineConfiguration(set=name, ecal="off", backend="numpy"))
    source = emit_pipeline(pipeline, "shipped")
    assert [s.name for s in pipeline.stages][-1] in ("count_tracks", "pid")
    for stage in pipeline.stages:
        assert f"---- {stage.name}:" in source.files["shipped.c"].decode()


def test_wrong_names_and_files_that_exist(files, tiny_set, tmp_path):
    with pytest.raises(ConfigurationError, match=r"libNAME\.so"):
        compile_pipeline(str(tiny_set), tmp_path / "tiny.so")
    with pytest.raises(OutputFileError, match="exists"):
        compile_pipeline(str(tiny_set), files[0])
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputFileError, match="must be a folder"):
        compile_pipeline(str(tiny_set), tmp_path / "file" / "libtiny.so")


def test_stages_that_cannot_be_compiled_are_named():
    class Own(Stage):
        """A stage in Python."""

        name = "own"
        reads = writes = columns()

        def __call__(self, batch, seed):
            return batch

    class Other(Classify):
        """Reads what nobody writes."""

        name = "other"

        def selected(self, c):
            return c["acceptance"] > 0.5

    chain = Pipeline([Classify()])
    chain.stages = (*chain.stages, Other())
    with pytest.raises(PipelineError, match=r"'other' reads particles\.acceptance"):
        emit_pipeline(chain, "x")
    chain.stages = (Own(),)
    with pytest.raises(PipelineError, match="'own' cannot be compiled"):
        emit_pipeline(chain, "x")
    with pytest.raises(ConfigurationError, match="name that C can use"):
        emit_pipeline(chain, "1x")


def test_a_library_of_models_is_no_pipeline(tiny_set):
    pipeline = load_pipeline(str(tiny_set), backend="c")
    library = pipeline.stages[1].run.path
    with pytest.raises(ModelError, match="holds models, but no pipeline"):
        LinkedPipeline(library)
