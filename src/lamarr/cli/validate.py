"""``lamarr validate``: flash against detailed simulation, plot by plot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

__all__ = ["command"]


@click.command("validate")
@click.argument("flash", metavar="FLASH")
@click.argument("detailed", metavar="DETAILED")
@click.option("-o", "--output", default="report.html", show_default=True, help="The page.")
@click.option("--json", "json_path", metavar="FILE", help="All verdicts as JSON.")
@click.option("--flash-map", metavar="YAML", help="How to read FLASH, if Lamarr did not write it.")
@click.option("--detailed-map", metavar="YAML", help="How to read DETAILED, if Lamarr did not write it.")
@click.option("--set", "set_", metavar="NAME|FOLDER", help="Models that made FLASH. [default: as it says]")
@click.option("--no-classifiers", is_flag=True, help="Do not train classifiers to tell the samples apart.")
@click.option(
    "--ablation/--no-ablation",
    default=None,
    help="Exchange stages one by one, to see which is to blame. [default: if both hold the same events]",
)
@click.option(
    "--cost", metavar="JSON", help="Costs of an event: what python -m lamarr.validation.cost wrote."
)
@click.option("--least", type=click.IntRange(min=20), default=200, show_default=True, help="Entries needed.")
@click.option("--force", is_flag=True, help="Replace outputs; compare what should not be compared.")
@click.option("--quiet", is_flag=True, help="No progress bar and no message.")
def command(
    *,
    flash: str,
    detailed: str,
    output: str,
    json_path: str | None,
    flash_map: str | None,
    detailed_map: str | None,
    set_: str | None,
    no_classifiers: bool,
    ablation: bool | None,
    cost: str | None,
    least: int,
    force: bool,
    quiet: bool,
) -> None:
    """Compare FLASH with DETAILED, the reference, and write one page: verdicts first, then every plot."""
    from lamarr.flash.progress import Progress
    from lamarr.validation.cost import read_costs
    from lamarr.validation.report import (
        ablations,
        check_independence,
        check_outputs,
        compare,
        open_source,
        refuse_different,
        same_events,
        write_report,
    )
    from lamarr.validation.report.comparison import n_tasks
    from lamarr.validation.report.independence import cards_of

    targets = [Path(output), *([Path(json_path)] if json_path else [])]
    check_outputs(targets, force=force)
    costs = read_costs(Path(cost)) if cost else {}
    a, b = open_source(flash, flash_map), open_source(detailed, detailed_map)
    different = refuse_different(a, b, force=force)
    independence = check_independence(cards_of(a, set_), b.digests, force=force)
    with Progress(n_tasks(not no_classifiers), quiet=quiet, label="comparing") as progress:
        comparison = compare(
            a, b, classifiers=not no_classifiers, least=least, progress=lambda _: progress.advance(1)
        )
    if same_events(a, b) if ablation is None else ablation:
        comparison.ablations = ablations(a, b, least=least, models=set_)
    comparison.costs = costs
    facts = {
        "Flash": _described(a.name, a.events, a.facts),
        "Detailed": _described(b.name, b.events, b.facts),
        **({"Warning": f"compared by force: {'; '.join(different)}"} if different else {}),
    }
    write_report(output, comparison, facts, independence, json_path=json_path, force=force)
    if not quiet:
        counts = {o: sum(v.outcome == o for v in comparison.verdicts) for o in ("met", "missed")}
        click.echo(f"wrote {output}: {counts['met']} targets met, {counts['missed']} missed")


def _described(name: str, events: int | None, facts: Mapping[str, object]) -> str:
    known = {k: v for k, v in facts.items() if isinstance(v, str | int | float)}
    words = [f"{k} {str(v)[:12] if k == 'generation' else v}" for k, v in known.items()]
    inside = f" ({', '.join(words)})" if words else ""
    number = "" if events is None else f", {events:,} events"
    return f"{name}{number}{inside}"
