"""``lamarr sample``: named training samples of the detailed simulation."""

from __future__ import annotations

from pathlib import Path

import click

from lamarr.cli.sources import finish

__all__ = ["command"]


@click.command("sample")
@click.argument("name", required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Directory. [default: NAME.parquet]")
@click.option("-n", "n", type=click.IntRange(min=1), help="Number of events. [default: by --size]")
@click.option("--size", type=click.Choice(["small", "large"]), default="small", show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=0, show_default=True, help="Random seed.")
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that simulate."
)
@click.option("--detector", default="lhcb2016-magup", show_default=True, help="Field and beam.")
@click.option(
    "--transported",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory that keeps what Geant4 did: only the reconstruction is repeated.",
)
@click.option(
    "--redecay",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="ReDecay: N events in a row differ in the signal only, Geant4 carries the rest once. [default: 1]",
)
@click.option(
    "--in-acceptance",
    is_flag=True,
    help="The signal's charged daughters (10 to 400 mrad) and photons (5 to 400) fly into the spectrometer.",
)
@click.option("--force", is_flag=True, help="Replace a sample that exists.")
@click.option("--quiet", is_flag=True, help="No progress bar and no summary.")
def command(
    *,
    name: str | None,
    output: Path | None,
    n: int | None,
    size: str,
    seed: int,
    workers: int,
    detector: str,
    redecay: int,
    in_acceptance: bool,
    transported: Path | None,
    force: bool,
    quiet: bool,
) -> int:
    """Make the training sample NAME; without a name, list the samples.

    OUTPUT.json beside the sample holds seed, versions, revision, counts and digests. A killed command goes
    on where it was when it is repeated.
    """
    from lamarr.detailed.samples.catalogue import SAMPLES, sample_named

    if name is None:
        for known, sample in SAMPLES.items():
            click.echo(f"{known:15} {sample.small:6} or {sample.large:6} events: {sample.meaning}")
        return 0
    chosen = sample_named(name)
    from lamarr.detailed.samples.making import make_sample
    from lamarr.detailed.workers import Settings

    report = make_sample(
        name,
        output or Path(f"{name}.parquet"),
        n=n or (chosen.small if size == "small" else chosen.large),
        seed=seed,
        workers=workers,
        settings=Settings(detector=detector),
        force=force,
        transported=transported,
        redecay=redecay,
        in_acceptance=in_acceptance,
        quiet=quiet,
    )
    return finish(report, quiet=quiet)
