"""Files appear whole or not at all, and commands end in one sentence."""

import click
import pytest

from lamarr.commands import run
from lamarr.errors import ConfigurationError
from lamarr.publishing import beside, durable, write_text


def test_what_is_complete_gets_its_name(tmp_path):
    path = tmp_path / "x.json"
    write_text(path, "old")
    with beside(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    with durable(path) as file:
        file.write(b"newest")
        assert path.read_text() == "new"
    assert path.read_text() == "newest"
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("writer", [beside, durable])
def test_what_is_not_complete_is_removed(tmp_path, writer):
    path = tmp_path / "x.json"
    write_text(path, "old")
    with pytest.raises(KeyboardInterrupt), writer(path):
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def _raising(error):
    def command():
        raise error

    return command


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (lambda: None, 0, ""),
        (lambda: 3, 3, ""),
        (_raising(ConfigurationError("two\n lines")), 1, "lamarr: two lines\n"),
        (_raising(KeyboardInterrupt()), 130, "lamarr: interrupted; go on\n"),
        (click.Command("c", callback=_raising(ConfigurationError("no"))), 1, "lamarr: no\n"),
        (click.Command("c", callback=lambda: None), 0, ""),
    ],
)
def test_a_command_ends_in_one_sentence(capsys, command, code, said):
    with pytest.raises(SystemExit) as end:
        run(command, [], interrupted="go on")
    assert end.value.code == code
    assert capsys.readouterr().err == said


def test_wrong_usage_is_answered_with_the_usage(capsys):
    with pytest.raises(SystemExit) as end:
        run(click.Command("c", callback=lambda: None), ["--what"], name="tool")
    assert end.value.code == 2
    assert "Usage: tool" in (err := capsys.readouterr().err)
    assert "No such option" in err
