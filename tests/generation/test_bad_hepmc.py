"""Bad HepMC files: one sentence each, nothing before or after is lost."""

import gzip
import io
import os
import re
import tarfile

import pytest
from test_hepmc import LHCB

from lamarr.errors import ConfigurationError
from lamarr.generation import EventFailure, HepMCFiles

HEADER, BODY, FOOTER = LHCB.splitlines()[:2], LHCB.splitlines()[2:-1], LHCB.splitlines()[-1:]
MANY = "\n".join([*HEADER, *BODY, *BODY, *FOOTER]) + "\n"
"""Four HepMC events."""


def outcome(path, **options):
    """Numbers of the events that were delivered, and the failures."""
    good, failures = [], []
    for item in HepMCFiles(path, **{"collisions": "single", **options}).batches(3):
        if isinstance(item, EventFailure):
            failures.append(item)
        else:
            good += item.events.event_id.tolist()
    return good, failures


def written(tmp_path, data):
    path = tmp_path / "bad.mc2"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (os.urandom(200_000), r"listing \('HepMC::...'\) is expected, but the file begins with b['\"]"),
        (b"ROOT file, perhaps\n" * 10, "begins with b'ROOT file"),
        (LHCB.replace("IO_GenEvent", "IO_Ascii"), "the file says 'IO_Ascii'"),
        (LHCB.replace("IO_GenEvent", "Asciiv4"), "the file says 'Asciiv4'"),
        ("\n".join([*HEADER, *FOOTER]), "holds no event"),
        ("\n".join(HEADER) + "\n", "truncated"),
        (b"\x1f\x8b" + os.urandom(100), "cannot be read further"),
    ],
)
def test_files_that_are_none_are_one_failure(tmp_path, data, words):
    good, [failure] = outcome(written(tmp_path, data))
    assert good == []
    assert failure.event == 0
    assert failure.source.endswith("bad.mc2")
    assert re.search(words, failure.reason), failure.reason


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "P 4 511 1000 0 50000",
            "P 4 511 nan 0 50000",
            "HepMC event 1, particle 4: its numbers must be finite",
        ),
        ("P 4 511 1000 0 50000", "P 4 511 1000 -inf 50000", "HepMC event 1, particle 4"),
        (
            "P 4 511 1000 0 50000",
            "P 4 511 1e999 0 50000",
            r"particle 5 \(PDG id 511\): .* \(50287.7, inf, 0.0",
        ),
        ("V -4 0 0.9", "V -4 0 nan", "vertex -4: its numbers must be finite"),
        ("P 4 511 1000 0 50000", "P 4 511 1o00 0 50000", "line 'P 4 511 1o00 .* cannot be understood"),
        ("999 0 0 0 0\nP 7", "999\nP 7", "links|declared|understood|expected"),
        (
            "P 6 321 700 300 30000 30013.7 493.68 999 0 0 0 0\n",
            "",
            "incomplete: 8 particles are declared, 7 found",
        ),
        ("V -4 0 0.9 -0.1 8.5 5.1 0 2 0\n", "", "incomplete: 4 vertices are declared, 3 found"),
        ("P 7 -211", "P 7 -42424242", "no stable particle has the PDG id -42424242"),
        ("E 1 -1", "E one -1", "first line of an event cannot be understood: 'E one"),
        ("889 0 0 -4 0", "889 0 0 -9 0", "links between particles and vertices are broken"),
    ],
)
def test_one_bad_event_does_not_take_its_neighbours(tmp_path, old, new, words):
    assert old in MANY
    first, second = MANY.split("E 2 -1", 1)
    # The third HepMC event is the first one again.
    middle, rest = second.split("E 1 -1", 1)
    third = ("E 1 -1" + rest).replace(old, new, 1)
    assert third != "E 1 -1" + rest
    good, [failure] = outcome(written(tmp_path, first + "E 2 -1" + middle + third))
    assert good == [0, 1, 3]
    assert failure.event == 2
    assert re.search(words, failure.reason), failure.reason


def test_a_bad_collision_fails_its_whole_event(tmp_path):
    bad = LHCB.replace("P 3 321 100 100 5000", "P 3 321 nan 100 5000")
    good, [failure] = outcome(written(tmp_path, bad), collisions="auto")
    assert good == []
    assert "HepMC event 2, particle 3" in failure.reason


def test_truncated_text_loses_only_what_is_not_there(tmp_path):
    starts = [k for k in range(len(MANY)) if MANY.startswith("E ", k)]
    for cut in range(starts[2] + 1, len(MANY) - len(FOOTER[0]) - 2, 97):
        good, failures = outcome(written(tmp_path, MANY[:cut]))
        complete = sum(s < cut for s in starts) - 1
        assert len(failures) == 1
        assert good == list(range(failures[0].event))
        # The last event is delivered only if all of its lines are there.
        assert failures[0].event in (complete, complete + 1)
        assert "truncated" in failures[0].reason


