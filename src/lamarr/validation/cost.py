"""What an event costs: CPU time and memory of whole processes, generation and simulation apart.

    python -m lamarr.validation.cost -o cost.json

Each chain is run as commands of ``lamarr``, several times and with two numbers of events: the slope is the
cost of an event, the intercept that of starting (imports, tables of Geant4).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from lamarr.commands import run
from lamarr.errors import InputFileError, LamarrError, raise_unknown
from lamarr.validation.figures import COLOURS, svg_figure

__all__ = [
    "CHAINS",
    "Chain",
    "Cost",
    "Phase",
    "as_html",
    "main",
    "measure_chain",
    "process_cost",
    "read_costs",
    "table",
]

_LAMARR: Final = (sys.executable, "-c", "from lamarr.cli import main; main()")
DECAY: Final = "[Lambda_b0 -> (Lambda_c+ -> p+ K- pi+) mu- anti-nu_mu]cc"


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A command of ``lamarr``; ``{n}``, ``{seed}``, ``{generated}`` and ``{output}`` are filled in."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Generation and simulation of a kind, measured with `few` and `many` events."""

    name: str
    generation: Phase
    simulation: Phase
    few: int
    many: int


def _generate(*source: str) -> Phase:
    options = ("-n", "{n}", "--seed", "{seed}", "-o", "{generated}", "--quiet", "--force")
    return Phase(name="generation", arguments=("generate", *source, *options))


def _simulate(name: str, command: str) -> Phase:
    options = ("{generated}", "-o", "{output}", "--seed", "{seed}", "--quiet", "--force")
    return Phase(name=name, arguments=(command, *options))


_FLASH: Final = _simulate("flash", "simulate")
_DETAILED: Final = _simulate("detailed", "detailed")

CHAINS: Final = {
    c.name: c
    for c in (
        Chain(
            name="Pythia 8 + detailed",
            generation=_generate("--pythia", "minbias", "--nu", "1.6"),
            simulation=_DETAILED,
            few=20,
            many=120,
        ),
        Chain(
            name="Pythia 8 + flash",
            generation=_generate("--pythia", "minbias", "--nu", "1.6"),
            simulation=_FLASH,
            few=200,
            many=2000,
        ),
        Chain(
            name="gun + flash",
            generation=_generate("--decay", DECAY),
            simulation=_FLASH,
            few=2000,
            many=40000,
        ),
    )
}
"""The chains that are compared."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """CPU seconds per event with the spread over runs, CPU seconds of starting, and peak memory (MB)."""

    per_event: float
    spread: float
    start: float
    memory: float


def process_cost(command: Sequence[str]) -> tuple[float, float]:
    """Run a command; return the CPU time (s) of it and its children, and its peak memory (MB).

    Raises
    ------
    LamarrError
        If it fails, with what it said.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            message = said.read().decode(errors="replace").strip().splitlines()
            raise LamarrError(
                f"'{' '.join(command)}' failed: {message[-1] if message else 'it said nothing'}"
            )
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure_chain(chain: Chain, runs: int = 3, options: Sequence[str] = ()) -> dict[str, Cost]:
    """Measure both phases of a chain, `runs` times with other seeds each.

    A first run, which may compile and fill caches, does not count.

    Parameters
    ----------
    options : sequence of str
        More options of ``lamarr simulate``, ``--set`` or ``--pipeline``.
    """
    times: dict[str, dict[int, list[float]]] = {}
    memory: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="lamarr-cost-") as folder:
        for seed in range(runs + 1):
            for n in (chain.few, chain.many) if seed else (1,):
                names = {"n": n, "seed": seed, "generated": f"{folder}/g.root", "output": f"{folder}/s.root"}
                for phase in (chain.generation, chain.simulation):
                    filled = [a.format(**names) for a in phase.arguments]
                    filled += options if phase.name == "flash" else ()
                    cpu, peak = process_cost([*_LAMARR, *filled])
                    if not seed:
                        continue
                    times.setdefault(phase.name, {}).setdefault(n, []).append(cpu)
                    memory[phase.name] = max(memory.get(phase.name, 0.0), peak)
    return {name: _cost(found, chain, memory[name]) for name, found in times.items()}


