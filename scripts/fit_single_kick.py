"""Fit the single kick of a detector to Runge-Kutta tracks through its field profile.

    python scripts/fit_single_kick.py lhcb2016-magup lhcb2016-magdown --write

Tracks of 2 to 200 GeV start in the luminous region with slopes inside the acceptance; those that reach
z_end inside the aperture of the T stations (|x| < 3.0 m, |y| < 2.4 m) are fitted:
Δpx = mean of charge · (px after − px before), and z_kick, at which two straight lines joined by that kick
meet the end point, by least squares as a0 + a1 (q/p) + a2 (q/p)². Prints the numbers and the errors of
the model, and with --write puts them into the YAML files.
"""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import resources
from pathlib import Path

import click
import numpy as np

from lamarr.detector import Detector, SingleKick, States, behind_the_magnet, extrapolate, load_detector
from lamarr.random import Stream

P_MIN, P_MAX, Z_END = 2e3, 200e3, 9410.0
APERTURE = (3000.0, 2400.0)


def sample(detector: Detector, n: int) -> States:
    u = Stream(1, "fit_single_kick").uniform64(0, np.arange(n), 5)
    spot, cut = detector.beam_spot, detector.acceptance
    p = P_MIN * (P_MAX / P_MIN) ** u[:, 0]
    tx, ty = cut.horizontal * (2 * u[:, 1] - 1), cut.vertical * (2 * u[:, 2] - 1)
    z = spot.z + spot.sigma_z * np.sqrt(12) * (u[:, 4] - 0.5)
    ones = np.ones(n)
    return States(x=spot.x * ones, y=spot.y * ones, tx=tx, ty=ty, z=z, qop=np.where(u[:, 3] < 0.5, -1, 1) / p)


def momentum_x(s: States) -> np.ndarray:
    return s.tx / np.sqrt(1 + s.tx**2 + s.ty**2) / np.abs(s.qop)


def fit(detector: Detector, n: int) -> tuple[SingleKick, dict[str, float]]:
    before = sample(detector, n)
    after = extrapolate(detector, before, Z_END)
    inside = (np.abs(after.x) < APERTURE[0]) & (np.abs(after.y) < APERTURE[1])
    charge = np.sign(before.qop)
    delta_px = float(np.mean((charge * (momentum_x(after) - momentum_x(before)))[inside]))
    kick = SingleKick(delta_px=delta_px, a0=0, a1=0, a2=0, z_end=Z_END, p_min=P_MIN, p_max=P_MAX, max_error=1)
    # the slope behind the kick does not depend on where the kick is
    tx = behind_the_magnet(replace(kick, a0=5000.0), before)[0].tx
    z_kick = (after.x - before.x + before.tx * before.z - tx * Z_END) / (before.tx - tx)
    # weighted by the change of slope: what counts is the position at the end, not z_kick
    w = np.abs(before.tx - tx)[inside]
    powers = np.stack([np.ones(n), before.qop, before.qop**2], axis=1)[inside]
    scale = np.array([1, P_MIN, P_MIN**2])
    a = np.linalg.lstsq(w[:, None] * powers * scale, w * z_kick[inside], rcond=None)[0] * scale
    kick = replace(kick, a0=float(a[0]), a1=float(a[1]), a2=float(a[2]))
    got, arrives = behind_the_magnet(kick, before)
    ok = inside & arrives
    error_x, error_y, error_tx = (np.abs(getattr(got, c) - getattr(after, c))[ok] for c in ("x", "y", "tx"))
    report = {
        "tracks": int(ok.sum()),
        "lost": int((inside & ~arrives).sum()),
        "median |dx| mm": float(np.median(error_x)),
        "99 % |dx| mm": float(np.quantile(error_x, 0.99)),
        "max |dx| mm": float(error_x.max()),
        "max |dy| mm": float(error_y.max()),
        "max |dtx|": float(error_tx.max()),
    }
    return replace(kick, max_error=float(np.ceil(error_x.max()))), report


def rounded(kick: SingleKick) -> dict[str, float]:
    digits = {"delta_px": 7, "a0": 7, "a1": 5, "a2": 5}
    return {k: float(f"{getattr(kick, k):.{digits.get(k, 6)}g}") for k in kick.__dataclass_fields__}


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--write", is_flag=True, help="Put the numbers into the YAML files of the package.")
@click.option("-n", default=100_000, help="Number of tracks.")
def main(names: tuple[str, ...], write: bool, n: int) -> None:
    for name in names:
        kick, report = fit(load_detector(name), n)
        numbers = rounded(kick)
        click.echo(f"{name}: {numbers}\n  {report}")
        if write:
            file = Path(str(resources.files("lamarr.detector"))) / "data" / f"{name}.yaml"
            text = file.read_text()
            block = "single_kick:\n" + "".join(f"  {k}: {v!r}\n" for k, v in numbers.items())
            file.write_text(re.sub(r"single_kick:\n(  .*\n)+", block, text))


if __name__ == "__main__":
    main()
