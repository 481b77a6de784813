"""The C++ program of examples/gauss-like gives Python's numbers, bit by bit."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lamarr.flash import load_pipeline
from lamarr.flash.link import compile_pipeline
from lamarr.generation import HepMCFiles

SOURCE = Path(__file__).parents[2] / "examples" / "gauss-like"
SHARED = Path(os.environ.get("LAMARR_SHARED", Path(__file__).parents[3] / "shared"))
LHCB = sorted((SHARED / "data" / "hepmc").glob("*.mc2"))
STATE = ("x", "y", "z", "tx", "ty", "p")
QUALITY = ("chi2PerDoF", "nDoF", "ghostProb")
COVARIANCE = tuple(f"cov{i}{j}" for j in range(5) for i in range(j + 1))
SPECIES = (11, -11, 13, -13, 211, -211, 321, -321, 2212, 22, 3112)

HEADER = {
    2: (
        "HepMC::Version 2.06.09\nHepMC::IO_GenEvent-START_EVENT_LISTING\n",
        "HepMC::IO_GenEvent-END_EVENT_LISTING\n",
    ),
    3: (
        "HepMC::Version 3.02.06\nHepMC::Asciiv3-START_EVENT_LISTING\n",
        "HepMC::Asciiv3-END_EVENT_LISTING\n\n",
    ),
}


def lacking():
    if shutil.which("cmake") is None or shutil.which("pkg-config") is None or shutil.which("g++") is None:
        return "cmake, pkg-config and g++ are needed"
    if not any((Path(p) / "HepMC3" / "GenEvent.h").exists() for p in ("/usr/include", "/usr/local/include")):
        return "HepMC3 (libhepmc3-dev) is needed"
    return None


pytestmark = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))


def momenta(rng):
    pt, phi, eta = rng.exponential(700), rng.uniform(-np.pi, np.pi), rng.uniform(1.5, 5.5)
    vector = (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta) + 1)
    return [repr(float(v)) for v in vector]


def event2(number, rng):
    """HepMC 2: a beam particle, a primary vertex, a decay some mm further on."""
    x, y, z = (repr(float(v)) for v in rng.normal(0, 1, 3) * (0.05, 0.05, 40))
    lines = [f"E {number} -1 0 0 0 0 0 2 1 0 0 0", "U MEV MM", f"V -1 0 {x} {y} {z} 0 1 41 0"]
    lines.append("P 1 2212 0 0 6500000 6500000 938.27 4 0 0 -1 0")
    lines.append("P 2 511 300 -200 40000 40700 5279.6 2 0 0 -2 0")
    stable = "P {} {} {} {} {} {} 139.57 1 0 0 0 0"
    lines += [stable.format(k, rng.choice(SPECIES), *momenta(rng)) for k in range(3, 43)]
    x, y, z = (repr(float(v)) for v in rng.normal(0, 1, 3) * (1, 1, 50))
    lines.append(f"V -2 0 {x} {y} {z} 0.2 0 3 0")
    lines += [stable.format(k, rng.choice(SPECIES), *momenta(rng)) for k in range(43, 46)]
    return "\n".join(lines) + "\n"


def event3(number, rng):
    """HepMC 3 in GeV and cm; the decay vertex has no position of its own."""
    x, y, z = (repr(float(v)) for v in rng.normal(0, 1, 3) * (0.005, 0.005, 4))
    lines = [
        f"E {number} 2 45",
        "U GEV CM",
        "P 1 0 2212 0 0 6500 6500 0.93827 4",
        f"V -1 0 [1] @ {x} {y} {z} 0",
    ]
    lines.append("P 2 -1 511 0.3 -0.2 40 40.7 5.2796 2")

    def stable(k, mother):
        px, py, pz, e = (repr(float(v) / 1e3) for v in momenta(rng))
        return f"P {k} {mother} {rng.choice(SPECIES)} {px} {py} {pz} {e} 0.13957 1"

    lines += [stable(k, -1) for k in range(3, 43)]
    return "\n".join([*lines, *(stable(k, 2) for k in range(43, 46))]) + "\n"


@pytest.fixture(scope="module")
def built(tiny_set, tmp_path_factory):
    """The program, built with a library of the tiny set."""
    folder = tmp_path_factory.mktemp("example")
    compile_pipeline(str(tiny_set), folder / "liblhcb2016.so")
    environment = {**os.environ, "PKG_CONFIG_PATH": str(folder)}
    build = folder / "build"
    for command in (["cmake", "-S", SOURCE, "-B", build], ["cmake", "--build", build]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return build / "gauss-like"


def check_same(program, tiny_set, files, seed, grouped):
    """Compare every number; return how many tracks there are."""
    options = ["--seed", str(seed), *(["--grouped"] if grouped else [])]
    out = subprocess.run([program, *options, *files], capture_output=True, text=True, check=True).stdout
    (batch,) = HepMCFiles(files, "file" if grouped else "single").batches(10_000)
    expected = load_pipeline(str(tiny_set), backend="c")(batch, seed)
    lines = [line.split() for line in out.splitlines()]
    rows = {
        kind: np.array([f[1:] for f in lines if f[0] == kind], float) for kind in ("track", "vertex", "event")
    }
    tracks, vertices = expected["tracks"], expected["primary_vertices"]
    columns = ("event_id", "track_id", "particle_id", None, "type", "charge", *STATE, *QUALITY, *COVARIANCE)
    for k, column in enumerate(columns):
        if column is not None:
            got = rows["track"][:, k].astype(tracks[column].dtype)
            assert got.tobytes() == tracks[column].tobytes(), column
    for k, column in enumerate(("event_id", "vertex_id", "x", "y", "z")):
        assert (rows["vertex"][:, k] == vertices[column]).all(), column
    assert (rows["event"] == np.stack([expected["events"][c] for c in ("event_id", "nTracks")], axis=1)).all()
    return tracks.rows


@pytest.mark.parametrize(("version", "grouped"), [(2, False), (2, True), (3, False)])
def test_numbers_are_those_of_python(built, tiny_set, tmp_path, version, grouped):
    rng = np.random.default_rng(version)
    write = {2: event2, 3: event3}[version]
    files = [tmp_path / f"{k}.hepmc" for k in range(3)]
    for file in files:
        begin, end = HEADER[version]
        file.write_text(begin + "".join(write(n, rng) for n in range(4)) + end)
    assert check_same(built, tiny_set, files, 12345678901234567890, grouped) > 50


@pytest.mark.skipif(len(LHCB) != 5, reason="LHCb's HepMC files are not at hand (LAMARR_SHARED)")
def test_numbers_are_those_of_python_for_lhcbs_events(built, tiny_set):
    assert check_same(built, tiny_set, LHCB, 1, grouped=True) > 100


def test_mistakes_get_a_sentence(built, tmp_path):
    stable = re.compile("^P 3 .*$", re.MULTILINE)
    event = stable.sub("P 3 7654321 0 0 1000 1000 0 1 0 0 0 0", event2(0, np.random.default_rng(0)))
    (tmp_path / "unknown.hepmc").write_text(event.join(HEADER[2]))
    (tmp_path / "text").write_text("no events\n")
    for arguments, code, sentence in [
        ([], 2, "usage: gauss-like"),
        (["text"], 1, "'text' cannot be read as HepMC"),
        (["unknown.hepmc"], 1, "stage 'classify', particle 2 of event 0: .*charge is not known"),
    ]:
        done = subprocess.run([built, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert re.search(sentence, done.stderr)
