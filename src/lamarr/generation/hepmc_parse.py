"""Text of one HepMC event to the objects of pyhepmc, after a look at what it would misread."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lamarr.errors import InputFileError
from lamarr.generation.hepmc_blocks import Block

__all__ = ["INSERTED", "check_numbers", "parse", "quiet"]

INSERTED = -889_977
"""Status of particles that are added to please HepMC3 and never leave this room."""

_NUMBERS = b"0123456789+-. \r\n\tPVEe@[],"
_FOOTER = {2: b"HepMC::IO_GenEvent-END_EVENT_LISTING\n\n", 3: b"HepMC::Asciiv3-END_EVENT_LISTING\n\n"}
_BARE_HEADER = b"HepMC::Version 3\nHepMC::Asciiv3-START_EVENT_LISTING\n"
_FIELDS = {2: {b"P": 12, b"V": 9}, 3: {b"P": 10, b"V": 4}}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep HepMC3 from writing to the terminal; what it would say is said by our errors."""
    import pyhepmc

    before = (pyhepmc.Setup.print_errors, pyhepmc.Setup.print_warnings, pyhepmc.Setup.debug_level)
    pyhepmc.Setup.print_errors = pyhepmc.Setup.print_warnings = False
    pyhepmc.Setup.debug_level = 0
    try:
        yield
    finally:
        pyhepmc.Setup.print_errors, pyhepmc.Setup.print_warnings, pyhepmc.Setup.debug_level = before


def parse(block: Block, where: str) -> tuple[Any, Any]:
    """Event of pyhepmc and its arrays.

    Two kinds of legal files do not please HepMC3: a vertex that nothing enters (particle gun) is given a
    beam, and weights that do not match the names in the header are read without names.
    """
    wanted = block.particles
    text, added = _with_beams3(block.text) if block.version == 3 and b"[]" in block.text else (block.text, 0)
    event, data = _read(block.version, block.header, text)
    if not len(data.particles) and block.version == 3:
        event, data = _read(3, _BARE_HEADER, text)
    if not len(data.particles) and block.version == 2:
        text, added = _with_beams2(block.text)
        event, data = _read(2, block.header, text)
    found = len(data.particles) - added
    if found != wanted:
        raise InputFileError(
            f"{where}: its links between particles and vertices are broken: "
            f"{wanted} particles were expected, {max(found, 0)} could be read"
        )
    return event, data


def _read(version: int, header: bytes, text: bytes) -> tuple[Any, Any]:
    import pyhepmc

    readers = {2: pyhepmc.io.ReaderAsciiHepMC2, 3: pyhepmc.io.ReaderAscii}
    stream = pyhepmc.io.pyiostream(io.BytesIO(header + text + _FOOTER[version]))
    event, data = pyhepmc.GenEvent(), pyhepmc.GenEventData()
    with readers[version](stream) as reader:
        try:
            if reader.read_event(event):
                event.write_data(data)
        except (RuntimeError, ValueError, IndexError):
            return event, pyhepmc.GenEventData()
    return event, data


def _with_beams2(text: bytes) -> tuple[bytes, int]:
    """Give every HepMC 2 vertex without an incoming particle a marked one."""
    ends = set(re.findall(rb"^P(?: +\S+){10} +(-?\d+)", text, re.MULTILINE))
    lines, added = [], 0
    for line in text.splitlines(keepends=True):
        fields = line.split()
        if line.startswith(b"V ") and len(fields) >= 9 and fields[1] not in ends and int(fields[7]) == 0:
            added += 1
            fields[7] = b"1"
            beam = b"P %d 2212 0 0 0 0 0 %d 0 0 %s 0\n" % (10_000_000 + added, INSERTED, fields[1])
            line = b" ".join(fields) + b"\n" + beam
        lines.append(line)
    return b"".join(lines), added


def _with_beams3(text: bytes) -> tuple[bytes, int]:
    """Give every HepMC 3 vertex without an incoming particle a marked one, at the end of the event."""
    head, *lines = text.splitlines(keepends=True)
    fields = head.split()
    n = int(fields[3])
    beams: list[bytes] = []
    for k, line in enumerate(lines):
        if line.startswith(b"V ") and b"[]" in line:
            beams.append(b"P %d 0 2212 0 0 0 0 0 %d\n" % (n + len(beams) + 1, INSERTED))
            lines[k] = line.replace(b"[]", b"[%d]" % (n + len(beams)))
    fields[3] = b"%d" % (n + len(beams))
    return b"".join([b" ".join(fields) + b"\n", *lines, *beams]), len(beams)


def check_numbers(block: Block, where: str) -> None:
    """Refuse particles and vertices that hold anything but finite numbers."""
    first = min((i for i in (block.text.find(b"\nP "), block.text.find(b"\nV ")) if i >= 0), default=-1)
    if first < 0:
        raise InputFileError(f"{where} holds no particles and no vertices")
    if not block.text[first:].translate(None, _NUMBERS):
        return
    for line in block.text[first:].splitlines():
        kind, fields = line[:1], line.split()
        if kind not in _FIELDS[block.version]:
            continue
        if re.search(rb"nan|inf", line, re.IGNORECASE):
            what = {b"P": "particle", b"V": "vertex"}[kind]
            raise InputFileError(
                f"{where}, {what} {_text(fields[1])}: its numbers must be finite, but got '{_text(line)}'"
            )
        if line.translate(None, _NUMBERS) or len(fields) < _FIELDS[block.version][kind]:
            raise InputFileError(f"{where}: the line '{_text(line)}' cannot be understood")


def _text(data: bytes) -> str:
    return data[:160].decode(errors="replace")
