"""RICH detectors, calorimeters and muon stations as volumes."""

from __future__ import annotations

from lamarr.detailed.transport.geant.binding import g4
from lamarr.detailed.transport.geant.builder import Builder
from lamarr.detailed.transport.geant.calorimeters import Plates
from lamarr.detailed.transport.geant.passive import pipe_in
from lamarr.detector.geometry.identification import Calorimeter, Muon, Rich

__all__ = ["build_identifiers"]

FRONT = 0.1
"""Thickness (mm) of the plane where calorimeters take over."""


def build_identifiers(build: Builder, plates: Plates | None = None) -> None:
    """Place all detectors that identify particles; calorimeters are averages but for `plates`."""
    geometry = build.geometry
    _rich(build, geometry.rich1, 1)
    _rich(build, geometry.rich2, 2)
    first, *others = range(len(geometry.muon.stations))
    _station(build, geometry.muon, first)
    world, begin = geometry.world, geometry.calorimeter.front
    box = g4.G4Box("downstream", world.x, world.y, (world.z_end - begin) / 2)
    downstream = build.place(box, "AIR", (0, 0, (world.z_end + begin) / 2), role="no field")
    with build.inside(downstream):
        pipe_in(build, begin + FRONT, world.z_end, None)
        _front(build, geometry.calorimeter)
        if plates is not None:
            plates.place(build)
        else:
            _calorimeters(build, geometry.calorimeter)
        for number in others:
            _station(build, geometry.muon, number)
        _iron(build, geometry.muon)


def _rich(build: Builder, rich: Rich, number: int) -> None:
    """Gas in front of the mirror and behind it, mirror and windows, each with its piece of beam pipe."""
    mirror, windows = rich.mirror, rich.windows
    gas_begin, gas_end = rich.z_begin + windows.entry.thickness, rich.z_end - windows.exit.thickness
    slabs = [
        ("entry", windows.entry.material, rich.z_begin, gas_begin, None),
        ("gas", rich.gas, gas_begin, mirror.z, f"gas{number}"),
        ("mirror", mirror.material, mirror.z, mirror.z + mirror.thickness, None),
        ("back", rich.gas, mirror.z + mirror.thickness, gas_end, None),
        ("exit", windows.exit.material, gas_end, rich.z_end, None),
    ]
    for name, material, begin, end, role in slabs:
        solid = g4.G4Box(f"rich{number}_{name}", rich.half_x, rich.half_y, (end - begin) / 2)
        slab = build.place(solid, material, (0, 0, (begin + end) / 2), role=role)
        pipe_in(build, begin, end, slab)


def _front(build: Builder, calo: Calorimeter) -> None:
    """Place the plane where calorimeters take over, and the wall around them."""
    side = (build.geometry.world.x - 1, build.geometry.world.y - 1)
    build.plane("front", "AIR", calo.front, FRONT, [side], role="front")
    frame = (calo.hcal.half_x + 100, calo.hcal.half_y + 100)
    build.plane("wall_calo", "Fe", calo.front + 1, 5, [side], [frame], role="wall")


def _calorimeters(build: Builder, calo: Calorimeter) -> None:
    region = calo.regions[0]
    outer = [(region.half_x * calo.module, region.half_y * calo.module)]
    hole = [(calo.hole[0] * calo.module, calo.hole[1] * calo.module)]
    for name, slab in (("spd", calo.spd), ("lead", calo.lead), ("prs", calo.prs)):
        build.plane(name, slab.material, slab.z, slab.thickness, outer, hole, role="absorber")
    ecal, hcal = calo.ecal, calo.hcal
    shashlik = build.sandwich("shashlik", [("Pb", ecal.lead), ("POLYSTYRENE", ecal.scintillator)])
    depth = ecal.layers * (ecal.lead + ecal.scintillator)
    build.plane("ecal", shashlik, ecal.z, depth, outer, hole, role="absorber")
    tiles = build.sandwich("tiles", [("Fe", hcal.iron), ("POLYSTYRENE", hcal.scintillator)])
    depth = hcal.layers * (hcal.iron + hcal.scintillator)
    size = [(hcal.half_x, hcal.half_y)]
    build.plane("hcal", tiles, hcal.z, depth, size, [hcal.hole], role="absorber")


def _station(build: Builder, muon: Muon, number: int) -> None:
    station = muon.stations[number]
    outer, front = [station.half[-1]], station.z - muon.gap / 2
    build.plane("muon", "AIR", front, muon.gap, outer, [station.hole], role="muon", copy=number)


def _iron(build: Builder, muon: Muon) -> None:
    for iron, station in zip(muon.filters, muon.stations[1:], strict=False):
        size = [station.half[-1]]
        build.plane("iron", "Fe", iron.z, iron.thickness, size, [station.hole], role="absorber")
