"""Decay descriptors in LHCb's notation: text to a tree of species.

    [Lambda_b0 -> (Lambda_c+ -> p+ K- pi+) mu- anti-nu_mu]cc

``->``, ``=>``, ``-->`` and ``==>`` mean the same here; ``^`` marks (LoKi) are ignored; ``[...]cc`` stands
for the decay and its charge conjugate. What the tree leaves undecayed is stable for this decay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lamarr.errors import DecayError
from lamarr.generation.species import NARROW, Species, conjugate, particle_id, species, species_name

__all__ = ["Decay", "Node", "parse_decay"]

_ARROW = re.compile(r"[-=]{1,2}>$")
_NEAR_ZERO = 1e-9


@dataclass(frozen=True, kw_only=True)
class Node:
    """A particle of a decay: its species and, if it decays, its daughters."""

    pid: int
    daughters: tuple[Node, ...] = ()

    @property
    def species(self) -> Species:
        """Mass, width, lifetime and charge."""
        return species(self.pid)

    @property
    def mass_range(self) -> tuple[float, float]:
        """Smallest and largest mass (MeV) that it can have, given what it decays to."""
        low, high = self.species.mass_range
        if self.daughters and self.species.width >= NARROW:
            low = max(low, sum(d.mass_range[0] for d in self.daughters))
        return low, high

    @property
    def conjugate(self) -> Node:
        """The charge-conjugate decay."""
        return Node(pid=conjugate(self.pid), daughters=tuple(d.conjugate for d in self.daughters))

    def walk(self) -> Iterator[Node]:
        """All particles of the decay, this one first, level by level."""
        level = [self]
        while level:
            yield from level
            level = [d for node in level for d in node.daughters]

    def __str__(self) -> str:
        name = species_name(self.pid)
        if not self.daughters:
            return name
        inside = " ".join(f"({d})" if d.daughters else str(d) for d in self.daughters)
        return f"{name} -> {inside}"


@dataclass(frozen=True, kw_only=True)
class Decay:
    """A decay, and whether its charge conjugate is meant as well (``[...]cc``)."""

    head: Node
    both: bool = False

    def __str__(self) -> str:
        return f"[{self.head}]cc" if self.both else str(self.head)


def parse_decay(text: str) -> Decay:
    """Return the decay that `text` describes, after a check of its charges and energies.

    Raises
    ------
    DecayError
        If the text is malformed, or charge or energy is not conserved; with the numbers.
    UnknownNameError
        If a particle is misspelt; with the near misses.

    Examples
    --------
    >>> decay = parse_decay("[B_s0 => (J/psi -> mu+ mu-) (phi -> K+ K-)]cc")
    >>> str(decay)
    '[B_s0 -> (J/psi(1S) -> mu+ mu-) (phi(1020) -> K+ K-)]cc'
    >>> [d.pid for d in decay.head.conjugate.daughters]
    [443, 333]
    >>> parse_decay("D0 -> K- pi-")
    Traceback (most recent call last):
    ...
    lamarr.errors.DecayError: charge must be conserved, but D0 (charge 0) -> K- pi- has charge -2
    """
    body, both = _without_brackets(text)
    tokens = _tokens(body)
    head, rest = _decay(tokens, text)
    if rest:
        raise DecayError(f"'{rest[0]}' is not expected after the end of the decay in '{text}'")
    for node in head.walk():
        if node.daughters:
            _check_charge(node)
            _check_energy(node)
    return Decay(head=head, both=both)


def _without_brackets(text: str) -> tuple[str, bool]:
    body = text.strip()
    found = re.fullmatch(r"\[(.*)\]\s*(cc|CC)", body, flags=re.DOTALL)
    if found:
        body = found[1]
    if "[" in body or "]" in body:
        raise DecayError(f"brackets must enclose the whole decay, as in '[B0 -> K+ pi-]cc', but got '{text}'")
    return body, found is not None


def _tokens(body: str) -> list[str]:
    """Split into names, arrows and the parentheses of sub-decays; parentheses of names stay in them."""
    spaced = re.sub(r"(?<=[^\s=-])([-=]?[-=]>)(?=\S|\s)", r" \1 ", body.replace("^", " "))
    tokens: list[str] = []
    word, inside = "", 0
    for character in spaced + " ":
        # A parenthesis that follows a letter belongs to the name: K*(892)0.
        if character == "(" and word:
            inside += 1
        elif character == ")" and inside:
            inside -= 1
        elif character in "()" or character.isspace():
            tokens += [word] * bool(word) + [character] * (not character.isspace())
            word, inside = "", 0
            continue
        word += character
    return tokens


def _decay(tokens: list[str], text: str) -> tuple[Node, list[str]]:
    if not tokens or tokens[0] in "()" or _ARROW.match(tokens[0]):
        found = f"'{tokens[0]}'" if tokens else "the end"
        raise DecayError(f"the name of a particle is expected, but {found} was found in '{text}'")
    pid, rest = particle_id(tokens[0]), tokens[1:]
    if not rest or not _ARROW.match(rest[0]):
        raise DecayError(f"an arrow '->' must follow '{tokens[0]}', the head of a decay, in '{text}'")
    daughters, rest = _daughters(rest[1:], text)
    if len(daughters) < 2:
        raise DecayError(
            f"{tokens[0]} must decay to two or more particles, but got {len(daughters)} in '{text}'"
        )
    return Node(pid=pid, daughters=tuple(daughters)), rest


def _daughters(tokens: list[str], text: str) -> tuple[list[Node], list[str]]:
    found: list[Node] = []
    while tokens and tokens[0] != ")":
        if tokens[0] == "(":
            node, tokens = _decay(tokens[1:], text)
            if not tokens:
                raise DecayError(f"a closing ')' is missing after '{node}' in '{text}'")
            tokens = tokens[1:]
        elif _ARROW.match(tokens[0]):
            raise DecayError(f"a decay inside a decay needs parentheses: see '{tokens[0]}' in '{text}'")
        else:
            node, tokens = Node(pid=particle_id(tokens[0])), tokens[1:]
        found.append(node)
    return found, tokens


def _check_charge(node: Node) -> None:
    mother, daughters = node.species.charge, sum(d.species.charge for d in node.daughters)
    if mother != daughters:
        names = " ".join(species_name(d.pid) for d in node.daughters)
        raise DecayError(
            f"charge must be conserved, but {species_name(node.pid)} (charge {mother:+d}) -> {names} "
            f"has charge {daughters:+d}".replace("+0", "0")
        )


def _check_energy(node: Node) -> None:
    available, needed = node.mass_range[1], sum(d.mass_range[0] for d in node.daughters)
    if needed >= available - _NEAR_ZERO:
        names = " ".join(species_name(d.pid) for d in node.daughters)
        raise DecayError(
            f"energy must be conserved, but {species_name(node.pid)} ({_mass(node, 1)}) -> {names} needs "
            f"{' + '.join(_mass(d, 0) for d in node.daughters)} = {needed:.2f} MeV"
        )


def _mass(node: Node, edge: int) -> str:
    word = "" if node.species.width < NARROW else ("at least ", "at most ")[edge]
    return f"{word}{node.mass_range[edge]:.2f} MeV"
