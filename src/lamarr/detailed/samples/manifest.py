"""What a sample is: beside its files, seed, versions, revision, counts and digests."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from lamarr.flash.report import Report
from lamarr.publishing import write_text

__all__ = ["digests", "manifest", "write_manifest"]

PACKAGES: Final = ("geant4-pybind", "pythia8mc", "numba", "numpy", "pyarrow")


def manifest(
    *, name: str, seed: int, n: int, settings: Mapping[str, Any], report: Report, folder: Path
) -> dict[str, Any]:
    """Return the manifest of the sample that a run left in `folder`, as JSON data."""
    from pyarrow import parquet

    from lamarr._version import __version__
    from lamarr.detailed.transport.data import is_stand_in

    files = sorted(folder.glob("*.parquet"))
    return {
        "sample": name,
        "seed": seed,
        "events_asked_for": n,
        "events": report.counts.events,
        "failures": [str(f) for f in report.failures],
        "settings": dict(settings),
        "geant4_data": "computed stand-in" if is_stand_in() else "official",
        "versions": {"lamarr": __version__, "python": platform.python_version(), **_versions()},
        "revision": revision(),
        "rows": {f.stem: parquet.read_metadata(f).num_rows for f in files},
        "particles_by_fate": report.counts.to_json()["fates"],
        "bytes": sum(f.stat().st_size for f in files),
        "sha256": digests(files),
    }


def write_manifest(path: Path, content: Mapping[str, Any]) -> None:
    """Write the manifest, whole or not at all."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def digests(files: list[Path]) -> dict[str, str]:
    """SHA-256 of files by name."""
    found = {}
    for path in files:
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def revision() -> str:
    """Return the git revision of this code, with ``+`` if changed; "unknown" outside of a repository."""
    here = Path(__file__).parent
    try:
        head = _git(here, "rev-parse", "HEAD")
        return head + ("+" if _git(here, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(where: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=where, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
