"""HepMC ASCII text cut into events, so that a bad one does not take its neighbours with it.

Nothing is interpreted here but the lines that begin an event (``E``) or a listing (``HepMC::``), and the
counts that tell whether an event is complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lamarr.generation.hepmc_files import DAMAGED, ByteStream

__all__ = ["Block", "split_events"]

_CHUNK = 1 << 20
_START = re.compile(rb"HepMC::(\S+?)-START_EVENT_LISTING")
_VERSIONS = {b"IO_GenEvent": 2, b"Asciiv3": 3}


@dataclass(frozen=True, kw_only=True)
class Block:
    """The text of one HepMC event, with the header it needs, or what is wrong with it.

    ``number`` is the HepMC event number, None if it could not be read; ``particles`` counts its lines of
    particles. A block without text reports something that concerns the rest of the file.
    """

    version: int = 0
    header: bytes = b""
    text: bytes = b""
    number: int | None = None
    particles: int = 0
    error: str | None = None


def split_events(stream: ByteStream) -> Iterator[Block]:
    """Give the events of a file in order; what is damaged gives a block with an error."""
    text = _Text(stream)
    if not text.skip_blank():
        yield Block(error=text.error or "the file is empty, but a HepMC listing was expected")
        return
    while text.skip_blank():
        header = text.header()
        version, problem = _version(header)
        if problem:
            yield Block(error=text.error or problem)
            return
        last: Block | None = None
        while text.at(b"E "):
            if last is not None:
                yield last
            last = _block(version, header, text.until_event())
        ended = text.at(b"HepMC::") and b"END_EVENT_LISTING" in text.line()
        if not ended:
            why = text.error or "the file ends without its END_EVENT_LISTING line: it is truncated"
            yield from _without_end(last, why, version, header)
            if text.error:
                return
        elif last is not None:
            yield last
    if text.error:
        yield Block(error=text.error)


def _without_end(last: Block | None, why: str, version: int, header: bytes) -> Iterator[Block]:
    """Last event of a listing that lacks its end: given if all of it is there, then the problem is told."""
    if last is None:
        yield Block(error=why)
        return
    whole = _block(version, header, last.text[: last.text.rfind(b"\n") + 1])
    if whole.error is None:
        yield whole
        yield Block(error=f"{why}; events may be missing after this one")
    else:
        yield Block(
            text=last.text, number=last.number, error=f"{why}; HepMC event {last.number} is incomplete"
        )


def _version(header: bytes) -> tuple[int, str | None]:
    found = _START.search(header)
    if not found:
        return (
            0,
            f"a HepMC 2 or 3 listing ('HepMC::...') is expected, but the file begins with {header[:40]!r}",
        )
    if found[1] not in _VERSIONS:
        return 0, (
            "a listing IO_GenEvent (HepMC 2) or Asciiv3 (HepMC 3) is expected, "
            f"but the file says '{found[1].decode(errors='replace')}'"
        )
    return _VERSIONS[found[1]], None


def _block(version: int, header: bytes, text: bytes) -> Block:
    fields = text[: text.find(b"\n")].split() if b"\n" in text else text.split()
    try:
        number = int(fields[1])
        expected = int(fields[8]) if version == 2 else int(fields[3])
    except (IndexError, ValueError):
        line = b" ".join(fields)[:80].decode(errors="replace")
        return Block(text=text, error=f"the first line of an event cannot be understood: '{line}'")
    particles, error = _miscounted(version, text, expected)
    return Block(
        version=version,
        header=header,
        text=text,
        number=number,
        particles=particles,
        error=error and f"HepMC event {number} is incomplete: {error}",
    )


def _miscounted(version: int, text: bytes, expected: int) -> tuple[int, str | None]:
    """Particles of an event; and what is wrong, if its lines are not as many as it declares."""
    starts, kinds = _lines(text)
    particles = int(np.count_nonzero(kinds == ord("P")))
    declared = expected
    if version == 2:
        vertices = [_of_vertex(text, s) for s in starts[kinds == ord("V")].tolist()]
        found = len(vertices) - vertices.count(None)
        if found != expected:
            return particles, f"{expected} vertices are declared, {found} found"
        declared = sum(filter(None, vertices))
    wrong = f"{declared} particles are declared, {particles} found"
    return particles, None if particles == declared else wrong


def _of_vertex(text: bytes, start: int) -> int | None:
    """Particles that a vertex of HepMC 2 declares (orphans and outgoing), None if it is malformed."""
    fields = text[start : text.find(b"\n", start)].split(None, 9)
    if len(fields) < 10 or not (fields[7].isdigit() and fields[8].isdigit()):
        return None
    return int(fields[7]) + int(fields[8])


def _lines(text: bytes) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """Where lines of one letter and a blank begin, but for the first line; and the letter."""
    data = np.frombuffer(text, np.uint8)
    starts = np.flatnonzero(data[:-2] == ord("\n")) + 1
    starts = starts[data[starts + 1] == ord(" ")]
    return starts, data[starts]


class _Text:
    """A window on the text that moves forward."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._data = b""
        self._start = 0
        self.error: str | None = None

    def at(self, mark: bytes) -> bool:
        """Whether the text goes on with `mark`."""
        while len(self._data) - self._start < len(mark) and self._more():
            pass
        return self._data.startswith(mark, self._start)

    def skip_blank(self) -> bool:
        """Skip white space; False at the end."""
        while True:
            rest = self._data[self._start : self._start + 4096]
            blank = len(rest) - len(rest.lstrip())
            self._start += blank
            if blank < len(rest):
                return True
            if not rest and not self._more():
                return False

    def line(self) -> bytes:
        """Take one line, its end included; at most a megabyte, for files that are no text."""
        while (end := self._data.find(b"\n", self._start)) < 0:
            if len(self._data) - self._start > _CHUNK or not self._more():
                break
        return self._take(len(self._data) if end < 0 else end + 1)

    def header(self) -> bytes:
        """Take the lines up to the first event or to the end of the listing."""
        lines: list[bytes] = []
        while not self.at(b"E ") and not (self.at(b"HepMC::") and self._at_end_of_listing()):
            lines.append(self.line())
            if not lines[-1] or (len(lines) > 2 and not lines[0].startswith(b"HepMC::")):
                break
        return b"".join(lines)

    def until_event(self) -> bytes:
        """Take the text of an event: up to the next line that begins an event or ends the listing."""
        scanned = 1
        while True:
            begin = self._start + scanned
            event = self._data.find(b"\nE ", begin)
            listing = self._data.find(b"\nHepMC::", begin, event if event >= 0 else len(self._data))
            ends = [e for e in (event, listing) if e >= 0]
            if ends:
                return self._take(min(ends) + 1)
            scanned = max(1, len(self._data) - self._start - 16)
            if not self._more():
                return self._take(len(self._data))

    def _at_end_of_listing(self) -> bool:
        self.at(b" " * 80)
        end = self._data.find(b"\n", self._start)
        return b"END_EVENT_LISTING" in self._data[self._start : end if end >= 0 else self._start + 80]

    def _take(self, end: int) -> bytes:
        data = self._data[self._start : end]
        self._start = end
        return data

    def _more(self) -> bool:
        if self.error:
            return False
        try:
            chunk = self._stream.read(_CHUNK)
        except DAMAGED as error:
            self.error = f"the compressed data are damaged or truncated ({error})"
            chunk = b""
        if chunk:
            self._data, self._start = self._data[self._start :] + chunk, 0
        return bool(chunk)
