"""Files appear whole or not at all: written beside their place, and renamed when they are complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["beside", "durable", "write_text"]


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Give a temporary name in the folder of `path`: what is there when the block ends becomes `path`.

    If the block raises, it is removed, and what was `path` stays.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def durable(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that becomes `path` when it is on the disk: not even a power cut leaves half of it."""
    with beside(path) as part, part.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Write a text (UTF-8) to `path`."""
    with beside(path) as part:
        part.write_text(text, encoding="utf-8")
