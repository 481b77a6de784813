"""Fit the constants of the reconstruction to single photons, pions and the shower library.

    python -m lamarr.detailed.calorimeter.calibrate -o calibration.yaml

The result is what ``calibration.yaml`` ships. It depends on the geometry, the library and the seed.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import yaml
from numpy.typing import NDArray

from lamarr.calorimetry.calibration import Calibration, RegionCalibration, load_calibration
from lamarr.calorimetry.cells import ECAL, HCAL, calo_cells
from lamarr.calorimetry.clusters import (
    Raw,
    corrected,
    energy_terms,
    find_members,
    raw_clusters,
    s_shape,
)
from lamarr.commands import run
from lamarr.detailed.calorimeter.digits import digitise
from lamarr.detailed.calorimeter.library import cached_library
from lamarr.detailed.calorimeter.overlay import overlay
from lamarr.detailed.calorimeter.photons import flat_photons
from lamarr.detailed.calorimeter.showers import ShowerLibrary
from lamarr.detailed.context import Context
from lamarr.detector import load_detector
from lamarr.detector.geometry import load_geometry

__all__ = ["calibrate", "single_photons"]

Floats = NDArray[np.float64]

ENERGIES: Final = (0.7e3, 150e3)


def single_photons(
    n: int, region: int, context: Context, library: ShowerLibrary, calibration: Calibration
) -> tuple[Raw, NDArray[np.int64], NDArray[Any]]:
    """Return the clusters of up to n photons, each in an event of its own, their seeds, and the photons."""
    c = context.geometry.calorimeter
    cells = calo_cells(c).ecal
    photons = flat_photons(n, c, context.generator(region, "calorimeter.photons"), region, ENERGIES)
    transverse = np.hypot(photons["px"], photons["py"])
    photons = photons[transverse < 0.7 * c.ecal.saturation]
    parts, seeds, kept = [], [], []
    for i in range(len(photons)):
        event_id = region * n + i
        deposit = overlay(photons[i : i + 1], library, c, context.generator(event_id, "calorimeter.overlay"))
        digits = digitise(deposit.cells, context, calibration, event_id)
        members = find_members(digits.ecal, cells, calibration, c.ecal.seed)
        if not len(members.seeds):
            continue
        raw = raw_clusters(members, digits, cells)
        k = int(np.argmax(raw.energy))
        parts.append([raw.region[k], raw.energy[k], raw.preshower[k], raw.u[k], raw.v[k], raw.sine[k]])
        seeds.append(members.seeds[k])
        kept.append(i)
    values = np.array(parts).T
    names = ("energy", "preshower", "u", "v", "sine")
    raw = Raw(region=values[0].astype(int), **dict(zip(names, values[1:], strict=True)))
    return raw, np.array(seeds), photons[kept]


def _robust(design: Floats, target: Floats, weight: Floats) -> Floats:
    """Least squares, three times without what is beyond three robust deviations."""
    use = np.ones(len(target), bool)
    solution: Any = np.zeros(design.shape[1])
    for _ in range(4):
        solution = np.linalg.lstsq((design * weight[:, None])[use], (target * weight)[use], rcond=None)[0]
        residual = (target - design @ solution) * weight
        use = np.abs(residual) < 3 * 1.4826 * np.median(np.abs(residual))
    return np.asarray(solution)


def _fit_region(
    region: RegionCalibration, raw: Raw, seeds: NDArray[np.int64], photons: NDArray[Any], context: Context
) -> RegionCalibration:
    c = context.geometry.calorimeter
    cells = calo_cells(c).ecal
    truth = photons["energy"]
    noise = 3 * float(np.hypot(c.ecal.noise, c.ecal.adc / 12**0.5))  # of nine cells, transverse
    relative = noise / raw.sine / truth
    spread = truth * np.sqrt(0.1**2 * 1e3 / truth + 0.01**2 + relative**2)
    a0, a1, a2, b, loss = (round(float(v), 5) for v in _robust(energy_terms(raw), truth, 1 / spread))
    region = replace(region, energy=(a0, a1, a2), preshower=b, loss=loss)
    region = _fit_position(region, raw, seeds, photons, context)
    calibration = replace(load_calibration(), regions=(region,) * 3)
    columns = corrected(raw, seeds, cells, c, calibration)
    tx, ty = (photons[f"p{k}"] / photons["pz"] for k in "xy")
    ways = [photons[k] + t * (c.ecal.plane - photons["z"]) for k, t in (("x", tx), ("y", ty))]
    size = cells.size[seeds]
    error = np.concatenate([(columns[k] - w) / size for k, w in zip("xy", ways, strict=True)])
    position = _fit_widths(error, np.tile(truth, 2))
    energy = _fit_widths((columns["energy"] - truth) / truth, truth, relative)
    return replace(region, energy_error=(*energy, round(noise, 3)), position_error=position)


def _fit_position(
    region: RegionCalibration, raw: Raw, seeds: NDArray[np.int64], photons: NDArray[Any], context: Context
) -> RegionCalibration:
    """Alternate between the depth, which is linear, and the S-shape, by a search over its parameter."""
    c = context.geometry.calorimeter
    cells = calo_cells(c).ecal
    size = cells.size[seeds]
    tx, ty = (photons[f"p{k}"] / photons["pz"] for k in "xy")
    slopes = np.concatenate([tx, ty])
    log_energy = np.log(np.tile(photons["energy"], 2) * 1e-3)
    start = np.concatenate([photons["x"], photons["y"]]) + slopes * (c.ecal.z - np.tile(photons["z"], 2))
    best: tuple[float, float, Floats] | None = None
    for shape in np.linspace(0.06, 0.4, 69):
        place = [
            centre[seeds] + size * s_shape(np.clip(w, -0.7, 0.7), np.full(len(w), shape))
            for centre, w in ((cells.x, raw.u), (cells.y, raw.v))
        ]
        difference = np.concatenate(place) - start
        design = np.stack([slopes, slopes * log_energy], 1)
        weight = 1 / np.tile(size, 2)
        depth = _robust(design, difference, weight)
        width = float(np.median(np.abs((difference - design @ depth) * weight)))
        if best is None or width < best[0]:
            best = (width, float(shape), depth)
    assert best is not None
    return replace(
        region, shape=round(best[1], 4), depth=(round(float(best[2][0]), 2), round(float(best[2][1]), 2))
    )


def _fit_widths(error: Floats, truth: Floats, noise: Floats | None = None) -> tuple[float, float]:
    """Fit the variance of `error`, less that of noise, by a²/E + b² (E in GeV); return a and b."""
    from scipy.optimize import nnls

    parts = np.array_split(np.argsort(truth), 12)
    widths = np.array([0.7413 * np.subtract(*np.percentile(error[p], [75, 25])) for p in parts])
    energy = np.array([np.exp(np.log(truth[p]).mean()) for p in parts]) * 1e-3
    known = 0.0 if noise is None else np.array([np.mean(noise[p] ** 2) for p in parts])
    design = np.stack([1 / energy, np.ones_like(energy)], 1)
    target = np.maximum(widths**2 - known, 0)
    solution, _ = nnls(design / widths[:, None] ** 2, target / widths**2)
    return round(float(solution[0] ** 0.5), 5), round(float(solution[1] ** 0.5), 5)


def _sampling(context: Context, library: ShowerLibrary) -> tuple[float, float]:
    """Energy in the scintillators of ECAL (photons) and HCAL (pions) over that of the particle."""
    c = context.geometry.calorimeter
    rng = context.generator(0, "calorimeter.sampling")
    photons = flat_photons(300, c, rng, 0, (5e3, 20e3))
    seen = overlay(photons, library, c, rng).cells
    ecal = seen["energy"][seen["part"] == ECAL].sum() / photons["energy"].sum()
    pions = flat_photons(2000, c, rng, 0, (5e3, 50e3), pid=211)
    seen = overlay(pions, library, c, rng).cells
    parts = [
        np.bincount(seen["face"][m], seen["energy"][m], minlength=len(pions))
        for m in (seen["part"] == ECAL, seen["part"] == HCAL)
    ]
    design = np.stack([parts[0] / ecal, parts[1]], 1)
    weight = 1 / np.sqrt(pions["energy"])
    hadronic = np.linalg.lstsq(design * weight[:, None], pions["energy"] * weight, rcond=None)[0]
    return float(ecal), float(1 / hadronic[1])


def _profiles(context: Context, library: ShowerLibrary, sampling: float) -> tuple[float, float, float]:
    """Slopes of ln(share of a cell) against distance in cells, between 0.5 and 1.3 cells, by region."""
    c = context.geometry.calorimeter
    cells = calo_cells(c).ecal
    result = []
    for region in range(3):
        rng = context.generator(region, "calorimeter.profile")
        photons = flat_photons(400, c, rng, region, (5e3, 50e3))
        seen = overlay(photons, library, c, rng).cells
        seen = seen[seen["part"] == ECAL]
        face = seen["face"]
        place = [photons[k][face] * c.ecal.shower_max / c.front for k in "xy"]
        cell = seen["cell"]
        distance = np.hypot(cells.x[cell] - place[0], cells.y[cell] - place[1]) / cells.size[cell]
        share = seen["energy"] / sampling / photons["energy"][face]
        use = (distance > 0.5) & (distance < 1.3) & (share > 1e-4)
        bins = np.digitize(distance[use], np.linspace(0.5, 1.3, 17))
        middle = [distance[use][bins == k].mean() for k in range(1, 17)]
        mean = [share[use][bins == k].mean() for k in range(1, 17)]
        result.append(round(float(-np.polyfit(middle, np.log(mean), 1)[0]), 3))
    return result[0], result[1], result[2]


def calibrate(context: Context, library: ShowerLibrary, photons: int = 3000) -> Calibration:
    """Return the constants fitted to `photons` single photons per region."""
    ecal, hcal = _sampling(context, library)
    calibration = replace(
        load_calibration(),
        ecal_sampling=round(ecal, 5),
        hcal_sampling=round(hcal, 5),
        profile=_profiles(context, library, ecal),
    )
    regions = []
    for r in range(3):
        sample = single_photons(photons, r, context, library, calibration)
        regions.append(_fit_region(calibration.regions[r], *sample, context))
    return replace(calibration, regions=(regions[0], regions[1], regions[2]))


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--photons", default=3000, show_default=True, help="Single photons per region.")
@click.option("--seed", default=1, show_default=True)
def main(output: Path, photons: int, seed: int) -> None:
    """Fit the constants of the calorimeters' reconstruction."""
    detector = load_detector("lhcb2016-magup")
    context = Context(geometry=load_geometry(), detector=detector, seed=seed)
    result = calibrate(context, cached_library(), photons)
    command = f"python -m lamarr.detailed.calorimeter.calibrate --photons {photons} --seed {seed}"
    plain = yaml.safe_dump(_plain(asdict(result)), sort_keys=False, default_flow_style=None, width=110)
    output.write_text(f"# Fitted by: {command}\n{plain}")
    click.echo(plain)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (tuple, list)) else value


if __name__ == "__main__":
    run(main)
