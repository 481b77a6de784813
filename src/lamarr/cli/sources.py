"""Options that several commands share: where events come from, and where they go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from lamarr.flash.pipeline import Pipeline
    from lamarr.flash.report import Report
    from lamarr.flash.sources import NamedSource

__all__ = ["Destination", "destination_options", "finish", "named_source", "output_options", "source_options"]

F = TypeVar("F", bound=Callable[..., Any])

_SOURCE = (
    click.argument("files", nargs=-1, metavar="[FILES]..."),
    click.option(
        "--decay",
        metavar="DESCRIPTOR",
        help="Decay in LHCb's notation: '[B_s0 -> mu+ mu-]cc'; with --pythia, forced on every event.",
    ),
    click.option(
        "--pythia", metavar="minbias|bbbar|ccbar|FILE", help="Collisions by Pythia 8, or its command file."
    ),
    click.option(
        "--nu", type=float, help="With --pythia: mean number of pp collisions in an event (2016: 1.6)."
    ),
    click.option(
        "--embed",
        metavar="minbias|bbbar|ccbar|FILE",
        help="With --decay: put the decay into collisions of Pythia 8, or into the events of a file.",
    ),
    click.option(
        "--redecay",
        type=click.IntRange(min=1),
        default=1,
        metavar="N",
        help="ReDecay, with --pythia and --decay or --embed: N events in a row differ in the signal only, "
        "so that Geant4 carries the rest once. [default: 1]",
    ),
    click.option(
        "--in-acceptance",
        is_flag=True,
        help="With --decay: the signal's charged daughters (10 to 400 mrad) and photons (5 to 400) fly into "
        "the spectrometer.",
    ),
    click.option("--gun", metavar="SPEC", help="Single particles: 'mu-,mu+ p=log(2,100) eta=2:5' (GeV)."),
    click.option("-n", "n", type=click.IntRange(min=1), help="Number of events (of files: at most so many)."),
    click.option(
        "--seed", type=click.IntRange(0, 2**64 - 1), default=0, show_default=True, help="Random seed."
    ),
)
_OUTPUT = (
    click.option(
        *("-o", "--output", "outputs"),
        multiple=True,
        required=True,
        metavar="PATH",
        help="Output: .root, .parquet or .sqlite; may be repeated.",
    ),
    click.option("--force", is_flag=True, help="Replace outputs that exist."),
    click.option(
        "--checkpoint/--no-checkpoint",
        default=True,
        help="Store finished chunks in OUTPUT.spool; after a crash the same command goes on. [default: on]",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(min=1),
        help="Events at a time (default: by source). No effect on results.",
    ),
    click.option("--quiet", is_flag=True, help="No progress bar and no summary."),
)


_KEEP = (
    click.option(
        "--keep",
        default="physical",
        show_default=True,
        metavar="all|physical|reconstructed",
        help="Generated particles in the output; the summary counts all.",
    ),
)


def source_options(function: F) -> F:
    """Add FILES, --decay, --pythia, --nu, --embed, --redecay, --in-acceptance, --gun, -n and --seed."""
    return _decorated(function, _SOURCE)


def output_options(function: F) -> F:
    """Add -o, --force, --checkpoint, --batch-size and --quiet."""
    return _decorated(function, _OUTPUT)


def destination_options(function: F) -> F:
    """Add what a `Destination` is made of: :func:`output_options` and --keep."""
    return _decorated(function, (*_OUTPUT, *_KEEP))


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where simulated events go, and how: the values of :func:`destination_options`."""

    outputs: tuple[str, ...]
    force: bool
    checkpoint: bool
    batch_size: int | None
    keep: str
    quiet: bool

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> Destination:
        """Return it, removed from the options of a command."""
        return cls(**{f.name: options.pop(f.name) for f in fields(cls)})

    def run(
        self,
        opened: NamedSource,
        pipeline: Pipeline,
        *,
        command: str,
        facts: Mapping[str, Any],
        n: int | None,
        seed: int,
        threads: int,
        batch_size: int,
    ) -> int:
        """Send the events of `opened` through `pipeline`; report, and return the exit code.

        `batch_size` is taken where the user asked for none; `facts` go into the metadata of the output.
        """
        from lamarr._version import __version__
        from lamarr.flash import Run
        from lamarr.flash.heap import keep_freed_memory

        keep_freed_memory()
        run = Run(
            source=opened.source,
            pipeline=pipeline,
            outputs=tuple(map(Path, self.outputs)),
            seed=seed,
            threads=threads,
            batch_size=self.batch_size or batch_size,
            n_events=n,
            keep=self.keep,
            force=self.force,
            checkpoint=self.checkpoint,
            identity=opened.identity,
            metadata={"command": command, "version": __version__, "seed": seed, **facts},
            quiet=self.quiet,
        )
        return finish(run(), quiet=self.quiet)


def named_source(
    *,
    files: tuple[str, ...],
    decay: str | None,
    pythia: str | None,
    gun: str | None,
    nu: float | None,
    embed: str | None,
    redecay: int,
    in_acceptance: bool,
    n: int | None,
    seed: int,
) -> NamedSource:
    """Open the one source that was named.

    --decay with --pythia is the decay forced on Pythia's signal, with --embed it is put into other events.

    Raises
    ------
    ConfigurationError
        If none or several were named, or the number of events is missing.
    """
    from lamarr.errors import ConfigurationError
    from lamarr.flash import sources

    given = {"FILES": files, "--decay": decay and not pythia, "--pythia": pythia, "--gun": gun}
    named = [option for option, value in given.items() if value]
    if len(named) != 1:
        raise ConfigurationError(
            "events must come from one of FILES, --decay, --pythia and --gun, "
            f"but {' and '.join(named) if named else 'none'} was given"
        )
    if nu is not None and not (pythia or embed):
        raise ConfigurationError("--nu adds collisions of Pythia and needs --pythia or --embed")
    if embed and named != ["--decay"]:
        raise ConfigurationError("--embed puts a decay into other events and needs --decay alone")
    if redecay > 1 and not (decay and (pythia or embed)):
        raise ConfigurationError("--redecay draws signals anew and needs --decay, with --pythia or --embed")
    if in_acceptance and not decay:
        raise ConfigurationError("--in-acceptance asks for daughters of a signal and needs --decay")
    if files:
        return sources.open_files(files)
    if n is None:
        raise ConfigurationError(f"{named[0]} needs the number of events, -n")
    if pythia:
        return sources.open_pythia(
            pythia, n, seed, signal=decay, nu=nu, redecay=redecay, in_acceptance=in_acceptance
        )
    if embed:
        return sources.open_embedded(
            str(decay), embed, n, seed, nu=nu, redecay=redecay, in_acceptance=in_acceptance
        )
    if decay:
        return sources.open_decay(decay, n, seed, in_acceptance=in_acceptance)
    return sources.open_gun(str(gun), n, seed)


def finish(report: Report, *, quiet: bool, shown: int = 10) -> int:
    """Print what a run reports; return the exit code, 1 if events failed."""
    if not quiet:
        click.echo(report.summary())
        for path in report.outputs:
            click.echo(f"wrote {path}")
    for failure in report.failures[:shown]:
        click.echo(f"lamarr: {failure}", err=True)
    if report.failures:
        number = len(report.failures)
        what = "1 event failed and is" if number == 1 else f"{number} events failed and are"
        click.echo(f"lamarr: {what} not in the output; every reason is in {report.errors_file}", err=True)
    return 1 if report.failures else 0


def _decorated(function: F, options: tuple[Callable[[F], F], ...]) -> F:
    for option in reversed(options):
        function = option(function)
    return function
