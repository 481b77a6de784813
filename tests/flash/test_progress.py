"""The progress bar: on terminals only, with rate and time left."""

import io
import sys

import pytest

from lamarr.flash.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(monkeypatch, stream, **options):
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress(10, label="simulating", **options) as progress:
        progress.advance(3)
        progress.advance(7)
    return stream.getvalue()


def test_a_terminal_sees_number_rate_and_time_left(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    text = shown(monkeypatch, Terminal())
    assert "simulating" in text
    assert "10/10" in text
    assert "events/s" in text
    assert "left" in text


@pytest.mark.parametrize(("stream", "quiet"), [(io.StringIO(), False), (Terminal(), True)])
def test_files_and_quiet_runs_see_nothing(monkeypatch, stream, quiet):
    assert shown(monkeypatch, stream, quiet=quiet) == ""
