"""``lamarr detailed-report``: a detailed sample against published performance."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("detailed-report")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="HTML page to write.")
@click.option("--json", "as_json", is_flag=True, help="Write the numbers beside it, as NAME.json.")
@click.option("--force", is_flag=True, help="Replace OUTPUT if it exists.")
def command(*, files: tuple[Path, ...], output: Path, as_json: bool, force: bool) -> None:
    """Compare samples of `lamarr detailed` with published performance: plots and a table of verdicts."""
    from lamarr.errors import ConfigurationError
    from lamarr.validation.detailed_report import make_report, write_page
    from lamarr.validation.detailed_report.page import write_json

    outputs = [output, *([output.with_suffix(".json")] if as_json else [])]
    for path in outputs:
        if path.exists() and not force:
            raise ConfigurationError(f"{path} exists; --force replaces it")
    report = make_report(files)
    write_page(report, output)
    if as_json:
        write_json(report, outputs[1])
    counts = ", ".join(f"{n} {verdict}" for verdict, n in report.verdicts.items() if n)
    click.echo(f"wrote {' and '.join(map(str, outputs))}: {counts}")
