"""The page of the demonstration: one HTML file that needs nothing else, no network and no script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Final

from lamarr.validation.measurements import FateTable, Measurements
from lamarr.validation.profiles import Profile

__all__ = ["GENERATOR", "Speed", "render"]

GENERATOR: Final = "lamarr.validation.demo"
"""Marks pages that may be replaced."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """How long a step took: `n` things in `seconds` of wall time and `cpu` seconds of processor time."""

    what: str
    n: int
    things: str
    seconds: float
    cpu: float

    def __str__(self) -> str:
        rate = f"{self.n / self.seconds:,.0f} {self.things}/s" if self.seconds > 0 else "too fast to time"
        time = f"{self.seconds:.2f} s ({self.cpu:.2f} s of CPU)"
        return f"{self.what}: {self.n:,} {self.things} in {time}, {rate}"


def render(
    measurements: Measurements,
    figures: Mapping[str, str],
    *,
    decay: str,
    facts: Mapping[str, str],
    speeds: Iterable[Speed],
    caveats: Iterable[str],
    files: Iterable[str],
) -> str:
    """Return the page.

    Parameters
    ----------
    measurements : Measurements
    figures : mapping of str to str
        ``<svg>`` elements: mass, momentum, ip, efficiency; kaons and muons where tracks are identified.
    decay : str
        Descriptor.
    facts : mapping of str to str
        What was run, in words.
    speeds : iterable of Speed
    caveats : iterable of str
        What readers must know of the trained set.
    files : iterable of str
        Names of the files beside the page.
    """
    captions = _captions(measurements)
    cards = "".join(
        f'<figure id="{n}">{_labelled(figures[n], alt)}<figcaption>{text}</figcaption></figure>'
        for n, (alt, text) in captions.items()
        if n in figures
    )
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    links = ", ".join(f'<a href="{escape(f)}">{escape(f)}</a>' for f in files)
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="generator" content="{GENERATOR}">\n<title>Lamarr: {escape(decay)}</title>\n'
        f"<style>{_style()}</style></head>\n<body><main>\n"
        f'<h1>Flash simulation of <span class="decay">{escape(decay)}</span></h1>\n'
        f"<dl>{rows}<dt>Files</dt><dd>{links}</dd></dl>\n"
        f"<h2>Speed</h2><ul>{_items(map(str, speeds))}</ul>\n"
        f'<h2>Performance</h2><div class="figures">{cards}</div>\n'
        f"<h2>What became of every particle</h2>{_fates(measurements)}\n"
        f"<h2>Caveats</h2><ul>{_items(caveats)}</ul>\n"
        f"<h2>Numbers of the plots</h2>{_numbers(measurements)}\n</main></body></html>\n"
    )


def _style() -> str:
    return resources.files("lamarr.validation").joinpath("page.css").read_text(encoding="utf-8")


def _captions(m: Measurements) -> dict[str, tuple[str, str]]:
    """Alternative text and caption of each figure."""
    mass = f"{len(m.mass.values):,} of {m.mass.decays:,} decays have three long tracks."
    if len(m.mass.values) > 1:
        (width, error), (shift, shift_error) = m.mass.width, m.mass.shift
        mass += (
            f" Core width (68 % half-width): {width:.2f} ± {error:.2f} MeV; "
            f"median − generated mass: {_signed(shift)} ± {shift_error:.2f} MeV."
        )
    mass = (
        "Truth-matched Λ<sub>c</sub><sup>+</sup> → p K<sup>−</sup> π<sup>+</sup> (and its conjugate): "
        f"reconstructed momenta with the true mass hypotheses. {mass}"
    )
    momentum = (
        "68 % half-width of (p<sub>reco</sub> − p<sub>true</sub>) / p<sub>true</sub> of long tracks. "
        "Dashed: RapidSim’s LHCbGeneric (rootfiles/smear/smear12.root, 9ae02c3)."
    )
    ip = (
        "68 % half-width of x<sub>reco</sub> − x<sub>true</sub> of long tracks, both at the z where the "
        "true trajectory is closest to the beam: one projection, without the resolution of the primary "
        "vertex. Dashed: 11.6 + 23.4 / p<sub>T</sub> µm (JINST 9 C01065, as the Delphes LHCb card has it)."
    )
    efficiency = (
        "Generated p, K, π, μ of the decay with p<sub>z</sub> &gt; 1 MeV that have a long track: "
        "acceptance included. Wilson intervals (68 %)."
    )
    identified = "of long tracks against the true momentum. Wilson intervals (68 %)."
    return {
        "mass": ("Invariant mass of p K pi", mass),
        "momentum": ("Momentum resolution against momentum", momentum),
        "ip": ("Impact parameter resolution against inverse transverse momentum", ip),
        "efficiency": ("Long-track efficiency against momentum in bins of pseudorapidity", efficiency),
        "kaons": ("Share with DLL(K-pi) > 0 against momentum", f"Share with DLL(K−π) &gt; 0 {identified}"),
        "muons": ("Share with isMuon against momentum", f"Share with isMuon {identified}"),
    }


def _signed(number: float) -> str:
    return f"{number:+.2f}".replace("-", "−")


def _labelled(svg: str, alternative: str) -> str:
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(alternative)}" ', 1)


def _items(lines: Iterable[str]) -> str:
    return "".join(f"<li>{escape(line)}</li>" for line in lines)


def _fates(m: Measurements) -> str:
    table: FateTable = m.fates
    rows = [
        [
            f"{f.name.lower().replace('_', ' ')}<small>{escape(f.meaning)}</small>",
            *_whole(c),
            f"{c.sum():,}",
        ]
        for f, c in zip(table.fates, table.counts, strict=True)
    ]
    total = table.counts.sum(axis=0)
    rows.append(["all", *_whole(total), f"{total.sum():,}"])
    note = (
        f"<p>Each species with its antiparticle. {m.out_of_domain:,} particles lie outside the range that "
        "the models were trained on, and are flagged in the output.</p>"
    )
    return _table(["", *map(escape, table.species), "all"], rows, "fates") + note


def _whole(numbers: Iterable[int]) -> list[str]:
    return [f"{n:,}" if n else "·" for n in numbers]


def _numbers(m: Measurements) -> str:
    parts = [
        _profiles("Momentum resolution [%]", "p [GeV]", m.momentum, 100, 3),
        _profiles("IP<sub>x</sub> resolution [µm]", "1/p<sub>T</sub> [1/GeV]", m.ip, 1, 1),
        _profiles("Long-track efficiency [%]", "p [GeV]", m.efficiency, 100, 1),
    ]
    for title, shares in (("DLL(K−π) &gt; 0 [%]", m.kaons), ("isMuon [%]", m.muons)):
        parts += [_profiles(title, "p [GeV]", shares, 100, 1)] if shares else []
    return "".join(parts)


def _profiles(title: str, x: str, profiles: Mapping[str, Profile], scale: float, digits: int) -> str:
    bins = sorted({(low, high) for p in profiles.values() for low, high in zip(p.low, p.high, strict=True)})
    cells = {name: _cells(p, scale, digits) for name, p in profiles.items()}
    rows = [[f"{low:g}–{high:g}", *(c.get(low, "·") for c in cells.values())] for low, high in bins]
    left_out = sum(p.left_out for p in profiles.values())
    note = (
        f"<p>{left_out:,} entries are in bins with too few of them, which are left out.</p>"
        if left_out
        else ""
    )
    return f"<h3>{title}</h3>" + _table([x, *map(escape, profiles)], rows, "numbers") + note


def _cells(p: Profile, scale: float, digits: int) -> dict[float, str]:
    """Value, uncertainty and entries by lower edge."""
    cells = {}
    for i, low in enumerate(p.low):
        value, down, up = (f"{scale * v[i]:.{digits}f}" for v in (p.value, p.below, p.above))
        error = f"± {up}" if up == down else f"<sup>+{up}</sup><sub>−{down}</sub>"
        cells[low] = f"{value} {error} <small>n = {p.entries[i]:,}</small>"
    return cells


def _table(head: list[str], rows: list[list[str]], kind: str) -> str:
    top = "".join(f'<th scope="col">{h}</th>' for h in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{c}</td>" for c in rest) + "</tr>"
        for first, *rest in rows
    )
    table = f'<table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="wide">{table}</div>'
