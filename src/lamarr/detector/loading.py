"""Detectors by name, or from a YAML file of the user's own."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

from lamarr.declaration import parse, read_yaml, validate
from lamarr.detector.description import Detector
from lamarr.errors import raise_unknown

__all__ = ["detector_names", "load_detector"]


def detector_names() -> tuple[str, ...]:
    """Names of the shipped detectors."""
    folder = resources.files("lamarr.detector").joinpath("data")
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml")))


@cache
def load_detector(name: str | Path) -> Detector:
    """Return the detector `name`, or the one that a YAML file (a path ending in .yaml or .yml) declares.

    Raises
    ------
    UnknownNameError
        If no shipped detector has this name; near misses are named.
    ConfigurationError
        If the file cannot be read, or a key in it is unknown, missing or of the wrong kind.

    Examples
    --------
    >>> up, down = load_detector("lhcb2016-magup"), load_detector("lhcb2016-magdown")
    >>> up.single_kick.delta_px == -down.single_kick.delta_px
    True
    """
    if str(name).endswith((".yaml", ".yml")):
        return parse(Detector, Path(name))
    if name not in detector_names():
        raise_unknown("detector", str(name), detector_names())
    file = resources.files("lamarr.detector").joinpath(f"data/{name}.yaml")
    return validate(Detector, read_yaml(file.read_text(encoding="utf-8"), f"{name}.yaml"), f"{name}.yaml")
