"""What can be seen of a shared library (ELF) without loading it: machine, kind, length, exported names."""

from __future__ import annotations

import platform
import struct
from pathlib import Path

from lamarr.errors import ModelError

__all__ = ["check_elf", "exported_names"]

_MACHINES = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64", 21: "ppc64le", 22: "s390x"}


def check_elf(path: Path, head: bytes, size: int) -> None:
    """Look at the first 64 bytes of a file of `size` bytes that should be a shared library.

    Raises
    ------
    ModelError
        If it is for another machine, no shared library, or truncated.
    """
    if len(head) < 64 or head[4:6] != b"\x02\x01":
        raise ModelError(f"{path} must be a 64-bit little-endian library, but is not")
    kind, machine = struct.unpack_from("<HH", head, 16)
    name = _MACHINES.get(machine, f"machine {machine}")
    here = platform.machine()
    if here in _MACHINES.values() and name != here:
        raise ModelError(f"{path} is for {name}, and this machine is {here}: compile it for this one")
    if kind != 3:
        raise ModelError(f"{path} must be a shared library, but is another kind of ELF file")
    sections, each, count = struct.unpack_from("<Q", head, 40)[0], *struct.unpack_from("<HH", head, 58)
    if sections + each * count > size:
        raise ModelError(f"{path} is truncated: it has {size} bytes and must have {sections + each * count}")


_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_DYNSYM, _FUNCTION = 11, 2


def exported_names(path: Path) -> list[str]:
    """Names of the functions that a 64-bit library exports; none for what is not ELF."""
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        return []
    start, each, count = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HH", data, 58)
    sections = [_SECTION.unpack_from(data, start + each * i) for i in range(count)]
    names = set()
    for _, kind, _, _, at, size, link, *_ in sections:
        if kind != _DYNSYM:
            continue
        texts = sections[link][4]
        for offset in range(at, at + size, _SYMBOL.size):
            name, info, _, section, _, _ = _SYMBOL.unpack_from(data, offset)
            if section and info & 15 == _FUNCTION:
                names.add(data[texts + name : data.index(b"\0", texts + name)].decode(errors="replace"))
    return sorted(names)
