"""The commands as a user types them: results, exit codes, one sentence for each mistake."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from lamarr.cli import main
from lamarr.cli.main import COMMANDS
from lamarr.events import read

DECAY = "[B_s0 -> (D_s- -> K+ K- pi-) pi+]cc"

HEPMC = """HepMC::Version 2.06.09
HepMC::IO_GenEvent-START_EVENT_LISTING
{events}HepMC::IO_GenEvent-END_EVENT_LISTING
"""
EVENT = """E {number} -1 -1 -1 -1 0 0 1 1 2 0 1 1
N 1 "0"
U MEV MM
V -1 0 {x} -0.2 10 0 1 2 0
P 1 2212 0 0 6500000 6500000 938 {beam} 0 0 -1 0
P 2 {pid} {px} 200 10000 10010 139.57 1 0 0 0 0
P 3 -211 -300 -200 10000 10010 139.57 1 0 0 0 0
"""


def hepmc(path, *events):
    """Write events; each is a dict of what differs, or text that stands in its place."""
    plain = {"x": "0.8", "beam": 4, "pid": 211, "px": "300"}
    texts = [
        e if isinstance(e, str) else EVENT.format(number=i, **{**plain, **e}) for i, e in enumerate(events)
    ]
    path.write_text(HEPMC.format(events="".join(texts)))
    return path


@pytest.fixture
def lamarr(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder; give exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with pytest.raises(SystemExit) as info:
            main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return info.value.code, captured.out, captured.err

    return run


def simulate(lamarr, tiny_set, *arguments, output="out.root"):
    return lamarr("simulate", *arguments, "--set", tiny_set, "-o", output)


# ------------------------------------------------------------------ what works


def test_simulate_a_decay_into_two_files(lamarr, tiny_set):
    code, out, err = simulate(lamarr, tiny_set, "--decay", DECAY, "-n", 20, "-o", "out.parquet")
    assert (code, err) == (0, "")
    assert "wrote out.parquet" in out
    assert "20 events, 120 particles" in out
    assert read("out.root") == read("out.parquet")


def test_quiet_is_quiet(lamarr, tiny_set):
    assert simulate(lamarr, tiny_set, "--gun", "mu-", "-n", 5, "--quiet") == (0, "", "")


def test_generate_then_simulate_is_simulate(lamarr, tiny_set):
    lamarr("generate", "--decay", DECAY, "-n", 10, "-o", "generated.sqlite")
    simulate(lamarr, tiny_set, "generated.sqlite", output="a.root")
    simulate(lamarr, tiny_set, "--decay", DECAY, "-n", 10, output="b.root")
    assert read("a.root")["tracks"] == read("b.root")["tracks"]


def test_simulate_hepmc(lamarr, tiny_set, tmp_path):
    file = hepmc(tmp_path / "events.hepmc", {}, {})
    code, out, err = simulate(lamarr, tiny_set, file, "--keep", "all")
    assert (code, err) == (0, "")
    assert read("out.root")["particles"].rows == 6
    assert "documentation" in out


def test_simulate_pythia_with_a_forced_decay(lamarr, tiny_set):
    pytest.importorskip("pythia8mc")
    code, _, err = simulate(
        *(lamarr, tiny_set, "--pythia", "ccbar", "-n", 2),
        *("--decay", "[D0 -> K- pi+]cc"),
    )
    assert (code, err) == (0, "")
    result = read("out.root")
    heads = result["particles"].take(result["particles"]["is_signal"])
    assert set(abs(heads["pid"])) == {421}
    assert len(set(heads["event_id"])) == 2


@pytest.mark.parametrize("arguments", [["--no-checkpoint"], ["--threads", 2], ["--batch-size", 3]])
def test_options_that_do_not_change_the_result(lamarr, tiny_set, arguments):
    source = ("--decay", DECAY, "-n", 10)
    simulate(lamarr, tiny_set, *source, output="a.root")
    simulate(lamarr, tiny_set, *source, *arguments, output="b.root")
    assert read("a.root") == read("b.root")


def test_convert(lamarr, tiny_set):
    simulate(lamarr, tiny_set, "--gun", "mu-,[K+]cc p=2:50", "-n", 30)
    code, out, _ = lamarr("convert", "out.root", "out.parquet", "--batch-size", 7)
    assert code == 0
    assert "30 events" in out
    assert read("out.root") == read("out.parquet")


def test_a_pipeline_file(lamarr, tiny_set, tmp_path):
    (tmp_path / "chain.yaml").write_text(f"set: {tiny_set}\nstages: [classify, acceptance]\n")
    code, _, _ = lamarr("simulate", "--gun", "mu-", "-n", 5, "--pipeline", "chain.yaml", "-o", "out.root")
    assert code == 0
    assert "tracks" not in read("out.root")


def test_info(lamarr, tiny_set):
    assert "lhcb2016-magup" in lamarr("info")[1]
    assert "sigma_z: 45.0" in lamarr("info", "lhcb2016-magup")[1]
    assert "covariance of x and q/p" in lamarr("info", "tracks")[1]
    assert "resolution: 12 conditions" in lamarr("info", tiny_set)[1]
    assert "charge reversed" in lamarr("info", f"{tiny_set}-mirrored")[1]
    simulate(lamarr, tiny_set, "--gun", "mu-", "-n", 2)
    assert "sources: particle gun: mu-" in lamarr("info", "out.root")[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(lamarr, command):
    code, out, _ = lamarr(command, "--help")
    assert code == 0
    assert f"lamarr {command}" in out


def test_help_lists_the_commands(lamarr):
    out = lamarr("--help")[1]
    assert all(command in out for command in COMMANDS)


# ------------------------------------------------------------------ bad input

NO_OUTPUT = {
    "nothing named": (["-n", 5], "events must come from one of FILES"),
    "two sources": (["--gun", "mu-", "--decay", DECAY, "-n", 5], "--decay and --gun was given"),
    "no number": (["--gun", "mu-"], "--gun needs the number of events, -n"),
    "unknown particle": (["--gun", "mmu-", "-n", 5], "no particle is called 'mmu-'; near misses: mu-"),
    "unknown back end": (["--gun", "mu-", "-n", 5, "--backend", "nump"], "near misses: numpy"),
    "unknown process": (["--pythia", "minbas", "-n", 5], "near misses: minbias"),
    "no decay to embed": (["--gun", "mu-", "-n", 5, "--embed", "minbias"], "needs --decay alone"),
    "no pile-up": (["--gun", "mu-", "-n", 5, "--nu", 1.6], "--nu adds collisions of Pythia"),
    "charge": (["--decay", "B0 -> K+ pi+", "-n", 5], "charge must be conserved"),
    "wrong gun": (["--gun", "mu- q=5", "-n", 5], "no quantity of a gun is called 'q'"),
    "unknown keep": (["--gun", "mu-", "-n", 5, "--keep", "physicl"], "near misses: physical"),
    "missing file": (["absent.hepmc"], "no file is called 'absent.hepmc'"),
    "missing root file": (["absent.root"], "'absent.root' does not exist"),
    "empty file": (["empty.hepmc"], "empty"),
    "binary file": (["binary.hepmc"], "binary.hepmc"),
    "wrong version": (["version.hepmc"], "version.hepmc"),
    "cut root file": (["cut.root"], "'cut.root' is damaged"),
    "two kinds": (["cut.root", "empty.hepmc"], "files of one kind must be given"),
}


@pytest.mark.parametrize("kind", NO_OUTPUT)
def test_a_mistake_is_one_sentence_and_no_output(lamarr, tiny_set, tmp_path, kind):
    arguments, sentence = NO_OUTPUT[kind]
    (tmp_path / "empty.hepmc").touch()
    (tmp_path / "binary.hepmc").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "version.hepmc").write_text("HepMC::Version 9.9\nHepMC::Asciiv9-START_EVENT_LISTING\nE 0\n")
    (tmp_path / "cut.root").write_bytes(b"root" + bytes(50))
    before = sorted(tmp_path.iterdir())
    code, out, err = simulate(lamarr, tiny_set, *arguments)
    assert (code, out) == (1, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert sorted(tmp_path.iterdir()) == before


BAD_EVENT = {
    "NaN": ({"px": "nan"}, "finite"),
    "infinity": ({"px": "inf"}, "finite"),
    "infinite vertex": ({"x": "inf"}, "finite"),
    "unknown id": ({"pid": 98765432}, "98765432"),
    "torn line": (EVENT.format(number=1, x="0.8", beam=4, pid=211, px="300")[:-30] + "\n", "HepMC event"),
}


@pytest.mark.parametrize("kind", BAD_EVENT)
def test_a_bad_event_costs_no_other_event(lamarr, tiny_set, tmp_path, kind):
    bad, sentence = BAD_EVENT[kind]
    file = hepmc(tmp_path / "events.hepmc", {}, bad, {})
    clean = hepmc(tmp_path / "clean.hepmc", {}, {}, {})
    code, out, err = simulate(lamarr, tiny_set, file)
    simulate(lamarr, tiny_set, clean, output="clean.root")
    assert code == 1
    assert "wrote out.root" in out
    assert "event 1 of the run" in err
    assert sentence in err
    assert "1 event failed and is not in the output" in err
    assert Path("out.root.errors.json").exists()
    expected, found = read("clean.root"), read("out.root")
    assert found["events"]["event_id"].tolist() == [0, 2]
    assert found.select_events(0, 1)["tracks"] == expected.select_events(0, 1)["tracks"]
    assert found.select_events(2, 3)["tracks"] == expected.select_events(2, 3)["tracks"]


def test_events_before_a_truncation_are_kept(lamarr, tiny_set, tmp_path):
    file = hepmc(tmp_path / "events.hepmc", {}, {}, {})
    text = file.read_text()
    file.write_text(text[: text.rindex("P 3")])
    code, _, err = simulate(lamarr, tiny_set, file)
    assert code == 1
    assert "event 2 of the run" in err
    assert read("out.root")["events"]["event_id"].tolist() == [0, 1]


def test_out_of_range_particles_are_flagged_and_counted(lamarr, tiny_set):
    _, out, _ = simulate(lamarr, tiny_set, "--gun", "mu- p=3000 eta=3", "-n", 5)
    [line] = [line for line in out.splitlines() if "out of domain" in line]
    assert line.split()[-1] == "5"
    assert read("out.root")["particles"]["out_of_domain"].all()


def test_an_existing_output_is_refused_without_force(lamarr, tiny_set, tmp_path):
    (tmp_path / "out.root").write_text("precious")
    source = ("--gun", "mu-", "-n", 5)
    code, _, err = simulate(lamarr, tiny_set, *source)
    assert code == 1
    assert "'out.root' exists already" in err
    assert (tmp_path / "out.root").read_text() == "precious"
    assert simulate(lamarr, tiny_set, *source, "--force")[0] == 0
    assert read("out.root").n_events == 5


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("absent/out.root", "the folder 'absent' does not exist"),
        ("out.rot", "must be one of .root, .parquet"),
    ],
)
def test_an_output_that_cannot_be_written(lamarr, tiny_set, tmp_path, output, sentence):
    code, _, err = simulate(lamarr, tiny_set, "--gun", "mu-", "-n", 5, output=output)
    assert code == 1
    assert sentence in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("yaml", "sentence"),
    [
        ("sets: tiny\n", "no key is called 'sets'; near misses: set"),
        ("set: SET\nstages: [clasify]\n", "no stage is called 'clasify'; near misses: classify"),
        ("set: [\n", "not valid YAML"),
        ("set: SET\nstages: [resolution]\n", "stage 'resolution' reads particles."),
    ],
)
def test_wrong_yaml(lamarr, tiny_set, tmp_path, yaml, sentence):
    (tmp_path / "chain.yaml").write_text(yaml.replace("SET", str(tiny_set)))
    code, _, err = lamarr("simulate", "--gun", "mu-", "-n", 5, "--pipeline", "chain.yaml", "-o", "out.root")
    assert code == 1
    assert sentence in err
    assert err.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["chain.yaml"]


def test_set_and_pipeline_exclude_each_other(lamarr, tiny_set):
    code, _, err = simulate(lamarr, tiny_set, "--gun", "mu-", "-n", 5, "--pipeline", "chain.yaml")
    assert (code, "exclude each other" in err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["simulat"], "no command is called 'simulat'; near misses: simulate"),
        (["simulate", "--gun", "mu-"], "Missing option '-o'"),
        (["simulate", "--threads", "0", "-o", "a.root"], "0 is not in the range"),
        (["info", "lhcb2016-magpu"], "near misses: lhcb2016-magup"),
        (["convert", "absent.root", "b.root"], "'absent.root' does not exist"),
    ],
)
def test_wrong_usage(lamarr, arguments, sentence):
    code, _, err = lamarr(*arguments)
    assert code in (1, 2)
    assert sentence in err


def test_a_damaged_set_is_named(lamarr, tiny_set, tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "set.json").write_text("{")
    code, _, err = simulate(lamarr, folder, "--gun", "mu-", "-n", 5)
    assert code == 1
    assert "set.json cannot be read" in err


# ------------------------------------------------------------------ start-up


def test_help_needs_no_numpy():
    code = (
        "import sys\n"
        "from lamarr.cli import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "print('heavy:', *{'numpy', 'uproot', 'pyarrow', 'torch', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy:"


# ------------------------------------------------------------------ compiled models


def test_without_a_compiler_one_sentence_warns(lamarr, tiny_set, tmp_path, monkeypatch):
    monkeypatch.setattr("lamarr.transpile.backend._warned", set())
    monkeypatch.setenv("LAMARR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LAMARR_CC", "no-such-compiler")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        code, _, err = simulate(lamarr, tiny_set, "--gun", "mu-", "-n", 5)
    assert code == 0
    assert err.startswith("lamarr: warning: models run in numpy, several times slower than in C: LAMARR_CC")
    assert err.count("\n") == 1
    code, _, err = simulate(lamarr, tiny_set, "--gun", "mu-", "-n", 5, "--backend", "c", output="b.root")
    assert (code, err.count("\n")) == (1, 1)
    assert "no-such-compiler" in err


def test_a_compiler_that_fails_is_quoted(lamarr, tiny_set, tmp_path, monkeypatch):
    monkeypatch.setattr("lamarr.transpile.backend._warned", set())
    monkeypatch.setenv("LAMARR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LAMARR_CC", "false")
    code, _, err = simulate(lamarr, tiny_set, "--gun", "mu-", "-n", 5, "--backend", "c")
    assert code == 1
    assert "the C compiler failed with status 1: false " in err


def test_compile_and_cache(lamarr, tiny_set, tmp_path, monkeypatch):
    monkeypatch.setenv("LAMARR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("lamarr.parametrizations.sets.set_names", lambda: (str(tiny_set),))
    code, out, _ = lamarr("compile", "--all")
    assert code == 0
    assert out.startswith(f"wrote {tmp_path}/cache/models-")
    monkeypatch.setenv("LAMARR_CC", "no-such-compiler")
    assert simulate(lamarr, tiny_set, "--gun", "mu-", "-n", 5, "--backend", "c")[0] == 0
    assert "1 library, " in lamarr("cache")[1]
    assert "removed 1 library, " in lamarr("cache", "--clear")[1]
    assert "0 libraries, 0.00 MB" in lamarr("cache")[1]


def test_compile_a_pipeline(lamarr, tiny_set, tmp_path):
    (tmp_path / "mine.yaml").write_text(f"set: {tiny_set}\nstages: [classify, acceptance]\n")
    code, out, _ = lamarr("compile", "mine.yaml", "-o", "libmine.so")
    assert code == 0
    assert out.split() == [
        w for f in ("libmine.so", "mine.h", "mine_models.h", "mine.pc") for w in ("wrote", f)
    ]
    code, out, _ = lamarr("info", "libmine.so")
    assert code == 0
    assert "pipeline mine, compiled by lamarr" in out
    assert ": classify, acceptance\n  mine_acceptance: 12 conditions, 0 random numbers, 1 outputs" in out
    (tmp_path / "libshort.so").write_bytes((tmp_path / "libmine.so").read_bytes()[:-9000])
    code, _, err = lamarr("info", "libshort.so")
    assert (code, err.count("\n")) == (1, 1)
    assert "truncated" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "a pipeline (a YAML file or a set) and -o libNAME.so must be given"),
        (["lhcb2016-magup"], "-o libNAME.so must be given"),
        (["--all", "-o", "libx.so"], "--all fills the cache"),
        (["lhcb2016-magop", "-o", "libx.so"], "near misses: lhcb2016-magup"),
        (["lhcb2016-magup", "-o", "x.so"], "must be called libNAME.so"),
    ],
)
def test_compile_refuses(lamarr, arguments, sentence):
    code, _, err = lamarr("compile", *arguments)
    assert (code, err.count("\n")) == (1, 1)
    assert sentence in err
