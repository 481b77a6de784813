"""``lamarr train``: from data to a trained model with its card."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("train")
@click.argument("names", nargs=-1, metavar="[NAME|YAML]...")
@click.option("--all", "everything", is_flag=True, help="Train all models of identification.")
@click.option("--data", type=click.Path(path_type=Path), help="Event file, or YAML of files and columns.")
@click.option("--model", metavar="CLASS", help="Class of models instead of the recipe's.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the set that gets them.")
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Where each training has its folder; one that was interrupted goes on.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Instead of the recipe's number of steps.")
@click.option("--seed", type=click.IntRange(min=0), help="Instead of the recipe's seed.")
@click.option("--device", help="cpu, cuda or auto, instead of the recipe's.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Of torch.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting: model.trunk=96.")
@click.option("--list", "listing", is_flag=True, help="List recipes and classes of models.")
@click.option("--show", is_flag=True, help="Print the recipes instead of training.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    names: tuple[str, ...],
    everything: bool,
    data: Path | None,
    model: str | None,
    output: Path | None,
    runs: Path,
    steps: int | None,
    seed: int | None,
    device: str | None,
    threads: int,
    settings: tuple[str, ...],
    listing: bool,
    show: bool,
    quiet: bool,
) -> None:
    """Train models of recipes (rich_pion, rich, or a YAML file of yours) on data.

    \b
    lamarr train rich_pion --data events.parquet -o myset
    lamarr train my.yaml --data calibration.yaml --model bce-gan
    lamarr train --all --data events.parquet -o myset
    """  # noqa: D301
    from lamarr.training.commands import list_recipes, show_recipes, train_all
    from lamarr.training.recipe_changes import parse_changes

    if listing:
        click.echo(list_recipes())
        return
    shortcuts = {
        "model.class": model,
        "training.steps": steps,
        "training.seed": seed,
        "training.device": device,
    }
    changes = parse_changes(settings, {k: v for k, v in shortcuts.items() if v is not None})
    if not names and not everything:
        raise click.UsageError("name what to train, or give --all; --list says what there is")
    if show:
        click.echo(show_recipes(names, changes, everything=everything))
        return
    train_all(
        names,
        changes,
        everything=everything,
        data=data,
        output=output,
        runs=runs,
        threads=threads,
        quiet=quiet,
    )