def test_a_missing_end_is_told_after_the_last_complete_event(tmp_path):
    good, [failure] = outcome(written(tmp_path, MANY.replace(FOOTER[0], "")))
    assert good == [0, 1, 2, 3]
    assert failure.event == 4
    assert "events may be missing" in failure.reason
    good, [failure] = outcome(written(tmp_path, LHCB.replace(FOOTER[0], "")), collisions="file")
    assert good == []
    assert "truncated" in failure.reason


def test_truncated_compressed_files_give_their_complete_events(tmp_path):
    import bz2
    import lzma

    import zstandard

    noise = "".join(
        f"P {k} 211 {k * 0.1234567} {k**2 % 977} {k * 31} 1e9 139.57 1 0 0 0 0\n" for k in range(9, 9000)
    )
    event = f"V -1 0 0 0 0 0 0 {8991} 0\n{noise}"
    lines = [*HEADER, *BODY, "E 3 -1 0 0 0 1 0 1 0 0 0 1 1.0", 'N 1 "0"', "U MEV MM", event + FOOTER[0], ""]
    data = "\n".join(lines).encode()
    for pack in (gzip.compress, bz2.compress, lzma.compress, zstandard.compress):
        whole = pack(data)
        good, failures = outcome(written(tmp_path, whole))
        assert (good, failures) == ([0, 1, 2], [])
        if pack is bz2.compress:
            continue  # one block: nothing can be had of a part
        good, [failure] = outcome(written(tmp_path, whole[: len(whole) * 3 // 4]))
        assert good == [0, 1]
        assert "truncated" in failure.reason


def test_a_truncated_archive_gives_its_complete_members(tmp_path):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for k in range(3):
            member = tarfile.TarInfo(f"evt{k}.mc2")
            member.size = len(LHCB)
            archive.addfile(member, io.BytesIO(LHCB.encode()))
    good, failures = outcome(
        written(tmp_path, data.getvalue()[: 512 * (3 + len(LHCB) // 512) + 700]), collisions="auto"
    )
    assert good == [0]
    assert failures[0].event == 1
    assert failures[0].source.endswith("bad.mc2:evt1.mc2")


def test_the_next_file_goes_on(tmp_path):
    paths = [tmp_path / name for name in ("a.mc2", "missing.mc2", "b.mc2", "c.mc2")]
    for k in (0, 3):
        paths[k].write_text(LHCB)
    paths[2].write_bytes(b"")
    good, failures = outcome([*paths, tmp_path], collisions="auto")
    assert good == [0, 3]
    assert [f.event for f in failures] == [1, 2, 4]
    assert "no file is called" in failures[0].reason
    assert "near misses: " in failures[0].reason
    assert "is a directory" in failures[2].reason


def test_concatenated_listings_are_read_through(tmp_path):
    good, failures = outcome(written(tmp_path, LHCB + LHCB))
    assert (good, failures) == ([0, 1, 2, 3], [])
    good, [failure] = outcome(written(tmp_path, LHCB[:-120] + "\n" + LHCB))
    assert good == [0, 2, 3]
    assert failure.event == 1


def test_unknown_ids_can_be_kept(tmp_path):
    path = written(tmp_path, LHCB.replace("P 7 -211", "P 7 42424242"))
    good, failures = outcome(path, unknown_ids="keep")
    assert (good, failures) == ([0, 1], [])
    # Only particles that fly matter: generators document their partons with private ids.
    path = written(tmp_path, LHCB.replace("P 3 90 0 0 1 1 0 3", "P 3 9942003 0 0 1 1 0 3"))
    assert outcome(path) == ([0, 1], [])


def test_nothing_is_printed(tmp_path, capfd):
    outcome(written(tmp_path, LHCB.replace("889 0 0 -4 0", "889 0 0 -9 0")))
    outcome(written(tmp_path, LHCB[:-300]))
    assert capfd.readouterr() == ("", "")


def test_wrong_options_are_answered_with_near_misses():
    with pytest.raises(ConfigurationError, match="near misses: single"):
        HepMCFiles("a", collisions="singel")
    with pytest.raises(ConfigurationError, match="near misses: keep"):
        HepMCFiles("a", unknown_ids="kep")
    with pytest.raises(ConfigurationError, match="at least one"):
        HepMCFiles([])
    with pytest.raises(ConfigurationError, match="size >= 1"):
        list(HepMCFiles("a").batches(0))
