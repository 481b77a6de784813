"""Where Geant4's data sets are: official ones if the environment names them, else computed stand-ins.

Geant4 reads environment variables when ``geant4_pybind`` is imported; afterwards it is too late. Unless
they are set, that import would ask whether to download. Nothing here downloads or asks.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Final

from lamarr.errors import ConfigurationError

__all__ = ["DATA_SETS", "StandInWarning", "cache_directory", "is_stand_in", "prepare_data"]

DATA_SETS: Final = {
    "G4LEDATA": "G4EMLOW8.8",
    "G4PARTICLEXSDATA": "G4PARTICLEXS4.2",
    "G4ENSDFSTATEDATA": "G4ENSDFSTATE3.0",
    "G4LEVELGAMMADATA": "PhotonEvaporation6.1.2",
    "G4RADIOACTIVEDATA": "RadioactiveDecay6.1.2",
    "G4NEUTRONHPDATA": "G4NDL4.7.1",
    "G4PIIDATA": "G4PII1.3",
    "G4REALSURFACEDATA": "RealSurface2.2",
    "G4SAIDXSDATA": "G4SAIDDATA2.0",
    "G4ABLADATA": "G4ABLA3.3",
    "G4INCLDATA": "G4INCL1.3",
    "G4CHANNELINGDATA": "G4CHANNELING2.0",
}
"""Variables that Geant4 11.4 reads, and the folders of its data sets below GEANT4_DATA_DIR."""

_NEEDED: Final = ("G4LEDATA", "G4PARTICLEXSDATA", "G4ENSDFSTATEDATA", "G4LEVELGAMMADATA")
_VERSION: Final = "stand-in-1"


class StandInWarning(UserWarning):
    """Geant4 runs with computed data sets instead of the official ones."""


def cache_directory() -> Path:
    """Where the stand-in data are kept: $LAMARR_CACHE, else $XDG_CACHE_HOME/lamarr, else ~/.cache/lamarr."""
    if named := os.environ.get("LAMARR_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "lamarr"


def prepare_data(environment: MutableMapping[str, str] | None = None) -> Path:
    """Set the variables that Geant4 reads, and return the directory that its data come from.

    In this order: the single variables (G4LEDATA, …) if they are set; GEANT4_DATA_DIR; stand-in data, in
    G4_STAND_IN_DATA or the cache, computed if they are not there yet, with one warning.

    Raises
    ------
    ConfigurationError
        If a directory that the environment names lacks a data set, or if geant4_pybind was imported before.
    MissingExtraError
        If stand-in data must be computed and xraydb or scipy is not installed.
    """
    env = os.environ if environment is None else environment
    if "geant4_pybind" in sys.modules and environment is None and "G4LEDATA" not in env:
        raise ConfigurationError("Geant4's data must be found before geant4_pybind is imported")
    if all(variable in env for variable in _NEEDED):
        return _checked(env)
    if "GEANT4_DATA_DIR" in env:
        return _use(Path(env["GEANT4_DATA_DIR"]), env)
    root = Path(env["G4_STAND_IN_DATA"]) if "G4_STAND_IN_DATA" in env else _cached()
    warnings.warn(
        "Geant4 runs with computed stand-in data: bremsstrahlung below 10 MeV, neutrons below 20 MeV and "
        "nuclear gammas are not to be trusted; for samples to be published set GEANT4_DATA_DIR to the "
        "official data sets",
        StandInWarning,
        stacklevel=2,
    )
    return _use(root, env)


def _checked(env: MutableMapping[str, str]) -> Path:
    for variable in _NEEDED:
        if not Path(env[variable]).is_dir():
            raise ConfigurationError(f"{variable} must name a directory, but got '{env[variable]}'")
    root = Path(env["G4LEDATA"]).parent
    env.setdefault("GEANT4_DATA_DIR", str(root))
    return root


def _use(root: Path, env: MutableMapping[str, str]) -> Path:
    folders = {variable: root / name for variable, name in DATA_SETS.items()}
    lacking = [folders[v].name for v in _NEEDED if v not in env and not folders[v].is_dir()]
    if lacking:
        raise ConfigurationError(
            f"'{root}' must hold Geant4's data sets {', '.join(DATA_SETS[v] for v in _NEEDED)}, "
            f"but lacks {', '.join(lacking)}"
        )
    for variable, folder in folders.items():
        env.setdefault(variable, str(folder.resolve()))
    env["GEANT4_DATA_DIR"] = str(root.resolve())
    return root


def _cached() -> Path:
    from lamarr.detailed.transport.stand_in import write_stand_in

    return _made_once(cache_directory() / _VERSION, write_stand_in)


def _made_once(target: Path, make: Callable[[Path], None]) -> Path:
    """Return the directory `target`, filled by `make`; of two processes at once one wins, both succeed."""
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise ConfigurationError(
            f"'{target.parent}' cannot be written ({error.strerror}): set LAMARR_CACHE to another directory"
        ) from None
    try:
        make(part)
        part.chmod(0o755)
        part.rename(target)
    except OSError:
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def is_stand_in() -> bool:
    """Whether the data that Geant4 reads are computed ones; known after :func:`prepare_data`."""
    root = os.environ.get("GEANT4_DATA_DIR")
    return root is not None and (Path(root) / "STAND_IN.txt").exists()
