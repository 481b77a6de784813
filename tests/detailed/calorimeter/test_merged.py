"""Merged π0: two photons in one cluster have the mass of a π0, one photon has none."""

import numpy as np
import pytest
from calorimeter_events import sim_event, tracking

from lamarr.detailed.calorimeter import reconstruct
from lamarr.detailed.calorimeter.photons import flat_photons, pointing_particles

MASS = 134.98


def pi0(calorimeter, x, y, energy, angle):
    """Both photons of a π0 that crosses (x, y): equal energies, side by side along `angle`."""
    half = 2 * MASS / energy / 2 * calorimeter.ecal.plane
    dx, dy = half * np.cos(angle), half * np.sin(angle)
    return pointing_particles(np.array([x - dx, x + dx]), np.array([y - dy, y + dy]), energy / 2, calorimeter)


def flags(context, events):
    result = []
    for i, faces in enumerate(events):
        clusters = reconstruct(sim_event(faces, i), tracking(), context).clusters
        if len(clusters["x"]) == 1:
            result.append(bool(clusters["is_merged_pi0"][0]))
    return result


@pytest.mark.parametrize(("region", "energy"), [(1, 40e3), (2, 70e3)])
def test_pi0_are_told_from_photons(context, with_library, region, energy):
    calorimeter = context.geometry.calorimeter
    rng = np.random.default_rng(region)
    places = flat_photons(40, calorimeter, rng, region, (energy, 1.01 * energy))
    plane = calorimeter.ecal.plane / calorimeter.front
    pions = [pi0(calorimeter, f["x"] * plane, f["y"] * plane, energy, rng.uniform(0, 6.28)) for f in places]
    merged = flags(context, pions)
    assert len(merged) >= 10
    assert np.mean(merged) > 0.7
    assert np.mean(flags(context, [places[i : i + 1] for i in range(len(places))])) < 0.1
