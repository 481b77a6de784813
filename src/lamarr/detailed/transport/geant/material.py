"""How much material straight lines cross: radiation and interaction lengths by sub-detector and η.

    python -m lamarr.detailed.transport.geant.material -o docs/material.md --picture docs/detector.png

Geantinos, which nothing stops, fly through the geometry that all events are carried through.
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import click

from lamarr.commands import run
from lamarr.detailed.transport.data import StandInWarning

warnings.simplefilter("ignore", StandInWarning)

from lamarr.detailed.transport.geant.binding import g4  # noqa: E402
from lamarr.detailed.transport.geant.detector import LHCb  # noqa: E402
from lamarr.detailed.transport.geant.kernel import Kernel, muted  # noqa: E402
from lamarr.detector.geometry import Geometry, load_geometry  # noqa: E402

__all__ = ["PARTS", "scan"]

PARTS: Final = {
    "VELO": ("velo",),
    "beam pipe": ("pipe",),
    "RICH1": ("rich1",),
    "TT": ("tt",),
    "IT, OT": ("it", "ot"),
    "RICH2": ("rich2",),
    "SPD, lead, PS": ("spd", "lead", "prs"),
    "ECAL": ("ecal",),
    "HCAL": ("hcal",),
    "iron": ("iron",),
}
"""Sub-detectors, and how the names of their volumes begin. All else is air, gaps and muon gas."""
BEFORE: Final = ("VELO", "beam pipe", "RICH1", "TT", "IT, OT", "RICH2", "air")
"""What lies in front of the calorimeters (with all of the air)."""
ETAS: Final = (2.0, 2.25, 2.5, 3.0, 3.5, 4.0, 4.5, 4.8)


class _Steps(g4.G4UserSteppingAction):
    """Adds up lengths in X0 and λ of the track at hand."""

    def __init__(self) -> None:
        super().__init__()
        self.sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def UserSteppingAction(self, step: Any) -> None:  # noqa: N802
        """Add a step."""
        volume, length = step.GetPreStepPoint().GetTouchable().GetVolume(), step.GetStepLength()
        name = volume.GetName()
        material = step.GetPreStepPoint().GetMaterial()
        sums = self.sums[_part(name)]
        sums[0] += length / material.GetRadlen()
        sums[1] += length / material.GetNuclearInterLength()


def _part(name: str) -> str:
    for part, beginnings in PARTS.items():
        if name.split("_")[0] in beginnings:
            return part
    return "air"


class _Rays(g4.G4VUserPrimaryGeneratorAction):
    def __init__(self) -> None:
        super().__init__()
        self.gun, self.direction = g4.G4ParticleGun(1), g4.G4ThreeVector(0, 0, 1)

    def GeneratePrimaries(self, event: Any) -> None:  # noqa: N802
        """Shoot a geantino from the nominal interaction point."""
        self.gun.SetParticleDefinition(g4.G4ParticleTable.GetParticleTable().FindParticle("geantino"))
        self.gun.SetParticleEnergy(1e4)
        self.gun.SetParticleMomentumDirection(self.direction)
        self.gun.SetParticlePosition(g4.G4ThreeVector(0.8, -0.2, 0))
        self.gun.GeneratePrimaryVertex(event)


def scan(geometry: Geometry, rays: int = 48) -> tuple[dict[float, dict[str, list[float]]], Any]:
    """Mean (X0, λ) by η and part over `rays` azimuths, and the detector as Geant4 has it."""
    detector = LHCb(geometry, {}, None)
    actions: dict[str, Any] = {}

    def make() -> list[Any]:
        actions["rays"], actions["steps"] = _Rays(), _Steps()
        return [actions["rays"], actions["steps"]]

    with muted():
        kernel = Kernel(detector, make)
    found = {}
    for eta in ETAS:
        actions["steps"].sums.clear()
        theta = 2 * math.atan(math.exp(-eta))
        for i in range(rays):
            phi = 2 * math.pi * (i + 0.5) / rays
            sine = math.sin(theta)
            actions["rays"].direction = g4.G4ThreeVector(
                sine * math.cos(phi), sine * math.sin(phi), math.cos(theta)
            )
            kernel.event(i + 1)
        found[eta] = {k: [v / rays for v in values] for k, values in actions["steps"].sums.items()}
    return found, kernel


def table(found: dict[float, dict[str, list[float]]], which: int) -> list[str]:
    """Lines of a Markdown table: X0 (`which` 0) or λ (1) by part and η."""
    parts = [*PARTS, "air"]
    head = ["| η | " + " | ".join(parts) + " | in front of the calorimeters |"]
    head.append("|---" * (len(parts) + 2) + "|")
    for eta, sums in found.items():
        values = [sums.get(p, [0.0, 0.0])[which] for p in parts]
        before = sum(sums.get(p, [0.0, 0.0])[which] for p in BEFORE)
        head.append(f"| {eta:g} | " + " | ".join(f"{v:.3f}" for v in (*values, before)) + " |")
    return head


def draw(detector: Any, path: Path) -> None:
    """Draw the volumes as seen from above (x, z) and from the side (y, z)."""
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    colours = dict(zip(PARTS, plt.get_cmap("tab10").colors, strict=False))  # type: ignore[attr-defined]
    figure, axes = plt.subplots(2, 1, figsize=(12, 9), sharex=True)
    for axis, (number, name) in zip(axes, ((0, "x"), (1, "y")), strict=True):
        for z, low, size, part in _boxes(detector, number):
            colour = colours.get(part, "0.8")
            axis.add_patch(Rectangle((z[0], low), z[1] - z[0], size, lw=0.3, ec="k", fc=colour))
        axis.set(xlim=(-0.5, 20), ylim=(-6.5, 6.5), ylabel=f"{name} (m)")
    handles = [Rectangle((0, 0), 1, 1, fc=c) for c in colours.values()]
    axes[0].legend(handles, [*colours], loc="upper left", fontsize=8, ncols=2)
    axes[1].set_xlabel("z (m)")
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)


def _boxes(detector: Any, axis: int) -> list[tuple[tuple[float, float], float, float, str]]:
    found = []
    low, high = g4.G4ThreeVector(), g4.G4ThreeVector()
    for placed, z in zip(detector.build.placed, detector.build.z, strict=True):
        part = _part(placed.GetName())
        volume = placed.GetLogicalVolume()
        name = placed.GetName()
        if name in ("downstream", "front", "gate") or name.endswith("vacuum"):
            continue
        volume.GetSolid().BoundingLimits(low, high)
        centre = placed.GetTranslation()
        begin, end = (low.x, high.x) if axis == 0 else (low.y, high.y)
        shift = centre.x if axis == 0 else centre.y
        size = (end - begin) / 1000
        found.append((((z + low.z) / 1000, (z + high.z) / 1000), (begin + shift) / 1000, size, part))
    return sorted(found, key=lambda box: -box[2])


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Markdown file.")
@click.option("--picture", type=click.Path(path_type=Path), help="PNG file.")
@click.option("--geometry", default="lhcb2016", show_default=True)
def main(output: Path, picture: Path | None, geometry: str) -> None:
    """Write tables of the material, and draw the detector."""
    found, kernel = scan(load_geometry(geometry))
    how = "`python -m lamarr.detailed.transport.geant.material`"
    lines = [f"# Material of {geometry}", ""]
    lines += [f"Straight lines from the interaction point, mean over azimuth ({how}).", ""]
    for which, name in enumerate(("Radiation lengths", "Nuclear interaction lengths")):
        lines += [f"## {name}", "", *table(found, which), ""]
    output.write_text("\n".join(lines), encoding="utf-8")
    if picture is not None:
        draw(kernel.detector, picture)
    click.echo(output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    run(main)
