"""Scalars in TensorBoard's file format: records with checksums around small protocol-buffer messages.

References
----------
TFRecord: length (uint64), CRC of the length, data, CRC of the data, little endian, CRC-32C "masked" by a
rotation and an offset; messages: tensorflow/core/util/event.proto and framework/summary.proto
"""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

__all__ = ["EventFile", "crc32c"]


@cache
def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli).

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    value, table = 0xFFFFFFFF, _table()
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def _masked(data: bytes) -> int:
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _bytes(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _event(wall: float, content: bytes, step: int = 0) -> bytes:
    return struct.pack("<Bd", 0x09, wall) + b"\x10" + _varint(step) + content


class EventFile:
    """A file of scalars that TensorBoard reads while it grows; a new one for every start of a run.

    Parameters
    ----------
    folder : path
    """

    def __init__(self, folder: Path) -> None:
        name = f"events.out.tfevents.{time.time_ns()}.lamarr"
        self.path = folder / name
        self._file = self.path.open("ab")
        self._write(_event(time.time(), _bytes(3, b"brain.Event:2")))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Append scalars of a step."""
        summary = b"".join(
            _bytes(1, _bytes(1, tag.encode()) + struct.pack("<Bf", 0x15, value))
            for tag, value in values.items()
        )
        self._write(_event(time.time(), _bytes(5, summary), step))

    def _write(self, data: bytes) -> None:
        length = struct.pack("<Q", len(data))
        self._file.write(length + struct.pack("<I", _masked(length)))
        self._file.write(data + struct.pack("<I", _masked(data)))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