def _cost(times: dict[int, list[float]], chain: Chain, memory: float) -> Cost:
    few, many = (np.array(times[n]) for n in (chain.few, chain.many))
    slopes = (many - few) / (chain.many - chain.few)
    start = few - slopes * chain.few
    return Cost(
        per_event=float(np.mean(slopes)),
        spread=float(np.std(slopes)),
        start=float(np.mean(start)),
        memory=memory,
    )


def table(costs: dict[str, dict[str, Cost]]) -> str:
    """Return the comparison as Markdown, with what 10⁹ events would take."""
    lines = [
        "| chain | phase | CPU per event | start | peak memory | 10⁹ events |",
        "|---|---|---|---|---|---|",
    ]
    for name, phases in costs.items():
        for phase, c in phases.items():
            years = c.per_event * 1e9 / (3600 * 24 * 365.25)
            lines.append(
                f"| {name} | {phase} | {_time(c.per_event)} ± {_time(c.spread)} | {c.start:.1f} s | "
                f"{c.memory:.0f} MB | {years:.3g} core years |"
            )
    return "\n".join(lines)


def read_costs(path: Path) -> dict[str, dict[str, Cost]]:
    """Return what :func:`main` wrote.

    Raises
    ------
    InputFileError
        If the file is something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))["costs"]
        return {n: {p: Cost(**c) for p, c in phases.items()} for n, phases in content.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputFileError(
            f"'{path}' is not what 'python -m lamarr.validation.cost -o' writes: {error}"
        ) from None


def as_html(costs: dict[str, dict[str, Cost]]) -> str:
    """Return the plot and the table for a page."""
    head, _, *rows = (line.strip("| ").split(" | ") for line in table(costs).splitlines())
    top = "".join(f'<th scope="col">{escape(h)}</th>' for h in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return (
        f'<figure id="cost">{plot(costs)}</figure><div class="wide"><table class="numbers"><thead><tr>{top}'
        f"</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{1e3 * seconds:.2f} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.1f} µs"


def plot(costs: dict[str, dict[str, Cost]]) -> str:
    """Return a bar chart of CPU per event by chain and phase, as an ``<svg>`` element."""

    def draw(figure: Any) -> None:
        ax = figure.subplots()
        names = list(costs)
        for k, phase in enumerate(("generation", "simulation")):
            values = [list(costs[n].values())[k].per_event for n in names]
            y = np.arange(len(names)) + 0.2 * (1 - 2 * k)
            ax.barh(y, values, 0.36, color=COLOURS[k], label=phase)
            for at, value in zip(y, values, strict=True):
                ax.text(value * 1.15, at, _time(value), va="center", fontsize=8)
        ax.set(xscale="log", xlabel="CPU seconds per event", yticks=range(len(names)), yticklabels=names)
        ax.set_xlim(right=ax.get_xlim()[1] * 8)
        ax.legend(loc="upper right")

    return svg_figure("cost", draw, (6.4, 2.8))


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), help="JSON file for the numbers.")
@click.option("--chain", "chains", multiple=True, help="Only these. [default: all]")
@click.option(
    "--set", "set_", metavar="NAME|FOLDER", help="Models of the flash simulation. [default: as simulate]"
)
@click.option(
    "--pipeline", metavar="YAML", help="Pipeline of the flash simulation, for instance 'ecal: off'."
)
@click.option("--runs", type=click.IntRange(min=2), default=3, show_default=True)
def main(
    output: Path | None, chains: tuple[str, ...], set_: str | None, pipeline: str | None, runs: int
) -> None:
    """Measure what events cost, and print the table."""
    for name in chains:
        if name not in CHAINS:
            raise_unknown("chain", name, CHAINS)
    given = {"--set": set_, "--pipeline": pipeline}
    options = [word for option, value in given.items() if value for word in (option, value)]
    costs = {name: measure_chain(CHAINS[name], runs, options) for name in chains or CHAINS}
    click.echo(table(costs))
    if output:
        numbers = {n: {p: vars(c) for p, c in phases.items()} for n, phases in costs.items()}
        output.write_text(json.dumps({"version": 1, "runs": runs, "costs": numbers}, indent=1) + "\n")
        output.with_suffix(".svg").write_text(plot(costs), encoding="utf-8")


if __name__ == "__main__":
    run(main)
