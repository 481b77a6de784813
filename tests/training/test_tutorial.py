"""The tutorial of docs/training.md, run as it stands, with fewer tracks and steps."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra 'train'")
pytest.importorskip("sklearn", reason="needs the extra 'train'")

PAGE = Path(__file__).parents[2] / "docs/training.md"
SMALLER = {"--tracks 200000": "--tracks 8000", "--steps 3000": "--steps 60 --quiet"}


def blocks():
    """Kind and content of the fenced blocks of the tutorial."""
    text = PAGE.read_text().split("## From an nTuple to a library")[1].split("\n## ")[0]
    return re.findall(r"```(sh|yaml|python)\n(.*?)```", text, flags=re.S)


def run_line(line):
    from lamarr.cli import main

    for long, short in SMALLER.items():
        line = line.replace(long, short)
    words = shlex.split(line)
    if words[0] == "lamarr":
        with pytest.raises(SystemExit) as end:
            main(words[1:])
        assert end.value.code == 0, line
    else:
        assert words[0] == "python"
        subprocess.run([sys.executable, *words[1:]], check=True, env=os.environ)


@pytest.mark.filterwarnings("ignore:.*Matplotlib")
def test_the_tutorial_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kinds, names = [], {}
    for kind, content in blocks():
        kinds.append(kind)
        if kind == "yaml":
            name = content.splitlines()[0].removeprefix("# ")
            (tmp_path / name).write_text(content)
        elif kind == "sh":
            for line in content.strip().splitlines():
                run_line(line)
        else:
            exec(compile(content, f"{PAGE.name}, block {len(kinds)}", "exec"), names)
    assert kinds == ["sh", "yaml", "sh", "python", "python"]
    assert (tmp_path / "librichpion.so").exists()
    assert names["likelihoods"].shape == (2, 4)
    assert (tmp_path / "myset/set.json").exists()
    assert (tmp_path / "runs/rich_pion/log.csv").exists()
