"""Bytes of HepMC files: plain, compressed, in tar archives, always read forward in pieces.

Compression and archives are recognised by their first bytes, whatever the file is called.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lamarr.errors import InputFileError, near_misses

__all__ = ["DAMAGED", "ByteStream", "members"]

DAMAGED: tuple[type[Exception], ...] = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError)
"""What reading damaged compressed data raises (``zstandard.ZstdError`` is turned into OSError here)."""

_HEAD = 512
_PIECE = 1 << 16
_TAR_MAGIC = slice(257, 262)


class ByteStream:
    """A forward-only stream whose first bytes can be looked at without being consumed."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._ahead = b""

    def peek(self, n: int = _HEAD) -> bytes:
        """Return the next `n` bytes, fewer at the end."""
        while len(self._ahead) < n and (more := self._pull(n - len(self._ahead))):
            self._ahead += more
        return self._ahead[:n]

    def read(self, n: int = -1) -> bytes:
        """Read at least one and at most `n` bytes; an empty result means the end."""
        if not self._ahead:
            return self._pull(n)
        data, self._ahead = (self._ahead, b"") if n < 0 else (self._ahead[:n], self._ahead[n:])
        return data + self._pull(n) if n < 0 else data

    def _pull(self, n: int) -> bytes:
        # read1 gives what there is before it complains of damage: whole events are saved from a torso.
        read = getattr(self._raw, "read1", None)
        try:
            return bytes(self._raw.read(n) if n < 0 or read is None else read(min(n, _PIECE)))
        except Exception as error:
            if type(error).__name__ == "ZstdError":
                raise OSError(str(error)) from error
            raise


def members(path: str | Path) -> Iterator[tuple[str, ByteStream]]:
    """Give the name and the decompressed bytes of a file, or of every file in the tar that it is.

    Raises
    ------
    InputFileError
        If the path does not exist or is a directory; with near misses.
    """
    found = Path(path)
    if found.is_dir():
        raise InputFileError(f"'{path}' is a directory; give its files, for instance '{path}/*'")
    if not found.exists():
        siblings = [p.name for p in found.parent.iterdir()] if found.parent.is_dir() else []
        similar = near_misses(found.name, siblings)
        hint = f"; near misses: {', '.join(similar)}" if similar else ""
        raise InputFileError(f"no file is called '{path}'{hint}")
    try:
        file = found.open("rb")
    except OSError as error:
        raise InputFileError(f"'{path}' cannot be opened: {error.strerror}") from error
    with file:
        stream = _decompressed(ByteStream(file))
        if stream.peek()[_TAR_MAGIC] != b"ustar":
            yield str(path), stream
            return
        with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
            for member in archive:
                if member.isfile():
                    yield f"{path}:{member.name}", _decompressed(ByteStream(archive.extractfile(member)))


def _decompressed(stream: Any) -> ByteStream:
    head = stream.peek(6)
    if head.startswith(b"\x1f\x8b"):
        return _decompressed(ByteStream(gzip.GzipFile(fileobj=stream)))
    if head.startswith(b"BZh"):
        return _decompressed(ByteStream(bz2.BZ2File(stream)))
    if head == b"\xfd7zXZ\x00":
        return _decompressed(ByteStream(lzma.LZMAFile(stream)))
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        import zstandard

        reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
        return _decompressed(ByteStream(reader))
    untouched: ByteStream = stream
    return untouched
