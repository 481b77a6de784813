"""Masses with photons: of a sample with itself, with wrong energies, and of wrong input."""

import numpy as np
import pytest
from click.testing import CliRunner

import lamarr
from lamarr.errors import InputFileError, UnknownNameError
from lamarr.events import EventBatch
from lamarr.flash import PipelineConfiguration
from lamarr.validation.radiative import RADIATIVE, main, measure, table

KIND = RADIATIVE["B02KstGamma"]


@pytest.fixture(scope="module")
def sample():
    events = lamarr.generate("[B0 -> (K*(892)0 -> K+ pi-) gamma]cc", 1500, seed=4)
    pipeline = PipelineConfiguration(set="lhcb2016-magup", ecal="parametric")
    return lamarr.simulate(events, pipeline=pipeline, seed=1)


def by_name(rows):
    return {r["quantity"]: r for r in rows}


def test_a_sample_agrees_with_itself_and_the_mass_is_that_of_the_b(sample):
    m = measure(sample, KIND)
    rows = by_name(table(m, m))
    assert all(r["ratio"] == 1 and r["error"] == 0 for r in rows.values() if r["detailed"])
    assert rows["median mass (MeV)"]["flash"] == pytest.approx(5280, rel=0.02)
    assert 40 < rows["half width (MeV)"]["flash"] < 250
    assert 0.2 < rows["photon found"]["flash"] < 1
    assert m["decays"].sum() > 100
    assert len(m["mass"]) <= m["found"].sum() <= m["decays"].sum()


def test_wrong_energies_are_found(sample):
    wrong = sample.with_columns("clusters", energy=1.1 * sample["clusters"]["energy"])
    tables = {k: wrong[k] for k in wrong if k not in ("neutrals", "electrons")}
    wrong = EventBatch(tables, wrong.sources)  # candidates are made again
    rows = by_name(table(measure(wrong, KIND), measure(sample, KIND)))
    mass = rows["median mass (MeV)"]
    assert mass["ratio"] - 1 > 3 * mass["error"] > 0
    assert rows["photons above 1 GeV"]["ratio"] > 1


def test_a_narrow_resonance_is_measured_by_the_difference():
    events = lamarr.generate("[B+ -> (chi_c1(1P) -> (J/psi(1S) -> mu+ mu-) gamma) K+]cc", 1500, seed=4)
    pipeline = PipelineConfiguration(set="lhcb2016-magup", ecal="parametric")
    m = measure(lamarr.simulate(events, pipeline=pipeline, seed=1), RADIATIVE["B2ChicK"])
    assert np.median(m["mass"]) == pytest.approx(3511, abs=15)
    assert len(m["mass"]) > 50


def test_other_events_and_other_names_are_refused(sample, tmp_path):
    m = measure(sample, KIND)
    with pytest.raises(InputFileError, match="the same events"):
        table(measure(sample.select_events(0, 100), KIND), m)
    path = tmp_path / "a.parquet"
    lamarr.write(sample, path)
    numbers = tmp_path / "n.json"
    done = CliRunner().invoke(
        main, ["B02KstGamma", str(path), str(path), "--json", str(numbers)], catch_exceptions=False
    )
    assert "half width" in done.output
    assert "1.000 ± 0.000" in done.output
    assert numbers.exists()
    with pytest.raises(UnknownNameError, match="B02KstGamma"):
        CliRunner().invoke(main, ["B02KstGama", str(path), str(path)], catch_exceptions=False)
