"""From what a user names (files, a decay, Pythia, a gun) to a source of events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lamarr.errors import ConfigurationError, raise_unknown
from lamarr.events import describe, generation_digest
from lamarr.flash.files import EventFiles, is_event_file

if TYPE_CHECKING:
    from lamarr.generation.source import EventSource

__all__ = [
    "PYTHIA_SHORTCUTS",
    "NamedSource",
    "open_decay",
    "open_embedded",
    "open_files",
    "open_gun",
    "open_named",
    "open_pythia",
]

PYTHIA_SHORTCUTS = ("minbias", "bbbar", "ccbar")
_COMMANDS = (".cmnd", ".cmd")


@dataclass(frozen=True, kw_only=True)
class NamedSource:
    """A source, and what identifies it: a checkpoint of a run is bound to the identity."""

    source: EventSource
    identity: Mapping[str, Any]
    batch_size: int
    """Events per batch that suit it: LHCb events are a thousand times as large as a gun's."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What files of these events say about them: ``decay``, ``generation`` (a digest), ``redecay`` (how many
    events share what is not from the signal), ``in_acceptance`` (whether a signal's daughters are)."""

    @property
    def block(self) -> int:
        """How many events share what is not from the signal."""
        return int(self.facts.get("redecay", 1))


def open_files(paths: Sequence[str | Path]) -> NamedSource:
    """Open HepMC files, or files that Lamarr wrote; not a mixture.

    Raises
    ------
    ConfigurationError
        If none or both kinds are given.
    """
    files = [Path(p) for p in paths]
    ours = [is_event_file(p) for p in files]
    if any(ours) and not all(ours):
        raise ConfigurationError(
            f"files of one kind must be given, but '{files[ours.index(True)]}' holds events of Lamarr "
            f"and '{files[ours.index(False)]}' does not"
        )
    if any(ours):
        source: EventSource = EventFiles(files)
        facts = _common([describe(f).metadata for f in files])
    else:
        from lamarr.generation import HepMCFiles

        source, facts = HepMCFiles(files), {}
    identity = {"files": [_identity(p) for p in files]}
    return NamedSource(source=source, identity=identity, batch_size=200, facts=facts)


def open_decay(descriptor: str, n: int, seed: int, *, in_acceptance: bool = False) -> NamedSource:
    """Open a gun of decays."""
    from lamarr.generation import DecayGun
    from lamarr.generation.descriptor import parse_decay

    source = DecayGun(descriptor, n, seed=seed, in_acceptance=in_acceptance)
    options = {"in_acceptance": True} if in_acceptance else {}
    identity = {"decay": descriptor, "n": n, "generation_seed": seed, **options}
    decay = str(parse_decay(descriptor))
    facts = _facts(decay, {**identity, "decay": decay}, options)
    return NamedSource(source=source, identity=identity, batch_size=2000, facts=facts)


def open_pythia(
    what: str,
    n: int,
    seed: int,
    *,
    signal: str | None = None,
    nu: float | None = None,
    redecay: int = 1,
    in_acceptance: bool = False,
) -> NamedSource:
    """Open Pythia 8 with a shortcut (minbias, bbbar, ccbar) or a file of commands.

    `redecay` events in a row are one of Pythia's with different decays of the signal.

    Raises
    ------
    ConfigurationError
        If `what` is neither (near misses are named), or a signal's decay is to be drawn and there is none.
    """
    from lamarr.generation import Pythia
    from lamarr.generation.descriptor import parse_decay

    if redecay > 1 and not signal:
        raise ConfigurationError(f"{redecay} decays of a signal are asked for, but there is no signal")
    options = _redecay_options(redecay, in_acceptance)
    identity: dict[str, Any] = {"pythia": what, "n": n, "generation_seed": seed, "signal": signal, "nu": nu}
    settings: dict[str, Any] = {"seed": seed, "signal": signal, "nu": nu, "in_acceptance": in_acceptance}
    inner = -(-n // redecay)
    if what in PYTHIA_SHORTCUTS:
        source: EventSource = Pythia(what, inner, **settings)
    else:
        if not Path(what).exists():
            raise_unknown("shortcut or command file of Pythia", what, PYTHIA_SHORTCUTS, ConfigurationError)
        source = Pythia(None, inner, command_file=what, **settings)
        identity |= _identity(Path(what))
    identity |= options
    if redecay > 1:
        source = _redecayed(source, str(signal), redecay, n, seed, in_acceptance)
    decay = str(parse_decay(signal)) if signal else Path(what).name
    facts = _facts(decay, {**identity, "signal": decay}, options)
    return NamedSource(source=source, identity=identity, batch_size=200, facts=facts)


def _redecayed(
    source: EventSource, signal: str, times: int, n: int, seed: int, in_acceptance: bool
) -> EventSource:
    from lamarr.generation import Redecayed, Repeated
    from lamarr.generation.descriptor import parse_decay

    inner = Repeated(source, times, n)
    return Redecayed(inner, parse_decay(signal), seed=seed, in_acceptance=in_acceptance)


def _redecay_options(redecay: int, in_acceptance: bool) -> dict[str, Any]:
    """Return what differs from the defaults: it identifies a source, and files of its events state it."""
    if redecay < 1:
        raise ConfigurationError(f"redecay >= 1 must hold, but got (redecay={redecay})")
    options: dict[str, Any] = {"redecay": redecay} if redecay > 1 else {}
    return options | ({"in_acceptance": True} if in_acceptance else {})


def open_embedded(
    descriptor: str,
    background: str,
    n: int,
    seed: int,
    *,
    nu: float | None = None,
    redecay: int = 1,
    in_acceptance: bool = False,
) -> NamedSource:
    """Open a gun of decays, each put into an event of Pythia (a shortcut) or of a file.

    `redecay` events in a row are one of the background with different heads.

    Raises
    ------
    ConfigurationError
        If the background is neither; near misses are named.
    """
    from lamarr.generation import Embedding, Repeated

    options = _redecay_options(redecay, in_acceptance)
    decays = open_decay(descriptor, n, seed, in_acceptance=in_acceptance)
    if background in PYTHIA_SHORTCUTS or Path(background).suffix in _COMMANDS:
        other = open_pythia(background, -(-n // redecay), seed, nu=nu)
    elif Path(background).exists() and nu is None:
        other = open_files([background])
    else:
        what = (
            "with --nu: shortcut or command file of Pythia"
            if Path(background).exists()
            else "shortcut or file"
        )
        raise_unknown(f"{what} to embed a decay in", background, PYTHIA_SHORTCUTS, ConfigurationError)
    identity = {**decays.identity, **options, "embedded_in": dict(other.identity)}
    events = Repeated(other.source, redecay, n) if redecay > 1 else other.source
    source = Embedding(decays.source, events)
    return NamedSource(source=source, identity=identity, batch_size=other.batch_size, facts=options)


def open_gun(specification: str, n: int, seed: int) -> NamedSource:
    """Open a gun of single particles; see :func:`lamarr.flash.gun_specification.parse_gun`."""
    from lamarr.flash.gun_specification import parse_gun
    from lamarr.generation import ParticleGun

    particles, momentum = parse_gun(specification)
    source = ParticleGun(particles, n, momentum=momentum, seed=seed)
    identity = {"gun": specification, "n": n, "generation_seed": seed}
    facts = _facts(f"gun of {specification}", identity)
    return NamedSource(source=source, identity=identity, batch_size=10_000, facts=facts)


def open_named(name: str, n: int | None, seed: int) -> NamedSource:
    """Open what `name` stands for: a decay descriptor, a Pythia shortcut, a file, or a particle.

    Raises
    ------
    ConfigurationError
        If `name` generates events, but `n` does not say how many.
    """
    generates = "->" in name or "=" in name or name in PYTHIA_SHORTCUTS
    if not generates and (Path(name).exists() or Path(name).suffix):
        return open_files([name])
    if n is None:
        raise ConfigurationError(f"the number of events n must be given to generate '{name}', but got None")
    if "->" in name:
        return open_decay(name, n, seed)
    if name in PYTHIA_SHORTCUTS:
        return open_pythia(name, n, seed)
    return open_gun(name, n, seed)


def _facts(
    decay: str, identity: Mapping[str, Any], options: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    return {"decay": decay, "generation": generation_digest(identity), **options}


def _common(metadata: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the facts about generation that all files state alike."""
    first, *others = metadata
    names = [k for k in ("decay", "generation", "redecay", "in_acceptance") if k in first]
    return {k: first[k] for k in names if all(m.get(k) == first[k] for m in others)}


def _identity(path: Path) -> dict[str, Any]:
    try:
        status = path.stat()
    except OSError:
        return {"path": str(path.absolute())}
    return {"path": str(path.absolute()), "size": status.st_size, "modified": status.st_mtime_ns}
