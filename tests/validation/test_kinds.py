"""What files say about their events: kinds that differ are refused, and training samples are known again."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from lamarr.cli.main import cli
from lamarr.errors import ConfigurationError
from lamarr.events import describe, file_digest, sample_digests
from lamarr.validation.report import check_independence, open_source, refuse_different

LB = "[Lambda_b0 -> (Lambda_c+ -> p+ K- pi+) mu- anti-nu_mu]cc"
LB_AGAIN = "[ Lambda_b0  ==> ( Lambda_c+ => p+ K- pi+ ) mu- anti-nu_mu ]cc"
BS = "[B_s0 -> (J/psi -> mu+ mu-) (phi -> K+ K-)]cc"


def run(*arguments: object) -> None:
    result = CliRunner().invoke(cli, [*map(str, arguments), "--quiet"], catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = tmp_path_factory.mktemp("kinds")
    run("generate", "--decay", LB, "-n", 30, "--seed", 1, "-o", at / "lb.parquet")
    run("simulate", at / "lb.parquet", "-o", at / "lb-flash.root", "--seed", 2)
    run("simulate", "--decay", LB_AGAIN, "-n", 20, "--seed", 3, "-o", at / "lb-again.sqlite")
    run("simulate", "--decay", BS, "-n", 20, "--seed", 1, "-o", at / "bs.parquet")
    down = ("--set", "lhcb2016-magdown")
    run("simulate", "--decay", LB, "-n", 20, "--seed", 4, *down, "-o", at / "lb-down.parquet")
    return at


def facts(path: Path) -> dict[str, object]:
    return dict(describe(path).metadata)


def test_files_name_decay_year_and_polarity(folder):
    flash, down = facts(folder / "lb-flash.root"), facts(folder / "lb-down.parquet")
    for same in ("lb.parquet", "lb-again.sqlite"):
        assert facts(folder / same)["decay"] == flash["decay"]
    assert (flash["year"], flash["polarity"], down["polarity"]) == (2016, "up", "down")
    assert down["set"] == "lhcb2016-magdown"
    assert "Lambda_b" in str(flash["decay"])
    assert facts(folder / "bs.parquet")["decay"] != flash["decay"]


@pytest.mark.parametrize(("other", "what"), [("bs.parquet", "decay"), ("lb-down.parquet", "polarity")])
def test_other_decays_and_polarities_are_refused(folder, other, what):
    command = ["validate", str(folder / other), str(folder / "lb-flash.root"), "-o", str(folder / "r.html")]
    with pytest.raises(ConfigurationError, match=f"{what} .*--force"):
        CliRunner().invoke(cli, command, catch_exceptions=False, standalone_mode=False)
    refuse_different(open_source(folder / "lb-again.sqlite"), open_source(folder / "lb-flash.root"))


def test_a_training_sample_is_known_again_in_another_format_and_simulation(folder):
    trained = sample_digests(folder / "lb.parquet")
    assert trained[0] == file_digest(folder / "lb.parquet")
    card = {"rich_pion": {"sample": {"files": list(trained)}}}
    for same in ("lb.parquet", "lb-flash.root"):
        with pytest.raises(ConfigurationError, match="no validation"):
            check_independence(card, sample_digests(folder / same))
    (found,) = check_independence(card, sample_digests(folder / "lb-again.sqlite"))
    assert not found.shared
