"""The rooms: who may import whom, what is public, and what an import costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import lamarr

ROOT = Path(lamarr.__file__).parent
ROOMS = [
    ["cli"],
    ["validation"],
    ["tuning"],
    ["training"],
    ["detailed"],
    ["networks"],
    ["api"],
    ["flash"],
    ["parametrizations"],
    ["calorimetry"],
    ["transpile"],
    ["generation"],
    ["detector"],
    ["events"],
    ["commands", "declaration", "elementary", "publishing", "random", "units", "errors", "_version"],
]
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{a.name}" for a in node.names)


def test_no_two_modules_of_tests_have_one_name():
    """Tests are found by the names of their files alone."""
    names = [p.name for p in (ROOT.parents[1] / "tests").rglob("*.py") if p.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))


def room_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_dependencies_point_down_the_list_of_rooms(path):
    own = room_of(path)
    if own == "__init__":
        return  # the front door names everything, lazily
    assert own in LEVEL, f"the room '{own}' is not in ARCHITECTURE.md's list"
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "lamarr" and len(parts) > 1 and parts[1] in LEVEL and parts[1] != own:
            assert LEVEL[parts[1]] >= LEVEL[own], f"{path.name} of '{own}' imports {name} from above"


HEAVY = (
    "torch",
    "matplotlib",
    "pandas",
    "sklearn",
    "scipy",
    "pythia8mc",
    "uproot",
    "pyarrow",
    "awkward",
    "pyhepmc",
)


def test_importing_lamarr_imports_nothing_heavy():
    code = f"import sys, lamarr; print([m for m in {HEAVY!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_public_names_are_these():
    assert sorted(lamarr.__all__) == [
        "EventBatch",
        "Fate",
        "LamarrError",
        "Table",
        "__version__",
        "generate",
        "read",
        "simulate",
        "write",
    ]


@pytest.mark.parametrize("room", [p.parent.name for p in ROOT.glob("*/__init__.py")])
def test_every_name_that_a_room_offers_exists(room):
    pytest.importorskip("torch") if room in ("networks", "training") else None
    if room == "tuning":
        pytest.importorskip("optuna")
        pytest.importorskip("fastapi")
    module = __import__(f"lamarr.{room}", fromlist=["x"])
    for name in getattr(module, "__all__", ()):
        assert getattr(module, name) is not None
