"""Makes traced C short: what is used once stands where it is used."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

__all__ = ["tidy"]

WIDTH: Final = 96
"""Longest line that an expression is moved into."""

_TEMPORARY = re.compile(r"const (?:double|float|bool) (t\d+) = (.*);")
_NAME = re.compile(r"\bt\d+\b")
_ATOM = re.compile(r"[\w.\->\[\]]+|\w+\([^()]*\)")


def tidy(lines: Sequence[str]) -> list[str]:
    """Return lines of C in which temporaries that are used once are written where they are used.

    Only results of arithmetic move (names t1, t2, …), not what is read from memory. Values are those of
    before: C evaluates double and float as such (FLT_EVAL_METHOD 0) and contracts nothing.
    """
    uses = Counter(name for line in lines for name in _NAME.findall(line.partition("=")[2] or line))
    uses.update(name for line in lines if not _TEMPORARY.fullmatch(line) for name in _left(line))
    waiting: dict[str, tuple[str, str]] = {}
    result: list[str] = []
    for line in lines:
        text = line
        for name in dict.fromkeys(_NAME.findall(line)):
            if name not in waiting:
                continue
            own, expression = waiting.pop(name)
            inlined = _inlined(text, name, expression)
            if len(inlined) <= WIDTH:
                text = inlined
            else:
                result.append(own)
        match = _TEMPORARY.fullmatch(text)
        if match and uses[match[1]] == 1:
            waiting[match[1]] = text, match[2]
        else:
            result.append(text)
    return result


def _left(line: str) -> list[str]:
    """Names before the first sign of equality, which the count of uses has left out."""
    left, equal, _ = line.partition("=")
    return _NAME.findall(left) if equal else []


def _inlined(text: str, name: str, expression: str) -> str:
    """Text with an expression for a name that stands in it once; in parentheses where it needs them."""
    found = re.search(rf"\b{name}\b", text)
    assert found is not None
    before, after = text[: found.start()], text[found.end() :]
    alone = before.endswith(("(", ", ", " = ")) and after.startswith((")", ",", ";"))
    return f"{before}{expression if alone or _ATOM.fullmatch(expression) else f'({expression})'}{after}"
