"""What the model of the occupancy learns from."""

import numpy as np
import yaml
from click.testing import CliRunner
from pyarrow import parquet

from lamarr.events import EventBatch, Fate, open_writer
from lamarr.flash import load_pipeline
from lamarr.generation import DecayGun
from lamarr.training.occupancy import SHOWN, known_tracks, main, rows_of


def events(tiny_set, others=17):
    """Flash events to which `others` tracks without a particle have been added in the count."""
    source = DecayGun("[B_s0 -> (J/psi -> mu+ mu-) (phi -> K+ K-)]cc", 300, seed=3)
    batch = load_pipeline(str(tiny_set))(EventBatch.concatenate(source.batches(300)), 5)
    return batch.with_columns("events", nTracks=batch["events"]["nTracks"] + others)


def test_known_and_other_tracks_make_all(tiny_set):
    batch = events(tiny_set)
    made = np.bincount(
        batch["particles"]["event_id"], weights=batch["particles"]["fate"] >= Fate.LONG, minlength=300
    )
    assert (known_tracks(batch) == made).all()
    rows = rows_of(batch, gun=False)
    assert not rows["isSignalOnly"].any()
    assert (np.floor(rows["nOtherTracks"] + 0.5) == 17).all()
    shot = rows_of(batch, gun=True)
    assert shot["isSignalOnly"].all()
    assert shot["nKnownTracks"].max() < SHOWN
    total = shot["nKnownTracks"] + np.floor(shot["nOtherTracks"] + 0.5)
    assert (total == batch["events"]["nTracks"]).all()


def test_command(tiny_set, tmp_path):
    path, out = tmp_path / "events.parquet", tmp_path / "occupancy.yaml"
    batch = events(tiny_set)
    with open_writer(path, sources=batch.sources, metadata={}) as writer:
        writer.write(batch)
    said = CliRunner().invoke(main, [str(path), "--gun", str(path), "-o", str(out)])
    assert said.exit_code == 0, said.output
    assert "600 rows, 300 of guns" in said.output
    declared = yaml.safe_load(out.read_text())
    assert parquet.read_table(tmp_path / declared["files"][0]).num_rows == 600
