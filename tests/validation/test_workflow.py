"""The workflow: every rule of it is planned, and reports become one table."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lamarr.errors import InputFileError
from lamarr.validation.decays import DECAYS
from lamarr.validation.report.summary import summary

WORKFLOW = Path(__file__).parents[2] / "workflow"


@pytest.mark.skipif(shutil.which("snakemake") is None, reason="snakemake is not installed (extra 'scale')")
@pytest.mark.parametrize("more", [(), ("--configfile", str(WORKFLOW / "reduced.yaml"))])
def test_a_dry_run_plans_all(tmp_path, more):
    command = [
        "snakemake",
        "-s",
        str(WORKFLOW / "Snakefile"),
        "-n",
        "-d",
        str(tmp_path),
        "--cores",
        "1",
        *more,
    ]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert said.returncode == 0, said.stderr
    for rule in ("generate", "detailed", "flash", "gun", "report", "verdicts"):
        assert f"rule {rule}:" in said.stdout + said.stderr
    for name in (*DECAYS, "minbias"):
        assert f"{name}/report.html" in said.stdout + said.stderr


@pytest.mark.skipif(shutil.which("snakemake") is None, reason="snakemake is not installed (extra 'scale')")
def test_samples_that_exist_are_not_made_again(tmp_path):
    for name in (*DECAYS, "minbias"):
        (tmp_path / f"samples/{name}.parquet").mkdir(parents=True)
    command = ["snakemake", "-s", str(WORKFLOW / "Snakefile"), "-n", "-d", str(tmp_path), "--cores", "1"]
    command += ["--config", "samples=samples"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert said.returncode == 0, said.stderr
    assert "rule flash:" in said.stdout + said.stderr
    assert "rule detailed:" not in said.stdout + said.stderr


def test_the_configuration_has_the_decays_of_the_validation():
    import yaml

    config = yaml.safe_load((WORKFLOW / "config.yaml").read_text())
    guns = {n: d["gun"] for n, d in config["decays"].items() if "gun" in d}
    assert guns == {n: d.descriptor for n, d in DECAYS.items()}
    assert "minbias" in config["decays"]
    for name, gun in guns.items():
        assert f"'{gun}'" in config["decays"][name]["source"]


def test_summary_counts_and_lists_what_is_missed(tmp_path):
    verdict = {
        "section": "tracking",
        "name": "|Δ|",
        "what": "KS",
        "error": None,
        "floor": 0.01,
        "target": 0.02,
    }
    path = tmp_path / "Lb" / "metrics.json"
    path.parent.mkdir()
    verdicts = [verdict | {"value": 0.01, "outcome": "met"}, verdict | {"value": 0.5, "outcome": "missed"}]
    ks = {"as it is": {"value": 0.2, "error": 0.01}, "same tracks": {"value": 0.1, "error": 0.02}}
    ablation = {"observable": "m(Lc)", "candidates": 9, "ks": ks, "to_blame": "momentum"}
    path.write_text(json.dumps({"version": 1, "verdicts": verdicts, "ablations": [ablation]}))
    text = summary([path])
    assert "| Lb | tracking | 1 | 0 | 1 |" in text
    assert "| Lb | ¦Δ¦ | KS | 0.5 |  | 0.01 | 0.02 |" in text
    assert "| Lb | m(Lc) | 9 | 0.200 ± 0.010 | 0.100 ± 0.020 | momentum |" in text
    path.write_text("{}")
    with pytest.raises(InputFileError, match=r"what .lamarr validate"):
        summary([path])
    path.write_text(json.dumps({"version": 99, "verdicts": []}))
    with pytest.raises(InputFileError, match="version 99"):
        summary([path])
    module = [sys.executable, "-m", "lamarr.validation.report.summary", str(path)]
    ended = subprocess.run(module, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("lamarr: ")
    assert ended.stderr.count("\n") == 1


def test_containers_are_pinned_as_the_package_asks():
    from packaging.requirements import Requirement

    folder = WORKFLOW / "container"
    lines = (folder / "requirements.txt").read_text().splitlines()
    pins = {r.name.lower().replace("_", "-"): r for r in map(Requirement, (x for x in lines if x[0] != "#"))}
    project = tomllib.loads((WORKFLOW.parent / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(r for e in ("generate", "detailed", "validate") for r in extras[e])]
    for requirement in map(Requirement, wanted):
        (pin,) = pins[requirement.name.lower()].specifier
        assert pin.operator == "=="
        assert pin.version in requirement.specifier, requirement
    commands = [
        {line.strip(" \\&").removeprefix("RUN ") for line in (folder / name).read_text().splitlines()}
        for name in ("Dockerfile", "lamarr.def")
    ]
    both = commands[0] & commands[1]
    for start in (
        "apt-get install",
        "pip install --no-cache-dir --only-binary",
        "pip install --no-cache-dir --no-deps",
    ):
        assert any(c.startswith(start) for c in both), start
