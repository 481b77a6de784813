"""Making a sample: the detailed simulation of its events into Parquet, with a manifest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from lamarr.detailed.samples.catalogue import sample_named
from lamarr.detailed.samples.manifest import manifest, write_manifest
from lamarr.detailed.workers import Settings, Workers
from lamarr.detector import load_detector
from lamarr.flash import Run
from lamarr.flash.report import Report

__all__ = ["make_sample"]


def make_sample(
    name: str,
    output: Path,
    *,
    n: int,
    seed: int = 0,
    workers: int = 1,
    settings: Settings | None = None,
    force: bool = False,
    keep: str = "physical",
    quiet: bool = True,
    transported: Path | None = None,
    redecay: int = 1,
    in_acceptance: bool = False,
    pool: Callable[..., Workers] = Workers,
) -> Report:
    """Make `n` events of the sample `name` in the directory `output`, and ``OUTPUT.json`` beside it.

    An interrupted one goes on when it is asked for again. `transported` is a directory that keeps what
    Geant4 did, so that the sample can be made anew when the reconstruction has changed. `redecay` events in
    a row share what is not from the signal; with `in_acceptance` the signal's daughters fly into the
    spectrometer.

    Raises
    ------
    UnknownNameError
        If there is no such sample.
    OutputFileError
        If `output` exists and `force` is not set.
    """
    settings = settings or Settings()
    opened = sample_named(name).open(n, seed, redecay=redecay, in_acceptance=in_acceptance)
    with pool(settings, workers, transported=transported) as simulation:
        report = Run(
            source=opened.source,
            pipeline=simulation,
            outputs=(output,),
            seed=seed,
            threads=workers,
            batch_size=opened.block,
            n_events=n,
            keep=keep,
            force=force,
            checkpoint=True,
            identity={**opened.identity, "sample": name},
            metadata={
                "command": "sample",
                "sample": name,
                "seed": seed,
                **load_detector(settings.detector).facts,
                **opened.facts,
            },
            quiet=quiet,
        )()
    content = manifest(
        name=name,
        seed=seed,
        n=n,
        settings={**asdict(settings), "redecay": redecay, "in_acceptance": in_acceptance},
        report=report,
        folder=output,
    )
    write_manifest(output.with_name(f"{output.name}.json"), content)
    return report
