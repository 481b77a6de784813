"""Digests: which file, and which generated events, a sample is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lamarr.errors import InputFileError, LamarrError
from lamarr.events.files import describe

__all__ = ["file_digest", "generation_digest", "sample_digests"]


def file_digest(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder in the order of their names.

    Raises
    ------
    InputFileError
        If it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                with file.open("rb") as stream:
                    while block := stream.read(1 << 20):
                        digest.update(block)
    except OSError as error:
        raise InputFileError(f"'{path}' cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def generation_digest(identity: Mapping[str, Any]) -> str:
    """SHA-256 of what identifies generated events; how many of them were made does not count."""
    kept = {k: v for k, v in identity.items() if k != "n"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()


def sample_digests(path: Path) -> tuple[str, ...]:
    """Digests that know a sample again: of its file and, if it tells, of its generated events.

    The second stays when the same events are simulated again, in another way or another format.
    """
    digests = [file_digest(path)]
    try:
        generation = describe(path).metadata.get("generation")
    except LamarrError:  # not a file of events: an nTuple, say
        generation = None
    return (*digests, generation) if isinstance(generation, str) else tuple(digests)
