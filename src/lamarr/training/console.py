"""What a training says while it runs: a bar with losses, the referee's AUC and the time left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from lamarr.training.trainer import Progress as Callback

__all__ = ["told"]


def _text(values: dict[str, float]) -> str:
    hidden = ("step", "seconds", "auc_error")
    return "  ".join(f"{k.replace('_', '-')} {v:.4f}" for k, v in values.items() if k not in hidden)


@contextmanager
def told(name: str, console: Console, *, quiet: bool = False) -> Iterator[Callback | None]:
    """Show the progress of the training called `name`; without a terminal, a line for each look."""
    if quiet:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
    )
    with Progress(*columns, console=console, transient=True, refresh_per_second=4) as bar:
        task = bar.add_task(name, total=None, losses="")
        shown = -1.0

        def tell(step: int, total: int, values: dict[str, float]) -> None:
            nonlocal shown
            looked = values.get("step", -1.0)
            if looked > shown and not console.is_terminal:
                left = bar.tasks[0].time_remaining
                console.print(
                    f"{name} {looked:.0f}/{total}  {_text(values)}"
                    + (f"  {left:.0f} s left" if left is not None else "")
                )
            shown = max(shown, looked)
            if step % 10 == 0 or step == total:
                bar.update(task, completed=step, total=total, losses=_text(values))

        yield tell
